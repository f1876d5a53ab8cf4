"""Taking back what somebody else has added in a shopper's name: the adds for which the link was paused."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from hashcart.domain.account_links import TOO_MANY, AccountLink, LinkState
from hashcart.domain.adding_rates import is_add
from hashcart.domain.outcomes import PostRow
from hashcart.domain.posts import CLOCK_SKEW_MS
from hashcart.observability import report
from hashcart.use_cases.write_rows import CartLineStore, write_row


class RowStore(Protocol):
    """What became of posts."""

    def between(self, shopper_id: str, start_ms: int, end_ms: int) -> list[PostRow]:
        """The rows of the posts that were made in a time."""

    def mark_undone(self, shopper_id: str, key: str, *, now_ms: int) -> PostRow:
        """Note that the post is taken back."""


@dataclass(frozen=True, slots=True)
class TakeBackAdds:
    """Undoes adds as `#undo` would: first the row, then its lines. A crash in between is mended by doing it again."""

    rows: RowStore
    carts: CartLineStore
    clock_ms: Callable[[], int]

    def adds(self, link: AccountLink) -> list[PostRow]:
        """The posts whose adds the link was paused for and that are not taken back, the newest first."""
        return [row for row in reversed(self._all(link)) if not row.undone]

    def __call__(self, link: AccountLink) -> None:
        """Take all of them back. Those that are taken back are so once more: a crash may have left their lines."""
        rows = self._all(link)
        for row in rows:
            undone = self.rows.mark_undone(link.shopper_id, row.order_key, now_ms=self.clock_ms())
            write_row(self.carts, link.shopper_id, undone, clock_ms=self.clock_ms)
        report(None, "taken_back", TOO_MANY, adds=len(rows))

    def _all(self, link: AccountLink) -> list[PostRow]:
        if link.state is not LinkState.PAUSED or link.state_reason != TOO_MANY or link.adds_since_ms is None:
            return []
        rows = self.rows.between(link.shopper_id, link.adds_since_ms, self.clock_ms() + CLOCK_SKEW_MS)
        return [row for row in rows if is_add(row)]
