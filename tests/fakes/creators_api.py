"""Amazon's Creators API as its published client describes it: tokens by version, ten items a call, errors per item."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from tests.fakes.internet import Answer, Internet, Request

COGNITO = "https://creatorsapi.auth.us-east-1.amazoncognito.com/oauth2/token"
LWA = "https://api.amazon.com/auth/o2/token"
CATALOG = "https://creatorsapi.amazon/catalog/v1"
IDENTITY, SECRET = "amzn1.application-oa2-client.id", "amzn1.oa2-cs.v1.secret"
CREDENTIALS = {"credential_id": IDENTITY, "credential_secret": SECRET, "version": "3.1"}

RESOURCES = """
browseNodeInfo.browseNodes browseNodeInfo.browseNodes.ancestor browseNodeInfo.browseNodes.salesRank
browseNodeInfo.websiteSalesRank customerReviews.count customerReviews.starRating images.primary.small
images.primary.medium images.primary.large images.primary.highRes images.variants.small images.variants.medium
images.variants.large images.variants.highRes itemInfo.byLineInfo itemInfo.contentInfo itemInfo.contentRating
itemInfo.classifications itemInfo.externalIds itemInfo.features itemInfo.manufactureInfo itemInfo.productInfo
itemInfo.technicalInfo itemInfo.title itemInfo.tradeInInfo parentASIN offersV2.listings.availability
offersV2.listings.condition offersV2.listings.dealDetails offersV2.listings.isBuyBoxWinner
offersV2.listings.loyaltyPoints offersV2.listings.merchantInfo offersV2.listings.price offersV2.listings.type
"""
KNOWN_RESOURCES = frozenset(RESOURCES.split())


def item(asin: str, **changes: Any) -> dict[str, Any]:
    """An item with one offer, as the API writes it."""
    return {
        "asin": asin,
        "detailPageURL": f"https://www.amazon.com/dp/{asin}?tag=shop-20",
        "images": {
            "primary": {"large": {"url": f"https://m.media-amazon.com/{asin}.jpg", "height": 500, "width": 500}}
        },
        "itemInfo": {
            "title": {"displayValue": f"Title of {asin}", "label": "Title", "locale": "en_US"},
            "classifications": {
                "binding": {"displayValue": "Kitchen"},
                "productGroup": {"displayValue": "Home"},
            },
            "productInfo": {"isAdultProduct": {"displayValue": False, "label": "IsAdultProduct"}},
        },
        "offersV2": {"listings": [listing()]},
        "browseNodeInfo": {"browseNodes": [{"id": "1", "displayName": "Kettles"}]},
        **changes,
    }


def listing(
    kind: str | None = "IN_STOCK", amount: float = 24.5, currency: str = "USD", **changes: Any
) -> dict[str, Any]:
    return {
        "availability": {"type": kind, "message": "In Stock", "maxOrderQuantity": 3, "minOrderQuantity": 1},
        "isBuyBoxWinner": True,
        "price": {"money": {"amount": amount, "currency": currency, "displayAmount": f"${amount}"}},
        **changes,
    }


@dataclass
class CreatorsApiFake:
    """Answers on `internet`; `instead` replaces the next answers of the catalogue."""

    internet: Internet
    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    children: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    instead: list[Answer] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.internet.routes |= {
            f"POST {LWA}": self._lwa_token,
            f"POST {COGNITO}": self._cognito_token,
            f"POST {CATALOG}/getItems": self._guarded(self._get_items),
            f"POST {CATALOG}/getVariations": self._guarded(self._get_variations),
        }

    @property
    def calls(self) -> list[Request]:
        """The calls of the catalogue."""
        return [request for request in self.internet.requests if "/catalog/" in request.path]

    def revoke_tokens(self) -> None:
        self.tokens.clear()

    def _lwa_token(self, request: Request) -> Answer:
        assert request.headers["content-type"] == "application/json"
        return self._token(request.json(), "creatorsapi::default")

    def _cognito_token(self, request: Request) -> Answer:
        assert request.headers["content-type"] == "application/x-www-form-urlencoded"
        return self._token(dict(parse_qsl(request.body.decode())), "creatorsapi/default")

    def _token(self, asked: Mapping[str, str], scope: str) -> Answer:
        if (asked["client_id"], asked["client_secret"]) != (IDENTITY, SECRET):
            return 400, {"error": "invalid_client"}
        assert (asked["grant_type"], asked["scope"]) == ("client_credentials", scope)
        token = f"token-{len(self.internet.requests)}" + ("" if "::" in scope else ", Version 2.1")
        self.tokens.add(token)
        return 200, {"access_token": token.split(",", maxsplit=1)[0], "expires_in": 3600, "token_type": "bearer"}

    def _guarded(self, operation: Callable[[dict[str, Any]], Answer]) -> Callable[[Request], Answer]:
        def answer(request: Request) -> Answer:
            if self.instead:
                return self.instead.pop(0)
            if request.headers["authorization"].removeprefix("Bearer ") not in self.tokens:
                return 401, {"message": "The token is invalid", "reason": "TokenExpired"}
            assert request.headers["x-marketplace"].startswith("www.amazon.")
            asked = json.loads(request.body)
            assert 1 <= len(asked["partnerTag"]) <= 64
            assert set(asked["resources"]) <= KNOWN_RESOURCES
            return operation(asked)

        return answer

    def _get_items(self, asked: dict[str, Any]) -> Answer:
        asins = asked["itemIds"]
        assert 1 <= len(asins) <= 10
        assert len(set(asins)) == len(asins)
        found = [self.items[asin] for asin in asins if asin in self.items]
        errors = [
            {"code": self.errors[asin], "message": f"The ItemId {asin} provided in the request is invalid."}
            for asin in asins
            if asin in self.errors
        ]
        if not found and not errors:
            return 404, {"type": "ResourceNotFoundException", "resourceId": asins[0], "resourceType": "Item"}
        return 200, {"itemsResult": {"items": found}, "errors": errors}

    def _get_variations(self, asked: dict[str, Any]) -> Answer:
        children = self.children.get(asked["asin"])
        if children is None:
            return 404, {"type": "ResourceNotFoundException", "resourceId": asked["asin"], "resourceType": "Item"}
        start = (asked["variationPage"] - 1) * 10
        summary = {"pageCount": -(-len(children) // 10), "variationCount": len(children)}
        return 200, {"variationsResult": {"items": children[start : start + 10], "variationSummary": summary}}
