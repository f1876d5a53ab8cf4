"""Email feedback queue → e-mail paused for addresses that do not work and for those who complain."""

from typing import Any

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext

from hashcart.aws import CLIENT_CONFIG, late_client
from hashcart.consumers import Consumer, each
from hashcart.messages.email_feedback import EmailEvent, read_email_event
from hashcart.observability import logger
from hashcart.settings import text
from hashcart.storage.recipients import Recipients
from hashcart.use_cases.pause_emails import PauseEmails

TIME_TO_FINISH_MS = 5_000

# What SES publishes once, as plain text, when the topic is set up.
GREETING = "Successfully validated SNS topic"

sqs = late_client("sqs")
dynamodb = boto3.client("dynamodb", config=CLIENT_CONFIG)

pause_emails = PauseEmails(Recipients(dynamodb, text("ACCOUNT_LINKS_TABLE")))
consumer: Consumer[EmailEvent] = Consumer(
    read_email_event,
    sqs,
    source_queue_url=text("SOURCE_QUEUE_URL"),
    dead_letter_queue_url=text("DEAD_LETTER_QUEUE_URL"),
)


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take one batch of SES's events."""

    def has_time() -> bool:
        return context.get_remaining_time_in_millis() > TIME_TO_FINISH_MS

    records = [record for record in event["Records"] if not record["body"].startswith(GREETING)]
    return consumer.process(
        {"Records": records},
        lambda deliveries: each(deliveries, lambda delivery: pause_emails(delivery.message), has_time=has_time)[1],
    )
