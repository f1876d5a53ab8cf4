"""`make rotate-secret`: a new value for a secret, without losing a delivery.

Where two values may be valid at once (the webhook's consumer secret, the pages' key), rotating takes two steps: `start`
puts the new value before the old one, `finish` drops the old one. Everywhere else the other side knows one value only;
the functions read a secret anew as soon as that side refuses what they have, so one step does. A new value is read from
the terminal or from standard input, never from an argument, which other users of the machine could see.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from hashcart.domain.posts import DAY_MS
from hashcart.domain.sign_in import random_token
from hashcart.http import HttpClient, UnreachableError
from hashcart.secrets import MAX_AGE_MS, Secret, SecretUnavailableError
from hashcart.social.x.bot_session import BotSession, BotSignedOutError
from hashcart.social.x.client import RateLimitedError, TokenRejectedError, XApi, XUnavailableError
from hashcart.social.x.secrets import webhook_secrets
from hashcart.social.x.signature import sign
from hashcart.storage.bot_tokens import BotTokens
from hashcart.use_cases.receive_webhook import SIGNATURE_HEADER
from local.findings import CheckFailedError, Finding, Mark, failed, good
from local.operations.stack import Stack, step, time_text
from local.x_operations.api import XAdministration, XRefusedError
from local.x_operations.deployment import CONSOLE, KEY

WEBHOOK, PAGES, APP, BOT_CLIENT, BOT_TOKENS = "webhook", "pages", "app", "bot-client", "bot-tokens"

LINK_LIFE_MS = 30 * DAY_MS
"""How long the link to unsubscribe of an e-mail has to work at least (CAN-SPAM Act, 15 U.S.C. 7704(a)(3)(A)(ii))."""

LOOKS = 40
LOOK_SECONDS = 10.0
NOTHING = b"{}"
"""A delivery that concerns nobody."""

BEFORE_MS = 60_000


@dataclass(frozen=True)
class Kind:
    """A secret by its name in commands. `field` of its JSON is what changes; `where` a new value comes from."""

    output: str
    field: str
    where: str
    then: str = ""


KINDS: Mapping[str, Kind] = {
    WEBHOOK: Kind("XWebhookSecretArn", "consumer_secrets", f"the API key's secret, regenerated at {CONSOLE}"),
    PAGES: Kind("PagesSecretArn", "key", "this command, by chance"),
    APP: Kind("XAppSecretArn", "bearer_token", f"the bearer token, regenerated at {CONSOLE}"),
    BOT_CLIENT: Kind(
        "XBotClientSecretArn", "client_secret", f"the OAuth 2.0 client secret of the bot, regenerated at {CONSOLE}"
    ),
    "login-client": Kind(
        "XLoginClientSecretArn",
        "client_secret",
        f"the OAuth 2.0 client secret that shoppers sign in with, regenerated at {CONSOLE}",
        "Sign in with X on the pages once, to see that it is right.",
    ),
    "store-sign-in": Kind(
        "StoreSignInSecretArn",
        "client_secret",
        "the client secret of the store's sign-in, made anew there",
        "Sign in on the pages once, to see that it is right.",
    ),
    "store-api": Kind(
        "StoreApiSecretArn", "", "the credential of the store's API, made anew there", "make store-check shows it."
    ),
}
SECRETS = (*KINDS, BOT_TOKENS)


@dataclass(frozen=True)
class Rotation:
    """One secret of a stack. `ask` reads a value without showing it; `now_ms` is in milliseconds of the Unix epoch."""

    stack: Stack
    name: str
    http: HttpClient
    ask: Callable[[str], str]
    now_ms: Callable[[], int]
    sleep: Callable[[float], None]

    def start(self, field: str | None) -> Iterator[Finding]:
        """Write the new value, and see that it works where that can be seen. `field` is for the store's API."""
        if self.name == BOT_TOKENS:
            yield good(self.name, "AWS rotates the key that encrypts them each year, and X the tokens with each use")
            return
        with step(self.name):
            value = self._value(self._read())
        match self.name:
            case "webhook":
                yield from self._start_webhook(value)
            case "pages":
                yield self._start_pages(value)
            case _:
                yield from self._replace(value, self._field(value, field))

    def finish(self, *, forced: bool) -> Iterator[Finding]:
        """Drop the value that a rotation has replaced. `forced`, even if links in e-mails stop working by that."""
        if self.name not in (WEBHOOK, PAGES):
            yield good(self.name, "there is nothing to finish: only one value of it is ever valid")
            return
        with step(self.name):
            answer = self._read()
            value, age_ms = self._value(answer), self.now_ms() - int(answer["CreatedDate"].timestamp() * 1000)
            rotated = "previous_key" in value if self.name == PAGES else len(webhook_secrets(value)) > 1
        if not rotated:
            yield good(self.name, "only one value is valid: nothing to finish")
            return
        if age_ms < MAX_AGE_MS:
            raise failed(self.name, "functions may still hold the old value alone", "Finish it after five minutes.")
        if self.name == PAGES and age_ms < LINK_LIFE_MS and not forced:
            ready = time_text(self.now_ms() - age_ms + LINK_LIFE_MS)
            raise failed(
                self.name,
                "links to unsubscribe in e-mails of the last 30 days are signed with the old key",
                f"Finish it after {ready}; FORCE=yes breaks those links now, as after a leak you may have to.",
            )
        kept = {name: own for name, own in value.items() if name != "previous_key"}
        with step(self.name):
            if self.name == WEBHOOK:
                kept["consumer_secrets"] = webhook_secrets(value)[:1]
            self._write(kept)
        yield good(self.name, "the old value is no longer valid, within five minutes")

    # -------------------------------------------------------------- Two values

    def _start_pages(self, value: Mapping[str, Any]) -> Finding:
        if "previous_key" in value:
            raise self._unfinished()
        with step(self.name):
            self._write({**value, "key": secrets.token_urlsafe(48), "previous_key": value["key"]})
        return Finding(
            Mark.GOOD,
            self.name,
            "new e-mails are signed with the new key within five minutes; links in older ones go on working, and so do "
            "sessions and forms, which do without this key. The pages' limits count anew",
            f"In 30 days or later: make rotate-secret SECRET={PAGES} STEP=finish",
        )

    def _start_webhook(self, value: dict[str, Any]) -> Iterator[Finding]:
        with step(self.name):
            known = webhook_secrets(value)
        started_ms = self.now_ms()
        new = self._asked()
        if new == known[0]:
            yield good(self.name, "this value is the current one already")
        elif len(known) > 1:
            raise self._unfinished()
        else:
            with step(self.name):
                self._write({**value, "consumer_secrets": [new, known[0]]})
            yield good(self.name, "written: deliveries signed with the new secret and with the old one are both taken")
        yield self._seen_to_work(new)
        yield self._replayed(started_ms)

    def _seen_to_work(self, new: str) -> Finding:
        """Deliver something signed with the new secret, which makes the function read it; challenge it as X will."""
        url = self.stack.deployment.webhook_url
        for _ in range(LOOKS):
            taken = self._status("POST", url, body=NOTHING, headers={SIGNATURE_HEADER: sign(new, NOTHING)})
            token = random_token()
            answered = self._status("GET", url, fields={"crc_token": token}, wanted=sign(new, token.encode()))
            if taken == answered == HTTPStatus.OK:
                return good("Webhook", f"{url} takes deliveries with the new secret, and answers X's challenge with it")
            self.sleep(LOOK_SECONDS)
        raise failed(
            "Webhook",
            f"{url} does not take the new secret after {LOOKS * LOOK_SECONDS / 60:.0f} minutes ({taken}, {answered})",
            "Both secrets are written, so nothing is lost. Does the address lead to this stack?",
        )

    def _status(self, method: str, url: str, *, wanted: str | None = None, **request: Any) -> int:
        try:
            answer = self.http.request(method, url, **request)
            if wanted is not None and answer.status == HTTPStatus.OK and answer.json()["response_token"] != wanted:
                return HTTPStatus.CONFLICT
        except (UnreachableError, KeyError, TypeError):
            return HTTPStatus.SERVICE_UNAVAILABLE
        return answer.status

    def _replayed(self, from_ms: int) -> Finding:
        """What X signed with the new secret before it was written was refused: have it delivered again."""
        api = self._x_api()
        left = "the sweeps find within a minute what was refused meanwhile, but for deletions"
        try:
            bearer = self._secret(APP).text("bearer_token")
            webhooks = api.webhooks(bearer)
            taken = [api.replay(hook.id, bearer, from_ms=from_ms - BEFORE_MS, to_ms=self.now_ms()) for hook in webhooks]
        except TokenRejectedError:
            return Finding(
                Mark.BAD,
                "Replay",
                f"X does not take the bearer token any more; {left}",
                f"Regenerate it at {CONSOLE}: make rotate-secret SECRET={APP}",
            )
        except (XUnavailableError, RateLimitedError, SecretUnavailableError) as error:
            return Finding(Mark.NOTE, "Replay", f"X could not be asked ({type(error).__name__}); {left}")
        if not taken or not all(taken):
            return Finding(Mark.NOTE, "Replay", f"X does not deliver again for this app; {left}")
        return Finding(
            Mark.GOOD,
            "Replay",
            f"X delivers again what it had since {time_text(from_ms - BEFORE_MS)}; nothing counts twice",
            f"In five minutes or later: make rotate-secret SECRET={WEBHOOK} STEP=finish",
        )

    # -------------------------------------------------------------- One value

    def _replace(self, value: Mapping[str, Any], field: str) -> Iterator[Finding]:
        new = self._asked()
        if new == value.get(field):
            yield good(self.name, "this value is the current one already")
        else:
            if self.name == APP:
                self._check_bearer(new)
            with step(self.name):
                self._write({**value, field: new})
            yield good(
                self.name,
                f"{field} written; functions take it within half a minute where the old one is refused, else in five",
            )
        if self.name == BOT_CLIENT:
            yield self._refreshed()
        elif KINDS[self.name].then:
            yield Finding(Mark.NOTE, self.name, "whether it is right shows in use", KINDS[self.name].then)

    def _check_bearer(self, bearer: str) -> None:
        """Ask X before anything is written."""
        base_url = self.stack.deployment.parameters["XApiBaseUrl"]
        try:
            XAdministration(self.http, base_url, bearer, self.now_ms).webhooks()
        except (XRefusedError, XUnavailableError, RateLimitedError) as error:
            raise failed(self.name, f"X does not take it ({error})", "Nothing was written. Copy it again.") from error

    def _refreshed(self) -> Finding:
        """Spend the bot's refresh token with the new client secret, as the functions do."""
        session = BotSession(
            self._x_api(),
            BotTokens(self.stack.client("dynamodb"), self.stack.output("BotTokensTableName")),
            self._secret(BOT_CLIENT),
            clock_ms=self.now_ms,
            sleep=self.sleep,
        )
        try:
            with step(self.name):
                session.access_token()
                session.forget()
                session.access_token()
        except BotSignedOutError as error:
            raise failed(
                self.name, f"X does not take it ({error})", "Copy it again, or sign the bot in: make x-setup"
            ) from error
        except (XUnavailableError, RateLimitedError) as error:
            return Finding(
                Mark.NOTE, self.name, f"X could not be asked ({type(error).__name__})", "make x-status later."
            )
        return good(self.name, "the bot's tokens were refreshed with it")

    # -------------------------------------------------------------- Reading and writing

    def _unfinished(self) -> CheckFailedError:
        advice = f"make rotate-secret SECRET={self.name} STEP=finish"
        return failed(self.name, "an earlier rotation is not finished", advice)

    def _x_api(self) -> XApi:
        return XApi(self.http, self.stack.deployment.parameters["XApiBaseUrl"], self.now_ms)

    def _secret(self, name: str) -> Secret:
        arn = self.stack.output(KINDS[name].output)
        return Secret(self.stack.client("secretsmanager"), arn, clock_ms=self.now_ms)

    def _field(self, value: Mapping[str, Any], field: str | None) -> str:
        known = KINDS[self.name].field or field or (next(iter(value)) if len(value) == 1 else "")
        if known not in value:
            names = ", ".join(sorted(value)) or "nothing yet"
            raise failed(self.name, f"which of its fields? It has {names}", "Name it: FIELD=…")
        return known

    def _asked(self) -> str:
        value = self.ask(f"New value ({KINDS[self.name].where}): ").strip()
        if not KEY.fullmatch(value):
            raise failed(self.name, "what came is empty, has blanks or is a placeholder", "Nothing was written. Again?")
        return value

    def _read(self) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self.stack.client("secretsmanager").get_secret_value(SecretId=self._arn)
        return answer

    def _value(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        try:
            value = json.loads(answer.get("SecretString", ""))
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise SecretUnavailableError("the secret is not a JSON object")
        return value

    def _write(self, value: Mapping[str, Any]) -> None:
        self.stack.client("secretsmanager").put_secret_value(SecretId=self._arn, SecretString=json.dumps(value))

    @property
    def _arn(self) -> str:
        return self.stack.output(KINDS[self.name].output)
