"""Own replies from before the link: found once, offered, and added only by a click."""

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from hashcart.domain.account_links import TOO_MANY, AccountLink, LinkState
from hashcart.domain.cart_hashtags import CartHashtags
from hashcart.domain.link_previews import LinkPreview
from hashcart.domain.offers import DECLINED, GONE
from hashcart.domain.outcomes import Code, Outcome, Version
from hashcart.domain.parents import Availability, ParentPost
from hashcart.domain.posts import DAY_MS, Link, Post, order_key, posted_at_ms
from hashcart.domain.product_links import ProductReference, StoreLinks
from hashcart.domain.x_prices import POST_READ
from hashcart.domain.x_spending import Purpose, Spent, day_of
from hashcart.queues import NotSentError
from hashcart.social.x.client import Missing, PostPage, RateLimitedError, Stretch, XUnavailableError
from hashcart.use_cases.offer_replies import LOOKS_AN_HOUR, MAX_OFFERS, OfferReplies, Offers, Taken, Trouble
from hashcart.use_cases.x_budget import XBudget, XMeter
from tests.fakes.clock import NOW_MS, Clock, post_id
from tests.fakes.storage import MemoryActivity, MemoryCheckpoints, MemoryOffers
from tests.unit.test_why_not import CountersFake

MUG = ProductReference("store.localhost", "mug")
LINK = AccountLink("shopper-1", "333", "ben_browses", "store.localhost", "US", "en", NOW_MS - 1000, "1")
PARENT = ParentPost(author_id="111", has_links=True, products=(MUG,), previews=(LinkPreview("Stoneware mug"),))


def reply(ago_ms: int = 60_000, text: str = "#AmazonCart", **fields: Any) -> Post:
    made = post_id(ago_ms)
    return replace(Post(made, made, "333", text=text, replied_to_id="1", replied_to_author_id="111"), **fields)


class Offering:
    def __init__(self, *found: Post) -> None:
        self.clock = Clock()
        self.book = MemoryOffers()
        self.rows = MemoryActivity()
        self.counters = CountersFake()
        self.checkpoints = MemoryCheckpoints()
        self.found: list[Post] = list(found)
        self.shown: dict[str, Post | Missing] = {post.id: post for post in found}
        self.parent: ParentPost | None = PARENT
        self.searches: list[tuple[str, Stretch]] = []
        self.error: Exception | None = None
        self.sent: list[dict[str, object]] = []
        self.queue_error: Exception | None = None
        self.targets: dict[str, str | None] = {}
        self.sequence = 0
        self.replies = OfferReplies(
            book=self.book,
            rows=self.rows,
            posts=self,
            search=self.search,
            counters=self.counters,
            hashtags=CartHashtags(["AmazonCart"]),
            store=StoreLinks.of("demo", short_hosts=("go.test",)),
            unwind=lambda urls: {url: self.targets.get(url) for url in urls},
            send=self.send,
            sequence=self.next,
            clock_ms=self.clock,
            sleep=self.clock.sleep,
            budget=XBudget(self.checkpoints, 100 * POST_READ, self.clock),
            meter=XMeter(self.checkpoints, self.clock),
        )

    def search(self, handle: str, stretch: Stretch) -> PostPage:
        self.searches.append((handle, stretch))
        if self.error:
            raise self.error
        return PostPage(tuple(post.id for post in self.found), tuple(self.found), None)

    def posts(self, ids: Collection[str]) -> dict[str, Post | Missing]:
        if self.error:
            raise self.error
        return {post: self.shown[post] for post in ids if post in self.shown}

    def of(self, ids: Collection[str]) -> Mapping[str, ParentPost]:
        return {post: self.parent for post in ids if self.parent is not None}

    def known(self, ids: Collection[str]) -> Mapping[str, ParentPost]:
        return self.of(ids)

    def next(self) -> int:
        self.sequence += 1
        return self.sequence

    def send(self, body: str) -> None:
        if self.queue_error:
            raise self.queue_error
        self.sent.append(json.loads(body))

    def looked(self, link: AccountLink = LINK) -> Offers:
        self.replies.look_once(link)
        return self.replies.offers(link)


def ids(offers: Offers) -> list[str]:
    return [one.offer.first_id for one in offers.offered]


