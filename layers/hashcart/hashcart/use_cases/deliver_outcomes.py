"""What `outcome_delivery` does: keep the outcome for the activity page, and answer in public where allowed and wanted.

One answer a post, ever: the claim is written before X is called and the record after. A claim that was left without a
record is looked up in the bot's own timeline; nothing is sent blind.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from hashcart.domain.account_links import AccountLink
from hashcart.domain.outcomes import Code, Outcome
from hashcart.domain.posts import DAY_MS, posted_at_ms
from hashcart.domain.replies import DEFAULT_LANGUAGE, reply_text, silence
from hashcart.domain.x_spending import Purpose
from hashcart.messages.outcomes import OutcomeReached
from hashcart.messages.posts import to_json
from hashcart.observability import Tally, logger, report, report_failure
from hashcart.secrets import SecretUnavailableError
from hashcart.social.x.bot_session import BotSignedOutError
from hashcart.social.x.client import (
    MOST_POSTS_A_PAGE,
    DuplicateReplyError,
    OwnReply,
    RateLimitedError,
    ReplyRefusedError,
    TokenRejectedError,
    XUnavailableError,
)
from hashcart.storage.pending import PendingItem, PendingKind
from hashcart.use_cases.x_budget import BudgetUnavailableError, OverBudgetError, Reservation, XBudget, next_day_ms

REPLY_DEADLINE_MS = 60 * 60 * 1000
RETRY_MS = 60 * 1000

# After X has hung once, the rest of the batch waits in Pending instead of hanging as well.
PAUSE_MS = 10 * 1000
SIGNED_OUT_RETRY_MS = 5 * 60 * 1000

# Longer than any invocation and than the timeline's lag, so that an unrecorded call has ended and shows if it worked.
CLAIM_SETTLES_MS = 2 * 60 * 1000

STRANGER_ROW_LIFE_MS = 2 * DAY_MS

REPLIES = "replies"
"""The name of an operator's pause of all public answers."""


class OutcomeStore(Protocol):
    """Outcomes and the claims of replies."""

    def store_outcome(self, shopper_id: str, key: str, outcome: Outcome, *, now_ms: int, life_ms: int = ...) -> Outcome:
        """Keep the first outcome and return it."""

    def claim_reply(self, shopper_id: str, key: str, *, now_ms: int) -> Mapping[str, Any] | None:
        """Claim the one reply of a post."""

    def renew_claim(self, shopper_id: str, key: str, *, seen_ms: int, now_ms: int) -> bool:
        """Take over a claim left without a record."""

    def record_reply(self, shopper_id: str, key: str, *, claimed_at_ms: int, result: str, reply_id: str | None) -> None:
        """Note how the reply ended."""

    def release_reply(self, shopper_id: str, key: str) -> None:
        """Give back a claim whose call had no effect."""


class LinkReader(Protocol):
    """Who is who."""

    def of_profile(self, x_user_id: str) -> AccountLink | None:
        """The link of an X profile."""


class ReplyApi(Protocol):
    """The bot's calls."""

    def reply(self, text: str, in_reply_to: str, access_token: str) -> str:
        """Answer a post."""

    def own_reply(self, bot_user_id: str, post_id: str, access_token: str) -> OwnReply:
        """The bot's answer to a post, if there is one."""


class Session(Protocol):
    """The bot's access token."""

    def access_token(self) -> str:
        """A valid access token."""

    def forget(self) -> None:
        """Drop a rejected token."""


class PendingStore(Protocol):
    """What waits."""

    def put(self, item: PendingItem) -> None:
        """Keep a message until it is due."""


class Pauses(Protocol):
    """What operators have paused."""

    def paused_until_ms(self, source: str, *, now_ms: int) -> int | None:
        """When a pause ends; None if there is none."""


