"""What is deployed, and the keys of X that its secrets hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, NoRegionError

from hashcart.observability import clock_ms
from hashcart.secrets import Secret, SecretUnavailableError
from hashcart.social.x.secrets import webhook_secrets
from local.findings import CheckFailedError, Finding, Mark, failed
from local.oauth1 import UserKeys

type Client = Callable[[str], Any]
"""Makes a client of an AWS service, as `boto3.client` does."""

WEBHOOK_PATH = "/webhooks/x"
OUTPUTS = (
    "WebhookUrl",
    "XWebhookSecretArn",
    "XAppSecretArn",
    "XBotClientSecretArn",
    "BotTokensTableName",
)
PARAMETERS = (
    "BotUserId",
    "BotUsername",
    "PublicUrl",
    "XApiBaseUrl",
    "XSiteUrl",
    "XDailyBudget",
    "XSubscriptions",
    "XSubscriptionLimit",
)
USER_KEYS = ("api_key", "access_token", "access_token_secret")
CONSOLE = "https://developer.x.com (your app, “Keys and tokens”)"

KEY = re.compile(r"[!-;=-~]{3,}")
"""Printable, without blanks, and not the `<…>` of the documentation."""


@dataclass(frozen=True)
class Deployment:
    """A stack of template.yaml."""

    name: str
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]

    @property
    def webhook_url(self) -> str:
        """The address for X: on the operator's own domain if there is one, which stays when a stack is built anew."""
        public_url = self.parameters["PublicUrl"].rstrip("/")
        return public_url + WEBHOOK_PATH if public_url else self.outputs["WebhookUrl"]

    @property
    def bot(self) -> str:
        """The bot as people read it."""
        return f"@{self.parameters['BotUsername']} ({self.parameters['BotUserId']})"


@dataclass(frozen=True)
class Keys:
    """X's keys. `client` is read by name where the bot signs in; `user` are the bot's keys for OAuth 1.0a, if given."""

    consumer_secrets: list[str] = field(repr=False)
    bearer_token: str = field(repr=False)
    client: Secret = field(repr=False)
    user: UserKeys | None = field(default=None, repr=False)


def find_deployment(stack_name: str, client: Client) -> Deployment:
    """The stack as it is deployed. Raises CheckFailedError."""
    try:
        stack = client("cloudformation").describe_stacks(StackName=stack_name)["Stacks"][0]
    except (BotoCoreError, ClientError) as error:
        code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
        is_missing = code == "ValidationError"
        raise failed(
            "Stack",
            f"there is no stack {stack_name}" if is_missing else f"AWS does not tell of {stack_name} ({code})",
            "Deploy it (docs/deploy.md), or name it: STACK=… REGION=…"
            if is_missing
            else "Name its region: REGION=…, or export AWS_DEFAULT_REGION=…"
            if isinstance(error, NoRegionError)
            else "Sign in to AWS with the account of the stack, and try again.",
        ) from error
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    parameters = {entry["ParameterKey"]: entry["ParameterValue"] for entry in stack.get("Parameters", [])}
    missing = [name for name in OUTPUTS if name not in outputs] + [
        name for name in PARAMETERS if name not in parameters
    ]
    if missing:
        raise failed(
            "Stack",
            f"{stack_name} lacks {', '.join(missing)}",
            "Is it HashCart's, and is its deployment complete? `sam build && sam deploy` brings it up to date.",
        )
    return Deployment(stack_name, outputs, parameters)


def read_keys(deployment: Deployment, client: Client) -> Keys:
    """The three secrets. Raises CheckFailedError for all that is missing or malformed."""
    manager = client("secretsmanager")
    secrets = {
        name: Secret(manager, deployment.outputs[name], clock_ms=clock_ms)
        for name in ("XWebhookSecretArn", "XAppSecretArn", "XBotClientSecretArn")
    }
    problems = []
    values: dict[str, list[str]] = {}
    for name, read in _WANTED.items():
        try:
            values[name] = read(secrets[name])
            if not all(map(KEY.fullmatch, values[name])):
                raise SecretUnavailableError("a key in it is empty, has blanks, or is a placeholder")  # noqa: TRY301
        except SecretUnavailableError as error:
            reason = "it has no value yet" if str(error) == "ResourceNotFoundException" else str(error)
            problems.append(f"{name}: {reason}")
    if problems:
        raise CheckFailedError(
            Finding(
                Mark.BAD,
                "Secrets",
                "; ".join(problems),
                f"Take the keys from {CONSOLE}, and run this, which asks for what is missing: make fill-secrets",
            )
        )
    consumer_secrets = values["XWebhookSecretArn"]
    user = _user_keys(secrets["XAppSecretArn"], consumer_secrets[0])
    return Keys(consumer_secrets, values["XAppSecretArn"][0], secrets["XBotClientSecretArn"], user)


def _user_keys(app_secret: Secret, consumer_secret: str) -> UserKeys | None:
    """The bot's keys for OAuth 1.0a, which most apps do without: None unless the app's secret has them all."""
    try:
        api_key, token, token_secret = (app_secret.text(name) for name in USER_KEYS)
    except SecretUnavailableError:
        return None
    return UserKeys(api_key, consumer_secret, token, token_secret)


_WANTED: Mapping[str, Callable[[Secret], list[str]]] = {
    "XWebhookSecretArn": lambda secret: webhook_secrets(secret.read()),
    "XAppSecretArn": lambda secret: [secret.text("bearer_token")],
    "XBotClientSecretArn": lambda secret: [secret.text("client_id"), secret.text("client_secret")],
}
