"""Table Carts: one item a line, one attribute an operation."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from hashcart.domain.cart_lines import LIFE_AFTER_ADD_MS, CartLine, Kind, LineClick, Operation, Snapshot
from hashcart.domain.posts import OLDEST_POST_MS, id_of_key
from hashcart.storage.table import ConditionFailedError, Table, TransactionRefusedError, Write, without_none

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# An item must outlive its line whatever the order of deliveries, so its TTL starts at the write and adds their spread.
ITEM_LIFE_MS = LIFE_AFTER_ADD_MS + OLDEST_POST_MS

UNDONE_SUFFIX = "!"


class StaleRevisionError(Exception):
    """The line has changed since the page that was clicked on was made; `line` is what it is now."""

    def __init__(self, line: CartLine) -> None:
        super().__init__(f"the line is at revision {line.revision}")
        self.line = line


class Carts:
    """The cart lines of all shoppers."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._table = Table(client, table_name)

    def write_operation(
        self,
        shopper_id: str,
        line_id: str,
        key: str,
        operation: Operation,
        *,
        now_ms: int,
        snapshot: Snapshot | None = None,
    ) -> CartLine:
        """Put a post's operation on a line, unless the same or a newer version of it is there.

        Returns the line as it is then, whether or not this changed it.
        """
        assignments = "#op = :op, expires_at = :expires_at" + (", shown = :shown" if snapshot else "")
        line = self._update(
            shopper_id,
            line_id,
            f"SET {assignments} ADD revision :one",
            condition="attribute_not_exists(#op) OR #op.v < :version",
            names={"#op": key},
            values={
                ":op": _operation_to_map(operation),
                ":version": operation.version,
                ":expires_at": (now_ms + ITEM_LIFE_MS) // 1000,
                ":one": 1,
                ":shown": without_none(asdict(snapshot)) if snapshot else None,
            },
        )
        return self._tidy(shopper_id, line)

    def mark_undone(self, shopper_id: str, line_id: str, key: str) -> CartLine:
        """Mark a post's operation undone for good. Returns the line as it is then."""
        line = self._update(
            shopper_id,
            line_id,
            "SET #mark = :true ADD revision :one",
            condition="attribute_not_exists(#mark)",
            names={"#mark": key + UNDONE_SUFFIX},
            values={":true": True, ":one": 1},
        )
        return self._tidy(shopper_id, line)

    def click(
        self, shopper_id: str, line_id: str, key: str, operation: Operation, *, revision: int, now_ms: int
    ) -> CartLine:
        """Put a click's operation on the line that the shopper saw at `revision`.

        The same form sent twice succeeds once. Raises StaleRevisionError if the line has changed meanwhile.
        """
        try:
            item = self._table.update(
                {"shopper_id": shopper_id, "line_id": line_id},
                "SET #op = :op, expires_at = :expires_at ADD revision :one",
                condition="attribute_not_exists(#op) AND revision = :revision",
                names={"#op": key},
                values={
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
            self._table.transact(*(_click_update(shopper_id, click, now_ms) for click in clicks))
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

    def _update(self, shopper_id: str, line_id: str, expression: str, **conditions: Any) -> CartLine:
        try:
            item = self._table.update({"shopper_id": shopper_id, "line_id": line_id}, expression, **conditions)
        except ConditionFailedError as error:
            return line_from_item(error.item)
        return line_from_item(item)

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
        snapshot=Snapshot(**item.get("shown", {})),
    )


def _click_update(shopper_id: str, click: LineClick, now_ms: int) -> Write:
    assignments = "#op = :op, expires_at = :expires_at" + (", shown = :shown" if click.snapshot else "")
    is_there = "revision = :revision" if click.revision else "attribute_not_exists(revision)"
    return Write(
        "Update",
        key={"shopper_id": shopper_id, "line_id": click.line_id},
        expression=f"SET {assignments} ADD revision :one",
        condition=f"attribute_not_exists(#op) AND {is_there}",
        names={"#op": click.key},
        values={
            ":op": _operation_to_map(click.operation),
            ":revision": click.revision or None,
            ":expires_at": (now_ms + ITEM_LIFE_MS) // 1000,
            ":one": 1,
            ":shown": without_none(asdict(click.snapshot)) if click.snapshot else None,
        },
    )


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
