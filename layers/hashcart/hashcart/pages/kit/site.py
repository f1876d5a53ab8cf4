"""From an event of API Gateway to an answer: what holds for every page."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from botocore.exceptions import BotoCoreError, ClientError

from hashcart.domain.languages import LANGUAGES
from hashcart.observability import failure_of, logger
from hashcart.pages.kit.assets import Assets
from hashcart.pages.kit.browser import Browser, SessionStore
from hashcart.pages.kit.colours import accent
from hashcart.pages.kit.errors import PageError
from hashcart.pages.kit.limits import Counters, Limiter
from hashcart.pages.kit.rendering import Renderer, StoreFacts
from hashcart.pages.kit.requests import Request
from hashcart.pages.kit.responses import Response, security_headers
from hashcart.pages.kit.resuming import HELD, hold, resume_routes
from hashcart.pages.kit.routes import Match, Route, find_route, is_return_path
from hashcart.pages.kit.visitor import CSRF_FIELD, Visitor
from hashcart.secrets import SecretUnavailableError
from hashcart.storage.account_links import ContendedError
from hashcart.storage.table import ThrottledError

TRANSIENT = (BotoCoreError, ClientError, ContendedError, SecretUnavailableError, ThrottledError)
SIGN_IN_PATH = "/link/sign-in"


class SessionsAndCounters(SessionStore, Counters, Protocol):
    """The table behind the pages."""


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """What the pages are told of the deployment.

    `public_url` is where browsers find them, such as https://cart.shop.example; empty means the address of the request.
    `image_origins` are other sites whose pictures are shown; `form_targets` those that forms of ours may end at.
    """

    store: StoreFacts
    accent_colour: str
    public_url: str
    image_origins: Sequence[str]
    form_targets: Sequence[str]


class Site:
    """Answers requests. Routes that a function brings along come before those of the kit."""

    def __init__(
        self,
        facts: SiteFacts,
        sessions: SessionsAndCounters,
        address_key: Callable[[], str],
        clock_ms: Callable[[], int],
        routes: Iterable[Route],
    ) -> None:
        self._facts = facts
        self._sessions = sessions
        self._clock_ms = clock_ms
        self._limiter = Limiter(sessions, address_key, clock_ms)
        assets = Assets(accent(facts.accent_colour))
        self._renderer = Renderer(facts.store, assets)
        self._routes = [*routes, *assets.routes(), *resume_routes()]

    def __call__(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one request."""
        began = time.monotonic()
        request = Request.from_event(event)
        match = find_route(self._routes, request.method, request.path)
        response, reason = self._answer(request, match)
        path = match.route.path if match.route else None
        logger.info(
            "page",
            extra={
                "route": f"{request.method} {path}" if path else None,
                "status": int(response.status),
                "reason": reason,
                "milliseconds": round((time.monotonic() - began) * 1000),
            },
        )
        targets = [*self._facts.form_targets, *response.form_targets]
        response.headers |= security_headers(image_origins=self._facts.image_origins, form_targets=targets)
        return response.to_event(with_body=request.method != "HEAD")

    def _answer(self, request: Request, match: Match) -> tuple[Response, str | None]:
        """The answer, and for the log why it is not the page that was asked for."""
        is_asset = match.route is not None and match.route.path.startswith("/static/")
        visitor = self._visitor(request, match, {})
        try:
            visitor = visitor if is_asset else self._visitor(request, match, request.cookies)
            response, reason = self._page(visitor, match), None
        except PageError as error:
            response, reason = _error_page(visitor, error), error.reason
        except TRANSIENT as error:
            trouble = PageError(HTTPStatus.SERVICE_UNAVAILABLE, "common.unavailable", headers={"retry-after": "5"})
            response, reason = _error_page(visitor, trouble), failure_of(error)
        except Exception:  # noqa: BLE001 - a browser is to get a page; the log has the rest, and the API's alarm rings
            logger.exception("page failed")
            response, reason = _error_page(visitor, PageError(HTTPStatus.INTERNAL_SERVER_ERROR, "common.failed")), None
        response.cookies += visitor.browser.cookies
        return response, reason

    def _visitor(self, request: Request, match: Match, cookies: Mapping[str, str]) -> Visitor:
        browser = Browser(cookies, self._sessions, self._clock_ms)
        public_url = self._facts.public_url or f"https://{request.domain_name}"
        return Visitor(request, browser, match.values, public_url, self._renderer)

    def _page(self, visitor: Visitor, match: Match) -> Response:
        chosen = self._chosen_language(visitor) if visitor.request.is_reading else None
        if chosen is not None:
            return chosen
        route = match.route
        if route is None and match.allowed:
            allowed = {"allow": ", ".join(match.allowed)}
            raise PageError(HTTPStatus.METHOD_NOT_ALLOWED, "common.not_found", headers=allowed)
        if route is None:
            raise PageError(HTTPStatus.NOT_FOUND, "common.not_found")
        if not visitor.request.is_reading and not route.posted_from_elsewhere:
            self._check_post(visitor)
        if not visitor.is_signed_in and not route.public:
            return self._send_to_sign_in(visitor, route)
        if not visitor.request.is_reading:
            self._limiter.check(route.limit, visitor.browser.key, visitor.request.source_address)
            self._check_token(visitor, route)
            if not route.public:
                visitor.browser.drop(HELD)
        return route.handler(visitor)

    def _chosen_language(self, visitor: Visitor) -> Response | None:
        """`?lang=de` on any page keeps the choice in a cookie and shows the page again without it."""
        query = dict(visitor.request.query)
        language = query.pop("lang", None)
        if language not in LANGUAGES:
            return None
        visitor.browser.choose_language(language)
        # A path may arrive decoded, and browsers drop tabs and line ends: /<tab>/other.example is another site to them.
        path = quote(visitor.request.path, safe="/%")
        is_ours = path.startswith("/") and not path.startswith("//")
        return visitor.leave((path if is_ours else "/") + (f"?{urlencode(query)}" if query else ""))

    def _check_post(self, visitor: Visitor) -> None:
        """The second line beside the token: browsers say which site a form was on."""
        headers = visitor.request.headers
        origin = headers.get("origin")
        is_foreign = origin is not None and origin.rstrip("/") != visitor.public_url
        if is_foreign or headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            raise PageError(HTTPStatus.FORBIDDEN, "common.forged", reason="posted from another site")

    def _check_token(self, visitor: Visitor, route: Route) -> None:
        if route.posted_from_elsewhere:
            return
        token = visitor.request.form().get(CSRF_FIELD, [""])[-1]
        if not visitor.browser.has_token(token):
            raise PageError(HTTPStatus.FORBIDDEN, "common.forged", reason="wrong form token")

    def _send_to_sign_in(self, visitor: Visitor, route: Route) -> Response:
        wanted = visitor.request.path
        if not visitor.request.is_reading:
            self._limiter.check(route.limit, visitor.browser.key, visitor.request.source_address)
            wanted = hold(visitor, route.holds)
        elif visitor.request.query:
            wanted = f"{wanted}?{urlencode(visitor.request.query)}"
        target = wanted if is_return_path(wanted) else "/"
        return visitor.leave(f"{SIGN_IN_PATH}?{urlencode({'return': target})}")


def _error_page(visitor: Visitor, error: PageError) -> Response:
    return visitor.render(
        "error.html", status=error.status, headers=error.headers, text=error.text, status_shown=int(error.status)
    )
