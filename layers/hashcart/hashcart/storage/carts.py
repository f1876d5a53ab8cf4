"""Table Carts: one item a line, one attribute an operation."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from hashcart.domain.cart_lines import (
    LIFE_AFTER_ADD_MS,
    CartLine,
    Confirmed,
    Kind,
    LineClick,
    LineWrite,
    Operation,
    Sent,
    Snapshot,
)
from hashcart.domain.posts import OLDEST_POST_MS, id_of_key, key_time_ms
from hashcart.domain.store_carts import Adopt
from hashcart.storage.table import ConditionFailedError, Table, TransactionRefusedError, Write, without_none

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# An item must outlive its line whatever the order of deliveries, so its TTL starts at the write and adds their spread.
ITEM_LIFE_MS = LIFE_AFTER_ADD_MS + OLDEST_POST_MS

UNDONE_SUFFIX = "!"

_OPERATION = "#op = :op, begun_by = if_not_exists(begun_by, :key)"
_SHOWN_OPERATION = f"{_OPERATION}, shown = :shown"
_EXPIRY = "expires_at = :expires_at"

UNCONFIRMED_INDEX = "unconfirmed"
SHARDS = 8

# Whoever writes an operation also asks the store at once; the schedule takes over where that got stuck.
FIRST_RETRY_MS = 60 * 1000


class StaleRevisionError(Exception):
    """The line has changed since the page that was clicked on was made; `line` is what it is now."""

    def __init__(self, line: CartLine) -> None:
        super().__init__(f"the line is at revision {line.revision}")
        self.line = line


class Carts:
    """The cart lines of all shoppers.

    `has_store_cart` says that the store has a cart of its own which HashCart fills: each operation then also marks its
    line unconfirmed, in the same write, so that a crash just after it leaves nothing unsent.
    """

    def __init__(self, client: "DynamoDBClient", table_name: str, *, has_store_cart: bool = False) -> None:
        self._table = Table(client, table_name)
        self._has_store_cart = has_store_cart

    def write_operation(
        self,
        shopper_id: str,
        line_id: str,
        key: str,
        operation: Operation,
        *,
        now_ms: int,
        snapshot: Snapshot | None = None,
    ) -> LineWrite:
        """Put a post's operation on a line, unless the same or a newer version of it is there."""
        write = self._update(
            shopper_id,
            line_id,
            f"SET {_SHOWN_OPERATION if snapshot else _OPERATION}, {_EXPIRY}{self._marking} ADD revision :one",
            condition="attribute_not_exists(#op) OR #op.v < :version",
            names={"#op": key},
            values=self._marks(shopper_id, now_ms)
            | {
                ":key": key,
                ":op": _operation_to_map(operation),
                ":version": operation.version,
                ":expires_at": (now_ms + ITEM_LIFE_MS) // 1000,
                ":one": 1,
                ":shown": without_none(asdict(snapshot)) if snapshot else None,
            },
        )
        self._tidy(shopper_id, write.line)
        return write

    def mark_undone(self, shopper_id: str, line_id: str, key: str) -> CartLine:
        """Mark a post's operation undone for good. Returns the line as it is then."""
        write = self._update(
            shopper_id,
            line_id,
            f"SET #mark = :true{self._marking} ADD revision :one",
            condition="attribute_not_exists(#mark)",
            names={"#mark": key + UNDONE_SUFFIX},
            values=self._marks(shopper_id, key_time_ms(key)) | {":true": True, ":one": 1},
        )
        return self._tidy(shopper_id, write.line)

    def click(
        self, shopper_id: str, line_id: str, key: str, operation: Operation, *, revision: int, now_ms: int
    ) -> CartLine:
        """Put a click's operation on the line that the shopper saw at `revision`.

        The same form sent twice succeeds once. Raises StaleRevisionError if the line has changed meanwhile.
        """
        try:
            item = self._table.update(
                {"shopper_id": shopper_id, "line_id": line_id},
                f"SET {_OPERATION}, {_EXPIRY}{self._marking} ADD revision :one",
                condition="attribute_not_exists(#op) AND revision = :revision",
                names={"#op": key},
                values=self._marks(shopper_id, now_ms)
                | {
                    ":key": key,
                    ":op": _operation_to_map(operation),
                    ":revision": revision,
                    ":expires_at": (now_ms + ITEM_LIFE_MS) // 1000,
                    ":one": 1,
                },
            )
        except ConditionFailedError as error:
            line = line_from_item({"line_id": line_id} | dict(error.item))
            if _has_form(line, key):
                return line
            raise StaleRevisionError(line) from error
        return self._tidy(shopper_id, line_from_item(item))

    def click_together(self, shopper_id: str, clicks: Sequence[LineClick], *, now_ms: int) -> list[CartLine]:
        """Put one form's operations on several lines, on all of them or on none. Returns the lines as they are then.

        The same form sent twice succeeds once. Raises StaleRevisionError if one of the lines has changed meanwhile.
        """
        try:
            self._table.transact(*(self._click_update(shopper_id, click, now_ms) for click in clicks))
        except TransactionRefusedError as error:
            lines = [self.line(shopper_id, click.line_id) for click in clicks]
            for line, click in zip(lines, clicks, strict=True):
                if not _has_form(line, click.key):
                    raise StaleRevisionError(line) from error
            return lines
        return [self._tidy(shopper_id, self.line(shopper_id, click.line_id)) for click in clicks]

    def line(self, shopper_id: str, line_id: str) -> CartLine:
        """One line, read consistently; without operations if it is not there."""
        item = self._table.get({"shopper_id": shopper_id, "line_id": line_id}, consistent=True)
        return line_from_item(item or {"line_id": line_id})

    def lines(self, shopper_id: str) -> list[CartLine]:
        """All lines of a shopper, read consistently; `CartLine.state(now_ms)` tells the expired ones."""
        items = self._table.query("shopper_id = :shopper_id", {":shopper_id": shopper_id}, consistent=True)
        return [line_from_item(item) for item in items]

    def items_of(self, shopper_id: str) -> list[dict[str, Any]]:
        """Everything stored for a shopper, as it is stored."""
        return list(self._table.query("shopper_id = :shopper_id", {":shopper_id": shopper_id}, consistent=True))

    def erase(self, shopper_id: str) -> None:
        """Remove everything stored for a shopper."""
        self._table.delete_batch(
            [{"shopper_id": shopper_id, "line_id": item["line_id"]} for item in self.items_of(shopper_id)]
        )

    def unconfirmed(self, now_ms: int, limit_per_shard: int) -> Iterator[str]:
        """The shoppers (by `shopper_id`) of lines that the store has to be asked about by now, longest due first."""
        for shard in range(SHARDS):
            stored = self._table.query(
                "unconfirmed = :shard AND due < :after",
                {":shard": str(shard), ":after": f"{now_ms + 1:013d}"},
                index=UNCONFIRMED_INDEX,
                limit=limit_per_shard,
            )
            yield from (str(item["shopper_id"]) for item in stored)

    def mark_sent(self, shopper_id: str, line: CartLine, sent: Sent, *, now_ms: int) -> CartLine | None:
        """Note what is about to be sent to the store. None if the line is no longer as it was read."""
        return self._write_if_unchanged(
            shopper_id,
            line,
            "SET sent = :sent, unconfirmed = :shard, due = :due",
            {
                ":sent": without_none(asdict(sent)),
                ":shard": _shard(shopper_id),
                ":due": f"{now_ms + FIRST_RETRY_MS:013d}",
            },
        )

    def confirm(self, shopper_id: str, line: CartLine, confirmed: Confirmed) -> CartLine | None:
        """Note that the store's cart holds what the line comes to. None if the line is no longer as it was read."""
        return self._write_if_unchanged(
            shopper_id,
            line,
            "SET confirmed = :confirmed REMOVE sent, unconfirmed, due, failures",
            {":confirmed": without_none(asdict(confirmed))},
        )

    def adopt(self, shopper_id: str, line: CartLine, adopted: Adopt, *, now_ms: int) -> CartLine | None:
        """Take what happened in the shop into the line. None if the line is no longer as it was read."""
        return self._write_if_unchanged(
            shopper_id,
            line,
            f"SET {_OPERATION}, confirmed = :confirmed, unconfirmed = :shard, due = :due REMOVE sent ADD revision :one",
            {
                ":key": adopted.key,
                ":op": _operation_to_map(adopted.operation),
                ":confirmed": without_none(asdict(adopted.confirmed)),
                ":shard": _shard(shopper_id),
                ":due": f"{now_ms + FIRST_RETRY_MS:013d}",
                ":one": 1,
            },
            names={"#op": adopted.key},
        )

    def postpone(self, shopper_id: str, line_id: str, *, due_ms: int) -> None:
        """Let an unconfirmed line wait until `due_ms`, and count the failure."""
        self._update(
            shopper_id,
            line_id,
            "SET due = :due ADD failures :one",
            condition="attribute_exists(unconfirmed)",
            values={":due": f"{due_ms:013d}", ":one": 1},
        )

    def _click_update(self, shopper_id: str, click: LineClick, now_ms: int) -> Write:
        operation = _SHOWN_OPERATION if click.snapshot else _OPERATION
        is_there = "revision = :revision" if click.revision else "attribute_not_exists(revision)"
        return Write(
            "Update",
            key={"shopper_id": shopper_id, "line_id": click.line_id},
            expression=f"SET {operation}, {_EXPIRY}{self._marking} ADD revision :one",
            condition=f"attribute_not_exists(#op) AND {is_there}",
            names={"#op": click.key},
            values=self._marks(shopper_id, now_ms)
            | {
                ":key": click.key,
                ":op": _operation_to_map(click.operation),
                ":revision": click.revision or None,
                ":expires_at": (now_ms + ITEM_LIFE_MS) // 1000,
                ":one": 1,
                ":shown": without_none(asdict(click.snapshot)) if click.snapshot else None,
            },
        )

    @property
    def _marking(self) -> str:
        return ", unconfirmed = :shard, due = :due" if self._has_store_cart else ""

    def _marks(self, shopper_id: str, now_ms: int) -> dict[str, object]:
        if not self._has_store_cart:
            return {}
        return {":shard": _shard(shopper_id), ":due": f"{now_ms + FIRST_RETRY_MS:013d}"}

    def _write_if_unchanged(
        self,
        shopper_id: str,
        line: CartLine,
        expression: str,
        values: Mapping[str, object],
        names: Mapping[str, str] | None = None,
    ) -> CartLine | None:
        """One write on condition that neither an operation nor another sending came in between."""
        same_sending = "attribute_not_exists(sent)" if line.sent is None else "sent.id = :sending"
        try:
            item = self._table.update(
                {"shopper_id": shopper_id, "line_id": line.line_id},
                expression,
                condition=f"revision = :revision AND {same_sending}",
                names=names,
                values={
                    **values,
                    ":revision": line.revision,
                    ":sending": None if line.sent is None else line.sent.id,
                },
            )
        except ConditionFailedError:
            return None
        return line_from_item(item)

    def _update(self, shopper_id: str, line_id: str, expression: str, **conditions: Any) -> LineWrite:
        try:
            item = self._table.update({"shopper_id": shopper_id, "line_id": line_id}, expression, **conditions)
        except ConditionFailedError as error:
            return LineWrite(line_from_item(error.item), has_changed=False)
        return LineWrite(line_from_item(item), has_changed=True)

    def _tidy(self, shopper_id: str, line: CartLine) -> CartLine:
        """Drop what no fold reads any more, and let an emptied line go early; the next write repeats what is lost."""
        excess = [name for key in line.excess_keys for name in (key, key + UNDONE_SUFFIX)]
        emptied = line.state().is_empty
        if excess or emptied:
            names = {f"#n{number}": name for number, name in enumerate(excess)}
            expires_at = line.expires_at_ms() // 1000 if emptied else None
            actions = (["SET expires_at = :expires_at"] if emptied else []) + (
                ["REMOVE " + ", ".join(names)] if names else []
            )
            self._update(
                shopper_id,
                line.line_id,
                " ".join(actions),
                condition="revision = :revision",
                names=names or None,
                values={":revision": line.revision, ":expires_at": expires_at},
            )
        return line


