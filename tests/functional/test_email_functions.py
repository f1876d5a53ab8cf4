"""E-mail by the functions themselves: SES, the tables and the queue of SES's events, all by moto."""

from collections.abc import Iterator
from dataclasses import replace
from email.utils import parseaddr
from typing import Any

import boto3
import pytest
from moto.ses.models import ses_backends

from hashcart.domain.account_links import EmailChoice
from hashcart.domain.cart_lines import Kind, Operation, Snapshot
from hashcart.domain.outcomes import Code, Outcome, Version
from hashcart.domain.posts import order_key
from hashcart.messages.digests import DigestDue
from hashcart.messages.notices import AccountNotice, NoticeKind
from hashcart.messages.outcomes import OutcomeReached
from hashcart.messages.posts import to_json
from hashcart.observability import clock_ms
from hashcart.storage.activity import Activity
from hashcart.storage.carts import Carts
from hashcart.storage.pending import Pending, PendingItem, PendingKind
from hashcart.storage.recipients import Recipients
from hashcart.use_cases.unsubscribe import Unsubscribe
from local.events import EVENTS, fresh_event
from tests.fakes.account_links import ADA, tie
from tests.fakes.aws import REGION, Aws, aws_account
from tests.fakes.browser import FakeBrowser
from tests.fakes.clock import post_id
from tests.fakes.handlers import PAGES, Bundle, sqs_event
from tests.fakes.internet import Internet
from tests.functional.test_queue_functions import SHOPPER

ADDRESS = "ada@example.com"
SENDER = "cart@northwind.example"
LINE = "store.localhost#mug#"
SCHEDULE = fresh_event(EVENTS / "outcome_delivery__schedule.json", 0)


class Mailed:
    """A linked shopper who wants to know everything, and what she was sent."""

    def __init__(self, aws: Aws, monkeypatch: pytest.MonkeyPatch, sender: str = SENDER) -> None:
        self.aws = aws
        self.bundle = Bundle(aws, Internet(), monkeypatch, EMAIL_SENDER=sender)
        self.pending = Pending(aws.dynamodb, "PendingTable")
        self.recipients = Recipients(aws.dynamodb, "AccountLinksTable")
        boto3.client("sesv2", region_name=REGION).create_email_identity(EmailIdentity=SENDER)
        now_ms = clock_ms()
        tie(
            aws.dynamodb,
            replace(ADA, consented_at_ms=now_ms - 60_000, email=EmailChoice.EVERYTHING),
            email_address=ADDRESS,
        )

    def reaches(self, code: Code, sequence: int = 0) -> None:
        post = post_id(0, sequence, clock_ms())
        key, now_ms = order_key(post), clock_ms()
        Activity(self.aws.dynamodb, "ActivityTable").record_version(
            SHOPPER, key, Version(int(post), line_id=LINE), now_ms=now_ms
        )
        Carts(self.aws.dynamodb, "CartsTable").write_operation(
            SHOPPER, LINE, key, Operation(Kind.WISH, 1), now_ms=now_ms, snapshot=Snapshot(title="Stoneware mug")
        )
        message = OutcomeReached(post, post, "222", SHOPPER, Outcome(code, int(post), quantity=1))
        assert self.bundle.invoke("outcome_delivery", sqs_event(to_json(message))) == {"batchItemFailures": []}

    def sent(self) -> list[Any]:
        return list(ses_backends["123456789012"][REGION].sent_messages)

    def waits(self, kind: PendingKind, message: DigestDue | AccountNotice) -> None:
        self.pending.put(PendingItem(kind, SHOPPER, clock_ms() - 1, to_json(message)))


@pytest.fixture
def mailed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailed]:
    with aws_account() as aws:
        yield Mailed(aws, monkeypatch)


def test_a_problem_arrives_and_unsubscribing_stops_the_next(mailed: Mailed) -> None:
    mailed.reaches(Code.OUT_OF_STOCK)
    (message,) = mailed.sent()
    assert message.destinations == {"ToAddresses": [ADDRESS]}
    assert parseaddr(message.source)[1] == SENDER
    assert "Stoneware mug" in message.body
    token = message.body.split("/unsubscribe?token=")[1].split('"')[0]
    assert Unsubscribe(mailed.recipients, lambda: ["address-key"])(token)
    mailed.reaches(Code.OUT_OF_STOCK, 1)
    assert len(mailed.sent()) == 1


