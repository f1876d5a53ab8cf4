"""`/cart`: the lines, what may be done with them, and adding without a reply."""

import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from typing import Protocol
from urllib.parse import urlencode

from hashcart.domain.account_links import AccountLink, Shopper
from hashcart.domain.cart_contents import LineView
from hashcart.domain.hand_offs import HandOffLine
from hashcart.domain.outcomes import PostRow
from hashcart.domain.product_links import ProductReference
from hashcart.pages.cart.forms import AddForm, CartQuery, CheckForm, ClickForm, HandOffForm
from hashcart.pages.kit.errors import PageError
from hashcart.pages.kit.limits import LOOKUPS
from hashcart.pages.kit.responses import Response
from hashcart.pages.kit.routes import Route, get, post
from hashcart.pages.kit.visitor import Visitor
from hashcart.queues import NotSentError
from hashcart.stores.protocol import CartStore, Store
from hashcart.use_cases.add_privately import AddPrivately
from hashcart.use_cases.check_again import CheckAgain, Checked
from hashcart.use_cases.click_cart import Action, Click, ClickCart, Clicked, Result
from hashcart.use_cases.hand_over import HandOver
from hashcart.use_cases.offer_replies import OfferReplies, Offers
from hashcart.use_cases.show_activity import Entry, ShowActivity
from hashcart.use_cases.show_cart import Cart, ShowCart
from hashcart.use_cases.synchronise_cart import SynchroniseCart

MAX_BUTTONS = 12
"""So many options are a button each; more are a list to choose from."""


class Shoppers(Protocol):
    """Who is who."""

    def shopper(self, shopper_id: str, *, now_ms: int) -> Shopper | None:
        """The shopper; None for one who has been erased."""

    def link_of_shopper(self, shopper_id: str, *, now_ms: int) -> AccountLink | None:
        """The shopper's link."""


class RowReader(Protocol):
    """What became of posts."""

    def row(self, shopper_id: str, key: str) -> PostRow | None:
        """One post's row."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What stands on top of the cart: a click that came too late, an answer of the store, what was just added."""

    stale: Clicked | None = None
    click: Click | None = None
    hand_off_is_stale: bool = False
    checked: Checked | None = None
    checked_line: str = ""
    added: Entry | None = None
    adding_key: str = ""
    removed: str = ""
    no_link_in: str = ""


