"""`make fill-secrets`: ask for what a new stack's secrets still lack, one key after the other.

Keys are read from the terminal, not shown, or from standard input, a line each; never from an argument, which other
users of the machine could see.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from local.findings import Finding, Mark, failed, good
from local.operations.stack import Stack, code_of, step
from local.x_operations.deployment import CONSOLE, KEY


@dataclass(frozen=True)
class Wanted:
    """What a secret has to hold: JSON fields with where each comes from, and `fixed` ones that are always the same."""

    output: str
    fields: Mapping[str, str]
    is_optional: bool = False
    fixed: Mapping[str, str] | None = None


_X_CLIENT = f"OAuth 2.0, at {CONSOLE}"
WEBHOOK, BOT_CLIENT, LOGIN_CLIENT = "webhook", "bot-client", "login-client"

STORE_APIS: Mapping[str, Wanted] = {
    "amazon": Wanted(
        "StoreApiSecretArn",
        {
            "credential_id": "Creators API, in Associates Central; Enter to do without the catalogue",
            "credential_secret": "of the same credential",
        },
        is_optional=True,
        fixed={"version": "3.1"},
    ),
    "shopify": Wanted(
        "StoreApiSecretArn",
        {"private_token": "Storefront API access of the shop; Enter to do without"},
        is_optional=True,
    ),
    "oscar": Wanted("StoreApiSecretArn", {"key": "one of the shop's HASHCART_API_KEYS"}),
}


def wanted_of(store: str) -> Mapping[str, Wanted]:
    """The secrets that a stack of this kind of store needs, by their names in commands."""
    secrets = {
        WEBHOOK: Wanted("XWebhookSecretArn", {"consumer_secrets": f"the API key's secret, at {CONSOLE}"}),
        "app": Wanted("XAppSecretArn", {"bearer_token": f"at {CONSOLE}"}),
        BOT_CLIENT: Wanted("XBotClientSecretArn", {"client_id": _X_CLIENT, "client_secret": _X_CLIENT}),
        LOGIN_CLIENT: Wanted(
            "XLoginClientSecretArn",
            {"client_id": f"{_X_CLIENT}, for the shoppers; Enter to take the bot's", "client_secret": _X_CLIENT},
        ),
        "store-sign-in": Wanted(
            "StoreSignInSecretArn",
            {"client_id": "the client of the store's sign-in", "client_secret": "of the same client"},
        ),
    }
    return secrets | ({"store-api": STORE_APIS[store]} if store in STORE_APIS else {})


@dataclass(frozen=True)
class Filling:
    """The secrets of a stack. `ask` reads a value without showing it."""

    stack: Stack
    ask: Callable[[str], str]

    def __call__(self) -> Iterator[Finding]:
        """Ask for each secret that lacks something; what has its value is left alone."""
        for name, wanted in wanted_of(self.stack.deployment.parameters.get("Store", "")).items():
            yield self._fill(name, wanted)

    def _fill(self, name: str, wanted: Wanted) -> Finding:
        with step(name):
            held = self._read(wanted)
        if all(_is_there(held.get(field)) for field in wanted.fields):
            return good(name, f"has its value; make rotate-secret SECRET={name} changes it")
        value = self._asked(name, wanted)
        if value is None and name == LOGIN_CLIENT:
            with step(name):
                value = self._read(wanted_of("")[BOT_CLIENT]) or None
        if value is None and wanted.is_optional:
            return Finding(Mark.NOTE, name, "left empty: it works without")
        if value is None:
            return Finding(Mark.BAD, name, "still empty", "Run this again once you have the key.")
        with step(name):
            self._write(wanted, {**held, **value, **(wanted.fixed or {})})
        return good(name, "written; functions read it within five minutes")

    def _asked(self, name: str, wanted: Wanted) -> dict[str, Any] | None:
        """The fields as they were typed; None where nothing was."""
        value: dict[str, Any] = {}
        for field, where in wanted.fields.items():
            typed = self.ask(f"{name}, {field} ({where}): ").strip()
            if not typed and not value:
                return None
            if not KEY.fullmatch(typed):
                raise failed(name, f"{field} is empty, has blanks or is a placeholder", "Nothing was written. Again?")
            value[field] = [typed] if name == WEBHOOK else typed
        return value

    def _read(self, wanted: Wanted) -> dict[str, Any]:
        manager = self.stack.client("secretsmanager")
        try:
            held = json.loads(manager.get_secret_value(SecretId=self.stack.output(wanted.output))["SecretString"])
        except ValueError:
            return {}
        except ClientError as error:
            if code_of(error) == "ResourceNotFoundException":
                return {}
            raise
        return held if isinstance(held, dict) else {}

    def _write(self, wanted: Wanted, value: Mapping[str, Any]) -> None:
        self.stack.client("secretsmanager").put_secret_value(
            SecretId=self.stack.output(wanted.output), SecretString=json.dumps(value)
        )


def _is_there(value: object) -> bool:
    """Whether a field holds what may be a key, or several, and no placeholder of the documentation."""
    keys = value if isinstance(value, list) else [value]
    return bool(keys) and all(isinstance(key, str) and KEY.fullmatch(key) for key in keys)
