"""What the cart page shows: every line in its place, in groups that go to the store together."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from hashcart.domain.cart_contents import LineView, Place, Total, totals, view_of
from hashcart.domain.cart_lines import CartLine
from hashcart.domain.product_links import ProductReference
from hashcart.domain.products import Product, Variant
from hashcart.observability import report_failure
from hashcart.stores.protocol import CartStore, Store, StoreUnavailableError

MAX_LINES_AT_ONCE = 50
"""The most lines of one hand-off: a form has at most 100 fields, and DynamoDB changes at most 100 items together."""

TIME_FOR_OPTIONS_MS = 2_500
"""After this long the page comes without the options that are still missing."""


class LineReader(Protocol):
    """The lines."""

    def lines(self, shopper_id: str) -> list[CartLine]:
        """All lines of a shopper, read consistently."""


@dataclass(frozen=True, slots=True)
class Part:
    """Lines that one click takes to the store, or that stand for the cart which the store has of its own."""

    lines: tuple[LineView, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """What is in the cart of one marketplace. `unpriced` lines have no price and count in no total."""

    marketplace: str
    lines: tuple[LineView, ...]
    totals: tuple[Total, ...]
    unpriced: int
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """A line that waits for an option; None if the store did not say in time what there is, empty if nothing is."""

    view: LineView
    variants: tuple[Variant, ...] | None


@dataclass(frozen=True, slots=True)
class Cart:
    """The page's content; `origins` are the sites that its forms lead to."""

    groups: tuple[Group, ...]
    waiting: tuple[Choice, ...]
    wished: tuple[LineView, ...]
    sent: tuple[LineView, ...]
    removed: tuple[LineView, ...]
    origins: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is in the cart and nothing on its way there."""
        return not (self.groups or self.waiting or self.wished or self.sent)


@dataclass(frozen=True, slots=True)
class ShowCart:
    """Reads a cart. `product_of` raises StoreUnavailableError."""

    carts: LineReader
    store: Store
    product_of: Callable[[ProductReference], Product | None]
    own_maximum: int
    sensitive_categories: Collection[str]
    clock_ms: Callable[[], int]

    def __call__(self, shopper_id: str, own_categories: Collection[str] = ()) -> Cart:
        """The shopper's cart now, the newest lines first; `own_categories` are sensitive to this shopper."""
        views = self.views(self.carts.lines(shopper_id), own_categories)
        return Cart(
            groups=tuple(self._groups(_at(views, Place.IN_CART))),
            waiting=tuple(self._choices(_at(views, Place.WAITING))),
            wished=_at(views, Place.WISHED),
            sent=_at(views, Place.SENT),
            removed=_at(views, Place.REMOVED),
            origins=self._origins(views),
        )

    def views(self, lines: Iterable[CartLine], own_categories: Collection[str] = ()) -> list[LineView]:
        """The lines that the page shows, the newest first."""
        now_ms = self.clock_ms()
        life_ms = self.store.display.price_life_ms
        categories = (*self.sensitive_categories, *own_categories)
        shown = (
            view_of(line, now_ms, own_maximum=self.own_maximum, price_life_ms=life_ms, sensitive_categories=categories)
            for line in lines
        )
        return sorted((view for view in shown if view is not None), key=lambda view: view.since_ms, reverse=True)

    def _groups(self, views: Sequence[LineView]) -> Iterable[Group]:
        for marketplace in sorted({view.reference.marketplace for view in views}):
            lines = tuple(view for view in views if view.reference.marketplace == marketplace)
            yield Group(
                marketplace=marketplace,
                lines=lines,
                totals=totals(lines),
                unpriced=sum(view.amount is None for view in lines),
                parts=tuple(self._parts(lines)),
            )

    def _parts(self, views: Sequence[LineView]) -> Iterable[Part]:
        if isinstance(self.store, CartStore):
            yield Part(tuple(views[:MAX_LINES_AT_ONCE]))
            return
        by_id = {view.line_id: view for view in views}
        for start in range(0, len(views), MAX_LINES_AT_ONCE):
            chunk = views[start : start + MAX_LINES_AT_ONCE]
            for hand_off in self.store.hand_off([view.for_hand_off for view in chunk]):
                yield Part(tuple(by_id[line_id] for line_id in hand_off.line_ids))

    def _origins(self, views: Iterable[LineView]) -> tuple[str, ...]:
        lines = (view.for_hand_off for view in views if view.place in (Place.IN_CART, Place.SENT))
        origins = [_origin(hand_off.url) for line in lines for hand_off in self.store.hand_off([line])]
        return tuple(dict.fromkeys([*origins, *(self.store.display.checkout_origins if origins else ())]))

    def _choices(self, views: Sequence[LineView]) -> Iterable[Choice]:
        deadline_ms = self.clock_ms() + TIME_FOR_OPTIONS_MS
        for view in views:
            in_time = self.clock_ms() < deadline_ms
            yield Choice(view, self._variants(view.reference) if in_time else None)

    def _variants(self, reference: ProductReference) -> tuple[Variant, ...] | None:
        try:
            product = self.product_of(reference)
        except StoreUnavailableError as error:
            report_failure(None, "options_unavailable", error)
            return None
        return () if product is None else product.variants


def _origin(url: str) -> str:
    """The scheme, host and port of an address."""
    return "/".join(url.split("/", 3)[:3])


def _at(views: Iterable[LineView], place: Place) -> tuple[LineView, ...]:
    return tuple(view for view in views if view.place is place)
