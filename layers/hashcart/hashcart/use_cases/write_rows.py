"""Putting a post's row on the lines that it names."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from hashcart.domain.cart_lines import CartLine, LineWrite, Operation, Snapshot
from hashcart.domain.outcomes import PostRow


class CartLineStore(Protocol):
    """The lines."""

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

    def mark_undone(self, shopper_id: str, line_id: str, key: str) -> CartLine:
        """Mark a post's operation undone."""


@dataclass(frozen=True, slots=True)
class Written:
    """The line that was written last, that of the newest version if it asks for one; and whether the store's own cart
    has to be told. `has_changed` says whether that write changed the line.
    """

    line: CartLine | None = None
    unconfirmed: bool = False
    has_changed: bool = False


def write_row(
    carts: CartLineStore,
    shopper_id: str,
    row: PostRow,
    *,
    clock_ms: Callable[[], int],
    snapshot: Snapshot | None = None,
) -> Written:
    """Put the row on every line that it names. Each step is atomic and may be repeated."""
    newest = row.newest
    line = None
    unconfirmed = has_changed = False
    for line_id, operation in row.operations():
        is_asked_for = newest is not None and line_id == newest.line_id
        write = carts.write_operation(
            shopper_id,
            line_id,
            row.order_key,
            operation,
            now_ms=clock_ms(),
            snapshot=snapshot if is_asked_for else None,
        )
        line, has_changed = write.line, write.has_changed
        if row.undone and is_asked_for:
            line = carts.mark_undone(shopper_id, line_id, row.order_key)
        unconfirmed = unconfirmed or line.unconfirmed
    return Written(line, unconfirmed, has_changed)
