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
from hashcart.domain.x_prices import DOLLAR
from hashcart.domain.x_spending import day_of
from hashcart.http import HttpClient
from hashcart.observability import Tally, clock_ms, logger, report_metric
from hashcart.secrets import Secret
from hashcart.settings import base_url, flag, names, text, whole_number
from hashcart.social.x.client import XApi
from hashcart.social.x.search_queries import replies_with
from hashcart.storage.checkpoints import Checkpoints
from hashcart.use_cases.heal_webhooks import HealWebhooks
from hashcart.use_cases.sweep_posts import Source, SweepPosts
from hashcart.use_cases.x_budget import XBudget

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
budget = XBudget(checkpoints, whole_number("X_DAILY_BUDGET") * DOLLAR, clock_ms)
heal_webhooks = HealWebhooks(api, checkpoints, app_secret, clock_ms)
sweep_posts = SweepPosts(
    sources=open_sources(),
    positions=checkpoints,
    app_secret=app_secret,
    sqs=boto3.client("sqs", config=CLIENT_CONFIG),
    queue_url=text("POSTS_QUEUE_URL"),
    hashtags=CartHashtags(names("CART_HASHTAGS")),
    bot=bot,
    budget=budget,
    clock_ms=clock_ms,
)


@logger.inject_lambda_context
def lambda_handler(_event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Keep the webhook alive, pass on what it may have missed, and tell what the day has cost so far."""
    heal_webhooks()
    passed_on = sweep_posts(lambda: context.get_remaining_time_in_millis() > TIME_TO_FINISH_MS)
    spending = checkpoints.spending(day_of(clock_ms()))
    report_metric(context.function_name, "XBudgetUsedPercent", spending.percent_of(budget.daily))
    tally = Tally()
    for purpose, spent in spending.by_purpose.items():
        tally.count(f"XMicroDollars.{purpose}", spent.money)
    tally.log()
    return {"passed_on": passed_on}
