"""Outcomes queue → activity and public answers; each minute also the answers that had to wait."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import TypeAdapter

from hashcart.aws import CLIENT_CONFIG
from hashcart.consumers import Consumer, Delivery, each
from hashcart.http import HttpClient
from hashcart.messages.outcomes import OutcomeReached
from hashcart.observability import clock_ms, logger
from hashcart.secrets import Secret
from hashcart.settings import base_url, flag, text
from hashcart.social.x.bot_session import BotSession
from hashcart.social.x.client import XApi
from hashcart.storage.account_links import AccountLinks
from hashcart.storage.activity import Activity
from hashcart.storage.bot_tokens import BotTokens
from hashcart.storage.pending import Pending, PendingKind
from hashcart.use_cases.deliver_outcomes import DeliverOutcomes
from hashcart.use_cases.wake_pending import wake_pending

TIME_TO_FINISH_MS = 15_000

sqs = boto3.client("sqs", config=CLIENT_CONFIG)
dynamodb = boto3.client("dynamodb", config=CLIENT_CONFIG)
secrets = boto3.client("secretsmanager", config=CLIENT_CONFIG)

api = XApi(HttpClient(), base_url("X_API_BASE_URL"), clock_ms)
pending = Pending(dynamodb, text("PENDING_TABLE"))
deliver_outcome = DeliverOutcomes(
    outcomes=Activity(dynamodb, text("ACTIVITY_TABLE")),
    links=AccountLinks(dynamodb, text("ACCOUNT_LINKS_TABLE")),
    api=api,
    session=BotSession(
        api,
        BotTokens(dynamodb, text("BOT_TOKENS_TABLE")),
        Secret(secrets, text("X_BOT_CLIENT_SECRET_ARN"), clock_ms=clock_ms),
        clock_ms=clock_ms,
    ),
    pending=pending,
    bot_user_id=text("BOT_USER_ID"),
    reply_to_strangers=flag("REPLY_TO_STRANGERS"),
    clock_ms=clock_ms,
)
message_type: TypeAdapter[OutcomeReached] = TypeAdapter(OutcomeReached)
consumer: Consumer[OutcomeReached] = Consumer(
    message_type,
    sqs,
    source_queue_url=text("SOURCE_QUEUE_URL"),
    dead_letter_queue_url=text("DEAD_LETTER_QUEUE_URL"),
)


def deliver(deliveries: Sequence[Delivery[OutcomeReached]], has_time: Callable[[], bool]) -> Mapping[str, Exception]:
    """Deliver a batch; answers with the deliveries that have to come again."""
    _, failures = each(deliveries, lambda delivery: deliver_outcome(delivery.message), has_time=has_time)
    return failures


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Deliver one batch of the Outcomes queue, or on schedule what is due in Pending."""

    def has_time() -> bool:
        return context.get_remaining_time_in_millis() > TIME_TO_FINISH_MS

    if "Records" in event:
        return consumer.process(event, lambda deliveries: deliver(deliveries, has_time))
    woken = wake_pending(
        pending,
        PendingKind.OUTCOME,
        lambda item: deliver_outcome(message_type.validate_json(item.message)),
        now_ms=clock_ms(),
        has_time=has_time,
    )
    return {"woken": woken}
