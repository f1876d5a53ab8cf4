"""The stores as the conformance tests meet them: each with a small world behind it that the tests can change.

A new store adds a case here; `tests/functional/test_store_conformance.py` then asks of it what HashCart relies on.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from urllib3.exceptions import ProtocolError

from hashcart.domain.hand_offs import HandOffLine
from hashcart.domain.product_links import ProductReference, StoreLinks
from hashcart.http import HttpClient
from hashcart.public_web import NoAnswerError
from hashcart.stores.amazon import AmazonStore, AssociateTags
from hashcart.stores.amazon_api import CreatorsApi
from hashcart.stores.amazon_catalogue import AmazonCatalogue
from hashcart.stores.demo import DemoStore
from hashcart.stores.hand_off_template import HandOffTemplate
from hashcart.stores.oscar import OscarStore
from hashcart.stores.product_page import ProductPageStore
from hashcart.stores.protocol import Store
from hashcart.stores.shopify import ShopifyStore
from hashcart.stores.shopify_api import StorefrontApi
from tests.fakes.clock import Clock
from tests.fakes.creators_api import CATALOG, CREDENTIALS, CreatorsApiFake, item, listing
from tests.fakes.internet import Answer, Internet, Request
from tests.fakes.product_pages import WebFake, product_node, product_page
from tests.fakes.secrets import secret
from tests.fakes.shopify import ENDPOINT, SHOP, ShopifyFake, product, variant

HOST = "shop.example"
OSCAR_KEY = "oscar-service-key"
SECRETS = (*CREDENTIALS.values(), "storefront-secret", OSCAR_KEY)


@dataclass(frozen=True)
class StoreCase:
    """A store with a product on sale, and what it has of the others; `fail` makes its API answer so from now on.

    `knows_products` is False for a store that tells nothing of products. `lose_next_answer` cuts off the answer to the
    next change of a cart, after the shop has acted.
    """

    name: str
    store: Store
    links: StoreLinks
    on_sale: ProductReference
    sold_out: ProductReference | None = None
    gone: ProductReference | None = None
    with_options: ProductReference | None = None
    fail: Callable[[Answer], None] = lambda _: None
    knows_products: bool = True
    lose_next_answer: Callable[[], None] = lambda: None
    environment: Mapping[str, str] = field(default_factory=dict)

    def line(self, quantity: int = 1) -> HandOffLine:
        """The product on sale, as the cart page hands it over."""
        found = self.store.product(self.on_sale)
        return HandOffLine(self.on_sale, quantity, item_id=found.item_id if found else None)


def demo() -> StoreCase:
    internet = Internet()
    base = "http://store.test"
    price = {"amount": "12.50", "currency": "USD"}
    tee = {"title": "Tee", "price": price, "variants": [{"id": "tee-s", "title": "S"}, {"id": "tee-m", "title": "M"}]}
    internet.answer(f"GET {base}/api/products/mug", (200, {"title": "Mug", "price": price, "max_quantity": 5}))
    internet.answer(f"GET {base}/api/products/lamp", (200, {"title": "Lamp", "price": price, "in_stock": False}))
    internet.answer(f"GET {base}/api/products/tee", (200, tee))
    internet.answer(f"GET {base}/api/products/gone", (404, {}))
    host = "store.localhost"

    def fail(answer: Answer) -> None:
        internet.answer(f"GET {base}/api/products/mug", answer)

    return StoreCase(
        "demo",
        DemoStore(HttpClient(internet), base, f"http://{host}:8401"),  # type: ignore[arg-type]
        StoreLinks("demo"),
        on_sale=ProductReference(host, "mug"),
        sold_out=ProductReference(host, "lamp"),
        gone=ProductReference(host, "gone"),
        with_options=ProductReference(host, "tee"),
        fail=fail,
        environment={"STORE_BASE_URL": base, "STORE_SITE_URL": f"http://{host}"},
    )


def amazon_without_catalogue() -> StoreCase:
    return StoreCase(
        "amazon",
        AmazonStore(AssociateTags()),
        StoreLinks("amazon"),
        ProductReference("amazon.com", "B000000001"),
        knows_products=False,
        environment={"KEEP_ASSOCIATE_TAGS": "true"},
    )


def amazon() -> StoreCase:
    internet, clock = Internet(), Clock()
    shirt, small, medium, mug, lamp, gone = (f"B0000000{number:02}" for number in range(6))
    children = [
        item(asin, parentASIN=shirt, variationAttributes=[{"name": "Size", "value": size}])
        for asin, size in ((small, "S"), (medium, "M"))
    ]
    sold_out = item(lamp, offersV2={"listings": [listing("OUT_OF_STOCK")]})
    items = {shirt: item(shirt, offersV2=None), small: children[0], medium: children[1], mug: item(mug), lamp: sold_out}
    CreatorsApiFake(internet, items, {shirt: children}, {gone: "ItemNotFound"})

    def fail(answer: Answer) -> None:
        internet.answer(f"POST {CATALOG}/getItems", answer)

    api = CreatorsApi(HttpClient(internet), secret(json.dumps(CREDENTIALS)), clock)  # type: ignore[arg-type]
    tags = AssociateTags.read(["shop-20"], keeps_others=True)
    return StoreCase(
        "amazon",
        AmazonStore(tags, lambda: AmazonCatalogue(api)),
        StoreLinks("amazon"),
        on_sale=ProductReference("amazon.com", mug),
        sold_out=ProductReference("amazon.com", lamp),
        gone=ProductReference("amazon.com", gone),
        with_options=ProductReference("amazon.com", shirt),
        fail=fail,
        environment={"KEEP_ASSOCIATE_TAGS": "true", "ASSOCIATE_TAGS": "shop-20", "STORE_API_SECRET_ARN": "arn"},
    )


def shopify() -> StoreCase:
    internet, clock = Internet(), Clock()
    tee = product("tee", variant(11, ("Size", "S")), variant(12, ("Size", "M")))
    shop = ShopifyFake(
        internet,
        {"mug": product("mug", variant(1)), "lamp": product("lamp", variant(2, availableForSale=False)), "tee": tee},
        tokens=("storefront-secret",),
    )

    def fail(answer: Answer) -> None:
        internet.answer(ENDPOINT, answer)

    def lose_next_answer() -> None:
        shop.lose_next_change = True

    token = secret(json.dumps({"public_token": "storefront-secret"}))
    api = StorefrontApi(HttpClient(internet), SHOP, token, clock)  # type: ignore[arg-type]
    return StoreCase(
        "shopify",
        ShopifyStore(api, [HOST], clock),
        StoreLinks.of("shopify", (HOST,)),
        on_sale=ProductReference(HOST, "mug"),
        sold_out=ProductReference(HOST, "lamp"),
        gone=ProductReference(HOST, "gone"),
        with_options=ProductReference(HOST, "tee"),
        fail=fail,
        lose_next_answer=lose_next_answer,
        environment={"STORE_BASE_URL": SHOP, "STORE_HOSTS": HOST, "STORE_API_SECRET_ARN": "arn"},
    )


class OscarFake:
    """The app `hashcart_api` of a django-oscar shop, with one customer's basket."""

    API = "http://oscar.test/api/hashcart"

    def __init__(self, internet: Internet) -> None:
        self.internet = internet
        self.basket: dict[int, int] = {}
        self.lose_next_answer = False
        children = [
            self._item(number, attributes=[{"name": "Size", "value": size}]) for number, size in ((21, "S"), (22, "M"))
        ]
        self._product(11)
        self._product(12, availability={"is_available_to_buy": False, "num_available": 0})
        self._product(20, structure="parent", children=children)
        for number in (21, 22):
            self._product(number, structure="child", parent=20)
        internet.answer(f"GET {self.API}/products/13/", (404, {}))
        internet.routes[f"GET {self.API}/basket/"] = lambda _: self._read()

    def fail(self, answer: Answer) -> None:
        for route in list(self.internet.routes):
            self.internet.answer(route, answer)

    def _item(self, number: int, **changes: object) -> dict[str, object]:
        price = {"currency": "USD", "excl_tax": "18.00", "incl_tax": "19.80"}
        available = {"is_available_to_buy": True, "num_available": 5}
        return {"id": number, "title": f"Product {number}", "price": price, "availability": available, **changes}

    def _product(self, number: int, **changes: object) -> None:
        answer = self._item(number, **{"structure": "standalone", **changes})
        self.internet.answer(f"GET {self.API}/products/{number}/", (200, answer))
        self.internet.routes[f"PUT {self.API}/basket/products/{number}/"] = lambda request: self._set(number, request)

    def _set(self, number: int, request: Request) -> Answer:
        assert request.headers["x-hashcart-key"] == OSCAR_KEY
        asked = request.json()
        if self.basket.get(number, 0) == asked["expected"]:
            self.basket[number] = asked["quantity"]
        if self.lose_next_answer:
            self.lose_next_answer = False
            return ProtocolError("cut off")
        return self._read()

    def _read(self) -> Answer:
        lines = [{"product": number, "quantity": held, "changed_ms": 1} for number, held in self.basket.items() if held]
        return 200, {"basket": 7, "ordered": False, "lines": lines}


