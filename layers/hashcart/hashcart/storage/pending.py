"""Table Pending: what has to wait for X's limits or for the store, by the time it is due."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Any

from hashcart.domain.posts import DAY_MS
from hashcart.storage.table import ConditionFailedError, Table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SHARDS = 8
ITEM_LIFE_AFTER_DUE_MS = 30 * DAY_MS


class PendingKind(StrEnum):
    """What waits: an outcome whose reply is not sent yet, a cart request that the store could not take, e-mails (one
    about the account, or a shopper's digest of a day), or the second pass of an erase.
    """

    OUTCOME = "outcome"
    CART_REQUEST = "cart_request"
    NOTICE = "notice"
    DIGEST = "digest"
    ERASURE = "erasure"


@dataclass(frozen=True, slots=True)
class PendingItem:
    """A message that waits until it is due; `post_id` is the post's, or else any name that is the message's own."""

    kind: PendingKind
    post_id: str
    due_ms: int
    message: str


class Pending:
    """Waiting messages, spread over shards so that a burst finds no hot key."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._table = Table(client, table_name)

    def put(self, item: PendingItem) -> None:
        """Keep a message until it is due; the same message put twice is kept once."""
        expires_at = (item.due_ms + ITEM_LIFE_AFTER_DUE_MS) // 1000
        self._table.put(_key(item) | {"message": item.message, "expires_at": expires_at})

    def due(self, kind: PendingKind, now_ms: int, page_size: int) -> Iterator[PendingItem]:
        """What is due at `now_ms`, of each shard the longest overdue first: a page of every shard, then the next pages.

        It is read as it is asked for, so whoever stops early has read little.
        """
        shards = [self._due(kind, shard, now_ms, page_size) for shard in range(SHARDS)]
        while shards:
            pages = [(shard, list(islice(shard, page_size))) for shard in shards]
            for _, page in pages:
                yield from page
            shards = [shard for shard, page in pages if page]

    def _due(self, kind: PendingKind, shard: int, now_ms: int, page_size: int) -> Iterator[PendingItem]:
        stored = self._table.query(
            "#shard = :shard AND due < :after",
            {":shard": f"{kind}#{shard}", ":after": f"{now_ms + 1:013d}"},
            names={"#shard": "shard"},
            page_size=page_size,
        )
        return (_item(kind, item) for item in stored)

    def waiting(self, is_wanted: Callable[[Mapping[str, Any]], bool]) -> list[PendingItem]:
        """The items whose message is wanted, due or not. It reads the whole table, which is small while X and the store
        work; only leaving asks for it.
        """
        stored = (
            (kind, item)
            for kind in PendingKind
            for shard in range(SHARDS)
            for item in self._table.query(
                "#shard = :shard", {":shard": f"{kind}#{shard}"}, names={"#shard": "shard"}, consistent=True
            )
        )
        return [_item(kind, item) for kind, item in stored if is_wanted(json.loads(item["message"]))]

    def claim(self, item: PendingItem, *, now_ms: int) -> bool:
        """Take an item whose effect must not happen twice. False if it was taken before, or is not there any more."""
        try:
            self._table.update(
                _key(item),
                "SET claimed_at_ms = :now",
                condition="attribute_exists(due) AND attribute_not_exists(claimed_at_ms)",
                values={":now": now_ms},
            )
        except ConditionFailedError:
            return False
        return True

    def remove(self, item: PendingItem) -> None:
        """Forget a message that has been dealt with."""
        self._table.delete(_key(item))


def _item(kind: PendingKind, stored: Mapping[str, Any]) -> PendingItem:
    due, post_id = stored["due"].split("#", 1)
    return PendingItem(kind, post_id, int(due), stored["message"])


def _key(item: PendingItem) -> dict[str, str]:
    shard = int.from_bytes(hashlib.sha256(item.post_id.encode()).digest()[:2]) % SHARDS
    return {"shard": f"{item.kind}#{shard}", "due": f"{item.due_ms:013d}#{item.post_id}"}
