"""`make x-setup`, `make x-status` and `make x-teardown` against the simulator: each step, each failure, and again."""

import socket
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import urllib3
from botocore.exceptions import ClientError, NoCredentialsError, NoRegionError
from urllib3.exceptions import ReadTimeoutError

from hashcart.domain.bot_tokens import BotToken
from hashcart.domain.sweeps import SweepPosition
from hashcart.domain.x_spending import Purpose, day_of
from hashcart.http import HttpClient
from hashcart.storage.bot_tokens import BotTokens
from hashcart.storage.checkpoints import Checkpoints
from local.settings import (
    APP_BEARER_TOKEN,
    BOT_ACCESS_TOKEN,
    BOT_ACCESS_TOKEN_SECRET,
    BOT_CLIENT_ID,
    BOT_CLIENT_SECRET,
    BOT_REDIRECT_URI,
    BOT_USER_ID,
    CONSUMER_KEY,
    CONSUMER_SECRET,
)
from local.x_operations.__main__ import run
from local.x_operations.redirects import BrowserRedirects
from local.x_simulator.webhooks import sign
from tests.fakes.aws import Aws, aws_account
from tests.fakes.clock import NOW_MS, Clock, post_id
from tests.fakes.x_simulator_pool import SimulatorPool
from tests.fakes.x_simulator_world import APP, BASE, HOOK, World, world

if TYPE_CHECKING:
    pass

USER_KEYS = {
    "api_key": CONSUMER_KEY,
    "access_token": BOT_ACCESS_TOKEN,
    "access_token_secret": BOT_ACCESS_TOKEN_SECRET,
}
OLD_HOOK = "http://127.0.0.1:4567/webhooks/x"
ARNS = {
    "XWebhookSecretArn": {"consumer_secrets": [CONSUMER_SECRET]},
    "XAppSecretArn": {"bearer_token": APP_BEARER_TOKEN},
    "XBotClientSecretArn": {"client_id": BOT_CLIENT_ID, "client_secret": BOT_CLIENT_SECRET},
}


class Browser:
    """The operator's browser: opens the address that was told, as the bot's account or another."""

    uri = BOT_REDIRECT_URI

    def __init__(self, x: World, said: list[str]) -> None:
        self._x = x
        self._said = said
        self.account = BOT_USER_ID
        self.decision = "approve"
        self.comes_back_with: Callable[[str], str] = lambda address: address
        self.visits = 0

    @contextmanager
    def listening(self) -> Iterator[Callable[[], str]]:
        yield self._wait

    def _wait(self) -> str:
        self.visits += 1
        told = next(word for line in self._said for word in line.split() if "/i/oauth2/authorize?" in word)
        asked = {name: values[0] for name, values in parse_qs(urlsplit(told).query).items()}
        answer = self._x.client.post(
            "/i/oauth2/authorize", data={**asked, "account": self.account, "decision": self.decision}
        )
        assert answer.status_code == HTTPStatus.FOUND, answer.text
        return self.comes_back_with(answer.headers["location"])


