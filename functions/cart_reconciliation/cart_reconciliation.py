"""On schedule: cart requests that the store could not take go back to the Cart requests queue when they are due."""

from typing import Any

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext

from hashcart.aws import CLIENT_CONFIG
from hashcart.observability import clock_ms, logger
from hashcart.queues import send_or_raise
from hashcart.settings import text
from hashcart.storage.pending import Pending, PendingItem, PendingKind
from hashcart.use_cases.wake_pending import wake_pending

TIME_TO_FINISH_MS = 5_000

sqs = boto3.client("sqs", config=CLIENT_CONFIG)
pending = Pending(boto3.client("dynamodb", config=CLIENT_CONFIG), text("PENDING_TABLE"))
cart_requests_queue_url = text("CART_REQUESTS_QUEUE_URL")


def request_again(item: PendingItem) -> None:
    """Put a cart request back into its queue."""
    send_or_raise(sqs, cart_requests_queue_url, item.message)


@logger.inject_lambda_context
def lambda_handler(_event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Request again what is due."""
    woken = wake_pending(
        pending,
        PendingKind.CART_REQUEST,
        request_again,
        now_ms=clock_ms(),
        has_time=lambda: context.get_remaining_time_in_millis() > TIME_TO_FINISH_MS,
    )
    return {"woken": woken}
