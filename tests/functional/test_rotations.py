"""`make rotate-secret`: both consumer secrets are taken meanwhile, old links work, and no function is left behind."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import parse_qsl

import pytest
import urllib3
from urllib3.exceptions import ReadTimeoutError

from hashcart.domain.bot_tokens import BotToken
from hashcart.domain.posts import DAY_MS
from hashcart.domain.signed_tokens import sign as sign_token
from hashcart.http import HttpClient
from hashcart.identity.answers import ClientRefusedError
from hashcart.identity.login_with_amazon import PROFILE_URL, TOKEN_URL, LoginWithAmazon
from hashcart.secrets import Secret
from hashcart.social.x.sign_in import XSignIn
from hashcart.social.x.signature import sign
from hashcart.storage.bot_tokens import BotTokens
from hashcart.storage.table import Table
from local.operations.rotations import KINDS
from tests.fakes.aws import Aws
from tests.fakes.browser import FakeBrowser
from tests.fakes.clock import NOW_MS, Clock
from tests.fakes.deployed import SECRETS, Deployed, refused
from tests.fakes.handlers import Bundle, http_event
from tests.fakes.internet import Answer, Internet, Request

OLD, NEW = "first-consumer-secret", "a-new-consumer-secret"
HOOK = "http://hook.test/webhooks/x"
TOKEN = "POST http://x.test/2/oauth2/token"
REPLAY = "POST http://x.test/2/webhooks/replay"
WEBHOOKS = "GET http://x.test/2/webhooks"
MINUTE = 60_000


@pytest.fixture
def internet() -> Internet:
    internet = Internet()
    internet.answer(WEBHOOKS, (200, {"data": [{"id": "77", "url": HOOK, "valid": True}]}))
    internet.answer(REPLAY, (200, {}))
    return internet


class Operator:
    """The operator, who pastes a value that X has shown."""

    def __init__(self, aws: Aws, internet: Internet, **secrets: str) -> None:
        self.aws = aws
        self.deployed = Deployed(aws, int(datetime.now(UTC).timestamp() * 1000), **secrets)
        self.http = HttpClient(cast("urllib3.PoolManager", internet))
        self.pasted = NEW
        self.asked: list[str] = []
        self.deployed.outside["ask"] = self._ask

    def _ask(self, prompt: str) -> str:
        self.asked.append(prompt)
        return self.pasted

    def rotate(self, secret: str, *more: str) -> tuple[int, str]:
        status, said = self.deployed("rotate-secret", "--secret", secret, *more, http=self.http)
        assert self.pasted not in said or not self.pasted
        return status, said

    def stored(self, output: str) -> dict[str, Any]:
        answer = self.aws.secrets.get_secret_value(SecretId=self.deployed.outputs[output])
        value: dict[str, Any] = json.loads(answer["SecretString"])
        return value


@pytest.fixture
def operator(aws: Aws, internet: Internet) -> Operator:
    return Operator(aws, internet)


def hook_answers(internet: Internet, bundle: Bundle) -> None:
    """Let the webhook's address lead to the function."""

    def deliver(request: Request) -> Answer:
        answer = bundle.invoke(
            "webhook_intake", http_event("POST", body=request.body.decode(), headers=dict(request.headers))
        )
        return answer["statusCode"], json.loads(answer["body"])

    def challenge(request: Request) -> Answer:
        answer = bundle.invoke("webhook_intake", http_event("GET", query=dict(request.query)))
        return answer["statusCode"], json.loads(answer["body"])

    internet.routes[f"POST {HOOK}"] = deliver
    internet.routes[f"GET {HOOK}"] = challenge


def deliver(bundle: Bundle, secret: str) -> int:
    """The status that X gets for a delivery signed with a secret."""
    body = '{"data":{}}'
    headers = {"x-twitter-webhooks-signature": sign(secret, body.encode())}
    return int(bundle.invoke("webhook_intake", http_event("POST", body=body, headers=headers))["statusCode"])


@pytest.fixture
def hook(aws: Aws, internet: Internet, monkeypatch: pytest.MonkeyPatch) -> tuple[Operator, Bundle, Clock]:
    bundle = Bundle(aws, internet, monkeypatch)
    aws.put_secret(bundle.webhook_secret_arn, {"consumer_secrets": [OLD]})
    hook_answers(internet, bundle)
    operator = Operator(aws, internet, XWebhookSecretArn=bundle.webhook_secret_arn)
    module = bundle.load("webhook_intake")
    bundle._warm["webhook_intake"] = module
    monkeypatch.setattr(module.receive_webhook.secret, "_clock_ms", operator.deployed.clock)
    return operator, bundle, operator.deployed.clock