class Operation:
    """A deployed stack, X, and the operator at the terminal."""

    def __init__(self, x: World, aws: Aws) -> None:
        self.x = x
        self.aws = aws
        self.clock = Clock(int(time.time() * 1000))
        self.said: list[str] = []
        self.browser = Browser(x, self.said)
        self.pool = SimulatorPool(x)
        self.parameters = {
            "BotUserId": BOT_USER_ID,
            "BotUsername": "shopbot",
            "PublicUrl": "",
            "XDailyBudget": "50",
            "XApiBaseUrl": BASE,
            "XSiteUrl": "http://x.localhost:8400",
            "XSubscriptions": "true",
            "XSubscriptionLimit": "1500",
        }
        self.outputs = {
            "WebhookUrl": HOOK,
            "BotTokensTableName": "BotTokensTable",
            "CheckpointsTableName": "CheckpointsTable",
            **{name: aws.create_secret(name, value) for name, value in ARNS.items()},
        }
        self.stack_failure: Exception | None = None
        self.table_failure: Exception | None = None
        self.logs_failure: Exception | None = None
        self.log: list[tuple[str, int]] = []
        self.log_windows_ms: list[int] = []

    @property
    def tokens(self) -> BotTokens:
        return BotTokens(self.aws.dynamodb, "BotTokensTable")

    def client(self, service: str) -> Any:
        if service == "dynamodb" and self.table_failure is not None:
            return FailingTable(self.table_failure)
        return {
            "cloudformation": self,
            "secretsmanager": self.aws.secrets,
            "dynamodb": self.aws.dynamodb,
            "logs": self,
        }[service]

    def get_paginator(self, name: str) -> Any:
        assert name == "filter_log_events"
        return self

    def paginate(self, **asked: Any) -> Any:
        """Two pages of the API's access log, searched as CloudWatch does: from the oldest line on."""
        if self.logs_failure is not None:
            raise self.logs_failure
        assert asked["logGroupName"] == "/hashcart/hashcart-shop/http_api"
        self.log_windows_ms.append(self.clock.now_ms - asked["startTime"])
        times = [moment for route, moment in self.log if f'"{route}"' in asked["filterPattern"]]
        found = [{"timestamp": moment} for moment in sorted(times) if moment >= asked["startTime"]]
        return [{"events": found[:1]}, {"events": found[1:]}]

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803 - CloudFormation's own name
        if self.stack_failure is not None:
            raise self.stack_failure
        outputs = [{"OutputKey": name, "OutputValue": value} for name, value in self.outputs.items()]
        parameters = [{"ParameterKey": name, "ParameterValue": value} for name, value in self.parameters.items()]
        return {"Stacks": [{"StackName": StackName, "Outputs": outputs, "Parameters": parameters}]}

    def __call__(self, command: str, *more: str) -> tuple[int, str]:
        """Run a command; its status and what it said."""
        self.said.clear()
        self.pool.requests.clear()
        status = run(
            [command, "--stack", "hashcart-shop", *more],
            self.said.append,
            client=self.client,
            http=HttpClient(cast("urllib3.PoolManager", self.pool)),
            redirects=self.browser,
            now_ms=self.clock,
            sleep=self.clock.sleep,
        )
        return status, "\n".join(self.said)

    def fail(self, call: str, *failures: tuple[int, Any] | Exception) -> None:
        self.pool.failures[call] = list(failures)

    def subscriptions(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.x.client.get("/2/activity/subscriptions", headers=APP).json().get("data", [])
        return found

    @property
    def writes(self) -> list[str]:
        return [call for call in self.pool.calls if not call.startswith("GET")]


class FailingTable:
    """DynamoDB that refuses."""

    def __init__(self, failure: Exception) -> None:
        self._failure = failure

    def get_item(self, **_: object) -> Any:
        raise self._failure


@pytest.fixture
def operation(tmp_path: Path) -> Iterator[Operation]:
    with world(tmp_path) as x, aws_account() as aws:
        yield Operation(x, aws)


def refusal(detail: str, status: int = 403) -> tuple[int, Any]:
    return status, {"title": "Forbidden", "detail": detail, "status": status}


def aws_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "Operation")


# ------------------------------------------------------------------ Set-up


def test_everything_is_set_up_in_one_go(operation: Operation) -> None:
    status, said = operation("setup")
    assert (status, said.count("✗")) == (0, 0)
    steps = ["Stack", "Secrets", "Bearer token", "Challenge", "Webhook", "Bot", "Bot", "Mentions", "Shoppers"]
    assert [line.split()[1].rstrip(":") for line in operation.said[:-1]] == [step.split()[0] for step in steps]
    [webhook] = operation.x.client.get("/2/webhooks", headers=APP).json()["data"]
    [subscription] = operation.subscriptions()
    assert (webhook["url"], webhook["valid"]) == (HOOK, True)
    assert subscription["event_type"] == "post.mention.create"
    assert (subscription["filter"], subscription["webhook_id"]) == ({"user_id": BOT_USER_ID}, webhook["id"])
    token = operation.tokens.read()
    assert token is not None
    assert token.expires_at_ms == operation.clock.now_ms + 7200_000


