"""Outcomes: kept for the activity page, and answered at most once."""

from dataclasses import dataclass, field, replace

import pytest

from hashcart.domain.account_links import AccountLink
from hashcart.domain.outcomes import Code, Outcome
from hashcart.domain.posts import DAY_MS, order_key
from hashcart.domain.x_prices import DOLLAR, SUMMONED_REPLY
from hashcart.domain.x_spending import Purpose, day_of
from hashcart.messages.outcomes import OutcomeReached
from hashcart.messages.posts import to_json
from hashcart.social.x.bot_session import BotSignedOutError
from hashcart.social.x.client import (
    DuplicateReplyError,
    OwnReply,
    RateLimitedError,
    ReplyRefusedError,
    TokenRejectedError,
    XUnavailableError,
)
from hashcart.storage.pending import PendingItem, PendingKind
from hashcart.use_cases.deliver_outcomes import (
    CLAIM_SETTLES_MS,
    REPLIES,
    REPLY_DEADLINE_MS,
    RETRY_MS,
    SIGNED_OUT_RETRY_MS,
    DeliverOutcomes,
)
from hashcart.use_cases.wake_pending import wake_pending
from hashcart.use_cases.x_budget import XBudget, next_day_ms
from tests.fakes.clock import NOW_MS, Clock, post_id
from tests.fakes.storage import MemoryAccountLinks, MemoryActivity, MemoryCheckpoints, MemoryPending, throttle

POST = post_id(1000)
KEY = order_key(POST)
SHOPPER = "shopper-1"
TODAY = day_of(NOW_MS)
WHOLE_BUDGET = DOLLAR // SUMMONED_REPLY
LINK = AccountLink(
    shopper_id=SHOPPER,
    x_user_id="222",
    handle="ada_shops",
    marketplace="store.localhost",
    country="US",
    language="de",
    consented_at_ms=NOW_MS - DAY_MS,
    policy_version="1",
    public_replies=True,
)
ADDED = OutcomeReached(POST, POST, "222", SHOPPER, Outcome(Code.ADDED, int(POST), quantity=1), summoned=True)


@dataclass
class XFake:
    """X, as the bot sees it: takes a reply, or fails before or after taking it."""

    clock: Clock
    before: list[Exception] = field(default_factory=list)
    after: list[Exception] = field(default_factory=list)
    lookup: list[Exception] = field(default_factory=list)
    replies: dict[str, str] = field(default_factory=dict)
    timeline: list[str] = field(default_factory=list)
    attempts: int = 0

    def reply(self, text: str, in_reply_to: str, access_token: str) -> str:
        assert access_token == "token"
        self.attempts += 1
        if self.before:
            raise self.before.pop(0)
        assert in_reply_to not in self.replies, "a second answer to one post"
        self.replies[in_reply_to] = text
        if self.after:
            raise self.after.pop(0)
        return "77"

    def own_reply(self, bot_user_id: str, post_id: str, access_token: str) -> OwnReply:
        assert (bot_user_id, access_token) == ("900", "token")
        if self.lookup:
            raise self.lookup.pop(0)
        return OwnReply("77" if post_id in self.replies else None, tuple(self.timeline))


@dataclass
class SessionFake:
    faults: list[Exception] = field(default_factory=list)
    forgotten: int = 0

    def access_token(self) -> str:
        if self.faults:
            raise self.faults.pop(0)
        return "token"

    def forget(self) -> None:
        self.forgotten += 1