def test_the_link_in_the_e_mail_leads_to_the_page_that_stops_it(mailed: Mailed) -> None:
    mailed.reaches(Code.OUT_OF_STOCK)
    link = mailed.sent()[0].body.split(PAGES)[-1].split('"')[0]
    assert link.startswith("/unsubscribe?token=")
    browser = FakeBrowser(mailed.bundle.invoke)
    assert browser.submit(browser.get(link), "/unsubscribe").status == 200
    recipient = mailed.recipients.recipient(SHOPPER)
    assert recipient is not None
    assert recipient.paused == "unsubscribed"


def test_successes_wait_for_the_digest_which_comes_on_schedule(mailed: Mailed) -> None:
    mailed.reaches(Code.ADDED)
    assert mailed.sent() == []
    mailed.waits(PendingKind.DIGEST, DigestDue(SHOPPER, "222", clock_ms() + 1))
    assert mailed.bundle.invoke("outcome_delivery", SCHEDULE) == {"woken": 1}
    assert mailed.bundle.invoke("outcome_delivery", SCHEDULE) == {"woken": 0}
    (message,) = mailed.sent()
    assert (message.subject, "Stoneware mug" in message.body) == ("Your replies of the day", True)


def test_news_of_the_account_come_on_schedule(mailed: Mailed) -> None:
    mailed.waits(PendingKind.NOTICE, AccountNotice(NoticeKind.MOVED_AWAY, SHOPPER, "ada_shops", "de", clock_ms()))
    assert mailed.bundle.invoke("outcome_delivery", SCHEDULE) == {"woken": 1}
    (message,) = mailed.sent()
    assert message.subject == "Dein X-Profil gehört jetzt zu einem anderen Konto"


def test_without_a_sender_nothing_is_sent_and_nothing_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    with aws_account() as aws:
        silent = Mailed(aws, monkeypatch, sender="")
        silent.reaches(Code.OUT_OF_STOCK)
        silent.reaches(Code.ADDED, 1)
        assert silent.bundle.invoke("outcome_delivery", SCHEDULE) == {"woken": 0}
        assert silent.sent() == []
        assert aws.dynamodb.scan(TableName="PendingTable")["Items"] == []


@pytest.mark.parametrize(("event", "reason"), [("good", "bounced"), ("complaint", "complained")])
def test_what_ses_reports_pauses_the_shopper_of_the_tag(mailed: Mailed, event: str, reason: str) -> None:
    answer = mailed.bundle.invoke("email_feedback", fresh_event(EVENTS / f"email_feedback__{event}.json", 0))
    assert answer == {"batchItemFailures": []}
    recipient = mailed.recipients.recipient(SHOPPER)
    assert recipient is not None
    assert recipient.paused == reason
    mailed.reaches(Code.OUT_OF_STOCK)
    assert mailed.sent() == []


def test_an_event_that_could_not_be_acted_on_comes_again(mailed: Mailed, monkeypatch: pytest.MonkeyPatch) -> None:
    event = fresh_event(EVENTS / "email_feedback__good.json", 0)
    mailed.bundle.invoke("email_feedback", {"Records": []})
    mailed.aws.dynamodb.delete_table(TableName="AccountLinksTable")
    answer = mailed.bundle.invoke("email_feedback", event)
    assert answer == {"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}


def test_no_log_line_has_an_address_or_a_token(mailed: Mailed, caplog: pytest.LogCaptureFixture) -> None:
    mailed.reaches(Code.OUT_OF_STOCK)
    mailed.bundle.invoke("email_feedback", fresh_event(EVENTS / "email_feedback__good.json", 0))
    (message,) = mailed.sent()
    token = message.body.split("/unsubscribe?token=")[1].split('"')[0]
    logged = " ".join(str(record.__dict__) for record in caplog.records)
    assert "email_sent" in logged
    assert [secret for secret in (ADDRESS, token, "example.com", "mug") if secret in logged] == []
