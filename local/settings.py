"""Where the local world lives: addresses, state and secrets of the embedded stack.

The secrets protect nothing: everything listens on 127.0.0.1 and forgets them with `make reset`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parent.parent

EMAIL_SENDER = "cart@northwind.example"

DEMO, OSCAR = "demo", "oscar"

BOT_USER_ID = "900"
BOT_USERNAME = "shopbot"
CART_HASHTAGS = ("AmazonCart", "AmazonBasket", "アマゾンポチ")

CONSUMER_KEY = "local-consumer-key"
CONSUMER_SECRET = "local-consumer-secret"  # noqa: S105
BOT_ACCESS_TOKEN = "900-local-bot-access-token"  # noqa: S105
BOT_ACCESS_TOKEN_SECRET = "local-bot-access-token-secret"  # noqa: S105
APP_BEARER_TOKEN = "local-app-bearer-token"  # noqa: S105
BOT_CLIENT_ID = "local-bot-client"
BOT_CLIENT_SECRET = "local-bot-client-secret"  # noqa: S105
LOGIN_CLIENT_ID = "local-login-client"
LOGIN_CLIENT_SECRET = "local-login-client-secret"  # noqa: S105
STORE_CLIENT_ID = "local-store-client"
STORE_CLIENT_SECRET = "local-store-client-secret"  # noqa: S105
OSCAR_KEY = "local-oscar-key"
BOT_REDIRECT_URI = "http://127.0.0.1/hashcart/signed-in"
SETUP_REDIRECT_URI = "http://127.0.0.1:8410/hashcart/signed-in"
"""Where `make x-setup` listens for the bot's sign-in, unless it is told otherwise."""


@dataclass(frozen=True)
class LocalSettings:
    """Ports on 127.0.0.1 and the directory of everything that survives a restart."""

    x_port: int
    store_port: int
    aws_port: int
    state_dir: Path
    cart_port: int = 8402
    mail_port: int = 8403
    shop_port: int = 8404
    store: str = DEMO
    consumer_secret: str = CONSUMER_SECRET
    bearer_token: str = APP_BEARER_TOKEN
    client_id: str = BOT_CLIENT_ID
    client_secret: str = BOT_CLIENT_SECRET
    redirect_uris: tuple[str, ...] = (BOT_REDIRECT_URI, SETUP_REDIRECT_URI)

    @property
    def x_url(self) -> str:
        """The simulator as a browser opens it."""
        return f"http://x.localhost:{self.x_port}/"

    @property
    def x_api_base_url(self) -> str:
        """The simulator as the functions call it."""
        return f"http://127.0.0.1:{self.x_port}"

    @property
    def store_base_url(self) -> str:
        """The demo store as the functions call it."""
        return f"http://127.0.0.1:{self.store_port}"

    @property
    def store_site_url(self) -> str:
        """The demo store as a browser opens it."""
        return f"http://store.localhost:{self.store_port}"

    @property
    def shop_base_url(self) -> str:
        """The shop whose products the posts show, as the functions call it."""
        return f"http://127.0.0.1:{self.shop_port}" if self.store == OSCAR else self.store_base_url

    @property
    def shop_site_url(self) -> str:
        """The shop whose products the posts show, as a browser opens it."""
        return f"http://{self.marketplace}:{self.shop_port}" if self.store == OSCAR else self.store_site_url

    @property
    def marketplace(self) -> str:
        """The shop's host name."""
        return "shop.localhost" if self.store == OSCAR else "store.localhost"

    @property
    def shop_dir(self) -> Path:
        """The Oscar shop's database and pictures."""
        return self.state_dir / "shop"

    @property
    def cart_site_url(self) -> str:
        """The shopper's pages as a browser opens them."""
        return f"http://cart.localhost:{self.cart_port}"

    @property
    def mail_site_url(self) -> str:
        """The inbox of all shoppers as a browser opens it."""
        return f"http://mail.localhost:{self.mail_port}"

    @property
    def ses_endpoint_url(self) -> str:
        """The inbox as the functions call it in the place of SES."""
        return f"http://127.0.0.1:{self.mail_port}"

    @property
    def aws_endpoint_url(self) -> str:
        """The emulator of AWS."""
        return f"http://127.0.0.1:{self.aws_port}"

    @property
    def outputs_file(self) -> Path:
        """The deployed stack's outputs (names of tables, queues, secrets, the webhook's address), a JSON object."""
        return self.state_dir / "outputs.json"


def from_environment(environ: Mapping[str, str] = os.environ) -> LocalSettings:
    """Read the settings, which the variables `HASHCART_…_PORT` of `X`, `STORE`, `CART`, `MAIL`, `SHOP`, `AWS` override.

    So do `HASHCART_STATE_DIR`, and `HASHCART_STORE` ("demo", or "oscar" for the shop that `local/oscar_shop` is).

    So do X's app credentials: `HASHCART_X_CONSUMER_SECRET`, `HASHCART_X_BEARER_TOKEN`, `HASHCART_X_CLIENT_ID`,
    `HASHCART_X_CLIENT_SECRET`, and `HASHCART_X_REDIRECT_URIS` (comma-separated, matched exactly).

    Raises:
        ValueError: a port is no number from 1 to 65535, or there is no such store.
    """
    store = environ.get("HASHCART_STORE", DEMO)
    if store not in (DEMO, OSCAR):
        raise ValueError(f"there is no store {store!r}, only {DEMO} and {OSCAR}")
    return LocalSettings(
        x_port=_port(environ, "HASHCART_X_PORT", 8400),
        store_port=_port(environ, "HASHCART_STORE_PORT", 8401),
        cart_port=_port(environ, "HASHCART_CART_PORT", 8402),
        mail_port=_port(environ, "HASHCART_MAIL_PORT", 8403),
        shop_port=_port(environ, "HASHCART_SHOP_PORT", 8404),
        store=store,
        aws_port=_port(environ, "HASHCART_AWS_PORT", 4566),
        state_dir=PROJECT_ROOT / environ.get("HASHCART_STATE_DIR", ".local"),
        consumer_secret=environ.get("HASHCART_X_CONSUMER_SECRET", CONSUMER_SECRET),
        bearer_token=environ.get("HASHCART_X_BEARER_TOKEN", APP_BEARER_TOKEN),
        client_id=environ.get("HASHCART_X_CLIENT_ID", BOT_CLIENT_ID),
        client_secret=environ.get("HASHCART_X_CLIENT_SECRET", BOT_CLIENT_SECRET),
        redirect_uris=tuple(
            environ.get("HASHCART_X_REDIRECT_URIS", f"{BOT_REDIRECT_URI},{SETUP_REDIRECT_URI}").split(",")
        ),
    )


def _port(environ: Mapping[str, str], name: str, default: int) -> int:
    value = environ.get(name, str(default))
    if not (value.isascii() and value.isdecimal() and 0 < int(value) < 1 << 16):
        raise ValueError(f"{name}={value} is no port, which is a number from 1 to 65535")
    return int(value)
