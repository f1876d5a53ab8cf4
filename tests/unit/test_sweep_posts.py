"""The sweep of X against a fake source: nothing is lost wherever it stops, and little is sent twice."""

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from hashcart.domain.cart_hashtags import CartHashtags
from hashcart.domain.posts import DAY_MS, HashtagSpan, Mention, Post
from hashcart.domain.summons import Bot
from hashcart.domain.x_prices import DOLLAR, POST_READ
from hashcart.domain.x_spending import READS_PERCENT, Purpose, day_of
from hashcart.observability import logger
from hashcart.queues import NotSentError
from hashcart.social.x.client import (
    PostPage,
    RateLimitedError,
    Stretch,
    TokenRejectedError,
    XFailedError,
    XUnavailableError,
)
from hashcart.use_cases.sweep_posts import LEASE_MS, SWEEP, Source, SweepPosts
from hashcart.use_cases.x_budget import XBudget, next_day_ms
from tests.fakes.clock import NOW_MS, Clock, post_id
from tests.fakes.secrets import secret
from tests.fakes.storage import MemoryCheckpoints, throttle

MINUTE = 60_000
SECRET = secret(json.dumps({"bearer_token": "app"}))


def reply(ms_ago: int, text: str = "#AmazonCart", author: str = "222") -> Post:
    tags = (HashtagSpan("AmazonCart", 0, 11),) if "#AmazonCart" in text else ()
    mentions = (Mention("900", "shopbot", 0, 8),) if "@shopbot" in text else ()
    return reply_at(NOW_MS - ms_ago, text, author, tags, mentions)


def reply_at(
    moment_ms: int,
    text: str = "#AmazonCart",
    author: str = "222",
    tags: tuple[HashtagSpan, ...] = (HashtagSpan("AmazonCart", 0, 11),),
    mentions: tuple[Mention, ...] = (),
) -> Post:
    own = post_id(now_ms=moment_ms)
    return Post(own, own, author, text, hashtags=tags, mentions=mentions, replied_to_id=post_id(10 * MINUTE))


@dataclass
class Timeline:
    """X's list of posts: in range, newest first, `size` a page. `troubles` are raised by the next calls."""

    posts: list[Post] = field(default_factory=list)
    size: int = 2
    troubles: list[Exception | None] = field(default_factory=list)
    asked: list[tuple[str, Stretch]] = field(default_factory=list)

    def read(self, token: str, stretch: Stretch) -> PostPage:
        self.asked.append((token, stretch))
        trouble = self.troubles.pop(0) if self.troubles else None
        if trouble is not None:
            raise trouble
        until = int(stretch.until_id) if stretch.until_id else 2**63
        found = [post for post in self.posts if int(stretch.since_id) < int(post.id) < until]
        found.sort(key=lambda post: -int(post.id))
        start = int(stretch.page_token or 0)
        page = found[start : start + self.size]
        next_token = str(start + self.size) if start + self.size < len(found) else None
        return PostPage(tuple(post.id for post in page), tuple(page), next_token)


class Sqs:
    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.is_down = False

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, str]]) -> dict[str, Any]:  # noqa: N803
        del QueueUrl
        if self.is_down:
            return {"Failed": [{"Id": entry["Id"]} for entry in Entries]}
        self.bodies += [json.loads(entry["MessageBody"]) for entry in Entries]
        return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}


