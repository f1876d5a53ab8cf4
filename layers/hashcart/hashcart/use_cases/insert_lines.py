"""What `cart_insertion` does: account link, product, the post's row, the line, the outcome.

Every step is atomic and repeatable. A crash anywhere and a redelivery end in the same state, in any order of posts,
edits, undos and deletes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from hashcart.consumers import Delivery
from hashcart.domain.account_links import NOT_PUBLIC, PROTECTED, REVOKED, TOO_MANY, AccountLink, EmailChoice, LinkState
from hashcart.domain.cart_lines import CartLine, Snapshot
from hashcart.domain.link_previews import LinkPreview
from hashcart.domain.outcomes import IN_CART, Code, Outcome, PostRow, Version, decide, outcome_of
from hashcart.domain.posts import X, is_from_the_future, is_too_old, order_key, posted_at_ms
from hashcart.domain.product_links import ProductReference
from hashcart.domain.products import Product
from hashcart.domain.regions import serves
from hashcart.domain.sensitivity import is_sensitive
from hashcart.messages.cart_requests import (
    X_UNAVAILABLE,
    AddRequested,
    CartRequest,
    HashtagDropped,
    StopRequested,
    UndoRequested,
)
from hashcart.messages.outcomes import OutcomeReached
from hashcart.messages.posts import AccessRevoked, PostDeleted, ProfileProtected, to_json
from hashcart.observability import Tally, report
from hashcart.storage.pending import PendingItem, PendingKind
from hashcart.stores.protocol import StoreUnavailableError
from hashcart.use_cases.find_wanted import ProductOf, find_wanted
from hashcart.use_cases.write_rows import CartLineStore, Written, write_row

SHORTEST_WAIT_MS = 60 * 1000
LONGEST_WAIT_MS = 6 * 60 * 60 * 1000


class AccountLinkStore(Protocol):
    """Who is who."""

    def of_profile(self, x_user_id: str) -> AccountLink | None:
        """The link of an X profile."""

    def pause(self, x_user_id: str, *, reason: str, at_ms: int) -> bool:
        """Pause a link made before `at_ms`."""

    def stop_replies(self, x_user_id: str, *, post_id: str) -> bool:
        """Answer a profile in public no more, as a post of its asks."""

    def resume_public(self, x_user_id: str, *, seen_ms: int) -> bool:
        """End a pause since X shows a post of that moment."""


class PostRowStore(Protocol):
    """One row a post."""

    def record_version(self, shopper_id: str, key: str, version: Version, *, now_ms: int) -> PostRow:
        """Note what a version asks for; the first decision stands."""

    def mark_undone(self, shopper_id: str, key: str, *, now_ms: int) -> PostRow:
        """Note that the post is taken back."""

    def point_to_first(self, shopper_id: str, key: str, first_key: str, *, now_ms: int) -> PostRow:
        """Lead from an edit to the post that it edits."""


class PendingStore(Protocol):
    """What waits."""

    def put(self, item: PendingItem) -> None:
        """Keep a message until it is due."""


@dataclass(frozen=True, slots=True)
class ShopRules:
    """What the merchant decided: countries served ("*" is all), the most of one product, answers to strangers, and the
    product categories that are sensitive.
    """

    allowed_countries: frozenset[str]
    own_maximum: int
    reply_to_strangers: bool = False
    sensitive_categories: tuple[str, ...] = ()


def products_asked_for(deliveries: Sequence[Delivery[CartRequest]]) -> list[ProductReference]:
    """The products that a batch will ask the store about, each once."""
    requests = (delivery.message for delivery in deliveries)
    products = (request.product for request in requests if isinstance(request, AddRequested))
    return list(dict.fromkeys(product for product in products if product is not None))


@dataclass(frozen=True, slots=True)
class InsertLines:
    """Carries out cart requests, one at a time. `product_of` raises StoreUnavailableError.

    `synchronise` brings the store's own cart of a shopper to the lines, where the store has one that HashCart fills; it
    returns the lines as they are then, and never raises for the store's sake. What is counted is logged by whoever
    reads the batch.
    """

    links: AccountLinkStore
    rows: PostRowStore
    carts: CartLineStore
    pending: PendingStore
    product_of: ProductOf
    rules: ShopRules
    clock_ms: Callable[[], int]
    synchronise: Callable[[str], Mapping[str, CartLine]] | None = None
    tally: Tally = field(default_factory=Tally)

    def __call__(self, delivery: Delivery[CartRequest]) -> list[OutcomeReached]:
        """The outcomes of one request: one, or none where there is nothing to tell."""
        request = delivery.message
        match request:
            case AddRequested():
                outcome = self._add(request, is_last=delivery.is_last)
            case HashtagDropped():
                outcome = self._drop_hashtag(request)
            case UndoRequested():
                outcome = self._undo(request)
            case PostDeleted():
                self._delete(request)
                outcome = None
            case AccessRevoked():
                self._pause_link(request.user_id, REVOKED, request.revoked_at_ms)
                outcome = None
            case ProfileProtected():
                self._pause_link(request.user_id, PROTECTED, request.seen_ms)
                outcome = None
            case StopRequested():
                self._stop(request)
                outcome = None
        return [] if outcome is None else [outcome]

    def _add(self, request: AddRequested, *, is_last: bool) -> OutcomeReached | None:
        link = self._link_that_covers(request.post_id, request.author_id)
        if link is not None and request.shopper_id not in (None, link.shopper_id):
            report(request.post_id, "dropped", "profile_moved")
            return None
        if link is None:
            return self._not_linked(request)
        if self._is_paused(request, link):
            return self._pause(request, link)
        if request.reason == X_UNAVAILABLE:
            return self._keep_trying(request, link, X_UNAVAILABLE)
        try:
            version, snapshot = self._decide(request, link)
        except StoreUnavailableError:
            if not is_last:
                raise
            return self._keep_trying(request, link, "store")
        row = self._record(link.shopper_id, request, version)
        written = self._write_lines(link.shopper_id, row, snapshot if row.newest == version else None)
        return self._told(request, link, row, written)

    def _told(
        self, request: AddRequested | HashtagDropped, link: AccountLink, row: PostRow, written: Written
    ) -> OutcomeReached | None:
        """The outcome of what was written. It is kept without a write of its own where row and line tell it already.

        Digests go by the time at which outcomes were written, so those of shoppers who want them always are.
        """
        outcome = outcome_of(row, written.line)
        if outcome is None:
            return None
        is_kept = (
            outcome == row.simply_added
            and row.outcome is None
            and not isinstance(request, HashtagDropped)
            and not request.summoned
            and row.has_begun(written.line)
            and link.email is not EmailChoice.EVERYTHING
        )
        is_news = written.has_changed if is_kept else row.is_news(outcome)
        return replace(self._reached(request, link, outcome, is_news=is_news), is_kept=is_kept)

    def _pause(self, request: AddRequested, link: AccountLink) -> OutcomeReached | None:
        """Add nothing. While the shopper is asked about too many adds, note what the post asks for, to offer it later.

        That stays so whatever comes again; a post that was acted upon before the pause stays as it was.
        """
        if link.state_reason != TOO_MANY or request.post_id != request.first_id:
            return self._reached(request, link, self._momentary(request, Code.PAUSED, link.state_reason))
        version = replace(
            self._asked(request),
            quantity=request.quantity,
            code=Code.PAUSED,
            reason=TOO_MANY,
            linked=request.product.line_id if request.product else None,
        )
        row = self._record(link.shopper_id, request, version)
        outcome = outcome_of(row, self._write_lines(link.shopper_id, row).line)
        return self._reached(request, link, outcome) if outcome else None

    def _drop_hashtag(self, request: HashtagDropped) -> OutcomeReached | None:
        link = self._link_that_covers(request.post_id, request.author_id)
        if link is None:
            report(request.post_id, "dropped", "not_linked")
            return None
        row = self._record(link.shopper_id, request, Version(int(request.post_id)))
        return self._told(request, link, row, self._write_lines(link.shopper_id, row))

    def _undo(self, request: UndoRequested) -> OutcomeReached | None:
        link = self._link_that_covers(request.post_id, request.author_id)
        if link is None:
            report(request.post_id, "dropped", "not_linked")
            return None
        row = self._take_back(link.shopper_id, request.target_id)
        sensitive = any(version.sensitive for version in row.versions.values())
        return self._reached(
            request, link, Outcome(Code.UNDONE, int(request.post_id), reason="undo", sensitive=sensitive)
        )

    def _delete(self, request: PostDeleted) -> None:
        link = self._link_that_covers(request.post_id, request.author_id)
        if link is None or not link.undo_on_delete:
            report(request.post_id, "dropped", "delete_undoes_nothing")
            return
        self._take_back(link.shopper_id, request.post_id)
        report(request.post_id, Code.UNDONE, "deleted")

    def _pause_link(self, x_user_id: str, reason: str, at_ms: int) -> None:
        paused = self.links.pause(x_user_id, reason=reason, at_ms=at_ms)
        report(None, "paused" if paused else "dropped", reason)

    def _is_paused(self, request: AddRequested, link: AccountLink) -> bool:
        """Whether the link is paused for this request.

        X shows a post to an app only while its author's posts are public; so one that is younger than a pause for that
        very reason ends it.
        """
        if link.state is not LinkState.PAUSED:
            return False
        if request.network != X and link.state_reason in (*NOT_PUBLIC, TOO_MANY):
            return False
        if link.state_reason not in NOT_PUBLIC:
            return True
        resumed = self.links.resume_public(link.x_user_id, seen_ms=posted_at_ms(request.post_id))
        if resumed:
            report(request.post_id, "resumed", link.state_reason)
        return not resumed

    def _stop(self, request: StopRequested) -> None:
        link = self._link_that_covers(request.post_id, request.author_id)
        stopped = link is not None and self.links.stop_replies(request.author_id, post_id=request.post_id)
        report(request.post_id, "replies_stopped" if stopped else "dropped", "stop")

    def _link_that_covers(self, post_id: str, author_id: str) -> AccountLink | None:
        now_ms = self.clock_ms()
        if is_too_old(post_id, now_ms) or is_from_the_future(post_id, now_ms):
            report(post_id, "dropped", "too_old_or_from_the_future")
            return None
        link = self.links.of_profile(author_id)
        return link if link is not None and link.covers(posted_at_ms(post_id)) else None

    def _not_linked(self, request: AddRequested) -> OutcomeReached | None:
        report(request.post_id, Code.NOT_LINKED)
        self._count(request, self._momentary(request, Code.NOT_LINKED))
        if not (request.summoned and self.rules.reply_to_strangers):
            return None
        outcome = self._momentary(request, Code.NOT_LINKED)
        return OutcomeReached(
            request.post_id, request.first_id, request.author_id, shopper_id=None, outcome=outcome, summoned=True
        )

    def _decide(self, request: AddRequested, link: AccountLink) -> tuple[Version, Snapshot | None]:
        asked = self._asked(request)
        if request.product is None:
            return replace(asked, code=Code.NO_PRODUCT, reason=request.reason), None
        wanted = find_wanted(
            self.product_of,
            request.product,
            marketplace=link.marketplace,
            quantity=request.quantity,
            words=request.option_words,
        )
        version = decide(
            replace(asked, line_id=wanted.reference.line_id, quantity=wanted.quantity),
            wanted.product,
            marketplace=link.marketplace,
            country_allowed=serves(self.rules.allowed_countries, link.country),
            own_maximum=self.rules.own_maximum,
            sensitive=wanted.product is not None and self._is_sensitive(wanted.product, link),
        )
        return version, self._snapshot(wanted.product, version, request.preview or LinkPreview())

    def _asked(self, request: AddRequested) -> Version:
        return Version(
            id=int(request.post_id),
            parent_id=request.parent_id,
            parent_author_id=request.parent_author_id,
            reply_id=request.reply_id,
        )

    def _is_sensitive(self, product: Product, link: AccountLink) -> bool:
        categories = (*self.rules.sensitive_categories, *link.sensitive_categories)
        return is_sensitive(product.category, flagged=product.sensitive, categories=categories)

    def _snapshot(self, product: Product | None, version: Version, preview: LinkPreview) -> Snapshot | None:
        """What the store says of the product, and the link where the store says nothing."""
        if product is None or version.line_id is None:
            return None
        return Snapshot(
            title=product.title or preview.title,
            price=product.price,
            currency=product.currency,
            image_url=product.image_url or preview.image_url,
            priced_at_ms=self.clock_ms() if product.price else None,
            max_quantity=version.maximum,
            sensitive=version.sensitive,
            category=product.category,
            associate_tag=preview.associate_tag,
            item_id=product.item_id,
        )

    def _record(self, shopper_id: str, request: AddRequested | HashtagDropped, version: Version) -> PostRow:
        now_ms = self.clock_ms()
        first_key = request.first_key
        row = self.rows.record_version(shopper_id, first_key, version, now_ms=now_ms)
        if request.other_key is None:
            return row
        other = self.rows.point_to_first(shopper_id, request.other_key, first_key, now_ms=now_ms)
        return self.rows.mark_undone(shopper_id, first_key, now_ms=now_ms) if other.undone else row

    def _write_lines(self, shopper_id: str, row: PostRow, snapshot: Snapshot | None = None) -> Written:
        """Put the row on every line that it names; the line returned is the one that its newest version asks for."""
        newest = row.newest
        written = write_row(self.carts, shopper_id, row, clock_ms=self.clock_ms, snapshot=snapshot)
        line = written.line
        if self.synchronise is not None and line is not None and written.unconfirmed:
            line = self.synchronise(shopper_id).get(line.line_id, line)
        return replace(written, line=line if newest is not None and newest.line_id is not None else None)

    def _take_back(self, shopper_id: str, post_id: str) -> PostRow:
        now_ms = self.clock_ms()
        row = self.rows.mark_undone(shopper_id, order_key(post_id), now_ms=now_ms)
        if row.first_key is not None:
            row = self.rows.mark_undone(shopper_id, row.first_key, now_ms=now_ms)
        self._write_lines(shopper_id, row)
        return row

    def _keep_trying(self, request: AddRequested, link: AccountLink, reason: str) -> OutcomeReached:
        now_ms = self.clock_ms()
        age_ms = now_ms - posted_at_ms(request.post_id)
        wait_ms = min(max(SHORTEST_WAIT_MS, age_ms // 2), LONGEST_WAIT_MS)
        self.pending.put(PendingItem(PendingKind.CART_REQUEST, request.post_id, now_ms + wait_ms, to_json(request)))
        self.tally.alarm("PostponedRequests")
        return self._reached(request, link, self._momentary(request, Code.STORE_UNAVAILABLE, reason))

    def _momentary(self, request: AddRequested, code: Code, reason: str | None = None) -> Outcome:
        return Outcome(code, int(request.post_id), reason=reason)

    def _reached(
        self,
        request: AddRequested | HashtagDropped | UndoRequested,
        link: AccountLink,
        outcome: Outcome,
        *,
        is_news: bool = True,
    ) -> OutcomeReached:
        report(request.post_id, outcome.code, outcome.reason)
        if is_news:
            self._count(request, outcome)
        return OutcomeReached(
            post_id=request.post_id,
            first_id=request.first_id,
            author_id=request.author_id,
            shopper_id=link.shopper_id,
            outcome=outcome,
            summoned=not isinstance(request, HashtagDropped) and request.summoned,
            network=request.network if isinstance(request, AddRequested) else X,
        )

    def _count(self, request: AddRequested | HashtagDropped | UndoRequested, outcome: Outcome) -> None:
        """Count an outcome, and how far the reply has come on its way from X to a cart.

        A reply to a store that is down counts once that is over. One that leaves no row, as its author has not linked
        or has paused, counts with each of its deliveries.
        """
        self.tally.count("Outcomes", Outcome=outcome.code.value, Reason=outcome.counted_reason)
        is_reply = isinstance(request, AddRequested) and request.network == X
        if not is_reply or outcome.code is Code.STORE_UNAVAILABLE:
            return
        self.tally.count("Replies")
        self.tally.count("LinkedReplies", int(outcome.code is not Code.NOT_LINKED))
        self.tally.count("RepliesInCart", int(outcome.code in IN_CART))
        if outcome.code in IN_CART:
            self.tally.measure("ReplyToCartMilliseconds", max(0, self.clock_ms() - posted_at_ms(request.post_id)))
