"""Why a reply added nothing, and who may ask."""

from collections.abc import Collection, Mapping
from dataclasses import replace

import pytest

from hashcart.domain.account_links import AccountLink, LinkState
from hashcart.domain.cart_hashtags import CartHashtags
from hashcart.domain.outcomes import Code, Outcome, PostRow, Version
from hashcart.domain.parents import Availability, ParentPost
from hashcart.domain.posts import DAY_MS, HashtagSpan, Link, Post, order_key
from hashcart.domain.product_links import ProductReference, StoreLinks
from hashcart.domain.why_not import Explanation, Why
from hashcart.domain.x_prices import POST_READ
from hashcart.domain.x_spending import Purpose, day_of
from hashcart.social.x.client import Missing, RateLimitedError, XUnavailableError
from hashcart.use_cases.explain_reply import LOOKUPS_A_DAY, LOOKUPS_AN_HOUR, ExplainReply, Unexplained
from hashcart.use_cases.x_budget import XBudget
from tests.fakes.clock import NOW_MS, Clock, post_id
from tests.fakes.storage import MemoryActivity, MemoryCheckpoints, throttle

MUG = ProductReference("store.localhost", "mug")
LINK = AccountLink("shopper-1", "222", "ada_shops", "store.localhost", "US", "en", NOW_MS - 20 * DAY_MS, "1")
REPLY_ID = post_id(60_000)
REPLY = Post(REPLY_ID, REPLY_ID, "222", text="#AmazonCart", replied_to_id="1", replied_to_author_id="111")
PARENT = ParentPost(author_id="111", has_links=True, products=(MUG,))
TODAY = day_of(NOW_MS)
PASTED = f"https://x.com/ada_shops/status/{REPLY_ID}"


class PostsFake:
    def __init__(self) -> None:
        self.reply: Post | Missing | None = REPLY
        self.parent: ParentPost | None = PARENT
        self.error: Exception | None = None
        self.asked = 0

    def posts(self, ids: Collection[str]) -> dict[str, Post | Missing]:
        self.asked += 1
        if self.error:
            raise self.error
        return {post: self.reply for post in ids if self.reply is not None}

    def of(self, ids: Collection[str]) -> Mapping[str, ParentPost]:
        return {post: self.parent for post in ids if self.parent is not None}


class CountersFake:
    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.expiries: dict[str, int] = {}

    def count(self, counter: str, *, limit: int, expires_at: int) -> bool:
        self.counts[counter] = self.counts.get(counter, 0) + 1
        self.expiries[counter] = expires_at
        return self.counts[counter] <= limit


class Asking:
    def __init__(self) -> None:
        self.clock = Clock()
        self.rows = MemoryActivity()
        self.posts = PostsFake()
        self.counters = CountersFake()
        self.checkpoints = MemoryCheckpoints()
        self.targets: dict[str, str | None] = {}
        self.explain = ExplainReply(
            self.rows,
            self.posts,
            self.counters,
            CartHashtags(["AmazonCart", "アマゾンポチ"]),
            StoreLinks.of("demo", short_hosts=("go.test",)),
            {"x.localhost:8400"},
            lambda urls: {url: self.targets.get(url) for url in urls},
            self.clock,
            XBudget(self.checkpoints, 100 * POST_READ, self.clock),
        )

    def __call__(self, link: AccountLink = LINK, pasted: str = PASTED) -> PostRow | Explanation | Unexplained:
        return self.explain(link, pasted)

    def why(self, link: AccountLink = LINK) -> Why:
        explanation = self(link)
        assert isinstance(explanation, Explanation)
        return explanation.why


OLD = post_id(15 * DAY_MS)
BEFORE = post_id(21 * DAY_MS)


@pytest.mark.parametrize(
    ("reply", "parent", "link", "why"),
    [
        (Missing.GONE, PARENT, LINK, Why.DELETED),
        (Missing.PROTECTED, PARENT, LINK, Why.NOT_READABLE),
        (replace(REPLY, author_id="333"), PARENT, LINK, Why.NOT_YOURS),
        (replace(REPLY, is_repost=True), PARENT, LINK, Why.REPOST),
        (replace(REPLY, replied_to_id=None), PARENT, LINK, Why.NOT_A_REPLY),
        (replace(REPLY, text="#undo"), PARENT, LINK, Why.UNDO),
        (replace(REPLY, text="lovely"), PARENT, LINK, Why.NO_HASHTAG),
        (REPLY, ParentPost(Availability.GONE), LINK, Why.PARENT_GONE),
        (REPLY, ParentPost(Availability.PROTECTED), LINK, Why.PARENT_PROTECTED),
        (REPLY, ParentPost(), LINK, Why.NO_LINK),
        (REPLY, ParentPost(has_links=True), LINK, Why.NOT_THIS_STORE),
        (REPLY, PARENT, replace(LINK, state=LinkState.PAUSED), Why.PAUSED),
        (replace(REPLY, id=BEFORE), PARENT, LINK, Why.NOT_LINKED_THEN),
        (replace(REPLY, id=OLD), PARENT, LINK, Why.TOO_OLD),
        (REPLY, PARENT, LINK, Why.SHOULD_HAVE_WORKED),
    ],
)
def test_each_reason(reply: Post | Missing, parent: ParentPost, link: AccountLink, why: Why) -> None:
    asking = Asking()
    asking.posts.reply, asking.posts.parent = reply, parent
    assert asking.why(link) is why


