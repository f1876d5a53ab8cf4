"""`make logs`: what a log group says, counted."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import boto3
import pytest

from hashcart.domain.posts import DAY_MS
from hashcart.observability import clock_ms
from local.operations.logs import LEVELS, LOGS, MOST_LINES, TROUBLE, TROUBLE_OF_THE_API
from local.operations.stack import time_text
from tests.fakes.aws import REGION, Aws, resources_of_type
from tests.fakes.clock import post_id
from tests.fakes.cloudwatch import matches
from tests.fakes.deployed import Deployed

# moto drops what is older than two weeks by its own clock.
NOW_MS = clock_ms()
POST = post_id(60_000, now_ms=NOW_MS)
HIDDEN = "what a shopper wrote"

TIMED_OUT = {"type": "platform.report", "record": {"requestId": "1", "status": "timeout", "metrics": {}}}
CRASHED = {"type": "platform.runtimeDone", "record": {"status": "error", "errorType": "Runtime.ExitError"}}
REPORTED = {"type": "platform.report", "record": {"requestId": "1", "status": "success"}}
RAISED = {
    "level": "ERROR",
    "errorType": "KeyError",
    "errorMessage": HIDDEN,
    "stackTrace": [
        '  File "/opt/python/hashcart/use_cases/insert_lines.py", line 31, in __call__\n    self._insert()\n',
        '  File "/var/runtime/botocore/client.py", line 9, in call\n',
    ],
}
REFUSED_BY_AWS = {
    "level": "ERROR",
    "errorType": "ClientError",
    "errorMessage": "An error occurred (AccessDeniedException) when calling the Query operation: User: arn is not …",
    "stackTrace": [],
}
NOT_SET = {"level": "ERROR", "errorType": "SettingError", "errorMessage": "the variable CARTS_TABLE is not set"}
PAGE_FAILED = {
    "level": "ERROR",
    "message": "page failed",
    "exception_name": "ValueError",
    "exception": f'Traceback …\n  File "/opt/python/hashcart/pages/cart/list.py", line 7, in x\nValueError: {HIDDEN}',
}
PAGE = {"level": "INFO", "message": "page", "route": "GET /cart", "status": 503, "reason": "ThrottlingException"}
FAILED = {"level": "WARNING", "message": "post", "outcome": "failed", "reason": "NotSentError", "post_id": POST}
SWEEP = {"level": "ERROR", "message": "sweep", "outcome": "sweep_interrupted", "source": "mentions"} | {
    "reason": "XFailedError"
}
ADDED = {"level": "INFO", "message": "post", "outcome": "ADDED", "post_id": POST}
METRIC = {"level": "ERROR", "message": "metric", "_aws": {}, "XBudgetUsedPercent": 3}
WARNED_BY_LAMBDA = {"level": "WARN", "message": "something"}
OF_NO_LEVEL = {"message": "a library prints", "level": "LOUD"}


@pytest.fixture
def operate(aws: Aws) -> Deployed:
    return Deployed(aws, NOW_MS)


type Say = Callable[..., None]


@pytest.fixture
def says(operate: Deployed) -> Say:
    """Puts lines into a log group, a second apart, the last one a minute ago."""
    client = boto3.client("logs", region_name=REGION)

    def say(log: str, *lines: Mapping[str, Any] | str, ago_ms: int = 60_000) -> None:
        group = f"/hashcart/{operate.name}/{log}"
        client.create_log_group(logGroupName=group)
        client.create_log_stream(logGroupName=group, logStreamName="1")
        first_ms = NOW_MS - ago_ms - 1000 * len(lines)
        events = [
            {"timestamp": first_ms + 1000 * number, "message": line if isinstance(line, str) else json.dumps(line)}
            for number, line in enumerate(lines, 1)
        ]
        client.put_log_events(logGroupName=group, logStreamName="1", logEvents=events)

    return say


def logs(operate: Deployed, log: str, *options: str) -> str:
    status, said = operate("logs", "--log", log, *options)
    assert status == 0
    return said


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (TIMED_OUT, "ERROR: 1 × Lambda reports timeout of platform.report"),
        (CRASHED, "ERROR: 1 × Lambda reports error (Runtime.ExitError) of platform.runtimeDone"),
        (RAISED, "ERROR: 1 × KeyError at use_cases/insert_lines.py:31"),
        (REFUSED_BY_AWS, "ERROR: 1 × ClientError (AccessDeniedException of Query)"),
        (NOT_SET, "ERROR: 1 × SettingError (the variable CARTS_TABLE is not set)"),
        (PAGE_FAILED, "ERROR: 1 × ValueError at cart/list.py:7"),
        (PAGE, "ERROR: 1 × page: GET /cart was answered with 503: ThrottlingException"),
        (FAILED, "WARNING: 1 × failed: NotSentError"),
        (SWEEP, "ERROR: 1 × sweep_interrupted of mentions: XFailedError"),
        (WARNED_BY_LAMBDA, "WARNING: 1 × something"),
    ],
)
def test_trouble_is_told_without_its_text(operate: Deployed, says: Say, line: Any, told: str) -> None:
    says("cart_insertion", line)
    assert matches(TROUBLE, line)
    said = logs(operate, "cart_insertion")
    assert told in said
    assert HIDDEN not in said


@pytest.mark.parametrize("line", [ADDED, METRIC, REPORTED, OF_NO_LEVEL, "START RequestId: 1", "[1]", "{"])
def test_what_is_no_trouble_is_not_told(operate: Deployed, says: Say, line: Any) -> None:
    says("cart_insertion", line)
    since = time_text(NOW_MS - 3_600_000)
    assert f"nothing of level WARNING or above since {since}" in logs(operate, "cart_insertion")


@pytest.mark.parametrize("line", [ADDED, METRIC, REPORTED, OF_NO_LEVEL])
def test_what_is_no_trouble_is_not_even_asked_for(line: Mapping[str, Any]) -> None:
    assert not matches(TROUBLE, line)


def test_a_traceback_in_plain_text_is_read_to_its_end(operate: Deployed, says: Say) -> None:
    says(
        "cart_insertion",
        '  File "/opt/python/hashcart/of_another.py", line 1, in other',
        "Traceback (most recent call last):",
        '  File "/x/hashcart/storage/table.py", line 189, in query',
        '  File "/x/site-packages/botocore/client.py", line 1094, in _make_api_call',
        "botocore.exceptions.ClientError: An error occurred (Throttled) when calling the Query operation: …",
        "Traceback (most recent call last):",
        f"KeyError: {HIDDEN}",
    )
    said = logs(operate, "cart_insertion")
    assert "1 × ClientError (Throttled of Query) at storage/table.py:189" in said
    assert "1 × KeyError, " in said
    assert HIDDEN not in said


def test_the_same_is_counted_the_worst_comes_first_and_a_post_can_be_looked_up(operate: Deployed, says: Say) -> None:
    says("cart_insertion", FAILED, RAISED, FAILED, {**FAILED, "post_id": "no id"}, ADDED)
    lines = logs(operate, "cart_insertion", "--level", "INFO").splitlines()[1:-1]
    assert lines[0].startswith("! ERROR: 1 × KeyError")
    first, last, added = (time_text(NOW_MS - 60_000 - 1000 * ago) for ago in (4, 1, 0))
    assert lines[1] == f"! WARNING: 3 × failed: NotSentError, from {first} to {last}"
    assert lines[2] == f"    → make look-up POST={POST}"
    assert lines[3:] == [f"✓ INFO: 1 × ADDED, {added}"]


def test_an_older_line_has_to_be_asked_for(operate: Deployed, says: Say) -> None:
    says("mention_sweep", FAILED, ago_ms=DAY_MS)
    assert "nothing of level" in logs(operate, "mention_sweep")
    assert "1 × failed" in logs(operate, "mention_sweep", "--since", "2d")


@pytest.mark.parametrize(
    ("status", "level"), [("503", "ERROR"), ("401", "WARNING"), ("429", "WARNING"), ("404", "INFO"), ("-", "INFO")]
)
def test_requests_are_told_by_route_and_status(operate: Deployed, says: Say, status: str, level: str) -> None:
    line = {"route": "POST /webhooks/x", "status": status, "error": "-", "integrationError": "-"}
    says("http_api", line)
    said = logs(operate, "http_api", "--level", "INFO")
    assert f"{level}: 1 × POST /webhooks/x was answered with {status}, " in said
    assert matches(TROUBLE_OF_THE_API, line) is (level != "INFO")


def test_a_request_says_what_kept_the_function_from_answering(operate: Deployed, says: Say) -> None:
    says("http_api", {"route": "GET /cart", "status": "500", "integrationError": "Rate Exceeded.", "error": "Internal"})
    assert "GET /cart was answered with 500: Rate Exceeded." in logs(operate, "http_api")


def test_a_flood_is_read_in_part(operate: Deployed, says: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.operations.logs.MOST_LINES", 3)
    says("cart_page", *[FAILED] * 5)
    said = logs(operate, "cart_page")
    assert "3 × failed" in said
    assert "only the first 3 lines were read" in said
    assert MOST_LINES == 10_000


def test_logs_that_cannot_be_read(operate: Deployed) -> None:
    status, said = operate("logs", "--log", "cart_page")
    assert status == 1
    assert "AWS refuses (ResourceNotFoundException)" in said


def test_every_log_group_can_be_asked_for() -> None:
    groups = (group["LogGroupName"]["Fn::Sub"] for group in resources_of_type("AWS::Logs::LogGroup").values())
    assert sorted(group.rsplit("/", 1)[1] for group in groups) == sorted(LOGS)


def test_levels_rise() -> None:
    assert LEVELS.index("WARNING") < LEVELS.index("ERROR")
