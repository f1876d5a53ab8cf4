"""A cart line beside the store's own cart: who changed what, and what has to be done about it.

A quantity in the shop is HashCart's doing if it is what the store last confirmed, or is on its way to it. Any other is
the shopper's: it becomes an operation of the line, and is never overwritten.
"""

from collections.abc import Collection
from dataclasses import dataclass

from hashcart.domain.cart_contents import DONE, HANDED_OVER, REMOVED
from hashcart.domain.cart_lines import ORDERED, CartLine, Confirmed, Kind, Operation
from hashcart.domain.outcomes import in_cart
from hashcart.domain.posts import key_time_ms

MAX_IN_FLIGHT = 8
STORE = "store"

# Reasons of a cleared line that take nothing out of the store's cart.
LEFT_TO_THE_SHOPPER = frozenset({HANDED_OVER, DONE, ORDERED})


@dataclass(frozen=True, slots=True)
class Held:
    """What the store's cart `cart_id` holds of a line; `changed_ms` is when that changed, where the store tells."""

    quantity: int
    cart_id: str | None = None
    changed_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Agree:
    """The store's cart holds what the line comes to."""


@dataclass(frozen=True, slots=True)
class Send:
    """The store's cart has to hold `quantity`."""

    quantity: int


@dataclass(frozen=True, slots=True)
class Adopt:
    """Something happened in the shop: `operation` goes to the line under `key`, and `confirmed` is what is so then."""

    key: str
    operation: Operation
    confirmed: Confirmed


def compare(line: CartLine, held: Held, own: Collection[int], now_ms: int) -> Agree | Send | Adopt:
    """What has to be done; `own` are quantities that the caller itself has sent."""
    if held.quantity not in _ours(line, held.cart_id) | set(own):
        return adopt_shoppers(line, held, now_ms)
    wanted = _wanted(line, now_ms)
    if wanted is None or held.quantity in (wanted, line.state().quantity):
        return Agree()
    return Send(wanted)


def adopt_shoppers(line: CartLine, held: Held, now_ms: int) -> Adopt:
    """The shopper changed the quantity in the shop, so the line comes to that."""
    quantity = held.quantity
    operation = Operation(Kind.SET, 1, quantity) if quantity else Operation(Kind.CLEAR, 1, reason=REMOVED)
    return adopt(line, held, operation, _shoppers_ms(line, held, now_ms))


def limit(line: CartLine, held: Held, reason: str | None = None) -> Adopt:
    """The store did not take what it was sent, so the line comes to what it holds."""
    newest = line.newest_key
    after_ms = 0 if newest is None else key_time_ms(newest) + 1
    kind = Kind.LIMIT if held.quantity < line.state().quantity else Kind.SET
    return adopt(line, held, Operation(kind, 1, held.quantity, reason), after_ms)


def ordered(line: CartLine, old_cart_id: str | None, new_cart_id: str | None) -> Adopt | None:
    """The store's cart was ordered, and the line's product with it; None if the line was never sent to that cart.

    What was asked for after that stays, and goes to the cart's successor.
    """
    parts = [part for part in (line.confirmed, line.sent) if part is not None and part.cart_id == old_cart_id]
    keys = [part.key for part in parts]
    if not any(part.quantity if isinstance(part, Confirmed) else any(part.quantities) for part in parts):
        return None
    after_ms = max((key_time_ms(key) + 1 for key in keys if key is not None), default=0)
    return adopt(line, Held(0, new_cart_id), Operation(Kind.CLEAR, 1, reason=ORDERED), after_ms)


def adopt(line: CartLine, held: Held, operation: Operation, at_ms: int) -> Adopt:
    """Take what happened in the shop into the line, as of `at_ms`."""
    key = f"{at_ms:013d}#{STORE}#{line.revision}"
    return Adopt(key, operation, Confirmed(line.revision + 1, held.quantity, key, held.cart_id))


def confirmed(line: CartLine, held: Held) -> Confirmed:
    """What is kept when the store's cart holds what the line comes to."""
    return Confirmed(line.revision, held.quantity, line.newest_key, held.cart_id)


def in_flight(line: CartLine, cart_id: str | None, quantity: int) -> tuple[int, ...]:
    """All quantities that may be on their way once `quantity` is sent too, the newest last."""
    flying = line.sent.quantities if line.sent is not None and line.sent.cart_id in (cart_id, None) else ()
    return (*(earlier for earlier in flying if earlier != quantity), quantity)[-MAX_IN_FLIGHT:]


def _ours(line: CartLine, cart_id: str | None) -> set[int]:
    same_cart = line.confirmed is not None and line.confirmed.cart_id == cart_id
    quantities = {line.confirmed.quantity if line.confirmed is not None and same_cart else 0}
    if line.sent is not None and line.sent.cart_id in (cart_id, None):
        quantities |= set(line.sent.quantities)
    return quantities


def _wanted(line: CartLine, now_ms: int) -> int | None:
    """How many the store's cart should hold; None where that is not for HashCart to say.

    A line that was handed over, or that grew too old, takes nothing out of the store's cart.
    """
    state = line.state(now_ms)
    if state.quantity:
        return in_cart(state.quantity, line.snapshot.max_quantity)
    standing = line.standing()
    is_the_shoppers = bool(standing) and standing[-1][1].reason in LEFT_TO_THE_SHOPPER
    return None if is_the_shoppers or line.state().quantity else 0


def _shoppers_ms(line: CartLine, held: Held, now_ms: int) -> int:
    """When the shopper did it: as the store tells, else just after what was confirmed last.

    So a post that HashCart has not worked on yet counts as later, and is not lost to what was done before it.
    """
    told_ms = min(held.changed_ms or 0, now_ms)
    if line.confirmed is not None and line.confirmed.key is not None:
        return max(key_time_ms(line.confirmed.key) + 1, told_ms)
    oldest = min(line.operations, default=None)
    return max(now_ms if oldest is None else key_time_ms(oldest) - 1, told_ms)
