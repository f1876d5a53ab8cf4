"""The daily budget: reserved before a call, corrected after it, and never passed however many ask at once."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import EndpointConnectionError

from hashcart.domain.posts import DAY_MS
from hashcart.domain.x_prices import DOLLAR, POST_READ, SUMMONED_REPLY, USER_READ
from hashcart.domain.x_spending import READS_PERCENT, Purpose, Spending, day_of
from hashcart.social.x.client import RateLimitedError, TokenRejectedError, XFailedError, XUnavailableError
from hashcart.storage.checkpoints import Checkpoints
from hashcart.use_cases.x_budget import ASK_AGAIN_MS, BudgetUnavailableError, OverBudgetError, XBudget, XMeter
from tests.fakes.aws import Aws, aws_account, one_call_at_a_time
from tests.fakes.clock import NOW_MS, Clock
from tests.fakes.storage import MemoryCheckpoints, throttle

TODAY = day_of(NOW_MS)
DAILY = 1000 * POST_READ


class Day:
    def __init__(self) -> None:
        self.clock = Clock()
        self.checkpoints = MemoryCheckpoints()
        self.budget = XBudget(self.checkpoints, DAILY, self.clock)
        self.meter = XMeter(self.checkpoints, self.clock)

    def spent(self, purpose: Purpose, day: str = TODAY) -> int:
        return self.checkpoints.spent[day][purpose]


@pytest.fixture
def aws() -> Iterator[Aws]:
    with aws_account() as account:
        yield account


@pytest.mark.parametrize("purpose", Purpose)
def test_each_purpose_has_a_price(purpose: Purpose) -> None:
    other = {Purpose.REPLIES: SUMMONED_REPLY, Purpose.SIGN_INS: USER_READ, Purpose.PROFILES: USER_READ}
    assert purpose.price == other.get(purpose, POST_READ)


@pytest.mark.parametrize("purpose", [Purpose.SWEEPS, Purpose.WHY_NOT, Purpose.OFFERS])
def test_reading_stops_before_answers_do(purpose: Purpose) -> None:
    day = Day()
    assert day.budget.reserve(purpose, 1000 * READS_PERCENT // 100)
    assert day.budget.reserve(purpose, 1) is None
    assert day.budget.reserve(Purpose.REPLIES, 49)
    assert day.budget.reserve(Purpose.OWN_REPLIES, 2)
    assert day.budget.reserve(Purpose.REPLIES, 1) is None
    assert day.checkpoints.spending(TODAY).percent_of(DAILY) == 100


@pytest.mark.parametrize("purpose", [Purpose.PARENTS, Purpose.SIGN_INS])
def test_carts_and_links_are_never_stopped_but_counted(purpose: Purpose) -> None:
    day = Day()
    assert day.budget.reserve(purpose, 5000)
    day.meter.count(purpose, 1000)
    assert day.spent(purpose) == 6000
    assert day.budget.reserve(Purpose.REPLIES, 1) is None


def test_what_was_refused_is_asked_again_in_a_minute_and_on_the_next_day() -> None:
    day = Day()
    day.checkpoints.spend(TODAY, Purpose.PARENTS, 2000)
    for _ in range(5):
        assert day.budget.reserve(Purpose.REPLIES, 1) is None
    day.checkpoints.spend(TODAY, Purpose.PARENTS, -2000)
    day.checkpoints.faults.append(AssertionError("asked within the minute"))
    assert day.budget.reserve(Purpose.REPLIES, 1) is None
    day.checkpoints.faults.clear()
    day.clock.now_ms += ASK_AGAIN_MS
    assert day.budget.reserve(Purpose.REPLIES, 1)
    day.clock.now_ms = NOW_MS // DAY_MS * DAY_MS + DAY_MS - 1
    day.checkpoints.spend(TODAY, Purpose.PARENTS, 2000)
    assert day.budget.reserve(Purpose.REPLIES, 1) is None
    day.clock.now_ms += 1
    assert day.budget.reserve(Purpose.REPLIES, 1)


@pytest.mark.parametrize("error", [RateLimitedError(0), TokenRejectedError("401"), XFailedError("503")])
def test_a_read_that_showed_nothing_is_given_back(error: Exception) -> None:
    day = Day()

    def read() -> list[str]:
        assert day.spent(Purpose.OFFERS) == 100
        raise error

    with pytest.raises(type(error)):
        day.budget.spend(Purpose.OFFERS, 100, read, len)
    assert day.spent(Purpose.OFFERS) == 0


def test_a_read_whose_answer_got_lost_stays_reserved() -> None:
    day = Day()

    def read() -> list[str]:
        raise XUnavailableError("timed out")

    with pytest.raises(XUnavailableError):
        day.budget.spend(Purpose.OFFERS, 100, read, len)
    assert day.spent(Purpose.OFFERS) == 100


def test_a_read_is_corrected_by_what_x_has_shown_in_the_day_of_its_reservation() -> None:
    day = Day()

    def read() -> list[str]:
        day.clock.now_ms += DAY_MS
        return ["1", "2"]

    assert day.budget.spend(Purpose.OFFERS, 100, read, len) == ["1", "2"]
    assert day.checkpoints.spent == {TODAY: {Purpose.OFFERS: 2}}


def test_beyond_the_budget_nothing_is_read() -> None:
    day = Day()
    day.checkpoints.spend(TODAY, Purpose.SWEEPS, 899)
    with pytest.raises(OverBudgetError):
        day.budget.spend(Purpose.OFFERS, 2, lambda: pytest.fail("read"), len)


@pytest.mark.parametrize("error", [throttle(), EndpointConnectionError(endpoint_url="https://dynamodb.test")])
def test_without_dynamodb_nothing_is_reserved_and_nothing_fails_for_the_cart(error: Exception) -> None:
    day = Day()
    day.checkpoints.faults.extend([error, error])
    with pytest.raises(BudgetUnavailableError):
        day.budget.reserve(Purpose.SWEEPS, 1)
    day.meter.count(Purpose.PARENTS, 3)
    assert day.checkpoints.spent == {}


def test_what_could_not_be_counted_is_counted_with_the_next() -> None:
    day = Day()
    day.checkpoints.faults.append(throttle())
    day.meter.count(Purpose.PARENTS, 3)
    day.clock.now_ms += DAY_MS
    day.meter.count(Purpose.PARENTS, 2)
    day.meter.count(Purpose.PARENTS, 0)
    assert (day.spent(Purpose.PARENTS), day.spent(Purpose.PARENTS, day_of(day.clock.now_ms))) == (3, 2)


def test_many_at_once_never_pass_the_budget(aws: Aws) -> None:
    ledger, clock, start = (
        Checkpoints(one_call_at_a_time(aws.dynamodb), "CheckpointsTable"),
        Clock(),
        threading.Barrier(8),
    )

    def ask() -> int:
        budget = XBudget(ledger, 25 * SUMMONED_REPLY, clock)
        start.wait()
        return sum(budget.reserve(Purpose.REPLIES, 1) is not None for _ in range(5))

    with ThreadPoolExecutor(8) as pool:
        granted = [future.result() for future in [pool.submit(ask) for _ in range(8)]]
    assert sum(granted) == 25
    assert ledger.spending(TODAY).total == 25 * SUMMONED_REPLY


def test_a_budget_is_told_in_percent() -> None:
    assert Spending(39_999_999).percent_of(50 * DOLLAR) == 79
    assert Spending(40_000_000).percent_of(50 * DOLLAR) == 80
