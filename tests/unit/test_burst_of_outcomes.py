"""Ten thousand outcomes at once, against X's limit of 100 answers in 15 minutes, by a clock that calls put forward.

None of what is due within its hour is lost while X would take it, no receive of SQS is spent on waiting, and what is
too late is dropped and counted.
"""

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from hashcart.domain.account_links import AccountLink
from hashcart.domain.outcomes import Code, Outcome
from hashcart.domain.posts import DAY_MS, posted_at_ms
from hashcart.domain.x_prices import DOLLAR
from hashcart.messages.outcomes import OutcomeReached, read_outcome
from hashcart.observability import logger
from hashcart.social.x.client import OwnReply, RateLimitedError
from hashcart.storage.pending import PendingItem, PendingKind
from hashcart.use_cases.deliver_outcomes import REPLY_DEADLINE_MS, DeliverOutcomes
from hashcart.use_cases.wake_pending import wake_pending
from hashcart.use_cases.x_budget import XBudget
from tests.fakes.clock import NOW_MS, Clock, post_id
from tests.fakes.storage import MemoryAccountLinks, MemoryActivity, MemoryCheckpoints

OUTCOMES = 10_000
FRESH = 60
WINDOW_MS = 15 * 60 * 1000
ANSWERS_A_WINDOW = 100
PROCESSES = 5
MINUTE_MS = 60_000

# What a call takes, and how long the schedule's invocation may work.
AWS_MS, X_MS, WAKING_MS = 5, 150, 10_000

SHOPPER = "shopper-1"
LINK = AccountLink(
    SHOPPER, "222", "ada_shops", "store.localhost", "US", "en", NOW_MS - DAY_MS, "1", public_replies=True
)


@dataclass
class LimitedX:
    """Takes 100 answers in each window of 15 minutes."""

    clock: Clock
    answers: Counter[str] = field(default_factory=Counter)
    answered_at_ms: dict[str, int] = field(default_factory=dict)
    windows: Counter[int] = field(default_factory=Counter)
    refusals: int = 0

    def reply(self, text: str, in_reply_to: str, access_token: str) -> str:
        self.clock.now_ms += X_MS
        window = self.clock.now_ms // WINDOW_MS
        if self.windows[window] == ANSWERS_A_WINDOW:
            self.refusals += 1
            raise RateLimitedError((window + 1) * WINDOW_MS)
        self.windows[window] += 1
        self.answers[in_reply_to] += 1
        self.answered_at_ms[in_reply_to] = self.clock.now_ms
        return "77"

    def own_reply(self, bot_user_id: str, post_id: str, access_token: str) -> OwnReply:
        return OwnReply("77" if post_id in self.answers else None)


class SignedIn:
    def access_token(self) -> str:
        return "token"

    def forget(self) -> None:
        raise AssertionError


class OrderedPending:
    """Pending in the order of its keys, at any size."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._keys: list[tuple[int, str]] = []
        self.items: dict[tuple[int, str], PendingItem] = {}

    def put(self, item: PendingItem) -> None:
        self._clock.now_ms += AWS_MS
        key = (item.due_ms, item.post_id)
        if key not in self.items:
            heapq.heappush(self._keys, key)
        self.items[key] = item

    def due(self, kind: PendingKind, now_ms: int, page_size: int) -> Iterator[PendingItem]:
        assert kind is PendingKind.OUTCOME
        assert page_size
        self._keys = sorted(self.items)
        yield from [self.items[key] for key in self._keys if key[0] <= now_ms]

    def remove(self, item: PendingItem) -> None:
        self._clock.now_ms += AWS_MS
        del self.items[item.due_ms, item.post_id]


class Deployment:
    """The processes of outcome_delivery around one table, one X and one clock."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.x = LimitedX(self.clock)
        self.pending = OrderedPending(self.clock)
        self.rows = MemoryActivity()
        links = MemoryAccountLinks(LINK)
        self.rows.before_step = links.before_step = self.aws_call
        self.processes = [
            DeliverOutcomes(
                outcomes=self.rows,
                links=links,
                api=self.x,
                session=SignedIn(),
                pending=self.pending,
                pauses=MemoryCheckpoints(),
                budget=XBudget(MemoryCheckpoints(), 100_000 * DOLLAR, self.clock),
                bot_user_id="900",
                reply_to_strangers=False,
                clock_ms=self.clock,
                watch=lambda _message, _link: None,
            )
            for _ in range(PROCESSES)
        ]

    def aws_call(self) -> None:
        # Five processes work side by side, so each call takes a fifth of the clock's time.
        self.clock.now_ms += AWS_MS // PROCESSES

    def minute(self) -> None:
        """One event of the schedule, for any process, and the rest of the minute."""
        began_ms = self.clock.now_ms
        process = self.processes[began_ms // MINUTE_MS % PROCESSES]
        wake_pending(
            self.pending,
            PendingKind.OUTCOME,
            lambda item: process.again(read_outcome(item.message)),
            now_ms=began_ms,
            has_time=lambda: self.clock.now_ms - began_ms < WAKING_MS and not process.has_to_wait,
            most=OUTCOMES,
        )
        self.clock.now_ms = max(self.clock.now_ms, began_ms + MINUTE_MS)


def summoned(post: str) -> OutcomeReached:
    return OutcomeReached(post, post, "222", SHOPPER, Outcome(Code.ADDED, int(post), quantity=1), summoned=True)


def test_a_burst_loses_nothing_that_is_due_and_spends_no_receives(caplog: pytest.LogCaptureFixture) -> None:
    level = logger.log_level
    logger.setLevel("ERROR")
    caplog.set_level("ERROR")
    deployment = Deployment()
    clock, x = deployment.clock, deployment.x
    burst = [post_id(30_000, number) for number in range(OUTCOMES)]
    for number, post in enumerate(burst):
        deployment.processes[number % PROCESSES](summoned(post))  # an error would bring it back by SQS
    assert clock.now_ms - NOW_MS < 10 * MINUTE_MS, "the queue is empty within minutes, however long X's limit lasts"
    while clock.now_ms < NOW_MS + 30 * MINUTE_MS:
        deployment.minute()
    fresh = [post_id(NOW_MS - clock.now_ms, number) for number in range(FRESH)]
    for number, post in enumerate(fresh):
        deployment.processes[number % PROCESSES](summoned(post))
    for _ in range(120):
        deployment.minute()
    for process in deployment.processes:
        process.tally.log()
    logger.setLevel(level)
    stale = sum(vars(record)["StaleReplies"] for record in caplog.records if hasattr(record, "StaleReplies"))
    posts = [*burst, *fresh]
    assert len(deployment.rows.rows) == len(posts)
    assert all(row.outcome is not None for row in deployment.rows.rows.values())
    assert deployment.pending.items == {}
    assert set(x.answers.values()) == {1}
    assert len(x.answers) + stale == len(posts)
    assert all(x.answered_at_ms[post] - posted_at_ms(post) <= REPLY_DEADLINE_MS + X_MS for post in x.answers)
    full = [count for window, count in sorted(x.windows.items()) if window * WINDOW_MS < NOW_MS + REPLY_DEADLINE_MS]
    assert full[:4] == [ANSWERS_A_WINDOW] * 4, "as many as X takes while they are due"
    assert set(fresh) <= set(x.answers), "what comes later is not held up by what is too late by then"
    assert x.refusals < 100, "X is not asked again before its window ends"