class Emails(Protocol):
    """The e-mails that outcomes lead to."""

    def expect(self, message: OutcomeReached, link: AccountLink, *, now_ms: int) -> None:
        """Have the digest sent that will tell an outcome kept at `now_ms`."""

    def tell(self, message: OutcomeReached, kept: Outcome, link: AccountLink) -> None:
        """Send the e-mail about an outcome that is a problem."""


@dataclass(slots=True)
class DeliverOutcomes:
    """Delivers outcomes one at a time; `limited_until_ms` remembers X's limit within the process.

    `watch` is told of each outcome of a linked shopper. `emails` is None where the merchant sends none.
    """

    outcomes: OutcomeStore
    links: LinkReader
    api: ReplyApi
    session: Session
    pending: PendingStore
    pauses: Pauses
    budget: XBudget
    bot_user_id: str
    reply_to_strangers: bool
    clock_ms: Callable[[], int]
    watch: Callable[[OutcomeReached, AccountLink], None]
    emails: Emails | None = None
    limited_until_ms: int = field(default=0)
    tally: Tally = field(default_factory=Tally)
    _own_posts: tuple[str, set[str]] = field(default=("", set()))

    def __call__(self, message: OutcomeReached) -> None:
        """Keep the outcome, and tell it in public and by e-mail where it may be: each apart from the other."""
        link = self.links.of_profile(message.author_id)
        if message.shopper_id is not None and not _belongs_to(message.shopper_id, link):
            report(message.post_id, "dropped", "no_link_any_more")
            return
        now_ms = self.clock_ms()
        emails = self.emails if message.shopper_id is not None else None
        if emails is not None and link is not None:
            emails.expect(message, link, now_ms=now_ms)
        owner, life_ms = self._owner(message)
        kept = message.outcome
        if not message.is_kept:
            kept = self.outcomes.store_outcome(owner, message.first_key, kept, now_ms=now_ms, **life_ms)
        if message.shopper_id is not None and link is not None:
            self.watch(message, link)
        self._answer(message, kept, owner, link)
        if emails is not None and link is not None:
            emails.tell(message, kept, link)

    def again(self, message: OutcomeReached) -> None:
        """Deliver what waited for X: the outcome has been kept, so one whose hour is over costs nothing more."""
        if self._is_late(message):
            self._drop_late(message.post_id, message.outcome.code)
        else:
            self(message)

    @property
    def has_to_wait(self) -> bool:
        """Whether X takes no answer now, or an operator lets none out, so that what waits may as well go on waiting."""
        return self.clock_ms() < self.limited_until_ms

    def _is_late(self, message: OutcomeReached) -> bool:
        return self.clock_ms() > _deadline_ms(message)

    def _drop_late(self, post_id: str, code: Code) -> None:
        self._drop(post_id, code, "reply_too_late", "StaleReplies")

    def _answer(self, message: OutcomeReached, kept: Outcome, owner: str, link: AccountLink | None) -> None:
        if not message.summoned:
            return
        reason = self._silence(kept, link)
        if reason is not None:
            report(message.post_id, kept.code, reason)
            return
        if self._is_late(message):
            self._drop_late(message.post_id, kept.code)
            return
        self._reply(
            _Reply(message, kept, owner, reply_text(kept, link.language if link else DEFAULT_LANGUAGE, message.post_id))
        )

    def _owner(self, message: OutcomeReached) -> tuple[str, dict[str, int]]:
        """Whose row it is. Of a stranger only the post's id is kept, for two days, so that one answer stays one."""
        if message.shopper_id is not None:
            return message.shopper_id, {}
        return f"stranger#{message.post_id}", {"life_ms": STRANGER_ROW_LIFE_MS}

    def _silence(self, kept: Outcome, link: AccountLink | None) -> str | None:
        if kept.code is Code.NOT_LINKED:
            return None if self.reply_to_strangers and link is None else "not_for_the_public"
        return "no_link_any_more" if link is None else silence(kept, link)

    def _reply(self, reply: "_Reply") -> None:
        now_ms = self.clock_ms()
        if self._is_paused(reply, now_ms):
            self.limited_until_ms = max(self.limited_until_ms, now_ms + RETRY_MS)
            self._wait(reply, now_ms + RETRY_MS, "replies_paused")
            return
        if now_ms < self.limited_until_ms:
            self._wait(reply, self.limited_until_ms, "rate_limited")
            return
        if self.budget.refuses(Purpose.REPLIES):
            self._over_budget(reply)
            return
        try:
            access_token = self.session.access_token()
        except BotSignedOutError as error:
            logger.error("the bot has to sign in again", extra={"reason": str(error)})
            self.tally.alarm("BotSignedOut")
            self._wait(reply, now_ms + SIGNED_OUT_RETRY_MS, "bot_signed_out")
            return
        except (XUnavailableError, RateLimitedError, SecretUnavailableError) as error:
            report_failure(reply.post_id, "token_unavailable", error)
            self._wait(reply, now_ms + RETRY_MS, "token_unavailable")
            return
        claim = self.outcomes.claim_reply(reply.owner, reply.key, now_ms=now_ms)
        if claim is None or self._take_over(reply, claim, access_token):
            self._send(reply, access_token, claimed_at_ms=now_ms)

    def _is_paused(self, reply: "_Reply", now_ms: int) -> bool:
        """Whether an operator lets no answer out, or nobody can tell. Asked for each, so that all processes hear it."""
        try:
            return self.pauses.paused_until_ms(REPLIES, now_ms=now_ms) is not None
        except (BotoCoreError, ClientError) as error:
            report_failure(reply.post_id, "pause_unknown", error)
            return True

    def _take_over(self, reply: "_Reply", claim: Mapping[str, Any], access_token: str) -> bool:
        """Whether to send in place of an earlier attempt that left no record."""
        now_ms = self.clock_ms()
        if "result" in claim:
            report(reply.post_id, reply.outcome.code, f"reply_{claim['result']}_already")
            return False
        settles_ms = claim["claimed_at_ms"] + CLAIM_SETTLES_MS
        if now_ms < settles_ms:
            self._wait(reply, settles_ms, "reply_unsettled")
            return False
        try:
            reply_id = self._own_reply(reply.post_id, access_token)
        except OverBudgetError:
            self._over_budget(reply)
            return False
        except (XUnavailableError, RateLimitedError, TokenRejectedError, BudgetUnavailableError) as error:
            report_failure(reply.post_id, "timeline_unavailable", error)
            if isinstance(error, TokenRejectedError):
                self.session.forget()
            self._wait(reply, now_ms + RETRY_MS, "timeline_unavailable")
            return False
        if reply_id is not None:
            self._record(reply, claim["claimed_at_ms"], "sent", reply_id)
            return False
        return self.outcomes.renew_claim(reply.owner, reply.key, seen_ms=claim["claimed_at_ms"], now_ms=now_ms)

    def _own_reply(self, post_id: str, access_token: str) -> str | None:
        """The bot's answer to a post. X bills each of the bot's posts once a day, so none is counted again.

        For the same reason nothing stays reserved if X does not answer: it is asked until it does.
        """
        reservation = self.budget.reserve(Purpose.OWN_REPLIES, MOST_POSTS_A_PAGE)
        if reservation is None:
            raise OverBudgetError(Purpose.OWN_REPLIES)
        billed = 0
        try:
            found = self.api.own_reply(self.bot_user_id, post_id, access_token)
            day, seen = self._own_posts if self._own_posts[0] == reservation.day else (reservation.day, set())
            billed = len({*found.read} - seen)
            self._own_posts = (day, seen | {*found.read})
        finally:
            self.budget.settle(reservation, billed=billed)
        return found.id

    def _reserved(self, reply: "_Reply") -> Reservation | None:
        """What the answer may cost; without it the claim is given back, and the answer waits or is dropped."""
        try:
            reservation = self.budget.reserve(Purpose.REPLIES, 1)
        except BudgetUnavailableError as error:
            report_failure(reply.post_id, "budget_unavailable", error)
            self.outcomes.release_reply(reply.owner, reply.key)
            self._wait(reply, self.clock_ms() + RETRY_MS, "budget_unavailable")
            return None
        if reservation is None:
            self.outcomes.release_reply(reply.owner, reply.key)
            self._over_budget(reply)
        return reservation

    def _over_budget(self, reply: "_Reply") -> None:
        """Wait for tomorrow's budget (UTC) where that is not too late."""
        tomorrow_ms = next_day_ms(self.clock_ms())
        if tomorrow_ms <= _deadline_ms(reply.message):
            self._wait(reply, tomorrow_ms, "over_budget")
        else:
            self._drop(reply.post_id, reply.outcome.code, "over_budget", "RepliesOverBudget")

    def _drop(self, post_id: str, code: Code, reason: str, metric: str) -> None:
        """Give an answer up; the activity page has the outcome."""
        self.tally.alarm(metric)
        report(post_id, code, reason)

    def _send(self, reply: "_Reply", access_token: str, *, claimed_at_ms: int) -> None:
        reservation = self._reserved(reply)
        if reservation is None:
            return
        try:
            reply_id = self.api.reply(reply.text, reply.post_id, access_token)
        except (ReplyRefusedError, DuplicateReplyError, RateLimitedError, TokenRejectedError) as error:
            self.budget.settle(reservation, billed=0)
            self._not_sent(reply, error, claimed_at_ms)
        except XUnavailableError as error:
            # X may have taken it, and billed it.
            report_failure(reply.post_id, "reply_unsettled", error)
            self.limited_until_ms = self.clock_ms() + PAUSE_MS
            self._wait(reply, claimed_at_ms + CLAIM_SETTLES_MS, "reply_unsettled")
        else:
            self._record(reply, claimed_at_ms, "sent", reply_id)

    def _not_sent(self, reply: "_Reply", error: Exception, claimed_at_ms: int) -> None:
        """What follows where this call has surely sent nothing."""
        match error:
            case DuplicateReplyError():
                self._record(reply, claimed_at_ms, "sent", None, "duplicate")
            case RateLimitedError(reset_ms=reset_ms):
                self.limited_until_ms = reset_ms
                self.outcomes.release_reply(reply.owner, reply.key)
                self._wait(reply, reset_ms, "rate_limited")
            case TokenRejectedError():
                self.session.forget()
                self.outcomes.release_reply(reply.owner, reply.key)
                self._wait(reply, claimed_at_ms + RETRY_MS, "token_rejected")
            case _:
                self._record(reply, claimed_at_ms, "refused", None, str(error))

    def _record(
        self, reply: "_Reply", claimed_at_ms: int, result: str, reply_id: str | None, reason: str | None = None
    ) -> None:
        self.outcomes.record_reply(
            reply.owner, reply.key, claimed_at_ms=claimed_at_ms, result=result, reply_id=reply_id
        )
        report(reply.post_id, reply.outcome.code, f"reply_{result}" if reason is None else f"reply_{result}: {reason}")

    def _wait(self, reply: "_Reply", due_ms: int, reason: str) -> None:
        message = to_json(reply.message)
        self.pending.put(PendingItem(PendingKind.OUTCOME, reply.post_id, due_ms, message))
        report(reply.post_id, reply.outcome.code, reason)


def _deadline_ms(message: OutcomeReached) -> int:
    return posted_at_ms(message.post_id) + REPLY_DEADLINE_MS


def _belongs_to(shopper_id: str, link: AccountLink | None) -> bool:
    """Whether the outcome's shopper is still linked; nothing is written for one who has left."""
    return link is not None and link.shopper_id == shopper_id


@dataclass(frozen=True, slots=True)
class _Reply:
    message: OutcomeReached
    outcome: Outcome
    owner: str
    text: str

    @property
    def post_id(self) -> str:
        return self.message.post_id

    @property
    def key(self) -> str:
        return self.message.first_key
