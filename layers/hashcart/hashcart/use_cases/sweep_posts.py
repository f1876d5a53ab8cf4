"""What `mention_sweep` does each minute: find the posts that no webhook has delivered."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from hashcart.domain.cart_hashtags import CartHashtags
from hashcart.domain.posts import is_from_the_future
from hashcart.domain.summons import Bot
from hashcart.domain.sweeps import SweepPosition
from hashcart.domain.x_spending import Purpose, day_of
from hashcart.messages.posts import PostArrived, to_json
from hashcart.observability import failure_of, logger, report, report_failure
from hashcart.queues import MAX_BATCH_BYTES, NotSentError, send_all
from hashcart.secrets import Secret, SecretUnavailableError
from hashcart.social.x.app_token import with_app_token
from hashcart.social.x.client import (
    MOST_POSTS_A_PAGE,
    PostPage,
    RateLimitedError,
    Stretch,
    TokenRejectedError,
    XUnavailableError,
)
from hashcart.use_cases.concerns import concerns_us
from hashcart.use_cases.x_budget import NOT_BILLED, BudgetUnavailableError, Reservation, XBudget

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

SWEEP = "sweep"
LEASE_MS = 58_000
"""Longer than the function may run, shorter than the time to the next event."""

TRANSIENT = (XUnavailableError, TokenRejectedError, SecretUnavailableError, BudgetUnavailableError)


class Positions(Protocol):
    """How far each source has been read."""

    def position(self, source: str) -> SweepPosition | None:
        """How far a source has been read."""

    def save(self, source: str, position: SweepPosition) -> None:
        """Keep how far a source has been read."""

    def paused_until_ms(self, source: str, *, now_ms: int) -> int | None:
        """When a pause of a source ends by itself; None if it is not paused."""

    def take_lease(self, work: str, *, now_ms: int, lease_ms: int) -> bool:
        """Whether this caller is the one to do the work."""

    def release(self, work: str) -> None:
        """End the lease."""


@dataclass(frozen=True, slots=True)
class Source:
    """Posts at X, newest first: a name for them, and the call that reads a page with the app's token."""

    name: str
    read: Callable[[str, Stretch], PostPage]


@dataclass(slots=True)
class Allowance:
    """Posts reserved in the budget for one sweep: what a page leaves over serves the next, and the rest goes back."""

    budget: XBudget
    day: str = ""
    left: int = 0

    def covers_page(self, day: str) -> bool:
        """Whether another page may be read on a day. Raises BudgetUnavailableError."""
        if self.day != day:
            self.give_back()
            self.day = day
        if self.left < MOST_POSTS_A_PAGE:
            if self.budget.reserve(Purpose.SWEEPS, MOST_POSTS_A_PAGE - self.left) is None:
                return False
            self.left = MOST_POSTS_A_PAGE
        return True

    def give_back(self) -> None:
        """Give back what no page has used."""
        self.budget.settle(Reservation(Purpose.SWEEPS, self.day, self.left), billed=0)
        self.left = 0


@dataclass(frozen=True, slots=True)
class SweepPosts:
    """The sources, one after the other. What a webhook has delivered too is told apart by the post's row."""

    sources: Sequence[Source]
    positions: Positions
    app_secret: Secret
    sqs: "SQSClient"
    queue_url: str
    hashtags: CartHashtags
    bot: Bot
    budget: XBudget
    clock_ms: Callable[[], int]

    def __call__(self, has_time: Callable[[], bool]) -> int:
        """Pass on what is new; returns how many posts. Does nothing while another sweep is at it.

        Raises NotSentError when SQS refuses a post, which is then found again.
        """
        if not self.positions.take_lease(SWEEP, now_ms=self.clock_ms(), lease_ms=LEASE_MS):
            report(None, "sweep_skipped", "another_sweep_is_at_it")
            return 0
        allowance = Allowance(self.budget)
        try:
            return sum(self._sweep(source, allowance, has_time) for source in self.sources)
        finally:
            allowance.give_back()
            self.positions.release(SWEEP)

    def _sweep(self, source: Source, allowance: Allowance, has_time: Callable[[], bool]) -> int:
        if self.positions.paused_until_ms(source.name, now_ms=self.clock_ms()) is not None:
            report(None, "sweep_paused", source.name)
            return 0
        position = self._position(source)
        if position.wait_until_ms > self.clock_ms():
            return 0
        stretch = Stretch(position.since_id(self.clock_ms()), position.resume_below_id)
        passed_on, is_over = 0, False
        try:
            while not is_over and has_time():
                day = day_of(self.clock_ms())
                is_reserved = position.reserved_day == day
                if not is_reserved and not allowance.covers_page(day):
                    logger.error("sweep", extra={"outcome": "sweep_over_budget", "source": source.name})
                    break
                page = self._read(source, stretch, position, allowance, day)
                billed = position.billed(page.ids, day)
                allowance.left -= 0 if is_reserved else billed
                passed_on += self._pass_on(page, position.seen)
                is_over = page.next_token is None
                position = position.after_page(self._dated(page.ids)).awaiting_page("")
                position = position.after_round(day) if is_over else position
                self.positions.save(source.name, position)
                if is_reserved:
                    self.budget.settle(Reservation(Purpose.SWEEPS, day, MOST_POSTS_A_PAGE), billed=billed)
                stretch = replace(stretch, page_token=page.next_token)
        except RateLimitedError as error:
            self.positions.save(source.name, position.waiting_until(error.reset_ms))
            report_failure(None, "sweep_waits", error)
        except TRANSIENT as error:
            # At this level a metric of the template counts it, and an alarm tells when it does not end.
            logger.error(
                "sweep", extra={"outcome": "sweep_interrupted", "source": source.name, "reason": failure_of(error)}
            )
        return passed_on

    def _read(
        self, source: Source, stretch: Stretch, position: SweepPosition, allowance: Allowance, day: str
    ) -> PostPage:
        """A page. If its answer gets lost, what is reserved for it stays so, once, until the source is read again."""
        try:
            return with_app_token(self.app_secret, lambda token: source.read(token, stretch))
        except NOT_BILLED:
            raise
        except XUnavailableError:
            if position.reserved_day != day:
                self.positions.save(source.name, position.awaiting_page(day))
                allowance.left -= MOST_POSTS_A_PAGE
            raise

    def _dated(self, ids: Collection[str]) -> list[str]:
        """The ids that tell how far a source has been read.

        One that is ahead of every clock would let the next rounds begin after the posts that are still to come.
        """
        now_ms = self.clock_ms()
        return [post_id for post_id in ids if not is_from_the_future(post_id, now_ms)]

    def _position(self, source: Source) -> SweepPosition:
        position = self.positions.position(source.name)
        if position is None:
            position = SweepPosition.beginning(self.clock_ms())
            self.positions.save(source.name, position)
        return position

    def _pass_on(self, page: PostPage, seen: Collection[str]) -> int:
        """Send what concerns us; only once SQS has all of a page may the position move."""
        known = frozenset(seen)
        posts = [post for post in page.posts if post.id not in known and concerns_us(post, self.hashtags, self.bot)]
        bodies = [to_json(PostArrived(post)) for post in posts]
        for post, body in zip(posts, bodies, strict=True):
            if len(body) > MAX_BATCH_BYTES:
                report(post.id, "dropped", "too_large")
        sendable = [body for body in bodies if len(body) <= MAX_BATCH_BYTES]
        if send_all(self.sqs, self.queue_url, sendable):
            raise NotSentError(self.queue_url)
        return len(sendable)
