"""A cart line is the fold of its operations.

Each post or click leaves one operation under its order key. The line's quantity is computed from all of them in key
order, so any order, repetition or redrive of deliveries gives the same line.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from hashcart.domain.posts import DAY_MS, key_time_ms

CHOSEN = "chosen"
"""The reason for which a line is cleared whose options were chosen."""

KEPT_OPERATIONS = 64
LIFE_AFTER_ADD_MS = 400 * DAY_MS
LIFE_AFTER_CLEAR_MS = 30 * DAY_MS


class Kind(StrEnum):
    """What an operation asks of its line."""

    PLAIN = "plain"
    SET = "set"
    CLEAR = "clear"
    WISH = "wish"
    WAITING = "waiting"
    WITHDRAWN = "withdrawn"
    LIMIT = "limit"


ORDERED = "ordered"
REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Operation:
    """What one post or one click asks of a line.

    `version` grows with each edit of the post, and the newest version's operation stands. `quantity` is what was
    asked, before any maximum; of a hand-off it is what was sent. `reason` tells why a line was cleared: removed,
    handed_over, done, chosen or ordered. `post_id` is the post in which the product was found, `chosen_from` the line
    on which it waited for a choice.

    A limit is what a store's own cart took of what the operations before it ask for; its reason is that the store
    refused the product for good, where it did.
    """

    kind: Kind
    version: int
    quantity: int | None = None
    reason: str | None = None
    post_id: str | None = None
    chosen_from: str | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the cart page shows of a product without asking the store again.

    `associate_tag` is that of the Amazon Associate whose link it was. `sensitive` is what was true when the product was
    added; `category` serves to ask `is_sensitive` again, as a shopper may choose other categories later.
    `item_id` is what the store's cart calls the product.
    """

    title: str | None = None
    price: str | None = None
    currency: str | None = None
    image_url: str | None = None
    priced_at_ms: int | None = None
    max_quantity: int | None = None
    sensitive: bool = False
    category: str | None = None
    associate_tag: str | None = None
    item_id: str | None = None


@dataclass(frozen=True, slots=True)
class LineState:
    """What a line comes to: so many in the cart, or so many wished for, or so many waiting for a choice."""

    quantity: int = 0
    wished: int = 0
    waiting: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left to show."""
        return not (self.quantity or self.wished or self.waiting)


EMPTY = LineState()


def adding(state: LineState) -> tuple[Kind, int | None]:
    """Kind and quantity of the click that puts what waits or is wished for into the cart, in the quantity asked for."""
    quantity = state.waiting or state.wished
    return (Kind.SET, quantity) if quantity > 1 else (Kind.PLAIN, None)


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What the store's cart holds of a line, as its last answer said.

    `revision` is the line's that this answers, `key` its newest operation then, `cart_id` the store's cart.
    """

    revision: int
    quantity: int
    key: str | None = None
    cart_id: str | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """Quantities on their way to the store, whose effect is not known yet: its cart may hold any of them.

    `id` is another for each sending; `key` is the newest operation that was sent.
    """

    id: str
    quantities: tuple[int, ...]
    key: str | None = None
    cart_id: str | None = None


class StoreState(StrEnum):
    """What a shopper sees of a line at a store whose own cart HashCart fills."""

    CONFIRMED = "confirmed"
    SENDING = "sending"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class CartLine:
    """All that is stored of a line: its operations by order key, the keys undone, and the revision.

    `begun_by` is the order key of the operation that came first of all, in whatever order they count.

    The rest is only of lines at a store whose own cart HashCart fills: `unconfirmed` says that the store's cart may not
    hold yet what the line comes to, `failures` how often it could not be asked since then.
    """

    line_id: str
    operations: Mapping[str, Operation] = field(default_factory=dict)
    undone: frozenset[str] = frozenset()
    revision: int = 0
    begun_by: str | None = None
    snapshot: Snapshot = Snapshot()
    confirmed: Confirmed | None = None
    sent: Sent | None = None
    unconfirmed: bool = False
    failures: int = 0

    @property
    def store_state(self) -> StoreState | None:
        """How the line stands at the store; None where the cart is held by HashCart alone."""
        if self.unconfirmed:
            return StoreState.UNREACHABLE if self.failures else StoreState.SENDING
        return None if self.confirmed is None else StoreState.CONFIRMED

    @property
    def newest_key(self) -> str | None:
        """The order key of the newest operation."""
        return max(self.operations, default=None)

    @property
    def excess_keys(self) -> list[str]:
        """The keys past the newest 64, which no fold reads any more."""
        return sorted(self.operations, reverse=True)[KEPT_OPERATIONS:]

    def standing(self) -> list[tuple[str, Operation]]:
        """The operations that count, in key order: the newest 64, less those withdrawn or undone."""
        kept = sorted(self.operations)[-KEPT_OPERATIONS:]
        operations = ((key, self.operations[key]) for key in kept if key not in self.undone)
        return [(key, operation) for key, operation in operations if operation.kind is not Kind.WITHDRAWN]

    def state(self, now_ms: int | None = None) -> LineState:
        """What the line comes to, at `now_ms` where its expiry matters."""
        return fold(self.standing(), now_ms)

    def expires_at_ms(self) -> int:
        """When the line ends: 400 days after its newest operation, 30 days if that left it empty."""
        newest = self.newest_key
        if newest is None:
            return 0
        return key_time_ms(newest) + (LIFE_AFTER_CLEAR_MS if self.state().is_empty else LIFE_AFTER_ADD_MS)


@dataclass(frozen=True, slots=True)
class LineWrite:
    """A line after a write, and whether this write changed it."""

    line: CartLine
    has_changed: bool


@dataclass(frozen=True, slots=True)
class LineClick:
    """A click's operation for a line that its page showed at `revision`; 0 is a line that was not there."""

    line_id: str
    key: str
    operation: Operation
    revision: int
    snapshot: Snapshot | None = None


def fold(operations: list[tuple[str, Operation]], now_ms: int | None = None) -> LineState:
    """Apply `operations` in the order given. A line untouched for 400 days begins anew."""
    state = EMPTY
    last_ms: int | None = None
    for key, operation in operations:
        at_ms = key_time_ms(key)
        state = _apply(_unless_expired(state, last_ms, at_ms), operation)
        last_ms = at_ms
    return _unless_expired(state, last_ms, now_ms)


def _unless_expired(state: LineState, last_ms: int | None, now_ms: int | None) -> LineState:
    if last_ms is None or now_ms is None or now_ms - last_ms <= LIFE_AFTER_ADD_MS:
        return state
    return EMPTY


def _apply(state: LineState, operation: Operation) -> LineState:
    match operation.kind:
        case Kind.PLAIN | Kind.SET:
            return LineState(quantity=operation.quantity or state.quantity or 1)
        case Kind.CLEAR:
            return EMPTY
        case Kind.LIMIT:
            return _limited(state, operation)
        case Kind.WISH if not state.quantity:
            return replace(state, wished=operation.quantity or state.wished or 1)
        case Kind.WAITING if not state.quantity:
            return replace(state, waiting=operation.quantity or state.waiting or 1)
        case _:
            return state


def _limited(state: LineState, limit: Operation) -> LineState:
    """What of `state` the store's cart took; what is sold out becomes a wish."""
    taken = min(state.quantity, limit.quantity or 0)
    if taken or limit.reason == REFUSED:
        return LineState(quantity=taken)
    return replace(state, quantity=0, wished=state.quantity or state.wished)
