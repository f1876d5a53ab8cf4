"""One process, two sites."""

import asyncio
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from local.settings import LocalSettings
from local.sites import PortTakenError, Sites, SitesServer, listen
from local.x_simulator.watcher import NullWatcher


class Listener:
    """A socket that does as it is told."""

    def __init__(self, failure: OSError | None = None) -> None:
        self.failure = failure
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        def call(*_: object) -> None:
            self.calls.append(name)
            if name == "bind" and self.failure is not None:
                raise self.failure

        return call


def settings(state_dir: Path) -> LocalSettings:
    return LocalSettings(x_port=8400, store_port=8401, aws_port=4566, state_dir=state_dir)


def on_port(app: ASGIApp, port: int) -> ASGIApp:
    async def called(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "server": ("127.0.0.1", port)}, receive, send)

    return called


def test_the_port_selects_the_site(tmp_path: Path) -> None:
    async def titles() -> list[bool]:
        sites = Sites(settings(tmp_path), NullWatcher())
        pages = []
        async with sites.simulator.running():
            for port in (8400, 8401):
                transport = httpx.ASGITransport(on_port(sites, port))
                async with httpx.AsyncClient(transport=transport, base_url=f"http://127.0.0.1:{port}") as client:
                    pages.append((await client.get("/")).text)
        return ["X simulator" in pages[0], "Things that last" in pages[1]]

    assert asyncio.run(titles()) == [True, True]


def test_the_server_ends_open_streams_when_it_is_told_to_stop(tmp_path: Path) -> None:
    async def stop() -> tuple[object, bool]:
        sites = Sites(settings(tmp_path), NullWatcher())
        server = SitesServer(uvicorn.Config(sites), sites)
        async with sites.simulator.running():
            queue = sites.simulator.board.hub.subscribe()
            server.handle_exit(signal.SIGTERM, None)
            return await asyncio.wait_for(queue.get(), 1), server.should_exit

    assert asyncio.run(stop()) == (None, True)


def test_the_application_s_lifespan_runs_the_background_work(tmp_path: Path) -> None:
    async def answers() -> list[str]:
        received: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        for kind in ("startup", "shutdown"):
            received.put_nowait({"type": f"lifespan.{kind}"})
        sent: list[str] = []

        async def send(message: Any) -> None:
            sent.append(message["type"])

        await Sites(settings(tmp_path), NullWatcher())({"type": "lifespan", "state": {}}, received.get, send)
        return sent

    assert asyncio.run(answers()) == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_a_port_is_listened_on() -> None:
    listener: Any = Listener()
    listen(8400, lambda: listener)
    assert listener.calls == ["setsockopt", "bind", "listen", "setblocking"]


def test_a_taken_port_is_told_with_advice() -> None:
    listener: Any = Listener(OSError(98, "Address already in use"))
    with pytest.raises(PortTakenError, match=r"Port 8400 is taken.*HASHCART_X_PORT"):
        listen(8400, lambda: listener)
    assert listener.calls[-1] == "close"


def test_the_address_of_a_post_leads_to_its_place(tmp_path: Path) -> None:
    async def ask() -> list[str]:
        sites = Sites(settings(tmp_path), NullWatcher())
        transport = httpx.ASGITransport(app=on_port(sites, 8400))
        async with (
            sites.simulator.running(),
            httpx.AsyncClient(transport=transport, base_url="http://x.localhost:8400") as client,
        ):
            answers = [await client.get(path) for path in ("/i/web/status/12", "/ada_shops/status/12")]
            return [answer.headers["location"] for answer in answers]

    assert asyncio.run(ask()) == ["/#post-12"] * 2
