"""Webhooks: registration with X's challenge, and signed deliveries with retries.

Real X wants a public https URL without a port. Here only loopback is reached: 127.0.0.1, localhost, or a name below
`.localhost`, which is sent as the Host header while the connection goes to 127.0.0.1, as not every resolver knows it.
"""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import logging
import secrets
import sqlite3
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx

from local.x_simulator.problems import invalid_request

MAX_URL = 200
CRC_TIMEOUT = 3.0
CRC_EVERY_SECONDS = 60 * 60
DELIVERY_TIMEOUT = 10.0
SIGNATURE_HEADER = "x-twitter-webhooks-signature"
RETRY_DELAYS = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0, 300.0)
"""Seconds between attempts. X keeps its own schedule to itself; it gives up after 28 hours."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Webhook:
    """A registered endpoint."""

    id: int
    url: str
    valid: bool
    created_at: float

    @property
    def document(self) -> dict[str, Any]:
        """The webhook as X's API describes it."""
        created_at = datetime.fromtimestamp(self.created_at, UTC).isoformat(timespec="milliseconds")
        return {
            "id": str(self.id),
            "url": self.url,
            "valid": self.valid,
            "created_at": created_at.replace("+00:00", "Z"),
        }


@dataclass(frozen=True)
class Attempt:
    """One POST: when, what was answered (None for no answer) and how long it took."""

    at: float
    status: int | None
    latency_ms: int
    error: str | None = None


@dataclass(frozen=True)
class Delivery:
    """An event on its way to an endpoint; `state` is pending, delivered or failed."""

    id: int
    webhook_id: int
    event_type: str
    post_id: int | None
    body: bytes
    state: str
    created_at: float
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def document(self) -> dict[str, Any]:
        """The delivery as the control API shows it."""
        return {
            "id": self.id,
            "webhook_id": str(self.webhook_id),
            "event_type": self.event_type,
            "post_id": None if self.post_id is None else str(self.post_id),
            "state": self.state,
            "created_at": self.created_at,
            "attempts": [vars(attempt) for attempt in self.attempts],
            "body": json.loads(self.body),
        }


def sign(consumer_secret: str, content: bytes) -> str:
    """`sha256=` and the base64 of the HMAC-SHA256."""
    digest = hmac.new(consumer_secret.encode(), content, hashlib.sha256).digest()
    return "sha256=" + base64.b64encode(digest).decode()


