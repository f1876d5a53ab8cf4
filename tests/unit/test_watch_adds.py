"""More adds an hour than a person makes: counted from what is stored, in any order of deliveries."""

import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashcart.domain.account_links import TOO_MANY, AccountLink, EmailChoice, LinkState
from hashcart.domain.adding_rates import HOUR_MS, crowded_since_ms, is_add
from hashcart.domain.cart_lines import Kind, Operation
from hashcart.domain.outcomes import Code, Outcome, PostRow, Version
from hashcart.domain.posts import PRIVATE, X, order_key, posted_at_ms
from hashcart.messages.notices import NoticeKind
from hashcart.messages.outcomes import OutcomeReached
from hashcart.storage.pending import PendingKind
from hashcart.use_cases.take_back_adds import TakeBackAdds
from hashcart.use_cases.watch_adds import METRIC, WatchAdds
from tests.fakes.clock import NOW_MS, Clock, post_id
from tests.fakes.storage import MemoryAccountLinks, MemoryActivity, MemoryCarts, MemoryPending

LINE = "store.localhost#mug#"
MINUTE_MS = 60_000
LINK = AccountLink(
    "ada", "222", "ada_shops", "store.localhost", "US", "en", NOW_MS - 24 * HOUR_MS, "1", email=EmailChoice.PROBLEMS
)


@pytest.fixture(autouse=True)
def _namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METRICS_NAMESPACE", "HashCart/test")


class Watching:
    def __init__(self, link: AccountLink = LINK, most_an_hour: int = 3) -> None:
        self.clock = Clock()
        self.links = MemoryAccountLinks(link)
        self.rows = MemoryActivity()
        self.carts = MemoryCarts()
        self.pending = MemoryPending()
        self.watch = WatchAdds(self.rows, self.links, self.pending, most_an_hour, self.clock)

    @property
    def link(self) -> AccountLink:
        return self.links.links["222"]

    def deliver(self, post: str, code: Code = Code.ADDED, *, network: str = X, line_id: str | None = LINE) -> None:
        """What cart_insertion leaves of a post, and its outcome."""
        key = order_key(post, network)
        version = Version(int(post), line_id, Kind.PLAIN)
        self.rows.record_version("ada", key, version, now_ms=NOW_MS)
        if line_id is not None:
            self.carts.write_operation("ada", line_id, key, Operation(Kind.PLAIN, int(post)), now_ms=NOW_MS)
        message = OutcomeReached(post, post, "222", "ada", Outcome(code, int(post)), network=network)
        self.watch(message, self.link)

    def deliver_all(self, posts: Iterable[str]) -> None:
        for post in posts:
            self.deliver(post)


def posts_at(*minutes_ago: int) -> list[str]:
    return [post_id(minutes * MINUTE_MS, number) for number, minutes in enumerate(minutes_ago)]


def test_as_many_adds_as_allowed_pause_nothing_and_one_more_pauses_and_asks(caplog: pytest.LogCaptureFixture) -> None:
    watching = Watching()
    posts = posts_at(40, 30, 20, 10)
    watching.deliver_all(posts[:3])
    assert watching.link.state is LinkState.ACTIVE
    watching.deliver(posts[3])
    assert (watching.link.state, watching.link.state_reason) == (LinkState.PAUSED, TOO_MANY)
    assert watching.link.adds_since_ms == posted_at_ms(posts[0])
    (item,) = watching.pending.items
    assert (item.kind, json.loads(item.message)["notice"]) == (PendingKind.NOTICE, NoticeKind.TOO_MANY)
    assert [vars(record)[METRIC] for record in caplog.records if record.message == "metric"] == [1]


def test_retries_and_redrives_count_once() -> None:
    watching = Watching()
    watching.deliver_all(posts_at(30, 20, 10) * 4)
    assert watching.link.state is LinkState.ACTIVE
    assert not watching.pending.items


def test_any_order_of_deliveries_gives_the_same_decision() -> None:
    crowded, calm = posts_at(90, 59, 50, 40, 31), posts_at(190, 129, 68, 7)
    for order in itertools.permutations(crowded):
        watching = Watching()
        watching.deliver_all(order)
        assert watching.link.state is LinkState.PAUSED
    for order in itertools.permutations(calm):
        watching = Watching()
        watching.deliver_all(order)
        assert watching.link.state is LinkState.ACTIVE


