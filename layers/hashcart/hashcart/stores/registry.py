"""The stores that a deployment can be for."""

from hashcart.http import HttpClient
from hashcart.settings import SettingError, base_url
from hashcart.stores.amazon import AmazonStore
from hashcart.stores.demo import DemoStore
from hashcart.stores.protocol import Store


def open_store(name: str) -> Store:
    """The store called `name`. Raises SettingError for one that does not exist."""
    if name == "amazon":
        return AmazonStore()
    if name == "demo":
        return DemoStore(HttpClient(), base_url("STORE_BASE_URL"), base_url("STORE_SITE_URL"))
    raise SettingError(f"there is no store {name}")
