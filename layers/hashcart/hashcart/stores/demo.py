"""The demo store: a shop with a small JSON catalogue, for trying HashCart out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote, urlencode, urlsplit

from hashcart.domain.hand_offs import HandOff, HandOffLine
from hashcart.domain.product_links import ProductReference
from hashcart.domain.products import Product
from hashcart.domain.products import Variant as ProductVariant
from hashcart.http import HttpClient, UnreachableError
from hashcart.reading import Bounds, reader_of
from hashcart.stores.answers import read_answer
from hashcart.stores.protocol import DisplayRules, StoreUnavailableError

type Title = Annotated[str, Bounds(longest=500)]
type Quantity = Annotated[int, Bounds(least=0)]


@dataclass(frozen=True, slots=True)
class Price:
    """An amount as decimal text, with its ISO 4217 currency."""

    amount: Annotated[str, Bounds(longest=20)]
    currency: Annotated[str, Bounds(pattern="[A-Z]{3}")]


@dataclass(frozen=True, slots=True)
class Variant:
    """One size, colour or the like."""

    id: str
    title: Title
    options: dict[str, str] = field(default_factory=dict)
    price: Price | None = None
    in_stock: bool = True
    max_quantity: Quantity | None = None


@dataclass(frozen=True, slots=True)
class CatalogueProduct:
    """The catalogue's answer."""

    title: Title
    price: Price
    image_url: Annotated[str, Bounds(longest=2048)] | None = None
    category: str | None = None
    sensitive: bool = False
    digital: bool = False
    in_stock: bool = True
    max_quantity: Quantity | None = None
    marketplaces: tuple[str, ...] = ()
    variants: tuple[Variant, ...] = ()


read_product = reader_of(CatalogueProduct, root="product")


class DemoStore:
    """Reads `GET {base_url}/api/products/{id}`; `{site_url}/cart` takes lines that a shopper brings along.

    `site_url` is the shop as a browser opens it; its host is replaced by that of the lines' marketplace.
    """

    display = DisplayRules()

    def __init__(self, http: HttpClient, base_url: str, site_url: str) -> None:
        self._http = http
        self._base_url = base_url
        self._site = urlsplit(site_url)

    def product(self, reference: ProductReference) -> Product | None:
        """The product, or its variant where the reference names one. Raises StoreUnavailableError."""
        found = self._fetch(reference)
        if found is None:
            return None
        if not reference.variant_id:
            return self._product(found, None, needs_options=bool(found.variants))
        variant = next((variant for variant in found.variants if variant.id == reference.variant_id), None)
        return None if variant is None else self._product(found, variant, needs_options=False)

    def hand_off(self, lines: Sequence[HandOffLine]) -> Sequence[HandOff]:
        """One address, whatever the number of lines."""
        if not lines:
            return []
        added = [("add", f"{line.reference.product_id}~{line.reference.variant_id}~{line.quantity}") for line in lines]
        url = f"{self._site_of(lines[0].reference)}/cart?{urlencode(added)}"
        return [HandOff(url, tuple(line.reference.line_id for line in lines))]

    def product_url(self, line: HandOffLine) -> str:
        """The product's page, with the variant chosen."""
        variant = f"?{urlencode({'variant': line.reference.variant_id})}" if line.reference.variant_id else ""
        return f"{self._site_of(line.reference)}/products/{quote(line.reference.product_id, safe='')}{variant}"

    def _site_of(self, reference: ProductReference) -> str:
        port = "" if self._site.port is None else f":{self._site.port}"
        return f"{self._site.scheme}://{reference.marketplace}{port}"

    def _fetch(self, reference: ProductReference) -> CatalogueProduct | None:
        url = f"{self._base_url}/api/products/{quote(reference.product_id, safe='')}"
        try:
            answer = self._http.request("GET", url, fields={"marketplace": reference.marketplace})
        except UnreachableError as error:
            raise StoreUnavailableError(str(error)) from error
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        if answer.status != HTTPStatus.OK:
            raise StoreUnavailableError(f"status {answer.status}")
        return read_answer(read_product, answer.body)

    def _product(self, found: CatalogueProduct, variant: Variant | None, *, needs_options: bool) -> Product:
        price = variant.price if variant is not None and variant.price is not None else found.price
        return Product(
            title=found.title if variant is None else f"{found.title}, {variant.title}",
            price=price.amount,
            currency=price.currency,
            image_url=found.image_url,
            in_stock=found.in_stock if variant is None else variant.in_stock,
            max_quantity=found.max_quantity if variant is None else variant.max_quantity,
            needs_options=needs_options,
            digital=found.digital,
            sensitive=found.sensitive,
            category=found.category,
            marketplaces=found.marketplaces,
            variants=tuple(map(_variant, found.variants)) if needs_options else (),
        )


def _variant(variant: Variant) -> ProductVariant:
    return ProductVariant(
        id=variant.id,
        options=tuple(variant.options.items()),
        title=variant.title,
        price=variant.price.amount if variant.price else None,
        currency=variant.price.currency if variant.price else None,
        in_stock=variant.in_stock,
        max_quantity=variant.max_quantity,
    )