def test_a_reply_of_a_minute_before_the_link_is_offered_with_what_it_would_add() -> None:
    ours = reply(text="#AmazonCart x2")
    offering = Offering(ours)
    (one,) = offering.looked().offered
    assert (one.title, one.offer.quantity, one.offer.line_id, one.offer.at_ms) == (
        "Stoneware mug", 2, MUG.line_id, posted_at_ms(ours.id),
    )  # fmt: skip
    assert offering.sent == []
    ((handle, stretch),) = offering.searches
    assert (handle, stretch.page_size) == ("ben_browses", MAX_OFFERS)
    assert 0 < NOW_MS - posted_at_ms(stretch.since_id) < 7 * DAY_MS
    assert posted_at_ms(stretch.until_id or "") == LINK.consented_at_ms


def test_x_is_asked_once_for_a_link_and_anew_for_the_next() -> None:
    offering = Offering(reply())
    offering.looked()
    offering.looked()
    assert len(offering.searches) == 1
    assert offering.looked(replace(LINK, consented_at_ms=NOW_MS - 10)).looked
    assert len(offering.searches) == 2


def test_a_link_that_is_over_a_week_old_has_nothing_before_it_that_x_could_find() -> None:
    offering = Offering(reply())
    assert offering.looked(replace(LINK, consented_at_ms=NOW_MS - 8 * DAY_MS)) == Offers(looked=True)
    assert offering.searches == []


@pytest.mark.parametrize(
    "other",
    [
        reply(author_id="444"),
        reply(replied_to_id=None),
        reply(is_repost=True),
        reply(text="#AmazonCart #undo"),
        reply(text="lovely"),
        reply(ago_ms=500),
        reply(ago_ms=15 * DAY_MS),
    ],
)
def test_what_parsing_would_not_act_upon_or_what_the_link_covers_is_not_offered(other: Post) -> None:
    assert ids(Offering(other).looked()) == []


@pytest.mark.parametrize("product_in_reply", [True, False])
def test_a_reply_whose_product_is_its_own_link_is_offered_by_it(*, product_in_reply: bool) -> None:
    own = (Link("http://store.localhost:8401/products/mug"),) if product_in_reply else ()
    offering = Offering(reply(links=own))
    offering.parent = ParentPost(author_id="111", has_links=True)
    assert [one.title for one in offering.looked().offered] == (["mug"] if product_in_reply else [])


def test_what_could_not_be_looked_up_is_offered_without_a_name() -> None:
    short = reply(links=(Link("https://go.test/x"),))
    offering = Offering(short)
    offering.parent = None
    (one,) = offering.looked().offered
    assert one.title is None
    gone = Offering(reply())
    gone.parent = ParentPost(availability=Availability.GONE)
    assert ids(gone.looked()) == []
    followed = Offering(short)
    followed.parent = ParentPost(author_id="111")
    followed.targets["https://go.test/x"] = "http://store.localhost:8401/products/mug"
    assert [one.title for one in followed.looked().offered] == ["mug"]


def test_a_reply_that_an_earlier_link_has_acted_upon_is_not_offered() -> None:
    done, taken_back, told = reply(60_000), reply(61_000), reply(62_000)
    offering = Offering(done, taken_back, told)
    offering.rows.record_version("shopper-1", order_key(done.id), Version(int(done.id), MUG.line_id), now_ms=NOW_MS)
    offering.rows.mark_undone("shopper-1", order_key(taken_back.id), now_ms=NOW_MS)
    outcome = Outcome(Code.NOT_LINKED, int(told.id))
    offering.rows.store_outcome("shopper-1", order_key(told.id), outcome, now_ms=NOW_MS)
    assert ids(offering.looked()) == [told.id]


@pytest.mark.parametrize("link", [replace(LINK, protected=True), replace(LINK, state=LinkState.PAUSED)])
def test_a_protected_or_paused_profile_is_not_searched(link: AccountLink) -> None:
    offering = Offering(reply())
    offering.replies.look_again(link)
    assert (offering.looked(link), offering.searches) == (Offers(), [])


@pytest.mark.parametrize("error", [XUnavailableError("503"), RateLimitedError(NOW_MS + 1000)])
def test_trouble_with_x_is_said_and_the_shopper_may_look_again(error: Exception) -> None:
    offering = Offering(reply())
    offering.error = error
    assert offering.looked() == Offers(looked=True, trouble=Trouble.X_UNAVAILABLE)
    offering.error = None
    offering.replies.look_again(LINK)
    assert len(offering.replies.offers(LINK).offered) == 1
    assert offering.replies.offers(LINK).trouble is None
    offering.error = error
    offering.replies.look_again(LINK)
    assert len(offering.replies.offers(LINK).offered) == 1


