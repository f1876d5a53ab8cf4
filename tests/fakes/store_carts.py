"""A store with a cart of its own in memory: it loses answers, limits stock, is changed meanwhile and gets ordered."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from hashcart.domain.account_links import AccountLink, Shopper
from hashcart.domain.hand_offs import HandOff, HandOffLine
from hashcart.domain.product_links import ProductReference
from hashcart.domain.products import Product
from hashcart.stores.protocol import Customer, DisplayRules, StoreCart, StoreRefusedError, StoreUnavailableError
from tests.fakes.storage import Faulty


class Fault(Enum):
    """When a call's answer gets lost, or what the store says instead."""

    BEFORE_ACTING = "before"
    AFTER_ACTING = "after"
    REFUSED = "refused"
    NONE = "none"


class MemoryShoppers(Faulty):
    def __init__(self, *shoppers: Shopper) -> None:
        super().__init__()
        self.shoppers = {shopper.shopper_id: shopper for shopper in shoppers}
        self.links: dict[str, AccountLink] = {}

    def shopper(self, shopper_id: str, *, now_ms: int) -> Shopper | None:
        self._step()
        return self.shoppers.get(shopper_id)

    def current_link(self, x_user_id: str) -> AccountLink | None:
        self._step()
        return self.links.get(x_user_id)

    def keep_store_cart(self, shopper_id: str, cart_id: str, *, previous: str | None) -> bool:
        self._step()
        shopper = self.shoppers[shopper_id]
        if shopper.store_cart_id != previous:
            return False
        self.shoppers[shopper_id] = replace(shopper, store_cart_id=cart_id)
        return True


@dataclass
class MemoryCartStore:
    """One customer's carts, the last one open. `compares` says whether it takes `expected` into account.

    `makes_carts_late` stores, like Shopify, have no cart before the first product.
    """

    stock: dict[str, int] = field(default_factory=dict)
    compares: bool = True
    makes_carts_late: bool = False
    faults: deque[Fault] = field(default_factory=deque)
    before_step: Callable[[], None] = lambda: None
    carts: list[dict[str, int]] = field(default_factory=list)
    ordered: set[str] = field(default_factory=set)
    sold: dict[str, int] = field(default_factory=dict)
    changed_ms: dict[str, int] = field(default_factory=dict)

    display = DisplayRules()

    def __post_init__(self) -> None:
        if not self.makes_carts_late:
            self.carts.append({})

    def product(self, reference: ProductReference) -> Product | None:
        return Product(title=reference.product_id)

    def hand_off(self, lines: Sequence[HandOffLine]) -> Sequence[HandOff]:
        return []

    def product_url(self, line: HandOffLine) -> str:
        return f"https://shop.test/{line.reference.product_id}"

    def read_cart(self, customer: Customer) -> StoreCart:
        return self._answer(customer, lambda: None)

    def set_quantity(
        self, customer: Customer, reference: ProductReference, quantity: int, *, expected: int
    ) -> StoreCart:
        def act() -> None:
            if customer.cart_id in self.ordered:
                return
            if not self.carts:
                self.carts.append({})
            if not self.compares or self.held(reference.line_id) == expected:
                self.put(reference.line_id, min(quantity, self.stock.get(reference.line_id, quantity)))

        return self._answer(customer, act)

    def held(self, line_id: str) -> int:
        return self.carts[-1].get(line_id, 0) if self.carts else 0

    def put(self, line_id: str, quantity: int) -> None:
        """What the shopper does in the shop."""
        if not self.carts:
            self.carts.append({})
        self.carts[-1].pop(line_id, None)
        if quantity:
            self.carts[-1][line_id] = quantity

    def order(self) -> None:
        """The shopper checks out; an empty cart cannot."""
        if self.carts and self.carts[-1]:
            for line_id, quantity in self.carts[-1].items():
                self.sold[line_id] = self.sold.get(line_id, 0) + quantity
            self.ordered.add(str(len(self.carts)))
            self.carts.append({})

    def forget(self) -> None:
        """The cart is gone without an order."""
        self.carts.append({})

    def _answer(self, customer: Customer, act: Callable[[], None]) -> StoreCart:
        self.before_step()
        fault = self.faults.popleft() if self.faults else Fault.NONE
        if fault is Fault.REFUSED:
            raise StoreRefusedError("never")
        if fault is Fault.BEFORE_ACTING:
            raise StoreUnavailableError("no answer")
        act()
        if fault is Fault.AFTER_ACTING:
            raise StoreUnavailableError("no answer")
        open_id = str(len(self.carts)) if self.carts else None
        return StoreCart(
            open_id,
            dict(self.carts[-1]) if self.carts else {},
            ordered=customer.cart_id in self.ordered,
            changed_ms=dict(self.changed_ms),
        )
