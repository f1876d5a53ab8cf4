"""Each alarm rings in trouble: its metric is moved by what the code does, or by what AWS says of the stack's resources,
and crosses the threshold. On a normal day it is quiet.

A new alarm needs a scenario in `SCENARIOS`: what happens in one of its periods on a normal day, and in trouble.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from urllib3.exceptions import ProtocolError

from hashcart.domain.account_links import AccountLink
from hashcart.domain.bot_tokens import BotToken
from hashcart.domain.outcomes import Code, Outcome
from hashcart.domain.product_links import ProductReference
from hashcart.domain.x_spending import Purpose, day_of
from hashcart.messages.cart_requests import AddRequested
from hashcart.messages.outcomes import OutcomeReached
from hashcart.messages.posts import to_json
from hashcart.observability import clock_ms
from hashcart.storage.bot_tokens import BotTokens
from hashcart.storage.carts import Carts
from hashcart.storage.checkpoints import Checkpoints
from hashcart.storage.pending import Pending, PendingItem, PendingKind
from hashcart.use_cases.deliver_outcomes import REPLY_DEADLINE_MS
from hashcart.use_cases.synchronise_cart import STUCK_AFTER_FAILURES
from tests.fakes.account_links import tie
from tests.fakes.aws import Aws, aws_account, resources_of_type
from tests.fakes.clock import post_id, stopped_before_the_day_ends
from tests.fakes.cloudwatch import ALARM, INSUFFICIENT_DATA, LOOKS_BACK_FURTHER, OK, state
from tests.fakes.handlers import STORE, X_API, sqs_event
from tests.fakes.internet import Request
from tests.fakes.watched import FUNCTIONS, Watched, aws_datum, metric_of
from tests.functional.test_stores_in_cart_insertion import OSCAR_MUG

ALARMS = resources_of_type("AWS::CloudWatch::Alarm")
type Step = Callable[[Watched], None]

MENTIONS, SEARCH = f"GET {X_API}/2/users/900/mentions", f"GET {X_API}/2/tweets/search/recent"
WEBHOOKS = f"GET {X_API}/2/webhooks"
NOTHING = (200, {"meta": {"result_count": 0}})
WEBHOOK = {"id": "77", "url": "https://x", "valid": True}
MUG, LAMP = (ProductReference("store.localhost", name) for name in ("mug", "lamp"))
PRODUCT = {
    "id": "mug",
    "title": "Mug",
    "price": {"amount": "1.00", "currency": "USD"},
    "marketplaces": [MUG.marketplace],
}
SETTINGS = ("POSTS_QUEUE_URL", "CART_REQUESTS_QUEUE_URL", "ACCOUNT_LINKS_TABLE", "ACTIVITY_TABLE", "SESSIONS_TABLE")
NOT_DEPLOYED_RIGHT = dict.fromkeys(SETTINGS, "")


@dataclass(frozen=True)
class Scenario:
    """What happens in one period of an alarm: on a normal day, and in trouble."""

    normal: Step
    trouble: Step


@pytest.fixture
def aws() -> Iterator[Aws]:
    with aws_account() as account:
        link = AccountLink("shopper-1", "222", "ada", MUG.marketplace, "US", "en", 0, "1", public_replies=True)
        tie(account.dynamodb, replace(link, consented_at_ms=clock_ms() - 86_400_000))
        BotTokens(account.dynamodb, "BotTokensTable").save(BotToken("access", "refresh", clock_ms() + 7_200_000))
        yield account


@pytest.fixture
def watched(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    with Watched(aws, monkeypatch) as watched:
        internet = watched.internet
        for source in (MENTIONS, SEARCH):
            internet.answer(source, NOTHING)
        internet.answer(WEBHOOKS, (200, {"data": [WEBHOOK]}))
        internet.answer(f"GET {STORE}/api/products/mug", (200, PRODUCT))
        internet.answer(f"POST {X_API}/2/tweets", (201, {"data": {"id": "2092000000000000009", "text": "…"}}))
        yield watched


def nothing(_: Watched) -> None:
    """A period without anything."""


def now_id(ms_ago: int = 1000, sequence: int = 0) -> str:
    return post_id(ms_ago, sequence, clock_ms())


def a_request(sequence: int = 0, product: ProductReference | None = MUG) -> AddRequested:
    own_id = now_id(sequence=sequence)
    return AddRequested(own_id, own_id, "222", parent_id="77", product=product)


# ---------------------------------------------------------------- what AWS says of each function, queue and route


def runs(function: str) -> Step:
    return lambda watched: void(watched.run(function))


def fails(function: str) -> Step:
    def step(watched: Watched) -> None:
        watched.redeploy(**NOT_DEPLOYED_RIGHT)
        watched.run(function)

    return step


def is_throttled(function: str) -> Step:
    return lambda watched: watched.data.append(aws_datum("AWS/Lambda", "Throttles", function, 1))


def gets_a_malformed_message(function: str) -> Step:
    def step(watched: Watched) -> None:
        watched.run(function, watched.event(f"{function}__malformed"))
        watched.queues()

    return step


def waits(queue: str, seconds: int) -> Step:
    def step(watched: Watched) -> None:
        watched.aws.sqs.send_message(QueueUrl=watched.aws.queue_urls[queue], MessageBody="{}")
        watched.queues(oldest_seconds=seconds)

    return step


def void(_: object) -> None:
    """For steps whose result does not matter."""


CONSUMERS = {
    "Posts": "hashtag_parsing",
    "CartRequests": "cart_insertion",
    "Outcomes": "outcome_delivery",
    "EmailFeedback": "email_feedback",
}
OF_FUNCTIONS = {
    logical_id.removesuffix("Function") + kind: Scenario(runs(name), trouble)
    for name, logical_id in FUNCTIONS.items()
    for kind, trouble in (("ErrorsAlarm", fails(name)), ("ThrottlesAlarm", is_throttled(name)))
}
OF_QUEUES = {
    f"{name}DeadLetterQueueDepthAlarm": Scenario(Watched.queues, gets_a_malformed_message(consumer))
    for name, consumer in CONSUMERS.items()
} | {f"{name}QueueAgeAlarm": Scenario(waits(f"{name}Queue", 20), waits(f"{name}Queue", 400)) for name in CONSUMERS}


# ---------------------------------------------------------------- the webhook


def is_challenged(watched: Watched) -> None:
    assert watched.request("webhook_intake", watched.event("webhook_intake__challenge")) == 200


def gets_strangers_requests(times: int) -> Step:
    def step(watched: Watched) -> None:
        is_challenged(watched)
        for _ in range(times):
            assert watched.request("webhook_intake", watched.event("webhook_intake__forged")) == 401

    return step


def has_no_secret(watched: Watched) -> None:
    watched.aws.put_secret(watched.bundle.webhook_secret_arn, {})
    watched.bundle.restart()
    assert watched.request("webhook_intake", watched.event("webhook_intake__challenge")) == 503


def sweeps(watched: Watched) -> None:
    watched.bundle.restart()
    for lease in ("lease#webhook_check", "lease#sweep"):
        watched.aws.dynamodb.delete_item(TableName="CheckpointsTable", Key={"name": {"S": lease}})
    watched.run("mention_sweep")


def x_disabled_the_webhook(*, enables: bool) -> Step:
    def step(watched: Watched) -> None:
        disabled = {**WEBHOOK, "valid": False}
        watched.internet.answer(f"PUT {X_API}/2/webhooks/77", (200, {"data": {"attempted": True}}))
        watched.internet.answer(f"POST {X_API}/2/webhooks/replay", (200, {"job_id": "1"}))
        for _ in range(3):
            watched.internet.answer(
                WEBHOOKS, (200, {"data": [disabled]}), (200, {"data": [WEBHOOK if enables else disabled]})
            )
            sweeps(watched)

    return step


def x_is_down(times: int) -> Step:
    def step(watched: Watched) -> None:
        for _ in range(times):
            watched.internet.answer(MENTIONS, (503, {}))
            sweeps(watched)

    return step


def the_budget_is_used_up(watched: Watched) -> None:
    older, now_ms = itertools.count(1000), clock_ms()

    def page(_: Request) -> tuple[int, object]:
        posts = [
            {"id": post_id(next(older), now_ms=now_ms), "author_id": "5", "text": "#AmazonCart"} for _ in range(100)
        ]
        return 200, {"data": posts, "meta": {"result_count": 100, "next_token": "n"}}

    watched.redeploy(X_DAILY_BUDGET="3")
    watched.internet.routes[MENTIONS] = page
    sweeps(watched)


def x_has_subscriptions(used: int, limit: int) -> Step:
    def step(watched: Watched) -> None:
        watched.redeploy(X_SUBSCRIPTIONS="true", X_SUBSCRIPTION_LIMIT=str(limit))
        of_the_bot = {"event_type": "post.mention.create", "filter": {"user_id": "900"}, "webhook_id": "77"}
        listed = [{**of_the_bot, "subscription_id": str(number + 1)} for number in range(used)]
        watched.internet.answer(f"GET {X_API}/2/activity/subscriptions", (200, {"data": listed, "meta": {}}))
        for lease in ("lease#subscriptions", "lease#subscriptions_check"):
            watched.aws.dynamodb.delete_item(TableName="CheckpointsTable", Key={"name": {"S": lease}})
        sweeps(watched)

    return step


# ---------------------------------------------------------------- what waits


def requests_are_made(times: int) -> Step:
    def step(watched: Watched) -> None:
        for number in range(times):
            watched.run("cart_insertion", sqs_event(to_json(a_request(number)), receives=5))

    return step


def the_store_is_down(times: int) -> Step:
    def step(watched: Watched) -> None:
        watched.internet.answer(f"GET {STORE}/api/products/lamp", ProtocolError("cut off"))
        bodies = [to_json(a_request(number, LAMP)) for number in range(times)]
        for start in range(0, times, 10):
            watched.run("cart_insertion", sqs_event(*bodies[start : start + 10], receives=5))

    return step


def an_outcome(ms_ago: int, sequence: int = 0) -> OutcomeReached:
    own_id = now_id(ms_ago, sequence)
    return OutcomeReached(own_id, own_id, "222", "shopper-1", Outcome(Code.ADDED, int(own_id)), summoned=True)


def answers(times: int, ms_ago: int) -> Step:
    def step(watched: Watched) -> None:
        outcomes = (an_outcome(ms_ago, number) for number in range(times))
        watched.run("outcome_delivery", sqs_event(*(to_json(outcome) for outcome in outcomes)))

    return step


def the_tokens(refresh: tuple[int, object], *, ended_minutes: int) -> Step:
    """The bot's token has ended, and X answers so to the refresh; then an answer is due, and the next minute comes."""

    def step(watched: Watched) -> None:
        ended = BotToken("ended", "refresh", clock_ms() - ended_minutes * 60_000)
        BotTokens(watched.aws.dynamodb, "BotTokensTable").save(ended)
        watched.internet.answer(f"POST {X_API}/2/oauth2/token", refresh)
        watched.redeploy()
        watched.run("outcome_delivery", watched.event("outcome_delivery__schedule"))

    return step


