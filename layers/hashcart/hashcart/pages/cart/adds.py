"""`/cart/not-me`: what replies have added for which adding was paused, for a shopper who did not post them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from hashcart.domain.account_links import TOO_MANY, AccountLink, LinkState
from hashcart.domain.hand_offs import HandOffLine
from hashcart.domain.product_links import ProductReference
from hashcart.pages.cart.pages import anchor
from hashcart.pages.kit.responses import Response
from hashcart.pages.kit.routes import Route, get, post
from hashcart.pages.kit.visitor import Visitor
from hashcart.stores.protocol import Store
from hashcart.use_cases.show_activity import ShowActivity
from hashcart.use_cases.take_back_adds import TakeBackAdds


class Shoppers(Protocol):
    """Who is who."""

    def link_of_shopper(self, shopper_id: str, *, now_ms: int) -> AccountLink | None:
        """The shopper's link."""


@dataclass(frozen=True, slots=True)
class AddsPages:
    """The page of adds that the shopper did not mean."""

    shoppers: Shoppers
    store: Store
    show_activity: ShowActivity
    take_back: TakeBackAdds
    x_site_url: str
    clock_ms: Callable[[], int]

    def routes(self) -> list[Route]:
        """Where it is."""
        return [
            get("/cart/not-me", self.show),
            post("/cart/not-me", self.undo, holds="adds.about_to_take_back"),
        ]

    def show(self, visitor: Visitor) -> Response:
        """What was added, and what to do first; nothing is changed."""
        link = self._asked_link(visitor)
        if link is None:
            return visitor.redirect("/account")
        entries = self.show_activity.entries(visitor.shopper_id, self.take_back.adds(link))
        return visitor.render(
            "cart/not_me.html",
            account_link=link,
            entries=entries,
            since_ms=link.adds_since_ms,
            anchor=anchor,
            page_of_product=self._page_of_product,
            post_url=lambda post_id: f"{self.x_site_url}/i/web/status/{post_id}",
            hides_sensitive=link.hide_sensitive,
        )

    def undo(self, visitor: Visitor) -> Response:
        """Take all of it back."""
        link = self._asked_link(visitor)
        if link is None:
            return visitor.redirect("/account")
        self.take_back(link)
        return visitor.redirect("/cart/not-me", notice="adds.taken_back")

    def _asked_link(self, visitor: Visitor) -> AccountLink | None:
        """The link, while its shopper is asked about too many adds."""
        link = self.shoppers.link_of_shopper(visitor.shopper_id, now_ms=self.clock_ms())
        is_asked = link is not None and link.state is LinkState.PAUSED and link.state_reason == TOO_MANY
        return link if is_asked else None

    def _page_of_product(self, reference: ProductReference) -> str:
        return self.store.product_url(HandOffLine(reference, 1))
