"""What stores answer is read as pydantic would in its strict mode, and what is malformed means that the store is away.

A retry follows, as after an error page; nothing is read half.
"""

import json
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import MISSING, asdict, dataclass, fields, is_dataclass
from types import UnionType
from typing import Annotated, Any, TypeAliasType, Union, get_args, get_origin

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, ValidationError, create_model

from hashcart.domain.product_links import ProductReference
from hashcart.http import MAX_ANSWER_BYTES, HttpClient
from hashcart.reading import MalformedError, camel_case, reader_of
from hashcart.stores import demo, oscar, shopify
from hashcart.stores.protocol import Customer, StoreUnavailableError
from hashcart.stores.shopify_api import StorefrontApi
from tests.fakes.clock import Clock
from tests.fakes.documents import nearly, places
from tests.fakes.internet import Internet
from tests.fakes.secrets import secret

STORE = "http://store.test"
PRICE = {"amount": "24.00", "currency": "USD"}
SHOPIFY_PRICE = {"amount": "24.0", "currencyCode": "EUR"}
ITEM = {"id": 21, "title": "Tee", "price": {"currency": "USD", "incl_tax": "19.80", "excl_tax": None}}
AVAILABLE = {"is_available_to_buy": True, "num_available": 5}
VARIANT: dict[str, Any] = {
    "id": "gid://shopify/ProductVariant/12",
    "title": "M",
    "availableForSale": True,
    "currentlyNotInStock": False,
    "requiresShipping": True,
    "quantityAvailable": 3,
    "price": SHOPIFY_PRICE,
    "image": {"url": "https://cdn.shopify.com/m.jpg"},
    "selectedOptions": [{"name": "Size", "value": "M"}],
    "quantityRule": {"minimum": 1, "maximum": None, "increment": 1},
}
CART: dict[str, Any] = {
    "id": "gid://shopify/Cart/1?key=k",
    "checkoutUrl": "https://shop.example/cart/c/1",
    "lines": {
        "nodes": [
            {
                "id": "gid://shopify/CartLine/1",
                "quantity": 2,
                "merchandise": {"id": VARIANT["id"], "product": {"handle": "tee", "variantsCount": {"count": 3}}},
            }
        ]
    },
}


@dataclass(frozen=True)
class Kind:
    """A kind of answer: its form, an example, and how a store comes to read it."""

    form: type[Any]
    document: dict[str, Any]
    read: Callable[[Internet], object]
    address: str
    key_of: Callable[[str], str] = str
    wrap: Callable[[Any], Any] = lambda answer: answer

    @property
    def route(self) -> str:
        return self.address.replace(" ", f" {STORE}")

    @property
    def written(self) -> str:
        return json.dumps(self.document)


def the_demo_store(internet: Internet) -> object:
    store = demo.DemoStore(HttpClient(internet), STORE, STORE)  # type: ignore[arg-type]
    return store.product(ProductReference("store.test", "tee"))


def an_oscar_shop(internet: Internet) -> oscar.OscarStore:
    http = HttpClient(internet)  # type: ignore[arg-type]
    return oscar.OscarStore(http, STORE, STORE, ["store.test"], secret('{"key": "k"}'))


def a_shopify_shop(internet: Internet) -> shopify.ShopifyStore:
    http, clock = HttpClient(internet), Clock()  # type: ignore[arg-type]
    return shopify.ShopifyStore(StorefrontApi(http, STORE, secret("{}"), clock), ["store.test"], clock)


