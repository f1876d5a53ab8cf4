"""Where short links lead, asked once for a whole batch and once for all who reply to the same link."""

import hashlib
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from hashcart.domain.product_links import StoreLinks
from hashcart.domain.short_links import short_address
from hashcart.use_cases.read_through import Cache, Fetched, read_through

TARGET_FRESH_MS = 7 * 24 * 60 * 60 * 1000
NO_TARGET_FRESH_MS = 10 * 60 * 1000


class LinkFollower(Protocol):
    """Asks link shorteners."""

    def follow_all(self, urls: Collection[str]) -> Mapping[str, str | None]:
        """Where each link leads, None for one that leads to no product; one of which that may change is missing."""


@dataclass(frozen=True, slots=True)
class UnwindLinks:
    """Short links behind a leased cache."""

    follower: LinkFollower
    cache: Cache
    store: StoreLinks
    sleep: Callable[[float], None] = time.sleep

    def __call__(self, urls: Collection[str]) -> dict[str, str | None]:
        """Where each short link leads, None for one that leads to no product. One that nobody could ask is missing."""
        keys = {url: key for url in urls if (key := self._key(url)) is not None}
        if not keys:
            return {}
        url_of = {key: url for url, key in keys.items()}

        def fetch(wanted: Collection[str]) -> Fetched:
            targets = self.follower.follow_all([url_of[key] for key in wanted])
            return {
                keys[url]: ({"target": target} if target else {}, _fresh_ms(target)) for url, target in targets.items()
            }

        found = read_through(self.cache, list(url_of), fetch, transient=(), sleep=self.sleep)
        return {url: found[key].get("target") for url, key in keys.items() if key in found}

    def _key(self, url: str) -> str | None:
        """One key for all that differs in nothing that is sent; of bounded length."""
        address = short_address(url, self.store)
        if address is None:
            return None
        sent = f"{address.host}{address.path}?{address.query}"
        return "link#" + hashlib.sha256(sent.encode("utf-8", "surrogatepass")).hexdigest()


def _fresh_ms(target: str | None) -> int:
    return NO_TARGET_FRESH_MS if target is None else TARGET_FRESH_MS
