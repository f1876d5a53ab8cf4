"""Shopify, against a shop that executes every document on the published schema."""

from collections.abc import Callable
from typing import Any

import pytest
from graphql import GraphQLSchema, find_breaking_changes, parse, validate
from urllib3.exceptions import ReadTimeoutError

from hashcart.domain.account_links import AccountLink, Shopper
from hashcart.domain.cart_lines import Kind, Operation
from hashcart.domain.hand_offs import HandOffLine
from hashcart.domain.posts import DAY_MS, order_key
from hashcart.domain.product_links import ProductReference
from hashcart.domain.products import Product, Variant
from hashcart.http import HttpClient
from hashcart.secrets import SecretUnavailableError
from hashcart.stores import shopify_documents
from hashcart.stores.protocol import CartStore, Customer, StoreCart, StoreRefusedError, StoreUnavailableError
from hashcart.stores.shopify import CART_LIFE_MS, ShopifyStore
from hashcart.stores.shopify_api import TOKENLESS_MS, StorefrontApi
from hashcart.use_cases.synchronise_cart import SynchroniseCart
from tests.fakes.clock import Clock, post_id
from tests.fakes.internet import Answer, Internet
from tests.fakes.shopify import SHOP, ShopifyFake, product, published_schema, schema, variant
from tests.fakes.storage import MemoryCarts
from tests.fakes.store_carts import MemoryShoppers

HOST = "shop.example"
MUG = ProductReference(HOST, "mug")
TEE = ProductReference(HOST, "tee")
TEE_M = ProductReference(HOST, "tee", "12")
ADA = Customer("ada", country="FR", language="fr")


class SecretFake:
    def __init__(self, **value: str) -> None:
        self.value: dict[str, str] | None = value or None
        self.reads = 0
        self.rereads = 0

    def read(self) -> dict[str, str]:
        self.reads += 1
        if self.value is None:
            raise SecretUnavailableError("nobody filled it")
        return self.value

    def reread(self) -> None:
        self.rereads += 1
        self.read()


class Shop:
    def __init__(self, **secret: str) -> None:
        self.clock = Clock()
        self.internet = Internet()
        self.secret = SecretFake(**secret)
        self.fake = ShopifyFake(
            self.internet,
            {
                "mug": product("mug", variant(1, quantityAvailable=5)),
                "tee": product(
                    "tee",
                    variant(11, ("Size", "S"), ("Color", "Blue"), availableForSale=False),
                    variant(12, ("Size", "M"), ("Color", "Blue"), price={"amount": "26.0", "currencyCode": "EUR"}),
                    tags=["Health"],
                ),
            },
            tokens=("public", "private"),
        )
        api = StorefrontApi(HttpClient(self.internet), SHOP, self.secret, self.clock)  # type: ignore[arg-type]
        self.store = ShopifyStore(api, [HOST], self.clock)

    def with_cart(self, **quantities: int) -> Customer:
        """A shopper whose cart holds so many of each variant (`v12=1`)."""
        self.fake.carts["cart/9"] = []
        for name, quantity in quantities.items():
            self.fake.put("cart/9", int(name.removeprefix("v")), quantity)
        return Customer("ada", "cart/9", "FR", "fr", cart_used_ms=self.clock())


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.mark.parametrize("name", sorted(shopify_documents.DOCUMENTS))
@pytest.mark.parametrize("of", [schema, published_schema], ids=["excerpt", "published"])
def test_each_document_is_valid_by_the_schema(name: str, of: Callable[[], GraphQLSchema]) -> None:
    assert validate(of(), parse(shopify_documents.DOCUMENTS[name])) == []


def test_the_excerpt_says_nothing_that_the_published_schema_does_not() -> None:
    changes = find_breaking_changes(schema(), published_schema())
    assert [change for change in changes if "deprecated" not in change.description] == [], "that one is graphql's own"


def test_each_document_is_listed() -> None:
    names = {name for name in vars(shopify_documents) if name.isupper() and not name.startswith("_")}
    documents = {getattr(shopify_documents, name) for name in names - {"VERSION", "DOCUMENTS"}}
    assert documents == set(shopify_documents.DOCUMENTS.values())


def test_a_product_without_options_is_its_only_variant(shop: Shop) -> None:
    assert shop.store.product(MUG) == Product(
        title="Mug",
        price="24.0",
        currency="EUR",
        image_url="https://cdn.shopify.com/mug.jpg",
        in_stock=True,
        category="Apparel & Accessories > Clothing > Shirts > Apparel",
        marketplaces=(HOST,),
        item_id="1",
    )


