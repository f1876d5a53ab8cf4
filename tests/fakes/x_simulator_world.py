"""The simulator in process, with a webhook endpoint that tests command and a watcher that they fill."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from starlette.types import ASGIApp

from local.settings import APP_BEARER_TOKEN, CONSUMER_SECRET, LocalSettings
from local.x_simulator.app import XSimulator
from local.x_simulator.bot_sign_in import sign_bot_in
from local.x_simulator.live import Pace
from local.x_simulator.watcher import Cart, Outcome, WatcherUnavailableError
from local.x_simulator.webhooks import sign

BASE = "http://127.0.0.1:8400"
HOOK = "http://abc123.execute-api.localhost:4566/webhooks/x"
APP = {"authorization": f"Bearer {APP_BEARER_TOKEN}"}
QUICK = Pace(look=0.01, quiet_after=0.05, fast_for=0.3, rare_look=0.05, give_up_after=0.8)


class Clock:
    """Seconds of the Unix epoch, moved by hand."""

    def __init__(self, now: float | None = None) -> None:
        self.now = time.time() if now is None else now

    def __call__(self) -> float:
        return self.now


class Endpoint:
    """HashCart's webhook, as X sees it. `statuses` are answered in turn, then 200; None is no answer at all."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.statuses: list[int | None] = []
        self.crc: Callable[[str], httpx.Response] = lambda token: httpx.Response(
            200, json={"response_token": sign(CONSUMER_SECRET, token.encode())}
        )

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.method == "GET":
            return self.crc(request.url.params["crc_token"])
        status = self.statuses.pop(0) if self.statuses else 200
        if status is None:
            raise httpx.ReadTimeout("no answer", request=request)
        return httpx.Response(status)

    @property
    def events(self) -> list[dict[str, Any]]:
        """The bodies of all deliveries."""
        return [httpx.Response(200, content=request.content).json() for request in self.deliveries]

    @property
    def deliveries(self) -> list[httpx.Request]:
        """The POSTs."""
        return [request for request in self.requests if request.method == "POST"]


class FakeWatcher:
    """Says what tests tell it to."""

    def __init__(self) -> None:
        self.linked: bool | None = True
        self.outcomes: dict[str, Outcome] = {}
        self.carts: dict[str, Cart] = {}
        self.failure: Exception | None = None
        self.looks = 0

    def is_linked(self, author_id: str) -> bool | None:
        del author_id
        return self.linked

    def outcome_of(self, author_id: str, post_id: str) -> Outcome | None:
        del author_id
        self.looks += 1
        if self.failure is not None:
            raise self.failure
        return self.outcomes.get(post_id)

    def cart_of(self, author_id: str) -> Cart | None:
        if isinstance(self.failure, WatcherUnavailableError):
            raise self.failure
        return self.carts.get(author_id)


class LoopThread:
    """An event loop in a thread, for applications that work in the background while a test waits."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run[T](self, work: Coroutine[Any, Any, T]) -> T:
        """Do the work in the loop."""
        return self.start(work).result(10)

    def start[T](self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Begin the work in the loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def stop(self) -> None:
        """End the thread."""
        self.run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class InLoop(httpx.BaseTransport):
    """Calls an application in a loop, without sockets."""

    def __init__(self, app: ASGIApp, loop: LoopThread) -> None:
        self._transport = httpx.ASGITransport(app)
        self._loop = loop

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        return self._loop.run(self._answer(request))

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        response = await self._transport.handle_async_request(request)
        await response.aread()
        return httpx.Response(response.status_code, headers=response.headers, content=response.content)


class World:
    """A running simulator and who is around it."""

    def __init__(
        self, client: httpx.Client, simulator: XSimulator, endpoint: Endpoint, watcher: FakeWatcher, loop: LoopThread
    ) -> None:
        self.client = client
        self.loop = loop
        self.simulator = simulator
        self.endpoint = endpoint
        self.watcher = watcher

    def register_webhook(self, url: str = HOOK) -> dict[str, Any]:
        """Register the endpoint."""
        response = self.client.post("/2/webhooks", json={"url": url}, headers=APP)
        assert response.status_code == 200, response.text
        document: dict[str, Any] = response.json()
        return document

    def subscribe(self, event_type: str, user_id: str) -> dict[str, Any]:
        """Subscribe to an account's events, as the app."""
        asked = {"event_type": event_type, "filter": {"user_id": user_id}}
        response = self.client.post("/2/activity/subscriptions", json=asked, headers=APP)
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()["data"]["subscription"]
        return found

    def seed_post(self, word: str) -> str:
        """The id of the seed's post that has the word."""
        posts = self.client.get("/simulator/posts").json()["posts"]
        return next(str(post["id"]) for post in posts if word in post["text"])

    def post(self, author: str, text: str, **more: Any) -> dict[str, Any]:
        """Create a post by the control API."""
        response = self.client.post("/simulator/posts", json={"author": author, "text": text, **more})
        assert response.status_code == 200, response.text
        document: dict[str, Any] = response.json()
        return document

    def user(self, account_id: str = "900", scope: str | None = None) -> dict[str, str]:
        """The authorization header of an account that allows the app all that it asks for."""
        kwargs = {} if scope is None else {"scope": scope}
        answer = sign_bot_in(BASE, account_id=account_id, client=self.client, **kwargs)
        return {"authorization": f"Bearer {answer['access_token']}"}

    def attempts(self) -> str:
        """The live panel's entries."""
        page = self.client.get("/").text
        return page[page.index('<ol id="attempts">') :]


def eventually(condition: Callable[[], object], timeout: float = 3.0) -> None:
    """Wait until a condition of another thread holds."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


@contextmanager
def world(
    state_dir: Path,
    *,
    now: Callable[[], float] = time.time,
    retry_delays: tuple[float, ...] = (0.0, 0.0),
    keep_alive: float = 15.0,
) -> Iterator[World]:
    """Run a simulator on that state."""
    loop, endpoint, watcher = LoopThread(), Endpoint(), FakeWatcher()
    simulator = loop.run(
        _simulator(state_dir, endpoint, watcher, now=now, retry_delays=retry_delays, keep_alive=keep_alive)
    )
    running = simulator.running()
    loop.run(running.__aenter__())
    try:
        with httpx.Client(transport=InLoop(simulator, loop), base_url=BASE) as client:
            yield World(client, simulator, endpoint, watcher, loop)
    finally:
        loop.run(running.__aexit__(None, None, None))
        loop.stop()


async def _simulator(
    state_dir: Path,
    endpoint: Endpoint,
    watcher: FakeWatcher,
    *,
    now: Callable[[], float],
    retry_delays: tuple[float, ...],
    keep_alive: float,
) -> XSimulator:
    return XSimulator(
        LocalSettings(x_port=8400, store_port=8401, aws_port=4566, state_dir=state_dir),
        watcher=watcher,
        client=httpx.AsyncClient(transport=httpx.MockTransport(endpoint)),
        now=now,
        pace=QUICK,
        retry_delays=retry_delays,
        keep_alive=keep_alive,
    )
