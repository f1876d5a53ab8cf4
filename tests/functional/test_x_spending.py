"""What the handlers count, reserve and report of X's costs and of the bot's tokens, against moto and X's API."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from hashcart.domain.bot_tokens import BotToken
from hashcart.domain.posts import order_key
from hashcart.domain.x_prices import DOLLAR
from hashcart.domain.x_spending import Purpose, Spent, day_of
from hashcart.observability import clock_ms
from hashcart.storage.activity import Activity
from hashcart.storage.bot_tokens import BotTokens
from hashcart.storage.checkpoints import Checkpoints
from hashcart.storage.pending import Pending, PendingKind
from local.events import EVENTS, fresh_event
from tests.fakes.account_links import account_of_ada
from tests.fakes.aws import Aws
from tests.fakes.clock import post_id, stopped_before_the_day_ends
from tests.fakes.handlers import X_API, Bundle, Context, sqs_event
from tests.fakes.internet import Internet

REPLIES, REFRESH = f"POST {X_API}/2/tweets", f"POST {X_API}/2/oauth2/token"
DAILY = 50 * DOLLAR


@pytest.fixture
def aws() -> Iterator[Aws]:
    with account_of_ada() as account:
        yield account


@pytest.fixture
def internet() -> Internet:
    internet = Internet()
    internet.answer(REPLIES, (201, {"data": {"id": "2092000000000000009", "text": "…"}}))
    internet.answer(f"GET {X_API}/2/webhooks", (200, {"data": []}))
    for path in ("users/900/mentions", "tweets/search/recent"):
        internet.answer(f"GET {X_API}/2/{path}", (200, {"meta": {"result_count": 0}}))
    return internet


@pytest.fixture
def bundle(aws: Aws, internet: Internet, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    return Bundle(aws, internet, monkeypatch)


def fresh(name: str) -> dict[str, Any]:
    return fresh_event(EVENTS / f"{name}.json", clock_ms())


def spent(aws: Aws) -> dict[Purpose, Spent]:
    return dict(Checkpoints(aws.dynamodb, "CheckpointsTable").spending(day_of(clock_ms())).by_purpose)


def spend(aws: Aws, units: int) -> None:
    """Let parent posts have cost the day's budget so far."""
    Checkpoints(aws.dynamodb, "CheckpointsTable").spend(day_of(clock_ms()), Purpose.PARENTS, units)


