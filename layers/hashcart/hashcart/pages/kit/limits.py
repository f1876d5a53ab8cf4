"""How often one session and one network address may do something; `docs/limits.md` lists the numbers."""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Protocol

from hashcart.pages.kit.errors import PageError

KEPT_SECONDS = 60
IPV6_NETWORK_BITS = 64
HASH_LENGTH = 32


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many in each window of so many seconds."""

    name: str
    per_session: int
    per_address: int
    window_seconds: int


CLICKS = Limit("clicks", per_session=60, per_address=300, window_seconds=60)
SIGN_INS = Limit("sign-ins", per_session=10, per_address=60, window_seconds=600)
LOOKUPS = Limit("lookups", per_session=20, per_address=60, window_seconds=600)


class Counters(Protocol):
    """Where the counting is done."""

    def count(self, counter: str, *, limit: int, expires_at: int) -> bool:
        """Count one more, `limit` at most. False if it would be more."""


class Limiter:
    """Counts. Addresses are counted under a keyed hash and are kept nowhere."""

    def __init__(self, counters: Counters, address_key: Callable[[], str], clock_ms: Callable[[], int]) -> None:
        self._counters = counters
        self._address_key = address_key
        self._clock_ms = clock_ms

    def check(self, limit: Limit, session_key: str | None, address: str) -> None:
        """Count one. Raises PageError, with the seconds to wait, when it is one too many."""
        seconds = self._clock_ms() // 1000
        window, elapsed = divmod(seconds, limit.window_seconds)
        wait = limit.window_seconds - elapsed
        counted = [(f"address#{self._hashed(address)}", limit.per_address)]
        if session_key is not None:
            counted.append((f"session#{session_key}", limit.per_session))
        for who, maximum in counted:
            counter = f"{limit.name}#{who}#{window}"
            if not self._counters.count(counter, limit=maximum, expires_at=seconds + wait + KEPT_SECONDS):
                raise PageError(
                    HTTPStatus.TOO_MANY_REQUESTS,
                    "common.too_many",
                    reason=f"{limit.name} by {who.partition('#')[0]}",
                    headers={"retry-after": str(wait)},
                )

    def _hashed(self, address: str) -> str:
        digest = hmac.new(self._address_key().encode(), _network(address).encode(), hashlib.sha256)
        return digest.hexdigest()[:HASH_LENGTH]


def _network(address: str) -> str:
    """The address; of IPv6 its /64, which one household has all of."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed, IPV6_NETWORK_BITS), strict=False))
    return str(parsed)