def test_what_is_read_counts_and_the_days_budget_stops_a_look_but_no_click() -> None:
    ours = reply()
    offering = Offering(ours)
    offering.looked()
    day = day_of(NOW_MS)
    assert offering.checkpoints.spending(day).by_purpose == {Purpose.OFFERS: Spent(1, POST_READ)}
    offering.checkpoints.spend(day, Purpose.PARENTS, 80)
    offering.replies.look_again(LINK)
    assert (len(offering.searches), offering.replies.offers(LINK).trouble) == (1, Trouble.OVER_BUDGET)
    assert offering.replies.take(LINK, [ours.id]).keys
    assert offering.checkpoints.spending(day).by_purpose[Purpose.OFFERS].units == 2


def test_a_ledger_that_cannot_be_written_is_trouble_like_any_other() -> None:
    offering = Offering(reply())
    offering.checkpoints.faults.append(ClientError({"Error": {"Code": "ThrottlingException"}}, "UpdateItem"))
    assert offering.looked() == Offers(looked=True, trouble=Trouble.X_UNAVAILABLE)
    assert offering.searches == []


def test_looking_again_has_a_limit_that_an_hour_lifts() -> None:
    offering = Offering(reply())
    for _ in range(LOOKS_AN_HOUR + 1):
        offering.replies.look_again(LINK)
    assert len(offering.searches) == LOOKS_AN_HOUR
    assert offering.replies.offers(LINK).trouble == Trouble.TOO_MANY
    assert len(offering.replies.offers(LINK).offered) == 1
    offering.clock.now_ms += 3_600_000
    offering.replies.look_again(LINK)
    assert offering.replies.offers(LINK).trouble is None


def test_an_offer_is_taken_once_however_often_it_is_clicked() -> None:
    ours = reply()
    offering = Offering(ours)
    offering.looked()
    first = offering.replies.take(LINK, [ours.id])
    again = offering.replies.take(LINK, [ours.id])
    (key,) = first.keys
    assert again == first
    assert {str(message["id"]) for message in offering.sent} == {key.split("#")[2]}
    assert offering.sent[0]["kind"] == "offer_taken"
    offering.rows.record_version("shopper-1", key, Version(1, MUG.line_id), now_ms=NOW_MS)
    offering.sent.clear()
    assert (offering.replies.take(LINK, [ours.id]).keys, offering.sent) == ((key,), [])
    assert ids(offering.replies.offers(LINK)) == []


def test_several_offers_are_taken_together() -> None:
    one, other = reply(60_000), reply(70_000)
    offering = Offering(one, other)
    offering.looked()
    taken = offering.replies.take(LINK, [one.id, other.id])
    assert (len(taken.keys), len(set(taken.keys)), len(offering.sent)) == (2, 2, 2)


def test_what_was_never_offered_cannot_be_taken() -> None:
    offering = Offering(reply())
    offering.looked()
    stranger = post_id(30_000)
    assert offering.replies.take(LINK, [stranger]) == Taken()
    offering.replies.decline(LINK, [stranger])
    assert offering.book.books["shopper-1"].answers == {}
    assert offering.replies.take(replace(LINK, state=LinkState.PAUSED), [offering.found[0].id]) == Taken()
    offering.clock.now_ms += 15 * DAY_MS
    assert offering.replies.take(LINK, [offering.found[0].id]) == Taken()


def test_a_declined_offer_stays_declined() -> None:
    ours = reply()
    offering = Offering(ours)
    offering.looked()
    offering.replies.decline(LINK, [ours.id])
    assert offering.replies.offers(LINK) == Offers(looked=True)
    offering.replies.look_again(LINK)
    assert (ids(offering.replies.offers(LINK)), offering.replies.take(LINK, [ours.id])) == ([], Taken())
    assert offering.book.books["shopper-1"].answers == {ours.id: DECLINED}


def test_an_offer_declined_in_another_window_meanwhile_is_not_added() -> None:
    ours = reply()
    offering = Offering(ours)
    offering.looked()
    posts = offering.posts

    def decline_meanwhile(ids: Collection[str]) -> dict[str, Post | Missing]:
        offering.replies.decline(LINK, [ours.id])
        return posts(ids)

    offering.posts = decline_meanwhile  # type: ignore[method-assign]
    assert (offering.replies.take(LINK, [ours.id]), offering.sent) == (Taken(), [])


