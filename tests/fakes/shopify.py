"""A Shopify shop whose answers are executed against the published schema of the Storefront API, version 2026-04."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLSchema, build_client_schema, build_schema, graphql_sync
from urllib3.exceptions import ProtocolError

from tests.fakes.internet import Answer, Internet, Request

# The part that HashCart speaks, always there, and the whole as Shopify publishes it, where that is.
EXCERPT = Path(__file__).resolve().parents[1] / "data/shopify-storefront-2026-04.graphql"
PUBLISHED = next(
    (
        path
        for folder in Path(__file__).resolve().parents
        if (path := folder / "shared/contracts/shopify-storefront-2026-04.schema.json").is_file()
    ),
    None,
)
SHOP = "https://demo-shop.myshopify.com"
ENDPOINT = f"POST {SHOP}/api/2026-04/graphql.json"
GID = "gid://shopify/"


@cache
def schema() -> GraphQLSchema:
    return build_schema(EXCERPT.read_text())


@cache
def published_schema() -> GraphQLSchema:
    if PUBLISHED is None:
        pytest.skip("the published schema is not there: shared/contracts/shopify-storefront-2026-04.schema.json")
    return build_client_schema(json.loads(PUBLISHED.read_text()), assume_valid=True)


def variant(number: int, *options: tuple[str, str], **changes: Any) -> dict[str, Any]:
    """A variant as the shop keeps it; `stock` None is not counted."""
    return {
        "__typename": "ProductVariant",
        "id": f"{GID}ProductVariant/{number}",
        "title": " / ".join(value for _, value in options) or "Default Title",
        "availableForSale": True,
        "currentlyNotInStock": False,
        "requiresShipping": True,
        "quantityAvailable": 9,
        "price": {"amount": "24.0", "currencyCode": "EUR"},
        "image": None,
        "selectedOptions": [{"name": name, "value": value} for name, value in options or [("Title", "Default Title")]],
        "quantityRule": {"minimum": 1, "maximum": None, "increment": 1},
        **changes,
    }


def product(handle: str, *variants: dict[str, Any], **changes: Any) -> dict[str, Any]:
    made = {
        "__typename": "Product",
        "handle": handle,
        "title": handle.title(),
        "productType": "Apparel",
        "isGiftCard": False,
        "availableForSale": any(each["availableForSale"] for each in variants),
        "tags": [],
        "category": {"name": "Shirts", "ancestors": [{"name": "Clothing"}, {"name": "Apparel & Accessories"}]},
        "featuredImage": {"url": f"https://cdn.shopify.com/{handle}.jpg"},
        "variants": {"nodes": list(variants)},
        "variantsCount": {"count": len(variants)},
        **changes,
    }
    for each in variants:
        each["product"] = made
    return made


@dataclass
class ShopifyFake:
    """The shop. `instead` replaces the next answers; `cut_off` loses the next answer after the shop has acted."""

    internet: Internet
    products: dict[str, dict[str, Any]] = field(default_factory=dict)
    carts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    instead: list[Answer] = field(default_factory=list)
    cut_off: bool = False
    lose_next_change: bool = False
    tokens: tuple[str, ...] = ()
    user_errors: list[dict[str, Any]] = field(default_factory=list)
    after_read: Callable[[], None] = lambda: None
    made: int = 0
    operations: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.internet.routes[ENDPOINT] = self._answer

    @property
    def variables(self) -> list[dict[str, Any]]:
        """The variables of each call."""
        return [request.json()["variables"] for request in self.internet.requests]

    def quantities(self, cart_id: str) -> dict[str, int]:
        """What a cart holds, by number of the variant."""
        found: dict[str, int] = {}
        for line in self.carts[cart_id]:
            number = line["merchandise"]["id"].rsplit("/", 1)[1]
            found[number] = found.get(number, 0) + line["quantity"]
        return found

    def put(self, cart_id: str, number: int, quantity: int) -> None:
        """The shopper, in the shop."""
        lines = self.carts.setdefault(cart_id, [])
        lines.append({"id": f"{GID}CartLine/{len(lines)}-{number}", "quantity": quantity, **self._typed(number)})

    def _typed(self, number: int) -> dict[str, Any]:
        return {"__typename": "CartLine", "merchandise": self._variants()[f"{GID}ProductVariant/{number}"]}

    def _variants(self) -> dict[str, dict[str, Any]]:
        return {each["id"]: each for found in self.products.values() for each in found["variants"]["nodes"]}

    def _answer(self, request: Request) -> Answer:
        if self.instead:
            return self.instead.pop(0)
        private = request.headers.get("shopify-storefront-private-token")
        token = private or request.headers.get("x-shopify-storefront-access-token")
        if token is not None and token not in self.tokens:
            return 401, {"errors": [{"message": "", "extensions": {"code": "UNAUTHORIZED"}}]}
        asked = request.json()
        if asked["variables"].get("withToken") and token != self.tokens[0]:
            denied = {"message": "Access denied for tags field.", "extensions": {"code": "ACCESS_DENIED"}}
            return 200, {"errors": [denied], "data": {"product": None}}
        root = {
            "shop": {"name": "Demo shop"},
            "product": lambda _, handle: self.products.get(handle),
            "node": lambda _, id: self._variants().get(id),
            "cart": lambda _, id: self._cart(id),
            "cartCreate": lambda _, input: self._create(input),
            "cartLinesAdd": lambda _, **asked: self._change(asked["cartId"], self._add, asked["lines"]),
            "cartLinesUpdate": lambda _, **asked: self._change(asked["cartId"], self._update, asked["lines"]),
            "cartLinesRemove": lambda _, **asked: self._change(asked["cartId"], self._remove, asked["lineIds"]),
        }
        executed = graphql_sync(schema(), asked["query"], root, variable_values=asked["variables"])
        assert executed.errors is None, executed.errors
        if self.cut_off:
            self.cut_off = False
            return ProtocolError("cut off")
        return 200, {"data": executed.data}

    def _cart(self, cart_id: str) -> dict[str, Any] | None:
        self.operations.append("cart")
        lines = self.carts.get(cart_id)
        if lines is None:
            return None
        shown = {
            "id": cart_id,
            "checkoutUrl": f"{SHOP}/cart/c/{cart_id.rsplit('/', 1)[1]}",
            "lines": {"nodes": [dict(line) for line in lines]},
        }
        self.after_read()
        return shown

    def _create(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.made += 1
        cart_id = f"{GID}Cart/{self.made}?key=k"
        self.carts[cart_id] = []
        payload = self._change(cart_id, self._add, asked["lines"])
        if self.user_errors:
            del self.carts[cart_id]
            return payload | {"cart": None}
        return payload

    def _change(self, cart_id: str, change: Callable[[str, Any], list[dict[str, Any]]], asked: Any) -> dict[str, Any]:
        self.operations.append(change.__name__.strip("_"))
        self.cut_off, self.lose_next_change = self.cut_off or self.lose_next_change, False
        if cart_id not in self.carts:
            error = {"code": "INVALID", "field": ["cartId"], "message": "The specified cart does not exist."}
            return {"cart": None, "userErrors": [error], "warnings": []}
        if self.user_errors:
            return {"cart": self._cart(cart_id), "userErrors": self.user_errors, "warnings": []}
        warnings = change(cart_id, asked)
        return {"cart": self._cart(cart_id), "userErrors": [], "warnings": warnings}

    def _add(self, cart_id: str, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        warnings = []
        for line in lines:
            self.put(cart_id, int(line["merchandiseId"].rsplit("/", 1)[1]), line["quantity"])
            warnings += self._hold_to_stock(self.carts[cart_id][-1])
        return warnings

    def _update(self, cart_id: str, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        wanted = {line["id"]: line["quantity"] for line in lines}
        warnings = []
        for line in self.carts[cart_id]:
            if line["id"] in wanted:
                line["quantity"] = wanted[line["id"]]
                warnings += self._hold_to_stock(line)
        return warnings

    def _remove(self, cart_id: str, line_ids: list[str]) -> list[dict[str, Any]]:
        self.carts[cart_id] = [line for line in self.carts[cart_id] if line["id"] not in line_ids]
        return []

    def _hold_to_stock(self, line: dict[str, Any]) -> list[dict[str, Any]]:
        left = line["merchandise"]["quantityAvailable"]
        if line["quantity"] <= left:
            return []
        line["quantity"] = left
        return [{"code": "MERCHANDISE_NOT_ENOUGH_STOCK", "message": "Only some left", "target": line["id"]}]
