"""The demo store's catalogue API and pages."""

from collections.abc import Iterator

import httpx
import pytest

from local.demo_store.app import DemoStore
from local.demo_store.baskets import read_line
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


def test_the_cart_asks_before_it_takes_what_was_brought(store: httpx.Client) -> None:
    asked = store.get("/cart", params={"add": ["stoneware-mug~~2", "organic-tee~tee-l~1", "walnut-radio~~1"]})
    assert "Organic cotton tee, moss, L" in asked.text
    assert "Together $68.00" in asked.text
    assert "1 of the products could not be found here." in asked.text
    assert "Your cart is empty." in store.get("/cart").text
    added = store.post("/cart", data={"add": ["stoneware-mug~~2", "organic-tee~tee-l~1"]}, follow_redirects=True)
    assert "2 × $18.00" in added.text
    again = store.post("/cart", data={"add": "stoneware-mug~~1"}, follow_redirects=True)
    assert "Together $50.00" in again.text


@pytest.mark.parametrize(
    "entry",
    ["", "stoneware-mug", "stoneware-mug~~0", "stoneware-mug~~1000", "stoneware-mug~~x", "stoneware-mug~x~1",
     "organic-tee~~1", "organic-tee~tee-q~1"],
)  # fmt: skip
def test_what_the_cart_does_not_know_it_does_not_take(store: httpx.Client, entry: str) -> None:
    assert read_line(entry) is None
    assert store.post("/cart", data={"add": entry}).status_code == 400


def test_baskets_are_forgotten_when_there_are_too_many(store: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.demo_store.baskets.KEPT_BASKETS", 1)
    for _ in range(2):
        store.cookies.clear()
        assert "18.00" in store.post("/cart", data={"add": "stoneware-mug~~1"}, follow_redirects=True).text
