"""The ports of the stack must be free before anything starts."""

from __future__ import annotations

import socket
from collections.abc import Callable

from local.settings import OSCAR, LocalSettings
from local.stack.console import StackError


def is_free(
    port: int,
) -> bool:  # pragma: no cover - binds a socket, which tests may not; every start of the stack runs it
    """Whether nothing listens on 127.0.0.1 at the port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def check_ports(settings: LocalSettings, free: Callable[[int], bool] = is_free) -> None:
    """Raise a `StackError` that names the first taken port and the variable that moves it."""
    uses = (
        (settings.x_port, "HASHCART_X_PORT"),
        (settings.store_port, "HASHCART_STORE_PORT"),
        (settings.cart_port, "HASHCART_CART_PORT"),
        (settings.mail_port, "HASHCART_MAIL_PORT"),
        (settings.aws_port, "HASHCART_AWS_PORT"),
        *([(settings.shop_port, "HASHCART_SHOP_PORT")] if settings.store == OSCAR else []),
    )
    for port, variable in uses:
        if not free(port):
            raise StackError(
                f"Port {port} on 127.0.0.1 is taken, perhaps by a stack that still runs.",
                f"See who has it:  ss -ltnp 'sport = :{port}'   (macOS: lsof -nP -iTCP:{port} -sTCP:LISTEN)\n"
                f"Or use another:  {variable}={port + 100} make start",
            )
