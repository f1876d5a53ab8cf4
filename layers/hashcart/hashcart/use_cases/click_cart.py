"""What a click on the cart page does: an operation, after everything that the line already has.

It counts only on the revision that its page showed. The same form sent twice succeeds once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from hashcart.domain.cart_contents import (
    DONE,
    REMOVED,
    LineView,
    Place,
    post_of,
    put_back,
    undo_last_click,
    view_of,
)
from hashcart.domain.cart_lines import CHOSEN, CartLine, Kind, LineClick, Operation, Snapshot, adding, fold
from hashcart.domain.posts import click_key
from hashcart.domain.product_links import ProductReference
from hashcart.domain.products import Product, Variant
from hashcart.observability import report, report_failure
from hashcart.storage.carts import StaleRevisionError
from hashcart.stores.protocol import StoreUnavailableError


class Action(StrEnum):
    """What a shopper can do with a line."""

    SET_QUANTITY = "set_quantity"
    REMOVE = "remove"
    UNDO = "undo"
    PUT_BACK = "put_back"
    DONE = "done"
    ADD = "add"
    CHOOSE = "choose"
    CHOOSE_AGAIN = "choose_again"


class Result(StrEnum):
    """How a click ended. STALE changed nothing, as the line is no longer what the page showed."""

    DONE = "done"
    STALE = "stale"
    NOT_POSSIBLE = "not_possible"
    STORE_UNAVAILABLE = "store_unavailable"


@dataclass(frozen=True, slots=True)
class Click:
    """One form: what is to happen to the line that its page showed at `revision`.

    `form_id` is the page's own and has no `#`. `quantity` comes with SET_QUANTITY, `variant_id` with CHOOSE.
    """

    action: Action
    line_id: str
    revision: int
    form_id: str
    quantity: int = 1
    variant_id: str = ""

    @property
    def key_id(self) -> str:
        """What names the operation: another value in the same form is another click."""
        wish = {Action.SET_QUANTITY: f".{self.quantity}", Action.CHOOSE: f".{self.variant_id}"}.get(self.action, "")
        return f"{self.form_id}.{self.action}{wish}"


@dataclass(frozen=True, slots=True)
class Clicked:
    """The result, and the line as it is then; of two lines, the one that was filled."""

    result: Result
    line: CartLine


class ClickableLines(Protocol):
    """The lines."""

    def line(self, shopper_id: str, line_id: str) -> CartLine:
        """One line, read consistently."""

    def click_together(self, shopper_id: str, clicks: Sequence[LineClick], *, now_ms: int) -> list[CartLine]:
        """Put one form's operations on several lines, on all or on none. Raises StaleRevisionError."""


