"""Each minute: mentions of the bot and replies with a cart hashtag, found at X itself → Posts queue; and every five
minutes whether X still delivers to the webhook.
"""

from functools import partial
from typing import Any

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext

from hashcart.aws import CLIENT_CONFIG
from hashcart.domain.cart_hashtags import CartHashtags
from hashcart.domain.summons import Bot
from hashcart.http import HttpClient
from hashcart.observability import clock_ms, logger
from hashcart.secrets import Secret
from hashcart.settings import base_url, flag, names, text, whole_number
from hashcart.social.x.client import XApi
from hashcart.social.x.search_queries import replies_with
from hashcart.storage.checkpoints import Checkpoints
from hashcart.use_cases.heal_webhooks import HealWebhooks
from hashcart.use_cases.sweep_posts import Source, SweepPosts

# Longer than a call of X and the sending of a page may take.
TIME_TO_FINISH_MS = 20_000

bot = Bot(text("BOT_USER_ID"), text("BOT_USERNAME"))
api = XApi(HttpClient(), base_url("X_API_BASE_URL"), clock_ms)


def open_sources() -> list[Source]:
    """What this deployment sweeps."""
    query = replies_with(names("CART_HASHTAGS")) if flag("SWEEP_SEARCH") else None
    sources = [Source("mentions", partial(api.mentions, bot.user_id))] if flag("SWEEP_MENTIONS") else []
    return sources + ([Source("search", partial(api.search_recent, query))] if query else [])


checkpoints = Checkpoints(boto3.client("dynamodb", config=CLIENT_CONFIG), text("CHECKPOINTS_TABLE"))
app_secret = Secret(boto3.client("secretsmanager", config=CLIENT_CONFIG), text("X_APP_SECRET_ARN"), clock_ms=clock_ms)
heal_webhooks = HealWebhooks(api, checkpoints, app_secret, clock_ms)
sweep_posts = SweepPosts(
    sources=open_sources(),
    positions=checkpoints,
    app_secret=app_secret,
    sqs=boto3.client("sqs", config=CLIENT_CONFIG),
    queue_url=text("POSTS_QUEUE_URL"),
    hashtags=CartHashtags(names("CART_HASHTAGS")),
    bot=bot,
    daily_posts=whole_number("SWEEP_DAILY_POSTS"),
    clock_ms=clock_ms,
)


@logger.inject_lambda_context
def lambda_handler(_event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Keep the webhook alive, and pass on what it may have missed."""
    heal_webhooks()
    return {"passed_on": sweep_posts(lambda: context.get_remaining_time_in_millis() > TIME_TO_FINISH_MS)}