def test_deliveries_of_both_secrets_are_taken_until_the_rotation_is_finished(
    hook: tuple[Operator, Bundle, Clock], internet: Internet
) -> None:
    operator, bundle, clock = hook
    assert deliver(bundle, OLD) == 200
    clock.now_ms += MINUTE
    status, said = operator.rotate("webhook")
    assert (status, said.count("✓")) == (0, 4), said
    assert operator.stored("XWebhookSecretArn") == {"consumer_secrets": [NEW, OLD]}
    assert (deliver(bundle, NEW), deliver(bundle, OLD), deliver(bundle, "forged")) == (200, 200, 401)
    replay = next(request for request in internet.requests if request.path == "/2/webhooks/replay")
    assert replay.json()["webhook_id"] == "77"

    status, said = operator.rotate("webhook", "--step", "finish")
    assert (status, "Finish it after five minutes" in said) == (1, True)
    clock.now_ms += 6 * MINUTE
    assert operator.rotate("webhook", "--step", "finish")[0] == 0
    assert operator.stored("XWebhookSecretArn") == {"consumer_secrets": [NEW]}
    clock.now_ms += 6 * MINUTE
    assert (deliver(bundle, NEW), deliver(bundle, OLD)) == (200, 401)
    assert "nothing to finish" in operator.rotate("webhook", "--step", "finish")[1]


def test_a_worker_that_has_just_read_the_old_secret_is_waited_for(hook: tuple[Operator, Bundle, Clock]) -> None:
    operator, bundle, clock = hook
    assert deliver(bundle, OLD) == 200
    status, _ = operator.rotate("webhook")
    assert status == 0
    assert 10 <= sum(clock.slept) <= 60


def test_a_repeated_rotation_changes_nothing(hook: tuple[Operator, Bundle, Clock]) -> None:
    operator, _, clock = hook
    operator.rotate("webhook")
    clock.now_ms += MINUTE
    status, said = operator.rotate("webhook")
    assert (status, "the current one already" in said) == (0, True)
    operator.pasted = "yet-another-secret"
    status, said = operator.rotate("webhook")
    assert (status, "an earlier rotation is not finished" in said) == (1, True)
    assert operator.stored("XWebhookSecretArn") == {"consumer_secrets": [NEW, OLD]}


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((404, {}), "X does not deliver again for this app"),
        ((503, {}), "X could not be asked (XUnavailableError)"),
        ((401, {}), "make rotate-secret SECRET=app"),
    ],
)
def test_where_x_does_not_replay_the_sweep_has_to_do(
    answer: Answer, told: str, hook: tuple[Operator, Bundle, Clock], internet: Internet
) -> None:
    internet.answer(REPLAY, answer)
    said = hook[0].rotate("webhook")[1]
    assert told in said
    assert "the sweeps find within a minute" in said


@pytest.mark.parametrize("answer", [(404, {}), (200, {}), (200, []), ReadTimeoutError(None, "/", "late")])  # type: ignore[arg-type]
def test_an_address_that_does_not_take_the_secret_is_told(
    answer: Answer, operator: Operator, internet: Internet
) -> None:
    internet.answer(f"POST {HOOK}", (200, {}))
    internet.answer(f"GET {HOOK}", answer)
    status, said = operator.rotate("webhook")
    assert (status, "does not take the new secret after 7 minutes" in said) == (1, True)
    assert operator.stored("XWebhookSecretArn") == {"consumer_secrets": [NEW, OLD]}


@pytest.mark.parametrize("pasted", ["", "two words", "<API key secret>"])
def test_what_cannot_be_a_key_is_not_written(pasted: str, operator: Operator) -> None:
    operator.pasted = pasted
    status, said = operator.rotate("webhook")
    assert (status, "Nothing was written" in said) == (1, True)
    assert operator.stored("XWebhookSecretArn") == {"consumer_secrets": [OLD]}


