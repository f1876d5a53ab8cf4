"""What `hashtag_parsing` does: turn posts into cart requests."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from hashcart.consumers import Delivery, post_id_of
from hashcart.domain.cart_hashtags import CartHashtags, asks_to_undo
from hashcart.domain.link_previews import LinkPreview
from hashcart.domain.option_words import option_words
from hashcart.domain.parents import ParentPost, products_of, summarise, why_no_product
from hashcart.domain.posts import OFFER, PRIVATE, Link, Post
from hashcart.domain.product_links import ProductReference, StoreLinks
from hashcart.domain.quantities import quantity_beside
from hashcart.domain.short_links import awaits_links, short_links_of, unwound
from hashcart.domain.stop_words import asks_to_stop
from hashcart.domain.summons import Bot, is_summons
from hashcart.messages.cart_requests import (
    SHORT_LINK_UNAVAILABLE,
    X_UNAVAILABLE,
    AddRequested,
    CartRequest,
    HashtagDropped,
    StopRequested,
    ToParse,
    UndoRequested,
)
from hashcart.messages.posts import OfferTaken, PostArrived, PrivateAdd
from hashcart.observability import report, report_failure


class UnresolvedError(Exception):
    """What a reply is about cannot be told now; it must be read again."""

    reason: str


class ParentUnresolvedError(UnresolvedError):
    """X could not be asked about the parent post, or its short links could not be followed."""

    reason = X_UNAVAILABLE


class LinkUnresolvedError(UnresolvedError):
    """The short links of the reply itself could not be followed."""

    reason = SHORT_LINK_UNAVAILABLE


@dataclass(frozen=True, slots=True)
class Parsed:
    """What became of a batch: the requests of each delivery, and the error of each that must come again."""

    requests: Mapping[str, Sequence[CartRequest]]
    failures: Mapping[str, Exception]


@dataclass(frozen=True, slots=True)
class Known:
    """What was found for a whole batch: parent posts by id, and where short links lead."""

    parents: Mapping[str, ParentPost]
    targets: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class ParsePosts:
    """Reads hashtag, quantity and product link of replies.

    `parents_of` finds parent posts by id, and `unwind` where short links lead, each for a whole batch at once.
    `remember` is told of parent posts that came along.
    """

    hashtags: CartHashtags
    bot: Bot
    store: StoreLinks
    parents_of: Callable[[Collection[str]], Mapping[str, ParentPost]]
    unwind: Callable[[Collection[str]], Mapping[str, str | None]]
    remember: Callable[[str, ParentPost], None]

    def __call__(self, deliveries: Sequence[Delivery[ToParse]]) -> Parsed:
        """The cart requests of a batch."""
        known = Known(self._parents(deliveries), self._targets(deliveries))
        requests: dict[str, Sequence[CartRequest]] = {}
        failures: dict[str, Exception] = {}
        for delivery in deliveries:
            try:
                requests[delivery.id] = self._requests(delivery.message, known)
            except UnresolvedError as error:
                failures[delivery.id] = error
                requests[delivery.id] = self._last_words(delivery, error.reason)
            except Exception as error:  # noqa: BLE001 - an item that fails in any way must not take its batch along
                report_failure(post_id_of(delivery.message), "failed", error)
                failures[delivery.id] = error
        return Parsed(requests, failures)

    def _parents(self, deliveries: Sequence[Delivery[ToParse]]) -> Mapping[str, ParentPost]:
        wanted = dict.fromkeys(self._wanted_parent(delivery.message) for delivery in deliveries)
        try:
            return self.parents_of([post_id for post_id in wanted if post_id])
        except Exception as error:  # noqa: BLE001 - the posts that need no lookup must not fail with those that do
            report_failure(None, "lookup_failed", error)
            return {}

    def _targets(self, deliveries: Sequence[Delivery[ToParse]]) -> Mapping[str, str | None]:
        posts = [post for delivery in deliveries for post in self._posts_with_links(delivery.message)]
        urls = dict.fromkeys(url for post in posts for url in short_links_of(post, self.store))
        try:
            return self.unwind(list(urls))
        except Exception as error:  # noqa: BLE001 - the posts without short links must not fail with those that have some
            report_failure(None, "short_links_failed", error)
            return {}

    def _posts_with_links(self, message: ToParse) -> Sequence[Post]:
        """The posts of a message whose links matter."""
        if isinstance(message, PrivateAdd):
            return [_post_of(message)]
        if isinstance(message, OfferTaken):
            return self._posts_with_links(PostArrived(message.post))
        if not isinstance(message, PostArrived) or message.post.is_repost or message.post.replied_to_id is None:
            return []
        if asks_to_undo(message.post) or self.hashtags.first_in(message.post) is None:
            return []
        return [message.post] if message.parent is None else [message.parent, message.post]

    def _wanted_parent(self, message: ToParse) -> str | None:
        if isinstance(message, AddRequested):
            return message.parent_id
        if isinstance(message, PrivateAdd):
            return None if message.url else message.parent_id
        if isinstance(message, OfferTaken):
            return self._wanted_parent(PostArrived(message.post))
        if isinstance(message, PostArrived) and self._needs_lookup(message):
            return message.post.replied_to_id
        return None

    def _needs_lookup(self, message: PostArrived) -> bool:
        post = message.post
        if message.parent is not None or post.replied_to_id is None or post.is_repost:
            return False
        if asks_to_undo(post):
            return post.replied_to_author_id in (None, self.bot.user_id)
        return self.hashtags.first_in(post) is not None

    def _requests(self, message: ToParse, known: Known) -> Sequence[CartRequest]:
        match message:
            case PrivateAdd():
                return [self._private_add(message, known)]
            case OfferTaken():
                arrived = self._requests_of_post(PostArrived(message.post), known)
                return [_kept_offer(request, message) for request in arrived if isinstance(request, AddRequested)]
            case PostArrived():
                return self._requests_of_post(message, known)
            case AddRequested():
                return [self._read_again(message, known)]
            case _:
                return [message]

    def _requests_of_post(self, message: PostArrived, known: Known) -> Sequence[CartRequest]:
        post = message.post
        if asks_to_stop(post, self.bot):
            return self._stop(post)
        if post.replied_to_id is None or post.is_repost:
            return _dropped(post, "not_a_reply")
        if asks_to_undo(post):
            return self._undo(post, self._parent(message, known))
        if self.hashtags.first_in(post) is None:
            if post.is_edit:
                return [HashtagDropped(post.id, post.first_id, post.author_id)]
            return _dropped(post, "no_hashtag")
        parent = self._parent(message, known)
        if parent is None:
            raise ParentUnresolvedError(post.replied_to_id)
        if message.parent is not None and awaits_links(unwound(message.parent, known.targets), self.store):
            raise ParentUnresolvedError(post.replied_to_id)
        return [self._add(unwound(post, known.targets), parent)]

    def _stop(self, post: Post) -> Sequence[CartRequest]:
        """An edit also drops the hashtag that an earlier version may have had."""
        report(post.id, "parsed", "stop")
        dropped = [HashtagDropped(post.id, post.first_id, post.author_id)] if post.is_edit else []
        return [*dropped, StopRequested(post.id, post.author_id)]

    def _parent(self, message: PostArrived, known: Known) -> ParentPost | None:
        if message.parent is not None:
            parent = summarise(unwound(message.parent, known.targets), self.store, self.bot)
            self.remember(message.parent.id, parent)
            return parent
        return known.parents.get(message.post.replied_to_id or "")

    def _add(self, post: Post, parent: ParentPost) -> AddRequested:
        if not parent.products and awaits_links(post, self.store):
            raise LinkUnresolvedError(post.id)
        own = {} if parent.products else products_of(post, self.store)
        product = next(iter(parent.products or own), None)
        reason = None if product else why_no_product(parent, post)
        report(post.id, "parsed", reason)
        preview = (own.get(product) or parent.preview(product)) if product else None
        return replace(self._request(post, parent, product, preview), reason=reason)

    def _request(
        self, post: Post, parent: ParentPost, product: ProductReference | None, preview: LinkPreview | None
    ) -> AddRequested:
        return AddRequested(
            post_id=post.id,
            first_id=post.first_id,
            author_id=post.author_id,
            parent_id=post.replied_to_id or "",
            parent_author_id=parent.author_id,
            product=product,
            quantity=self.hashtags.beside(post, quantity_beside),
            option_words=self.hashtags.beside(post, option_words) or (),
            summoned=is_summons(post, self.bot, parent_involves_bot=parent.involves_bot),
            preview=preview,
        )

    def _private_add(self, message: PrivateAdd, known: Known) -> AddRequested:
        parent = ParentPost() if message.url else known.parents.get(message.parent_id)
        if parent is None:
            raise ParentUnresolvedError(message.parent_id)
        return _kept_private(self._add(unwound(_post_of(message), known.targets), parent), message)

    def _undo(self, post: Post, parent: ParentPost | None) -> Sequence[CartRequest]:
        target_id = self._undone_post(post, parent)
        if target_id is None:
            if post.is_edit:
                return [HashtagDropped(post.id, post.first_id, post.author_id)]
            return _dropped(post, "undo_of_another_post")
        report(post.id, "parsed", "undo")
        summoned = is_summons(post, self.bot, parent_involves_bot=parent is None or parent.involves_bot)
        return [UndoRequested(post.id, post.first_id, post.author_id, target_id, summoned)]

    def _undone_post(self, post: Post, parent: ParentPost | None) -> str | None:
        """The author's own post that is meant: the one replied to, or that which the bot answered there."""
        above = post.replied_to_author_id or (parent.author_id if parent else None)
        if above == post.author_id:
            return post.replied_to_id
        if parent is None and above in (None, self.bot.user_id):
            raise ParentUnresolvedError(post.replied_to_id)
        return parent.replied_to_id if parent is not None and above == self.bot.user_id else None

    def _last_words(self, delivery: Delivery[ToParse], reason: str) -> Sequence[CartRequest]:
        """On the last receive the shopper still hears of it, while the post itself goes to the dead-letter queue."""
        message = delivery.message
        if not delivery.is_last:
            return []
        match message:
            case AddRequested():
                return [message]
            case PrivateAdd():
                return [_kept_private(self._add_unread(_post_of(message), reason), message)]
            case OfferTaken():
                return [_kept_offer(self._add_unread(message.post, reason), message)]
            case PostArrived() if not asks_to_undo(message.post):
                return [self._add_unread(message.post, reason)]
            case _:
                return []

    def _add_unread(self, post: Post, reason: str) -> AddRequested:
        """What a reply asks for, as far as it tells that itself."""
        unread = ParentPost(involves_bot=True)
        own = products_of(post, self.store)
        product = next(iter(own), None)
        request = self._request(post, unread, product, own.get(product) if product else None)
        return replace(request, reason=reason)

    def _read_again(self, request: AddRequested, known: Known) -> AddRequested:
        """The request of a reply whose parent post could not be read when it came."""
        parent = known.parents.get(request.parent_id)
        if parent is None:
            raise ParentUnresolvedError(request.parent_id)
        product = next(iter(parent.products), request.product)
        reason = None if product else why_no_product(parent, Post(request.post_id, request.first_id, request.author_id))
        report(request.post_id, "parsed", reason)
        return replace(
            request,
            parent_author_id=parent.author_id,
            product=product,
            reason=reason,
            preview=(parent.preview(product) or request.preview) if product else None,
        )


def _post_of(message: PrivateAdd) -> Post:
    """The reply that would ask for the same."""
    return Post(
        id=message.id,
        first_id=message.id,
        author_id=message.author_id,
        links=(Link(message.url),) if message.url else (),
        replied_to_id=message.parent_id,
    )


def _kept_private(request: AddRequested, message: PrivateAdd) -> AddRequested:
    """What the shopper's own form says, in place of what a post's text would."""
    return replace(
        request,
        quantity=message.quantity,
        option_words=option_words(f"# {message.options}", 0, 1),
        network=PRIVATE,
        shopper_id=message.shopper_id,
        summoned=False,
    )


def _kept_offer(request: AddRequested, message: OfferTaken) -> AddRequested:
    """What the reply asks for, under the key of the click that took the offer; nothing is answered in public."""
    return replace(
        request,
        post_id=message.id,
        first_id=message.id,
        network=OFFER,
        shopper_id=message.shopper_id,
        reply_id=message.post.first_id,
        summoned=False,
    )


def _dropped(post: Post, reason: str) -> Sequence[CartRequest]:
    report(post.id, "dropped", reason)
    return []