TEE = ProductReference("store.test", "tee")
ADA = Customer("ada", "7")
GRAPHQL = "POST /api/2026-04/graphql.json"
KINDS = {
    "demo product": Kind(
        demo.CatalogueProduct,
        {
            "title": "Tee",
            "price": PRICE,
            "image_url": "http://store.test/tee.png",
            "category": "Clothing",
            "sensitive": False,
            "digital": False,
            "in_stock": True,
            "max_quantity": 3,
            "marketplaces": ["store.test"],
            "variants": [
                {"id": "m", "title": "M", "options": {"size": "M"}, "price": PRICE, "in_stock": True, "max_quantity": 2}
            ],
        },
        the_demo_store,
        "GET /api/products/tee",
    ),
    "oscar product": Kind(
        oscar.OscarProduct,
        ITEM
        | {
            "image": "/media/tee.png",
            "availability": AVAILABLE,
            "structure": "parent",
            "parent": 5,
            "categories": ["Clothing"],
            "requires_shipping": True,
            "children": [
                ITEM
                | {
                    "image": None,
                    "availability": AVAILABLE,
                    "attributes": [{"name": "Size", "value": "M"}, {"name": "Weight", "value": 4.5}],
                }
            ],
        },
        lambda internet: an_oscar_shop(internet).product(ProductReference("store.test", "21")),
        "GET /api/hashcart/products/21/",
    ),
    "oscar basket": Kind(
        oscar.Basket,
        {"basket": 7, "ordered": False, "lines": [{"product": 21, "quantity": 2, "changed_ms": 1000}]},
        lambda internet: an_oscar_shop(internet).read_cart(ADA),
        "GET /api/hashcart/basket/",
    ),
    "shopify product": Kind(
        shopify.CatalogueProduct,
        {
            "title": "Tee",
            "productType": "Shirt",
            "isGiftCard": False,
            "tags": ["Summer"],
            "category": {"name": "Shirts", "ancestors": [{"name": "Clothing"}]},
            "featuredImage": {"url": "https://cdn.shopify.com/tee.jpg"},
            "variants": {"nodes": [VARIANT]},
        },
        lambda internet: a_shopify_shop(internet).product(TEE),
        GRAPHQL,
        camel_case,
        lambda answer: {"data": {"product": answer}},
    ),
    "shopify variant": Kind(
        shopify.ChosenVariant,
        VARIANT | {"product": {"handle": "tee"}},
        lambda internet: a_shopify_shop(internet).product(ProductReference("store.test", "tee", "12")),
        GRAPHQL,
        camel_case,
        lambda answer: {"data": {"product": None, "chosen": answer}},
    ),
    "shopify cart": Kind(
        shopify.Cart,
        CART,
        lambda internet: a_shopify_shop(internet).read_cart(ADA),
        GRAPHQL,
        camel_case,
        lambda answer: {"data": {"cart": answer}},
    ),
    "shopify change": Kind(
        shopify.Change,
        {
            "cart": CART,
            "userErrors": [{"code": "INVALID", "field": ["lines"], "message": "…"}],
            "warnings": [{"code": "MERCHANDISE_NOT_ENOUGH_STOCK", "target": "1"}],
        },
        lambda internet: a_shopify_shop(internet).set_quantity(
            Customer("ada"), ProductReference("store.test", "tee", "12"), 1, expected=0
        ),
        GRAPHQL,
        camel_case,
        lambda answer: {"data": {"change": answer}},
    ),
}


def as_pydantic_says(form: Any, key_of: Callable[[str], str]) -> Any:
    """The same form in pydantic's words."""
    if isinstance(form, TypeAliasType):
        return as_pydantic_says(form.__value__, key_of)
    origin, arguments = get_origin(form), get_args(form)
    if origin is Annotated:
        bounds = arguments[1]
        pattern = None if bounds.pattern is None else f"^(?:{bounds.pattern})$"
        lengths = {"min_length": bounds.shortest or None, "max_length": bounds.longest}
        limits = Field(ge=bounds.least, pattern=pattern, **lengths)
        return Annotated[as_pydantic_says(arguments[0], key_of), limits]
    if origin in (Union, UnionType):
        return Union[tuple(as_pydantic_says(member, key_of) for member in arguments)]  # noqa: UP007 - made at run time
    if origin is tuple:
        return tuple[as_pydantic_says(arguments[0], key_of), ...]  # type: ignore[misc]
    return model_of(form, key_of) if is_dataclass(form) else form


def model_of(form: Any, key_of: Callable[[str], str]) -> type[BaseModel]:
    """A model with the fields, keys and defaults of a dataclass."""
    parts: dict[str, Any] = {}
    for field in fields(form):
        default = ... if field.default is MISSING else field.default
        limits = (
            Field(default, alias=key_of(field.name))
            if field.default_factory is MISSING
            else Field(default_factory=field.default_factory, alias=key_of(field.name))
        )
        parts[field.name] = (as_pydantic_says(field.type, key_of), limits)
    return create_model(form.__name__, **parts)


MODELS = {name: model_of(kind.form, kind.key_of) for name, kind in KINDS.items()}
READERS = {name: reader_of(kind.form, root=name, key_of=kind.key_of) for name, kind in KINDS.items()}


@given(st.sampled_from(sorted(KINDS)).flatmap(lambda name: st.tuples(st.just(name), nearly(KINDS[name].written))))
def test_pydantic_and_the_reader_agree(case: tuple[str, str]) -> None:
    name, body = case
    try:
        expected = MODELS[name].model_validate_json(body, strict=True)
    except ValidationError:
        with pytest.raises(MalformedError):
            READERS[name](body)
    else:
        assert asdict(READERS[name](body)) == expected.model_dump()


WRONG: list[Any] = [MISSING, None, {}, [], ["x"], True, -1, 1.5, "x" * 3000]


def one_thing_wrong(name: str) -> Iterator[Any]:
    """The example with each of its values missing, null, or of a wrong type or size, where pydantic refuses that."""
    for place in range(len(places(KINDS[name].document))):
        for wrong in WRONG:
            document = deepcopy(KINDS[name].document)
            container, key = places(document)[place]
            if wrong is MISSING:
                del container[key]
            else:
                container[key] = wrong
            try:
                MODELS[name].model_validate_json(json.dumps(document), strict=True)
            except ValidationError:
                yield document


@pytest.mark.parametrize("name", KINDS)
def test_whatever_is_wrong_with_an_answer_the_store_is_away(name: str) -> None:
    kind, refused = KINDS[name], 0
    for document in one_thing_wrong(name):
        internet = Internet()
        internet.answer(kind.route, (200, kind.wrap(document)))
        with pytest.raises(StoreUnavailableError, match="another form"):
            kind.read(internet)
        refused += 1
    assert refused > len(places(kind.document))