class Delivery:
    def __init__(self, *links: AccountLink, reply_to_strangers: bool = False) -> None:
        self.clock = Clock()
        self.rows = MemoryActivity()
        self.pending = MemoryPending()
        self.checkpoints, self.pauses = MemoryCheckpoints(), MemoryCheckpoints()
        self.x = XFake(self.clock)
        self.session = SessionFake()
        self.links = MemoryAccountLinks(*(links or (LINK,)))
        self.reply_to_strangers = reply_to_strangers
        self.watched: list[str] = []
        self.restart()

    def restart(self) -> None:
        """A new process."""
        self.deliver = DeliverOutcomes(
            outcomes=self.rows,
            links=self.links,
            api=self.x,
            session=self.session,
            pending=self.pending,
            pauses=self.pauses,
            budget=XBudget(self.checkpoints, DOLLAR, self.clock),
            bot_user_id="900",
            reply_to_strangers=self.reply_to_strangers,
            clock_ms=self.clock,
            watch=lambda message, _: self.watched.append(message.post_id),
        )

    def spent(self, purpose: Purpose = Purpose.REPLIES) -> int:
        return self.checkpoints.spent[TODAY][purpose] if TODAY in self.checkpoints.spent else 0

    def alarmed(self) -> dict[str, int]:
        """What alarms watch, counted so far."""
        return dict(self.deliver.tally._alarmed)

    def reply_record(self, owner: str = SHOPPER) -> dict[str, str | int]:
        return dict(self.rows.rows[owner, KEY].reply or {})

    def due_in_ms(self) -> int:
        (item,) = self.pending.items
        assert item == PendingItem(PendingKind.OUTCOME, POST, item.due_ms, to_json(ADDED))
        return item.due_ms - self.clock.now_ms


def test_a_summoned_answer_is_sent_once_in_the_shoppers_language() -> None:
    delivery = Delivery()
    for _ in range(3):
        delivery.deliver(ADDED)
    assert delivery.x.attempts == 1
    assert delivery.x.replies[POST].startswith("Gemerkt (1).")
    assert delivery.reply_record() == {"claimed_at_ms": NOW_MS, "result": "sent", "id": "77"}
    outcome = delivery.rows.rows[SHOPPER, KEY].outcome
    assert outcome == ADDED.outcome


@pytest.mark.parametrize(
    ("message", "link"),
    [
        (replace(ADDED, summoned=False), LINK),
        (ADDED, replace(LINK, public_replies=False)),
        (ADDED, replace(LINK, quiet=True)),
        (replace(ADDED, outcome=replace(ADDED.outcome, sensitive=True)), LINK),
        (replace(ADDED, outcome=Outcome(Code.PAUSED, 5)), LINK),
        (replace(ADDED, outcome=Outcome(Code.NOT_LINKED, 5)), LINK),
    ],
)
def test_who_is_not_to_be_answered_finds_the_outcome_in_the_activity(
    message: OutcomeReached, link: AccountLink
) -> None:
    delivery = Delivery(link)
    delivery.deliver(message)
    assert delivery.x.attempts == 0
    assert delivery.rows.rows[SHOPPER, KEY].outcome == message.outcome


def test_what_is_kept_already_is_not_written_again() -> None:
    delivery = Delivery()
    delivery.deliver(replace(ADDED, summoned=False, is_kept=True))
    assert (delivery.rows.rows, delivery.watched) == ({}, [POST])


def test_a_pause_lets_no_answer_out_until_it_ends() -> None:
    delivery = Delivery()
    delivery.pauses.pauses[REPLIES] = NOW_MS + 10 * RETRY_MS
    delivery.deliver(ADDED)
    assert (delivery.x.attempts, delivery.reply_record(), delivery.due_in_ms()) == (0, {}, RETRY_MS)
    assert delivery.rows.rows[SHOPPER, KEY].outcome is not None
    assert delivery.watched == [POST]
    assert delivery.deliver.has_to_wait, "the others that wait need not be looked at"
    delivery.restart()
    delivery.clock.now_ms += 10 * RETRY_MS
    delivery.deliver.again(ADDED)
    assert delivery.x.attempts == 1
    assert delivery.reply_record()["result"] == "sent"


def test_a_pause_that_goes_on_for_an_hour_drops_the_answer() -> None:
    delivery = Delivery()
    delivery.pauses.pauses[REPLIES] = NOW_MS + 2 * REPLY_DEADLINE_MS
    delivery.deliver(ADDED)
    delivery.clock.now_ms += REPLY_DEADLINE_MS
    delivery.deliver.again(ADDED)
    assert delivery.x.attempts == 0
    assert delivery.alarmed() == {"StaleReplies": 1}


