"""`/activity` and `/why-not`: what became of each reply, and of those that never came."""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import urlencode

from hashcart.domain.account_links import AccountLink
from hashcart.domain.hand_offs import HandOffLine
from hashcart.domain.outcomes import PostRow
from hashcart.domain.posts import DAY_MS
from hashcart.domain.product_links import ProductReference
from hashcart.domain.why_not import Explanation
from hashcart.pages.cart.forms import ActivityQuery, AskForm
from hashcart.pages.cart.pages import anchor
from hashcart.pages.kit.errors import PageError
from hashcart.pages.kit.limits import LOOKUPS
from hashcart.pages.kit.responses import Response
from hashcart.pages.kit.routes import Route, get, post
from hashcart.pages.kit.visitor import Visitor
from hashcart.stores.protocol import Store
from hashcart.use_cases.explain_reply import ExplainReply, Unexplained
from hashcart.use_cases.show_activity import Entry, ShowActivity

OFFERED_MS = 7 * DAY_MS
"""So long after linking the page tells where replies from before are offered; X finds none that are older."""


class Shoppers(Protocol):
    """Who is who."""

    def link_of_shopper(self, shopper_id: str, *, now_ms: int) -> AccountLink | None:
        """The shopper's link."""


@dataclass(frozen=True, slots=True)
class ActivityPages:
    """The pages of what happened."""

    shoppers: Shoppers
    store: Store
    show_activity: ShowActivity
    explain_reply: ExplainReply
    x_site_url: str
    clock_ms: Callable[[], int]

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            get("/activity", self.show),
            get("/why-not", self.ask),
            post("/why-not", self.answer, holds="activity.about_to_ask", limit=LOOKUPS),
        ]

    def show(self, visitor: Visitor) -> Response:
        """The history."""
        before = visitor.query(ActivityQuery).before or None
        page = self.show_activity(visitor.shopper_id, before)
        older = f"/activity?{urlencode({'before': page.older_than})}" if page.older_than else None
        link = self._link(visitor)
        is_recent = link is not None and self.clock_ms() - link.consented_at_ms < OFFERED_MS
        return self._render(
            visitor,
            "cart/activity.html",
            page=page,
            older=older,
            is_first=before is None,
            hears_of_offers=is_recent,
        )

    def ask(self, visitor: Visitor) -> Response:
        """The form of "Why not?"."""
        return self._render(visitor, "cart/why_not.html", asked="", entry=None, explanation=None, unexplained=None)

    def answer(self, visitor: Visitor) -> Response:
        """Its answer, which is shown and kept nowhere."""
        asked = visitor.form(AskForm).link.strip()
        link = self._link(visitor)
        if link is None:
            raise PageError(HTTPStatus.CONFLICT, "cart.link_first")
        answer = self.explain_reply(link, asked)
        entry: Entry | None = None
        if isinstance(answer, PostRow):
            (entry,) = self.show_activity.entries(visitor.shopper_id, [answer])
        statuses = {
            Unexplained.NO_POST_LINK: HTTPStatus.UNPROCESSABLE_ENTITY,
            Unexplained.TOO_MANY: HTTPStatus.TOO_MANY_REQUESTS,
            Unexplained.OVER_BUDGET: HTTPStatus.SERVICE_UNAVAILABLE,
            Unexplained.X_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
        }
        return self._render(
            visitor,
            "cart/why_not.html",
            status=statuses[answer] if isinstance(answer, Unexplained) else HTTPStatus.OK,
            asked=asked[:300],
            entry=entry,
            explanation=answer if isinstance(answer, Explanation) else None,
            unexplained=answer if isinstance(answer, Unexplained) else None,
        )

    def _link(self, visitor: Visitor) -> AccountLink | None:
        return self.shoppers.link_of_shopper(visitor.shopper_id, now_ms=self.clock_ms())

    def _render(self, visitor: Visitor, template: str, *, status: int = HTTPStatus.OK, **context: Any) -> Response:
        link = self._link(visitor)
        return visitor.render(
            template,
            status=status,
            account_link=link,
            anchor=anchor,
            page_of_product=self._page_of_product,
            post_url=lambda post_id: f"{self.x_site_url}/i/web/status/{post_id}",
            hides_sensitive=link is None or link.hide_sensitive,
            **context,
        )

    def _page_of_product(self, reference: ProductReference) -> str:
        return self.store.product_url(HandOffLine(reference, 1))