DEEP = b"[" * 100_000
HUGE = b'"' + b"x" * MAX_ANSWER_BYTES + b'"'


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(
    "body", [b"", b"{", b"<html>", b"\xff\xfe\xff", b"[]", b"null", b"true", b'"x"', b"1", DEEP, HUGE],
    ids=["empty", "cut", "html", "no text", "list", "null", "true", "string", "number", "deep", "huge"],
)  # fmt: skip
def test_what_is_no_object_means_that_the_store_is_away(name: str, body: bytes) -> None:
    internet = Internet()
    internet.answer(KINDS[name].route, (200, body))
    with pytest.raises(StoreUnavailableError):
        KINDS[name].read(internet)


MALFORMED = [
    ("demo product", ("price", "amount"), 24, "product.price.amount: an unexpected int"),
    ("demo product", ("price", "amount"), "9" * 21, "product.price.amount: too long"),
    ("demo product", ("price", "currency"), "US$", "product.price.currency: another pattern"),
    ("demo product", ("price", "currency"), "USD\n", "product.price.currency: another pattern"),
    ("demo product", ("price",), None, "product.price: an unexpected NoneType"),
    ("demo product", ("price",), [PRICE], "product.price: an unexpected list"),
    ("demo product", ("max_quantity",), -1, "product.max_quantity: too small"),
    ("demo product", ("max_quantity",), "3", "product.max_quantity: an unexpected str"),
    ("demo product", ("max_quantity",), True, "product.max_quantity: an unexpected bool"),
    ("demo product", ("in_stock",), 1, "product.in_stock: an unexpected int"),
    ("demo product", ("title",), "half \ud83d", "product.title: half a surrogate pair"),
    ("demo product", ("variants", 0), None, "product.variants.0: an unexpected NoneType"),
    ("demo product", ("variants", 0, "options", "size"), 5, "product.variants.0.options.0: an unexpected int"),
    ("demo product", ("variants", 0, "options"), ["size"], "product.variants.0.options: an unexpected list"),
    ("oscar product", ("children",), [{}] * 201, "product.children.0.id: missing"),
    ("oscar product", ("categories",), ["x"] * 51, "product.categories: too long"),
    ("oscar product", ("children", 0, "attributes", 0, "value"), None, "attributes.0.value: an unexpected NoneType"),
    ("oscar product", ("children", 0, "attributes", 0, "value"), "\ud83d", "attributes.0.value: half a surrogate"),
    ("oscar basket", ("lines", 0, "quantity"), -1, "basket.lines.0.quantity: too small"),
    ("oscar basket", ("lines", 0, "product"), "21", "basket.lines.0.product: an unexpected str"),
    ("shopify product", ("variants", "nodes"), [], "product.variants.nodes: too short"),
    ("shopify product", ("variants", "nodes", 0, "availableForSale"), None, "availableForSale: an unexpected NoneType"),
    ("shopify product", ("variants", "nodes", 0, "id"), "gid://shopify/Product/1", "nodes.0.id: another pattern"),
    ("shopify cart", ("checkoutUrl",), "javascript:alert(1)", "cart.checkoutUrl: another pattern"),
    ("shopify cart", ("lines", "nodes", 0, "quantity"), 1.5, "cart.lines.nodes.0.quantity: an unexpected float"),
    ("shopify change", ("warnings",), [{}], "change.warnings.0.code: missing"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "place", "wrong", "reason"), MALFORMED)
def test_the_error_says_where_and_what_but_no_value(name: str, place: tuple[Any, ...], wrong: Any, reason: str) -> None:
    document = deepcopy(KINDS[name].document)
    container: Any = document
    for key in place[:-1]:
        container = container[key]
    container[place[-1]] = wrong
    internet = Internet()
    internet.answer(KINDS[name].route, (200, KINDS[name].wrap(document)))
    with pytest.raises(StoreUnavailableError, match=f"^an answer of another form: .*{re.escape(reason)}"):
        KINDS[name].read(internet)


def test_what_a_form_lists_is_read_under_its_keys_and_the_rest_is_passed_over() -> None:
    change = READERS["shopify change"](KINDS["shopify change"].written)
    assert change == shopify.Change(
        cart=shopify.Cart(
            CART["id"],
            CART["checkoutUrl"],
            shopify.CartLines(
                (
                    shopify.CartLine(
                        "gid://shopify/CartLine/1",
                        2,
                        shopify.Merchandise(VARIANT["id"], shopify.CartProduct("tee", shopify.Count(3))),
                    ),
                )
            ),
        ),
        user_errors=(shopify.UserError("INVALID"),),
        warnings=(shopify.CartWarning("MERCHANDISE_NOT_ENOUGH_STOCK"),),
    )


def test_shopify_answers_an_id_of_no_variant_with_an_empty_object() -> None:
    kind = KINDS["shopify variant"]
    internet = Internet()
    internet.answer(kind.route, (200, {"data": {"product": KINDS["shopify product"].document, "chosen": {}}}))
    assert kind.read(internet) is None