def test_no_answer_goes_out_while_nobody_can_tell_whether_it_may() -> None:
    delivery = Delivery()
    delivery.pauses.faults.append(throttle())
    delivery.deliver(ADDED)
    assert (delivery.x.attempts, delivery.due_in_ms()) == (0, RETRY_MS)


@pytest.mark.parametrize(
    "link",
    [
        replace(LINK, x_user_id="somebody-else"),
        replace(LINK, shopper_id="shopper-2"),
    ],
)
def test_nothing_is_written_for_a_shopper_who_has_left(link: AccountLink) -> None:
    delivery = Delivery(link)
    delivery.deliver(ADDED)
    assert (delivery.x.attempts, delivery.rows.rows) == (0, {})


def test_after_x_has_hung_once_the_next_answers_wait_without_a_call() -> None:
    delivery = Delivery()
    delivery.x.before.append(XUnavailableError("timed out"))
    delivery.deliver(ADDED)
    other = post_id(500)
    delivery.deliver(replace(ADDED, post_id=other, first_id=other))
    assert delivery.x.attempts == 1
    assert delivery.rows.rows[SHOPPER, order_key(other)].reply is None
    assert {item.post_id for item in delivery.pending.items} == {POST, other}


def test_the_first_outcome_is_the_one_that_is_answered() -> None:
    delivery = Delivery()
    delivery.deliver(replace(ADDED, summoned=False))
    delivery.deliver(replace(ADDED, outcome=Outcome(Code.ALREADY_IN_CART, int(POST), quantity=1)))
    assert delivery.x.replies[POST].startswith("Gemerkt")


def test_an_answer_older_than_an_hour_is_dropped_and_counted() -> None:
    delivery = Delivery()
    delivery.clock.now_ms += REPLY_DEADLINE_MS
    delivery.deliver(ADDED)
    delivery.deliver(replace(ADDED, summoned=False))
    assert delivery.x.attempts == 0
    assert delivery.alarmed() == {"StaleReplies": 1}


STRANGER = replace(ADDED, shopper_id=None, author_id="333", outcome=Outcome(Code.NOT_LINKED, int(POST)))


def test_strangers_are_answered_only_where_the_merchant_wants_it_and_once() -> None:
    silent, talkative = Delivery(), Delivery(reply_to_strangers=True)
    silent.deliver(STRANGER)
    assert silent.x.attempts == 0
    for _ in range(2):
        talkative.deliver(STRANGER)
    assert talkative.x.attempts == 1
    assert "profile" in talkative.x.replies[POST]
    assert list(talkative.rows.rows) == [(f"stranger#{POST}", KEY)]


def test_a_stranger_who_has_linked_meanwhile_is_not_told_to_link() -> None:
    delivery = Delivery(replace(LINK, x_user_id="333"), reply_to_strangers=True)
    delivery.deliver(STRANGER)
    assert delivery.x.attempts == 0


def test_a_refusal_is_final() -> None:
    delivery = Delivery()
    delivery.x.before.append(ReplyRefusedError("not summoned"))
    for _ in range(2):
        delivery.deliver(ADDED)
    assert delivery.x.attempts == 1
    assert delivery.reply_record() == {"claimed_at_ms": NOW_MS, "result": "refused"}


def test_a_text_that_x_has_already_was_sent() -> None:
    delivery = Delivery()
    delivery.x.before.append(DuplicateReplyError())
    delivery.deliver(ADDED)
    assert delivery.reply_record()["result"] == "sent"


def test_a_rate_limit_postpones_to_its_reset_without_asking_again_before() -> None:
    delivery = Delivery()
    delivery.x.before.append(RateLimitedError(NOW_MS + 600_000))
    delivery.deliver(ADDED)
    assert delivery.due_in_ms() == 600_000
    assert delivery.reply_record() == {}
    delivery.deliver(ADDED)
    assert delivery.x.attempts == 1
    delivery.clock.now_ms += 600_000
    delivery.deliver(ADDED)
    assert delivery.reply_record()["result"] == "sent"


