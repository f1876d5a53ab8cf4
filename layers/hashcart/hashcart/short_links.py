"""Following short links: few hops, each to a link shortener that the store's links use, and nowhere else.

What a hop leads to is looked at and not asked, unless it is another short link; so neither the store's pages nor
anybody else's are requested.
"""

import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from urllib.parse import urljoin

from hashcart.domain.product_links import StoreLinks, find_product
from hashcart.domain.short_links import short_address
from hashcart.domain.web_addresses import MAX_URL_LENGTH, WebAddress, read_address
from hashcart.http import Answer
from hashcart.observability import report
from hashcart.public_web import NoAnswerError, PublicWeb, RefusedError

MAX_HOPS = 5
LINK_SECONDS = 4.0
BATCH_SECONDS = 5.0
LINKS_AT_ONCE = 8

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAY_CHANGE = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


class ShortLinks:
    """Finds the product pages that short links lead to."""

    def __init__(self, web: PublicWeb, store: StoreLinks, *, seconds: Callable[[], float] = time.monotonic) -> None:
        self._web = web
        self._store = store
        self._seconds = seconds

    def follow_all(self, urls: Collection[str]) -> dict[str, str | None]:
        """Where each short link leads; None for one that leads to no product. One of which that may change is missing.

        The links are followed side by side, as one that hangs must not use up the others' time.
        """
        end = self._seconds() + BATCH_SECONDS
        with ThreadPoolExecutor(LINKS_AT_ONCE) as pool:
            found = pool.map(lambda url: self._follow_by(url, end), urls)
        return {url: target for url, (is_known, target) in zip(urls, found, strict=True) if is_known}

    def _follow_by(self, url: str, end: float) -> tuple[bool, str | None]:
        """Whether it is known where a link leads, and where."""
        try:
            return True, self.follow(url, deadline=min(end, self._seconds() + LINK_SECONDS))
        except RefusedError as error:
            report(None, "short_link_refused", str(error))
            return True, None
        except NoAnswerError as error:
            report(None, "short_link_unanswered", str(error))
            return False, None

    def follow(self, url: str, *, deadline: float) -> str:
        """The product page that a short link leads to; `deadline` is a moment of the clock.

        Raises RefusedError if it leads to none, or where it must not, and NoAnswerError if that may change.
        """
        seen: set[WebAddress] = set()
        address = short_address(url, self._store)
        for _ in range(MAX_HOPS):
            if address is None:
                raise RefusedError("leads to no product")
            if address in seen:
                raise RefusedError("leads in a circle")
            seen.add(address)
            target = self._target(address, deadline)
            if find_product(target, self._store) is not None:
                return target
            address = self._next(target)
        raise RefusedError("leads on and on")

    def _next(self, target: str) -> WebAddress | None:
        address = read_address(target)
        if address is not None and address.scheme != "https":
            raise RefusedError("leads to http")
        return short_address(target, self._store)

    def _target(self, address: WebAddress, deadline: float) -> str:
        """Where one hop leads. A shortener that does not answer HEAD is asked for its page, which is not read."""
        answer = self._web.ask("HEAD", address, deadline=deadline)
        if answer.status not in _REDIRECTS:
            answer = self._web.ask("GET", address, deadline=deadline)
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status in _MAY_CHANGE:
            raise NoAnswerError(f"status {answer.status}")
        location = _location(answer)
        try:
            return urljoin(f"https://{address.host}{address.path}", location)
        except ValueError as error:
            raise RefusedError("leads to no address") from error


def _location(answer: Answer) -> str:
    location = answer.headers.get("location", "") if answer.status in _REDIRECTS else ""
    if not location or len(location) > MAX_URL_LENGTH:
        raise RefusedError(f"status {answer.status} without a usable address")
    return location.encode("latin-1", "replace").decode("utf-8", "replace")
