"""The calls of X's API that only its operator makes: webhooks, subscriptions, and the bot's sign-in."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import batched
from typing import Any
from urllib.parse import urlencode

from pydantic import BaseModel, Field, ValidationError
from urllib3.util import make_headers

from hashcart.http import Answer, HttpClient, UnreachableError
from hashcart.social.x.client import RateLimitedError, XUnavailableError
from local.oauth1 import UserKeys

MENTIONS = "post.mention.create"
TAG = "cart"
PAGES = 100
PAGE_SIZE = "1000"
MAX_IDS = 100
MAX_REASON = 300
DEFAULT_WAIT_MS = 15 * 60 * 1000
LONGEST_WAIT_MS = 24 * 60 * 60 * 1000


class XRefusedError(Exception):
    """X does not do what was asked, for the reason that it gives."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status}: {reason}")
        self.status = status
        self.reason = reason


@dataclass(frozen=True)
class Webhook:
    """A registered address, and whether X delivers to it."""

    id: str
    url: str
    valid: bool


@dataclass(frozen=True)
class Subscription:
    """Events of one kind about one account, delivered to one webhook."""

    id: str
    event_type: str
    user_id: str
    webhook_id: str


@dataclass(frozen=True)
class Limit:
    """What is left of a call's limit until `reset_ms` (milliseconds of the Unix epoch)."""

    remaining: int
    limit: int
    reset_ms: int


@dataclass(frozen=True)
class Account:
    """Whose token it is."""

    id: str
    username: str


class SignedIn(BaseModel):
    """X's answer to a code (RFC 6749, section 5.1); without `offline.access` there is no refresh token."""

    access_token: str = Field(min_length=1, repr=False)
    refresh_token: str = Field(min_length=1, repr=False)
    expires_in: int = Field(gt=0)


