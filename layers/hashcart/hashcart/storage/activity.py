"""Table Activity: one row a post of a linked shopper, and the history that the shopper sees."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from hashcart.domain.cart_lines import Kind
from hashcart.domain.outcomes import REPLACEABLE, Code, Outcome, PostRow, Version
from hashcart.domain.posts import DAY_MS, OLDEST_POST_MS
from hashcart.storage.table import ConditionFailedError, Table, without_none

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ROW_LIFE_MS = 90 * DAY_MS

_VERSION_PREFIX = "v"
_AFTER_ALL_KEYS = ":"


class Activity:
    """The posts of linked shoppers: what each version asked for, whether it was undone, and what became of it."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._table = Table(client, table_name)

    def row(self, shopper_id: str, key: str) -> PostRow | None:
        """One post's row, read consistently."""
        item = self._table.get(_key(shopper_id, key), consistent=True)
        return None if item is None else row_from_item(item)

    def recent(self, shopper_id: str, *, before_key: str | None, limit: int) -> list[PostRow]:
        """Rows from the newest on, those older than `before_key` where one is given; read consistently."""
        items = self._table.query(
            "shopper_id = :shopper_id AND order_key < :before",
            {":shopper_id": shopper_id, ":before": before_key or _AFTER_ALL_KEYS},
            consistent=True,
            limit=limit,
            newest_first=True,
        )
        return [row_from_item(item) for item in items]

    def record_version(self, shopper_id: str, key: str, version: Version, *, now_ms: int) -> PostRow:
        """Note what a version asks for, unless it was noted before: the first decision stands."""
        item = self._table.update(
            _key(shopper_id, key),
            "SET #version = if_not_exists(#version, :version), expires_at = :expires_at",
            names={"#version": f"{_VERSION_PREFIX}{version.id}"},
            values={":version": without_none(asdict(version)), ":expires_at": _expiry(now_ms)},
        )
        return row_from_item(item)

    def mark_undone(self, shopper_id: str, key: str, *, now_ms: int) -> PostRow:
        """Note that the post is taken back, even if it has not arrived yet."""
        item = self._table.update(
            _key(shopper_id, key),
            "SET undone = :true, expires_at = :expires_at",
            values={":true": True, ":expires_at": _expiry(now_ms)},
        )
        return row_from_item(item)

    def point_to_first(self, shopper_id: str, key: str, first_key: str, *, now_ms: int) -> PostRow:
        """Note that the post under `key` is an edit of the one under `first_key`, so that its id leads there."""
        item = self._table.update(
            _key(shopper_id, key),
            "SET first_key = :first_key, expires_at = :expires_at",
            values={":first_key": first_key, ":expires_at": _expiry(now_ms)},
        )
        return row_from_item(item)

    def store_outcome(
        self, shopper_id: str, key: str, outcome: Outcome, *, now_ms: int, life_ms: int = ROW_LIFE_MS
    ) -> Outcome:
        """Keep the post's first outcome and return it; the row ends `life_ms` after `now_ms`.

        A newer version's outcome takes the place of an older one's; an outcome of the moment may be replaced once.
        """
        try:
            self._table.update(
                _key(shopper_id, key),
                "SET outcome = :outcome, outcome_at_ms = :now, expires_at = :expires_at",
                condition="attribute_not_exists(outcome) OR outcome.version < :version",
                values={
                    ":outcome": without_none(asdict(outcome)),
                    ":version": outcome.version,
                    ":now": now_ms,
                    ":expires_at": _expiry(now_ms, life_ms),
                },
            )
        except ConditionFailedError as error:
            return self._replace_outcome(shopper_id, key, error.item["outcome"], outcome, now_ms=now_ms)
        return outcome

    def between(self, shopper_id: str, start_ms: int, end_ms: int) -> list[PostRow]:
        """The rows of the posts that were made from `start_ms` on and before `end_ms`, by time."""
        items = self._table.query(
            "shopper_id = :shopper_id AND order_key BETWEEN :start AND :end",
            {":shopper_id": shopper_id, ":start": f"{start_ms:013d}", ":end": f"{end_ms:013d}"},
        )
        return [row_from_item(item) for item in items]

    def outcomes_between(self, shopper_id: str, start_ms: int, end_ms: int) -> list[PostRow]:
        """The rows whose outcome was kept from `start_ms` on and before `end_ms`, by the time of their posts."""
        items = self._table.query(
            "shopper_id = :shopper_id AND order_key >= :oldest",
            {":shopper_id": shopper_id, ":oldest": f"{start_ms - OLDEST_POST_MS:013d}"},
        )
        return [row_from_item(item) for item in items if start_ms <= item.get("outcome_at_ms", 0) < end_ms]

    def claim_reply(self, shopper_id: str, key: str, *, now_ms: int) -> Mapping[str, Any] | None:
        """Claim the one reply of a post. None if the claim is ours, else the claim that was there."""
        try:
            self._table.update(
                _key(shopper_id, key),
                "SET reply = :claim",
                condition="attribute_not_exists(reply)",
                values={":claim": {"claimed_at_ms": now_ms}},
            )
        except ConditionFailedError as error:
            existing: Mapping[str, Any] = error.item["reply"]
            return existing
        return None

    def renew_claim(self, shopper_id: str, key: str, *, seen_ms: int, now_ms: int) -> bool:
        """Take over a claim that was left without a record, if nobody else has since it was seen."""
        try:
            self._table.update(
                _key(shopper_id, key),
                "SET reply = :claim",
                condition="reply.claimed_at_ms = :seen AND attribute_not_exists(reply.#result)",
                names={"#result": "result"},
                values={":claim": {"claimed_at_ms": now_ms}, ":seen": seen_ms},
            )
        except ConditionFailedError:
            return False
        return True

    def record_reply(self, shopper_id: str, key: str, *, claimed_at_ms: int, result: str, reply_id: str | None) -> None:
        """Note how the reply ended: sent or refused."""
        record = without_none({"claimed_at_ms": claimed_at_ms, "result": result, "id": reply_id})
        self._table.update(_key(shopper_id, key), "SET reply = :record", values={":record": record})

    def release_reply(self, shopper_id: str, key: str) -> None:
        """Give back a claim whose call certainly had no effect."""
        self._table.update(_key(shopper_id, key), "REMOVE reply")

    def claim_email(self, shopper_id: str, key: str, *, now_ms: int) -> Mapping[str, Any] | None:
        """Claim the one e-mail about a post's problem. None if the claim is ours, else the claim that was there."""
        try:
            self._table.update(
                _key(shopper_id, key),
                "SET email = :claim",
                condition="attribute_not_exists(email)",
                values={":claim": {"claimed_at_ms": now_ms}},
            )
        except ConditionFailedError as error:
            existing: Mapping[str, Any] = error.item["email"]
            return existing
        return None

    def record_email(self, shopper_id: str, key: str, *, claimed_at_ms: int, result: str) -> None:
        """Note how the e-mail ended: sent, refused, or unsettled where nobody can tell."""
        record = {"claimed_at_ms": claimed_at_ms, "result": result}
        self._table.update(_key(shopper_id, key), "SET email = :record", values={":record": record})

    def release_email(self, shopper_id: str, key: str) -> None:
        """Give back a claim whose e-mail certainly was not taken."""
        self._table.update(_key(shopper_id, key), "REMOVE email")

    def items_of(self, shopper_id: str) -> list[dict[str, Any]]:
        """Everything stored for a shopper, as it is stored."""
        return list(self._table.query("shopper_id = :shopper_id", {":shopper_id": shopper_id}, consistent=True))

    def erase(self, shopper_id: str) -> None:
        """Remove everything stored for a shopper."""
        self._table.delete_batch([_key(shopper_id, item["order_key"]) for item in self.items_of(shopper_id)])

    def _replace_outcome(
        self, shopper_id: str, key: str, kept: Mapping[str, Any], outcome: Outcome, *, now_ms: int
    ) -> Outcome:
        first = _outcome_from_map(kept)
        replaceable = first.code in REPLACEABLE and first.version == outcome.version and not kept.get("replaced")
        if not replaceable or first.code == outcome.code:
            return first
        try:
            self._table.update(
                _key(shopper_id, key),
                "SET outcome = :outcome, outcome_at_ms = :now",
                condition="outcome = :kept",
                values={
                    ":outcome": without_none(asdict(outcome)) | {"replaced": True},
                    ":kept": kept,
                    ":now": now_ms,
                },
            )
        except ConditionFailedError as error:
            return _outcome_from_map(error.item["outcome"])
        return outcome


