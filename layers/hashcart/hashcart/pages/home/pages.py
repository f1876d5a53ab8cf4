"""`/`: what this is, how to begin, the hashtags, and who runs it."""

from hashcart.pages.kit.responses import Response
from hashcart.pages.kit.routes import Route, get
from hashcart.pages.kit.visitor import Visitor


def home_routes() -> list[Route]:
    """The home page."""
    return [get("/", show_home, public=True)]


def show_home(visitor: Visitor) -> Response:
    """Show it."""
    return visitor.render("home/index.html")
