"""The stores that a deployment can be for. Only the chosen one is imported."""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from hashcart.secrets import Secret
from hashcart.settings import SettingError, base_url, flag, names, optional_text, text
from hashcart.stores.protocol import Store

if TYPE_CHECKING:
    from hashcart.stores.amazon_catalogue import AmazonCatalogue

# ruff: noqa: PLC0415 - what a store needs costs time at each cold start, and a deployment has one store

CART_STORES = frozenset({"shopify", "oscar"})
"""Those that are a `CartStore`, told without loading them."""


def open_store(name: str, api_secret: Callable[[], Secret] | None = None) -> Store:
    """The store called `name`, with its settings. Raises SettingError for one that does not exist.

    `api_secret` stands in for the deployment's own secret.
    """
    secret = api_secret or _api_secret
    match name:
        case "amazon":
            return _amazon(secret)
        case "shopify":
            return _shopify(secret)
        case "oscar":
            return _oscar(secret)
        case "generic":
            return _generic()
        case "demo":
            return _demo()
        case _:
            raise SettingError(f"there is no store {name}")


def _amazon(api_secret: Callable[[], Secret]) -> Store:
    from hashcart.stores.amazon import AmazonStore, AssociateTags

    entries = names("ASSOCIATE_TAGS")
    tags = AssociateTags.read(entries, keeps_others=flag("KEEP_ASSOCIATE_TAGS"))
    if not entries:
        return AmazonStore(tags)

    @cache
    def open_catalogue() -> "AmazonCatalogue":
        # Most products are in the table of products already, so a cold start does not wait for what reads the others.
        from hashcart.http import HttpClient
        from hashcart.observability import clock_ms
        from hashcart.stores.amazon_api import CreatorsApi
        from hashcart.stores.amazon_catalogue import AmazonCatalogue

        return AmazonCatalogue(CreatorsApi(HttpClient(), api_secret(), clock_ms))

    return AmazonStore(tags, open_catalogue)


def _shopify(api_secret: Callable[[], Secret]) -> Store:
    from hashcart.http import HttpClient
    from hashcart.observability import clock_ms
    from hashcart.stores.shopify import ShopifyStore
    from hashcart.stores.shopify_api import StorefrontApi

    api = StorefrontApi(HttpClient(), base_url("STORE_BASE_URL"), api_secret(), clock_ms)
    return ShopifyStore(api, [host.lower() for host in names("STORE_HOSTS")], clock_ms)


def _oscar(api_secret: Callable[[], Secret]) -> Store:
    from hashcart.domain.product_links import StoreLinks
    from hashcart.http import HttpClient
    from hashcart.stores.oscar import OscarStore

    hosts = sorted(StoreLinks.of("oscar", names("STORE_HOSTS")).hosts)
    return OscarStore(HttpClient(), base_url("STORE_BASE_URL"), base_url("STORE_SITE_URL"), hosts, api_secret())


def _generic() -> Store:
    from hashcart.domain.product_links import StoreLinks
    from hashcart.public_web import PublicWeb
    from hashcart.stores.hand_off_template import HandOffTemplate, TemplateError
    from hashcart.stores.product_page import ProductPageStore

    template = optional_text("HAND_OFF_URL_TEMPLATE")
    try:
        links = StoreLinks.of("generic", names("STORE_HOSTS"))
        return ProductPageStore(PublicWeb(), links, HandOffTemplate.read(template) if template else None)
    except (TemplateError, ValueError) as error:
        raise SettingError(f"HAND_OFF_URL_TEMPLATE or STORE_HOSTS: {error}") from error


def _demo() -> Store:
    from hashcart.http import HttpClient
    from hashcart.stores.demo import DemoStore

    return DemoStore(HttpClient(), base_url("STORE_BASE_URL"), base_url("STORE_SITE_URL"))


def _api_secret() -> Secret:
    import boto3

    from hashcart.aws import CLIENT_CONFIG
    from hashcart.observability import clock_ms

    return Secret(boto3.client("secretsmanager", config=CLIENT_CONFIG), text("STORE_API_SECRET_ARN"), clock_ms=clock_ms)
