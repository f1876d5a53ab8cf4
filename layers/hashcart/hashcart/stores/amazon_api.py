"""Amazon's Creators API: what its catalogue says of products, to those Associates who are let in.

Ten items a call, and about one call a second for a new Associate, so callers ask for many at once. Credentials are made
in Associates Central; their version tells where and how a token is fetched with them.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from http import HTTPStatus
from itertools import batched
from typing import Any
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from hashcart.http import Answer, HttpClient, UnreachableError
from hashcart.observability import logger
from hashcart.secrets import Secret, SecretUnavailableError
from hashcart.stores.protocol import StoreUnavailableError

API = "https://creatorsapi.amazon/catalog/v1"
TOKEN_ENDPOINTS = {
    "2.1": "https://creatorsapi.auth.us-east-1.amazoncognito.com/oauth2/token",
    "2.2": "https://creatorsapi.auth.eu-south-2.amazoncognito.com/oauth2/token",
    "2.3": "https://creatorsapi.auth.us-west-2.amazoncognito.com/oauth2/token",
    "3.1": "https://api.amazon.com/auth/o2/token",
    "3.2": "https://api.amazon.co.uk/auth/o2/token",
    "3.3": "https://api.amazon.co.jp/auth/o2/token",
}
RESOURCES = [
    "browseNodeInfo.browseNodes",
    "images.primary.large",
    "itemInfo.classifications",
    "itemInfo.productInfo",
    "itemInfo.title",
    "offersV2.listings.availability",
    "offersV2.listings.isBuyBoxWinner",
    "offersV2.listings.price",
    "parentASIN",
]
ITEMS_A_CALL = 10
MAX_VARIATION_PAGES = 5

TOKEN_SPARE_MS = 60_000
DEFAULT_TOKEN_SECONDS = 3600
MINUTE_MS = 60_000
NOT_ELIGIBLE_MS = 60 * MINUTE_MS
MISCONFIGURED_MS = 5 * MINUTE_MS
# A throttle is waited out for a minute. One that lasts is a used-up quota, and carts have to go on without titles.
PATIENCE_MS = MINUTE_MS
OUT_OF_QUOTA_MS = 10 * MINUTE_MS

GONE_CODES = frozenset({"ItemNotFound", "InvalidItemId", "InvalidParameterValue"})


class CatalogueClosedError(Exception):
    """Amazon does not let this Associate into the catalogue now; the message is a reason for the log."""


class Model(BaseModel):
    """A part of an answer; fields that are not asked about are ignored, and null is the same as missing."""

    # Built when the first answer comes, not at each cold start: most products are known already.
    model_config = ConfigDict(alias_generator=to_camel, defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _without_null(cls, value: Any) -> Any:
        return {name: part for name, part in value.items() if part is not None} if isinstance(value, dict) else value


class Text(Model):
    """A value as Amazon shows it."""

    display_value: str | None = None


class Flag(Model):
    """A yes or a no."""

    display_value: bool | None = None


class Classifications(Model):
    """Broad kinds of products, in English words on all marketplaces."""

    binding: Text = Text()
    product_group: Text = Text()


class ProductInfo(Model):
    """Facts of the product."""

    is_adult_product: Flag = Flag()


class ItemInfo(Model):
    """What the product is."""

    title: Text = Text()
    classifications: Classifications = Classifications()
    product_info: ProductInfo = ProductInfo()


class Image(Model):
    """A picture."""

    url: str | None = Field(default=None, max_length=2048)


class Picture(Model):
    """A picture in its sizes."""

    large: Image | None = None


class Images(Model):
    """The pictures."""

    primary: Picture | None = None


class Money(Model):
    """An amount; a number in JSON."""

    amount: float | None = Field(default=None, ge=0)
    currency: str | None = Field(default=None, pattern="^[A-Z]{3}$")


class OfferPrice(Model):
    """The price of an offer."""

    money: Money | None = None


class Availability(Model):
    """Whether and how many of it can be bought."""

    type: str | None = None
    max_order_quantity: int | None = Field(default=None, ge=0)


class Listing(Model):
    """An offer; the Buy Box winner is the one that the page's own button puts in the cart."""

    is_buy_box_winner: bool | None = None
    price: OfferPrice = OfferPrice()
    availability: Availability = Availability()
    violates_map: bool | None = Field(default=None, alias="violatesMAP")


