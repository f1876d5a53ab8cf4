"""Builds a function's site from what the template tells it."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from hashcart.domain.amazon_links import MARKETPLACES
from hashcart.observability import clock_ms
from hashcart.pages.kit.rendering import StoreFacts
from hashcart.pages.kit.routes import Route
from hashcart.pages.kit.site import Site, SiteFacts
from hashcart.secrets import Secret
from hashcart.settings import base_url, names, optional_text, text
from hashcart.storage.sessions import Sessions

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_secretsmanager import SecretsManagerClient


def open_site(dynamodb: "DynamoDBClient", secrets: "SecretsManagerClient", routes: Iterable[Route]) -> Site:
    """The site with a function's own routes."""
    secret = Secret(secrets, text("PAGES_SECRET_ARN"), clock_ms=clock_ms)
    store = StoreFacts(
        name=text("STORE_NAME"),
        operator_name=optional_text("OPERATOR_NAME"),
        operator_url=optional_text("OPERATOR_URL"),
        privacy_url=optional_text("PRIVACY_URL"),
        hashtags=names("CART_HASHTAGS"),
        bot_username=text("BOT_USERNAME"),
    )
    facts = SiteFacts(
        store=store,
        accent_colour=text("ACCENT_COLOR"),
        public_url=optional_text("PUBLIC_URL").rstrip("/"),
        image_origins=names("IMAGE_ORIGINS"),
        form_targets=(base_url("X_SITE_URL"), *_store_origins(text("STORE"), optional_text("STORE_SITE_URL"))),
    )
    return Site(facts, Sessions(dynamodb, text("SESSIONS_TABLE")), lambda: secret.text("key"), clock_ms, routes)


def _store_origins(store: str, site_url: str) -> tuple[str, ...]:
    """Where a hand-off may lead."""
    if store == "amazon":
        return tuple(f"https://www.{marketplace}" for marketplace in sorted(MARKETPLACES))
    return (site_url,) if site_url else ()
