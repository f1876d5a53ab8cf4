"""What a shopper's lines come to on the cart page, and what may be done with each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from hashcart.domain.cart_lines import EMPTY, CartLine, Kind, LineState, Operation, Snapshot, fold
from hashcart.domain.hand_offs import HandOffLine
from hashcart.domain.outcomes import in_cart
from hashcart.domain.posts import DAY_MS, id_of_key, key_time_ms
from hashcart.domain.product_links import ProductReference
from hashcart.domain.sensitivity import is_sensitive

CLICK = "click"

REMOVED = "removed"
HANDED_OVER = "handed_over"
DONE = "done"


class Place(StrEnum):
    """Where on the page a line stands."""

    IN_CART = "in_cart"
    WAITING = "waiting"
    WISHED = "wished"
    SENT = "sent"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class LineView:
    """A line as the page shows it.

    `quantity` is what the line holds, within the maxima; of a line that was sent or removed it is what it held before.
    `asked` is what was asked for, `since_ms` when that was. `post_id` is the post in which the product was found.
    `undo_to` is the quantity that the last click changed, within the maxima too; 0 would take the line out again; None
    is nothing to undo.
    `chosen_from` is the line whose choice was the last that happened here.
    """

    line: CartLine
    place: Place
    quantity: int
    asked: int
    maximum: int
    since_ms: int
    post_id: str | None = None
    undo_to: int | None = None
    chosen_from: str | None = None
    sensitive: bool = False
    shows_price: bool = False

    @property
    def line_id(self) -> str:
        """Which line it is."""
        return self.line.line_id

    @property
    def revision(self) -> int:
        """What a click on it has to name."""
        return self.line.revision

    @property
    def reference(self) -> ProductReference:
        """Which product it is."""
        return ProductReference.from_line_id(self.line.line_id)

    @property
    def since_day(self) -> int:
        """The day of `since_ms` in UTC, to tell days apart."""
        return self.since_ms // DAY_MS

    @property
    def shown(self) -> Snapshot:
        """What is known of the product."""
        return self.line.snapshot

    @property
    def title(self) -> str:
        """The product's title, or its id where nothing is known of it."""
        return self.shown.title or self.reference.variant_id or self.reference.product_id

    @property
    def amount(self) -> Decimal | None:
        """The price of one piece, where it may be shown."""
        return _amount(self.shown.price) if self.shows_price else None

    @property
    def for_hand_off(self) -> HandOffLine:
        """What the shopper takes along."""
        return HandOffLine(self.reference, self.quantity, self.shown.associate_tag, self.shown.item_id)


@dataclass(frozen=True, slots=True)
class Total:
    """What the lines in one currency cost together."""

    currency: str
    amount: str


def view_of(
    line: CartLine,
    now_ms: int,
    *,
    own_maximum: int,
    price_life_ms: int | None = None,
    sensitive_categories: Iterable[str] = (),
) -> LineView | None:
    """The line as the page shows it now; None if there is nothing to show.

    `price_life_ms` is how long a price may be shown, None for ever.
    """
    standing = line.standing()
    if not standing or now_ms >= line.expires_at_ms():
        return None
    state, held = line.state(now_ms), last_held(line)
    place = _place(state, standing[-1][1])
    if place is None or held.is_empty:
        return None
    asked = _pieces(state) or standing[-1][1].quantity or _pieces(held)
    maximum = min(own_maximum, line.snapshot.max_quantity or own_maximum)
    quantity, undo_to = asked if _holds(line, asked) else in_cart(asked, maximum), _undo_to(standing)
    undo_to = None if undo_to is None else in_cart(undo_to, maximum)
    return LineView(
        line=line,
        place=place,
        quantity=quantity,
        asked=asked,
        maximum=maximum,
        since_ms=key_time_ms(standing[-1][0]),
        post_id=post_of(line),
        undo_to=None if undo_to == quantity else undo_to,
        chosen_from=standing[-1][1].chosen_from,
        sensitive=is_sensitive(
            line.snapshot.category, flagged=line.snapshot.sensitive, categories=sensitive_categories
        ),
        shows_price=_shows_price(line.snapshot, now_ms, price_life_ms),
    )


def last_held(line: CartLine) -> LineState:
    """What the line held last, however it was emptied since then."""
    standing = line.standing()
    states = (fold(standing[:end]) for end in range(len(standing), 0, -1))
    return next((state for state in states if not state.is_empty), EMPTY)


def post_of(line: CartLine) -> str | None:
    """The newest post in which the product was found."""
    return next((operation.post_id for _, operation in reversed(line.standing()) if operation.post_id), None)


def put_back(line: CartLine) -> Operation | None:
    """The operation that gives an emptied line what it held last; None if it holds something, or never did."""
    held = last_held(line)
    if held.is_empty or not line.state().is_empty:
        return None
    newest = line.standing()[-1][1]
    kind, pieces = _kind_and_pieces(held)
    sent = newest.quantity if newest.kind is Kind.CLEAR and kind is Kind.SET else None
    return Operation(kind, 1, sent or pieces, post_id=post_of(line))


def undo_last_click(line: CartLine) -> Operation | None:
    """The operation that gives the line the quantity from before its last operation, if that was a click on it."""
    standing = line.standing()
    undo_to = _undo_to(standing)
    if undo_to is None:
        return None
    if undo_to == 0:
        return Operation(Kind.CLEAR, 1, reason=REMOVED)
    return Operation(Kind.SET, 1, undo_to, post_id=post_of(line))


def totals(views: Iterable[LineView]) -> tuple[Total, ...]:
    """What the lines with a price cost, by currency."""
    sums: dict[str, Decimal] = {}
    for view in views:
        if view.amount is not None and view.shown.currency:
            sums[view.shown.currency] = sums.get(view.shown.currency, Decimal(0)) + view.amount * view.quantity
    return tuple(Total(currency, str(amount)) for currency, amount in sorted(sums.items()))


def _undo_to(standing: Sequence[tuple[str, Operation]]) -> int | None:
    if not standing or id_of_key(standing[-1][0])[0] != CLICK:
        return None
    newest = standing[-1][1]
    before = fold(list(standing[:-1]))
    if newest.kind is not Kind.SET or newest.chosen_from is not None or before.wished or before.waiting:
        return None
    return None if newest.quantity == before.quantity else before.quantity


def _holds(line: CartLine, quantity: int) -> bool:
    """Whether the store's own cart holds that many; a maximum of ours says nothing about what is there already."""
    return line.confirmed is not None and line.confirmed.quantity == quantity


def _place(state: LineState, newest: Operation) -> Place | None:
    if state.quantity:
        return Place.IN_CART
    if state.waiting:
        return Place.WAITING
    if state.wished:
        return Place.WISHED
    emptied = {HANDED_OVER: Place.SENT, REMOVED: Place.REMOVED}
    return emptied.get(newest.reason or "") if newest.kind is Kind.CLEAR else None


def _pieces(state: LineState) -> int:
    return state.quantity or state.waiting or state.wished


def _kind_and_pieces(state: LineState) -> tuple[Kind, int]:
    if state.quantity:
        return Kind.SET, state.quantity
    return (Kind.WAITING, state.waiting) if state.waiting else (Kind.WISH, state.wished)


def _shows_price(snapshot: Snapshot, now_ms: int, price_life_ms: int | None) -> bool:
    if _amount(snapshot.price) is None or not snapshot.currency:
        return False
    return price_life_ms is None or now_ms - (snapshot.priced_at_ms or 0) < price_life_ms


def _amount(price: str | None) -> Decimal | None:
    try:
        amount = Decimal(price or "")
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None