def loopback_target(url: str) -> tuple[str, str]:
    """Where to connect for `url`, and the Host header to send. Raises ValueError for what is not on this machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not (host in ("127.0.0.1", "localhost") or host.endswith(".localhost")):
        raise ValueError("The simulator reaches http(s) URLs on 127.0.0.1, localhost and *.localhost only.")
    netloc = "127.0.0.1" if parts.port is None else f"127.0.0.1:{parts.port}"
    return urlunsplit((parts.scheme, netloc, parts.path or "/", parts.query, "")), parts.netloc


class Webhooks:
    """The registered webhooks and the deliveries to them."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        client: httpx.AsyncClient,
        consumer_secret: str,
        now: Callable[[], float],
        *,
        on_change: Callable[[Delivery], None],
        retry_delays: tuple[float, ...] = RETRY_DELAYS,
    ) -> None:
        self._connection = connection
        self._client = client
        self._consumer_secret = consumer_secret
        self._now = now
        self._on_change = on_change
        self._retry_delays = retry_delays
        self._tasks: set[asyncio.Task[None]] = set()

    def all(self) -> list[Webhook]:
        """All webhooks, oldest first."""
        rows = self._connection.execute("SELECT * FROM webhooks ORDER BY id")
        return [Webhook(row["id"], row["url"], bool(row["valid"]), row["created_at"]) for row in rows]

    def get(self, webhook_id: str) -> Webhook | None:
        """The webhook of that id."""
        return next((webhook for webhook in self.all() if str(webhook.id) == webhook_id), None)

    async def register(self, url: str, webhook_id: int) -> Webhook:
        """Add a webhook that answers the challenge; one that is there already is enabled again. Raises ProblemError."""
        if len(url) > MAX_URL:
            raise invalid_request("UrlValidationFailed: the URL is longer than 200 characters.", {"url": [url]})
        try:
            loopback_target(url)
        except ValueError as error:
            raise invalid_request(f"UrlValidationFailed: {error}", {"url": [url]}) from error
        failure = await self._challenge(url)
        if failure is not None:
            raise invalid_request(f"CrcValidationFailed: {failure}", {"url": [url]})
        self._connection.execute(
            "INSERT INTO webhooks VALUES (?, ?, 1, ?) ON CONFLICT (url) DO UPDATE SET valid = 1",
            (webhook_id, url, self._now()),
        )
        return next(webhook for webhook in self.all() if webhook.url == url)

    async def validate(self, webhook: Webhook) -> bool:
        """Challenge a webhook again and note whether it is valid."""
        failure = await self._challenge(webhook.url)
        if failure is not None:
            _LOG.warning("webhook %s failed its challenge: %s", webhook.url, failure)
        self._set_valid(webhook.id, failure is None)
        return failure is None

    def delete(self, webhook: Webhook) -> None:
        """Forget a webhook and what was still to be delivered to it."""
        self._connection.execute("DELETE FROM webhooks WHERE id = ?", (webhook.id,))

    def deliver(self, event: dict[str, Any], event_type: str, post_id: int | None) -> list[Delivery]:
        """Begin to deliver an event to every valid webhook."""
        body = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
        return [self._begin(webhook.id, event_type, post_id, body) for webhook in self.all() if webhook.valid]

    def deliver_to(self, webhook: Webhook, event: dict[str, Any], event_type: str, post_id: int | None) -> None:
        """Begin to deliver an event to one webhook."""
        body = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
        self._begin(webhook.id, event_type, post_id, body)

    def disable(self, webhook: Webhook) -> None:
        """Deliver no more, as X does after too many failures, until the webhook answers a challenge."""
        self._set_valid(webhook.id, False)

    def redeliver(self, delivery: Delivery) -> Delivery:
        """Deliver the same bytes once more."""
        return self._begin(delivery.webhook_id, delivery.event_type, delivery.post_id, delivery.body)

    def resume(self) -> None:
        """Go on with what a stop interrupted."""
        for delivery in self.deliveries(state="pending"):
            self._start(self._attempts(delivery))

    async def run(self) -> None:
        """Challenge every webhook once an hour, as X does."""
        while True:
            await asyncio.sleep(CRC_EVERY_SECONDS)
            for webhook in self.all():
                await self.validate(webhook)

    async def close(self) -> None:
        """Stop all deliveries; they stay pending."""
        for task in self._tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def deliveries(self, *, state: str | None = None, limit: int = 200) -> list[Delivery]:
        """The newest deliveries, newest first."""
        condition, parameters = ("state = ?", (state,)) if state else ("1", ())
        return self._select(f"{condition} ORDER BY id DESC LIMIT {limit}", parameters)

    def deliveries_of(self, post_id: int) -> list[Delivery]:
        """The deliveries that told of one version of a post, oldest first."""
        return self._select("post_id = ? ORDER BY id", (post_id,))

    def delivery(self, delivery_id: int) -> Delivery | None:
        """The delivery of that id."""
        return next(iter(self._select("id = ?", (delivery_id,))), None)

    async def _challenge(self, url: str) -> str | None:
        token = base64.b64encode(secrets.token_bytes(32)).decode()
        target, host = loopback_target(url)
        parameters = {"crc_token": token, "nonce": secrets.token_hex(8)}
        try:
            response = await self._client.get(
                target, params=parameters, headers={"host": host}, timeout=CRC_TIMEOUT, follow_redirects=False
            )
            answer = response.json()
        except (httpx.HTTPError, ValueError) as error:
            return f"no answer to the challenge ({type(error).__name__})"
        expected = sign(self._consumer_secret, token.encode())
        given = answer.get("response_token") if isinstance(answer, dict) else None
        if response.status_code != HTTPStatus.OK or not isinstance(given, str):
            return f"the challenge was answered with status {response.status_code} and no response_token"
        return None if hmac.compare_digest(expected, given) else "the response_token is not the expected one"

    def _begin(self, webhook_id: int, event_type: str, post_id: int | None, body: bytes) -> Delivery:
        cursor = self._connection.execute(
            "INSERT INTO deliveries (webhook_id, event_type, post_id, body, state, created_at)"
            " VALUES (?, ?, ?, ?, 'pending', ?)",
            (webhook_id, event_type, post_id, body, self._now()),
        )
        delivery = self._select("id = ?", (cursor.lastrowid,))[0]
        self._start(self._attempts(delivery))
        return delivery

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _attempts(self, delivery: Delivery) -> None:
        for delay in (*self._retry_delays[len(delivery.attempts) :], None):
            webhook = self.get(str(delivery.webhook_id))
            if webhook is None or not webhook.valid:
                break
            attempt = await self._post(webhook, delivery.body)
            self._note(delivery, attempt)
            if attempt.status is not None and attempt.status // 100 == 2:  # noqa: PLR2004
                self._finish(delivery, "delivered")
                return
            if attempt.status is not None and attempt.status // 100 == 3:  # noqa: PLR2004
                self._set_valid(webhook.id, False)
                break
            if delay is not None:
                await asyncio.sleep(delay)
        self._finish(delivery, "failed")

    async def _post(self, webhook: Webhook, body: bytes) -> Attempt:
        target, host = loopback_target(webhook.url)
        headers = {
            "host": host,
            "content-type": "application/json",
            SIGNATURE_HEADER: sign(self._consumer_secret, body),
        }
        at, begun = self._now(), time.perf_counter()
        status, error = None, None
        try:
            response = await self._client.post(
                target, content=body, headers=headers, timeout=DELIVERY_TIMEOUT, follow_redirects=False
            )
            status = response.status_code
        except httpx.HTTPError as raised:
            error = type(raised).__name__
        return Attempt(at, status, round((time.perf_counter() - begun) * 1000), error)

    def _note(self, delivery: Delivery, attempt: Attempt) -> None:
        self._connection.execute(
            "INSERT INTO delivery_attempts VALUES (?, ?, ?, ?, ?)",
            (delivery.id, attempt.at, attempt.status, attempt.latency_ms, attempt.error),
        )
        self._on_change(delivery)

    def _finish(self, delivery: Delivery, state: str) -> None:
        self._connection.execute("UPDATE deliveries SET state = ? WHERE id = ?", (state, delivery.id))
        self._on_change(delivery)

    def _set_valid(self, webhook_id: int, valid: bool) -> None:
        self._connection.execute("UPDATE webhooks SET valid = ? WHERE id = ?", (valid, webhook_id))

    def _select(self, condition: str, parameters: tuple[object, ...]) -> list[Delivery]:
        rows = self._connection.execute(f"SELECT * FROM deliveries WHERE {condition}", parameters)  # noqa: S608
        return [Delivery(**dict(row), attempts=self._attempts_of(row["id"])) for row in rows.fetchall()]

    def _attempts_of(self, delivery_id: int) -> list[Attempt]:
        rows = self._connection.execute(
            "SELECT at, status, latency_ms, error FROM delivery_attempts WHERE delivery_id = ? ORDER BY at",
            (delivery_id,),
        )
        return [Attempt(**dict(row)) for row in rows]