@pytest.mark.parametrize(
    ("text", "hashtags", "found"),
    [
        ("#AmazonCrt please", None, "#AmazonCrt"),
        ("lovely", (HashtagSpan("amazoncarts", 0, 12),), "#amazoncarts"),
        ("AmazonCart, please!", None, "AmazonCart"),
        ("アマゾンポチ", None, "アマゾンポチ"),
        ("#cart", None, None),
        ("", None, None),
    ],
)
def test_what_stands_in_place_of_the_hashtag(
    text: str, hashtags: tuple[HashtagSpan, ...] | None, found: str | None
) -> None:
    asking = Asking()
    asking.posts.reply = replace(REPLY, text=text, hashtags=hashtags)
    assert asking() == Explanation(Why.NO_HASHTAG, found, MUG, "1")


def test_what_can_be_added_now_is_offered() -> None:
    asking = Asking()
    assert asking() == Explanation(Why.SHOULD_HAVE_WORKED, None, MUG, "1")
    asking.posts.parent = ParentPost()
    asking.posts.reply = replace(REPLY, links=(Link("http://store.localhost:8401/products/mug"),), text="lovely")
    assert asking() == Explanation(Why.NO_HASHTAG, None, MUG, "1")
    paused = asking(replace(LINK, state=LinkState.PAUSED))
    assert paused == Explanation(Why.NO_HASHTAG)


def test_a_short_link_of_the_reply_is_followed() -> None:
    asking = Asking()
    asking.posts.parent = ParentPost()
    asking.posts.reply = replace(REPLY, links=(Link("https://go.test/m"),))
    assert asking() == Explanation(Why.NOT_THIS_STORE)
    asking.targets["https://go.test/m"] = "http://store.localhost:8401/products/mug"
    assert asking() == Explanation(Why.SHOULD_HAVE_WORKED, None, MUG, "1")


def test_a_reply_that_came_has_its_outcome_without_asking_x() -> None:
    asking = Asking()
    key = order_key(REPLY_ID)
    asking.rows.store_outcome("shopper-1", key, Outcome(Code.ADDED, 1), now_ms=NOW_MS)
    edit = post_id(1)
    asking.rows.point_to_first("shopper-1", order_key(edit), key, now_ms=NOW_MS)
    row = asking.rows.row("shopper-1", key)
    assert asking() == row
    assert asking(pasted=f"http://x.localhost:8400/i/web/status/{edit}") == row
    assert asking.posts.asked == 0


def test_an_edit_that_came_only_as_its_first_version() -> None:
    asking = Asking()
    first = post_id(90_000)
    asking.rows.record_version("shopper-1", order_key(first), Version(int(first)), now_ms=NOW_MS)
    asking.posts.reply = replace(REPLY, first_id=first)
    assert asking() == asking.rows.row("shopper-1", order_key(first))


def test_an_undo_that_came_before_its_post_explains_nothing() -> None:
    asking = Asking()
    asking.rows.mark_undone("shopper-1", order_key(REPLY_ID), now_ms=NOW_MS)
    assert asking.why() is Why.SHOULD_HAVE_WORKED


def test_x_may_have_no_answer_now() -> None:
    asking = Asking()
    asking.posts.error = XUnavailableError("503")
    assert asking() is Unexplained.X_UNAVAILABLE
    asking.posts.error, asking.posts.reply = None, None
    assert asking() is Unexplained.X_UNAVAILABLE
    asking.posts.reply, asking.posts.parent = REPLY, None
    assert asking() is Unexplained.X_UNAVAILABLE


def test_what_is_no_link_to_a_post() -> None:
    asking = Asking()
    assert asking(pasted="hello") is Unexplained.NO_POST_LINK
    assert asking(pasted="https://a.test/products/mug") is Unexplained.NO_POST_LINK


def test_one_shopper_may_ask_so_often_in_an_hour_and_in_a_day() -> None:
    asking = Asking()
    answers = [asking() for _ in range(LOOKUPS_AN_HOUR + 1)]
    assert (answers[-1], asking.posts.asked) == (Unexplained.TOO_MANY, LOOKUPS_AN_HOUR)
    assert asking(replace(LINK, shopper_id="shopper-2")) != Unexplained.TOO_MANY
    for _ in range(4):
        asking.clock.now_ms += 3_600_000
        for _ in range(LOOKUPS_AN_HOUR):
            asking()
    assert asking.posts.asked == 1 + LOOKUPS_A_DAY
    assert min(asking.counters.expiries.values()) > NOW_MS // 1000


def test_a_question_is_paid_from_the_budget_of_the_day() -> None:
    asking = Asking()
    spent = asking.checkpoints.spent
    asking()
    assert spent[TODAY] == {Purpose.WHY_NOT: 1}
    asking.posts.reply = Missing.GONE
    asking()
    asking.posts.error = RateLimitedError(NOW_MS)
    asking()
    assert spent[TODAY] == {Purpose.WHY_NOT: 1}
    asking.posts.error = XUnavailableError("timed out")
    asking()
    assert spent[TODAY] == {Purpose.WHY_NOT: 2}


def test_beyond_the_budget_x_is_not_asked() -> None:
    asking = Asking()
    asking.checkpoints.spend(TODAY, Purpose.SWEEPS, 90)
    assert (asking(), asking.posts.asked) == (Unexplained.OVER_BUDGET, 0)
    asking.clock.now_ms += DAY_MS
    assert asking.why() is Why.SHOULD_HAVE_WORKED


def test_what_has_been_spent_may_not_be_known_now() -> None:
    asking = Asking()
    asking.checkpoints.faults.append(throttle())
    assert (asking(), asking.posts.asked) == (Unexplained.X_UNAVAILABLE, 0)
