"""The app's token: read again, once and not too often, when X rejects it."""

import json
from typing import TYPE_CHECKING, cast

import pytest

from hashcart.secrets import REREAD_INTERVAL_MS, Secret
from hashcart.social.x.app_token import with_app_token
from hashcart.social.x.client import TokenRejectedError
from tests.fakes.clock import Clock

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


class Manager:
    """Secrets Manager with a token that is replaced while it is in use."""

    def __init__(self) -> None:
        self.token = "old"

    def get_secret_value(self, **_: object) -> dict[str, str]:
        return {"SecretString": json.dumps({"bearer_token": self.token})}


def only_new(token: str) -> str:
    if token != "new":
        raise TokenRejectedError("/2/tweets")
    return "done"


def test_a_replaced_token_is_read_again() -> None:
    manager, clock = Manager(), Clock()
    app_secret = Secret(cast("SecretsManagerClient", manager), "arn", clock_ms=clock)
    app_secret.read()
    manager.token = "new"
    with pytest.raises(TokenRejectedError):
        with_app_token(app_secret, only_new)
    clock.now_ms += REREAD_INTERVAL_MS + 1
    assert with_app_token(app_secret, only_new) == "done"
