"""Posts queue → Cart requests queue: hashtag, quantity and product link."""

from collections.abc import Mapping, Sequence
from typing import Any

import boto3

from hashcart.aws import CLIENT_CONFIG, late_client
from hashcart.consumers import Consumer, Delivery, forward
from hashcart.domain.cart_hashtags import CartHashtags
from hashcart.domain.product_links import StoreLinks
from hashcart.domain.summons import Bot
from hashcart.http import HttpClient
from hashcart.messages.cart_requests import ToParse, read_to_parse
from hashcart.messages.posts import to_json
from hashcart.observability import clock_ms, logger
from hashcart.public_web import PublicWeb
from hashcart.secrets import Secret
from hashcart.settings import base_url, names, text
from hashcart.short_links import ShortLinks
from hashcart.social.x.client import XApi
from hashcart.storage.checkpoints import Checkpoints
from hashcart.storage.leased_cache import LeasedCache
from hashcart.use_cases.parents import Parents
from hashcart.use_cases.parse_posts import ParsePosts
from hashcart.use_cases.unwind_links import UnwindLinks
from hashcart.use_cases.x_budget import XMeter

sqs = boto3.client("sqs", config=CLIENT_CONFIG)
dynamodb = boto3.client("dynamodb", config=CLIENT_CONFIG)
secrets = late_client("secretsmanager")

cart_requests_queue_url = text("CART_REQUESTS_QUEUE_URL")
bot = Bot(text("BOT_USER_ID"), text("BOT_USERNAME"))
store = StoreLinks.of(text("STORE"), names("STORE_HOSTS"), names("SHORT_LINK_HOSTS"))
cache = LeasedCache(dynamodb, text("POST_PRODUCTS_TABLE"), "post_id", clock_ms=clock_ms)
unwind = UnwindLinks(ShortLinks(PublicWeb(), store), cache, store)
parents = Parents(
    lookup=XApi(HttpClient(), base_url("X_API_BASE_URL"), clock_ms),
    app_secret=Secret(secrets, text("X_APP_SECRET_ARN"), clock_ms=clock_ms),
    cache=cache,
    store=store,
    bot=bot,
    unwind=unwind,
    meter=XMeter(Checkpoints(dynamodb, text("CHECKPOINTS_TABLE")), clock_ms),
)
parse_posts = ParsePosts(CartHashtags(names("CART_HASHTAGS")), bot, store, parents.of, unwind, parents.remember)
consumer: Consumer[ToParse] = Consumer(
    read_to_parse,
    sqs,
    source_queue_url=text("SOURCE_QUEUE_URL"),
    dead_letter_queue_url=text("DEAD_LETTER_QUEUE_URL"),
    # Five receives over 20 minutes outlast X's window of 15; the text of a post may wait nowhere but in the queue.
    retry_factor=8,
)


def parse_and_forward(deliveries: Sequence[Delivery[ToParse]]) -> Mapping[str, Exception]:
    """Send on what the posts ask for; answers with the deliveries that have to come again."""
    parsed = parse_posts(deliveries)
    bodies = {delivery_id: [to_json(request) for request in own] for delivery_id, own in parsed.requests.items()}
    return {**parsed.failures, **forward(sqs, cart_requests_queue_url, bodies)}


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, list[dict[str, str]]]:
    """Read one batch of the Posts queue."""
    return consumer.process(event, parse_and_forward)
