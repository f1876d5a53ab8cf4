"""What a page's handler has to do with: who asks, in which language, and how to answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from pydantic import BaseModel, ValidationError

from hashcart.domain.languages import DEFAULT_LANGUAGE, accepted_language
from hashcart.pages.kit.browser import Browser
from hashcart.pages.kit.errors import PageError
from hashcart.pages.kit.requests import Request
from hashcart.pages.kit.responses import Response
from hashcart.pages.kit.texts import Texts

if TYPE_CHECKING:
    from hashcart.pages.kit.rendering import Renderer

CSRF_FIELD = "csrf_token"


@dataclass(frozen=True)
class Visitor:
    """A browser at one of our pages. `path` holds the values of the route's parameters."""

    request: Request
    browser: Browser
    path: Mapping[str, str]
    public_url: str
    renderer: "Renderer"

    @property
    def is_signed_in(self) -> bool:
        """Whether we know who it is."""
        return self.browser.shopper_id is not None

    @property
    def shopper_id(self) -> str:
        """Who is signed in. Raises PageError (401) if nobody is, which only public routes can meet."""
        shopper_id = self.browser.shopper_id
        if shopper_id is None:
            raise PageError(HTTPStatus.UNAUTHORIZED, "common.sign_in_first")
        return shopper_id

    @property
    def language(self) -> str:
        """Chosen here, else the shopper's, else what the browser prefers."""
        accepted = accepted_language(self.request.headers.get("accept-language", ""))
        return self.browser.language or accepted or DEFAULT_LANGUAGE

    @property
    def csrf_token(self) -> str:
        """What each form has to carry as `csrf_token`; the macro `csrf()` writes it."""
        return self.browser.csrf_token

    @cached_property
    def texts(self) -> Texts:
        """The texts of the visitor's language."""
        return Texts(self.language)

    def in_language(self, language: str) -> str:
        """The address of this page that switches to a language; the home page's where this one is not a GET."""
        if not self.request.is_reading:
            return f"/?lang={language}"
        return "?" + urlencode({**self.request.query, "lang": language})

    def form[Form: BaseModel](self, model: type[Form]) -> Form:
        """The posted form, as the model wants it. Raises PageError (400).

        A field that is a tuple, list or set gets all values of its name; of others the last one counts. A box that is
        not ticked is not sent, so such a field has a default.
        """
        fields = self.request.form()
        fields.pop(CSRF_FIELD, None)
        several = {
            name for name, field in model.model_fields.items() if getattr(field.annotation, "__origin__", None)
            in (tuple, list, set, frozenset)
        }  # fmt: skip
        return self._validated(model, {name: all_ if name in several else all_[-1] for name, all_ in fields.items()})

    def query[Query: BaseModel](self, model: type[Query]) -> Query:
        """The query, as the model wants it. Raises PageError (400)."""
        return self._validated(model, self.request.query)

    def render(
        self,
        template: str,
        *,
        status: int = HTTPStatus.OK,
        form_targets: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
        **context: object,
    ) -> Response:
        """A page. `form_targets` are the origins of other sites that its forms lead to."""
        body = self.renderer.page(template, self, context)
        return Response(status, body, headers=dict(headers or {}), form_targets=form_targets)

    def redirect(self, path: str, *, notice: str | None = None, **values: str | int) -> Response:
        """On to another page of ours, by GET; there the text `notice` stands on top, once."""
        if notice is not None:
            self.browser.leave_notice(notice, values)
        return self.leave(path)

    def leave(self, url: str) -> Response:
        """On to an address, by GET. An address of another site must not come from the request."""
        return Response(HTTPStatus.SEE_OTHER, headers={"location": url})

    def _validated[Model: BaseModel](self, model: type[Model], fields: Mapping[str, Any]) -> Model:
        try:
            return model.model_validate(fields)
        except ValidationError as error:
            where = ",".join(sorted({str(entry["loc"][0]) for entry in error.errors() if entry["loc"]}))
            raise PageError(HTTPStatus.BAD_REQUEST, "common.bad_form", reason=f"form fields {where}") from None
