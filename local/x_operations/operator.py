"""Set-up, status and teardown, step by step. Each step looks first, so that all of it can be repeated."""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from hashcart.domain.bot_tokens import BotToken
from hashcart.domain.posts import posted_at_ms
from hashcart.domain.sign_in import authorization_url, code_challenge, random_token
from hashcart.domain.x_prices import DOLLAR
from hashcart.domain.x_spending import READS_PERCENT, day_of
from hashcart.http import HttpClient, UnreachableError
from hashcart.secrets import SecretUnavailableError
from hashcart.social.x.bot_session import BotSession, BotSignedOutError
from hashcart.social.x.client import RateLimitedError, XApi, XUnavailableError
from hashcart.social.x.signature import sign
from hashcart.storage.bot_tokens import BotTokens
from hashcart.storage.checkpoints import Checkpoints
from local.findings import CheckFailedError, Finding, Mark, failed, good
from local.x_operations.api import MENTIONS, Account, SignedIn, Subscription, Webhook, XAdministration, XRefusedError
from local.x_operations.deployment import CONSOLE, USER_KEYS, Deployment, Keys
from local.x_operations.last_calls import CHALLENGE, DELIVERY
from local.x_operations.redirects import Redirects

SCOPES = "tweet.read users.read tweet.write offline.access"
NEARLY_ALL_PERCENT = 80
LOOKS = 10
LOOK_SECONDS = 3.0
SETTINGS_OF_APP = "https://developer.x.com (your app, “User authentication settings”)"

SOURCES = ("mentions", "search")
"""What `mention_sweep` reads, by the names of its positions."""

type LastCall = Callable[[str], int | None]
"""When X last called a route of the API, in milliseconds of the Unix epoch; None if not in a week."""


