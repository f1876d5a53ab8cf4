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
    """A cached value, fresh until `fresh_until_ms`."""

    value: Mapping[str, Any]
    fresh_until_ms: int


class LeasedCache:
    """One cache table; `key_name` is its hash key. Fresh entries are also remembered in the process."""

    def __init__(
        self, client: "DynamoDBClient", table_name: str, key_name: str, *, clock_ms: Callable[[], int]
    ) -> None:
        self._table = Table(client, table_name)
        self._key_name = key_name
        self._clock_ms = clock_ms
        self._remembered: dict[str, Entry] = {}

    def read(self, keys: Collection[str]) -> dict[str, Mapping[str, Any]]:
        """The fresh values among `keys`. Raises ThrottledError when DynamoDB leaves some unread."""
        now_ms = self._clock_ms()
        found = {key: entry for key in keys if (entry := self._remembered.get(key)) and entry.fresh_until_ms > now_ms}
        missing = [{self._key_name: key} for key in dict.fromkeys(keys) if key not in found]
        for item in self._table.get_batch(missing):
            if item.get("fresh_until_ms", 0) > now_ms:
                key = item[self._key_name]
                found[key] = Entry(item["cached"], item["fresh_until_ms"])
                self._remember(key, found[key])
        return {key: entry.value for key, entry in found.items()}

    def take_lease(self, key: str) -> bool:
        """Whether this reader is the one to fetch `key` now; the lease ends by itself after 15 seconds."""
        now_ms = self._clock_ms()
        try:
            self._table.update(
                {self._key_name: key},
                "SET lease_until_ms = :until, expires_at = :expires_at",
                condition=(
                    "(attribute_not_exists(lease_until_ms) OR lease_until_ms < :now)"
                    " AND (attribute_not_exists(fresh_until_ms) OR fresh_until_ms <= :now)"
                ),
                values={
                    ":until": now_ms + LEASE_MS,
                    ":now": now_ms,
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
        entry = Entry(value, self._clock_ms() + fresh_ms)
        self._remember(key, entry)
        self._table.put(
            {
                self._key_name: key,
                "cached": value,
                "fresh_until_ms": entry.fresh_until_ms,
                "expires_at": entry.fresh_until_ms // 1000 + KEPT_AFTER_USE_SECONDS,
            }
        )

    def _remember(self, key: str, entry: Entry) -> None:
        if len(self._remembered) >= MAX_REMEMBERED:
            self._remembered.clear()
        self._remembered[key] = entry
