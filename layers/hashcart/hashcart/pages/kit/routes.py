"""Which handler answers which path."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from hashcart.pages.kit.limits import CLICKS, Limit
from hashcart.pages.kit.responses import Response

if TYPE_CHECKING:
    from hashcart.pages.kit.visitor import Visitor

type Handler = Callable[["Visitor"], Response]

_PARAMETER = re.compile(r"\\\{([a-z_]+)\\\}")
# Where a sign-in may lead back to. Every path of ours that a person can want is below one of these.
_RETURN_PATH = re.compile(
    r"/(?:(?:account|activity|cart|help|resume|why-not)(?:/[A-Za-z0-9._~-]+)*)?(?:\?[A-Za-z0-9._~=&%+-]*)?"
)
MAX_RETURN_PATH = 500


@dataclass(frozen=True)
class Route:
    """A method and a path such as `/cart/lines/{key}`, with what has to hold before its handler runs.

    `public` needs no sign-in. `holds` names the text of what a POST was about to do, for whoever has to sign in first.
    `posted_from_elsewhere` is for requests that carry a proof of their own instead of a session's token.
    """

    method: str
    path: str
    handler: Handler
    public: bool = False
    holds: str | None = None
    limit: Limit = CLICKS
    posted_from_elsewhere: bool = False

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The path as an expression with a named group for each parameter."""
        return re.compile(_PARAMETER.sub(r"(?P<\1>[A-Za-z0-9._~-]{1,128})", re.escape(self.path)))


def get(path: str, handler: Handler, *, public: bool = False) -> Route:
    """A page to look at."""
    return Route("GET", path, handler, public=public)


def post(
    path: str, handler: Handler, *, public: bool = False, holds: str | None = None, limit: Limit = CLICKS
) -> Route:
    """A form's target; it answers with a redirect."""
    return Route("POST", path, handler, public=public, holds=holds, limit=limit)


@dataclass(frozen=True, slots=True)
class Match:
    """The route of a request with the values of its path's parameters; without a route, the methods there are."""

    route: Route | None
    values: Mapping[str, str]
    allowed: tuple[str, ...] = ()


def find_route(routes: Iterable[Route], method: str, path: str) -> Match:
    """The first route that fits."""
    wanted = "GET" if method == "HEAD" else method
    allowed = []
    for route in routes:
        found = route.pattern.fullmatch(path)
        if found and route.method == wanted:
            return Match(route, found.groupdict())
        if found:
            allowed.append(route.method)
    return Match(None, {}, tuple(dict.fromkeys(allowed)))


def is_return_path(path: str) -> bool:
    """Whether a sign-in may lead back here: a path of ours, never another site's address."""
    return len(path) <= MAX_RETURN_PATH and _RETURN_PATH.fullmatch(path) is not None
