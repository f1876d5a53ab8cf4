"""E-mail to shoppers: problems at once, a daily digest of the rest, and news of the account.

SES cannot be asked what it has sent, so an e-mail goes out at most once: it is claimed before and recorded after, and
a claim without a record is never sent again. The activity page says the same anyway. What SES has certainly not taken
waits in Pending. Addresses are read when an e-mail is sent, and kept nowhere but with the shopper.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from hashcart.domain.account_links import PAUSED_BY_SHOPPER, TOO_MANY, AccountLink, EmailChoice
from hashcart.domain.cart_lines import CartLine, Snapshot
from hashcart.domain.emails import (
    PROBLEMS,
    SUCCESSES,
    UNSUBSCRIBE,
    BadAddressError,
    digest_due_ms,
    digest_end_ms,
    no_address,
    silence,
    wants,
)
from hashcart.domain.outcomes import Code, Outcome, PostRow
from hashcart.domain.posts import DAY_MS, X, id_of_key, posted_at_ms
from hashcart.domain.recipients import Recipient
from hashcart.domain.sensitivity import is_sensitive
from hashcart.domain.signed_tokens import sign
from hashcart.emails.letters import Done, Letter, digest_letter, notice_letter, problem_letter
from hashcart.emails.rendering import Email, Letterhead, render
from hashcart.emails.ses import EmailNotTakenError, EmailRefusedError, EmailUnsettledError
from hashcart.messages.digests import DigestDue, read_digest
from hashcart.messages.notices import read_notice
from hashcart.messages.outcomes import OutcomeReached
from hashcart.messages.posts import to_json
from hashcart.observability import report
from hashcart.secrets import SecretUnavailableError
from hashcart.storage.pending import PendingItem, PendingKind

EMAIL_DEADLINE_MS = 2 * DAY_MS
RETRY_MS = 2 * 60 * 1000

# After SES has not taken one e-mail, the others of this process wait in Pending as well instead of asking.
PAUSE_MS = 10 * 1000


class EmailTransport(Protocol):
    """What takes e-mails."""

    def send(self, email: Email, *, shopper_id: str) -> str:
        """Send one e-mail once."""


class RecipientStore(Protocol):
    """Where e-mail goes."""

    def recipient(self, shopper_id: str) -> Recipient | None:
        """The shopper's address and whether e-mail is paused, as they are now."""

    def count_email(self, recipient: Recipient, *, day: int) -> None:
        """Count an e-mail about a problem."""


class LinkReader(Protocol):
    """Who is who."""

    def of_profile(self, x_user_id: str) -> AccountLink | None:
        """The link of an X profile."""


class EmailRowStore(Protocol):
    """The posts' rows, and the claims of e-mails in them."""

    def row(self, shopper_id: str, key: str) -> PostRow | None:
        """One post's row."""

    def outcomes_between(self, shopper_id: str, start_ms: int, end_ms: int) -> list[PostRow]:
        """The rows whose outcome was kept in a time."""

    def claim_email(self, shopper_id: str, key: str, *, now_ms: int) -> Mapping[str, Any] | None:
        """Claim the one e-mail about a post's problem."""

    def record_email(self, shopper_id: str, key: str, *, claimed_at_ms: int, result: str) -> None:
        """Note how the e-mail ended."""

    def release_email(self, shopper_id: str, key: str) -> None:
        """Give back a claim whose e-mail was not taken."""


class LineReader(Protocol):
    """The cart lines, for the titles of products."""

    def line(self, shopper_id: str, line_id: str) -> CartLine:
        """One line."""

    def lines(self, shopper_id: str) -> list[CartLine]:
        """All lines of a shopper."""


class PendingStore(Protocol):
    """What waits."""

    def put(self, item: PendingItem) -> None:
        """Keep a message until it is due."""

    def claim(self, item: PendingItem, *, now_ms: int) -> bool:
        """Take an item whose effect must not happen twice."""


