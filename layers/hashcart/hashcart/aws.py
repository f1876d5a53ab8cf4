"""How the functions talk to AWS: time-outs shorter than their own, and few attempts."""

from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, cast, overload

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

CLIENT_CONFIG = Config(
    connect_timeout=2,
    read_timeout=4,
    retries={"mode": "standard", "total_max_attempts": 3},
    user_agent_extra="hashcart",
)


class _LateClient:
    """Stands for a client until the first call."""

    def __init__(self, service: Literal["secretsmanager", "sqs"]) -> None:
        self._service = service

    @cached_property
    def _client(self) -> Any:
        return boto3.client(self._service, config=CLIENT_CONFIG)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


@overload
def late_client(service: Literal["sqs"]) -> "SQSClient": ...
@overload
def late_client(service: Literal["secretsmanager"]) -> "SecretsManagerClient": ...
def late_client(service: Literal["secretsmanager", "sqs"]) -> "SecretsManagerClient | SQSClient":
    """A client for what most invocations do not need, so that a cold start does not wait for it; not for threads."""
    return cast("SecretsManagerClient | SQSClient", _LateClient(service))