@dataclass(frozen=True, slots=True)
class CartPages:
    """The cart's pages. `picture_origins` are the sites whose pictures browsers may load.

    `synchronise` brings the store's own cart and the lines together whenever the cart is looked at, so after each click
    too; None where the store has none.
    """

    shoppers: Shoppers
    rows: RowReader
    store: Store
    show_cart: ShowCart
    click_cart: ClickCart
    hand_over: HandOver
    check_again: CheckAgain
    add_privately: AddPrivately
    synchronise: SynchroniseCart | None
    show_activity: ShowActivity
    offer_replies: OfferReplies
    x_site_url: str
    picture_origins: Collection[str]
    clock_ms: Callable[[], int]

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            get("/cart", self.show),
            post("/cart/click", self.click, holds="cart.about_to_click"),
            post("/cart/store", self.go_to_store, holds="cart.about_to_hand_off"),
            post("/cart/check", self.check, limit=LOOKUPS),
            post("/cart/add", self.add, holds="cart.about_to_add", limit=LOOKUPS),
        ]

    def show(self, visitor: Visitor) -> Response:
        """The cart."""
        self._living(visitor)
        if self.synchronise is not None:
            self.synchronise(visitor.shopper_id, ip_address=visitor.request.source_address or None)
        query = visitor.query(CartQuery)
        if not query.added:
            return self._page(visitor, Shown(removed=query.removed))
        row = self.rows.row(visitor.shopper_id, query.added)
        if row is None or row.outcome is None:
            return self._page(visitor, Shown(adding_key=query.added))
        (entry,) = self.show_activity.entries(visitor.shopper_id, [row])
        return self._page(visitor, Shown(added=entry))

    def click(self, visitor: Visitor) -> Response:
        """A button beside a line."""
        self._living(visitor)
        click = visitor.form(ClickForm).click
        clicked = self.click_cart(visitor.shopper_id, click)
        match clicked.result:
            case Result.STALE:
                return self._page(visitor, Shown(stale=clicked, click=click), HTTPStatus.CONFLICT)
            case Result.NOT_POSSIBLE:
                raise PageError(HTTPStatus.CONFLICT, "cart.not_possible", reason=click.action)
            case Result.STORE_UNAVAILABLE:
                raise PageError(HTTPStatus.SERVICE_UNAVAILABLE, "cart.store_silent")
        if click.action in (Action.REMOVE, Action.UNDO) and clicked.line.state().is_empty:
            return visitor.leave(f"/cart?{urlencode({'removed': click.line_id})}")
        return visitor.leave(f"/cart#{anchor(clicked.line.line_id)}")

    def go_to_store(self, visitor: Visitor) -> Response:
        """To the store, with some lines."""
        self._living(visitor)
        form = visitor.form(HandOffForm)
        address = visitor.request.source_address or None
        url = self.hand_over(visitor.shopper_id, form.shown, form.form, ip_address=address)
        if url is None:
            return self._page(visitor, Shown(hand_off_is_stale=True), HTTPStatus.CONFLICT)
        return visitor.leave(url)

    def check(self, visitor: Visitor) -> Response:
        """Whether a wish is there again."""
        line_id = visitor.form(CheckForm).line
        return self._page(visitor, Shown(checked=self.check_again(line_id), checked_line=line_id))

    def add(self, visitor: Visitor) -> Response:
        """Add what a pasted link leads to."""
        form = visitor.form(AddForm)
        link = self.shoppers.link_of_shopper(visitor.shopper_id, now_ms=self.clock_ms())
        if link is None:
            raise PageError(HTTPStatus.CONFLICT, "cart.link_first")
        try:
            added = self.add_privately(link, form.link, form.pieces, form.options, form.found_in)
        except NotSentError:
            raise PageError(HTTPStatus.SERVICE_UNAVAILABLE, "common.unavailable", reason="queue") from None
        if added is None:
            return self._page(visitor, Shown(no_link_in=form.link[:200] or " "), HTTPStatus.UNPROCESSABLE_ENTITY)
        return visitor.leave(f"/cart?{urlencode({'added': added.key})}")

    def _living(self, visitor: Visitor) -> Shopper:
        """The shopper. Raises PageError for one who has been erased since the sign-in."""
        shopper = self.shoppers.shopper(visitor.shopper_id, now_ms=self.clock_ms())
        if shopper is None:
            visitor.browser.sign_out()
            raise PageError(HTTPStatus.UNAUTHORIZED, "common.sign_in_first", reason="erased")
        return shopper

    def _page(self, visitor: Visitor, shown: Shown, status: int = HTTPStatus.OK) -> Response:
        self._living(visitor)
        link = self.shoppers.link_of_shopper(visitor.shopper_id, now_ms=self.clock_ms())
        cart = self.show_cart(visitor.shopper_id, link.sensitive_categories if link else ())
        return visitor.render(
            "cart/index.html",
            status=status,
            form_targets=cart.origins,
            cart=cart,
            shown=shown,
            account_link=link,
            offers=Offers() if link is None else self.offer_replies.offers(link),
            form_id=secrets.token_urlsafe(9),
            has_store_cart=isinstance(self.store, CartStore),
            notices=self._notices(visitor, cart),
            stale_view=self._stale_view(shown),
            removed_view=next((view for view in cart.removed if view.line_id == shown.removed), None),
            anchor=anchor,
            picture=self._picture,
            page_of=lambda view: self.store.product_url(view.for_hand_off),
            page_of_product=self._page_of_product,
            post_url=lambda post_id: f"{self.x_site_url}/i/web/status/{post_id}",
            covers=lambda view: view.sensitive and (link is None or link.hide_sensitive),
            max_buttons=MAX_BUTTONS,
        )

    def _page_of_product(self, reference: ProductReference) -> str:
        return self.store.product_url(HandOffLine(reference, 1))

    def _stale_view(self, shown: Shown) -> LineView | None:
        return None if shown.stale is None else self.click_cart.view(shown.stale.line)

    def _notices(self, visitor: Visitor, cart: Cart) -> list[str]:
        """The sentences that the store wants beside its products."""
        views = [view for group in cart.groups for view in group.lines]
        views += [*cart.wished, *cart.sent, *(choice.view for choice in cart.waiting)]
        has_prices = any(view.shows_price for view in views)
        notices = self.store.display.notices if views else ()
        return [notice.text(visitor.language) for notice in notices if has_prices or not notice.with_prices]

    def _picture(self, view: LineView) -> str | None:
        """The product's picture, where the page may load it from there."""
        url = view.shown.image_url or ""
        return url if "/".join(url.split("/", 3)[:3]) in self.picture_origins else None


def anchor(line_id: str) -> str:
    """Where on the page a line stands."""
    return f"line-{sha256(line_id.encode()).hexdigest()[:10]}"
