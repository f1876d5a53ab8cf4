"""The dashboard shows metrics that somebody publishes, and nothing of any shopper."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from hashcart.domain.outcomes import REASONS, Code
from hashcart.domain.product_links import ProductReference
from hashcart.domain.x_spending import Purpose, day_of
from hashcart.messages.cart_requests import AddRequested
from hashcart.messages.posts import to_json
from hashcart.observability import clock_ms
from hashcart.storage.checkpoints import Checkpoints
from tests.fakes.aws import aws_account, load_template, resources_of_type
from tests.fakes.clock import post_id
from tests.fakes.cloudwatch import Datum
from tests.fakes.handlers import STORE, X_API, sqs_event
from tests.fakes.watched import AWS_METRICS, FUNCTIONS, STACK, Watched
from tests.functional.test_cart_pages import LAMP, LAMP_PRODUCT, MUG_PRODUCT, World

NAMESPACE = f"HashCart/{STACK}"
RESOURCES = load_template()["Resources"]
DASHBOARD: str = RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
TYPE_OF_DIMENSION = {
    "FunctionName": "AWS::Serverless::Function",
    "QueueName": "AWS::SQS::Queue",
    "TableName": "AWS::DynamoDB::Table",
    "ApiId": "AWS::Serverless::HttpApi",
    "LogGroupName": "AWS::Logs::LogGroup",
}
type Published = tuple[set[Datum], list[dict[str, Any]]]
PSEUDO = {"AWS::StackName": STACK, "AWS::Region": "us-east-1"}


def resolved(match: re.Match[str]) -> str:
    """What a `${…}` comes to; of a function the name that the tests run it under."""
    if match[1] in PSEUDO:
        return PSEUDO[match[1]]
    logical_id, _, attribute = match[1].partition(".")
    assert logical_id in RESOURCES, f"the dashboard shows {logical_id}, which template.yaml has not"
    assert attribute in ("", {"AWS::SQS::Queue": "QueueName"}.get(RESOURCES[logical_id]["Type"], "Arn"))
    return next((name for name, function in FUNCTIONS.items() if function == logical_id), logical_id)


WIDGETS: list[dict[str, Any]] = json.loads(re.sub(r"\$\{([\w:.]+)\}", resolved, DASHBOARD))["widgets"]
SHOWN = [entry for widget in WIDGETS for entry in widget["properties"].get("metrics", [])]
METRICS = [tuple(part for part in entry if isinstance(part, str)) for entry in SHOWN if isinstance(entry[0], str)]
EXPRESSIONS = [entry[0]["expression"] for entry in SHOWN if isinstance(entry[0], dict)]


def gathered(watched: Watched) -> set[Datum]:
    return {replace(datum, value=0) for datum in watched.data if datum.namespace == NAMESPACE}


@pytest.fixture(scope="module")
def published() -> Iterator[Published]:
    """The metrics and their lines after a day: replies of all kinds, a hand-off, and what was read at X."""
    with (
        aws_account() as aws,
        pytest.MonkeyPatch.context() as monkeypatch,
        Watched(aws, monkeypatch, "INFO") as watched,
    ):
        watched.internet.answer(f"GET {STORE}/api/products/mug", (200, MUG_PRODUCT))
        watched.internet.answer(f"GET {STORE}/api/products/lamp", (200, LAMP_PRODUCT))
        for source in ("users/900/mentions", "tweets/search/recent"):
            watched.internet.answer(f"GET {X_API}/2/{source}", (200, {"meta": {"result_count": 0}}))
        watched.internet.answer(f"GET {X_API}/2/webhooks", (200, {"data": []}))
        world = World(aws, watched.internet, watched.bundle)
        world.tie()
        ids = [post_id(1000, number, clock_ms()) for number in range(3)]
        mug = ProductReference("store.localhost", "mug")
        requests = [
            AddRequested(ids[0], ids[0], "222", parent_id="77", product=mug),
            AddRequested(ids[1], ids[1], "222", parent_id="77", product=None, reason="no_link"),
            AddRequested(ids[2], ids[2], "555", parent_id="77", product=mug),
        ]
        watched.run("cart_insertion", sqs_event(*map(to_json, requests)))
        world.put(LAMP, title="Arc lamp")
        browser = world.browser()
        assert browser.submit(browser.get("/cart"), "/cart/store").status == 303
        spending = Checkpoints(aws.dynamodb, "CheckpointsTable")
        for purpose in Purpose:
            spending.spend(day_of(clock_ms()), purpose, 2, limit=None)
        watched.run("mention_sweep")
        yield gathered(watched), [line for line in watched.lines if "_aws" in line]


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: " ".join(metric[1:]))
def test_a_metric_shown_is_published(published: Published, metric: tuple[str, ...]) -> None:
    namespace, name, dimension, value = metric
    if namespace == NAMESPACE:
        shown = Datum(namespace, name, frozenset({(dimension, value)}), 0)
        assert shown in published[0], f"nothing reports {name} of {value}"
        return
    expected, names = AWS_METRICS[namespace]
    assert (dimension, name in names) == (expected, True), f"{namespace} has no {name} by {dimension}"
    logical_id = FUNCTIONS.get(value, value)
    assert RESOURCES[logical_id]["Type"] == TYPE_OF_DIMENSION[dimension]


def test_a_search_finds_metrics_and_other_expressions_refer_to_what_is_shown(
    published: Published,
) -> None:
    ids = [option["id"] for entry in SHOWN for option in entry if isinstance(option, dict) and "id" in option]
    assert len(ids) == len(set(ids))
    for expression in EXPRESSIONS:
        search = re.fullmatch(r"""SEARCH\('\{([\w/,]+)\} MetricName="(\w+)"', 'Sum', \d+\)""", expression)
        if search is None:
            [prefix] = re.findall(r'METRICS\("(\w+)"\)', expression)
            assert [name for name in ids if re.fullmatch(rf"{prefix}\d+", name)]
            continue
        namespace, *dimensions = search[1].split(",")
        found = [datum for datum in published[0] if (datum.namespace, datum.name) == (namespace, search[2])]
        assert found
        assert all({name for name, _ in datum.dimensions} == set(dimensions) for datum in found)


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("AWS::CloudWatch::Alarm", [arn for widget in WIDGETS for arn in widget["properties"].get("alarms", [])]),
        ("AWS::DynamoDB::Table", [metric[3] for metric in METRICS]),
        ("AWS::SQS::Queue", [metric[3] for metric in METRICS]),
        ("AWS::Logs::LogGroup", [metric[3] for metric in METRICS]),
        ("AWS::Serverless::Function", [FUNCTIONS.get(metric[3]) for metric in METRICS if metric[1] == "Duration"]),
    ],
)
def test_every_resource_of_a_kind_is_shown(kind: str, shown: list[str]) -> None:
    missing = sorted(set(resources_of_type(kind)) - set(shown))
    assert missing == [], f"add ${{…}} to the widgets of Dashboard in template.yaml: {missing}"


def test_every_purpose_of_a_call_of_x_is_shown() -> None:
    shown = {metric[1] for metric in METRICS}
    assert {f"XMicroDollars.{purpose}" for purpose in Purpose} <= shown


def test_it_shows_nothing_of_shoppers(published: Published) -> None:
    """Logs, which name posts, are not shown; metrics have no dimension, and their lines no value, of a person's."""
    assert {widget["type"] for widget in WIDGETS} == {"alarm", "metric"}
    allowed = {
        "FunctionName": set(FUNCTIONS),
        "Outcome": {code.value for code in Code},
        "Reason": {*REASONS, "none", "other"},
    }
    for datum in published[0]:
        for name, value in datum.dimensions:
            assert value in allowed[name]
    lines = json.dumps(published[1])
    assert not re.search(r"ada|shopper|\b222\b|\b555\b|post_id", lines)


def test_its_metrics_are_few_and_a_batch_costs_few_lines(published: Published) -> None:
    """Each combination of outcome and reason is billed by the month: there are as many as there are names for them."""
    lines = [line for line in published[1] if "Outcome" in line or line["FunctionName"] == "cart_insertion"]
    outcomes = {(line["Outcome"], line["Reason"]): line["Outcomes"] for line in lines if "Outcome" in line}
    assert outcomes == {("ADDED", "none"): 1, ("NO_PRODUCT", "no_link"): 1, ("NOT_LINKED", "none"): 1}
    [batch] = [line for line in lines if "Replies" in line]
    assert (batch["Replies"], batch["LinkedReplies"], batch["RepliesInCart"]) == (3, 2, 1)
    [milliseconds] = batch["ReplyToCartMilliseconds"]
    assert 1000 <= milliseconds < 60_000
    assert len(lines) == 4
    assert len(REASONS) < 40