def test_set_up_again_changes_nothing(operation: Operation) -> None:
    operation("setup")
    before = operation.tokens.read(), operation.subscriptions()
    status, said = operation("setup")
    assert (status, operation.writes, operation.browser.visits) == (0, [], 1)
    assert (operation.tokens.read(), operation.subscriptions()) == before
    assert said.count("already") == 3


def test_no_secret_and_no_token_is_told(operation: Operation) -> None:
    told = [operation(command)[1] for command in ("setup", "setup", "status", "teardown")]
    token = operation.tokens.read()
    assert token is not None
    secrets = (CONSUMER_SECRET, APP_BEARER_TOKEN, BOT_CLIENT_SECRET, token.access_token, token.refresh_token)
    assert [secret for secret in secrets if secret in "\n".join(told)] == []
    assert token.access_token not in repr(token)


def test_a_domain_of_ones_own_is_what_x_learns(operation: Operation) -> None:
    operation.parameters["PublicUrl"] = "http://cart.localhost:8402"
    assert operation("setup")[0] == 0
    [webhook] = operation.x.client.get("/2/webhooks", headers=APP).json()["data"]
    assert webhook["url"] == "http://cart.localhost:8402/webhooks/x"


def test_a_stack_built_anew_takes_the_subscription_over(operation: Operation) -> None:
    operation("setup")
    operation.outputs["WebhookUrl"] = OLD_HOOK
    status, said = operation("setup")
    assert status == 0
    assert "moved from webhook" in said
    webhooks = operation.x.client.get("/2/webhooks", headers=APP).json()["data"]
    assert [found["webhook_id"] for found in operation.subscriptions()] == [webhooks[1]["id"]]


def test_a_disabled_webhook_is_enabled_again(operation: Operation) -> None:
    operation("setup")
    webhook = operation.x.simulator.webhooks.all()[0]
    operation.x.simulator.webhooks._set_valid(webhook.id, False)
    status, said = operation("setup")
    assert (status, operation.writes) == (0, [f"PUT /2/webhooks/{webhook.id}"])
    assert f"{webhook.id} enabled again" in said


def test_the_challenge_is_waited_for(operation: Operation) -> None:
    pending = {"data": [{"id": "7", "url": HOOK, "valid": False}]}
    operation.fail("GET /2/webhooks", (200, pending), (200, pending), (200, pending))
    operation.fail("PUT /2/webhooks/7", (200, {"data": {"attempted": True}}))
    operation.x.register_webhook()
    assert operation("setup")[0] == 0
    assert operation.clock.slept == [3.0, 3.0]


def test_a_challenge_that_never_passes(operation: Operation) -> None:
    operation.fail("GET /2/webhooks", *[(200, {"data": [{"id": "7", "url": HOOK, "valid": False}]})] * 11)
    operation.fail("PUT /2/webhooks/7", (200, {"data": {"attempted": True}}))
    status, said = operation("setup")
    assert status == 1
    assert "has not passed X's challenge within 30 seconds" in said
    assert "make rotate-secret SECRET=webhook" in said


# ------------------------------------------------------------------ What is missing


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (aws_error("ValidationError"), "there is no stack hashcart-shop"),
        (aws_error("ExpiredToken"), "does not tell of hashcart-shop (ExpiredToken)"),
        (NoCredentialsError(), "(NoCredentialsError)"),
        (NoRegionError(), "REGION=…, or export AWS_DEFAULT_REGION=…"),
    ],
)
def test_no_stack(operation: Operation, failure: Exception, told: str) -> None:
    operation.stack_failure = failure
    status, said = operation("setup")
    assert status == 1
    assert told in said
    assert operation.pool.calls == []


