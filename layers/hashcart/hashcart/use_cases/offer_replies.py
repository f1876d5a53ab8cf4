"""Offering own replies that did nothing: those of the week before a profile was linked, and those that came while the
shopper was asked about too many adds.

X is asked once the link exists, and only for that profile; nothing is kept of anybody before. What is found is offered
on the page after linking and on the cart page until it is answered, and nothing is added unasked. The click is the
consent for the reply that it names: it goes the way of a reply, under a key of its own, once however often it is sent.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Protocol

from hashcart.domain.account_links import AccountLink, LinkState
from hashcart.domain.cart_hashtags import CartHashtags
from hashcart.domain.offers import (
    DECLINED,
    GONE,
    Offer,
    OfferBook,
    has_done_nothing,
    held_offer,
    is_from_before,
    may_be_offered,
)
from hashcart.domain.outcomes import PostRow
from hashcart.domain.parents import ParentPost, products_of
from hashcart.domain.posts import CLOCK_SKEW_MS, OFFER, OLDEST_POST_MS, Post, is_too_old, order_key, private_id
from hashcart.domain.product_links import ProductReference, StoreLinks
from hashcart.domain.quantities import quantity_beside
from hashcart.domain.short_links import awaits_links, short_links_of, unwound
from hashcart.domain.sweeps import LONGEST_ABSENCE_MS
from hashcart.domain.x_spending import Purpose
from hashcart.messages.posts import OfferTaken, to_json
from hashcart.observability import report, report_failure
from hashcart.social.x.client import Missing, PostPage, Stretch
from hashcart.use_cases.add_privately import wait_for_outcome
from hashcart.use_cases.explain_reply import readable
from hashcart.use_cases.parents import TRANSIENT
from hashcart.use_cases.x_budget import BudgetUnavailableError, OverBudgetError, XBudget, XMeter

MAX_OFFERS = 20
"""So many replies are read, the newest: half a cent each, and as much for each post that they reply to."""

MAX_SHOWN = 40
"""So many offers stand on a page, and are answered at once; others follow when these are answered."""

HOUR_SECONDS = 3600
DAY_SECONDS = 24 * HOUR_SECONDS
LOOKS_AN_HOUR = 3
LOOKS_A_DAY = 6
KEPT_SECONDS = 60


class Trouble(StrEnum):
    """Why X was not asked, or gave no answer."""

    TOO_MANY = "too_many"
    OVER_BUDGET = "over_budget"
    X_UNAVAILABLE = "x_unavailable"


class BookStore(Protocol):
    """What is offered, and the answers."""

    def read(self, shopper_id: str, *, now_ms: int) -> OfferBook:
        """The shopper's offers."""

    def begin(self, shopper_id: str, consented_at_ms: int, *, now_ms: int) -> bool:
        """Note that X is about to be asked for a link; False if it was before."""

    def keep(
        self,
        shopper_id: str,
        consented_at_ms: int,
        found: Sequence[Offer] | None,
        *,
        trouble: str | None = None,
        now_ms: int,
    ) -> None:
        """Keep what X has answered."""

    def answer(self, shopper_id: str, first_id: str, answer: str, *, now_ms: int) -> str:
        """Keep the first answer to an offer, and return it."""


class RowReader(Protocol):
    """What became of posts."""

    def row(self, shopper_id: str, key: str) -> PostRow | None:
        """One post's row, read consistently."""

    def between(self, shopper_id: str, start_ms: int, end_ms: int) -> list[PostRow]:
        """The rows of the posts that were made in a time."""


class PostReader(Protocol):
    """Posts at X."""

    def posts(self, ids: Collection[str]) -> dict[str, Post | Missing]:
        """The posts themselves. Raises one of TRANSIENT."""

    def of(self, ids: Collection[str]) -> Mapping[str, ParentPost]:
        """What posts offer to those who reply to them."""

    def known(self, ids: Collection[str]) -> Mapping[str, ParentPost]:
        """The same, of those that are known without asking."""


class Counters(Protocol):
    """Counting with a limit."""

    def count(self, counter: str, *, limit: int, expires_at: int) -> bool:
        """Count one more, `limit` at most. False if it would be more."""


@dataclass(frozen=True, slots=True)
class Offered:
    """An offer as a page shows it; `title` is None where the product is not known."""

    offer: Offer
    title: str | None