def answers_beyond_the_budget(watched: Watched) -> None:
    checkpoints = Checkpoints(watched.aws.dynamodb, "CheckpointsTable")
    with stopped_before_the_day_ends():
        checkpoints.spend(day_of(clock_ms()), Purpose.PARENTS, 10_000)
        answers(1, 1000)(watched)


def is_due(function: str, kind: PendingKind, message: str, seconds: int) -> Step:
    def step(watched: Watched) -> None:
        due_ms = clock_ms() - seconds * 1000
        Pending(watched.aws.dynamodb, "PendingTable").put(PendingItem(kind, f"{seconds}", due_ms, message))
        watched.run(function, watched.event(f"{function}__schedule") if function == "outcome_delivery" else None)

    return step


def the_shop_confirms(*, failures: int) -> Step:
    def step(watched: Watched) -> None:
        api = "http://shop.test/api/hashcart"
        watched.redeploy(
            STORE="oscar",
            STORE_HOSTS="shop.example",
            STORE_BASE_URL="http://shop.test",
            STORE_SITE_URL="https://shop.example",
            STORE_API_SECRET_ARN=watched.aws.create_secret(f"shop-{now_id()}", {"key": "service-key"}),
        )
        link = AccountLink("shopper-3", "444", "cy", "shop.example", "US", "en", clock_ms() - 60_000, "1")
        tie(watched.aws.dynamodb, link)
        watched.internet.answer(f"GET {api}/products/11/", (200, OSCAR_MUG))
        watched.internet.answer(f"GET {api}/basket/", ProtocolError("cut off"))
        asked = replace(a_request(product=ProductReference("shop.example", "11")), author_id="444")
        watched.run("cart_insertion", sqs_event(to_json(asked)))
        carts = Carts(watched.aws.dynamodb, "CartsTable")
        [line] = carts.lines("shopper-3")
        for _ in range(failures):
            carts.postpone("shopper-3", line.line_id, due_ms=clock_ms())
        watched.run("cart_reconciliation")

    return step