def test_a_rejected_token_is_forgotten_and_the_answer_tried_again() -> None:
    delivery = Delivery()
    delivery.x.before.append(TokenRejectedError())
    delivery.deliver(ADDED)
    assert (delivery.session.forgotten, delivery.due_in_ms(), delivery.reply_record()) == (1, RETRY_MS, {})


@pytest.mark.parametrize(
    ("error", "wait_ms"),
    [(BotSignedOutError(), SIGNED_OUT_RETRY_MS), (XUnavailableError(), RETRY_MS), (RateLimitedError(5), RETRY_MS)],
)
def test_without_a_token_the_answer_waits_unclaimed(error: Exception, wait_ms: int) -> None:
    delivery = Delivery()
    delivery.session.faults.append(error)
    delivery.deliver(ADDED)
    assert (delivery.due_in_ms(), delivery.reply_record(), delivery.x.attempts) == (wait_ms, {}, 0)


@pytest.mark.parametrize("taken", [True, False])
def test_an_attempt_with_an_unknown_end_is_looked_up_before_another(taken: bool) -> None:
    delivery = Delivery()
    (delivery.x.after if taken else delivery.x.before).append(XUnavailableError("timed out"))
    delivery.deliver(ADDED)
    assert delivery.due_in_ms() == CLAIM_SETTLES_MS
    delivery.deliver(ADDED)
    assert delivery.x.attempts == 1, "too young to be looked up"
    delivery.clock.now_ms += CLAIM_SETTLES_MS
    delivery.deliver(ADDED)
    assert delivery.x.attempts == (1 if taken else 2)
    assert delivery.reply_record()["result"] == "sent"
    assert len(delivery.x.replies) == 1


@pytest.mark.parametrize("error", [XUnavailableError(), RateLimitedError(5), TokenRejectedError()])
def test_as_long_as_it_is_undecided_nothing_is_sent(error: Exception) -> None:
    delivery = Delivery()
    delivery.x.after.append(XUnavailableError("timed out"))
    delivery.deliver(ADDED)
    delivery.pending.items.clear()
    delivery.clock.now_ms += CLAIM_SETTLES_MS
    delivery.x.lookup.append(error)
    delivery.deliver(ADDED)
    assert (delivery.x.attempts, delivery.due_in_ms()) == (1, RETRY_MS)


@pytest.mark.parametrize("step", range(1, 5))
def test_a_crash_at_any_step_never_answers_twice(step: int) -> None:
    delivery = Delivery()
    steps = 0

    def crash() -> None:
        nonlocal steps
        steps += 1
        if steps == step:
            raise KeyboardInterrupt

    delivery.rows.before_step = crash
    try:
        delivery.deliver(ADDED)
    except KeyboardInterrupt:
        delivery.restart()
    delivery.rows.before_step = lambda: None
    delivery.clock.now_ms += CLAIM_SETTLES_MS
    delivery.deliver(ADDED)
    delivery.deliver(ADDED)
    assert len(delivery.x.replies) == 1
    assert delivery.reply_record()["result"] == "sent"


def test_a_takeover_that_another_won_is_left_to_it() -> None:
    delivery = Delivery()
    delivery.x.before.append(XUnavailableError("timed out"))
    delivery.deliver(ADDED)
    delivery.clock.now_ms += CLAIM_SETTLES_MS
    claim = delivery.rows.rows[SHOPPER, KEY].reply
    assert claim is not None
    found_nothing = delivery.x.own_reply

    def other_takes_over(bot_user_id: str, post_id: str, access_token: str) -> OwnReply:
        found = found_nothing(bot_user_id, post_id, access_token)
        assert delivery.rows.renew_claim(SHOPPER, KEY, seen_ms=NOW_MS, now_ms=NOW_MS + 5)
        return found

    delivery.deliver.api = type(
        "Raced", (), {"own_reply": staticmethod(other_takes_over), "reply": staticmethod(delivery.x.reply)}
    )()
    delivery.deliver(ADDED)
    assert delivery.x.attempts == 1