def row_from_item(item: Mapping[str, Any]) -> PostRow:
    """Read a post's row back from its item."""
    numbers = (name.removeprefix(_VERSION_PREFIX) for name in item if name.startswith(_VERSION_PREFIX))
    versions = {int(number): item[_VERSION_PREFIX + number] for number in numbers if number.isdigit()}
    return PostRow(
        order_key=item["order_key"],
        versions={number: _version_from_map(stored) for number, stored in versions.items()},
        undone=item.get("undone", False),
        first_key=item.get("first_key"),
        outcome=_outcome_from_map(item["outcome"]) if "outcome" in item else None,
        reply=item.get("reply"),
    )


def _version_from_map(stored: Mapping[str, Any]) -> Version:
    code = stored.get("code")
    return Version(**(dict(stored) | {"kind": Kind(stored["kind"]), "code": Code(code) if code else None}))


def _outcome_from_map(stored: Mapping[str, Any]) -> Outcome:
    fields = {name: value for name, value in stored.items() if name != "replaced"}
    return Outcome(**(fields | {"code": Code(stored["code"])}))


def _key(shopper_id: str, key: str) -> dict[str, str]:
    return {"shopper_id": shopper_id, "order_key": key}


def _expiry(now_ms: int, life_ms: int = ROW_LIFE_MS) -> int:
    return (now_ms + life_ms) // 1000
