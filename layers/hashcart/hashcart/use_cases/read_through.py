"""Reading through a leased cache: one reader fetches what is missing, the others wait for it a moment."""

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol

from hashcart.observability import report_failure

WAIT_SECONDS = 0.2
WAITS = 15

type Fetched = Mapping[str, tuple[Mapping[str, Any], int]]
"""Values by key, each with the milliseconds for which it stays fresh."""


class Cache(Protocol):
    """A cache in which one lease at a time is given for each key."""

    def read(self, keys: Collection[str], *, max_age_ms: int | None = None) -> dict[str, Mapping[str, Any]]:
        """The fresh values among `keys`, of at most this age."""

    def take_lease(self, key: str, *, max_age_ms: int | None = None) -> bool:
        """Whether this reader is the one to fetch."""

    def release(self, key: str) -> None:
        """Give a lease back unused."""

    def store(self, key: str, value: Mapping[str, Any], *, fresh_ms: int) -> None:
        """Keep a value and end the lease."""


def read_through(
    cache: Cache,
    keys: Collection[str],
    fetch: Callable[[Collection[str]], Fetched],
    *,
    transient: tuple[type[Exception], ...],
    sleep: Callable[[float], None] = time.sleep,
    max_age_ms: int | None = None,
) -> dict[str, Mapping[str, Any]]:
    """The values of `keys`, less those whose fetch failed with a `transient` error, here or at another reader.

    Fresh values are not fetched again, unless they are older than `max_age_ms`.
    """
    found = cache.read(keys, max_age_ms=max_age_ms)
    wanted = [key for key in dict.fromkeys(keys) if key not in found]
    leased = [key for key in wanted if cache.take_lease(key, max_age_ms=max_age_ms)]
    found |= _fetch_leased(cache, leased, fetch, transient)
    held = [key for key in wanted if key not in leased]
    for _ in range(WAITS):
        if not held:
            break
        sleep(WAIT_SECONDS)
        found |= cache.read(held, max_age_ms=max_age_ms)
        held = [key for key in held if key not in found]
    return found


def _fetch_leased(
    cache: Cache,
    leased: Collection[str],
    fetch: Callable[[Collection[str]], Fetched],
    transient: tuple[type[Exception], ...],
) -> dict[str, Mapping[str, Any]]:
    fetched: Fetched = {}
    try:
        if leased:
            fetched = fetch(leased)
    except transient as error:
        report_failure(None, "fetch_failed", error)
    finally:
        _release(cache, [key for key in leased if key not in fetched])
    _store(cache, fetched)
    return {key: value for key, (value, _) in fetched.items()}


def _store(cache: Cache, fetched: Fetched) -> None:
    """Keep what was fetched for others. Trouble of the cache costs them a fetch of their own, and this reader nothing.

    What is refused for one key is not tried for the others, as each attempt may last until the client gives up.
    """
    left = list(fetched)
    try:
        for key, (value, fresh_ms) in fetched.items():
            cache.store(key, value, fresh_ms=fresh_ms)
            left.remove(key)
    except Exception as error:  # noqa: BLE001 - any trouble of the cache
        report_failure(None, "not_cached", error)
        _release(cache, left)


def _release(cache: Cache, keys: Collection[str]) -> None:
    """Give leases back as far as the cache lets; one that it does not give back ends by itself, a little later."""
    try:
        for key in keys:
            cache.release(key)
    except Exception as error:  # noqa: BLE001 - any trouble of the cache
        report_failure(None, "lease_not_released", error)
