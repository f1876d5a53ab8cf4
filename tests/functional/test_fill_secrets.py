"""`make fill-secrets`: what a new stack lacks is asked for, and what it has stays."""

import json
from typing import Any

import pytest

from local.operations.filling import STORE_APIS, wanted_of
from tests.fakes.aws import Aws
from tests.fakes.clock import NOW_MS
from tests.fakes.deployed import SECRETS, Deployed, refused
from tests.template.loading import template


class Operator:
    """Somebody at the terminal, with a new stack."""

    def __init__(self, aws: Aws, store: str = "oscar") -> None:
        empty = {
            name: aws.secrets.create_secret(Name=f"empty-{name}")["ARN"] for name in SECRETS if name != "PagesSecretArn"
        }
        self.aws = aws
        self.deployed = Deployed(aws, NOW_MS, **empty)
        self.deployed.parameters["Store"] = store
        self.prompts: list[str] = []

    def types(self, *lines: str) -> tuple[int, str]:
        waiting = list(lines)

        def ask(prompt: str) -> str:
            self.prompts.append(prompt)
            return waiting.pop(0)

        self.deployed.outside["ask"] = ask
        result = self.deployed("fill-secrets")
        assert waiting == []
        return result

    def value(self, output: str) -> Any:
        answer = self.aws.secrets.get_secret_value(SecretId=self.deployed.outputs[output])
        return json.loads(answer["SecretString"])


KEYS = ("consumer", "bearer", "bot-id", "bot-secret", "login-id", "login-secret", "store-id", "store-secret", "api-key")


def test_a_new_stack_is_asked_for_everything(aws: Aws) -> None:
    operator = Operator(aws)
    status, said = operator.types(*KEYS)
    assert (status, said.count("written")) == (0, 6)
    assert operator.value("XWebhookSecretArn") == {"consumer_secrets": ["consumer"]}
    assert operator.value("XAppSecretArn") == {"bearer_token": "bearer"}
    assert operator.value("XBotClientSecretArn") == {"client_id": "bot-id", "client_secret": "bot-secret"}
    assert operator.value("XLoginClientSecretArn") == {"client_id": "login-id", "client_secret": "login-secret"}
    assert operator.value("StoreSignInSecretArn") == {"client_id": "store-id", "client_secret": "store-secret"}
    assert operator.value("StoreApiSecretArn") == {"key": "api-key"}
    assert not any(key in said for key in KEYS)


def test_a_second_time_there_is_nothing_to_ask(aws: Aws) -> None:
    operator = Operator(aws)
    operator.types(*KEYS)
    operator.prompts.clear()
    status, said = operator.types()
    assert (status, operator.prompts, said.count("has its value")) == (0, [], 6)


def test_what_is_left_empty_is_told_and_asked_again(aws: Aws) -> None:
    operator = Operator(aws, "amazon")
    status, said = operator.types("consumer", "", "bot-id", "bot-secret", "", "store-id", "store-secret", "")
    assert status == 1
    assert "✗ app: still empty" in said
    assert "! store-api: left empty" in said
    assert operator.value("XLoginClientSecretArn") == {"client_id": "bot-id", "client_secret": "bot-secret"}
    status, said = operator.types("bearer", "credential-id", "credential-secret")
    assert status == 0
    assert operator.value("StoreApiSecretArn") == {
        "credential_id": "credential-id",
        "credential_secret": "credential-secret",
        "version": "3.1",
    }


def test_a_login_client_cannot_be_taken_from_a_bot_that_has_none(aws: Aws) -> None:
    status, said = Operator(aws, "demo").types("consumer", "bearer", "", "", "store-id", "store-secret")
    assert status == 1
    assert "✗ login-client: still empty" in said


@pytest.mark.parametrize("typed", ["<API key secret>", "two words", "é"])
def test_what_is_no_key_is_not_written(aws: Aws, typed: str) -> None:
    operator = Operator(aws)
    status, said = operator.types(typed)
    assert status == 1
    assert "consumer_secrets is empty, has blanks or is a placeholder" in said
    with pytest.raises(operator.aws.secrets.exceptions.ResourceNotFoundException):
        operator.value("XWebhookSecretArn")


@pytest.mark.parametrize("held", ["no json", '["a list"]'])
def test_a_secret_that_holds_something_else_is_asked_for(aws: Aws, held: str) -> None:
    operator = Operator(aws)
    aws.secrets.put_secret_value(SecretId=operator.deployed.outputs["XWebhookSecretArn"], SecretString=held)
    operator.types(*KEYS)
    assert operator.value("XWebhookSecretArn") == {"consumer_secrets": ["consumer"]}


def test_what_aws_refuses_is_told(aws: Aws) -> None:
    operator = Operator(aws)
    operator.deployed.fail("secretsmanager", "get_secret_value", refused("AccessDeniedException"))
    status, said = operator.types()
    assert status == 1
    assert "AccessDeniedException" in said


def test_each_kind_of_store_that_takes_a_secret_is_known() -> None:
    assert set(STORE_APIS) <= set(template()["Parameters"]["Store"]["AllowedValues"])
    assert all("store-api" in wanted_of(store) for store in STORE_APIS)
    assert "store-api" not in wanted_of("demo")


@pytest.mark.parametrize(
    "value", [{"bearer_token": "<the bearer token>"}, {"bearer_token": ["a", 1]}, {"bearer_token": []}]
)
def test_a_placeholder_is_asked_for_again(aws: Aws, value: object) -> None:
    operator = Operator(aws)
    operator.types(*KEYS)
    aws.put_secret(operator.deployed.outputs["XAppSecretArn"], value)
    status, said = operator.types("bearer-2")
    assert (status, "✓ app: written" in said) == (0, True)
    assert operator.value("XAppSecretArn") == {"bearer_token": "bearer-2"}