def test_a_stack_of_something_else(operation: Operation) -> None:
    del operation.outputs["XAppSecretArn"], operation.parameters["BotUserId"]
    assert "lacks XAppSecretArn, BotUserId" in operation("setup")[1]


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("XWebhookSecretArn", {"consumer_secrets": []}, "XWebhookSecretArn: the secret has no consumer_secrets"),
        ("XWebhookSecretArn", {"consumer_secrets": ["a b"]}, "XWebhookSecretArn: a key in it is empty, has blanks"),
        ("XAppSecretArn", {}, "XAppSecretArn: the secret has no field bearer_token"),
        ("XAppSecretArn", {"bearer_token": "<the bearer token>"}, "XAppSecretArn: a key in it"),
        ("XAppSecretArn", ["hush"], "XAppSecretArn: the secret is not a JSON object"),
        (
            "XBotClientSecretArn",
            {"client_id": "a-client"},
            "XBotClientSecretArn: the secret has no field client_secret",
        ),
    ],
)
def test_a_secret_that_is_not_what_it_should_be(operation: Operation, name: str, value: object, told: str) -> None:
    operation.aws.put_secret(operation.outputs[name], value)
    status, said = operation("setup")
    assert (status, operation.pool.calls) == (1, [])
    assert told in said
    assert "make fill-secrets" in said
    assert "hush" not in said


def test_all_empty_secrets_are_told_at_once(operation: Operation) -> None:
    for name in ARNS:
        operation.outputs[name] = operation.aws.secrets.create_secret(Name=f"{name}-empty")["ARN"]
    assert operation("setup")[1].count("it has no value yet") == 3


# ------------------------------------------------------------------ What X and the webhook refuse


@pytest.mark.parametrize(
    ("call", "failure", "step", "told"),
    [
        ("GET /2/webhooks", refusal("Unauthorized", 401), "Bearer token", "Make a new bearer token"),
        ("GET /2/webhooks", refusal("Your plan has no webhooks."), "Bearer token", "Your plan has no webhooks. (403)"),
        ("GET /2/webhooks", (503, {}), "Bearer token", "did not answer as it should (status 503)"),
        ("GET /2/webhooks", (429, {}), "Bearer token", "Run this again after"),
        ("GET /2/webhooks", (302, ""), "Bearer token", "X refuses: status 302 (302)"),
        ("GET /2/webhooks", ReadTimeoutError(cast("Any", None), "", "slow"), "Bearer token", "(ReadTimeoutError)"),
        ("POST /2/webhooks", refusal("Not for you.\x1b[2J"), "Webhook", "Not for you.[2J (403)"),
        ("GET /2/webhooks", (404, b"<html>"), "Bearer token", "X refuses: status 404 (404)"),
        ("GET /2/webhooks", (200, b"<html>"), "Bearer token", "(the answer is not JSON)"),
        ("GET /webhooks/x", (503, {}), "Challenge", "answers with status 503"),
        ("GET /webhooks/x", (200, []), "Challenge", "gives no answer"),
        ("GET /webhooks/x", ReadTimeoutError(cast("Any", None), "", "slow"), "Challenge", "gives no answer"),
        ("GET /webhooks/x", (200, {"response_token": "sha256=x"}), "Challenge", "signs with another consumer secret"),
        ("GET /2/users/me", refusal("Suspended."), "Bot", "X refuses: Suspended. (403)"),
        ("POST /2/oauth2/token", (400, {"error_description": "The code expired."}), "Bot", "lives for 30 seconds"),
        ("POST /2/oauth2/token", (401, {"error": "unauthorized_client"}), "Bot", "in XBotClientSecretArn"),
        ("POST /2/oauth2/token", (200, {"access_token": "a-token"}), "Bot", "the answer lacks tokens"),
    ],
)
def test_a_refusal_ends_the_step_with_its_reason(
    operation: Operation, call: str, failure: tuple[int, Any] | Exception, step: str, told: str
) -> None:
    operation.fail(call, failure)
    status, said = operation("setup")
    assert status == 1
    assert told in said
    assert "a-token" not in said
    assert operation.said[-2].startswith(f"✗ {step}:")
    assert operation.tokens.read() is None
    assert operation("setup")[0] == 0, "what failed is set up the next time"