@dataclass(slots=True)
class Mailer:
    """Renders letters and sends them. `token_keys` are the keys of the pages, the current one first."""

    transport: EmailTransport
    letterhead: Letterhead
    token_keys: Callable[[], Sequence[str]]
    clock_ms: Callable[[], int]
    closed_until_ms: int = field(default=0)

    @property
    def is_open(self) -> bool:
        """Whether asking SES makes sense at this moment."""
        return self.clock_ms() >= self.closed_until_ms

    def render(self, letter: Letter, recipient: Recipient) -> Email:
        """Give a letter its form. Raises BadAddressError and SecretUnavailableError."""
        token = sign(UNSUBSCRIBE, recipient.shopper_id, self.token_keys()[0])
        return render(letter, self.letterhead, to=recipient.address or "", unsubscribe_token=token)

    def send(self, email: Email, recipient: Recipient) -> str:
        """Send an e-mail once; says how that ended: sent, refused or unsettled. Raises EmailNotTakenError."""
        try:
            self.transport.send(email, shopper_id=recipient.shopper_id)
        except EmailNotTakenError:
            self.closed_until_ms = self.clock_ms() + PAUSE_MS
            raise
        except EmailRefusedError as error:
            return f"refused_{error}"
        except EmailUnsettledError:
            return "unsettled"
        return "sent"