@dataclass
class World:
    timeline: Timeline
    checkpoints: MemoryCheckpoints
    sqs: Sqs
    clock: Clock
    sweep: SweepPosts

    def minute(self, pages: int = 100) -> int:
        """The next minute's event, with time for so many pages."""
        self.clock.now_ms += MINUTE
        left = iter(range(pages))
        return self.sweep(lambda: next(left, None) is not None)

    def allow(self, posts: int) -> None:
        """Let the budget of a day have room for so many posts."""
        daily = posts * POST_READ * 100 // READS_PERCENT + 1
        self.sweep = replace(self.sweep, budget=XBudget(self.checkpoints, daily, self.clock))

    def spent(self, day: str = "") -> int:
        """The posts that a day has cost, today's else; what is reserved included."""
        return self.checkpoints.spent.get(day or day_of(self.clock.now_ms), Counter())[Purpose.SWEEPS]

    @property
    def sent(self) -> list[str]:
        return [body["post"]["id"] for body in self.sqs.bodies]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr("time.sleep", lambda _: None)
    timeline, checkpoints, sqs, clock = Timeline(), MemoryCheckpoints(), Sqs(), Clock(NOW_MS - MINUTE)
    sweep = SweepPosts(
        sources=[Source("mentions", timeline.read)],
        positions=checkpoints,
        app_secret=SECRET,
        sqs=sqs,  # type: ignore[arg-type]
        queue_url="queue",
        hashtags=CartHashtags(["AmazonCart"]),
        bot=Bot("900", "shopbot"),
        budget=XBudget(checkpoints, 50 * DOLLAR, clock),
        clock_ms=clock,
    )
    return World(timeline, checkpoints, sqs, clock, sweep)


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The outcomes that are logged as errors, which metric filters count."""
    outcomes: list[str] = []
    monkeypatch.setattr(logger, "error", lambda _, extra: outcomes.append(extra["outcome"]))
    return outcomes


def ids(*posts: Post) -> list[str]:
    return [post.id for post in posts]


def test_what_concerns_us_is_passed_on_once(world: World) -> None:
    kept = [reply(MINUTE), reply(2 * MINUTE, "@shopbot hello")]
    world.timeline.posts = [*kept, reply(3 * MINUTE, "nothing"), reply(4 * MINUTE, author="900")]
    assert world.minute() == 2
    assert world.sent == ids(*kept)
    assert world.sqs.bodies[0]["kind"] == "post"
    assert world.minute() == 0
    late = reply(5 * MINUTE)
    world.timeline.posts.append(late)
    assert world.minute() == 1
    assert world.sent == ids(*kept, late)


def test_a_post_that_x_shows_only_after_newer_ones_is_found(world: World) -> None:
    world.timeline.posts = [reply(0)]
    world.minute()
    late = reply(9 * MINUTE)
    world.timeline.posts.append(late)
    assert world.minute() == 1
    assert world.sent[-1] == late.id


@pytest.mark.parametrize("pages", [1, 2, 3])
def test_a_sweep_that_runs_out_of_time_goes_on_where_it_stopped(world: World, pages: int) -> None:
    world.minute()
    posts = [reply(second * 1000) for second in range(1, 12)]
    world.timeline.posts = list(posts)
    for _ in range(8):
        world.minute(pages)
        if len(world.sent) < len(posts):
            world.timeline.posts.append(reply(-len(world.sent) * 1000))
    for _ in range(3):
        world.minute()
    assert sorted(world.sent) == sorted(post.id for post in world.timeline.posts)
    assert len(world.sent) == len(set(world.sent))


@pytest.mark.parametrize("trouble", [XUnavailableError("503"), TokenRejectedError("401")])
def test_trouble_at_x_loses_nothing(world: World, trouble: Exception) -> None:
    posts = [reply(second * 1000) for second in range(1, 6)]
    world.timeline.posts = list(posts)
    world.timeline.troubles = [None, trouble, trouble]
    assert world.minute() == 2
    world.timeline.troubles = []
    assert world.minute() == 3
    assert sorted(world.sent) == sorted(ids(*posts))


def test_trouble_at_the_very_first_call_does_not_move_the_beginning(world: World) -> None:
    world.timeline.posts = [reply(5 * MINUTE)]
    world.timeline.troubles = [XUnavailableError("503")] * 30
    for _ in range(30):
        world.minute()
    assert world.minute() == 1


def test_a_limit_is_waited_out(world: World) -> None:
    posts = [reply(second * 1000) for second in range(1, 4)]
    world.timeline.posts = list(posts)
    world.timeline.troubles = [None, RateLimitedError(NOW_MS + 5 * MINUTE)]
    assert world.minute() == 2
    calls = len(world.timeline.asked)
    for _ in range(4):
        assert world.minute() == 0
    assert len(world.timeline.asked) == calls
    assert world.minute() == 1
    assert sorted(world.sent) == sorted(ids(*posts))


def test_the_position_moves_only_after_sqs_has_the_posts(world: World) -> None:
    world.timeline.posts = [reply(1000)]
    world.sqs.is_down = True
    with pytest.raises(NotSentError):
        world.minute()
    assert world.checkpoints.leases == {}
    world.sqs.is_down = False
    assert world.minute() == 1


def test_one_sweep_at_a_time(world: World) -> None:
    world.timeline.posts = [reply(1000)]
    world.checkpoints.leases[SWEEP] = NOW_MS + LEASE_MS
    assert world.minute() == 0
    assert world.timeline.asked == []
    assert world.minute() == 1


def test_a_crash_between_sending_and_keeping_the_position_sends_again(world: World) -> None:
    world.timeline.posts = [reply(1000)]
    world.minute(pages=0)
    steps = iter(["lease", "pause", "position", "reserved", "kept"])

    def crash_at_the_last() -> None:
        if next(steps, "") == "kept":
            raise InterruptedError

    world.checkpoints.before_step = crash_at_the_last
    with pytest.raises(InterruptedError):
        world.minute()
    world.clock.now_ms += LEASE_MS
    world.minute()
    assert world.sent == ids(*world.timeline.posts) * 2


def test_a_message_that_no_queue_takes_holds_nothing_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hashcart.use_cases.sweep_posts.MAX_BATCH_BYTES", 600)
    huge, normal = reply(1000, "#AmazonCart" + "x" * 600), reply(2000)
    world.timeline.posts = [huge, normal]
    assert world.minute() == 1
    assert world.sent == [normal.id]


def test_a_days_budget_ends_the_reading_but_loses_nothing(world: World) -> None:
    world.allow(110)  # a page is reserved as if it were full, so a dozen are read, two a page
    posts = [reply(second * 1000) for second in range(1, 31)]
    world.timeline.posts = list(posts)
    assert world.minute() == 12
    assert world.spent() == 12
    calls = len(world.timeline.asked)
    assert world.minute() == 0
    assert len(world.timeline.asked) == calls
    world.clock.now_ms = next_day_ms(world.clock.now_ms)
    assert world.minute() == 12
    world.clock.now_ms += DAY_MS
    assert world.minute() == 6
    assert sorted(world.sent) == sorted(ids(*posts))


def test_sources_share_what_is_left(world: World) -> None:
    world.allow(110)
    world.timeline.posts = [reply(second * 1000) for second in range(1, 5)]
    search = Timeline([reply(second * 1000, author="333") for second in range(5, 30)])
    sweep = replace(world.sweep, sources=[*world.sweep.sources, Source("search", search.read)])
    assert sweep(lambda: True) == 12
    assert world.spent() == 12


def test_x_bills_a_post_once_a_day(world: World) -> None:
    world.clock.now_ms = evening_ms = next_day_ms(world.clock.now_ms) - 2 * MINUTE
    world.timeline.posts = [reply_at(evening_ms - second * 1000) for second in range(1, 5)]
    world.minute()
    assert world.spent() == 4
    yesterday = day_of(world.clock.now_ms)
    world.minute()
    assert (world.spent(), world.spent(yesterday)) == (4, 4)
    world.minute()
    assert (world.spent(), world.spent(yesterday)) == (4, 4)
    assert len(world.sent) == 4


@pytest.mark.parametrize("trouble", [RateLimitedError(0), TokenRejectedError("401"), XFailedError("503")])
def test_what_x_has_not_shown_is_given_back(world: World, trouble: Exception) -> None:
    world.timeline.troubles = [trouble] * 3
    for _ in range(3):
        world.minute()
    assert len(world.timeline.asked) == 3
    assert world.spent() == 0


def test_of_answers_that_get_lost_one_page_stays_reserved_until_the_next_that_comes(world: World) -> None:
    world.timeline.posts = [reply(1000)]
    world.timeline.troubles = [XUnavailableError("timed out")] * 3
    for _ in range(3):
        world.minute()
        assert world.spent() == 100
    world.timeline.troubles = [XFailedError("503")]
    world.minute()
    assert world.spent() == 100
    assert world.minute() == 1
    assert world.spent() == 1
    world.minute()
    assert world.spent() == 1


def test_a_lost_page_of_yesterday_is_yesterdays(world: World) -> None:
    world.timeline.troubles = [XUnavailableError("timed out")]
    world.minute()
    yesterday = day_of(world.clock.now_ms)
    world.clock.now_ms += DAY_MS
    world.minute()
    assert (world.spent(yesterday), world.spent()) == (100, 0)


def test_without_the_day_s_spending_nothing_is_read(world: World, logged: list[str]) -> None:
    world.timeline.posts = [reply(1000)]
    world.minute(pages=0)
    steps = iter(["lease", "pause", "position", "budget"])

    def throttled_at_the_budget() -> None:
        if next(steps, "") == "budget":
            raise throttle()

    world.checkpoints.before_step = throttled_at_the_budget
    assert (world.minute(), world.timeline.asked, world.checkpoints.leases) == (0, [], {})
    assert logged == ["sweep_interrupted"]
    assert world.minute() == 1


def test_what_cannot_be_given_back_now_stays_spent(world: World) -> None:
    world.timeline.posts = [reply(1000)]
    world.minute(pages=0)
    steps = iter(["lease", "pause", "position", "reserve", "save", "give back"])

    def throttled_at_the_end() -> None:
        if next(steps, "") == "give back":
            raise throttle()

    world.checkpoints.before_step = throttled_at_the_end
    assert (world.minute(), world.spent(), world.checkpoints.leases) == (1, 100, {})


def test_what_sqs_did_not_take_is_read_and_counted_again(world: World) -> None:
    world.timeline.posts = [reply(1000)]
    world.sqs.is_down = True
    with pytest.raises(NotSentError):
        world.minute()
    assert world.spent() == 1
    world.sqs.is_down = False
    world.minute()
    assert world.spent() == 2


def test_a_paused_source_is_not_asked(world: World) -> None:
    world.timeline.posts = [reply(1000)]
    world.checkpoints.pauses = {"mentions": world.clock.now_ms + 2 * MINUTE}
    assert world.minute() == 0
    assert world.minute() == 1


def test_a_post_ahead_of_every_clock_does_not_hide_those_that_follow(world: World) -> None:
    astray = reply_at(NOW_MS + 40 * MINUTE)
    world.timeline.posts = [astray]
    world.minute()
    world.timeline.posts.append(reply_at(NOW_MS + 30_000))
    world.minute()
    assert world.timeline.posts[1].id in world.sent
    for _ in range(40):
        world.minute()
    sent = len(world.sent)
    world.minute()
    assert len(world.sent) == sent, "once its time has come it is one post like any other"


def test_a_post_a_little_ahead_is_passed_on_once(world: World) -> None:
    world.timeline.posts = [reply_at(NOW_MS + 5 * MINUTE)]
    world.minute()
    world.timeline.posts.append(reply_at(NOW_MS + 30_000))
    world.minute()
    assert Counter(world.sent) == Counter(post.id for post in world.timeline.posts)