def test_a_limit_tells_when_it_ends(operation: Operation) -> None:
    fault = {"method": "GET", "path": "/2/webhooks", "status": 429, "reset_in": 600}
    operation.x.client.post("/simulator/faults", json=fault)
    said = operation("setup")[1]
    assert "X's limit is used up" in said
    ends = datetime.fromisoformat(said.split("Run this again after ")[1].split(" UTC")[0]).replace(tzinfo=UTC)
    assert abs(ends.timestamp() - time.time() - 600) < 30


def test_xs_own_challenge_fails(operation: Operation) -> None:
    answers = iter([sign(CONSUMER_SECRET, b"")])
    good = operation.x.endpoint.crc
    operation.x.endpoint.crc = lambda token: good(token) if next(answers, None) else httpx.Response(500, json={})
    status, said = operation("setup")
    assert status == 1
    assert "CrcValidationFailed" in said
    assert "that of the app whose bearer token" in said


def test_no_webhook_is_left(operation: Operation) -> None:
    old = operation.x.register_webhook(OLD_HOOK)
    operation.fail("POST /2/webhooks", refusal("WebhookConfigLimitExceeded: too many", 400))
    said = operation("setup")[1]
    assert f"Remove one of {old['id']} ({OLD_HOOK}): `make x-teardown WEBHOOK=<id>`" in said
    assert operation("teardown", "--webhook", old["id"])[0] == 0
    assert operation("setup")[0] == 0


def test_a_subscription_that_wants_the_bots_own_token(operation: Operation) -> None:
    operation.fail("POST /2/activity/subscriptions", refusal("Unsupported Authentication"))
    assert operation("setup")[0] == 0
    assert operation.pool.calls.count("POST /2/activity/subscriptions") == 2
    assert len(operation.subscriptions()) == 1


@pytest.mark.parametrize(
    ("failures", "told"),
    [
        ([refusal("Not in your plan.")] * 2, "X refuses: Not in your plan. (403)"),
        ([(400, {"errors": [{"message": "Wrong filter."}]})], "X refuses: Wrong filter. (400)"),
        ([(200, {"data": []})], "X lists no subscription after it was made"),
    ],
)
def test_a_subscription_that_x_does_not_make(operation: Operation, failures: list[Any], told: str) -> None:
    operation.fail("POST /2/activity/subscriptions", *failures)
    status, said = operation("setup")
    assert status == 1
    assert told in said


@pytest.mark.parametrize("shape", ["array", "object", "data.subscription", "data.subscriptions"])
def test_subscriptions_are_read_in_every_shape(operation: Operation, shape: str) -> None:
    operation("setup")
    [found] = operation.subscriptions()
    data: Any = {
        "array": [found | {"id": int(found["subscription_id"])}, "noise", {}],
        "object": {"id": found["subscription_id"], **found},
        "data.subscription": {"subscription": found},
        "data.subscriptions": {"subscriptions": [found]},
    }[shape]
    operation.fail("GET /2/activity/subscriptions", (200, {"data": data}))
    assert f"subscription {found['subscription_id']} is there already" in operation("setup")[1]


def test_all_pages_of_subscriptions_are_read(operation: Operation) -> None:
    operation("setup")
    page = {"data": [], "meta": {"next_token": "0" * 19}}
    operation.fail("GET /2/activity/subscriptions", (200, page))
    assert "is there already" in operation("setup")[1]
    operation.fail("GET /2/activity/subscriptions", *[(200, page)] * 100)
    assert "does not end" in operation("setup")[1]


# ------------------------------------------------------------------ The bot's sign-in


def test_another_account_signs_in(operation: Operation) -> None:
    operation.browser.account = "222"
    status, said = operation("setup")
    assert status == 1
    assert "(222) signed in, and the bot is @shopbot (900)" in said
    assert operation.tokens.read() is None


