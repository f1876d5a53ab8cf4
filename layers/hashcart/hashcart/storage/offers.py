"""Table Sessions, as offered replies see it: one item a shopper, `offers#<shopper_id>`.

It holds ids and what they would add, no text, and goes by itself after two weeks: a reply is offered no longer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from hashcart.domain.offers import Offer, OfferBook
from hashcart.domain.posts import OLDEST_POST_MS
from hashcart.storage.table import ConditionFailedError, Table, without_none

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ANSWER_PREFIX = "answer#"


class Offers:
    """What is offered to each shopper, and what they have answered."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._table = Table(client, table_name)

    def read(self, shopper_id: str, *, now_ms: int) -> OfferBook:
        """The shopper's offers, read consistently."""
        item = self._table.get(_key(shopper_id), consistent=True)
        return OfferBook() if item is None or item["expires_at"] * 1000 <= now_ms else _book_from_item(item)

    def begin(self, shopper_id: str, consented_at_ms: int, *, now_ms: int) -> bool:
        """Note that X is about to be asked for the link of this consent; what an earlier link left is forgotten.

        False if it was asked for this link before.
        """
        try:
            self._table.update(
                _key(shopper_id),
                "SET consented_at_ms = :consent, looked_at_ms = :now, expires_at = :expires REMOVE offered, trouble",
                condition="attribute_not_exists(consented_at_ms) OR consented_at_ms <> :consent",
                values={":consent": consented_at_ms, ":now": now_ms, ":expires": _expiry(now_ms)},
            )
        except ConditionFailedError:
            return False
        return True

    def keep(
        self,
        shopper_id: str,
        consented_at_ms: int,
        found: Sequence[Offer] | None,
        *,
        trouble: str | None = None,
        now_ms: int,
    ) -> None:
        """Keep what X has answered; without an answer (`found` is None) what was found before stays.

        Does nothing if the profile was linked anew meanwhile: that link is looked at for itself.
        """
        offered = None if found is None else [without_none(asdict(offer)) for offer in found]
        assignments = "looked_at_ms = :now, expires_at = :expires"
        assignments += "" if offered is None else ", offered = :offered"
        assignments += "" if trouble is None else ", trouble = :trouble"
        values: dict[str, object] = {
            ":offered": offered,
            ":trouble": trouble,
            ":consent": consented_at_ms,
            ":now": now_ms,
            ":expires": _expiry(now_ms),
        }
        try:
            self._table.update(
                _key(shopper_id),
                f"SET {assignments}{'' if trouble else ' REMOVE trouble'}",
                condition="consented_at_ms = :consent",
                values=values,
            )
        except ConditionFailedError:
            return

    def answer(self, shopper_id: str, first_id: str, answer: str, *, now_ms: int) -> str:
        """Keep the answer to an offer, unless there is one; returns the one that is kept."""
        item = self._table.update(
            _key(shopper_id),
            "SET #answer = if_not_exists(#answer, :answer), expires_at = :expires",
            names={"#answer": f"{ANSWER_PREFIX}{first_id}"},
            values={":answer": answer, ":expires": _expiry(now_ms)},
        )
        kept: str = item[f"{ANSWER_PREFIX}{first_id}"]
        return kept

    def items_of(self, shopper_id: str) -> list[dict[str, Any]]:
        """Everything stored for a shopper, as it is stored."""
        item = self._table.get(_key(shopper_id), consistent=True)
        return [] if item is None else [item]

    def erase(self, shopper_id: str) -> None:
        """Remove everything stored for a shopper."""
        self._table.delete_batch([_key(shopper_id)])


def _book_from_item(item: Mapping[str, Any]) -> OfferBook:
    answers = {
        name.removeprefix(ANSWER_PREFIX): value for name, value in item.items() if name.startswith(ANSWER_PREFIX)
    }
    return OfferBook(
        consented_at_ms=item.get("consented_at_ms"),
        looked_at_ms=item.get("looked_at_ms"),
        trouble=item.get("trouble"),
        found=tuple(Offer(**stored) for stored in item.get("offered", ())),
        answers=answers,
    )


def _key(shopper_id: str) -> dict[str, str]:
    return {"id": f"offers#{shopper_id}"}


def _expiry(now_ms: int) -> int:
    return (now_ms + OLDEST_POST_MS) // 1000
