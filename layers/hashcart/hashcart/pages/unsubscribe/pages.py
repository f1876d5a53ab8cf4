"""`/unsubscribe`: a page that asks, and the address that stops e-mail at once.

A mail program posts there by itself (RFC 8058), without a session and without following redirects, so the POST is
answered with a page. The token in the address is all the proof there is, and it stops nothing but e-mail.
"""

from dataclasses import dataclass
from http import HTTPStatus

from hashcart.pages.kit.limits import Limit
from hashcart.pages.kit.responses import Response
from hashcart.pages.kit.routes import Route, get
from hashcart.pages.kit.visitor import Visitor
from hashcart.use_cases.unsubscribe import Unsubscribe

# A mail provider posts for all its readers from few addresses.
UNSUBSCRIPTIONS = Limit("unsubscriptions", per_session=60, per_address=3000, window_seconds=60)


@dataclass(frozen=True, slots=True)
class UnsubscribePages:
    """The page and its form."""

    unsubscribe: Unsubscribe

    def routes(self) -> list[Route]:
        """The routes, none of which needs a sign-in."""
        one_click = Route(
            "POST", "/unsubscribe", self.stop, public=True, limit=UNSUBSCRIPTIONS, posted_from_elsewhere=True
        )
        return [get("/unsubscribe", self.ask, public=True), one_click]

    def ask(self, visitor: Visitor) -> Response:
        """Ask first: programs that look at links before people do must not stop anything."""
        token = visitor.request.query.get("token", "")
        if not self.unsubscribe.is_genuine(token):
            return _page(visitor, "bad")
        return visitor.render("unsubscribe/index.html", state="ask", token=token)

    def stop(self, visitor: Visitor) -> Response:
        """Stop the e-mail of the token's shopper; the form's fields say nothing that the token does not."""
        return _page(visitor, "done" if self.unsubscribe(visitor.request.query.get("token", "")) else "bad")


def _page(visitor: Visitor, state: str) -> Response:
    status = HTTPStatus.OK if state == "done" else HTTPStatus.NOT_FOUND
    return visitor.render("unsubscribe/index.html", status=status, state=state)