def test_what_has_waited_past_its_hour_is_dropped_and_counted_without_another_call(
    caplog: pytest.LogCaptureFixture,
) -> None:
    delivery = Delivery()
    delivery.clock.now_ms += REPLY_DEADLINE_MS
    delivery.rows.before_step = delivery.links.before_step = lambda: pytest.fail("a call")
    delivery.deliver.again(ADDED)
    assert delivery.x.attempts == 0
    delivery.deliver.tally.log()
    assert [vars(record)["StaleReplies"] for record in caplog.records if record.message == "metric"] == [1]


def test_only_answers_that_would_have_been_given_count_as_too_late(caplog: pytest.LogCaptureFixture) -> None:
    delivery = Delivery(replace(LINK, quiet=True))
    delivery.clock.now_ms += REPLY_DEADLINE_MS
    delivery.deliver(ADDED)
    delivery.deliver.tally.log()
    assert "StaleReplies" not in str([vars(record) for record in caplog.records])


def test_a_waking_deals_with_no_more_than_it_may() -> None:
    pending = MemoryPending()
    for number in range(5):
        pending.put(PendingItem(PendingKind.NOTICE, post_id(number), NOW_MS, "{}"))
    woken = wake_pending(pending, PendingKind.NOTICE, lambda _: None, now_ms=NOW_MS, has_time=lambda: True, most=3)
    assert (woken, len(pending.items)) == (3, 2)


def test_what_fails_at_its_waking_stays_and_holds_nothing_up() -> None:
    pending = MemoryPending()
    good, bad = (PendingItem(PendingKind.OUTCOME, post_id(number), NOW_MS - number, "{}") for number in (1, 2))
    for item in (good, bad):
        pending.put(item)

    def deal_with(item: PendingItem) -> None:
        if item == bad:
            raise XUnavailableError

    assert wake_pending(pending, PendingKind.OUTCOME, deal_with, now_ms=NOW_MS, has_time=lambda: True) == 1
    assert pending.items == [bad]


# ------------------------------------------------------------------ The budget of the day


def test_an_answer_is_paid_once() -> None:
    delivery = Delivery()
    for _ in range(3):
        delivery.deliver(ADDED)
    assert delivery.spent() == 1


@pytest.mark.parametrize(
    ("error", "spent"),
    [
        (ReplyRefusedError("not summoned"), 0),
        (DuplicateReplyError(), 0),
        (RateLimitedError(NOW_MS + 1), 0),
        (TokenRejectedError(), 0),
        (XUnavailableError("timed out"), 1),
    ],
)
def test_what_x_surely_did_not_bill_is_given_back(error: Exception, spent: int) -> None:
    delivery = Delivery()
    delivery.x.before.append(error)
    delivery.deliver(ADDED)
    assert delivery.spent() == spent


def test_beyond_the_budget_nobody_is_answered_and_the_outcome_is_kept() -> None:
    delivery = Delivery()
    delivery.checkpoints.spend(TODAY, Purpose.REPLIES, WHOLE_BUDGET)
    writes = 0

    def count() -> None:
        nonlocal writes
        writes += 1

    delivery.deliver(ADDED)
    delivery.checkpoints.before_step = count
    for number in range(100):
        other = post_id(500, sequence=number)
        delivery.deliver(replace(ADDED, post_id=other, first_id=other))
    assert (delivery.x.attempts, delivery.pending.items, writes) == (0, [], 0)
    assert delivery.alarmed() == {"RepliesOverBudget": 101}
    assert delivery.reply_record() == {}
    assert delivery.rows.rows[SHOPPER, KEY].outcome == ADDED.outcome


