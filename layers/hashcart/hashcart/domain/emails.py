"""What is told by e-mail, and when: problems at once, successes in a daily digest."""

import hashlib

from hashcart.domain.account_links import EmailChoice
from hashcart.domain.outcomes import Code
from hashcart.domain.posts import DAY_MS
from hashcart.domain.recipients import Recipient

PROBLEMS = frozenset(
    {
        Code.NO_PRODUCT,
        Code.NOT_AVAILABLE_HERE,
        Code.OUT_OF_STOCK,
        Code.CHOOSE_OPTIONS,
        Code.LIMIT_APPLIED,
        Code.STORE_UNAVAILABLE,
        Code.PAUSED,
    }
)
SUCCESSES = frozenset({Code.ADDED, Code.QUANTITY_SET, Code.ALREADY_IN_CART, Code.UNDONE})

UNSUBSCRIBE = "unsubscribe"
"""What the token in an e-mail is signed for."""

MAX_PROBLEMS_A_DAY = 20
"""E-mails about problems that one shopper gets in a day (UTC); the activity page has the others."""

DIGEST_AT_MS = 16 * 60 * 60 * 1000
"""Time of day (UTC) at which a digest's 24 hours end: morning in America, evening in Europe."""

DIGEST_SETTLES_MS = 5 * 60 * 1000
DIGEST_SPREAD_MS = 55 * 60 * 1000


class BadAddressError(Exception):
    """An address that no e-mail goes to; the message never quotes it."""


def silence(code: Code, recipient: Recipient | None, day: int) -> str | None:
    """Why an outcome that is a problem makes no e-mail; None if it does.

    Every reply of a paused link ends in the same problem, so that one is told only as the first of a day.
    """
    reason = no_address(recipient)
    if recipient is None or reason is not None:
        return reason
    limit = 1 if code is Code.PAUSED else MAX_PROBLEMS_A_DAY
    return "enough_for_today" if recipient.sent_on(day) >= limit else None


def no_address(recipient: Recipient | None) -> str | None:
    """Why nothing can be sent to a shopper; None if it can."""
    if recipient is None:
        return "shopper_has_left"
    if recipient.paused is not None:
        return f"email_paused_{recipient.paused}"
    return "no_address" if recipient.address is None else None


def wants(choice: EmailChoice, code: Code) -> bool:
    """Whether an outcome concerns one who has chosen so: at once if it is a problem, else in the digest."""
    if code in PROBLEMS:
        return choice is not EmailChoice.NOTHING
    return choice is EmailChoice.EVERYTHING and code in SUCCESSES


def digest_end_ms(at_ms: int) -> int:
    """The end of the digest that tells what happened at `at_ms`; its 24 hours exclude that moment."""
    return (at_ms - DIGEST_AT_MS) // DAY_MS * DAY_MS + DIGEST_AT_MS + DAY_MS


def digest_due_ms(end_ms: int, shopper_id: str) -> int:
    """When a shopper's digest is sent: within the hour after its end, so that not all are sent in one minute."""
    share = int.from_bytes(hashlib.sha256(shopper_id.encode()).digest()[:4])
    return end_ms + DIGEST_SETTLES_MS + share % DIGEST_SPREAD_MS
