"""GET and POST /webhooks/x: X's challenge, and its deliveries on their way to the Posts queue."""

from typing import Any

import boto3

from hashcart.aws import CLIENT_CONFIG
from hashcart.domain.cart_hashtags import CartHashtags
from hashcart.domain.summons import Bot
from hashcart.observability import clock_ms, logger
from hashcart.secrets import Secret
from hashcart.settings import names, text
from hashcart.use_cases.receive_webhook import ReceiveWebhook

receive_webhook = ReceiveWebhook(
    secret=Secret(
        boto3.client("secretsmanager", config=CLIENT_CONFIG), text("X_WEBHOOK_SECRET_ARN"), clock_ms=clock_ms
    ),
    sqs=boto3.client("sqs", config=CLIENT_CONFIG),
    queue_url=text("POSTS_QUEUE_URL"),
    hashtags=CartHashtags(names("CART_HASHTAGS")),
    bot=Bot(text("BOT_USER_ID"), text("BOT_USERNAME")),
)


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer one request of API Gateway."""
    return receive_webhook(event).to_event()
