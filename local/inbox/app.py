"""The inbox at http://mail.localhost:<port>, and SES's address for the functions.

The functions' SES client is told this address by the environment that the stack gives to the emulator. A `SendEmail`
goes on to the emulator as it came, which checks role, sender and signature; what it takes is kept here and shown.
"""

import json
import time
from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
from botocore.exceptions import BotoCoreError, ClientError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates
from starlette.types import ASGIApp

from local.inbox.digests import hasten, pending_of
from local.inbox.feedback import KINDS, event_about, publish
from local.inbox.mails import Mail, Mails
from local.settings import LocalSettings
from local.x_simulator.guard import LoopbackGuard

HERE = Path(__file__).parent
TEMPLATES = Jinja2Templates(HERE / "templates")
HOSTS = ("mail.localhost", "127.0.0.1", "localhost")
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
}
# An e-mail is somebody else's HTML: it may have styles, and open links in a new tab, and nothing else.
MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; "
    "sandbox allow-popups allow-popups-to-escape-sandbox"
)
SAID = {
    "bounce": "SES has told the stack that it bounced. No more e-mail goes to this shopper.",
    "complaint": "SES has told the stack that its reader complained. No more e-mail goes to this shopper.",
    "unsubscribe": "A mail program has unsubscribed in one click. No more e-mail goes to this shopper.",
    "refused": "The pages have refused the link.",
}
NOT_PASSED_ON = frozenset({"connection", "content-length", "transfer-encoding"})
SECONDS = 10

STACK_ERRORS = (OSError, ValueError, KeyError, BotoCoreError, ClientError)

type Forward = Callable[[httpx.Request], Awaitable[httpx.Response]]
type Publish = Callable[[str, dict[str, Any]], None]


class Inbox:
    """The web application."""

    def __init__(
        self, settings: LocalSettings, *, forward: Forward | None = None, publish_event: Publish | None = None
    ) -> None:
        self._settings = settings
        self._mails = Mails(settings.state_dir / "mails.jsonl")
        self._forward = forward or httpx.AsyncClient(trust_env=False, timeout=SECONDS).send
        self._publish = publish_event or partial(publish, settings.aws_endpoint_url)

    def app(self) -> ASGIApp:
        """The web application."""
        routes = [
            Route("/", self._list),
            Route("/api/mails", self._json),
            Route("/digests", self._hasten, methods=["POST"]),
            Route("/mails/{id}", self._read),
            Route("/mails/{id}/html", self._html),
            Route("/mails/{id}/unsubscribe", self._unsubscribe, methods=["POST"]),
            Route("/mails/{id}/{kind}", self._feedback, methods=["POST"]),
            Route("/v2/email/outbound-emails", self._send, methods=["POST"]),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ]
        return LoopbackGuard(Starlette(routes=routes), HOSTS, HEADERS)

    async def _list(self, request: Request) -> Response:
        context = {"mails": self._mails.newest_first(), "hastened": request.query_params.get("hastened")}
        return TEMPLATES.TemplateResponse(request, "inbox.html", context)

    async def _json(self, request: Request) -> Response:
        """Tests and demonstrations: the e-mails, newest first, `?to=` one address."""
        mails = self._mails.newest_first(request.query_params.get("to"))
        return JSONResponse({"mails": [mail.__dict__ | {"unsubscribe_url": mail.unsubscribe_url} for mail in mails]})

    async def _read(self, request: Request) -> Response:
        mail = self._mail(request)
        return TEMPLATES.TemplateResponse(
            request, "mail.html", {"mail": mail, "kinds": KINDS, "said": SAID.get(request.query_params.get("said", ""))}
        )

    async def _html(self, request: Request) -> Response:
        html = self._mail(request).html.replace("<head>", '<head><base target="_blank">', 1)
        return HTMLResponse(html, headers={"content-security-policy": MAIL_POLICY})

    async def _hasten(self, _: Request) -> Response:
        """Have the digests sent at the next minute, not in the afternoon."""

        def hasten_all() -> int:
            pending = pending_of(self._settings.outputs_file, self._settings.aws_endpoint_url)
            return hasten(pending, time.time_ns() // 1_000_000)

        try:
            number = await run_in_threadpool(hasten_all)
        except STACK_ERRORS as error:
            return _no_stack(error)
        return RedirectResponse(f"/?hastened={number}", HTTPStatus.SEE_OTHER)

    async def _feedback(self, request: Request) -> Response:
        """Say to the stack that the e-mail bounced, or that its reader complained."""
        mail, kind = self._mail(request), request.path_params["kind"]
        if kind not in KINDS:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        try:
            topic = json.loads(self._settings.outputs_file.read_text())["EmailFeedbackTopicArn"]
            await run_in_threadpool(self._publish, topic, event_about(mail, kind))
        except STACK_ERRORS as error:
            return _no_stack(error)
        return RedirectResponse(f"/mails/{mail.id}?said={kind}", HTTPStatus.SEE_OTHER)

    async def _unsubscribe(self, request: Request) -> Response:
        """Do what a mail program does when its reader unsubscribes (RFC 8058)."""
        mail = self._mail(request)
        if not mail.unsubscribe_url.startswith(f"{self._settings.cart_site_url}/"):
            raise HTTPException(HTTPStatus.NOT_FOUND)
        url = httpx.URL(mail.unsubscribe_url)
        headers = {"host": url.netloc.decode(), "content-type": "application/x-www-form-urlencoded"}
        one_click = httpx.Request(
            "POST", url.copy_with(host="127.0.0.1"), headers=headers, content=b"List-Unsubscribe=One-Click"
        )
        try:
            answer = await self._forward(one_click)
        except httpx.HTTPError as error:
            return _no_stack(error)
        said = "unsubscribe" if answer.status_code == HTTPStatus.OK else "refused"
        return RedirectResponse(f"/mails/{mail.id}?said={said}", HTTPStatus.SEE_OTHER)

    async def _send(self, request: Request) -> Response:
        body = await request.body()
        headers = [(name, value) for name, value in request.headers.items() if name not in NOT_PASSED_ON]
        url = self._settings.aws_endpoint_url + request.url.path
        try:
            answer = await self._forward(httpx.Request("POST", url, headers=headers, content=body))
            if answer.status_code == HTTPStatus.OK:
                self._mails.add(answer.json()["MessageId"], json.loads(body))
        except httpx.HTTPError as error:
            return PlainTextResponse(type(error).__name__, HTTPStatus.BAD_GATEWAY)
        kept = {name: value for name, value in answer.headers.items() if name.startswith(("x-amz", "content-type"))}
        return Response(answer.content, answer.status_code, kept)

    def _mail(self, request: Request) -> Mail:
        mail = self._mails.get(request.path_params["id"])
        if mail is None:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return mail


def _no_stack(error: Exception) -> Response:
    return PlainTextResponse(f"The stack does not answer: {type(error).__name__}.", HTTPStatus.BAD_GATEWAY)