@pytest.mark.parametrize(
    ("comes_back_with", "told"),
    [
        (lambda address: address.replace("state=", "state=x"), "not of this sign-in"),
        (lambda address: address.split("&")[0], "not of this sign-in"),
        (lambda _: "https://\x00", "not of this sign-in"),
        (lambda address: address.replace("code=", "kode="), "was not allowed"),
        (lambda address: address.replace("code=", "code=x"), "authorization code was invalid"),
    ],
)
def test_what_comes_back_is_not_right(operation: Operation, comes_back_with: Callable[[str], str], told: str) -> None:
    operation.browser.comes_back_with = comes_back_with
    status, said = operation("setup")
    assert status == 1
    assert told in said
    assert operation.tokens.read() is None


def test_the_operator_declines(operation: Operation) -> None:
    operation.browser.decision = "deny"
    assert "was not allowed" in operation("setup")[1]


def test_nobody_comes_back(operation: Operation) -> None:
    def never(_: str) -> str:
        raise TimeoutError

    operation.browser.comes_back_with = never
    assert "nobody came back from X" in operation("setup")[1]


def test_lost_tokens_are_signed_in_anew(operation: Operation) -> None:
    operation.tokens.save(BotToken("unknown", "unknown", operation.clock.now_ms + 7200_000))
    assert operation("setup")[0] == 0
    assert operation.browser.visits == 1
    token = operation.tokens.read()
    assert token is not None
    assert token.access_token != "unknown"


def test_tokens_that_x_takes_no_more_even_fresh_are_signed_in_anew(operation: Operation) -> None:
    operation("setup")
    operation.fail("GET /2/users/me", refusal("no", 401), refusal("no", 401))
    assert operation("setup")[0] == 0
    assert operation.browser.visits == 2


def test_a_bot_that_x_does_not_let_in_for_another_reason(operation: Operation) -> None:
    operation("setup")
    operation.fail("GET /2/users/me", refusal("Your account is suspended."))
    status, said = operation("setup")
    assert status == 1
    assert "Your account is suspended." in said
    assert operation.browser.visits == 1


def test_the_bot_is_signed_out_between_two_steps(operation: Operation) -> None:
    operation.fail("POST /2/oauth2/token", (200, {"access_token": "a", "refresh_token": "b", "expires_in": 1}))
    operation.fail("GET /2/users/me", (200, {"data": {"id": BOT_USER_ID, "username": "shopbot"}}))
    status, said = operation("setup")
    assert status == 1
    assert "X no longer takes the refresh token" in said


def test_the_table_cannot_be_read(operation: Operation) -> None:
    operation.table_failure = aws_error("AccessDeniedException")
    status, said = operation("setup")
    assert status == 1
    assert "AWS refuses (AccessDeniedException)" in said


# ------------------------------------------------------------------ OAuth 1.0a


def test_where_x_wants_the_bots_keys_for_oauth_1_they_are_used(operation: Operation) -> None:
    operation.x.simulator.behaviour.mentions_need_oauth1 = True
    status, said = operation("setup")
    assert status == 1
    assert "Supported: [OAuth 1.0a User Context]. (403)" in said
    assert f"add to the secret {operation.outputs['XAppSecretArn']}, beside its bearer_token: api_key" in said
    operation.aws.put_secret(operation.outputs["XAppSecretArn"], {"bearer_token": APP_BEARER_TOKEN, **USER_KEYS})
    status, said = operation("setup")
    assert status == 0
    assert operation.writes == ["POST /2/activity/subscriptions"] * 3
    [subscription] = operation.subscriptions()
    assert subscription["filter"] == {"user_id": BOT_USER_ID}
    assert [secret for secret in USER_KEYS.values() if secret in said] == []


def test_keys_for_oauth_1_that_x_does_not_take_are_told(operation: Operation) -> None:
    operation.x.simulator.behaviour.mentions_need_oauth1 = True
    wrong = {**USER_KEYS, "access_token_secret": "of-another-account"}
    operation.aws.put_secret(operation.outputs["XAppSecretArn"], {"bearer_token": APP_BEARER_TOKEN, **wrong})
    status, said = operation("setup")
    assert status == 1
    assert "Subscribe by hand at https://developer.x.com" in said
    assert "of-another-account" not in said