def line_from_item(item: Mapping[str, Any]) -> CartLine:
    """Read a line back from its item."""
    keys = [name for name in item if name[:1].isdigit()]
    return CartLine(
        line_id=item["line_id"],
        operations={key: _operation_from_map(item[key]) for key in keys if not key.endswith(UNDONE_SUFFIX)},
        undone=frozenset(key.removesuffix(UNDONE_SUFFIX) for key in keys if key.endswith(UNDONE_SUFFIX)),
        revision=item.get("revision", 0),
        begun_by=item.get("begun_by"),
        snapshot=Snapshot(**item.get("shown", {})),
        confirmed=Confirmed(**item["confirmed"]) if "confirmed" in item else None,
        sent=_sent_from_map(item["sent"]) if "sent" in item else None,
        unconfirmed="unconfirmed" in item,
        failures=item.get("failures", 0),
    )


def _sent_from_map(stored: Mapping[str, Any]) -> Sent:
    return Sent(stored["id"], tuple(stored["quantities"]), stored.get("key"), stored.get("cart_id"))


def _shard(shopper_id: str) -> str:
    return str(int.from_bytes(hashlib.sha256(shopper_id.encode()).digest()[:2]) % SHARDS)


def _has_form(line: CartLine, key: str) -> bool:
    """Whether the form that `key` names has left its operation already."""
    return any(id_of_key(existing) == id_of_key(key) for existing in line.operations)


def _operation_to_map(operation: Operation) -> dict[str, Any]:
    return without_none(
        {
            "k": operation.kind.value,
            "v": operation.version,
            "q": operation.quantity,
            "r": operation.reason,
            "p": operation.post_id,
            "c": operation.chosen_from,
        }
    )


def _operation_from_map(stored: Mapping[str, Any]) -> Operation:
    return Operation(Kind(stored["k"]), stored["v"], stored.get("q"), stored.get("r"), stored.get("p"), stored.get("c"))