def metrics(caplog: pytest.LogCaptureFixture) -> dict[str, int]:
    """What was reported to alarms since the last time, by metric."""
    reported = [vars(record) for record in caplog.records if hasattr(record, "_aws") and record.levelname == "ERROR"]
    caplog.clear()
    names = [line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"] for line in reported]
    return {name: line[name] for name, line in zip(names, reported, strict=True)}


def outcome_event() -> tuple[dict[str, Any], str]:
    """An outcome that the shopper is to be told in public, and the id of its post."""
    event = fresh("outcome_delivery__good")
    return event, json.loads(event["Records"][0]["body"])["post_id"]


def waiting(aws: Aws) -> int:
    later_ms = clock_ms() + 3_600_000
    return len(list(Pending(aws.dynamodb, "PendingTable").due(PendingKind.OUTCOME, later_ms, 10)))


def test_ten_replies_to_one_post_cost_one_lookup(aws: Aws, internet: Internet, bundle: Bundle) -> None:
    record = json.loads(fresh("hashtag_parsing__parent_not_included")["Records"][0]["body"])
    parent_id = record["post"]["replied_to_id"]
    parent = {"id": parent_id, "author_id": "111", "text": "mug"}
    internet.answer(f"GET {X_API}/2/tweets", (200, {"data": [parent]}))
    bodies = []
    for number in range(10):
        own = post_id(1000, number, clock_ms())
        bodies.append(json.dumps({**record, "post": {**record["post"], "id": own, "first_id": own}}))
    bundle.invoke("hashtag_parsing", sqs_event(*bodies))
    assert spent(aws) == {Purpose.PARENTS: Spent(1, 5_000)}


def test_carts_go_on_without_the_days_spending_and_beyond_the_budget(
    aws: Aws, internet: Internet, bundle: Bundle
) -> None:
    event = fresh("hashtag_parsing__parent_not_included")
    parent_id = json.loads(event["Records"][0]["body"])["post"]["replied_to_id"]
    internet.answer(f"GET {X_API}/2/tweets", (200, {"data": [{"id": parent_id, "author_id": "111", "text": "mug"}]}))
    spend(aws, 1_000_000)
    assert bundle.invoke("hashtag_parsing", event) == {"batchItemFailures": []}
    aws.dynamodb.delete_table(TableName="CheckpointsTable")
    aws.dynamodb.delete_item(TableName="PostProductsTable", Key={"post_id": {"S": parent_id}})
    bundle.restart()
    assert bundle.invoke("hashtag_parsing", event) == {"batchItemFailures": []}
    assert len(aws.received("CartRequestsQueue")) == 2


def test_the_budgets_use_is_told_each_minute(aws: Aws, bundle: Bundle, caplog: pytest.LogCaptureFixture) -> None:
    bundle.invoke("mention_sweep", fresh("mention_sweep__good"))
    assert metrics(caplog) == {"XBudgetUsedPercent": 0}
    spend(aws, 8_000)
    bundle.invoke("mention_sweep", fresh("mention_sweep__good"))
    assert metrics(caplog) == {"XBudgetUsedPercent": 80}


def test_sweeps_stop_at_ninety_percent(aws: Aws, internet: Internet, bundle: Bundle) -> None:
    spend(aws, 8_999)
    bundle.invoke("mention_sweep", fresh("mention_sweep__good"))
    assert [request.path for request in internet.requests] == ["/2/webhooks"]


def test_an_answer_is_paid_before_it_is_sent(aws: Aws, internet: Internet, bundle: Bundle) -> None:
    event, _ = outcome_event()
    for _ in range(2):
        assert bundle.invoke("outcome_delivery", event) == {"batchItemFailures": []}
    assert len(internet.requests) == 1
    assert spent(aws) == {Purpose.REPLIES: Spent(1, 10_000)}


def test_beyond_the_budget_the_outcome_is_kept_and_the_answer_counted(
    aws: Aws, internet: Internet, bundle: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    with stopped_before_the_day_ends():
        spend(aws, 10_000)
        event, post = outcome_event()
        bundle.invoke("outcome_delivery", event)
    assert (internet.requests, metrics(caplog)) == ([], {"RepliesOverBudget": 1})
    row = Activity(aws.dynamodb, "ActivityTable").row("shopper-ada_shops", order_key(post))
    assert row is not None
    assert row.outcome is not None


def test_without_checkpoints_answers_wait(aws: Aws, internet: Internet, bundle: Bundle) -> None:
    aws.dynamodb.delete_table(TableName="CheckpointsTable")
    event, _ = outcome_event()
    assert bundle.invoke("outcome_delivery", event) == {"batchItemFailures": []}
    assert (internet.requests, waiting(aws)) == ([], 1)


def test_when_the_tokens_are_lost_answers_wait_carts_go_on_and_an_alarm_rings(
    aws: Aws, internet: Internet, bundle: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    tokens = BotTokens(aws.dynamodb, "BotTokensTable")
    tokens.save(BotToken("ended", "used-twice", clock_ms()))
    internet.answer(REFRESH, (400, {"error": "invalid_request"}))
    event, post = outcome_event()
    assert bundle.invoke("outcome_delivery", event) == {"batchItemFailures": []}
    assert metrics(caplog) == {"BotSignedOut": 1}
    assert bundle.invoke("outcome_delivery", fresh("outcome_delivery__schedule")) == {"woken": 0}
    assert metrics(caplog) == {"BotSignedOut": 1}
    assert [request.path for request in internet.requests] == ["/2/oauth2/token"]
    row = Activity(aws.dynamodb, "ActivityTable").row("shopper-ada_shops", order_key(post))
    assert row is not None
    assert (row.reply, waiting(aws)) == (None, 1)
    tokens.save(BotToken("signed-in", "next", clock_ms() + 7_200_000))
    assert bundle.invoke("outcome_delivery", event) == {"batchItemFailures": []}
    assert internet.requests[-1].headers["authorization"] == "Bearer signed-in"


def test_a_token_that_is_not_refreshed_is_told_by_the_minute(
    aws: Aws, internet: Internet, bundle: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    BotTokens(aws.dynamodb, "BotTokensTable").save(BotToken("ended", "refresh", clock_ms() - 90 * 60_000))
    internet.answer(REFRESH, (503, {}))
    bundle.load("outcome_delivery", "OutcomesQueue").lambda_handler(fresh("outcome_delivery__schedule"), Context())
    assert metrics(caplog) == {"BotTokenOverdueMinutes": 90}
