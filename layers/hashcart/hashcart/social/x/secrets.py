"""What X's secrets hold."""

from typing import Any

from hashcart.secrets import SecretUnavailableError


def webhook_secrets(secret: dict[str, Any]) -> list[str]:
    """The consumer secrets that may sign deliveries: the current one first, then the one being rotated out."""
    listed = secret.get("consumer_secrets")
    secrets = [entry for entry in listed if isinstance(entry, str) and entry] if isinstance(listed, list) else []
    if not secrets:
        raise SecretUnavailableError("the secret has no consumer_secrets")
    return secrets[:2]