@dataclass(frozen=True)
class Operator:
    """Does at X what a deployment needs. `clock_ms` is in milliseconds of the Unix epoch."""

    deployment: Deployment
    keys: Keys
    http: HttpClient
    tokens: BotTokens
    redirects: Redirects
    checkpoints: Checkpoints
    last_call: LastCall
    clock_ms: Callable[[], int]
    sleep: Callable[[float], None]
    x: XAdministration

    # -------------------------------------------------------------- Set-up

    def set_up(self) -> Iterator[Finding]:
        """Webhook, bot and subscription, each only where it is missing."""
        with _step("Bearer token"):
            webhooks = self.x.webhooks()
        yield good("Bearer token", "X takes it")
        self._answer_challenge()
        yield good("Challenge", f"{self.deployment.webhook_url} answers with your consumer secret")
        webhook, finding = self._webhook(webhooks)
        yield finding
        yield from self._bot()
        yield self._subscription(webhook)
        if self.deployment.parameters["XSubscriptions"] == "true":
            yield good("Shoppers", "mention_sweep subscribes to the posts of those who opted in, within minutes")

    def _answer_challenge(self) -> None:
        """Ask the webhook what X will ask it, as X's own reason would tell less."""
        url, token = self.deployment.webhook_url, random_token()
        try:
            answer = self.http.request("GET", url, fields={"crc_token": token})
            given = answer.json().get("response_token") if answer.status == HTTPStatus.OK else None
        except (UnreachableError, AttributeError) as error:
            raise failed(
                "Challenge", f"{url} gives no answer ({error})", "Does the address lead to the stack?"
            ) from error
        if not isinstance(given, str):
            raise failed(
                "Challenge",
                f"{url} answers with status {answer.status}",
                "404: PublicUrl does not lead to the stack's API. 503: the secret is new; wait five minutes.",
            )
        if not any(hmac.compare_digest(sign(secret, token.encode()), given) for secret in self.keys.consumer_secrets):
            raise failed(
                "Challenge",
                f"{url} signs with another consumer secret",
                "The secret was changed in the last minutes (wait five), or PublicUrl leads to another stack.",
            )

    def _webhook(self, webhooks: Sequence[Webhook]) -> tuple[Webhook, Finding]:
        url = self.deployment.webhook_url
        found = next((webhook for webhook in webhooks if webhook.url == url), None)
        if found is not None and found.valid:
            return found, good("Webhook", f"{found.id} is registered and valid already")
        with _step("Webhook", self._webhook_mends(webhooks)):
            if found is None:
                self.x.register(url)
            else:
                self.x.challenge(found)
            for _ in range(LOOKS):
                now = next((webhook for webhook in self.x.webhooks() if webhook.url == url and webhook.valid), None)
                if now is not None:
                    return now, good("Webhook", f"{now.id} {'registered' if found is None else 'enabled again'}, valid")
                self.sleep(LOOK_SECONDS)
        raise failed(
            "Webhook",
            f"{url} has not passed X's challenge within {LOOKS * LOOK_SECONDS:.0f} seconds",
            "Was the app's consumer secret changed at X? make rotate-secret SECRET=webhook puts it in. Else: "
            "make logs LOG=webhook_intake. Then run this again.",
        )

    def _webhook_mends(self, webhooks: Sequence[Webhook]) -> Callable[[str], str | None]:
        others = ", ".join(f"{webhook.id} ({webhook.url})" for webhook in webhooks)

        def mend(reason: str) -> str | None:
            if "CrcValidationFailed" in reason:
                return (
                    "Is XWebhookSecretArn's consumer secret that of the app whose bearer token is in XAppSecretArn? "
                    f"Compare both at {CONSOLE}."
                )
            if webhooks and any(word in reason.casefold() for word in ("limit", "too many")):
                return f"Remove one of {others}: `make x-teardown WEBHOOK=<id>`."
            return None

        return mend

    def _subscription(self, webhook: Webhook) -> Finding:
        user_id = self.deployment.parameters["BotUserId"]
        with _step("Mentions", lambda _: self._subscription_mend()):
            found = self._mentions()
            if found is not None and found.webhook_id == webhook.id:
                return good("Mentions", f"subscription {found.id} is there already")
            if found is not None:
                self.x.move(found, webhook.id)
                return good("Mentions", f"subscription {found.id} moved from webhook {found.webhook_id or 'unknown'}")
            self.x.subscribe(user_id, webhook.id, self._session().access_token())
            found = self._mentions()
        if found is None:
            raise failed("Mentions", "X lists no subscription after it was made", "Run this again in a minute.")
        return good("Mentions", f"{MENTIONS} of {self.deployment.bot} subscribed: {found.id}")

    def _subscription_mend(self) -> str:
        if self.keys.user is not None:
            return "Subscribe by hand at https://developer.x.com, or ask X what your plan allows."
        return (
            "X may want the bot's keys for OAuth 1.0a here. Sign in as the bot at "
            f"{CONSOLE}, make an access token with read and write permission, and add to the secret "
            f"{self.deployment.outputs['XAppSecretArn']}, beside its bearer_token: {', '.join(USER_KEYS)}. "
            "Then run this again. Else ask X what your plan allows."
        )

    def _mentions(self) -> Subscription | None:
        wanted = (MENTIONS, self.deployment.parameters["BotUserId"])
        return next((each for each in self.x.subscriptions() if (each.event_type, each.user_id) == wanted), None)

    # -------------------------------------------------------------- The bot's sign-in

    def _bot(self) -> Iterator[Finding]:
        with _step("Bot"):
            account = self._signed_in()
        if account is not None and account.id == self.deployment.parameters["BotUserId"]:
            yield good("Bot", f"@{account.username} is signed in already")
            return
        with _step("Bot"):
            client_id = self.keys.client.text("client_id")
        state, verifier = random_token(), random_token()
        url = authorization_url(
            f"{self.deployment.parameters['XSiteUrl']}/i/oauth2/authorize",
            client_id=client_id,
            redirect_uri=self.redirects.uri,
            scope=SCOPES,
            state=state,
            code_challenge=code_challenge(verifier),
        )
        with self.redirects.listening() as wait:
            yield Finding(
                Mark.NOTE,
                "Bot",
                f"open this as {self.deployment.bot}, and allow the app:\n      {url}",
                f"X comes back to {self.redirects.uri} (register it at {SETTINGS_OF_APP}). "
                "If the browser is on another machine, paste the address that it ends at here, within 30 seconds:",
            )
            try:
                code = _code(wait(), state)
            except TimeoutError as error:
                raise failed("Bot", "nobody came back from X", "Run this again, and open the address.") from error
        with _step("Bot", _sign_in_mend):
            signed_in = self._exchange(code, verifier, client_id)
            account = self.x.account(signed_in.access_token)
        if account.id != self.deployment.parameters["BotUserId"]:
            raise failed(
                "Bot",
                f"@{account.username} ({account.id or 'no id'}) signed in, and the bot is {self.deployment.bot}",
                "Nothing was kept. Switch to the bot's account on X and run this again, or deploy with this BotUserId.",
            )
        with _step("Bot"):
            expires_at_ms = self.clock_ms() + signed_in.expires_in * 1000
            self.tokens.save(BotToken(signed_in.access_token, signed_in.refresh_token, expires_at_ms))
        yield good("Bot", f"@{account.username} signed in; its tokens are kept encrypted")

    def _exchange(self, code: str, verifier: str, client_id: str) -> SignedIn:
        form = {"code": code, "redirect_uri": self.redirects.uri, "code_verifier": verifier}
        return self.x.exchange(form, client_id, self.keys.client.text("client_secret"))

    def _signed_in(self) -> Account | None:
        """Whose tokens are kept; None if there are none that X takes."""
        session = self._session()
        for _ in range(2):
            try:
                return self.x.account(session.access_token())
            except BotSignedOutError:
                return None
            except XRefusedError as refusal:
                if refusal.status != HTTPStatus.UNAUTHORIZED:
                    raise
                session.forget()
        return None

    def _session(self) -> BotSession:
        api = XApi(self.http, self.deployment.parameters["XApiBaseUrl"], self.clock_ms)
        return BotSession(api, self.tokens, self.keys.client, clock_ms=self.clock_ms, sleep=self.sleep)

    # -------------------------------------------------------------- Status

    def status(self) -> Iterator[Finding]:
        """What is there, and what is left; nothing is changed."""
        with _step("Webhook"):
            found = next((hook for hook in self.x.webhooks() if hook.url == self.deployment.webhook_url), None)
        if found is None:
            yield Finding(Mark.BAD, "Webhook", f"{self.deployment.webhook_url} is not registered", "make x-setup")
        elif not found.valid:
            yield Finding(Mark.BAD, "Webhook", f"{found.id} is disabled: X delivers nothing", "make x-setup")
        else:
            yield good("Webhook", f"{found.id} is valid: {found.url}")
        yield from self._subscriptions_told(found)
        yield self._token_told()
        yield self._last_event_told()
        yield from self._sweeps_told()
        yield self._spending_told()
        for call, limit in sorted(self.x.limits.items()):
            yield good("Limit", f"{call}: {limit.remaining} of {limit.limit} left until {_time(limit.reset_ms)}")

    def _subscriptions_told(self, webhook: Webhook | None) -> Iterator[Finding]:
        with _step("Subscriptions"):
            subscriptions = self.x.subscriptions()
        ours = [each for each in subscriptions if webhook is not None and each.webhook_id == webhook.id]
        counts = Counter(each.event_type for each in ours)
        told = ", ".join(f"{count} × {event_type}" for event_type, count in sorted(counts.items())) or "none"
        elsewhere = len(subscriptions) - len(ours)
        yield good("Subscriptions", f"{told}; {elsewhere} of other webhooks")
        yield self._limit_told(len(subscriptions))
        if not any(
            (each.event_type, each.user_id) == (MENTIONS, self.deployment.parameters["BotUserId"]) for each in ours
        ):
            yield Finding(Mark.BAD, "Mentions", f"those of {self.deployment.bot} are not subscribed", "make x-setup")

    def _limit_told(self, used: int) -> Finding:
        """How near the app is to as many subscriptions as it may have; at the limit shoppers who opt in wait."""
        limit = int(self.deployment.parameters["XSubscriptionLimit"])
        offered = self.deployment.parameters["XSubscriptions"] == "true"
        told = f"{used} of {limit} in use; {'' if offered else 'not '}offered to shoppers"
        if used * 100 < limit * NEARLY_ALL_PERCENT:
            return good("Subscriptions", told)
        return Finding(
            Mark.NOTE, "Subscriptions", told, "Ask X for more, and deploy with that XSubscriptionLimit; others wait."
        )

    def _token_told(self) -> Finding:
        with _step("Bot"):
            token = self.tokens.read()
        if token is None:
            return Finding(Mark.BAD, "Bot", f"{self.deployment.bot} has never signed in", "make x-setup")
        if token.lost_at_ms is not None:
            lost = f"X has refused the tokens of {self.deployment.bot} since {_time(token.lost_at_ms)}"
            return Finding(Mark.BAD, "Bot", f"{lost}: nobody is answered", "make x-setup")
        if token.expires_at_ms <= self.clock_ms():
            ended = (
                f"its access token ended {_time(token.expires_at_ms)}, and X has given no new one: nobody is answered"
            )
            return Finding(Mark.BAD, "Bot", ended, "make x-setup asks for one now, and tells what X answers")
        ends = f"its access token ends {_time(token.expires_at_ms)}"
        return good("Bot", f"signed in; {ends}, and is refreshed before that")

    def _last_event_told(self) -> Finding:
        with _step("Last event"):
            delivered_ms, challenged_ms = self.last_call(DELIVERY), self.last_call(CHALLENGE)
        delivered = "none in seven days" if delivered_ms is None else _time(delivered_ms)
        challenged = "never in seven days" if challenged_ms is None else _time(challenged_ms)
        return good("Last event", f"{delivered}; X last challenged the webhook: {challenged}")

    def _sweeps_told(self) -> Iterator[Finding]:
        for source in SOURCES:
            with _step("Sweep"):
                position = self.checkpoints.position(source)
            if position is None:
                continue
            told = f"{source} is read up to post {position.newest_id} of {_time(posted_at_ms(position.newest_id))}"
            if position.resume_below_id is not None:
                told += f", and goes on below {position.resume_below_id}"
            if position.wait_until_ms > self.clock_ms():
                told += f"; X's limit is used up until {_time(position.wait_until_ms)}"
            yield good("Sweep", told)

    def _spending_told(self) -> Finding:
        budget = int(self.deployment.parameters["XDailyBudget"]) * DOLLAR
        with _step("Spent today"):
            spending = self.checkpoints.spending(day_of(self.clock_ms()))
        parts = [
            f"{purpose} {spent.units} for {_dollars(spent.money)}"
            for purpose, spent in spending.by_purpose.items()
            if spent.units
        ]
        percent = spending.percent_of(budget)
        told = "; ".join([f"{_dollars(spending.total)} of {_dollars(budget)} ({percent} %)", *parts])
        if percent < READS_PERCENT:
            return good("Spent today", told)
        stopped = "sweeps and answers have stopped" if percent >= 100 else "sweeps have stopped"  # noqa: PLR2004
        return Finding(Mark.NOTE, "Spent today", f"{told}: {stopped} until tomorrow (UTC)", "Raise XDailyBudget.")

    # -------------------------------------------------------------- Teardown

    def tear_down(self, webhook_id: str | None = None) -> Iterator[Finding]:
        """Subscriptions and webhook go; `webhook_id` names another one of the app."""
        with _step("Webhook"):
            webhooks = self.x.webhooks()
        wanted = [hook for hook in webhooks if (hook.id if webhook_id else hook.url) == (webhook_id or self._url)]
        if not wanted:
            yield good("Webhook", f"{webhook_id or self._url} is not registered: nothing to undo")
            return
        webhook = wanted[0]
        with _step("Subscriptions"):
            ours = [each for each in self.x.subscriptions() if each.webhook_id == webhook.id]
            self.x.unsubscribe(ours)
        yield good("Subscriptions", f"{len(ours)} ended")
        with _step("Webhook"):
            self.x.remove_webhook(webhook.id)
        yield good("Webhook", f"{webhook.id} ({webhook.url}) removed")
        yield good("Kept", "the secrets and the bot's tokens; revoke the app on X, in the bot's settings, to end them")

    @property
    def _url(self) -> str:
        return self.deployment.webhook_url


