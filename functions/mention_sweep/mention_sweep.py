"""Each minute: mentions of the bot and replies with a cart hashtag, found at X itself → Posts queue; whether X still
delivers to the webhook; and X's subscriptions to what shoppers post, as they want them.
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
from hashcart.storage.account_links import AccountLinks
from hashcart.storage.checkpoints import Checkpoints
from hashcart.storage.post_events import PostEvents
from hashcart.use_cases.heal_webhooks import HealWebhooks
from hashcart.use_cases.keep_subscriptions import KeepSubscriptions
from hashcart.use_cases.sweep_posts import Source, SweepPosts
from hashcart.use_cases.x_budget import XBudget

# Longer than a call of X and the sending of a page may take.
TIME_TO_FINISH_MS = 20_000
# The sweep leaves this time to the subscriptions, of which each step is one call.
TIME_TO_FINISH_A_CALL_MS = 8_000

bot = Bot(text("BOT_USER_ID"), text("BOT_USERNAME"))
api = XApi(HttpClient(), base_url("X_API_BASE_URL"), clock_ms)


def open_sources() -> list[Source]:
    """What this deployment sweeps."""
    query = replies_with(names("CART_HASHTAGS")) if flag("SWEEP_SEARCH") else None
    sources = [Source("mentions", partial(api.mentions, bot.user_id))] if flag("SWEEP_MENTIONS") else []
    return sources + ([Source("search", partial(api.search_recent, query))] if query else [])


dynamodb = boto3.client("dynamodb", config=CLIENT_CONFIG)
checkpoints = Checkpoints(dynamodb, text("CHECKPOINTS_TABLE"))
app_secret = Secret(boto3.client("secretsmanager", config=CLIENT_CONFIG), text("X_APP_SECRET_ARN"), clock_ms=clock_ms)
budget = XBudget(checkpoints, whole_number("X_DAILY_BUDGET") * DOLLAR, clock_ms)
keep_subscriptions = KeepSubscriptions(
    api=api,
    wishes=PostEvents(dynamodb, text("ACCOUNT_LINKS_TABLE")),
    links=AccountLinks(dynamodb, text("ACCOUNT_LINKS_TABLE")),
    leases=checkpoints,
    app_secret=app_secret,
    budget=budget,
    bot=bot,
    is_on=flag("X_SUBSCRIPTIONS"),
    limit=whole_number("X_SUBSCRIPTION_LIMIT"),
    clock_ms=clock_ms,
)
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
    """Keep webhook and subscriptions in order, pass on what was missed, and tell what the day has cost so far."""

    def has(time_ms: int) -> bool:
        return context.get_remaining_time_in_millis() > time_ms

    heal_webhooks()
    passed_on = sweep_posts(lambda: has(TIME_TO_FINISH_MS))
    usage = keep_subscriptions(lambda: has(TIME_TO_FINISH_A_CALL_MS))
    if usage is not None:
        report_metric(context.function_name, "Subscriptions", usage.used)
        report_metric(context.function_name, "SubscriptionsUsedPercent", usage.percent)
    spending = checkpoints.spending(day_of(clock_ms()))
    report_metric(context.function_name, "XBudgetUsedPercent", spending.percent_of(budget.daily))
    tally = Tally()
    for purpose, spent in spending.by_purpose.items():
        tally.count(f"XMicroDollars.{purpose}", spent.money)
    tally.log()
    return {"passed_on": passed_on}
