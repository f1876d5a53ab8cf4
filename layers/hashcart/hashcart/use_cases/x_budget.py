"""The daily budget for calls of X: what they may cost is reserved before, and corrected by what X showed.

There is one write for each call of X, never one for each post, and X's own limits hold the calls to a few a second. So
the day's item is no hot key however many posts come, and nothing is lost with a process.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from botocore.exceptions import BotoCoreError, ClientError

from hashcart.domain.posts import DAY_MS
from hashcart.domain.x_spending import Purpose, Spending, day_of
from hashcart.observability import report_failure
from hashcart.social.x.client import RateLimitedError, TokenRejectedError, XFailedError

NOT_BILLED = (RateLimitedError, TokenRejectedError, XFailedError)
"""How a read ends of which X has certainly shown nothing."""

ASK_AGAIN_MS = 60_000
"""What the budget has refused is not asked of it again for a minute by the same process."""


class OverBudgetError(Exception):
    """The day's budget does not allow this call; the next day's (UTC) will."""


class BudgetUnavailableError(Exception):
    """What has been spent cannot be told now, so nothing may be."""


class Ledger(Protocol):
    """What is spent on a day."""

    def spend(self, day: str, purpose: Purpose, units: int, *, limit: int | None = None) -> bool:
        """Add units, fewer with a negative number. False, and no change, where the day's total would pass `limit`."""

    def spending(self, day: str) -> Spending:
        """What the day has cost so far."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """Units that a call may cost, in the day that they were reserved in."""

    purpose: Purpose
    day: str
    units: int


@dataclass(slots=True)
class XMeter:
    """Counts what the budget never stops, so that the day's total is true.

    It never fails its caller: what cannot be written now is written along with the next.
    """

    ledger: Ledger
    clock_ms: Callable[[], int]
    _unwritten: Counter[tuple[str, Purpose]] = field(default_factory=Counter)

    def count(self, purpose: Purpose, units: int) -> None:
        """Count what X has billed."""
        self._unwritten[day_of(self.clock_ms()), purpose] += units
        for (day, each), waiting in (+self._unwritten).items():
            try:
                self.ledger.spend(day, each, waiting)
            except (BotoCoreError, ClientError) as error:
                report_failure(None, "spending_not_written", error)
                return
            del self._unwritten[day, each]


@dataclass(slots=True)
class XBudget:
    """The budget of a day (UTC), `daily` in millionths of a US dollar, shared by all functions."""

    ledger: Ledger
    daily: int
    clock_ms: Callable[[], int]
    _refused_until_ms: dict[Purpose, int] = field(default_factory=dict)

    def reserve(self, purpose: Purpose, units: int) -> Reservation | None:
        """Reserve what a call may cost at most; None if the day's budget does not allow it.

        Raises BudgetUnavailableError.
        """
        if self.refuses(purpose):
            return None
        now_ms = self.clock_ms()
        reservation = Reservation(purpose, day_of(now_ms), units)
        limit = None if purpose.percent is None else self.daily * purpose.percent // 100
        try:
            if self.ledger.spend(reservation.day, purpose, units, limit=limit):
                return reservation
        except (BotoCoreError, ClientError) as error:
            raise BudgetUnavailableError(type(error).__name__) from error
        self._refused_until_ms[purpose] = min(now_ms + ASK_AGAIN_MS, next_day_ms(now_ms))
        return None

    def refuses(self, purpose: Purpose) -> bool:
        """Whether the budget has refused this purpose within the last minute."""
        return self.clock_ms() < self._refused_until_ms.get(purpose, 0)

    def settle(self, reservation: Reservation, *, billed: int) -> None:
        """Correct a reservation by what X has billed. If that cannot be written, the day seems dearer than it was."""
        if billed == reservation.units:
            return
        try:
            self.ledger.spend(reservation.day, reservation.purpose, billed - reservation.units)
        except (BotoCoreError, ClientError) as error:
            report_failure(None, "reservation_kept", error)

    def spend[T](self, purpose: Purpose, at_most: int, read: Callable[[], T], billed: Callable[[T], int]) -> T:
        """Read from X within the budget: `at_most` units are reserved, and `billed` tells them from the answer.

        What X has certainly not billed is given back; of an answer that got lost it stays reserved. Raises
        OverBudgetError, BudgetUnavailableError, and what `read` raises.
        """
        reservation = self.reserve(purpose, at_most)
        if reservation is None:
            raise OverBudgetError(purpose)
        try:
            answer = read()
        except NOT_BILLED:
            self.settle(reservation, billed=0)
            raise
        self.settle(reservation, billed=billed(answer))
        return answer


def next_day_ms(now_ms: int) -> int:
    """When the next day (UTC) begins."""
    return (now_ms // DAY_MS + 1) * DAY_MS