def test_a_product_with_variants_needs_a_choice(shop: Shop) -> None:
    found = shop.store.product(TEE)
    assert found is not None
    assert (found.needs_options, found.in_stock, found.price, found.max_quantity) == (True, True, "26.0", None)
    assert found.variants == (
        Variant("11", (("Size", "S"), ("Color", "Blue")), "S / Blue", "24.0", "EUR", in_stock=False),
        Variant("12", (("Size", "M"), ("Color", "Blue")), "M / Blue", "26.0", "EUR", in_stock=True),
    )


def test_a_chosen_variant_has_its_own_name_price_and_picture(shop: Shop) -> None:
    shop.fake.products["tee"]["variants"]["nodes"][1]["image"] = {"url": "https://cdn.shopify.com/m.jpg"}
    found = shop.store.product(TEE_M)
    assert found is not None
    assert (found.title, found.price, found.needs_options, found.variants) == ("Tee, M / Blue", "26.0", False, ())
    assert found.image_url == "https://cdn.shopify.com/m.jpg"


@pytest.mark.parametrize(
    "reference",
    [ProductReference(HOST, "gone"), ProductReference(HOST, "tee", "99"), ProductReference(HOST, "tee", "1")],
    ids=["no product", "no variant", "another product's variant"],
)
def test_what_is_not_there_is_none(shop: Shop, reference: ProductReference) -> None:
    assert shop.store.product(reference) is None


@pytest.mark.parametrize(
    ("changes", "most"),
    [
        ({"quantityAvailable": 3}, 3),
        ({"quantityAvailable": 3, "quantityRule": {"minimum": 1, "maximum": 2, "increment": 1}}, 2),
        ({"quantityAvailable": 0}, None),
        ({"quantityAvailable": -2, "currentlyNotInStock": True}, None),
        ({"quantityAvailable": None, "quantityRule": {"minimum": 1, "maximum": 7, "increment": 1}}, 7),
    ],
    ids=["stock", "rule", "not counted", "back order", "stock unknown"],
)
def test_the_most_of_one_is_stock_or_rule(changes: dict[str, Any], most: int | None) -> None:
    shop = Shop(public_token="public")
    shop.fake.products["mug"] = product("mug", variant(1, **changes))
    found = shop.store.product(MUG)
    assert found is not None
    assert found.max_quantity == most


@pytest.mark.parametrize(
    "found",
    [product("mug", variant(1), isGiftCard=True), product("mug", variant(1, requiresShipping=False))],
    ids=["gift card", "download"],
)
def test_what_is_not_shipped_is_digital(shop: Shop, found: dict[str, Any]) -> None:
    shop.fake.products["mug"] = found
    read = shop.store.product(MUG)
    assert read is not None
    assert read.digital


@pytest.mark.parametrize(
    ("secret", "header", "sees_tags"),
    [
        ({}, None, False),
        ({"public_token": "public"}, "x-shopify-storefront-access-token", True),
        ({"private_token": "private"}, "shopify-storefront-private-token", False),
        ({"note": "odd"}, None, False),
    ],
    ids=["tokenless", "public", "private without scopes", "unknown fields"],
)
def test_tags_are_seen_with_a_token_that_may(secret: dict[str, str], header: str | None, sees_tags: bool) -> None:
    shop = Shop(**secret)
    for _ in range(2):
        found = shop.store.product(TEE)
        assert found is not None
        assert ("Health" in (found.category or "")) is sees_tags
    sent = {name for request in shop.internet.requests for name in request.headers if "shopify" in name}
    assert sent == ({header} if header else set())
    assert len(shop.internet.requests) == (3 if secret.get("private_token") else 2), "refused once, then known"


def test_a_private_token_names_the_buyers_address() -> None:
    shop = Shop(private_token="private")
    shop.store.set_quantity(Customer("ada", ip_address="203.0.113.9"), TEE_M, 1, expected=0)
    assert shop.internet.requests[-1].headers["shopify-storefront-buyer-ip"] == "203.0.113.9"


def test_an_empty_secret_is_not_read_at_each_call(shop: Shop) -> None:
    for _ in range(3):
        shop.store.product(MUG)
    assert shop.secret.reads == 1
    shop.clock.now_ms += TOKENLESS_MS
    shop.store.product(MUG)
    assert shop.secret.reads == 2


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_is_read_anew(status: int) -> None:
    shop = Shop(public_token="revoked")
    shop.fake.instead = [(status, {})] * 2
    with pytest.raises(StoreUnavailableError):
        shop.store.product(MUG)
    assert shop.secret.rereads == 2
    shop.secret.value = None
    shop.fake.instead = [(status, {})]
    with pytest.raises(StoreUnavailableError):
        shop.store.product(MUG)


