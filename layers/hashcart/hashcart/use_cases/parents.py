"""Parent posts, looked up at X once for a whole batch and once for all who reply to them.

They fill carts, so the daily budget counts them and never stops them.
"""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from hashcart.domain.link_previews import LinkPreview
from hashcart.domain.parents import Availability, ParentPost, summarise
from hashcart.domain.posts import Post
from hashcart.domain.product_links import ProductReference, StoreLinks
from hashcart.domain.short_links import awaits_links, short_links_of, unwound
from hashcart.domain.summons import Bot
from hashcart.domain.x_spending import Purpose
from hashcart.observability import report_failure
from hashcart.secrets import Secret, SecretUnavailableError
from hashcart.social.x.app_token import with_app_token
from hashcart.social.x.client import Missing, RateLimitedError, TokenRejectedError, XUnavailableError
from hashcart.use_cases.read_through import Cache, Fetched, read_through
from hashcart.use_cases.x_budget import XMeter

PRODUCTS_FRESH_MS = 24 * 60 * 60 * 1000
NO_PRODUCT_FRESH_MS = 5 * 60 * 1000
UNREADABLE_FRESH_MS = 60 * 60 * 1000

TRANSIENT = (XUnavailableError, RateLimitedError, TokenRejectedError, SecretUnavailableError)


class PostLookup(Protocol):
    """The one call that looks posts up."""

    def posts(self, ids: Collection[str], bearer_token: str) -> dict[str, Post | Missing]:
        """The posts that can be read, and why the others cannot."""


@dataclass(frozen=True, slots=True)
class Parents:
    """Parent posts by id, without their content."""

    lookup: PostLookup
    app_secret: Secret
    cache: Cache
    store: StoreLinks
    bot: Bot
    unwind: Callable[[Collection[str]], Mapping[str, str | None]]
    meter: XMeter
    sleep: Callable[[float], None] = time.sleep

    def of(self, ids: Collection[str]) -> dict[str, ParentPost]:
        """The parent posts of a batch. One that X, the cache or a link shortener could not tell now is missing."""
        if not ids:
            return {}
        found = read_through(self.cache, ids, self._fetch, transient=TRANSIENT, sleep=self.sleep)
        return {post_id: _from_map(stored) for post_id, stored in found.items()}

    def remember(self, post_id: str, parent: ParentPost) -> None:
        """Keep what a post offers that came along with a reply, where it is more than the reply asked for.

        The activity page offers the rest; that it cannot is no reason to fail the reply.
        """
        try:
            if len(parent.products) > 1 and post_id not in self.cache.read([post_id]):
                self.cache.store(post_id, _to_map(parent), fresh_ms=PRODUCTS_FRESH_MS)
        except Exception as error:  # noqa: BLE001 - any trouble of the cache
            report_failure(post_id, "not_remembered", error)

    def known(self, ids: Collection[str]) -> dict[str, ParentPost]:
        """Those of the posts that are still known from before; X is not asked."""
        found = self.cache.read(ids) if ids else {}
        return {post_id: _from_map(stored) for post_id, stored in found.items()}

    def posts(self, ids: Collection[str]) -> dict[str, Post | Missing]:
        """The posts themselves, asked of X anew; what that costs is the caller's to count. Raises one of TRANSIENT."""
        return with_app_token(self.app_secret, lambda token: self.lookup.posts(ids, token))

    def _fetch(self, ids: Collection[str]) -> Fetched:
        posts = self.posts(ids)
        readable = [post for post in posts.values() if isinstance(post, Post)]
        self.meter.count(Purpose.PARENTS, len(readable))
        targets = self.unwind([url for post in readable for url in short_links_of(post, self.store)])
        summaries = {post_id: self._summary(post, targets) for post_id, post in posts.items()}
        parents = {post_id: parent for post_id, parent in summaries.items() if parent is not None}
        return {post_id: (_to_map(parent), _fresh_ms(parent)) for post_id, parent in parents.items()}

    def _summary(self, post: Post | Missing, targets: Mapping[str, str | None]) -> ParentPost | None:
        if isinstance(post, Missing):
            return ParentPost(availability=Availability(post.value))
        known = unwound(post, targets)
        return None if awaits_links(known, self.store) else summarise(known, self.store, self.bot)


def _fresh_ms(parent: ParentPost) -> int:
    if parent.availability is not Availability.READABLE:
        return UNREADABLE_FRESH_MS
    return PRODUCTS_FRESH_MS if parent.products else NO_PRODUCT_FRESH_MS


def _to_map(parent: ParentPost) -> dict[str, Any]:
    return {name: value for name, value in asdict(parent).items() if value is not None}


def _from_map(stored: Mapping[str, Any]) -> ParentPost:
    products = tuple(ProductReference(**product) for product in stored["products"])
    previews = tuple(LinkPreview(**preview) for preview in stored.get("previews", ()))
    availability = Availability(stored["availability"])
    return ParentPost(
        **(dict(stored) | {"availability": availability, "products": products, "previews": previews}),
    )