@dataclass(frozen=True)
class XAdministration:
    """X's API at `base_url`, for the app of `bearer_token`. `limits` has what the answers told, by call.

    Every method raises XRefusedError, RateLimitedError or XUnavailableError.
    """

    http: HttpClient
    base_url: str
    bearer_token: str = field(repr=False)
    clock_ms: Callable[[], int]
    limits: dict[str, Limit] = field(default_factory=dict)
    user_keys: UserKeys | None = field(default=None, repr=False)

    def webhooks(self) -> list[Webhook]:
        """All webhooks of the app."""
        return [
            Webhook(_text(raw, "id"), _text(raw, "url"), raw.get("valid") is True)
            for raw in _records(self._call("GET", "/2/webhooks"))
        ]

    def register(self, url: str) -> None:
        """Register a webhook, which X challenges before it answers."""
        self._call("POST", "/2/webhooks", document={"url": url})

    def challenge(self, webhook: Webhook) -> None:
        """Ask X to challenge a webhook anew, which enables it again."""
        self._call("PUT", "/2/webhooks", webhook.id)

    def remove_webhook(self, webhook_id: str) -> None:
        """Forget a webhook."""
        self._call("DELETE", "/2/webhooks", webhook_id)

    def subscriptions(self) -> list[Subscription]:
        """All subscriptions of the app."""
        found: list[Subscription] = []
        fields = {"max_results": PAGE_SIZE}
        for _ in range(PAGES):
            document = self._call("GET", "/2/activity/subscriptions", fields=fields)
            found += [subscription for raw in _records(document) if (subscription := _subscription(raw)).id]
            next_token = _text(_mapping(document.get("meta")), "next_token")
            if not next_token:
                return found
            fields["pagination_token"] = next_token
        raise XUnavailableError("the list of subscriptions does not end")

    def subscribe(self, user_id: str, webhook_id: str, access_token: str) -> None:
        """Have an account's mentions delivered.

        X takes the app's token, or wants the account's own, or, as some have seen, the account's keys for OAuth 1.0a:
        each is tried after the other is refused.
        """
        asked = {"event_type": MENTIONS, "filter": {"user_id": user_id}, "tag": TAG, "webhook_id": webhook_id}
        path = "/2/activity/subscriptions"
        ways = [f"Bearer {self.bearer_token}", f"Bearer {access_token}"]
        if self.user_keys is not None:
            ways.append(self.user_keys.authorization("POST", self.base_url + path, self.clock_ms()))
        for number, authorization in enumerate(ways, start=1):
            try:
                self._call("POST", path, document=asked, authorization=authorization)
            except XRefusedError as refusal:
                if number == len(ways) or refusal.status not in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
                    raise
            else:
                return

    def move(self, subscription: Subscription, webhook_id: str) -> None:
        """Have a subscription delivered to another webhook."""
        self._call("PUT", "/2/activity/subscriptions", subscription.id, document={"webhook_id": webhook_id})

    def unsubscribe(self, subscriptions: Sequence[Subscription]) -> None:
        """End subscriptions, a hundred in a call."""
        for some in batched((subscription.id for subscription in subscriptions), MAX_IDS, strict=False):
            self._call("DELETE", "/2/activity/subscriptions", fields={"ids": ",".join(some)})

    def account(self, access_token: str) -> Account:
        """Whose access token it is."""
        document = self._call("GET", "/2/users/me", authorization=f"Bearer {access_token}")
        return next(
            (Account(_text(raw, "id"), _text(raw, "username")) for raw in _records(document)), Account("", "nobody")
        )

    def exchange(self, form: Mapping[str, str], client_id: str, client_secret: str) -> SignedIn:
        """Tokens for the code of a sign-in."""
        answer = self._request(
            "POST",
            "/2/oauth2/token",
            headers={
                **make_headers(basic_auth=f"{client_id}:{client_secret}"),
                "content-type": "application/x-www-form-urlencoded",
            },
            body=urlencode({**form, "grant_type": "authorization_code"}).encode(),
        )
        self._judge(answer)
        try:
            return SignedIn.model_validate_json(answer.body)
        except ValidationError:
            raise XUnavailableError("the answer lacks tokens") from None

    def _call(
        self,
        method: str,
        path: str,
        resource_id: str = "",
        *,
        document: Mapping[str, object] | None = None,
        fields: Mapping[str, str] | None = None,
        authorization: str = "",
    ) -> Mapping[str, Any]:
        answer = self._request(
            method,
            f"{path}/{resource_id}" if resource_id else path,
            headers={
                "authorization": authorization or f"Bearer {self.bearer_token}",
                **({"content-type": "application/json"} if document is not None else {}),
            },
            fields=fields,
            body=json.dumps(document).encode() if document is not None else None,
        )
        self._note_limit(f"{method} {path}", answer)
        self._judge(answer)
        try:
            return _mapping(answer.json())
        except UnreachableError as error:
            raise XUnavailableError(str(error)) from error

    def _request(self, method: str, path: str, **request: Any) -> Answer:
        try:
            return self.http.request(method, self.base_url + path, **request)
        except UnreachableError as error:
            raise XUnavailableError(str(error)) from error

    def _judge(self, answer: Answer) -> None:
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            reset_ms = _number(answer, "reset") * 1000 or self.clock_ms() + DEFAULT_WAIT_MS
            raise RateLimitedError(min(reset_ms, self.clock_ms() + LONGEST_WAIT_MS))
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise XUnavailableError(f"status {answer.status}")
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise XRefusedError(answer.status, _reason(answer))

    def _note_limit(self, call: str, answer: Answer) -> None:
        limit = _number(answer, "limit")
        if limit:
            self.limits[call] = Limit(_number(answer, "remaining"), limit, _number(answer, "reset") * 1000)


def _number(answer: Answer, name: str) -> int:
    value = answer.headers.get(f"x-rate-limit-{name}", "")
    return int(value) if value.isascii() and value.isdigit() else 0


def _reason(answer: Answer) -> str:
    """X's own words: of problem JSON, of a list of errors, or of OAuth; one line, without control characters."""
    try:
        document = _mapping(answer.json())
    except UnreachableError:
        document = {}
    errors = document.get("errors")
    listed = [_mapping(error) for error in errors] if isinstance(errors, list) else []
    texts = [_text(error, "message") or _text(error, "detail") for error in listed]
    texts += [_text(document, name) for name in ("detail", "error_description", "title", "error")]
    found = next((text for text in texts if text), f"status {answer.status}")
    return "".join(filter(str.isprintable, found))[:MAX_REASON]


def _records(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What an answer holds: X is seen to send an array, an object, an object in another, and one without `data`."""
    data = document.get("data", document if "id" in document else [])
    if isinstance(data, Mapping):
        data = data.get("subscription", data.get("subscriptions", data))
    entries = data if isinstance(data, list) else [data]
    return [entry for entry in entries if isinstance(entry, Mapping)]


def _subscription(raw: Mapping[str, Any]) -> Subscription:
    return Subscription(
        _text(raw, "subscription_id") or _text(raw, "id"),
        _text(raw, "event_type"),
        _text(_mapping(raw.get("filter")), "user_id"),
        _text(raw, "webhook_id"),
    )


def _text(raw: Mapping[str, Any], name: str) -> str:
    value = raw.get(name)
    return value if isinstance(value, str) else str(value) if type(value) is int else ""


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
