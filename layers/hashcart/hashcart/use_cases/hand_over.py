"""Taking lines to the store: the operations are written before the browser is sent there.

At a store with a cart of its own nothing is written: that cart holds the lines already, and has a way to its checkout.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from hashcart.domain.account_links import Shopper
from hashcart.domain.cart_contents import HANDED_OVER, Place, view_of
from hashcart.domain.cart_lines import CartLine, Kind, LineClick, Operation
from hashcart.domain.hand_offs import HandOffLine
from hashcart.domain.posts import click_key
from hashcart.domain.product_links import ProductReference
from hashcart.observability import Tally, report, report_failure
from hashcart.storage.carts import StaleRevisionError
from hashcart.stores.protocol import CartStore, Customer, Store, StoreUnavailableError


class ClickableLines(Protocol):
    """The lines."""

    def lines(self, shopper_id: str) -> list[CartLine]:
        """All lines of a shopper, read consistently."""

    def click_together(self, shopper_id: str, clicks: Sequence[LineClick], *, now_ms: int) -> list[CartLine]:
        """Put one form's operations on several lines, on all or on none. Raises StaleRevisionError."""


class ShopperReader(Protocol):
    """Whose account at the store is whose."""

    def shopper(self, shopper_id: str, *, now_ms: int) -> Shopper | None:
        """The shopper."""


@dataclass(frozen=True, slots=True)
class ShownLine:
    """A line as the page of the form showed it."""

    line_id: str
    revision: int


@dataclass(frozen=True, slots=True)
class HandOver:
    """Takes lines in the cart, or lines that were sent before, to the store."""

    carts: ClickableLines
    shoppers: ShopperReader
    store: Store
    own_maximum: int
    clock_ms: Callable[[], int]
    tally: Tally = field(default_factory=Tally)

    def __call__(
        self, shopper_id: str, shown: Sequence[ShownLine], form_id: str, *, ip_address: str | None = None
    ) -> str | None:
        """The store's address to open; None if a line is no longer what the page showed, and then nothing is done.

        The same form sent twice leads to the same address. `ip_address` is that of the shopper's browser.
        """
        if isinstance(self.store, CartStore):
            address = self._checkout(shopper_id, shown, self.store, ip_address)
        else:
            address = self._hand_off(shopper_id, shown, form_id)
        if address is not None:
            report(None, "handed_over", lines=len(shown))
            self.tally.count("HandOffs")
            self.tally.count("LinesHandedOff", len(shown))
            self.tally.log()
        return address

    def _hand_off(self, shopper_id: str, shown: Sequence[ShownLine], form_id: str) -> str | None:
        """Where the shop takes these lines, once they are noted as sent."""
        stored = {line.line_id: line for line in self.carts.lines(shopper_id)}
        lines = [stored.get(entry.line_id, CartLine(entry.line_id)) for entry in shown]
        key_id = f"{form_id}.hand_over"
        quantities = [
            _sent_before(line, key_id) or self._to_send(line, entry) for line, entry in zip(lines, shown, strict=True)
        ]
        wanted = [
            HandOffLine(
                ProductReference.from_line_id(line.line_id),
                quantity,
                line.snapshot.associate_tag,
                line.snapshot.item_id,
            )
            for line, quantity in zip(lines, quantities, strict=True)
            if quantity is not None
        ]
        go_together = len(wanted) == len(shown) and len({line.reference.marketplace for line in wanted}) == 1
        hand_offs = self.store.hand_off(wanted) if go_together else ()
        if len(hand_offs) != 1 or len(hand_offs[0].line_ids) != len(shown):
            return None
        clicks = [
            self._click(line, quantity, key_id)
            for line, quantity in zip(lines, quantities, strict=True)
            if _sent_before(line, key_id) is None
        ]
        if not self._written(shopper_id, clicks):
            return None
        return hand_offs[0].url

    def _checkout(
        self, shopper_id: str, shown: Sequence[ShownLine], store: CartStore, ip_address: str | None
    ) -> str | None:
        """Where the shopper checks out the cart at the store, or else the shop's own address for these lines."""
        shopper = self.shoppers.shopper(shopper_id, now_ms=self.clock_ms())
        try:
            checkout_url = None
            if shopper is not None:
                customer = Customer(shopper.store_subject, shopper.store_cart_id, ip_address=ip_address)
                checkout_url = store.read_cart(customer).checkout_url
        except StoreUnavailableError as error:
            report_failure(None, "checkout_unknown", error)
            checkout_url = None
        asked = {entry.line_id for entry in shown}
        lines = [line for line in self.carts.lines(shopper_id) if line.line_id in asked]
        views = (view_of(line, self.clock_ms(), own_maximum=self.own_maximum) for line in lines)
        in_cart = [view.for_hand_off for view in views if view is not None and view.place is Place.IN_CART]
        by_hand = [hand_off.url for hand_off in store.hand_off(in_cart)]
        return checkout_url or next(iter(by_hand), None)

    def _to_send(self, line: CartLine, entry: ShownLine) -> int | None:
        view = view_of(line, self.clock_ms(), own_maximum=self.own_maximum)
        if view is None or view.place not in (Place.IN_CART, Place.SENT) or view.revision != entry.revision:
            return None
        return view.quantity

    def _click(self, line: CartLine, quantity: int | None, key_id: str) -> LineClick:
        key = click_key(self.clock_ms(), line.newest_key, key_id)
        return LineClick(line.line_id, key, Operation(Kind.CLEAR, 1, quantity, HANDED_OVER), line.revision)

    def _written(self, shopper_id: str, clicks: Sequence[LineClick]) -> bool:
        try:
            if clicks:
                self.carts.click_together(shopper_id, clicks, now_ms=self.clock_ms())
        except StaleRevisionError:
            return False
        return True


def _sent_before(line: CartLine, key_id: str) -> int | None:
    """How many an earlier sending of the same form took along."""
    sent = (operation.quantity for key, operation in line.operations.items() if key.split("#", 2)[2] == key_id)
    return next(sent, None)