class Offers(Model):
    """The offers of an item."""

    listings: list[Listing] = []


class BrowseNode(Model):
    """A shelf that the item stands on."""

    display_name: str | None = None


class BrowseNodeInfo(Model):
    """All shelves of the item."""

    browse_nodes: list[BrowseNode] = []


class VariationAttribute(Model):
    """One dimension of a child, such as its size."""

    name: str | None = None
    value: str | None = None


class Item(Model):
    """One ASIN. A parent stands for its children and has no offers; a child names its parent."""

    asin: str
    parent_asin: str | None = Field(default=None, alias="parentASIN")
    item_info: ItemInfo = ItemInfo()
    images: Images = Images()
    offers: Offers = Field(default=Offers(), alias="offersV2")
    browse_node_info: BrowseNodeInfo = BrowseNodeInfo()
    variation_attributes: list[VariationAttribute] = []

    @property
    def listing(self) -> Listing | None:
        """The offer that counts."""
        winners = (listing for listing in self.offers.listings if listing.is_buy_box_winner)
        return next(winners, next(iter(self.offers.listings), None))


class CreatorsApi:
    """The catalogue. While it is closed to this Associate, nobody is asked."""

    def __init__(self, http: HttpClient, secret: Secret, clock_ms: Callable[[], int]) -> None:
        self._http = http
        self._secret = secret
        self._clock_ms = clock_ms
        self._token: tuple[str, int] | None = None
        self._closed: tuple[str, int] | None = None
        self._throttled_since_ms: int | None = None

    def items(self, marketplace: str, partner_tag: str, asins: Collection[str]) -> dict[str, Item | None]:
        """Items by ASIN, None for one that does not exist; one about which Amazon keeps silent is missing.

        Raises CatalogueClosedError, and StoreUnavailableError where asking again may help.
        """
        found: dict[str, Item | None] = {}
        for asked in batched(dict.fromkeys(asins), ITEMS_A_CALL, strict=False):
            document = self._call("getItems", marketplace, {"itemIds": list(asked), "partnerTag": partner_tag})
            if document is None:
                found |= dict.fromkeys(asked)
            else:
                found |= _gone(document, asked)
                found |= _items(document.get("itemsResult"))
        return found

    def variations(self, marketplace: str, partner_tag: str, parent_asin: str) -> list[Item]:
        """The children of a parent; none for an item without. Raises like `items`."""
        children: list[Item] = []
        for page in range(1, MAX_VARIATION_PAGES + 1):
            asked = {"asin": parent_asin, "partnerTag": partner_tag, "variationPage": page}
            try:
                document = self._call("getVariations", marketplace, asked)
            except StoreUnavailableError:
                if not children:
                    raise
                break  # a throttle in the middle: some of the options are better than none
            result = _mapping((document or {}).get("variationsResult"))
            children += _items(result).values()
            pages = _mapping(result.get("variationSummary")).get("pageCount")
            if not isinstance(pages, int | float) or page >= pages:
                break
        return children

    def open_again(self) -> None:
        """Forget what happened before, for somebody who has just mended something."""
        self._token = self._closed = None

    def _call(self, operation: str, marketplace: str, asked: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The answer; None if there is nothing of the kind."""
        if self._closed is not None and self._clock_ms() < self._closed[1]:
            raise CatalogueClosedError(self._closed[0])
        answer = self._post(operation, marketplace, asked)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            self._token = None
            answer = self._post(operation, marketplace, asked)
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise self._throttled()
        self._throttled_since_ms = None
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise StoreUnavailableError(f"status {answer.status}")
        document = _mapping(_json(answer))
        if answer.status != HTTPStatus.OK:
            reason = str(document.get("reason") or f"status {answer.status}")
            raise self._close(reason, NOT_ELIGIBLE_MS if answer.status == HTTPStatus.FORBIDDEN else MISCONFIGURED_MS)
        return document

    def _post(self, operation: str, marketplace: str, asked: Mapping[str, Any]) -> Answer:
        token, version = self._access_token()
        authorization = f"Bearer {token}" if version.startswith("3.") else f"Bearer {token}, Version {version}"
        headers = {
            "authorization": authorization,
            "content-type": "application/json",
            "x-marketplace": f"www.{marketplace}",
        }
        return self._send(f"{API}/{operation}", headers, json.dumps({**asked, "resources": RESOURCES}))

    def _access_token(self) -> tuple[str, str]:
        """A token and the version of the credentials that it was fetched with."""
        try:
            identity, secret, version = (
                self._secret.text(name) for name in ("credential_id", "credential_secret", "version")
            )
        except SecretUnavailableError as error:
            raise self._close("no_credentials", MISCONFIGURED_MS) from error
        if self._token is not None and self._clock_ms() < self._token[1]:
            return self._token[0], version
        if version not in TOKEN_ENDPOINTS:
            raise self._close("unknown_version", MISCONFIGURED_MS)
        answer = self._fetch_token(identity, secret, version)
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise StoreUnavailableError(f"status {answer.status} instead of a token")
        document = _mapping(_json(answer))
        token, seconds = document.get("access_token"), document.get("expires_in", DEFAULT_TOKEN_SECONDS)
        if answer.status != HTTPStatus.OK or not isinstance(token, str) or not isinstance(seconds, int):
            self._secret.reread()
            raise self._close("credentials_refused", MISCONFIGURED_MS)
        self._token = token, self._clock_ms() + seconds * 1000 - TOKEN_SPARE_MS
        return token, version

    def _fetch_token(self, identity: str, secret: str, version: str) -> Answer:
        """Version 3 asks Login with Amazon, with JSON; version 2 asks Cognito, with a form."""
        is_lwa = version.startswith("3.")
        fields = {
            "grant_type": "client_credentials",
            "client_id": identity,
            "client_secret": secret,
            "scope": "creatorsapi::default" if is_lwa else "creatorsapi/default",
        }
        kind = "application/json" if is_lwa else "application/x-www-form-urlencoded"
        body = json.dumps(fields) if is_lwa else urlencode(fields)
        return self._send(TOKEN_ENDPOINTS[version], {"content-type": kind}, body)

    def _send(self, url: str, headers: Mapping[str, str], body: str) -> Answer:
        try:
            return self._http.request("POST", url, headers=headers, body=body.encode())
        except UnreachableError as error:
            raise StoreUnavailableError(str(error)) from error

    def _throttled(self) -> Exception:
        now_ms = self._clock_ms()
        if self._throttled_since_ms is None:
            self._throttled_since_ms = now_ms
        if now_ms - self._throttled_since_ms < PATIENCE_MS:
            return StoreUnavailableError("throttled")
        self._throttled_since_ms = None
        return self._close("out_of_quota", OUT_OF_QUOTA_MS)

    def _close(self, reason: str, for_ms: int) -> CatalogueClosedError:
        logger.warning("catalogue_closed", extra={"reason": reason})
        self._closed = reason, self._clock_ms() + for_ms
        return CatalogueClosedError(reason)


def _items(result: object) -> dict[str, Item]:
    """The items that can be read; one that cannot is one about which nothing is known."""
    found = {}
    entries = _mapping(result).get("items")
    for entry in entries if isinstance(entries, list) else []:
        try:
            item = Item.model_validate(entry)
        except ValidationError as error:
            logger.warning("catalogue_item_unreadable", extra={"errors": error.error_count()})
        else:
            found[item.asin] = item
    return found


def _gone(document: Mapping[str, Any], asked: Sequence[str]) -> dict[str, None]:
    """The ASINs that do not exist. An answer of 200 brings errors for single items, which name them in their text."""
    errors = document.get("errors")
    messages = [
        str(error.get("message"))
        for error in (errors if isinstance(errors, list) else [])
        if isinstance(error, Mapping) and error.get("code") in GONE_CODES
    ]
    return {asin: None for asin in asked if any(asin in message for message in messages)}


def _json(answer: Answer) -> object:
    try:
        return answer.json()
    except UnreachableError as error:
        raise StoreUnavailableError(str(error)) from error


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