def test_shortly_before_midnight_an_answer_waits_for_the_next_days_budget() -> None:
    delivery = Delivery()
    midnight_ms = next_day_ms(NOW_MS)
    late = post_id(now_ms=midnight_ms - 60_000)
    message = replace(ADDED, post_id=late, first_id=late, outcome=replace(ADDED.outcome, version=int(late)))
    delivery.clock.now_ms = midnight_ms - 50_000
    delivery.checkpoints.spend(TODAY, Purpose.PARENTS, 10 * WHOLE_BUDGET)
    delivery.deliver(message)
    (item,) = delivery.pending.items
    assert (item.due_ms, delivery.x.attempts) == (midnight_ms, 0)
    delivery.clock.now_ms = midnight_ms
    delivery.deliver(message)
    assert list(delivery.x.replies) == [late]


def test_without_the_days_spending_an_answer_waits() -> None:
    delivery = Delivery()
    delivery.checkpoints.faults.append(throttle())
    delivery.deliver(ADDED)
    assert (delivery.due_in_ms(), delivery.reply_record(), delivery.x.attempts) == (RETRY_MS, {}, 0)
    delivery.deliver(ADDED)
    assert delivery.reply_record()["result"] == "sent"


def unsettled() -> Delivery:
    """An answer that X has taken, without saying so, and that can be looked up."""
    delivery = Delivery()
    delivery.x.after.append(XUnavailableError("timed out"))
    delivery.deliver(ADDED)
    delivery.pending.items.clear()
    delivery.clock.now_ms += CLAIM_SETTLES_MS
    return delivery


def test_looking_an_answer_up_costs_each_of_the_bots_posts_once() -> None:
    delivery = unsettled()
    delivery.x.timeline = ["5", "6", "7"]
    delivery.x.lookup.append(XUnavailableError("timed out"))
    delivery.deliver(ADDED)
    assert delivery.spent(Purpose.OWN_REPLIES) == 0
    delivery.deliver(ADDED)
    assert (delivery.reply_record()["result"], delivery.spent(), delivery.spent(Purpose.OWN_REPLIES)) == ("sent", 1, 3)
    row = delivery.rows.rows[SHOPPER, KEY]
    delivery.rows.rows[SHOPPER, KEY] = replace(row, reply={"claimed_at_ms": NOW_MS})
    delivery.x.timeline.append("8")
    delivery.deliver(ADDED)
    assert delivery.spent(Purpose.OWN_REPLIES) == 4


def test_an_answer_that_cannot_be_looked_up_today_is_not_sent_again() -> None:
    delivery = unsettled()
    delivery.checkpoints.spend(TODAY, Purpose.PARENTS, 10 * WHOLE_BUDGET)
    delivery.deliver(ADDED)
    assert (delivery.x.attempts, delivery.alarmed()) == (1, {"RepliesOverBudget": 1})


def test_an_answer_is_not_looked_up_without_the_days_spending() -> None:
    delivery = unsettled()
    delivery.checkpoints.faults.append(throttle())
    delivery.deliver(ADDED)
    assert (delivery.x.attempts, delivery.due_in_ms()) == (1, RETRY_MS)


def test_a_bot_that_is_signed_out_is_counted() -> None:
    delivery = Delivery()
    delivery.session.faults.append(BotSignedOutError())
    delivery.deliver(ADDED)
    assert delivery.alarmed() == {"BotSignedOut": 1}


def test_a_burst_over_xs_limit_writes_to_the_days_spending_twice() -> None:
    delivery = Delivery()
    writes = 0

    def count() -> None:
        nonlocal writes
        writes += 1

    delivery.checkpoints.before_step = count
    delivery.x.before.append(RateLimitedError(NOW_MS + 600_000))
    for number in range(1000):
        other = post_id(500, sequence=number)
        delivery.deliver(replace(ADDED, post_id=other, first_id=other))
    assert (delivery.x.attempts, writes, delivery.spent()) == (1, 2, 0)
    assert len(delivery.pending.items) == 1000
