"""The way back from X's sign-in: a request to this machine, or an address that the operator pastes."""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol
from urllib.parse import urlsplit

LOOPBACK = ("127.0.0.1", "localhost")
WAIT_SECONDS = 300.0
MAX_LINE = 4096
PAGE = b"Done: go back to the terminal. You can close this page.\n"


class Redirects(Protocol):
    """Where the browser comes back to."""

    uri: str
    """The redirect URI, as it is registered at X."""

    @contextmanager
    def listening(self) -> Iterator[Callable[[], str]]:
        """Be ready; the function waits for the address that the browser comes back with, or raises TimeoutError."""


class BrowserRedirects:
    """Listens on the redirect URI's port where it is one of this machine, and to the terminal."""

    def __init__(
        self,
        uri: str,
        *,
        read_line: Callable[[int], str] | None = None,
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        self.uri = uri
        self._read_line = read_line or sys.stdin.readline
        self._wait_seconds = wait_seconds

    @contextmanager
    def listening(self) -> Iterator[Callable[[], str]]:
        """Be ready, as Redirects has it."""
        came: queue.Queue[str] = queue.Queue()
        server = self._server(came)
        if server is not None:
            threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
        threading.Thread(target=self._read_pasted, args=(came,), daemon=True).start()

        def wait() -> str:
            try:
                return came.get(timeout=self._wait_seconds)
            except queue.Empty:
                raise TimeoutError from None

        try:
            yield wait
        finally:
            if server is not None:
                server.shutdown()
                server.server_close()

    def _read_pasted(self, came: queue.Queue[str]) -> None:
        line = self._read_line(MAX_LINE).strip()
        if line:
            came.put(line)

    def _server(self, came: queue.Queue[str]) -> ThreadingHTTPServer | None:
        """None where the redirect URI is of another machine, or another program has the port: then it is pasted."""
        parts = urlsplit(self.uri)
        if parts.hostname not in LOOPBACK or parts.port is None:
            return None

        class Handler(BaseHTTPRequestHandler):
            timeout = 5.0

            def do_GET(self) -> None:
                is_it = urlsplit(self.path).path == parts.path
                self.send_response(HTTPStatus.OK if is_it else HTTPStatus.NOT_FOUND)
                self.send_header("content-type", "text/plain; charset=utf-8")
                self.send_header("cache-control", "no-store")
                self.end_headers()
                if is_it:
                    self.wfile.write(PAGE)
                    came.put(self.path)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing: the address holds a code."""

        try:
            return ThreadingHTTPServer(("127.0.0.1", parts.port), Handler)
        except OSError:
            return None
