"""A secret that the test knows."""

from typing import TYPE_CHECKING, Any, cast

from hashcart.secrets import Secret

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


class _Manager:
    def __init__(self, text: str) -> None:
        self._text = text

    def get_secret_value(self, **_: Any) -> dict[str, str]:
        return {"SecretString": self._text}


def secret(text: str) -> Secret:
    return Secret(cast("SecretsManagerClient", _Manager(text)), "arn", clock_ms=lambda: 0)