@pytest.mark.parametrize("now", [Missing.GONE, Missing.PROTECTED, reply(text="never mind")])
def test_a_reply_that_is_gone_or_changed_at_the_click_is_not_added(now: Post | Missing) -> None:
    ours = reply()
    offering = Offering(ours)
    offering.looked()
    offering.shown[ours.id] = now
    assert offering.replies.take(LINK, [ours.id]) == Taken(gone=1)
    assert (offering.sent, offering.book.books["shopper-1"].answers) == ([], {ours.id: GONE})


def test_a_reply_that_was_taken_back_since_is_not_added() -> None:
    ours = reply()
    offering = Offering(ours)
    offering.looked()
    offering.rows.mark_undone("shopper-1", order_key(ours.id), now_ms=NOW_MS)
    assert (offering.replies.take(LINK, [ours.id]), offering.sent) == (Taken(), [])


def test_trouble_at_the_click_leaves_the_offer_standing() -> None:
    ours = reply()
    offering = Offering(ours)
    offering.looked()
    offering.error = XUnavailableError("503")
    assert offering.replies.take(LINK, [ours.id]) == Taken(trouble=Trouble.X_UNAVAILABLE)
    offering.error = None
    del offering.shown[ours.id]
    assert offering.replies.take(LINK, [ours.id]).trouble is Trouble.X_UNAVAILABLE
    assert ids(offering.replies.offers(LINK)) == [ours.id]


def test_a_queue_that_takes_nothing_is_an_error_and_the_same_click_adds_once_later() -> None:
    ours = reply()
    offering = Offering(ours)
    offering.looked()
    offering.queue_error = NotSentError("posts")
    with pytest.raises(NotSentError):
        offering.replies.take(LINK, [ours.id])
    offering.queue_error = None
    (key,) = offering.replies.take(LINK, [ours.id]).keys
    assert [message["id"] for message in offering.sent] == [key.split("#")[2]]


VOUCHED = replace(LINK, consented_at_ms=NOW_MS - 30 * DAY_MS, adds_since_ms=NOW_MS - 3_600_000, vouched_at_ms=NOW_MS)


def hold(offering: Offering, post: Post, *, is_noted: bool = True) -> None:
    """Leave what cart_insertion and outcome_delivery leave of a reply that came while the shopper was asked."""
    key, outcome = order_key(post.id), Outcome(Code.PAUSED, int(post.id), reason=TOO_MANY)
    version = Version(
        int(post.id), code=Code.PAUSED, reason=TOO_MANY, linked=MUG.line_id, quantity=2, parent_id=post.replied_to_id
    )
    if is_noted:
        offering.rows.record_version("shopper-1", key, version, now_ms=NOW_MS)
    offering.rows.store_outcome("shopper-1", key, outcome, now_ms=NOW_MS)


def test_what_was_held_is_offered_once_the_shopper_has_answered_and_taken_once() -> None:
    ours, unread, added = reply(60_000), reply(50_000), reply(40_000)
    offering = Offering(ours, unread, added)
    hold(offering, ours)
    hold(offering, unread, is_noted=False)
    offering.rows.record_version("shopper-1", order_key(added.id), Version(1, MUG.line_id), now_ms=NOW_MS)
    asked = replace(VOUCHED, state=LinkState.PAUSED, state_reason=TOO_MANY, vouched_at_ms=None)
    assert offering.replies.offers(asked) == Offers()
    nameless, named = offering.replies.offers(VOUCHED).offered
    assert (nameless.title, nameless.offer.first_id, nameless.offer.was_held) == (None, unread.id, True)
    assert (named.title, named.offer.first_id, named.offer.quantity) == ("Stoneware mug", ours.id, 2)
    (key,) = offering.replies.take(VOUCHED, [ours.id]).keys
    offering.rows.point_to_first("shopper-1", order_key(ours.id), key, now_ms=NOW_MS)
    offering.rows.record_version("shopper-1", key, Version(2, MUG.line_id), now_ms=NOW_MS)
    assert offering.replies.take(VOUCHED, [ours.id]).keys == (key,)
    assert len(offering.sent) == 1
    offering.replies.decline(VOUCHED, [unread.id])
    assert offering.replies.offers(VOUCHED) == Offers()


def test_what_was_held_is_found_again_by_the_search_of_a_new_link() -> None:
    ours = reply()
    offering = Offering(ours)
    hold(offering, ours)
    assert ids(offering.looked()) == [ours.id]


def test_what_was_held_two_weeks_ago_is_not_offered_any_more() -> None:
    ours = reply()
    offering = Offering(ours)
    hold(offering, ours)
    offering.clock.now_ms += 14 * DAY_MS
    assert offering.replies.offers(VOUCHED) == Offers()
