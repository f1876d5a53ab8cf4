"""Lets containers reach what listens on 127.0.0.1 only.

`sam local invoke` puts its container in Docker's bridge network (SAM CLI 1.167 takes `--docker-network host` and stays
in the bridge), where 127.0.0.1 is the container. On Linux the bridge's gateway is an address of this machine, so a
relay listens there, which only containers can reach. Docker Desktop has a name for the machine instead.
"""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

DESKTOP_HOST = "host.docker.internal"
_CHUNK = 65536


@contextmanager
def relayed(
    gateway: str, ports: Iterable[int]
) -> Iterator[str]:  # pragma: no cover - listens; `make sam-local` runs it
    """Relay ports of the gateway to 127.0.0.1; gives the name under which containers reach this machine."""
    with ExitStack() as stack:
        try:
            for port in ports:
                server = stack.enter_context(_Relay((gateway, port), _Connection))
                threading.Thread(target=server.serve_forever, daemon=True).start()
                stack.callback(server.shutdown)
        except OSError:
            yield DESKTOP_HOST
        else:
            yield gateway


class _Relay(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


class _Connection(socketserver.BaseRequestHandler):  # pragma: no cover - see `relayed`
    def handle(self) -> None:
        try:
            target = socket.create_connection(("127.0.0.1", self.request.getsockname()[1]))
        except OSError:
            return
        with target:
            back = threading.Thread(target=_copy, args=(target, self.request), daemon=True)
            back.start()
            _copy(self.request, target)
            back.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:  # pragma: no cover - see `relayed`
    try:
        while chunk := source.recv(_CHUNK):
            sink.sendall(chunk)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return