@given(st.lists(st.integers(0, 200), max_size=9), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_decision_is_that_of_the_rows_alone(minutes_ago: Sequence[int], random: object) -> None:
    posts = posts_at(*minutes_ago)
    made = sorted(map(posted_at_ms, posts))
    is_crowded = any(last - first < HOUR_MS for first, last in zip(made, made[3:], strict=False))
    shuffled = [*posts, *posts[:2]]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    watching = Watching()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("METRICS_NAMESPACE", "HashCart/test")
        watching.deliver_all(shuffled)
    assert (watching.link.state is LinkState.PAUSED) is is_crowded


def test_clicks_and_posts_without_a_line_are_no_adds() -> None:
    watching = Watching()
    for post in posts_at(9, 8, 7, 6):
        watching.deliver(post, network=PRIVATE)
    for post in posts_at(5, 4, 3, 2):
        watching.deliver(post, Code.NO_PRODUCT, line_id=None)
    assert watching.link.state is LinkState.ACTIVE


def test_an_edit_is_no_add_of_its_own_and_one_taken_back_counts() -> None:
    added = Version(1, LINE)
    assert is_add(PostRow(order_key("1"), {1: added}, undone=True))
    assert not is_add(PostRow(order_key("1"), {1: added}, first_key=order_key("0")))
    assert not is_add(PostRow(order_key("1"), {1: added, 2: Version(2)}))
    assert crowded_since_ms([], 1) is None


def test_what_the_shopper_has_vouched_for_counts_no_more() -> None:
    watching = Watching()
    before, after = posts_at(50, 40, 30, 20), posts_at(9, 8, 7, 6)
    watching.deliver_all(before)
    assert watching.links.vouch("ada", "222", now_ms=NOW_MS - 10 * MINUTE_MS)
    watching.clock.now_ms += 1
    watching.deliver_all(before)
    watching.deliver_all(after[:3])
    assert watching.link.state is LinkState.ACTIVE
    watching.deliver(after[3])
    assert (watching.link.state, watching.link.adds_since_ms) == (LinkState.PAUSED, posted_at_ms(after[0]))
    assert len(watching.pending.items) == 2


def test_a_link_read_before_the_shopper_answered_pauses_nothing_again() -> None:
    watching = Watching()
    posts = posts_at(50, 40, 30, 20)
    watching.deliver_all(posts)
    watching.links.vouch("ada", "222", now_ms=NOW_MS)
    message = OutcomeReached(posts[0], posts[0], "222", "ada", Outcome(Code.ADDED, int(posts[0])))
    watching.watch(message, LINK)
    assert watching.link.state is LinkState.ACTIVE
    assert len(watching.pending.items) == 1


def test_who_wants_no_email_gets_none_and_a_paused_link_is_left_alone() -> None:
    silent = Watching(replace(LINK, email=EmailChoice.NOTHING))
    silent.deliver_all(posts_at(4, 3, 2, 1))
    assert (silent.link.state, bool(silent.pending.items)) == (LinkState.PAUSED, False)
    paused = Watching(replace(LINK, state=LinkState.PAUSED, state_reason="shopper"))
    paused.deliver_all(posts_at(4, 3, 2, 1))
    assert paused.link.state_reason == "shopper"


def test_what_somebody_else_has_added_is_taken_back_and_nothing_else() -> None:
    watching = Watching()
    mine = post_id(5 * HOUR_MS)
    other_line = "store.localhost#lamp#"
    watching.deliver(mine, line_id=other_line)
    for post in posts_at(4, 3, 2, 1):
        watching.deliver(post)
    watching.deliver(post_id(100), network=PRIVATE, line_id="store.localhost#book#")
    take_back = TakeBackAdds(watching.rows, watching.carts, watching.clock)
    assert [row.order_key for row in take_back.adds(watching.link)] == [
        order_key(post) for post in reversed(posts_at(4, 3, 2, 1))
    ]
    for _ in range(2):
        take_back(watching.link)
        assert take_back.adds(watching.link) == []
    states = {line.line_id: line.state().is_empty for line in watching.carts.lines("ada")}
    assert states == {LINE: True, other_line: False, "store.localhost#book#": False}
    assert take_back.adds(LINK) == []


def test_a_crash_while_taking_back_is_mended_by_doing_it_again() -> None:
    watching = Watching()
    watching.deliver_all(posts_at(4, 3, 2, 1))
    take_back = TakeBackAdds(watching.rows, watching.carts, watching.clock)
    watching.carts.faults.append(RuntimeError("killed"))
    with pytest.raises(RuntimeError):
        take_back(watching.link)
    take_back(watching.link)
    (line,) = watching.carts.lines("ada")
    assert line.state().is_empty