@pytest.mark.parametrize("value", ["[]", "no JSON", '{"consumer_secrets": []}'])
def test_a_secret_that_is_none_is_told(value: str, operator: Operator, aws: Aws) -> None:
    aws.secrets.put_secret_value(SecretId=operator.deployed.outputs["XWebhookSecretArn"], SecretString=value)
    status, said = operator.rotate("webhook")
    assert (status, "AWS refuses (SecretUnavailableError)" in said) == (1, True)


def test_an_operator_without_permission_is_told(operator: Operator) -> None:
    operator.deployed.fail("secretsmanager", "put_secret_value", refused("AccessDeniedException"))
    status, said = operator.rotate("pages")
    assert (status, "deploy/operator-policy.json" in said) == (1, True)


def test_old_links_and_open_forms_survive_the_rotation_of_the_pages_key(
    aws: Aws, internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = Bundle(aws, internet, monkeypatch)
    arn = bundle.pages_secret_arn
    operator = Operator(aws, internet, PagesSecretArn=arn)
    old_key = operator.stored("PagesSecretArn")["key"]
    table = Table(aws.dynamodb, "AccountLinksTable")
    browser = FakeBrowser(lambda _, event: bundle.invoke("account_linking", event))
    for shopper in ("shopper-1", "shopper-2"):
        table.put({"id": f"shopper#{shopper}", "email_address": "ada@example.com"})
    form = browser.get(f"/unsubscribe?token={sign_token('unsubscribe', 'shopper-1', old_key)}")

    assert operator.rotate("pages")[0] == 0
    value = operator.stored("PagesSecretArn")
    assert value == {"key": value["key"], "previous_key": old_key}
    assert len(value["key"]) > 40
    assert operator.asked == []
    bundle.restart()
    assert browser.submit(form, "/unsubscribe").status == 200
    mailed = sign_token("unsubscribe", "shopper-2", old_key)
    assert browser.get(f"/unsubscribe?token={mailed}").status == 200
    paused = table.get({"id": "shopper#shopper-1"}, consistent=True)
    assert paused is not None
    assert paused["email_paused"] == "unsubscribed"

    assert "an earlier rotation is not finished" in operator.rotate("pages")[1]
    operator.deployed.clock.now_ms += DAY_MS
    status, said = operator.rotate("pages", "--step", "finish")
    assert (status, "links to unsubscribe in e-mails of the last 30 days" in said) == (1, True)
    operator.deployed.clock.now_ms += 30 * DAY_MS
    assert operator.rotate("pages", "--step", "finish")[0] == 0
    assert operator.stored("PagesSecretArn") == {"key": value["key"]}


def test_a_leaked_pages_key_can_be_dropped_at_once(operator: Operator) -> None:
    operator.rotate("pages")
    operator.deployed.clock.now_ms += 6 * MINUTE
    assert operator.rotate("pages", "--step", "finish", "--force", "yes")[0] == 0
    assert "previous_key" not in operator.stored("PagesSecretArn")


def test_x_is_asked_about_a_bearer_token_before_it_is_written(operator: Operator, internet: Internet) -> None:
    internet.answer(WEBHOOKS, (401, {"title": "Unauthorized"}), (200, {"data": []}))
    status, said = operator.rotate("app")
    assert (status, "X does not take it" in said) == (1, True)
    assert operator.stored("XAppSecretArn") == SECRETS["XAppSecretArn"]
    assert operator.rotate("app")[0] == 0
    assert operator.stored("XAppSecretArn") == {"bearer_token": NEW}
    assert internet.requests[-1].headers["authorization"] == f"Bearer {NEW}"


def takes_only(secret: str, answer: Answer) -> Callable[[Request], Answer]:
    """A token endpoint that knows one client secret."""

    def respond(request: Request) -> Answer:
        basic = request.headers.get("authorization", "Basic ").removeprefix("Basic ")
        form = dict(parse_qsl(request.body.decode()))
        given = base64.b64decode(basic).decode().partition(":")[2] or form.get("client_secret")
        return answer if given == secret else (401, {"error": "invalid_client"})

    return respond


FRESH = {"access_token": "access-2", "refresh_token": "refresh-2", "expires_in": 7200}


def test_the_bots_tokens_are_refreshed_with_the_new_client_secret(
    aws: Aws, operator: Operator, internet: Internet
) -> None:
    tokens = BotTokens(aws.dynamodb, "BotTokensTable")
    tokens.save(BotToken("access-1", "refresh-1", operator.deployed.clock.now_ms + 7_200_000))
    internet.routes[TOKEN] = takes_only(NEW, (200, FRESH))
    status, said = operator.rotate("bot-client")
    assert (status, "the bot's tokens were refreshed with it" in said) == (0, True)
    assert operator.stored("XBotClientSecretArn") == {"client_id": "bot", "client_secret": NEW}
    kept = tokens.read()
    assert kept is not None
    assert kept.refresh_token == "refresh-2"


@pytest.mark.parametrize(
    ("answer", "told"),
    [((401, {}), (1, "sign the bot in: make x-setup")), ((503, {}), (0, "X could not be asked"))],
)
def test_a_client_secret_that_x_does_not_take_is_told(
    answer: Answer, told: tuple[int, str], aws: Aws, operator: Operator, internet: Internet
) -> None:
    tokens = BotTokens(aws.dynamodb, "BotTokensTable")
    tokens.save(BotToken("access-1", "refresh-1", operator.deployed.clock.now_ms + 7_200_000))
    internet.answer(TOKEN, answer)
    status, said = operator.rotate("bot-client")
    assert (status, told[1] in said) == (told[0], True)
    assert "the current one already" in operator.rotate("bot-client")[1]


@pytest.mark.parametrize("name", ["login-client", "store-sign-in"])
def test_another_client_keeps_its_id(name: str, operator: Operator) -> None:
    output = KINDS[name].output
    assert operator.rotate(name)[0] == 0
    assert operator.stored(output) == {**cast("dict[str, str]", SECRETS[output]), "client_secret": NEW}
    assert "there is nothing to finish" in operator.rotate(name, "--step", "finish")[1]


def test_of_the_stores_credentials_one_is_named(operator: Operator, aws: Aws) -> None:
    assert operator.rotate("store-api")[0] == 0
    assert operator.stored("StoreApiSecretArn") == {"key": NEW}
    both = {"credential_id": "id", "credential_secret": "secret"}
    aws.put_secret(operator.deployed.outputs["StoreApiSecretArn"], both)
    status, said = operator.rotate("store-api")
    assert (status, "It has credential_id, credential_secret" in said) == (1, True)
    assert operator.rotate("store-api", "--field", "credential_secret")[0] == 0
    assert operator.stored("StoreApiSecretArn") == {**both, "credential_secret": NEW}


def test_the_bots_tokens_rotate_by_themselves(operator: Operator) -> None:
    assert "AWS rotates the key" in operator.rotate("bot-tokens")[1]


class Rotated:
    """A client's secret that was rotated after a function had read it."""

    def __init__(self, aws: Aws) -> None:
        self.clock = Clock(NOW_MS)
        arn = aws.create_secret("client", {"client_id": "id", "client_secret": "old"})
        self.secret = Secret(aws.secrets, arn, clock_ms=self.clock)
        self.secret.read()
        aws.put_secret(arn, {"client_id": "id", "client_secret": NEW})
        self.clock.now_ms += MINUTE


def test_a_sign_in_with_x_survives_the_rotation(aws: Aws, internet: Internet) -> None:
    internet.routes[TOKEN] = takes_only(NEW, (200, {"access_token": "token"}))
    internet.answer("GET http://x.test/2/users/me", (200, {"data": {"id": "222", "username": "ada"}}))
    http = HttpClient(cast("urllib3.PoolManager", internet))
    sign_in = XSignIn(http, "http://x.site.test", "http://x.test", Rotated(aws).secret)
    assert sign_in.complete(code="code", code_verifier="verifier", redirect_uri="http://back.test").user_id == "222"


def test_a_sign_in_at_the_store_survives_the_rotation(aws: Aws, internet: Internet) -> None:
    internet.routes[f"POST {TOKEN_URL}"] = takes_only(NEW, (200, {"access_token": "token"}))
    internet.answer(f"GET {PROFILE_URL}", (200, {"user_id": "amzn1"}))
    rotated = Rotated(aws)
    sign_in = LoginWithAmazon(HttpClient(cast("urllib3.PoolManager", internet)), rotated.secret)
    wanted = {"code": "code", "code_verifier": "verifier", "nonce": "", "redirect_uri": "http://back.test"}
    assert sign_in.complete(**wanted).subject == "amzn1"
    internet.routes[f"POST {TOKEN_URL}"] = takes_only("another", (200, {"access_token": "token"}))
    rotated.clock.now_ms += MINUTE
    with pytest.raises(ClientRefusedError):
        sign_in.complete(**wanted)