@dataclass(frozen=True, slots=True)
class Offers:
    """What stands on a page. `looked` says that X was asked for this link, `trouble` that it did not answer."""

    offered: tuple[Offered, ...] = ()
    looked: bool = False
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of some offers that were taken: the keys of their rows, whether X could be asked, what was gone."""

    keys: tuple[str, ...] = ()
    trouble: Trouble | None = None
    gone: int = 0


@dataclass(frozen=True, slots=True)
class OfferReplies:
    """Finds, shows and answers offers. `search` reads a page of X's search for an author with this handle.

    The day's `budget` for X may stop a look; what a click wants is read all the same, and counted by the `meter`.
    """

    book: BookStore
    rows: RowReader
    posts: PostReader
    search: Callable[[str, Stretch], PostPage]
    counters: Counters
    hashtags: CartHashtags
    store: StoreLinks
    unwind: Callable[[Collection[str]], Mapping[str, str | None]]
    send: Callable[[str], None]
    sequence: Callable[[], int]
    clock_ms: Callable[[], int]
    sleep: Callable[[float], None]
    budget: XBudget
    meter: XMeter

    def look_once(self, link: AccountLink) -> None:
        """Ask X for the replies of before, the first time that this is wanted of a link."""
        if _can_be_searched(link) and self.book.begin(link.shopper_id, link.consented_at_ms, now_ms=self.clock_ms()):
            self._look(link)

    def look_again(self, link: AccountLink) -> None:
        """Ask X anew, on the shopper's own click: X finds new posts late."""
        if _can_be_searched(link):
            self.book.begin(link.shopper_id, link.consented_at_ms, now_ms=self.clock_ms())
            self._look(link)

    def offers(self, link: AccountLink) -> Offers:
        """What is offered to the shopper and not answered; X is not asked."""
        book = self.book.read(link.shopper_id, now_ms=self.clock_ms())
        open_offers = [offer for offer in self._all(link, book) if offer.first_id not in book.answers][:MAX_SHOWN]
        known = self.posts.known(sorted({offer.parent_id for offer in open_offers if offer.parent_id}))
        offered = tuple(Offered(offer, _title(offer, known)) for offer in open_offers)
        looked = book.consented_at_ms == link.consented_at_ms and link.state is LinkState.ACTIVE
        return Offers(offered, looked, book.trouble if looked else None)

    def take(self, link: AccountLink, first_ids: Collection[str]) -> Taken:
        """Add what some offers ask for. What was taken before is not sent again once its row is there.

        Raises NotSentError if the queue does not take one; sent again, the same click adds nothing twice.
        """
        now_ms = self.clock_ms()
        book = self.book.read(link.shopper_id, now_ms=now_ms)
        taken_before = {one: key for one in first_ids if (key := self._key_of_row(link, one, book)) is not None}
        wanted = {*first_ids} - {*taken_before}
        asked = [offer for offer in self._all(link, book) if offer.first_id in wanted and _may_be_taken(offer, book)]
        asked.sort(key=lambda offer: offer.at_ms)
        try:
            replies = self.posts.posts([offer.post_id for offer in asked]) if asked else {}
        except TRANSIENT as error:
            report_failure(None, "offer_lookup_failed", error)
            return Taken(trouble=Trouble.X_UNAVAILABLE)
        self.meter.count(Purpose.OFFERS, readable(replies))
        keys, gone, unread = list(taken_before.values()), 0, 0
        for number, offer in enumerate(asked):
            reply = replies.get(offer.post_id)
            if reply is None:
                unread += 1
            elif isinstance(reply, Missing) or not may_be_offered(reply, link, self.hashtags, now_ms):
                self.book.answer(link.shopper_id, offer.first_id, GONE, now_ms=now_ms)
                gone += 1
            elif (key := self._send(link, offer, reply, now_ms + number)) is not None:
                keys.append(key)
        if keys:
            wait_for_outcome(self.rows, link.shopper_id, keys[-1], self.sleep)
        return Taken(tuple(keys), Trouble.X_UNAVAILABLE if unread else None, gone)

    def decline(self, link: AccountLink, first_ids: Collection[str]) -> None:
        """Offer these no more."""
        now_ms = self.clock_ms()
        book = self.book.read(link.shopper_id, now_ms=now_ms)
        for offer in self._all(link, book):
            if offer.first_id in first_ids and offer.first_id not in book.answers:
                self.book.answer(link.shopper_id, offer.first_id, DECLINED, now_ms=now_ms)

    def _all(self, link: AccountLink, book: OfferBook) -> list[Offer]:
        """What was found for this link, and what was held while the shopper was asked about too many adds.

        What was held and taken since leads to its click, so it is in the book of answers and no more among the held.
        """
        if link.state is not LinkState.ACTIVE:
            return []
        found = book.found if book.consented_at_ms == link.consented_at_ms else ()
        now_ms = self.clock_ms()
        held: list[Offer | None] = []
        if link.vouched_at_ms is not None and link.vouched_at_ms > now_ms - OLDEST_POST_MS:
            rows = self.rows.between(link.shopper_id, now_ms - OLDEST_POST_MS, link.vouched_at_ms + CLOCK_SKEW_MS)
            held = [held_offer(row) for row in reversed(rows)]
        offers = [*found, *(offer for offer in held if offer is not None)]
        return [offer for offer in offers if not is_too_old(offer.first_id, now_ms)]

    def _key_of_row(self, link: AccountLink, first_id: str, book: OfferBook) -> str | None:
        """The key of the row that an earlier click has led to, if that is there."""
        click_id = book.answers.get(first_id)
        if click_id is None or click_id in (DECLINED, GONE):
            return None
        key = order_key(click_id, OFFER)
        return key if self.rows.row(link.shopper_id, key) is not None else None

    def _send(self, link: AccountLink, offer: Offer, reply: Post, now_ms: int) -> str | None:
        """Have a reply acted upon, under the id of the first click; None if it was answered otherwise meanwhile.

        `now_ms` keeps those of one click in the order of the replies.
        """
        row = self.rows.row(link.shopper_id, order_key(offer.first_id))
        if not has_done_nothing(row):
            self.book.answer(link.shopper_id, offer.first_id, GONE, now_ms=now_ms)
            return None
        click_id = private_id(now_ms, self.sequence())
        kept = self.book.answer(link.shopper_id, offer.first_id, click_id, now_ms=now_ms)
        if kept in (DECLINED, GONE):
            return None
        self.send(to_json(OfferTaken(kept, link.shopper_id, reply)))
        report(kept, "offer_taken")
        return order_key(kept, OFFER)

    def _look(self, link: AccountLink) -> None:
        """Ask X, within the shopper's limit, and keep what it says: also that it does not."""
        found: list[Offer] | None = None
        trouble: Trouble | None = Trouble.TOO_MANY
        if self._may_look(link.shopper_id):
            try:
                found, trouble = self._find(link), None
            except OverBudgetError:
                trouble = Trouble.OVER_BUDGET
            except (*TRANSIENT, BudgetUnavailableError) as error:
                report_failure(None, "offers_not_found", error)
                trouble = Trouble.X_UNAVAILABLE
        now_ms = self.clock_ms()
        self.book.keep(link.shopper_id, link.consented_at_ms, found, trouble=trouble, now_ms=now_ms)
        report(None, "offers_looked_for", trouble, offers=len(found or ()))

    def _may_look(self, shopper_id: str) -> bool:
        seconds = self.clock_ms() // 1000
        windows = ((HOUR_SECONDS, LOOKS_AN_HOUR), (DAY_SECONDS, LOOKS_A_DAY))
        return all(
            self.counters.count(
                f"offers#{shopper_id}#{length}#{seconds // length}",
                limit=limit,
                expires_at=seconds - seconds % length + length + KEPT_SECONDS,
            )
            for length, limit in windows
        )

    def _find(self, link: AccountLink) -> list[Offer]:
        """The shopper's replies of the week before the link, the newest first.

        Raises one of TRANSIENT, OverBudgetError, BudgetUnavailableError.
        """
        now_ms = self.clock_ms()
        oldest_ms = now_ms - LONGEST_ABSENCE_MS
        if link.consented_at_ms <= oldest_ms:
            return []
        stretch = Stretch(
            since_id=private_id(oldest_ms, 0), until_id=private_id(link.consented_at_ms, 0), page_size=MAX_OFFERS
        )
        search = partial(self.search, link.handle, stretch)
        page = self.budget.spend(Purpose.OFFERS, MAX_OFFERS, search, lambda found: len(found.ids))
        rows = {row.order_key: row for row in self.rows.between(link.shopper_id, oldest_ms, now_ms)}
        replies = [
            reply
            for reply in page.posts
            if may_be_offered(reply, link, self.hashtags, now_ms)
            and is_from_before(reply, link)
            and has_done_nothing(rows.get(order_key(reply.first_id)))
        ]
        parents = self.posts.of(sorted({reply.replied_to_id for reply in replies if reply.replied_to_id}))
        targets = self.unwind([url for reply in replies for url in short_links_of(reply, self.store)])
        offers = (self._offer(unwound(reply, targets), parents) for reply in replies)
        return [offer for offer in offers if offer is not None]

    def _offer(self, reply: Post, parents: Mapping[str, ParentPost]) -> Offer | None:
        """The offer of a reply; None if it is certain that it names no product."""
        parent_id = reply.replied_to_id or ""
        parent = parents.get(parent_id)
        known = parent.products if parent is not None else ()
        product = next(iter(known or products_of(reply, self.store)), None)
        if product is None and parent is not None and not awaits_links(reply, self.store):
            return None
        return Offer(
            first_id=reply.first_id,
            post_id=reply.id,
            parent_id=parent_id,
            line_id=product.line_id if product is not None and parent is not None else None,
            quantity=self.hashtags.beside(reply, quantity_beside),
        )


def _can_be_searched(link: AccountLink) -> bool:
    """Whether X can show the profile's replies; those of protected profiles it shows to no app."""
    return not link.protected and link.state is LinkState.ACTIVE


def _may_be_taken(offer: Offer, book: OfferBook) -> bool:
    """Whether an offer is not answered otherwise: what was sent before is sent again until its row is there."""
    return book.answers.get(offer.first_id) not in (DECLINED, GONE)


def _title(offer: Offer, known: Mapping[str, ParentPost]) -> str | None:
    if offer.line_id is None:
        return None
    reference = ProductReference.from_line_id(offer.line_id)
    preview = known[offer.parent_id].preview(reference) if offer.parent_id in known else None
    return (preview.title if preview is not None else None) or reference.product_id
