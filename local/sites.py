"""Serves X's simulator, the demo store, the pages' front door and the inbox in one process: `python -m local.sites`."""

import socket
import sys
from collections.abc import Callable
from types import FrameType

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from local.demo_store.app import DemoStore
from local.front_door import FrontDoor
from local.inbox.app import Inbox
from local.settings import LocalSettings, from_environment
from local.stack_watcher import StackWatcher
from local.x_simulator.app import XSimulator
from local.x_simulator.watcher import Watcher

HOST = "127.0.0.1"
BACKLOG = 128


class PortTakenError(Exception):
    """Something else listens on a port that we need."""


class Sites:
    """All sites as one ASGI application: the port that a request came in on selects the site."""

    def __init__(self, settings: LocalSettings, watcher: Watcher) -> None:
        self.simulator = XSimulator(settings, watcher=watcher)
        self._by_port: dict[int, ASGIApp] = {
            settings.store_port: DemoStore(settings.store_port, settings.cart_site_url).app(),
            settings.cart_port: FrontDoor(settings.outputs_file, settings.aws_endpoint_url),
            settings.mail_port: Inbox(settings).app(),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve."""
        port = scope["server"][1] if scope["type"] == "http" else 0
        await self._by_port.get(port, self.simulator)(scope, receive, send)


class SitesServer(uvicorn.Server):
    """Ends the open pages' streams first, which would otherwise keep the server from stopping."""

    def __init__(self, config: uvicorn.Config, sites: Sites) -> None:
        super().__init__(config)
        self._sites = sites

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop."""
        self._sites.simulator.board.hub.close()
        super().handle_exit(sig, frame)


def listen(port: int, open_socket: Callable[[], socket.socket] = socket.socket) -> socket.socket:
    """A listening socket on 127.0.0.1. Raises PortTakenError."""
    listener = open_socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise PortTakenError(
            f"Port {port} is taken. Stop what listens there, or choose others with HASHCART_X_PORT, "
            "HASHCART_STORE_PORT, HASHCART_CART_PORT and HASHCART_MAIL_PORT."
        ) from error
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener


def serve(settings: LocalSettings, watcher: Watcher) -> None:  # pragma: no cover - sockets; every start runs it
    """Serve until SIGINT or SIGTERM. Raises PortTakenError."""
    ports = (settings.x_port, settings.store_port, settings.cart_port, settings.mail_port)
    listeners = [listen(port) for port in ports]
    sites = Sites(settings, watcher)
    config = uvicorn.Config(sites, log_level="warning", access_log=False, timeout_graceful_shutdown=2)
    SitesServer(config, sites).run(sockets=listeners)


def main() -> int:  # pragma: no cover - sockets; every start runs it
    """The process's entry point."""
    try:
        settings = from_environment()
        serve(settings, StackWatcher(settings.outputs_file, settings.aws_endpoint_url))
    except PortTakenError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