def oscar() -> StoreCase:
    internet = Internet()
    shop = OscarFake(internet)

    def lose_next_answer() -> None:
        shop.lose_next_answer = True

    http = HttpClient(internet)  # type: ignore[arg-type]
    key = secret(json.dumps({"key": OSCAR_KEY}))
    return StoreCase(
        "oscar",
        OscarStore(http, "http://oscar.test", f"https://{HOST}", [HOST], key),
        StoreLinks.of("oscar", (HOST,)),
        on_sale=ProductReference(HOST, "11"),
        sold_out=ProductReference(HOST, "12"),
        gone=ProductReference(HOST, "13"),
        with_options=ProductReference(HOST, "20"),
        fail=shop.fail,
        lose_next_answer=lose_next_answer,
        environment={
            "STORE_BASE_URL": "http://oscar.test",
            "STORE_SITE_URL": f"https://{HOST}",
            "STORE_HOSTS": HOST,
            "STORE_API_SECRET_ARN": "arn",
        },
    )


def generic() -> StoreCase:
    web = WebFake()
    sizes = [product_node(name=f"Tee - {size}", productID=f"7{size}") for size in "SM"]
    group = {"@type": "ProductGroup", "name": "Tee", "hasVariant": sizes}
    web.put(f"{HOST}/mug", product_page(product_node()))
    web.put(f"{HOST}/lamp", product_page(product_node(offers={"availability": "https://schema.org/OutOfStock"})))
    web.put(f"{HOST}/tee", product_page(group))
    web.put(f"{HOST}/gone", "", 404)

    def fail(answer: Answer) -> None:
        if isinstance(answer, Exception):
            web.answers[f"{HOST}/mug"] = NoAnswerError("TimeoutError")
        else:
            web.put(f"{HOST}/mug", "", answer[0])

    links = StoreLinks.of("generic", (HOST,))
    template = HandOffTemplate.read("https://{host}/cart/[{id}:{quantity}|,]")
    return StoreCase(
        "generic",
        ProductPageStore(web, links, template),  # type: ignore[arg-type]
        links,
        on_sale=ProductReference(HOST, "/mug"),
        sold_out=ProductReference(HOST, "/lamp"),
        gone=ProductReference(HOST, "/gone"),
        with_options=ProductReference(HOST, "/tee"),
        fail=fail,
        environment={"STORE_HOSTS": HOST},
    )


CASES: Mapping[str, Callable[[], StoreCase]] = {
    "demo": demo,
    "amazon": amazon,
    "amazon without its catalogue": amazon_without_catalogue,
    "shopify": shopify,
    "oscar": oscar,
    "generic": generic,
}
