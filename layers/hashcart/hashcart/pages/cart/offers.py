"""`/cart/linked`, the page after linking; and the replies from before, which it and the cart page offer."""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol
from urllib.parse import urlencode

from hashcart.domain.account_links import AccountLink
from hashcart.pages.cart.forms import OfferForm
from hashcart.pages.kit.errors import PageError
from hashcart.pages.kit.limits import LOOKUPS
from hashcart.pages.kit.responses import Response
from hashcart.pages.kit.routes import Route, get, post
from hashcart.pages.kit.visitor import Visitor
from hashcart.queues import NotSentError
from hashcart.use_cases.offer_replies import OfferReplies, Taken


class Shoppers(Protocol):
    """Who is who."""

    def link_of_shopper(self, shopper_id: str, *, now_ms: int) -> AccountLink | None:
        """The shopper's link."""


@dataclass(frozen=True, slots=True)
class OfferPages:
    """The pages of offered replies."""

    shoppers: Shoppers
    offer_replies: OfferReplies
    x_site_url: str
    clock_ms: Callable[[], int]

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            get("/cart/linked", self.show),
            post("/cart/offers", self.answer, holds="offers.about_to_answer", limit=LOOKUPS),
            post("/cart/offers/look", self.look_again, holds="offers.about_to_look", limit=LOOKUPS),
        ]

    def show(self, visitor: Visitor) -> Response:
        """Linked: how to go on, and what of the days before may be wanted."""
        link = self._link(visitor)
        if link is None:
            return visitor.redirect("/link/x")
        self.offer_replies.look_once(link)
        return visitor.render(
            "linking/done.html",
            account_link=link,
            offers=self.offer_replies.offers(link),
            post_url=lambda post_id: f"{self.x_site_url}/i/web/status/{post_id}",
        )

    def answer(self, visitor: Visitor) -> Response:
        """Wanted, or not."""
        form = visitor.form(OfferForm)
        link = self._link(visitor)
        if link is None:
            raise PageError(HTTPStatus.CONFLICT, "cart.link_first")
        if form.answer == "decline":
            self.offer_replies.decline(link, form.reply)
            return visitor.redirect("/cart", notice="offers.declined")
        try:
            return _after(visitor, self.offer_replies.take(link, form.reply))
        except NotSentError:
            raise PageError(HTTPStatus.SERVICE_UNAVAILABLE, "common.unavailable", reason="queue") from None

    def look_again(self, visitor: Visitor) -> Response:
        """Ask X once more."""
        link = self._link(visitor)
        if link is not None:
            self.offer_replies.look_again(link)
        return visitor.redirect("/cart/linked")

    def _link(self, visitor: Visitor) -> AccountLink | None:
        return self.shoppers.link_of_shopper(visitor.shopper_id, now_ms=self.clock_ms())


def _after(visitor: Visitor, taken: Taken) -> Response:
    """To what was added, or to the cart with a word on what was not."""
    if taken.trouble is not None:
        return visitor.redirect("/cart", notice="offers.not_now")
    if len(taken.keys) == 1 and not taken.gone:
        return visitor.leave(f"/cart?{urlencode({'added': taken.keys[0]})}")
    if taken.keys:
        return visitor.redirect("/activity", notice="offers.on_its_way")
    return visitor.redirect("/cart", notice="offers.gone")
