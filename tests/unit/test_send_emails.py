"""E-mail: problems at once, the rest in a digest, nothing twice and nothing to who does not want it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from hashcart.domain.account_links import AccountLink, EmailChoice
from hashcart.domain.cart_lines import Kind, Operation, Snapshot
from hashcart.domain.emails import MAX_PROBLEMS_A_DAY, digest_due_ms, digest_end_ms
from hashcart.domain.outcomes import Code, Outcome, Version
from hashcart.domain.posts import DAY_MS, PRIVATE, order_key
from hashcart.domain.recipients import Recipient
from hashcart.domain.signed_tokens import verified_subject
from hashcart.domain.x_prices import DOLLAR
from hashcart.emails.rendering import Email, Letterhead
from hashcart.emails.ses import EmailNotTakenError, EmailRefusedError, EmailUnsettledError
from hashcart.messages.notices import AccountNotice, NoticeKind
from hashcart.messages.outcomes import OutcomeReached
from hashcart.messages.posts import to_json
from hashcart.secrets import SecretUnavailableError
from hashcart.storage.pending import PendingItem, PendingKind
from hashcart.use_cases.deliver_outcomes import DeliverOutcomes
from hashcart.use_cases.send_emails import EMAIL_DEADLINE_MS, PAUSE_MS, RETRY_MS, Mailer, OutcomeEmails, PendingEmails
from hashcart.use_cases.wake_pending import wake_pending
from hashcart.use_cases.x_budget import XBudget
from tests.fakes.clock import NOW_MS, Clock, post_id
from tests.fakes.storage import (
    MemoryAccountLinks,
    MemoryActivity,
    MemoryCarts,
    MemoryCheckpoints,
    MemoryPending,
    MemoryRecipients,
)
from tests.unit.test_deliver_outcomes import SessionFake, XFake

POST = post_id(1000)
KEY = order_key(POST)
SHOPPER = "shopper-1"
LINE = "store.localhost#kettle#"
LINK = AccountLink(
    shopper_id=SHOPPER,
    x_user_id="222",
    handle="ada_shops",
    marketplace="store.localhost",
    country="US",
    language="en",
    consented_at_ms=NOW_MS - DAY_MS,
    policy_version="1",
    email=EmailChoice.EVERYTHING,
)
ADA = Recipient(SHOPPER, "ada@mail.example")


def reached(code: Code, post: str = POST, *, reason: str | None = None, sensitive: bool = False) -> OutcomeReached:
    outcome = Outcome(code, int(post), reason=reason, quantity=2, sensitive=sensitive)
    return OutcomeReached(post, post, "222", SHOPPER, outcome)


@dataclass
class SesFake:
    """SES: takes an e-mail, or fails before or after taking it."""

    before: list[Exception] = field(default_factory=list)
    after: list[Exception] = field(default_factory=list)
    sent: list[Email] = field(default_factory=list)
    attempts: int = 0

    def send(self, email: Email, *, shopper_id: str) -> str:
        assert shopper_id == SHOPPER
        self.attempts += 1
        if self.before:
            raise self.before.pop(0)
        self.sent.append(email)
        if self.after:
            raise self.after.pop(0)
        return "ses-1"


class Post:
    """Outcome delivery with e-mail, on tables in memory."""

    def __init__(self, link: AccountLink = LINK, recipient: Recipient | None = ADA) -> None:
        self.clock = Clock()
        self.rows = MemoryActivity()
        self.carts = MemoryCarts()
        self.pending = MemoryPending()
        self.links = MemoryAccountLinks(link)
        self.recipients = MemoryRecipients(*([recipient] if recipient else []))
        self.ses = SesFake()
        self.keys: Sequence[str] | Exception = ["key", "older"]
        self.restart()

    def restart(self) -> None:
        """A new process."""
        letterhead = Letterhead("Demo store", "cart@shop.example", "https://cart.shop.example")
        self.mailer = Mailer(self.ses, letterhead, self._keys, self.clock)
        emails = OutcomeEmails(self.rows, self.recipients, self.carts, self.pending, self.mailer, self.clock)
        self.due = PendingEmails(
            self.rows, self.links, self.recipients, self.carts, self.pending, self.mailer, self.clock
        )
        self.deliver = DeliverOutcomes(
            outcomes=self.rows,
            links=self.links,
            api=XFake(self.clock),
            session=SessionFake(),
            pending=self.pending,
            pauses=MemoryCheckpoints(),
            budget=XBudget(MemoryCheckpoints(), DOLLAR, self.clock),
            bot_user_id="900",
            reply_to_strangers=True,
            clock_ms=self.clock,
            watch=lambda *_: None,
            emails=emails,
        )

    def _keys(self) -> Sequence[str]:
        if isinstance(self.keys, Exception):
            raise self.keys
        return self.keys

    def wrote(self, post: str, *, line_id: str | None = LINE, snapshot: Snapshot | None = None) -> None:
        """What cart_insertion left of a post."""
        self.rows.record_version(SHOPPER, order_key(post), Version(int(post), line_id=line_id), now_ms=NOW_MS)
        if line_id is not None:
            operation = Operation(Kind.PLAIN, int(post))
            shown = snapshot or Snapshot(title="Copper kettle", category="Home > Kitchen")
            self.carts.write_operation(SHOPPER, line_id, order_key(post), operation, now_ms=NOW_MS, snapshot=shown)

    def wake(self, kind: PendingKind) -> int:
        deal_with = {PendingKind.DIGEST: self.due.digest, PendingKind.NOTICE: self.due.notice}[kind]
        return wake_pending(self.pending, kind, deal_with, now_ms=self.clock(), has_time=lambda: True)

    def wake_digest(self) -> None:
        self.clock.now_ms = max(item.due_ms for item in self.pending.items if item.kind is PendingKind.DIGEST)
        self.wake(PendingKind.DIGEST)

    def record(self, post: str = POST) -> str | None:
        record = self.rows.emails.get((SHOPPER, order_key(post)))
        return None if record is None else record.get("result", "claimed")


# ---------------------------------------------------------------- Problems


@pytest.mark.parametrize("choice", [EmailChoice.EVERYTHING, EmailChoice.PROBLEMS])
def test_a_problem_is_told_at_once_and_once(choice: EmailChoice) -> None:
    post = Post(replace(LINK, email=choice, language="de"))
    post.wrote(POST)
    for _ in range(3):
        post.deliver(reached(Code.OUT_OF_STOCK))
        post.restart()
    (email,) = post.ses.sent
    assert (email.to, email.subject) == ("ada@mail.example", "Ausverkauft, als Wunsch gemerkt")
    assert "Copper kettle" in email.text
    assert post.record() == "sent"
    token = email.text.split("/unsubscribe?token=")[1].split()[0]
    assert verified_subject("unsubscribe", token, ["key"]) == SHOPPER


@pytest.mark.parametrize(
    ("message", "link", "recipient"),
    [
        (reached(Code.OUT_OF_STOCK), replace(LINK, email=EmailChoice.NOTHING), ADA),
        (reached(Code.OUT_OF_STOCK), LINK, None),
        (reached(Code.OUT_OF_STOCK), LINK, Recipient(SHOPPER)),
        (reached(Code.OUT_OF_STOCK), LINK, replace(ADA, paused="bounced")),
        (reached(Code.OUT_OF_STOCK), LINK, replace(ADA, day=NOW_MS // DAY_MS, sent=MAX_PROBLEMS_A_DAY)),
        (reached(Code.PAUSED), LINK, replace(ADA, day=NOW_MS // DAY_MS, sent=1)),
        (reached(Code.OUT_OF_STOCK), LINK, replace(ADA, address="ada@mail.example\nBcc: eve@mail.example")),
        (reached(Code.PAUSED, reason="shopper"), LINK, ADA),
        (reached(Code.OVERTAKEN), LINK, ADA),
        (reached(Code.ADDED), LINK, ADA),
        (replace(reached(Code.OUT_OF_STOCK), network=PRIVATE), LINK, ADA),
        (replace(reached(Code.NOT_LINKED), shopper_id=None), LINK, ADA),
        (replace(reached(Code.OUT_OF_STOCK), shopper_id="shopper-0"), LINK, ADA),
        (reached(Code.OUT_OF_STOCK, post_id(EMAIL_DEADLINE_MS + 1)), LINK, ADA),
    ],
)
def test_nothing_is_sent_at_once_to_who_should_not_get_it(
    message: OutcomeReached, link: AccountLink, recipient: Recipient | None
) -> None:
    post = Post(link, recipient)
    post.deliver(message)
    assert (post.ses.attempts, post.rows.emails) == (0, {})


def test_yesterdays_e_mails_do_not_count_today() -> None:
    post = Post(recipient=replace(ADA, day=NOW_MS // DAY_MS - 1, sent=MAX_PROBLEMS_A_DAY))
    post.deliver(reached(Code.PAUSED))
    assert len(post.ses.sent) == 1
    assert post.recipients.recipients[SHOPPER].sent_on(NOW_MS // DAY_MS) == 1


@pytest.mark.parametrize(
    ("sensitive", "snapshot", "categories"),
    [
        (True, Snapshot(title="Quiet migraine"), ()),
        (False, Snapshot(title="Quiet migraine", sensitive=True), ()),
        (False, Snapshot(title="Quiet migraine", category="Books > Health"), ("health",)),
    ],
)
def test_a_sensitive_product_is_not_named(sensitive: bool, snapshot: Snapshot, categories: tuple[str, ...]) -> None:
    post = Post(replace(LINK, sensitive_categories=categories))
    post.wrote(POST, snapshot=snapshot)
    post.deliver(reached(Code.CHOOSE_OPTIONS, sensitive=sensitive))
    post.wrote(post_id(900), snapshot=snapshot)
    post.deliver(reached(Code.ADDED, post_id(900), sensitive=sensitive))
    post.wake_digest()
    assert len(post.ses.sent) == 2
    for email in post.ses.sent:
        assert "migraine" not in email.subject + email.text + email.html


def test_a_problem_without_a_line_names_no_product() -> None:
    post = Post()
    post.wrote(POST, line_id=None)
    post.deliver(reached(Code.NO_PRODUCT, reason="no_link"))
    assert "The post has no link." in post.ses.sent[0].text


def test_what_ses_has_not_taken_waits_in_the_table_and_the_next_do_not_ask() -> None:
    post = Post()
    post.ses.before.append(EmailNotTakenError("TooManyRequestsException"))
    post.deliver(reached(Code.OUT_OF_STOCK))
    second = post_id(500)
    post.deliver(reached(Code.OUT_OF_STOCK, second))
    assert (post.ses.attempts, post.rows.emails) == (1, {})
    assert {(item.kind, item.post_id, item.due_ms) for item in post.pending.items} == {
        (PendingKind.OUTCOME, POST, NOW_MS + RETRY_MS),
        (PendingKind.OUTCOME, second, NOW_MS + RETRY_MS),
    }
    assert post.pending.items[0].message == to_json(reached(Code.OUT_OF_STOCK))
    post.clock.now_ms += PAUSE_MS
    post.deliver(reached(Code.OUT_OF_STOCK))
    assert post.record() == "sent"


def test_without_the_key_of_the_tokens_the_e_mail_waits() -> None:
    post = Post()
    post.keys = SecretUnavailableError("no key")
    post.deliver(reached(Code.OUT_OF_STOCK))
    assert (post.ses.attempts, len(post.pending.items), post.rows.emails) == (0, 1, {})


@pytest.mark.parametrize(
    ("error", "result"),
    [(EmailRefusedError("MessageRejected"), "refused_MessageRejected"), (EmailUnsettledError(), "unsettled")],
)
def test_what_is_refused_or_unsettled_is_recorded_and_never_sent_again(error: Exception, result: str) -> None:
    post = Post()
    post.ses.after.append(error)
    for _ in range(2):
        post.deliver(reached(Code.OUT_OF_STOCK))
    assert (post.ses.attempts, post.record(), post.pending.items) == (1, result, [])


@pytest.mark.parametrize("step", range(1, 8))
def test_a_crash_at_any_step_never_sends_twice(step: int) -> None:
    post = Post()
    post.wrote(POST)
    steps = 0

    def crash() -> None:
        nonlocal steps
        steps += 1
        if steps == step:
            raise KeyboardInterrupt

    for store in (post.rows, post.recipients, post.carts):
        store.before_step = crash
    try:
        post.deliver(reached(Code.OUT_OF_STOCK))
    except KeyboardInterrupt:
        post.restart()
    for store in (post.rows, post.recipients, post.carts):
        store.before_step = lambda: None
    for _ in range(2):
        post.deliver(reached(Code.OUT_OF_STOCK))
    assert len(post.ses.sent) == 1 or post.record() == "claimed"
    assert len(post.ses.sent) <= 1


# ---------------------------------------------------------------- Digest


def test_successes_of_a_day_come_in_one_digest() -> None:
    post = Post()
    posts = [post_id(5000 - number) for number in range(3)]
    for each, code in zip(posts, (Code.ADDED, Code.ALREADY_IN_CART, Code.QUANTITY_SET), strict=True):
        post.wrote(each)
        post.deliver(reached(code, each))
    (item,) = post.pending.items
    end_ms = digest_end_ms(NOW_MS)
    assert (item.kind, item.due_ms) == (PendingKind.DIGEST, digest_due_ms(end_ms, SHOPPER))
    assert post.ses.sent == []
    post.wake_digest()
    (email,) = post.ses.sent
    assert email.subject == "Your replies of the day"
    assert "Copper kettle: saved (2)" in email.text
    assert "Copper kettle: was saved already" in email.text
    assert "Copper kettle: now 2 saved" in email.text
    assert post.pending.items == []


def test_a_digest_tells_its_own_day_alone() -> None:
    post = Post()
    first, second = post_id(5000), post_id(4000)
    post.wrote(first)
    post.deliver(reached(Code.ADDED, first))
    post.wake_digest()
    post.wrote(second, line_id="store.localhost#mug#", snapshot=Snapshot(title="Stoneware mug"))
    post.deliver(reached(Code.ADDED, second))
    post.wake_digest()
    assert ["Copper kettle" in email.text for email in post.ses.sent] == [True, False]
    assert "Stoneware mug" in post.ses.sent[1].text


def test_who_wants_problems_only_gets_no_digest() -> None:
    post = Post(replace(LINK, email=EmailChoice.PROBLEMS))
    post.deliver(reached(Code.ADDED))
    assert post.pending.items == []


def test_what_was_added_privately_or_taken_back_is_not_in_a_digest_and_an_empty_one_is_not_sent() -> None:
    post = Post()
    private = replace(reached(Code.ADDED, post_id(3000)), network=PRIVATE)
    post.deliver(private)
    assert post.pending.items == []
    post.wrote(POST)
    post.deliver(reached(Code.ADDED))
    post.rows.mark_undone(SHOPPER, KEY, now_ms=NOW_MS)
    post.wake_digest()
    assert (post.ses.attempts, post.pending.items) == (0, [])


def test_a_product_taken_back_is_told() -> None:
    post = Post()
    post.deliver(reached(Code.UNDONE, reason="undo"))
    post.wake_digest()
    assert "A product: taken back" in post.ses.sent[0].text


@pytest.mark.parametrize(
    "link",
    [
        replace(LINK, email=EmailChoice.PROBLEMS),
        replace(LINK, shopper_id="shopper-2"),
        replace(LINK, x_user_id="333"),
    ],
)
def test_a_digest_that_nobody_wants_any_more_is_dropped(link: AccountLink) -> None:
    post = Post()
    post.wrote(POST)
    post.deliver(reached(Code.ADDED))
    post.links.links = {link.x_user_id: link}
    post.wake_digest()
    assert (post.ses.attempts, post.pending.items) == (0, [])


def test_a_digest_that_comes_two_days_late_is_dropped() -> None:
    post = Post()
    post.wrote(POST)
    post.deliver(reached(Code.ADDED))
    post.clock.now_ms += 4 * DAY_MS
    post.wake(PendingKind.DIGEST)
    assert (post.ses.attempts, post.pending.items) == (0, [])


def test_a_digest_that_ses_has_not_taken_comes_later_and_once() -> None:
    post = Post()
    post.wrote(POST)
    post.deliver(reached(Code.ADDED))
    post.ses.before.append(EmailNotTakenError("TooManyRequestsException"))
    post.wake_digest()
    (item,) = post.pending.items
    assert item.due_ms == post.clock.now_ms + RETRY_MS
    post.clock.now_ms = item.due_ms
    post.wake(PendingKind.DIGEST)
    assert (len(post.ses.sent), post.pending.items) == (1, [])


def test_while_ses_takes_nothing_other_digests_wait_unclaimed() -> None:
    post = Post()
    post.wrote(POST)
    post.deliver(reached(Code.ADDED))
    post.clock.now_ms = post.pending.items[0].due_ms
    post.mailer.closed_until_ms = post.clock.now_ms + PAUSE_MS
    post.wake(PendingKind.DIGEST)
    assert (post.ses.attempts, len(post.pending.items)) == (0, 1)


def test_a_digest_claimed_by_a_process_that_was_killed_is_not_sent_blind() -> None:
    post = Post()
    post.wrote(POST)
    post.deliver(reached(Code.ADDED))
    assert post.pending.claim(post.pending.items[0], now_ms=NOW_MS)
    post.wake_digest()
    assert (post.ses.attempts, post.pending.items) == (0, [])


# ---------------------------------------------------------------- Notices

MOVED = AccountNotice(NoticeKind.MOVED_AWAY, SHOPPER, "ada_shops", "en", NOW_MS)


def tell(post: Post, notice: AccountNotice) -> None:
    item = PendingItem(PendingKind.NOTICE, f"{notice.shopper_id}#{notice.notice}", NOW_MS, to_json(notice))
    post.pending.put(item)
    post.wake(PendingKind.NOTICE)


@pytest.mark.parametrize("kind", list(NoticeKind))
def test_news_of_the_account_are_sent(kind: NoticeKind) -> None:
    post = Post(replace(LINK, email=EmailChoice.NOTHING))
    tell(post, replace(MOVED, notice=kind, choice="problems"))
    (email,) = post.ses.sent
    assert "@ada_shops" in email.text or "problems only" in email.text
    assert post.pending.items == []


@pytest.mark.parametrize(
    ("notice", "recipient"),
    [
        (MOVED, None),
        (MOVED, Recipient(SHOPPER)),
        (MOVED, replace(ADA, paused="complained")),
        (MOVED, replace(ADA, address="nowhere")),
        (replace(MOVED, at_ms=NOW_MS - EMAIL_DEADLINE_MS - 1), ADA),
    ],
)
def test_a_notice_without_a_reader_is_dropped(notice: AccountNotice, recipient: Recipient | None) -> None:
    post = Post(recipient=recipient)
    tell(post, notice)
    assert (post.ses.attempts, post.pending.items) == (0, [])


def test_a_notice_that_fails_otherwise_stays() -> None:
    post = Post()
    post.keys = SecretUnavailableError("no key")
    tell(post, MOVED)
    assert len(post.pending.items) == 1
    assert post.ses.attempts == 0
