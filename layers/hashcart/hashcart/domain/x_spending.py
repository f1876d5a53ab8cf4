"""What is spent on calls of X in a day, and how much of the day's budget each purpose may use."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from hashcart.domain.x_prices import POST_READ, SUMMONED_REPLY, USER_READ

READS_PERCENT = 90
"""Reading stops here: what it did not find today is found tomorrow, while an answer that is not sent today never is."""


class Purpose(StrEnum):
    """What X is asked for. Each unit is a post or an account that it shows, or an answer that it takes."""

    SWEEPS = "sweeps"
    WHY_NOT = "why_not"
    OFFERS = "offers"
    REPLIES = "replies"
    OWN_REPLIES = "own_replies"
    PARENTS = "parents"
    SIGN_INS = "sign_ins"
    PROFILES = "profiles"

    @property
    def price(self) -> int:
        """What X bills for a unit, in millionths of a US dollar.

        Mentions count as any post: whether X takes them for the app's own when the app's token reads them is not known.
        """
        return _PRICES.get(self, POST_READ)

    @property
    def percent(self) -> int | None:
        """How much of the day's budget may be used when this is asked for; None for what the budget never stops.

        Those are what fills carts and links accounts. Answers have the last tenth to themselves.
        """
        if self in (Purpose.PARENTS, Purpose.SIGN_INS):
            return None
        return 100 if self in (Purpose.REPLIES, Purpose.OWN_REPLIES) else READS_PERCENT


_PRICES = {Purpose.REPLIES: SUMMONED_REPLY, Purpose.SIGN_INS: USER_READ, Purpose.PROFILES: USER_READ}


@dataclass(frozen=True, slots=True)
class Spent:
    """Units of a purpose, and what they cost in millionths of a US dollar."""

    units: int
    money: int


@dataclass(frozen=True, slots=True)
class Spending:
    """What a day has cost, in millionths of a US dollar: what was billed, and what is reserved for calls under way."""

    total: int = 0
    by_purpose: Mapping[Purpose, Spent] = field(default_factory=dict)

    def percent_of(self, budget: int) -> int:
        """How much of a budget that is, in whole percent, rounded down."""
        return self.total * 100 // budget


def day_of(moment_ms: int) -> str:
    """The day (UTC) of a moment, as `2026-11-24`."""
    return time.strftime("%Y-%m-%d", time.gmtime(moment_ms // 1000))
