"""The Oscar adapter against what the app `hashcart_api` answers, which has tests of its own in local/oscar_shop."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from urllib3.exceptions import ProtocolError

from hashcart.domain.hand_offs import HandOff, HandOffLine
from hashcart.domain.product_links import ProductReference, find_product
from hashcart.domain.products import Product, Variant
from hashcart.http import HttpClient
from hashcart.secrets import REREAD_INTERVAL_MS, Secret
from hashcart.stores.oscar import OscarStore
from hashcart.stores.protocol import CartStore, Customer, StoreCart, StoreRefusedError, StoreUnavailableError
from tests.fakes.clock import Clock
from tests.fakes.internet import Answer, Internet, Request

API = "http://shop.test/api/hashcart"
MUG = ProductReference("shop.example", "11")
PRICE = {"currency": "USD", "excl_tax": "18.00", "incl_tax": "19.80", "tax": "1.80"}
MUG_ANSWER = {
    "id": 11,
    "title": "Stoneware mug",
    "structure": "standalone",
    "image": "/media/mug.png",
    "price": PRICE,
    "availability": {"is_available_to_buy": True, "num_available": 5, "message": "In stock (5 available)"},
    "parent": None,
    "categories": ["Kitchen > Mugs", "Gifts"],
    "requires_shipping": True,
    "children": [],
}
CHILD = {
    "id": 21,
    "title": "Tee, moss, S",
    "structure": "child",
    "image": "https://cdn.example/tee.png",
    "price": PRICE,
    "availability": {"is_available_to_buy": False, "num_available": -1, "message": "Unavailable"},
    "attributes": [{"name": "Colour", "value": "moss"}, {"name": "Size", "value": 42}],
}
TEE = MUG_ANSWER | {
    "id": 12,
    "title": "Tee",
    "structure": "parent",
    "image": None,
    "price": {"currency": None, "excl_tax": None, "incl_tax": None, "tax": "0.00"},
    "availability": {"is_available_to_buy": True, "message": "Available"},
    "children": [CHILD],
}
ADA = Customer("ada", "7")


class SecretsManager:
    """Hands out the keys one after the other; the last one stays."""

    def __init__(self, *keys: str) -> None:
        self._keys = list(keys)

    def get_secret_value(self, **_: str) -> dict[str, str]:
        if not self._keys:
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "GetSecretValue")
        key = self._keys.pop(0) if len(self._keys) > 1 else self._keys[0]
        return {"SecretString": f'{{"key": "{key}"}}'}


class World:
    def __init__(self, *keys: str) -> None:
        self.internet = Internet()
        self.clock = Clock()
        secret = Secret(SecretsManager(*keys), "arn", clock_ms=self.clock)  # type: ignore[arg-type]
        http = HttpClient(self.internet)  # type: ignore[arg-type]
        hosts = ("shop.example", "shop.example.de")
        self.store: CartStore = OscarStore(http, "http://shop.test", "https://shop.example", hosts, secret)

    def requests(self, method: str) -> list[Request]:
        return [request for request in self.internet.requests if request.method == method]


@pytest.fixture
def world() -> World:
    return World("key")


def basket(*lines: tuple[int, int], ordered: bool = False, pk: int = 7) -> dict[str, Any]:
    return {
        "basket": pk,
        "ordered": ordered,
        "lines": [{"product": product, "quantity": quantity, "changed_ms": 1000} for product, quantity in lines],
    }


class TestProducts:
    def test_a_product_with_price_stock_and_category(self, world: World) -> None:
        world.internet.answer(f"GET {API}/products/11/", (200, MUG_ANSWER))
        assert world.store.product(MUG) == Product(
            title="Stoneware mug",
            price="19.80",
            currency="USD",
            image_url="https://shop.example/media/mug.png",
            in_stock=True,
            max_quantity=5,
            category="Kitchen > Mugs",
        )
        assert world.internet.requests[0].headers["x-hashcart-key"] == "key"
        assert "x-hashcart-subject" not in world.internet.requests[0].headers

    def test_a_parent_is_chosen_from(self, world: World) -> None:
        world.internet.answer(f"GET {API}/products/12/", (200, TEE))
        product = world.store.product(ProductReference("shop.example", "12"))
        assert product is not None
        assert (product.needs_options, product.price, product.currency) == (True, None, None)
        assert product.variants == (
            Variant(
                "21",
                (("Colour", "moss"), ("Size", "42")),
                "Tee, moss, S",
                "19.80",
                "USD",
                "https://cdn.example/tee.png",
                in_stock=False,
                max_quantity=0,
                is_product=True,
            ),
        )
        assert product.variants[0].reference(ProductReference("shop.example", "12")).line_id == "shop.example#21#"

    def test_a_child_names_its_parent(self, world: World) -> None:
        world.internet.answer(f"GET {API}/products/21/", (200, MUG_ANSWER | CHILD | {"parent": 12}))
        product = world.store.product(ProductReference("shop.example", "21"))
        assert product is not None
        assert (product.parent_id, product.needs_options, product.is_sold_out) == ("12", False, True)

    def test_what_is_not_sent_is_digital(self, world: World) -> None:
        world.internet.answer(f"GET {API}/products/11/", (200, MUG_ANSWER | {"requires_shipping": False}))
        product = world.store.product(MUG)
        assert product is not None
        assert product.digital

    def test_what_is_gone_is_none(self, world: World) -> None:
        world.internet.answer(f"GET {API}/products/11/", (404, {"detail": "No Product matches the given query."}))
        assert world.store.product(MUG) is None

    @pytest.mark.parametrize(
        "answer",
        [(500, {}), (401, {}), (200, b"<html>"), (200, MUG_ANSWER | {"title": None}), ProtocolError("reset")],
    )
    def test_what_cannot_be_read_comes_later(self, world: World, answer: Answer) -> None:
        world.internet.answer(f"GET {API}/products/11/", answer)
        with pytest.raises(StoreUnavailableError):
            world.store.product(MUG)


class TestBaskets:
    def test_the_basket_is_read_for_one_customer(self, world: World) -> None:
        world.internet.answer(f"GET {API}/basket/", (200, basket((11, 2))))
        assert world.store.read_cart(ADA) == StoreCart(
            "7",
            {"shop.example#11#": 2, "shop.example.de#11#": 2},
            "https://shop.example/basket/",
            changed_ms={"shop.example#11#": 1000, "shop.example.de#11#": 1000},
        )
        [request] = world.internet.requests
        assert (request.headers["x-hashcart-subject"], request.query) == ("ada", {"basket": "7"})

    def test_before_the_first_time_no_basket_is_named(self, world: World) -> None:
        world.internet.answer(f"GET {API}/basket/", (200, basket(pk=9)))
        assert world.store.read_cart(Customer("ada")).cart_id == "9"
        assert world.internet.requests[0].query == {}

    def test_an_ordered_basket_is_told(self, world: World) -> None:
        world.internet.answer(f"GET {API}/basket/", (200, basket(ordered=True, pk=8)))
        cart = world.store.read_cart(ADA)
        assert (cart.cart_id, cart.ordered) == ("8", True)

    @pytest.mark.parametrize(("cart_id", "sent"), [("7", 7), (None, None), ("gid://shopify/Cart/1", None)])
    def test_a_quantity_is_set_and_read_back(self, world: World, cart_id: str | None, sent: int | None) -> None:
        world.internet.answer(f"PUT {API}/basket/products/11/", (200, basket((11, 3))))
        cart = world.store.set_quantity(Customer("ada", cart_id), MUG, 3, expected=1)
        assert cart.quantities["shop.example#11#"] == 3
        [request] = world.requests("PUT")
        assert request.json() == {"quantity": 3, "expected": 1, "basket": sent}
        assert request.headers["content-type"] == "application/json"

    def test_over_stock_as_many_as_there_are_are_set(self, world: World) -> None:
        world.internet.answer(f"GET {API}/products/11/", (200, MUG_ANSWER))
        world.internet.answer(
            f"PUT {API}/basket/products/11/", (406, {"reason": "a maximum of 5 can be bought"}), (200, basket((11, 5)))
        )
        assert world.store.set_quantity(ADA, MUG, 9, expected=0).quantities["shop.example#11#"] == 5
        assert [request.json()["quantity"] for request in world.requests("PUT")] == [9, 5]

    @pytest.mark.parametrize(
        "product",
        [
            (404, {}),
            (200, MUG_ANSWER | {"availability": {"is_available_to_buy": False, "num_available": 0}}),
            (200, MUG_ANSWER | {"availability": {"is_available_to_buy": True, "num_available": 2}}),
            (200, MUG_ANSWER | {"availability": {"is_available_to_buy": True}}),
        ],
        ids=["gone", "sold out", "all of it is in the basket", "not counted"],
    )
    def test_what_the_shop_does_not_sell_leaves_the_basket_as_it_is(self, world: World, product: Answer) -> None:
        world.internet.answer(f"GET {API}/products/11/", product)
        world.internet.answer(f"GET {API}/basket/", (200, basket((11, 2))))
        world.internet.answer(f"PUT {API}/basket/products/11/", (406, {"reason": "Unavailable"}))
        assert world.store.set_quantity(ADA, MUG, 9, expected=2).quantities["shop.example#11#"] == 2
        assert len(world.requests("PUT")) == 1

    def test_a_stock_that_shrinks_twice_leaves_the_basket_as_it_is(self, world: World) -> None:
        world.internet.answer(f"GET {API}/products/11/", (200, MUG_ANSWER))
        world.internet.answer(f"GET {API}/basket/", (200, basket()))
        world.internet.answer(f"PUT {API}/basket/products/11/", (406, {"reason": "Unavailable"}))
        assert world.store.set_quantity(ADA, MUG, 9, expected=0).quantities == {}

    def test_a_product_that_does_not_exist_is_refused(self, world: World) -> None:
        world.internet.answer(f"PUT {API}/basket/products/11/", (404, {}))
        with pytest.raises(StoreRefusedError):
            world.store.set_quantity(ADA, MUG, 1, expected=0)

    @pytest.mark.parametrize("answer", [(409, {"reason": "the basket is being paid"}), (503, {}), ProtocolError("cut")])
    def test_what_is_not_known_to_be_done_comes_later(self, world: World, answer: Answer) -> None:
        world.internet.answer(f"PUT {API}/basket/products/11/", answer)
        with pytest.raises(StoreUnavailableError):
            world.store.set_quantity(ADA, MUG, 1, expected=0)


class TestKey:
    def test_a_key_that_was_replaced_is_read_anew(self) -> None:
        world = World("old", "new")
        world.internet.answer(f"GET {API}/basket/", (200, basket()), (401, {}), (200, basket()))
        world.store.read_cart(ADA)
        world.clock.now_ms += REREAD_INTERVAL_MS
        world.store.read_cart(ADA)
        assert [request.headers["x-hashcart-key"] for request in world.internet.requests] == ["old", "old", "new"]

    def test_a_customer_that_the_shop_does_not_know_waits(self, world: World) -> None:
        world.internet.answer(f"GET {API}/basket/", (401, {}))
        with pytest.raises(StoreUnavailableError, match="401"):
            world.store.read_cart(ADA)

    def test_without_the_secret_the_shop_is_not_asked(self) -> None:
        world = World()
        with pytest.raises(StoreUnavailableError):
            world.store.read_cart(ADA)
        assert world.internet.requests == []


def test_the_basket_is_the_hand_off(world: World) -> None:
    line = HandOffLine(MUG, 2)
    assert world.store.hand_off([line]) == [HandOff("https://shop.example/basket/", (MUG.line_id,))]
    assert world.store.hand_off([]) == []


def test_the_products_page_is_a_product_link(world: World) -> None:
    url = world.store.product_url(HandOffLine(MUG, 1))
    assert find_product(url, "oscar") == MUG
    assert world.store.display.notices == ()
