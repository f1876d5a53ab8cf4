"""The stack that a command is about: one in AWS, or the embedded one as `STACK=local`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, cast

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError

from hashcart.queues import NotSentError
from hashcart.secrets import SecretUnavailableError
from local.findings import CheckFailedError, failed
from local.settings import LocalSettings, from_environment
from local.x_operations.deployment import Client, Deployment, find_deployment

LOCAL = "local"
CONFIG = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 5})
LOCAL_STACK = "hashcart-local"
LOCAL_REGION = "us-east-1"


@dataclass(frozen=True)
class Stack:
    """A deployment, and clients of the services of its account and region."""

    deployment: Deployment
    client: Client

    @property
    def name(self) -> str:
        """The stack's name in CloudFormation."""
        return self.deployment.name

    def output(self, name: str) -> str:
        """One output. Raises CheckFailedError where the stack is older than that output."""
        value = self.deployment.outputs.get(name)
        if value is None:
            raise failed("Stack", f"{self.name} has no output {name}", "Deploy this version: sam build && sam deploy")
        return value

    def log_group(self, function: str) -> str:
        """The log group of a function."""
        return f"/hashcart/{self.name}/{function}"


def find_stack(name: str, client: Client) -> Stack:
    """The stack of this name. Raises CheckFailedError."""
    if name != LOCAL:
        return Stack(find_deployment(name, client), client)
    try:
        deployment = find_deployment(LOCAL_STACK, client)
    except CheckFailedError as error:
        if isinstance(error.__cause__, EndpointConnectionError):
            raise failed(
                "Stack", "the embedded stack does not run", "Start it in another terminal: make start"
            ) from error
        raise
    settings = from_environment()
    webhook_url = f"{settings.aws_endpoint_url}/_aws/execute-api/{deployment.outputs['HttpApiId']}/$default/webhooks/x"
    return Stack(
        replace(
            deployment,
            outputs={**deployment.outputs, "WebhookUrl": webhook_url},
            # Its host name leads to this machine in browsers only.
            parameters={**deployment.parameters, "PublicUrl": ""},
        ),
        client,
    )


def connect(name: str, region: str | None) -> Client:
    """Makes clients: with the operator's own AWS configuration, or of the emulator that `make start` runs."""
    if name == LOCAL:
        return _connect_locally(from_environment())
    session = boto3.Session(region_name=region)
    return lambda service: session.client(cast("Any", service), config=CONFIG)


def _connect_locally(settings: LocalSettings) -> Client:
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=LOCAL_REGION)  # noqa: S106
    config = CONFIG.merge(Config(proxies={}))
    return lambda service: session.client(cast("Any", service), endpoint_url=settings.aws_endpoint_url, config=config)


@contextmanager
def step(name: str) -> Iterator[None]:
    """Turns what AWS refuses within a step into its finding."""
    try:
        yield
    except (BotoCoreError, ClientError, NotSentError, SecretUnavailableError) as error:
        code = code_of(error)
        denied = "AccessDenied" in code or "NotAuthorized" in code
        raise failed(
            name,
            f"AWS refuses ({code})",
            "Your AWS user lacks a permission of deploy/operator-policy.json."
            if denied
            else "Run this again; nothing is done twice.",
        ) from error


def code_of(error: Exception) -> str:
    """What AWS calls the failure."""
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else type(error).__name__


def time_text(time_ms: int) -> str:
    """A moment (milliseconds of the Unix epoch) as operators read it."""
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
