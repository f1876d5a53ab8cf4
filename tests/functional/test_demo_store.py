"""The demo store's catalogue API and pages."""

from collections.abc import Iterator

import httpx
import pytest

from local.demo_store.app import DemoStore
from local.demo_store.catalogue import PRODUCTS
from tests.fakes.x_simulator_world import InLoop, LoopThread


@pytest.fixture
def store() -> Iterator[httpx.Client]:
    loop = LoopThread()
    with httpx.Client(transport=InLoop(DemoStore(8401).app(), loop), base_url="http://store.localhost:8401") as client:
        yield client
    loop.stop()


def product(store: httpx.Client, product_id: str, marketplace: str = "store.localhost") -> httpx.Response:
    return store.get(f"/api/products/{product_id}", params={"marketplace": marketplace})


def test_a_product_has_what_the_contract_says(store: httpx.Client) -> None:
    document = product(store, "stoneware-mug").json()
    assert document == {
        "id": "stoneware-mug",
        "title": "Stoneware mug, speckled",
        "price": {"amount": "18.00", "currency": "USD"},
        "image_url": "http://store.localhost:8401/images/stoneware-mug.svg",
        "category": "Kitchen",
        "sensitive": False,
        "digital": False,
        "in_stock": True,
        "max_quantity": None,
        "marketplaces": ["store.localhost", "uk.store.localhost"],
        "variants": [],
    }


def test_prices_are_those_of_the_marketplace(store: httpx.Client) -> None:
    assert product(store, "stoneware-mug", "uk.store.localhost").json()["price"]["currency"] == "GBP"
    kettle = product(store, "copper-kettle").json()
    assert (kettle["price"]["currency"], kettle["marketplaces"]) == ("GBP", ["uk.store.localhost"])


def test_each_case_is_on_the_shelf(store: httpx.Client) -> None:
    assert product(store, "arc-lamp").json()["in_stock"] is False
    assert product(store, "night-drive-lp").json()["max_quantity"] == 3
    assert product(store, "quiet-migraine").json()["sensitive"] is True
    assert product(store, "coast-field-guide").json()["digital"] is True
    sizes = product(store, "organic-tee").json()["variants"]
    assert [(size["id"], size["in_stock"]) for size in sizes] == [
        ("tee-s", True), ("tee-m", True), ("tee-l", True), ("tee-xl", False),
    ]  # fmt: skip
    assert sizes[0]["options"] == {"size": "S"}


def test_what_is_not_there_is_not_found(store: httpx.Client) -> None:
    answer = product(store, "walnut-radio")
    assert (answer.status_code, answer.json()) == (404, {"error": "not_found"})
    assert store.get("/products/walnut-radio").status_code == 404
    assert store.get("/nowhere").status_code == 404


def test_the_store_can_be_taken_down_and_put_up_again(store: httpx.Client) -> None:
    assert store.post("/simulator/down", json={"down": True}).json() == {"down": True}
    answer = product(store, "stoneware-mug")
    assert (answer.status_code, answer.json()) == (503, {"error": "unavailable"})
    assert store.get("/").status_code == store.get("/products/stoneware-mug").status_code == 503
    assert store.get("/simulator/down").json() == {"down": True}
    assert store.post("/simulator/down", json={"down": False}).json() == {"down": False}
    assert product(store, "stoneware-mug").status_code == 200


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"down": "yes"}'])
def test_anything_else_does_not_take_it_down(store: httpx.Client, body: bytes) -> None:
    assert store.post("/simulator/down", content=body).status_code == 400


@pytest.mark.parametrize("product_id", list(PRODUCTS))
def test_every_product_has_a_page_and_a_picture(store: httpx.Client, product_id: str) -> None:
    page = store.get(f"/products/{product_id}")
    assert page.status_code == 200
    assert PRODUCTS[product_id].title in page.text
    assert store.get(f"/images/{product_id}.svg").headers["content-type"] == "image/svg+xml"


def test_pages_show_options_stock_and_region(store: httpx.Client) -> None:
    tee = store.get("/products/organic-tee", params={"variant": "tee-l"}).text
    assert "At most 2 in this size" in tee
    assert ", sold out" in tee
    assert "Sold out" in store.get("/products/arc-lamp").text
    assert "At most 3" in store.get("/products/night-drive-lp").text
    assert "Not sold in the United States" in store.get("/products/copper-kettle").text


def test_the_host_name_selects_the_shop(store: httpx.Client) -> None:
    british = {"host": "uk.store.localhost:8401"}
    assert "£15.00" in store.get("/products/stoneware-mug", headers=british).text
    assert "Copper stove kettle" in store.get("/", headers=british).text
    assert "Copper stove kettle" not in store.get("/").text
    assert store.get("/", headers={"host": "127.0.0.1:8401"}).status_code == 200


def test_other_sites_cannot_take_it_down(store: httpx.Client) -> None:
    refused = store.post("/simulator/down", json={"down": True}, headers={"origin": "http://evil.example"})
    assert refused.status_code == 403
    assert store.get("/", headers={"host": "evil.example"}).status_code == 421
