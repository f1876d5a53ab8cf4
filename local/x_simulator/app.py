"""Puts the simulator together."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates
from starlette.types import Receive, Scope, Send

from hashcart.domain.sign_in import X_CALLBACK_PATH
from local.demo_store.app import PICTURES
from local.oauth1 import UserKeys
from local.settings import (
    BOT_ACCESS_TOKEN,
    BOT_ACCESS_TOKEN_SECRET,
    BOT_USER_ID,
    CART_HASHTAGS,
    CONSUMER_KEY,
    LOGIN_CLIENT_ID,
    LOGIN_CLIENT_SECRET,
    LocalSettings,
)
from local.x_simulator.accounts import Accounts
from local.x_simulator.api import XApi
from local.x_simulator.avatars import Avatars
from local.x_simulator.behaviour import Behaviour
from local.x_simulator.bill import Bill
from local.x_simulator.calls import Gate
from local.x_simulator.control import Control
from local.x_simulator.database import open_database
from local.x_simulator.events import Events
from local.x_simulator.faults import Faults
from local.x_simulator.guard import LoopbackGuard
from local.x_simulator.live import Board, Pace
from local.x_simulator.network import Network
from local.x_simulator.oauth import Client, OAuth
from local.x_simulator.objects import Objects
from local.x_simulator.pages import KEEP_ALIVE_SECONDS, Pages
from local.x_simulator.problems import PROBLEMS
from local.x_simulator.seed import Previews, plant
from local.x_simulator.shelves import shelf_of
from local.x_simulator.snowflakes import SnowflakeClock
from local.x_simulator.subscriptions import Subscriptions, SubscriptionsApi
from local.x_simulator.timeline import Timeline
from local.x_simulator.tokens import Tokens
from local.x_simulator.watcher import NullWatcher, Watcher
from local.x_simulator.webhooks import RETRY_DELAYS, Webhooks

HERE = Path(__file__).parent
HOSTS = ("127.0.0.1", "localhost", "x.localhost")
DATABASE = "x-simulator.sqlite3"
TEMPLATES = Jinja2Templates(HERE / "templates")


class XSimulator:
    """The simulator as an ASGI application. `now` is in seconds of the Unix epoch."""

    def __init__(
        self,
        settings: LocalSettings,
        *,
        watcher: Watcher | None = None,
        client: httpx.AsyncClient | None = None,
        now: Callable[[], float] = time.time,
        pace: Pace | None = None,
        retry_delays: tuple[float, ...] = RETRY_DELAYS,
        keep_alive: float = KEEP_ALIVE_SECONDS,
    ) -> None:
        self._keep_alive = keep_alive
        self.connection = open_database(settings.state_dir / DATABASE)
        self.accounts = Accounts()
        self.timeline = Timeline(self.connection)
        shelf = shelf_of(settings)
        plant(self.timeline, now(), shelf)
        self.behaviour = Behaviour()
        self.bill = Bill(now)
        self.tokens = Tokens(self.connection, now)
        self._client = client or httpx.AsyncClient(trust_env=False)
        preview = Previews(shelf)
        self._objects = Objects(self.timeline, self.accounts, preview, settings.x_url)
        self.board = Board(
            timeline=self.timeline,
            accounts=self.accounts,
            watcher=watcher or NullWatcher(),
            hashtags=CART_HASHTAGS,
            pace=pace or Pace(),
        )
        self.webhooks = Webhooks(
            self.connection,
            self._client,
            settings.consumer_secret,
            now,
            on_change=self.board.delivery_changed,
            retry_delays=retry_delays,
        )
        self.subscriptions = Subscriptions(self.connection)
        events = Events(self._objects, self.accounts, self.subscriptions, self.behaviour, random.Random())
        self.board.connect(self.webhooks, events)
        ids = SnowflakeClock(now, self.timeline.last_id())
        self.network = Network(
            timeline=self.timeline,
            accounts=self.accounts,
            tokens=self.tokens,
            webhooks=self.webhooks,
            events=events,
            ids=ids,
            now=now,
            listener=self.board,
        )
        self._app = LoopbackGuard(
            Starlette(
                routes=self._routes(settings, preview, ids, now),
                lifespan=lambda _: self.running(),
                exception_handlers={HTTPException: _http_error},
            ),
            HOSTS,
            _headers(shelf.origins),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve."""
        await self._app(scope, receive, send)

    def _routes(
        self, settings: LocalSettings, preview: Any, ids: SnowflakeClock, now: Callable[[], float]
    ) -> list[BaseRoute]:
        faults = Faults()
        gate = Gate(
            bearer_token=settings.bearer_token,
            user_keys={
                BOT_USER_ID: UserKeys(CONSUMER_KEY, settings.consumer_secret, BOT_ACCESS_TOKEN, BOT_ACCESS_TOKEN_SECRET)
            },
            tokens=self.tokens,
            faults=faults,
            now=now,
        )
        api = XApi(
            timeline=self.timeline,
            accounts=self.accounts,
            objects=self._objects,
            network=self.network,
            webhooks=self.webhooks,
            behaviour=self.behaviour,
            ids=ids,
            now=now,
            bill=self.bill,
        )
        clients = (
            Client(settings.client_id, settings.client_secret, settings.redirect_uris),
            Client(LOGIN_CLIENT_ID, LOGIN_CLIENT_SECRET, (settings.cart_site_url + X_CALLBACK_PATH,)),
        )
        subscriptions = SubscriptionsApi(
            self.subscriptions, self.webhooks, self.accounts, self.behaviour, ids=ids, now=now
        )
        control = Control(
            timeline=self.timeline,
            accounts=self.accounts,
            network=self.network,
            webhooks=self.webhooks,
            subscriptions=self.subscriptions,
            behaviour=self.behaviour,
            faults=faults,
        )
        self.pages = Pages(
            timeline=self.timeline,
            accounts=self.accounts,
            objects=self._objects,
            network=self.network,
            board=self.board,
            preview=preview,
            templates=TEMPLATES,
            hashtags=CART_HASHTAGS,
            now=now,
            cart_url=settings.cart_site_url,
            mail_url=settings.mail_site_url,
            keep_alive=self._keep_alive,
        )
        return [
            *api.routes(gate),
            *subscriptions.routes(gate),
            *OAuth(clients, self.accounts, self.tokens, TEMPLATES, gate).routes(),
            *Avatars(self.accounts).routes(),
            *control.routes(),
            *self.pages.routes(),
            Mount("/pictures", StaticFiles(directory=PICTURES)),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Deliver and watch in the background, for as long as the context lasts."""
        self.webhooks.resume()
        tasks = [asyncio.create_task(work) for work in (self.board.run(), self.webhooks.run())]
        try:
            yield
        finally:
            self.board.hub.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.webhooks.close()
            await self._client.aclose()
            self.connection.close()


def _http_error(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    title = error.detail if isinstance(error, HTTPException) else ""
    body = {"type": f"{PROBLEMS}resource-not-found", "title": title, "detail": title, "status": status}
    return JSONResponse(body, status, media_type="application/problem+json")


def _headers(store_origins: tuple[str, ...]) -> dict[str, str]:
    store = " ".join(store_origins)
    return {
        "content-security-policy": (
            f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' {store}; connect-src 'self'; "
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        ),
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",  # with "no-referrer" browsers send forms with `Origin: null`
        "cross-origin-resource-policy": "same-origin",
    }
