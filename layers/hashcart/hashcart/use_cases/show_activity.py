"""What the activity page shows: each reply and each private add of the last 90 days, and what became of it."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from hashcart.domain.cart_lines import CartLine
from hashcart.domain.outcomes import Outcome, PostRow, Version
from hashcart.domain.parents import ParentPost
from hashcart.domain.posts import DAY_MS, OFFER, PRIVATE, id_of_key, key_time_ms
from hashcart.domain.product_links import ProductReference

PAGE_SIZE = 20
SHOWN_MS = 90 * DAY_MS


class RowReader(Protocol):
    """What became of posts."""

    def recent(self, shopper_id: str, *, before_key: str | None, limit: int) -> list[PostRow]:
        """Rows from the newest on."""


class LineReader(Protocol):
    """The lines."""

    def lines(self, shopper_id: str) -> list[CartLine]:
        """All lines of a shopper."""


@dataclass(frozen=True, slots=True)
class Other:
    """Another product of the store that the same post links to, and its title where one is known."""

    reference: ProductReference
    title: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One reply or private add. `outcome` is None while it is being worked on.

    `post_id` is the reply, where it is known; `is_offer` says that it was offered, and taken by a click at `at_ms`.

    `title` is that of the product `reference`, or its id where no title is known; `parent_id` is the post in which the
    product was found.
    """

    key: str
    at_ms: int
    is_private: bool
    is_offer: bool
    post_id: str | None
    outcome: Outcome | None
    title: str | None = None
    reference: ProductReference | None = None
    parent_id: str | None = None
    in_cart_line: str | None = None
    others: tuple[Other, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries, the newest first, and the key before which older ones begin, if there are more."""

    entries: tuple[Entry, ...]
    older_than: str | None


@dataclass(frozen=True, slots=True)
class ShowActivity:
    """Reads the history. `known_parents` tells what is still known of posts without asking X."""

    rows: RowReader
    carts: LineReader
    known_parents: Callable[[Collection[str]], Mapping[str, ParentPost]]
    clock_ms: Callable[[], int]

    def __call__(self, shopper_id: str, before_key: str | None = None) -> Page:
        """One page of the history."""
        rows = self.rows.recent(shopper_id, before_key=before_key, limit=PAGE_SIZE + 1)
        oldest_ms = self.clock_ms() - SHOWN_MS
        recent = [row for row in rows[:PAGE_SIZE] if key_time_ms(row.order_key) >= oldest_ms]
        has_more = len(rows) > PAGE_SIZE and len(recent) == PAGE_SIZE
        entries = self.entries(shopper_id, [row for row in recent if _is_shown(row)])
        return Page(entries, recent[-1].order_key if has_more else None)

    def entries(self, shopper_id: str, rows: Collection[PostRow]) -> tuple[Entry, ...]:
        """The rows as the page shows them."""
        lines = {line.line_id: line for line in self.carts.lines(shopper_id)} if rows else {}
        parent_ids = {row.newest.parent_id for row in rows if row.newest is not None and row.newest.parent_id}
        parents = self.known_parents(sorted(parent_ids))
        now_ms = self.clock_ms()
        return tuple(_entry(row, lines, parents, now_ms) for row in rows)


def _is_shown(row: PostRow) -> bool:
    """Whether a row is a post of its own that asked for something.

    It may be an edit of another post, an undo that came before its post, or an edit that never had the hashtag.
    """
    has_asked = any(version.line_id or version.code for version in row.versions.values())
    return row.first_key is None and (row.outcome is not None or has_asked)


def _entry(row: PostRow, lines: Mapping[str, CartLine], parents: Mapping[str, ParentPost], now_ms: int) -> Entry:
    network, post_id = id_of_key(row.order_key)
    version = row.newest or Version(0)
    named = version.line_id or version.linked
    line = lines.get(named or "")
    parent = parents.get(version.parent_id or "", ParentPost())
    return Entry(
        key=row.order_key,
        at_ms=key_time_ms(row.order_key),
        is_private=network == PRIVATE,
        is_offer=network == OFFER,
        post_id=version.reply_id if network == OFFER else post_id,
        outcome=row.told(line, now_ms),
        title=(line.snapshot.title if line else None) or _title(named, parent),
        reference=None if named is None else ProductReference.from_line_id(named),
        parent_id=version.parent_id or None,
        in_cart_line=version.line_id if line is not None and not line.state().is_empty else None,
        others=tuple(
            Other(reference, _preview_title(reference, parent))
            for reference in parent.products
            if reference.product_id != _product_id(named)
        ),
    )


def _title(named: str | None, parent: ParentPost) -> str | None:
    if named is None:
        return None
    reference = ProductReference.from_line_id(named)
    return _preview_title(reference, parent) or reference.product_id


def _preview_title(reference: ProductReference, parent: ParentPost) -> str | None:
    preview = parent.preview(reference)
    return preview.title if preview is not None else None


def _product_id(named: str | None) -> str | None:
    return ProductReference.from_line_id(named).product_id if named is not None else None
