"""Tables PostProducts and Products: caches in which one reader fetches and the others wait for it.

An entry is fresh until a moment; past it, one conditional lease lets a single reader fetch anew, so a viral post costs
one call however many people reply to it.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hashcart.storage.table import ConditionFailedError, Table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LEASE_MS = 15_000
KEPT_AFTER_USE_SECONDS = 60
MAX_REMEMBERED = 2_000


@dataclass(frozen=True, slots=True)
class Entry:
    """A cached value, stored at one moment and fresh until another."""

    value: Mapping[str, Any]
    stored_at_ms: int
    fresh_until_ms: int

    def serves(self, now_ms: int, max_age_ms: int | None) -> bool:
        """Whether it is fresh, and no older than a reader wants it."""
        return self.fresh_until_ms > now_ms and (max_age_ms is None or self.stored_at_ms > now_ms - max_age_ms)


class LeasedCache:
    """One cache table; `key_name` is its hash key. Fresh entries are also remembered in the process."""

    def __init__(
        self, client: "DynamoDBClient", table_name: str, key_name: str, *, clock_ms: Callable[[], int]
    ) -> None:
        self._table = Table(client, table_name)
        self._key_name = key_name
        self._clock_ms = clock_ms
        self._remembered: dict[str, Entry] = {}

    def read(self, keys: Collection[str], *, max_age_ms: int | None = None) -> dict[str, Mapping[str, Any]]:
        """The fresh values among `keys`, no older. Raises ThrottledError when DynamoDB leaves some unread."""
        now_ms = self._clock_ms()
        remembered = {key: entry for key in keys if (entry := self._remembered.get(key))}
        found = {key: entry for key, entry in remembered.items() if entry.serves(now_ms, max_age_ms)}
        missing = [{self._key_name: key} for key in dict.fromkeys(keys) if key not in found]
        for item in self._table.get_batch(missing):
            entry = _entry(item)
            if entry is not None and entry.serves(now_ms, max_age_ms):
                key = item[self._key_name]
                found[key] = entry
                self._remember(key, entry)
        return {key: entry.value for key, entry in found.items()}

    def take_lease(self, key: str, *, max_age_ms: int | None = None) -> bool:
        """Whether this reader is the one to fetch `key` now; the lease ends by itself after 15 seconds.

        A fresh value needs no fetching, unless it is older than `max_age_ms`.
        """
        now_ms = self._clock_ms()
        oldest_ms = 0 if max_age_ms is None else now_ms - max_age_ms
        try:
            self._table.update(
                {self._key_name: key},
                "SET lease_until_ms = :until, expires_at = :expires_at",
                condition=(
                    "(attribute_not_exists(lease_until_ms) OR lease_until_ms < :now)"
                    " AND (attribute_not_exists(fresh_until_ms) OR fresh_until_ms <= :now OR stored_at_ms <= :oldest)"
                ),
                values={
                    ":until": now_ms + LEASE_MS,
                    ":now": now_ms,
                    ":oldest": oldest_ms,
                    ":expires_at": (now_ms + LEASE_MS) // 1000 + KEPT_AFTER_USE_SECONDS,
                },
            )
        except ConditionFailedError:
            return False
        return True

    def release(self, key: str) -> None:
        """Give the lease back after a failed fetch, so that the next reader need not wait; errors are never cached."""
        self._table.update({self._key_name: key}, "REMOVE lease_until_ms")

    def store(self, key: str, value: Mapping[str, Any], *, fresh_ms: int) -> None:
        """Keep a fetched value for `fresh_ms`, and end the lease."""
        now_ms = self._clock_ms()
        entry = Entry(value, now_ms, now_ms + fresh_ms)
        self._remember(key, entry)
        self._table.put(
            {
                self._key_name: key,
                "cached": value,
                "stored_at_ms": entry.stored_at_ms,
                "fresh_until_ms": entry.fresh_until_ms,
                "expires_at": entry.fresh_until_ms // 1000 + KEPT_AFTER_USE_SECONDS,
            }
        )

    def _remember(self, key: str, entry: Entry) -> None:
        if len(self._remembered) >= MAX_REMEMBERED:
            self._remembered.clear()
        self._remembered[key] = entry


def _entry(item: Mapping[str, Any]) -> Entry | None:
    """What an item holds; None while its first value is still being fetched."""
    return Entry(item["cached"], item.get("stored_at_ms", 0), item["fresh_until_ms"]) if "cached" in item else None