def test_the_apps_token_does_where_x_takes_it(operation: Operation) -> None:
    operation.aws.put_secret(operation.outputs["XAppSecretArn"], {"bearer_token": APP_BEARER_TOKEN, **USER_KEYS})
    operation("setup")
    assert operation.pool.calls.count("POST /2/activity/subscriptions") == 1


# ------------------------------------------------------------------ Status and teardown


def test_status_before_and_after(operation: Operation) -> None:
    status, said = operation("status")
    assert status == 1
    assert said.count("→ make x-setup") == 3
    operation("setup")
    status, said = operation("status")
    assert (status, operation.writes) == (0, [])
    assert "1 × post.mention.create; 0 of other webhooks" in said
    assert "1 of 1500 in use; offered to shoppers" in said
    assert "its access token ends 20" in said
    assert "GET /2/webhooks: 4" in said
    operation.x.simulator.webhooks._set_valid(operation.x.simulator.webhooks.all()[0].id, False)
    assert "is disabled: X delivers nothing" in operation("status")[1]


@pytest.mark.parametrize(("limit", "is_near"), [("2", False), ("1", True)])
def test_status_tells_how_near_the_limit_of_subscriptions_is(operation: Operation, limit: str, is_near: bool) -> None:
    operation.parameters |= {"XSubscriptionLimit": limit, "XSubscriptions": "false"}
    assert "Shoppers" not in operation("setup")[1]
    said = operation("status")[1]
    assert f"1 of {limit} in use; not offered to shoppers" in said
    assert ("deploy with that XSubscriptionLimit" in said) == is_near


def test_status_tells_how_far_the_sweep_is(operation: Operation) -> None:
    checkpoints = Checkpoints(operation.aws.dynamodb, "CheckpointsTable")
    assert "Sweep" not in operation("status")[1]
    position = SweepPosition.beginning(NOW_MS)
    checkpoints.save("mentions", position)
    half_way = position.after_page([post_id(), post_id(5000)]).waiting_until(operation.clock.now_ms + 1000)
    checkpoints.save("search", half_way)
    said = operation("status")[1]
    assert f"Sweep: mentions is read up to post {post_id()} of 2026-11-18 11:06:40 UTC\n" in said
    assert f"goes on below {post_id(5000)}; X's limit is used up until 20" in said


def test_status_tells_when_x_last_called(operation: Operation) -> None:
    now_ms = operation.clock.now_ms
    assert (
        "Last event: none in seven days; X last challenged the webhook: never in seven days" in operation("status")[1]
    )
    operation.log_windows_ms.clear()
    operation.log = [
        ("POST /webhooks/x", now_ms - 2 * 3_600_000),
        ("POST /webhooks/x", now_ms - 3 * 3_600_000),
        ("GET /webhooks/x", now_ms - 60_000),
    ]
    said = operation("status")[1]
    delivered, challenged = (
        f"{datetime.fromtimestamp((now_ms - ago_ms) / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
        for ago_ms in (7_200_000, 60_000)
    )
    assert f"Last event: {delivered}; X last challenged the webhook: {challenged}" in said
    assert operation.log_windows_ms == [300_000, 3_600_000, 86_400_000, 300_000], "the last minutes are searched first"


def test_a_log_that_cannot_be_read_is_told(operation: Operation) -> None:
    operation.logs_failure = aws_error("AccessDeniedException")
    status, said = operation("status")
    assert status == 1
    assert "Last event: AWS refuses (AccessDeniedException)" in said


def test_status_tells_what_today_has_cost(operation: Operation) -> None:
    assert "✓ Spent today: $0.00 of $50.00 (0 %)\n" in operation("status")[1]
    checkpoints, today = Checkpoints(operation.aws.dynamodb, "CheckpointsTable"), day_of(operation.clock.now_ms)
    checkpoints.spend(today, Purpose.SWEEPS, 1200)
    checkpoints.spend(today, Purpose.WHY_NOT, 1)
    checkpoints.spend(today, Purpose.WHY_NOT, -1)
    checkpoints.spend(today, Purpose.REPLIES, 150)
    told = "Spent today: $7.50 of $50.00 (15 %); sweeps 1200 for $6.00; replies 150 for $1.50\n"
    assert told in operation("status")[1]
    checkpoints.spend(today, Purpose.PARENTS, 7_500)
    assert "! Spent today: $45.00 of $50.00 (90 %)" in operation("status")[1]
    assert "sweeps have stopped until tomorrow (UTC)\n    → Raise XDailyBudget." in "\n".join(operation.said)
    checkpoints.spend(today, Purpose.PARENTS, 2_000)
    assert "sweeps and answers have stopped until tomorrow (UTC)" in operation("status")[1]


