"""A form that was sent after the session had ended is kept, and offered again once the shopper has signed in."""

from http import HTTPStatus
from typing import TYPE_CHECKING

from hashcart.pages.kit.errors import PageError
from hashcart.pages.kit.responses import Response
from hashcart.pages.kit.routes import Route, get
from hashcart.pages.kit.visitor import CSRF_FIELD, Visitor

if TYPE_CHECKING:
    from collections.abc import Mapping

HELD = "held"
RESUME_PATH = "/resume"
MAX_HELD_BYTES = 8 * 1024


def hold(visitor: Visitor, text: str | None) -> str:
    """Keep the posted form, whose purpose `text` says; answers with where to go on after the sign-in.

    Without a text, or too large, it is not kept, and the way leads home.
    """
    if text is None or len(visitor.request.body) > MAX_HELD_BYTES:
        return "/"
    fields = visitor.request.form()
    fields.pop(CSRF_FIELD, None)
    visitor.browser.keep(HELD, {"path": visitor.request.path, "text": text, "fields": fields})
    return RESUME_PATH


def resume_routes() -> list[Route]:
    """The page that offers it."""
    return [get(RESUME_PATH, _offer)]


def _offer(visitor: Visitor) -> Response:
    held = visitor.browser.value(HELD)
    if held is None:
        raise PageError(HTTPStatus.NOT_FOUND, "common.nothing_held")
    fields: Mapping[str, list[str]] = held["fields"]
    shown = {name: values[-1] for name, values in fields.items()}
    return visitor.render("resume.html", action=held["path"], about=visitor.texts(held["text"], **shown), fields=fields)
