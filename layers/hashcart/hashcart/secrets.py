"""Secrets, read at run time and never more than five minutes old."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

MAX_AGE_MS = 5 * 60 * 1000
REREAD_INTERVAL_MS = 30 * 1000


class SecretUnavailableError(Exception):
    """The secret cannot be read, or is not what it should be; the message never quotes it."""


class Secret:
    """One JSON secret in Secrets Manager."""

    def __init__(self, client: "SecretsManagerClient", arn: str, *, clock_ms: Callable[[], int]) -> None:
        self._client = client
        self._arn = arn
        self._clock_ms = clock_ms
        self._value: dict[str, Any] | None = None
        self._read_at_ms = 0

    def read(self) -> dict[str, Any]:
        """The secret, at most five minutes old. Raises SecretUnavailableError."""
        if self._value is None or self._clock_ms() - self._read_at_ms > MAX_AGE_MS:
            return self._read_anew()
        return self._value

    def reread(self) -> dict[str, Any] | None:
        """The secret anew, for what fails just after a rotation; None if it was read seconds ago."""
        if self._clock_ms() - self._read_at_ms < REREAD_INTERVAL_MS:
            return None
        return self._read_anew()

    def has_changed(self) -> bool:
        """Whether the secret is another one than was read last; then that is what is read from now on.

        It is asked where somebody else refuses what the secret holds: after a rotation the new one is tried at once.
        """
        known = self._value
        return known is not None and self.reread() not in (None, known)

    def _read_anew(self) -> dict[str, Any]:
        value = self._fetch()
        self._value, self._read_at_ms = value, self._clock_ms()
        return value

    def text(self, name: str) -> str:
        """One field that must be there. Raises SecretUnavailableError."""
        value = self.read().get(name)
        if not isinstance(value, str) or not value:
            raise SecretUnavailableError(f"the secret has no field {name}")
        return value

    def _fetch(self) -> dict[str, Any]:
        try:
            value = json.loads(self._client.get_secret_value(SecretId=self._arn)["SecretString"])
        except (BotoCoreError, ClientError, KeyError, ValueError) as error:
            raise SecretUnavailableError(type(error).__name__) from None
        if not isinstance(value, dict):
            raise SecretUnavailableError("the secret is not a JSON object")
        return value


def token_keys(secret: dict[str, Any]) -> list[str]:
    """The keys that sign the tokens in e-mails: the current one first, then the one being rotated out."""
    keys = [key for key in (secret.get("key"), secret.get("previous_key")) if isinstance(key, str) and key]
    if not keys:
        raise SecretUnavailableError("the secret has no key")
    return keys