def test_status_tells_that_the_token_has_ended_and_none_has_come(operation: Operation) -> None:
    operation("setup")
    token = operation.tokens.read()
    assert token is not None
    operation.tokens.save(replace(token, expires_at_ms=operation.clock.now_ms))
    status, said = operation("status")
    assert status == 1
    assert "✗ Bot: its access token ended 20" in said
    assert "make x-setup asks for one now" in said


def test_status_tells_that_the_bot_is_signed_out_and_set_up_signs_it_in(operation: Operation) -> None:
    operation("setup")
    token = operation.tokens.read()
    assert token is not None
    operation.x.simulator.tokens.revoke_account(BOT_USER_ID)
    operation.tokens.save(replace(token, expires_at_ms=0))
    operation.tokens.mark_lost(token, now_ms=operation.clock.now_ms)
    status, said = operation("status")
    assert status == 1
    assert "✗ Bot: X has refused the tokens of @shopbot (900) since 20" in said
    assert operation("setup")[0] == 0
    assert operation("status")[0] == 0


def test_teardown_undoes_it_and_keeps_the_keys(operation: Operation) -> None:
    operation("setup")
    token = operation.tokens.read()
    status, said = operation("teardown")
    assert status == 0
    assert "Subscriptions: 1 ended" in said
    assert operation.subscriptions() == []
    assert operation.x.simulator.webhooks.all() == []
    assert operation.tokens.read() == token
    status, said = operation("teardown")
    assert (status, operation.writes) == (0, [])
    assert "nothing to undo" in said


def test_teardown_leaves_others_alone(operation: Operation) -> None:
    old = operation.x.register_webhook(OLD_HOOK)
    operation("setup")
    asked = {"event_type": "post.create", "filter": {"user_id": "222"}, "webhook_id": old["id"]}
    operation.x.client.post("/2/activity/subscriptions", json=asked, headers=APP)
    operation("teardown")
    assert [webhook.url for webhook in operation.x.simulator.webhooks.all()] == [OLD_HOOK]
    assert len(operation.subscriptions()) == 1


# ------------------------------------------------------------------ The way back


def silent(_: int) -> str:
    return ""


@pytest.mark.usefixtures("socket_enabled")
def test_the_browser_comes_back_to_this_machine() -> None:
    port = _free_port()
    redirects = BrowserRedirects(f"http://127.0.0.1:{port}/signed-in", read_line=silent, wait_seconds=5)
    with redirects.listening() as wait:
        with pytest.raises(HTTPError, match="404"):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/favicon.ico", timeout=5)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/signed-in?code=c&state=s", timeout=5) as answer:
            assert b"close this page" in answer.read()
        assert wait() == "/signed-in?code=c&state=s"


@pytest.mark.usefixtures("socket_enabled")
def test_a_taken_port_leaves_the_terminal() -> None:
    port = _free_port()
    first = BrowserRedirects(f"http://127.0.0.1:{port}/signed-in", read_line=silent, wait_seconds=0.01)
    second = BrowserRedirects(first.uri, read_line=lambda _: " /signed-in?code=pasted \n", wait_seconds=5)
    with first.listening() as wait, second.listening() as wait_too:
        assert wait_too() == "/signed-in?code=pasted"
        with pytest.raises(TimeoutError):
            wait()


def test_an_address_of_another_machine_is_pasted() -> None:
    redirects = BrowserRedirects("https://shop.example/back", read_line=lambda _: "https://shop.example/back?code=c\n")
    with redirects.listening() as wait:
        assert wait() == "https://shop.example/back?code=c"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