SCENARIOS: dict[str, Scenario] = {
    **OF_FUNCTIONS,
    **OF_QUEUES,
    "HttpApiServerErrorsAlarm": Scenario(is_challenged, has_no_secret),
    "WebhookRefusedAlarm": Scenario(gets_strangers_requests(2), gets_strangers_requests(11)),
    "WebhookFailedAlarm": Scenario(is_challenged, has_no_secret),
    "WebhookSilentAlarm": Scenario(is_challenged, nothing),
    "WebhookDisabledAlarm": Scenario(sweeps, x_disabled_the_webhook(enables=True)),
    "WebhookStaysDisabledAlarm": Scenario(x_disabled_the_webhook(enables=True), x_disabled_the_webhook(enables=False)),
    "SweepInterruptedAlarm": Scenario(x_is_down(2), x_is_down(15)),
    "SweepOverBudgetAlarm": Scenario(sweeps, the_budget_is_used_up),
    "XBudgetLowAlarm": Scenario(sweeps, the_budget_is_used_up),
    "SubscriptionsNearLimitAlarm": Scenario(x_has_subscriptions(7, 10), x_has_subscriptions(8, 10)),
    "BotSignedOutAlarm": Scenario(
        the_tokens((503, {}), ended_minutes=1), the_tokens((400, {"error": "invalid_request"}), ended_minutes=1)
    ),
    "BotTokenOverdueAlarm": Scenario(the_tokens((503, {}), ended_minutes=1), the_tokens((503, {}), ended_minutes=62)),
    "RepliesOverBudgetAlarm": Scenario(answers(1, 1000), answers_beyond_the_budget),
    "CartInsertionPostponedAlarm": Scenario(requests_are_made(3), the_store_is_down(21)),
    "OutcomeDeliveryStaleRepliesAlarm": Scenario(answers(8, 1000), answers(8, REPLY_DEADLINE_MS + 60_000)),
    "OutcomeDeliveryPendingAlarm": Scenario(
        is_due("outcome_delivery", PendingKind.OUTCOME, to_json(an_outcome(1000)), 60),
        is_due("outcome_delivery", PendingKind.OUTCOME, "{}", 1200),
    ),
    "CartReconciliationPendingAlarm": Scenario(
        is_due("cart_reconciliation", PendingKind.CART_REQUEST, to_json(a_request()), 60),
        is_due("cart_reconciliation", PendingKind.ERASURE, "{}", 1200),
    ),
    "CartReconciliationStuckLinesAlarm": Scenario(
        the_shop_confirms(failures=0), the_shop_confirms(failures=STUCK_AFTER_FAILURES)
    ),
}