@dataclass(frozen=True, slots=True)
class ClickCart:
    """Carries out clicks. `product_of` raises StoreUnavailableError."""

    carts: ClickableLines
    product_of: Callable[[ProductReference], Product | None]
    own_maximum: int
    clock_ms: Callable[[], int]

    def __call__(self, shopper_id: str, click: Click) -> Clicked:
        """Do what the form asks for."""
        line = self.carts.line(shopper_id, click.line_id)
        if _was_done(line, click):
            return Clicked(Result.DONE, line)
        if line.revision != click.revision or not line.operations:
            return Clicked(Result.STALE, line)
        try:
            clicks = self._clicks(shopper_id, line, click)
            if not clicks:
                return Clicked(Result.NOT_POSSIBLE, line)
            changed = self.carts.click_together(shopper_id, clicks, now_ms=self.clock_ms())
        except StaleRevisionError:
            return Clicked(Result.STALE, self.carts.line(shopper_id, click.line_id))
        except StoreUnavailableError as error:
            report_failure(None, "click_failed", error)
            return Clicked(Result.STORE_UNAVAILABLE, line)
        report(None, "clicked", click.action)
        return Clicked(Result.DONE, changed[-1])

    def view(self, line: CartLine) -> LineView | None:
        """The line as the page shows it."""
        return view_of(line, self.clock_ms(), own_maximum=self.own_maximum)

    def _clicks(self, shopper_id: str, line: CartLine, click: Click) -> list[LineClick]:
        if click.action is Action.CHOOSE:
            return self._choose(shopper_id, line, click)
        if click.action is Action.CHOOSE_AGAIN:
            return self._choose_again(shopper_id, line, click)
        if click.action is Action.ADD:
            return self._add(line, click)
        view = self.view(line)
        operation = _operation(line, view, click) if view is not None else None
        return [] if operation is None else [self._on(line, operation, click)]

    def _add(self, wished: CartLine, click: Click) -> list[LineClick]:
        """Put a wish in the cart, with the price of now."""
        state = wished.state(self.clock_ms())
        product = self.product_of(ProductReference.from_line_id(wished.line_id)) if state.wished else None
        if product is None or product.is_sold_out:
            return []
        kind, quantity = adding(state)
        snapshot = replace(
            wished.snapshot,
            title=product.title or wished.snapshot.title,
            price=product.price,
            currency=product.currency,
            priced_at_ms=self.clock_ms() if product.price else None,
            max_quantity=max(1, product.limit(self.own_maximum)),
        )
        operation = Operation(kind, 1, quantity, post_id=post_of(wished))
        return [self._on(wished, operation, click, snapshot)]

    def _choose(self, shopper_id: str, waiting: CartLine, click: Click) -> list[LineClick]:
        """Clear the waiting line and fill that of the variant, together."""
        reference = ProductReference.from_line_id(waiting.line_id)
        product = self.product_of(reference)
        variants = () if product is None else product.variants
        variant = next((variant for variant in variants if variant.id == click.variant_id), None)
        if product is None or variant is None or not waiting.state(self.clock_ms()).waiting:
            return []
        chosen = self.carts.line(shopper_id, variant.reference(reference).line_id)
        asked = next(op.quantity for _, op in reversed(waiting.standing()) if op.kind is Kind.WAITING)
        operation = Operation(
            kind=Kind.WISH if variant.in_stock is False else Kind.PLAIN if asked is None else Kind.SET,
            version=1,
            quantity=asked,
            post_id=post_of(waiting),
            chosen_from=waiting.line_id,
        )
        return [
            self._on(waiting, Operation(Kind.CLEAR, 1, reason=CHOSEN), click),
            self._on(chosen, operation, click, self._snapshot(waiting.snapshot, product, variant)),
        ]

    def _choose_again(self, shopper_id: str, chosen: CartLine, click: Click) -> list[LineClick]:
        """Take back a choice: the line waits again, and the variant's holds what it held before."""
        standing = chosen.standing()
        newest = standing[-1][1] if standing else None
        if newest is None or newest.chosen_from is None:
            return []
        waiting = self.carts.line(shopper_id, newest.chosen_from)
        before = fold(standing[:-1])
        taken_back = Operation(Kind.CLEAR, 1, reason=CHOSEN)
        if before.quantity:
            taken_back = Operation(Kind.SET, 1, before.quantity, post_id=post_of(chosen))
        wait = Operation(Kind.WAITING, 1, newest.quantity, post_id=newest.post_id)
        return [self._on(chosen, taken_back, click), self._on(waiting, wait, click)]

    def _on(self, line: CartLine, operation: Operation, click: Click, snapshot: Snapshot | None = None) -> LineClick:
        key = click_key(self.clock_ms(), line.newest_key, click.key_id)
        return LineClick(line.line_id, key, operation, line.revision, snapshot)

    def _snapshot(self, waiting: Snapshot, product: Product, variant: Variant) -> Snapshot:
        options = ", ".join(value for _, value in variant.options)
        title = ", ".join(part for part in (product.title or waiting.title, variant.title or options) if part)
        price, currency = (
            (variant.price, variant.currency) if variant.price is not None else (product.price, product.currency)
        )
        limits = (self.own_maximum, variant.max_quantity, product.max_quantity)
        return Snapshot(
            title=title or None,
            price=price,
            currency=currency,
            image_url=variant.image_url or product.image_url or waiting.image_url,
            priced_at_ms=self.clock_ms() if price else None,
            max_quantity=max(1, min(limit for limit in limits if limit is not None)),
            sensitive=waiting.sensitive,
            category=product.category or waiting.category,
            associate_tag=waiting.associate_tag,
        )


def _operation(line: CartLine, view: LineView, click: Click) -> Operation | None:
    """The one operation that a click asks of a line; None where the line does not allow it."""
    match click.action, view.place:
        case Action.SET_QUANTITY, Place.IN_CART:
            return Operation(Kind.SET, 1, click.quantity)
        case Action.REMOVE, Place.IN_CART | Place.WAITING | Place.WISHED:
            return Operation(Kind.CLEAR, 1, reason=REMOVED)
        case Action.UNDO, Place.IN_CART:
            return undo_last_click(line)
        case Action.PUT_BACK, Place.SENT | Place.REMOVED:
            return put_back(line)
        case Action.DONE, Place.SENT:
            return Operation(Kind.CLEAR, 1, reason=DONE)
        case _:
            return None


def _was_done(line: CartLine, click: Click) -> bool:
    return any(key.split("#", 2)[1:] == ["click", click.key_id] for key in line.operations)