UNUSABLE: list[Answer] = [
    (200, {"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]}),
    (200, {"errors": [{"message": "odd"}, "odd", {"extensions": "odd"}], "data": {"product": None}}),
    (200, {"errors": "odd", "data": {}}),
    (200, {"data": None}),
    (200, []),
    (200, b"<html>"),
    (200, {"data": {"product": {"title": "Mug"}}}),
    (430, {}),
    (404, {}),
    (503, {}),
    ReadTimeoutError(None, "", ""),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("answer", UNUSABLE, ids=str)
def test_no_usable_answer_means_the_shop_is_unavailable(shop: Shop, answer: Answer) -> None:
    shop.fake.instead = [answer]
    with pytest.raises(StoreUnavailableError):
        shop.store.product(MUG)


@pytest.mark.parametrize("answer", [answer for answer in UNUSABLE if answer != UNUSABLE[6]], ids=str)
def test_no_usable_answer_for_a_cart_changes_nothing(shop: Shop, answer: Answer) -> None:
    ada = shop.with_cart(v12=1)
    shop.fake.instead = [answer]
    with pytest.raises(StoreUnavailableError):
        shop.store.set_quantity(ada, TEE_M, 3, expected=1)
    assert shop.fake.quantities("cart/9") == {"12": 1}


def test_a_malformed_cart_is_no_answer(shop: Shop) -> None:
    shop.fake.instead = [(200, {"data": {"cart": {"id": "x", "checkoutUrl": "javascript:alert(1)", "lines": {}}}})]
    with pytest.raises(StoreUnavailableError):
        shop.store.read_cart(shop.with_cart())


# ------------------------------------------------------------------ Carts


def test_a_cart_is_made_with_what_is_wanted_and_kept(shop: Shop) -> None:
    assert isinstance(shop.store, CartStore)
    assert shop.store.read_cart(ADA) == StoreCart(None, {})
    cart = shop.store.set_quantity(ADA, TEE_M, 2, expected=0)
    assert cart == StoreCart("gid://shopify/Cart/1?key=k", {TEE_M.line_id: 2}, f"{SHOP}/cart/c/1?key=k")
    again = shop.store.set_quantity(Customer("ada", cart.cart_id), TEE_M, 2, expected=2)
    assert again == cart
    assert shop.fake.made == 1
    created = shop.fake.variables[0]
    assert (created["country"], created["language"]) == ("FR", "FR")
    assert created["input"]["buyerIdentity"] == {"countryCode": "FR"}


@pytest.mark.parametrize(("country", "language"), [("XX1", "xx"), (None, None), ("1!", "")])
def test_shopify_is_not_asked_for_countries_and_languages_that_it_does_not_know(
    shop: Shop, country: str | None, language: str | None
) -> None:
    shop.store.set_quantity(Customer("ada", country=country, language=language), TEE_M, 1, expected=0)
    assert (shop.fake.variables[0]["country"], shop.fake.variables[0]["language"]) == (None, None)
    assert "buyerIdentity" not in shop.fake.variables[0]["input"]


@pytest.mark.parametrize(
    ("before", "quantity", "operations"),
    [
        ({}, 2, ["cart", "add", "cart"]),
        ({"v12": 1}, 3, ["cart", "update", "cart"]),
        ({"v12": 3}, 1, ["cart", "update", "cart"]),
        ({"v12": 3}, 0, ["cart", "remove", "cart"]),
        ({"v12": 3}, 3, ["cart"]),
        ({"v1": 4}, 2, ["cart", "add", "cart"]),
    ],
)
def test_the_wanted_quantity_is_set_and_read_back(
    shop: Shop, before: dict[str, int], quantity: int, operations: list[str]
) -> None:
    ada = shop.with_cart(**before)
    cart = shop.store.set_quantity(ada, TEE_M, quantity, expected=before.get("v12", 0))
    assert cart.quantities.get(TEE_M.line_id, 0) == quantity == shop.fake.quantities("cart/9").get("12", 0)
    assert shop.fake.operations == operations
    assert shop.fake.quantities("cart/9").get("1", 0) == before.get("v1", 0), "other lines stay as they are"


def test_several_lines_of_one_variant_become_one(shop: Shop) -> None:
    ada = shop.with_cart(v12=1)
    shop.fake.put("cart/9", 12, 2)
    cart = shop.store.set_quantity(ada, TEE_M, 5, expected=3)
    assert cart.quantities == {TEE_M.line_id: 5}
    assert len(shop.fake.carts["cart/9"]) == 1


def test_what_the_shopper_changed_meanwhile_is_left_alone(shop: Shop) -> None:
    cart = shop.store.set_quantity(shop.with_cart(v12=4), TEE_M, 2, expected=1)
    assert cart.quantities == {TEE_M.line_id: 4}
    assert shop.fake.operations == ["cart"]


def test_a_product_without_options_is_found_by_its_only_variant(shop: Shop) -> None:
    ada = shop.with_cart()
    cart = shop.store.set_quantity(ada, MUG, 2, expected=0)
    numbered = ProductReference(HOST, "mug", "1").line_id
    assert cart.quantities == {MUG.line_id: 2, numbered: 2}, "a link may name the only variant or not"
    assert shop.store.read_cart(ada).quantities == cart.quantities


@pytest.mark.parametrize(("reference", "reason"), [(TEE, "options"), (ProductReference(HOST, "gone"), "product_gone")])
def test_what_cannot_be_bought_is_refused(shop: Shop, reference: ProductReference, reason: str) -> None:
    with pytest.raises(StoreRefusedError, match=reason):
        shop.store.set_quantity(ADA, reference, 1, expected=0)
    assert not shop.fake.carts


@pytest.mark.parametrize("customer", ["new", "known"])
def test_over_stock_the_cart_is_read_again_and_tells_what_it_holds(shop: Shop, customer: str) -> None:
    ada = ADA if customer == "new" else shop.with_cart(v1=1)
    expected = 0 if customer == "new" else 1
    cart = shop.store.set_quantity(ada, MUG, 8, expected=expected)
    assert cart.quantities[MUG.line_id] == 5
    assert shop.fake.operations[-1] == "cart"


@pytest.mark.parametrize("customer", ["new", "known"])
@pytest.mark.parametrize("code", ["INVALID_MERCHANDISE_LINE", "MINIMUM_NOT_MET", "CART_TOO_LARGE", None])
def test_an_error_of_the_shop_is_a_refusal(shop: Shop, code: str | None, customer: str) -> None:
    ada = ADA if customer == "new" else shop.with_cart(v12=1)
    shop.fake.user_errors = [{"code": code, "field": ["lines"], "message": "…"}]
    with pytest.raises(StoreRefusedError, match=code or "UNKNOWN"):
        shop.store.set_quantity(ada, TEE_M, 3, expected=0 if customer == "new" else 1)


def test_over_the_maximum_the_cart_tells_what_it_holds(shop: Shop) -> None:
    shop.fake.user_errors = [{"code": "MAXIMUM_EXCEEDED", "field": ["lines"], "message": "…"}]
    cart = shop.store.set_quantity(shop.with_cart(v12=1), TEE_M, 30, expected=1)
    assert cart.quantities == {TEE_M.line_id: 1}


def test_a_service_that_is_down_is_not_a_refusal(shop: Shop) -> None:
    shop.fake.user_errors = [{"code": "SERVICE_UNAVAILABLE", "message": "…"}]
    with pytest.raises(StoreUnavailableError):
        shop.store.set_quantity(shop.with_cart(), TEE_M, 1, expected=0)


def test_nothing_is_added_twice_after_a_lost_answer(shop: Shop) -> None:
    ada = shop.with_cart()
    shop.fake.lose_next_change = True
    with pytest.raises(StoreUnavailableError):
        shop.store.set_quantity(ada, TEE_M, 2, expected=0)
    assert shop.fake.quantities("cart/9") == {"12": 2}, "the shop has acted"
    cart = shop.store.set_quantity(ada, TEE_M, 2, expected=0)
    assert cart.quantities == {TEE_M.line_id: 2} == {TEE_M.line_id: shop.fake.quantities("cart/9")["12"]}


def test_a_cart_that_was_ordered_has_an_empty_successor(shop: Shop) -> None:
    ada = shop.with_cart(v12=1)
    del shop.fake.carts["cart/9"]
    assert shop.store.set_quantity(ada, TEE_M, 2, expected=1) == StoreCart(None, {}, ordered=True)
    assert not shop.fake.carts, "nothing goes into another cart unasked"
    successor = shop.store.read_cart(ada)
    assert (successor.ordered, successor.quantities) == (True, {})
    assert successor.cart_id in shop.fake.carts
    assert successor.checkout_url


@pytest.mark.parametrize(("rested_ms", "ordered"), [(CART_LIFE_MS - 1, True), (CART_LIFE_MS, False)])
def test_a_cart_that_rested_for_long_was_forgotten(shop: Shop, rested_ms: int, ordered: bool) -> None:
    ada = shop.with_cart(v12=1)
    del shop.fake.carts["cart/9"]
    shop.clock.now_ms += rested_ms
    assert shop.store.read_cart(ada).ordered is ordered
    assert shop.store.read_cart(Customer("ada", "cart/9")).ordered, "in doubt it was ordered, and is never filled again"


def test_a_cart_that_goes_between_reading_and_writing_is_asked_for_again(shop: Shop) -> None:
    ada = shop.with_cart(v12=1)
    shop.fake.after_read = shop.fake.carts.clear
    with pytest.raises(StoreUnavailableError, match="gone"):
        shop.store.set_quantity(ada, TEE_M, 2, expected=1)


# ------------------------------------------------------------------ Hand-off


def test_pages_may_lead_to_the_shops_checkouts(shop: Shop) -> None:
    assert SHOP in shop.store.display.checkout_origins


def test_without_a_cart_the_shops_own_address_fills_the_browsers(shop: Shop) -> None:
    tee_s = ProductReference(HOST, "tee", "11")
    lamp = ProductReference(HOST, "lamp")
    lines = [HandOffLine(TEE_M, 2), HandOffLine(MUG, 1), HandOffLine(tee_s, 1), HandOffLine(lamp, 3, item_id="7")]
    together, alone = shop.store.hand_off(lines)
    assert together.url == f"https://{HOST}/cart/12:2,11:1,7:3"
    assert together.line_ids == (TEE_M.line_id, tee_s.line_id, lamp.line_id)
    assert (alone.url, alone.line_ids) == (f"https://{HOST}/products/mug", (MUG.line_id,))
    assert shop.store.product_url(lines[0]) == f"https://{HOST}/products/tee?variant=12"
    assert shop.store.hand_off([]) == []
    assert shop.store.hand_off([lines[1]]) == [alone]


# ------------------------------------------------------------------ With the shopper's lines


class Lines:
    """A shopper's lines beside the cart at Shopify."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.carts = MemoryCarts(has_store_cart=True)
        self.shoppers = MemoryShoppers(Shopper("shopper-1", "https://shopify.test", "ada", x_user_id="222"))
        self.shoppers.links["222"] = AccountLink("shopper-1", "222", "ada", HOST, "FR", "fr", 0, "1")
        self.synchronise = SynchroniseCart(shop.store, self.carts, self.shoppers, shop.clock)

    def ask(self, reference: ProductReference, quantity: int) -> None:
        key = order_key(post_id(now_ms=self.shop.clock()))
        operation = Operation(Kind.SET, 1, quantity)
        self.carts.write_operation("shopper-1", reference.line_id, key, operation, now_ms=self.shop.clock())
        self.synchronise("shopper-1")

    def quantity(self, reference: ProductReference) -> int:
        return self.carts.stored["shopper-1", reference.line_id].state().quantity

    @property
    def cart_id(self) -> str:
        cart_id = self.shoppers.shoppers["shopper-1"].store_cart_id
        assert cart_id is not None
        return cart_id


@pytest.fixture
def lines(shop: Shop) -> Lines:
    return Lines(shop)


def test_lines_and_the_cart_at_shopify_agree(lines: Lines) -> None:
    lines.ask(TEE_M, 2)
    lines.ask(MUG, 8)
    assert lines.shop.fake.quantities(lines.cart_id) == {"12": 2, "1": 5}
    assert (lines.quantity(TEE_M), lines.quantity(MUG)) == (2, 5), "five mugs are left"
    assert lines.shop.fake.made == 1
    contexts = {(asked["country"], asked["language"]) for asked in lines.shop.fake.variables if "country" in asked}
    assert contexts == {("FR", "FR")}


def test_what_was_ordered_is_never_put_in_again(lines: Lines) -> None:
    lines.ask(TEE_M, 2)
    ordered = lines.cart_id
    del lines.shop.fake.carts[ordered]
    lines.synchronise("shopper-1")
    assert lines.quantity(TEE_M) == 0
    lines.shop.clock.now_ms += 60_000
    lines.ask(MUG, 1)
    assert lines.cart_id != ordered
    assert lines.shop.fake.quantities(lines.cart_id) == {"1": 1}


def test_what_shopify_forgot_is_put_in_again(lines: Lines) -> None:
    lines.ask(TEE_M, 2)
    del lines.shop.fake.carts[lines.cart_id]
    lines.shop.clock.now_ms += CART_LIFE_MS + DAY_MS
    lines.synchronise("shopper-1")
    assert lines.quantity(TEE_M) == 2
    assert lines.shop.fake.quantities(lines.cart_id) == {"12": 2}
