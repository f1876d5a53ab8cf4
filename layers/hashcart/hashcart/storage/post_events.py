"""Table AccountLinks, as X's subscriptions see it: whose events are wanted, in items `post_events#<profile>`.

Each change of a link writes its item in the same transaction (`wish`), so that what is still to be done at X survives
any crash. The sparse index `post_events` holds these items alone, by how far they have come; so nobody ever looks
through the links. An item goes once nothing is wanted and X has no subscription any more.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from hashcart.domain.post_events import PostEventsWish, Progress
from hashcart.storage.table import ConditionFailedError, Table, TransactionRefusedError, Write

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

INDEX = "post_events"
KEY_PREFIX = "post_events#"

_UNWANTED_MS = 0
"""Sorts what has to end before what has to begin, as it makes room."""


def wish(x_user_id: str, since_ms: int | None) -> Write:
    """The write that says what is wanted from now on: events by the consent of that moment, or none."""
    wanted = ", since_ms = :ms" if since_ms is not None else " REMOVE since_ms"
    return Write(
        "Update",
        key=_key(x_user_id),
        expression=f"SET post_events_progress = :todo, post_events_ms = :ms{wanted} ADD revision :one",
        values={":todo": Progress.TODO, ":ms": _UNWANTED_MS if since_ms is None else since_ms, ":one": 1},
    )


class PostEvents:
    """What is wanted, and what has come of it."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._table = Table(client, table_name)

    def of_profile(self, x_user_id: str) -> PostEventsWish | None:
        """What is wanted of a profile, read consistently; None if there never was anything, or it is over."""
        item = self._table.get(_key(x_user_id), consistent=True)
        return None if item is None else _wish_from_item(item)

    def in_progress(
        self, progress: Progress, *, limit: int | None = None, until_ms: int | None = None
    ) -> Iterator[PostEventsWish]:
        """Those that have come so far: what has to end first, then by the moment of consent (refused: of the next try).

        Read eventually consistently: what is done to one is conditional on its revision.
        """
        until = "" if until_ms is None else " AND post_events_ms <= :until"
        items = self._table.query(
            f"post_events_progress = :progress{until}",
            {":progress": progress, ":until": until_ms},
            limit=limit,
            index=INDEX,
        )
        return map(_wish_from_item, items)

    def settle(self, wish: PostEventsWish, progress: Progress, *, next_ms: int | None = None) -> bool:
        """Note how far it has come, and for a refusal when to try again. False if the wish has changed meanwhile."""
        try:
            self._table.update(
                _key(wish.x_user_id),
                "SET post_events_progress = :progress, post_events_ms = :ms",
                condition="revision = :seen",
                values={
                    ":progress": progress,
                    ":ms": next_ms if next_ms is not None else wish.since_ms,
                    ":seen": wish.revision,
                },
            )
        except ConditionFailedError:
            return False
        return True

    def forget(self, wish: PostEventsWish) -> bool:
        """Nothing is wanted and nothing is there any more. False if the wish has changed meanwhile."""
        try:
            self._table.transact(
                Write(
                    "Delete",
                    key=_key(wish.x_user_id),
                    condition="revision = :seen",
                    values={":seen": wish.revision},
                )
            )
        except TransactionRefusedError:
            return False
        return True


def _key(x_user_id: str) -> dict[str, str]:
    return {"id": KEY_PREFIX + x_user_id}


def _wish_from_item(item: dict[str, Any]) -> PostEventsWish:
    return PostEventsWish(
        x_user_id=item["id"].removeprefix(KEY_PREFIX),
        since_ms=item.get("since_ms"),
        progress=Progress(item["post_events_progress"]),
        revision=item["revision"],
    )