def _code(address: str, state: str) -> str:
    """The code that the browser came back with. Raises CheckFailedError."""
    query = parse_qs(urlsplit(address).query) if address.isprintable() else {}
    if not hmac.compare_digest(query.get("state", [""])[0].encode(), state.encode()):
        raise failed(
            "Bot", "what came back is not of this sign-in (another state)", "Run this again, and open the new address."
        )
    if "code" not in query:
        raise failed("Bot", "the app was not allowed to act for the account", "Run this again, and allow it.")
    return query["code"][0]


def _sign_in_mend(reason: str) -> str | None:
    if "authorization header" in reason.casefold() or "client" in reason.casefold():
        return f"Compare the OAuth 2.0 client id and secret in XBotClientSecretArn with those at {CONSOLE}."
    return "A code lives for 30 seconds: run this again, and paste the address at once."


_MENDS: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: f"Make a new bearer token at {CONSOLE}, and put it into XAppSecretArn.",
    HTTPStatus.FORBIDDEN: "Ask X what your plan and the app's permissions allow: https://developer.x.com.",
}


@contextmanager
def _step(name: str, mend: Callable[[str], str | None] = lambda _: None) -> Iterator[None]:
    """Turns what X and AWS refuse within a step into its finding."""
    try:
        yield
    except XRefusedError as error:
        advice = mend(error.reason) or _MENDS.get(error.status, "Run this again.")
        raise failed(name, f"X refuses: {error.reason} ({error.status})", advice) from error
    except RateLimitedError as error:
        raise failed(name, "X's limit is used up", f"Run this again after {_time(error.reset_ms)}.") from error
    except XUnavailableError as error:
        raise failed(
            name, f"X did not answer as it should ({error})", "Run this again; nothing is done twice."
        ) from error
    except BotSignedOutError as error:
        raise failed(name, f"{error}", "Run this again, and sign the bot in.") from error
    except (BotoCoreError, ClientError, SecretUnavailableError) as error:
        raise failed(
            name, f"AWS refuses ({_code_of(error)})", "Your AWS user needs the stack's tables and keys."
        ) from error


def _code_of(error: Exception) -> str:
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else type(error).__name__


def _dollars(millionths: int) -> str:
    return f"${millionths / DOLLAR:,.2f}"


def _time(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def findings_of(steps: Iterator[Finding]) -> Iterator[Finding]:
    """The steps up to the one that fails, and that one."""
    try:
        yield from steps
    except CheckFailedError as error:
        yield error.finding