def test_every_alarm_has_a_scenario() -> None:
    assert sorted(set(ALARMS) - set(SCENARIOS)) == [], "add to SCENARIOS what makes the alarm's metric move"
    assert sorted(set(SCENARIOS) - set(ALARMS)) == [], "these alarms are not in template.yaml any more"


def after(watched: Watched, alarm: dict[str, Any], step: Step, before: list[list[float]]) -> list[list[float]]:
    """The alarm's periods once a step has happened in as many as are evaluated, or looked back upon."""
    periods = list(before)
    looked_at = int(alarm["EvaluationPeriods"]) + (LOOKS_BACK_FURTHER if alarm["TreatMissingData"] == "missing" else 0)
    for _ in range(looked_at):
        step(watched)
        periods.append(watched.values(metric_of(alarm)))
    return periods


def rings(alarm: dict[str, Any], before: str, now: str) -> bool:
    """Whether somebody is told of a change of the alarm's state."""
    actions = {ALARM: "AlarmActions", INSUFFICIENT_DATA: "InsufficientDataActions"}
    return now != before and now in actions and actions[now] in alarm


@pytest.mark.parametrize("name", sorted(set(SCENARIOS) & set(ALARMS)))
def test_an_alarm_rings_in_trouble_and_is_quiet_on_a_normal_day(watched: Watched, name: str) -> None:
    alarm, scenario = ALARMS[name], SCENARIOS[name]
    fresh = state(alarm, [])
    assert fresh != ALARM, "it rings on a stack that was deployed a minute ago"
    normal_days = after(watched, alarm, scenario.normal, [])
    normal = state(alarm, normal_days)
    assert normal == OK, f"it is not quiet on a normal day: {normal_days}"
    troubled_days = after(watched, alarm, scenario.trouble, normal_days)
    assert rings(alarm, normal, state(alarm, troubled_days)), (
        f"it does not ring: {metric_of(alarm)} had {troubled_days}. "
        "Are namespace, metric and dimensions those of the log line, and is the line logged at level ERROR?"
    )