@dataclass(frozen=True, slots=True)
class OutcomeEmails:
    """The e-mails that outcomes lead to. What a shopper adds on the cart page has told its outcome there already."""

    rows: EmailRowStore
    recipients: RecipientStore
    carts: LineReader
    pending: PendingStore
    mailer: Mailer
    clock_ms: Callable[[], int]

    def expect(self, message: OutcomeReached, link: AccountLink, *, now_ms: int) -> None:
        """Have the digest sent that will tell an outcome kept at `now_ms`; once a day for each shopper."""
        code = message.outcome.code
        if message.network != X or code not in SUCCESSES or not wants(link.email, code):
            return
        end_ms = digest_end_ms(now_ms)
        due = DigestDue(link.shopper_id, link.x_user_id, end_ms)
        due_ms = digest_due_ms(end_ms, link.shopper_id)
        self.pending.put(PendingItem(PendingKind.DIGEST, link.shopper_id, due_ms, to_json(due)))

    def tell(self, message: OutcomeReached, kept: Outcome, link: AccountLink) -> None:
        """Send the e-mail about an outcome that is a problem, if it is wanted."""
        if message.network != X or kept.code not in PROBLEMS or not wants(link.email, kept.code):
            return
        if kept.code is Code.PAUSED and kept.reason in (PAUSED_BY_SHOPPER, TOO_MANY):
            report(message.post_id, kept.code, "paused_as_the_shopper_knows")
            return
        now_ms = self.clock_ms()
        recipient = self.recipients.recipient(link.shopper_id)
        reason = silence(kept.code, recipient, now_ms // DAY_MS)
        if now_ms - posted_at_ms(message.post_id) > EMAIL_DEADLINE_MS:
            reason = "email_too_late"
        if recipient is None or reason is not None:
            report(message.post_id, kept.code, reason)
        elif self.mailer.is_open:
            self._tell(message, kept, link, recipient)
        else:
            self._wait(message, kept, "email_waits")

    def _tell(self, message: OutcomeReached, kept: Outcome, link: AccountLink, recipient: Recipient) -> None:
        key = message.first_key
        outcome, title = self._product(link, key, kept)
        letter = problem_letter(outcome, title, language=link.language, store=self.mailer.letterhead.store)
        try:
            email = self.mailer.render(letter, recipient)
        except BadAddressError:
            report(message.post_id, kept.code, "email_bad_address")
            return
        except SecretUnavailableError as error:
            self._wait(message, kept, f"email_waits: {error}")
            return
        now_ms = self.clock_ms()
        claim = self.rows.claim_email(link.shopper_id, key, now_ms=now_ms)
        if claim is not None:
            report(message.post_id, kept.code, f"email_{claim.get('result', 'unsettled')}_already")
            return
        try:
            result = self.mailer.send(email, recipient)
        except EmailNotTakenError as error:
            self.rows.release_email(link.shopper_id, key)
            self._wait(message, kept, f"email_waits: {error}")
            return
        self.rows.record_email(link.shopper_id, key, claimed_at_ms=now_ms, result=result)
        report(message.post_id, kept.code, f"email_{result}")
        self.recipients.count_email(recipient, day=now_ms // DAY_MS)

    def _product(self, link: AccountLink, key: str, kept: Outcome) -> tuple[Outcome, str | None]:
        """The outcome, sensitive by what counts as that now, and the title that the line has."""
        row = self.rows.row(link.shopper_id, key)
        newest = row.newest if row else None
        if newest is None or newest.line_id is None:
            return kept, None
        shown = self.carts.line(link.shopper_id, newest.line_id).snapshot
        return _judged(kept, shown, link), shown.title

    def _wait(self, message: OutcomeReached, kept: Outcome, reason: str) -> None:
        due_ms = self.clock_ms() + RETRY_MS
        self.pending.put(PendingItem(PendingKind.OUTCOME, message.post_id, due_ms, to_json(message)))
        report(message.post_id, kept.code, reason)


@dataclass(frozen=True, slots=True)
class PendingEmails:
    """The e-mails that are due in Pending: each item is taken once, and put anew if SES has not taken its e-mail."""

    rows: EmailRowStore
    links: LinkReader
    recipients: RecipientStore
    carts: LineReader
    pending: PendingStore
    mailer: Mailer
    clock_ms: Callable[[], int]

    def digest(self, item: PendingItem) -> None:
        """Sum up a shopper's day, if there is anything to tell to one who still wants to know."""
        due = read_digest(item.message)
        link = self.links.of_profile(due.x_user_id)
        if link is None or link.shopper_id != due.shopper_id or link.email is not EmailChoice.EVERYTHING:
            report(None, "digest", "not_wanted_any_more")
        elif self.clock_ms() - due.end_ms > EMAIL_DEADLINE_MS:
            report(None, "digest", "email_too_late")
        elif done := self._done(due, link):
            store = self.mailer.letterhead.store
            self._send(item, due.shopper_id, digest_letter(done, language=link.language, store=store))
        else:
            report(None, "digest", "nothing_to_tell")

    def notice(self, item: PendingItem) -> None:
        """Tell a shopper what happened to the account."""
        notice = read_notice(item.message)
        if self.clock_ms() - notice.at_ms > EMAIL_DEADLINE_MS:
            report(None, "notice", "email_too_late")
            return
        self._send(item, notice.shopper_id, notice_letter(notice, store=self.mailer.letterhead.store))

    def _done(self, due: DigestDue, link: AccountLink) -> list[Done]:
        rows = self.rows.outcomes_between(due.shopper_id, due.end_ms - DAY_MS, due.end_ms)
        told = [(row, row.outcome) for row in rows if row.outcome is not None and _is_told(row, row.outcome)]
        if not told:
            return []
        shown = {line.line_id: line.snapshot for line in self.carts.lines(due.shopper_id)}
        snapshots = [shown.get((row.newest.line_id if row.newest else None) or "", Snapshot()) for row, _ in told]
        return [
            Done(_judged(outcome, snapshot, link), snapshot.title)
            for (_, outcome), snapshot in zip(told, snapshots, strict=True)
        ]

    def _send(self, item: PendingItem, shopper_id: str, letter: Letter) -> None:
        recipient = self.recipients.recipient(shopper_id)
        reason = no_address(recipient)
        if recipient is None or reason is not None:
            report(None, item.kind, reason)
            return
        if not self.mailer.is_open:
            self._postpone(item, "email_waits")
            return
        try:
            email = self.mailer.render(letter, recipient)
        except BadAddressError:
            report(None, item.kind, "email_bad_address")
            return
        if not self.pending.claim(item, now_ms=self.clock_ms()):
            report(None, item.kind, "email_unsettled_already")
            return
        try:
            result = self.mailer.send(email, recipient)
        except EmailNotTakenError as error:
            self._postpone(item, f"email_waits: {error}")
            return
        report(None, item.kind, f"email_{result}")

    def _postpone(self, item: PendingItem, reason: str) -> None:
        self.pending.put(replace(item, due_ms=self.clock_ms() + RETRY_MS))
        report(None, item.kind, reason)


def _judged(outcome: Outcome, shown: Snapshot, link: AccountLink) -> Outcome:
    """The outcome, sensitive also by the categories that the shopper has chosen since."""
    flagged = outcome.sensitive or shown.sensitive
    sensitive = is_sensitive(shown.category, flagged=flagged, categories=link.sensitive_categories)
    return replace(outcome, sensitive=sensitive)


def _is_told(row: PostRow, outcome: Outcome) -> bool:
    """Whether a digest mentions a post: it went well, on X, and was not taken back since."""
    network, _ = id_of_key(row.order_key)
    taken_back = row.undone and outcome.code is not Code.UNDONE
    return network == X and outcome.code in SUCCESSES and not taken_back
