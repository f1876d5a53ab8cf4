"""Outcomes queue → activity, public answers and e-mail; each minute also what had to wait, and the digests."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext

from hashcart.aws import CLIENT_CONFIG, late_client
from hashcart.consumers import Consumer, Delivery, each
from hashcart.domain.x_prices import DOLLAR
from hashcart.emails.rendering import Letterhead
from hashcart.emails.ses import Ses, config_without_retries
from hashcart.http import HttpClient
from hashcart.messages.outcomes import OutcomeReached, read_outcome
from hashcart.observability import clock_ms, logger, report_metric
from hashcart.secrets import Secret, token_keys
from hashcart.settings import base_url, flag, optional_text, text, whole_number
from hashcart.social.x.bot_session import BotSession
from hashcart.social.x.client import XApi
from hashcart.storage.account_links import AccountLinks
from hashcart.storage.activity import Activity
from hashcart.storage.bot_tokens import BotTokens
from hashcart.storage.carts import Carts
from hashcart.storage.checkpoints import Checkpoints
from hashcart.storage.pending import Pending, PendingItem, PendingKind
from hashcart.storage.recipients import Recipients
from hashcart.use_cases.deliver_outcomes import DeliverOutcomes
from hashcart.use_cases.keep_signed_in import KeepSignedIn
from hashcart.use_cases.send_emails import Mailer, OutcomeEmails, PendingEmails
from hashcart.use_cases.wake_pending import wake_pending
from hashcart.use_cases.watch_adds import WatchAdds
from hashcart.use_cases.x_budget import XBudget

TIME_TO_FINISH_MS = 15_000

# The e-mails that wait must have their turn in the same minute.
TIME_FOR_EMAILS_MS = 5_000
MOST_ANSWERS = 10_000

sqs = late_client("sqs")
dynamodb = boto3.client("dynamodb", config=CLIENT_CONFIG)
secrets = late_client("secretsmanager")

api = XApi(HttpClient(), base_url("X_API_BASE_URL"), clock_ms)
pending = Pending(dynamodb, text("PENDING_TABLE"))
activity = Activity(dynamodb, text("ACTIVITY_TABLE"))
links = AccountLinks(dynamodb, text("ACCOUNT_LINKS_TABLE"))


def open_emails(sender: str) -> tuple[OutcomeEmails, PendingEmails]:
    """What sends e-mail in the name of the store, from the address `sender`."""
    pages_secret = Secret(secrets, text("PAGES_SECRET_ARN"), clock_ms=clock_ms)
    mailer = Mailer(
        Ses(lambda: boto3.client("sesv2", config=config_without_retries()), text("EMAIL_CONFIGURATION_SET")),
        Letterhead(store=text("STORE_NAME"), sender=sender, public_url=base_url("PUBLIC_URL")),
        lambda: token_keys(pages_secret.read()),
        clock_ms,
    )
    recipients = Recipients(dynamodb, text("ACCOUNT_LINKS_TABLE"))
    carts = Carts(dynamodb, text("CARTS_TABLE"))
    return (
        OutcomeEmails(activity, recipients, carts, pending, mailer, clock_ms),
        PendingEmails(activity, links, recipients, carts, pending, mailer, clock_ms),
    )


email_sender = optional_text("EMAIL_SENDER")
outcome_emails, pending_emails = open_emails(email_sender) if email_sender else (None, None)
bot_tokens = BotTokens(dynamodb, text("BOT_TOKENS_TABLE"))
session = BotSession(
    api, bot_tokens, Secret(secrets, text("X_BOT_CLIENT_SECRET_ARN"), clock_ms=clock_ms), clock_ms=clock_ms
)
keep_signed_in = KeepSignedIn(session, bot_tokens, clock_ms)
checkpoints = Checkpoints(dynamodb, text("CHECKPOINTS_TABLE"))
deliver_outcome = DeliverOutcomes(
    outcomes=activity,
    links=links,
    api=api,
    session=session,
    pending=pending,
    pauses=checkpoints,
    budget=XBudget(checkpoints, whole_number("X_DAILY_BUDGET") * DOLLAR, clock_ms),
    bot_user_id=text("BOT_USER_ID"),
    reply_to_strangers=flag("REPLY_TO_STRANGERS"),
    clock_ms=clock_ms,
    watch=WatchAdds(activity, links, pending, whole_number("MAX_ADDS_PER_HOUR"), clock_ms),
    emails=outcome_emails,
)
consumer: Consumer[OutcomeReached] = Consumer(
    read_outcome,
    sqs,
    source_queue_url=text("SOURCE_QUEUE_URL"),
    dead_letter_queue_url=text("DEAD_LETTER_QUEUE_URL"),
)


def deliver(deliveries: Sequence[Delivery[OutcomeReached]], has_time: Callable[[], bool]) -> Mapping[str, Exception]:
    """Deliver a batch; answers with the deliveries that have to come again."""
    _, failures = each(deliveries, lambda delivery: deliver_outcome(delivery.message), has_time=has_time)
    deliver_outcome.tally.log()
    return failures


def wake(milliseconds: Callable[[], int]) -> int:
    """Deal with what is due while so many milliseconds are left, the answers first; returns how much that was."""

    def may_answer() -> bool:
        return milliseconds() > TIME_TO_FINISH_MS + TIME_FOR_EMAILS_MS and not deliver_outcome.has_to_wait

    def answer(item: PendingItem) -> None:
        deliver_outcome.again(read_outcome(item.message))

    now_ms = clock_ms()
    woken = 0
    if not deliver_outcome.has_to_wait:
        woken += wake_pending(
            pending, PendingKind.OUTCOME, answer, now_ms=now_ms, has_time=may_answer, most=MOST_ANSWERS
        )
    if pending_emails is not None:
        for kind, send in ((PendingKind.NOTICE, pending_emails.notice), (PendingKind.DIGEST, pending_emails.digest)):
            woken += wake_pending(
                pending, kind, send, now_ms=now_ms, has_time=lambda: milliseconds() > TIME_TO_FINISH_MS
            )
    deliver_outcome.tally.log()
    return woken


def keep_bot(function_name: str) -> None:
    """Refresh the bot's token in time, and tell if that does not work."""
    health = keep_signed_in()
    if health.is_signed_out:
        report_metric(function_name, "BotSignedOut", 1)
    if health.overdue_minutes:
        report_metric(function_name, "BotTokenOverdueMinutes", health.overdue_minutes)


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Deliver one batch of the Outcomes queue, or on schedule what is due in Pending; then keep the bot signed in."""

    def has_time() -> bool:
        return context.get_remaining_time_in_millis() > TIME_TO_FINISH_MS

    if "Records" in event:
        return consumer.process(event, lambda deliveries: deliver(deliveries, has_time))
    woken = wake(context.get_remaining_time_in_millis)
    keep_bot(context.function_name)
    return {"woken": woken}
