"""django-oscar: a shop's catalogue and its customers' baskets, through django-oscar-api and the app `hashcart_api`.

Oscar's own API lets only the owner at a basket. The app, which docs/stores/oscar.md shows how to install, lets HashCart
in by a service key, for the one customer whose subject it names.
"""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated
from urllib.parse import urljoin

from hashcart.domain.hand_offs import HandOff, HandOffLine
from hashcart.domain.product_links import ProductReference
from hashcart.domain.products import Product, Variant
from hashcart.http import Answer, HttpClient, UnreachableError
from hashcart.reading import Bounds, reader_of
from hashcart.secrets import Secret, SecretUnavailableError
from hashcart.stores.answers import read_answer
from hashcart.stores.protocol import (
    AccessProblemError,
    Customer,
    DisplayRules,
    StoreCart,
    StoreRefusedError,
    StoreUnavailableError,
)

MAX_CHILDREN = 200
MAX_LINES = 1000


type Amount = Annotated[str, Bounds(longest=30)]


@dataclass(frozen=True, slots=True)
class Price:
    """An amount as decimal text; nothing of a product that has no price."""

    currency: Annotated[str, Bounds(longest=12)] | None = None
    incl_tax: Amount | None = None
    excl_tax: Amount | None = None


@dataclass(frozen=True, slots=True)
class Availability:
    """What Oscar's strategy says; `num_available` only where the stock is counted."""

    is_available_to_buy: bool
    num_available: int | None = None


@dataclass(frozen=True, slots=True)
class Attribute:
    """What a child is in one respect."""

    name: Annotated[str, Bounds(longest=255)]
    value: str | int | float | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A product or a child of one."""

    id: int
    title: Annotated[str, Bounds(longest=500)]
    image: Annotated[str, Bounds(longest=2048)] | None = None
    price: Price
    availability: Availability

    @property
    def amount(self) -> str | None:
        """What a customer pays."""
        return self.price.incl_tax or self.price.excl_tax

    @property
    def max_quantity(self) -> int | None:
        """The most that can be bought, where the shop counts."""
        return None if self.availability.num_available is None else max(0, self.availability.num_available)


@dataclass(frozen=True, slots=True, kw_only=True)
class Child(Item):
    """A child, told from the others by its attributes."""

    attributes: Annotated[tuple[Attribute, ...], Bounds(longest=50)] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OscarProduct(Item):
    """The catalogue's answer."""

    structure: str
    parent: int | None = None
    categories: Annotated[tuple[str, ...], Bounds(longest=50)] = ()
    requires_shipping: bool = True
    children: Annotated[tuple[Child, ...], Bounds(longest=MAX_CHILDREN)] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """How many of a product a basket holds, and when that was changed."""

    product: int
    quantity: Annotated[int, Bounds(least=0)]
    changed_ms: int


@dataclass(frozen=True, slots=True)
class Basket:
    """The customer's open basket; `ordered` says that the one asked for was completed."""

    basket: int
    ordered: bool
    lines: Annotated[tuple[Line, ...], Bounds(longest=MAX_LINES)]


read_product = reader_of(OscarProduct, root="product")
read_basket = reader_of(Basket, root="basket")


class OscarStore:
    """One shop. `base_url` is where its API is called, `site_url` where a browser opens it, `hosts` its product links'.

    `secret` holds the service key as `key`.
    """

    display = DisplayRules()

    def __init__(self, http: HttpClient, base_url: str, site_url: str, hosts: Collection[str], secret: Secret) -> None:
        self._http = http
        self._api = f"{base_url}/api/hashcart"
        self._site = site_url
        self._hosts = tuple(hosts)
        self._secret = secret

    def product(self, reference: ProductReference) -> Product | None:
        """The product, a child of one, or a parent with its children to choose from. Raises StoreUnavailableError."""
        answer = self._call("GET", f"/products/{reference.product_id}/")
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        found = _read(answer, read_product)
        is_parent = found.structure == "parent"
        return Product(
            title=found.title,
            price=found.amount,
            currency=found.price.currency if found.amount else None,
            image_url=self._address(found.image),
            in_stock=found.availability.is_available_to_buy,
            max_quantity=found.max_quantity,
            needs_options=is_parent,
            digital=not found.requires_shipping,
            category=found.categories[0] if found.categories else None,
            variants=tuple(map(self._variant, found.children)) if is_parent else (),
            parent_id=None if found.parent is None else str(found.parent),
        )

    def check_access(self, reference: ProductReference) -> str:
        """Whether the shop accepts the service key. Raises AccessProblemError, StoreUnavailableError."""
        mend = 'Fill the secret with {"key": "…"}, the key in the settings of the shop (docs/stores/oscar.md).'
        try:
            self._secret.text("key")
        except SecretUnavailableError as error:
            raise AccessProblemError("there is no service key", mend, is_fatal=True) from error
        answer = self._call("GET", f"/products/{reference.product_id}/")
        if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise AccessProblemError("the shop refuses the service key", mend, is_fatal=True)
        return "the shop was asked with the service key"

    def hand_off(self, lines: Sequence[HandOffLine]) -> Sequence[HandOff]:
        """The shop's basket, which holds the lines already."""
        return [HandOff(f"{self._site}/basket/", tuple(line.reference.line_id for line in lines))] if lines else []

    def product_url(self, line: HandOffLine) -> str:
        """The product's page; Oscar leads from any slug to the right one."""
        return f"{self._site}/catalogue/product_{line.reference.product_id}/"

    def read_cart(self, customer: Customer) -> StoreCart:
        """The customer's open basket. Raises StoreUnavailableError."""
        fields = {"basket": customer.cart_id} if customer.cart_id else None
        return self._cart(self._call("GET", "/basket/", customer=customer, fields=fields))

    def set_quantity(
        self, customer: Customer, reference: ProductReference, quantity: int, *, expected: int
    ) -> StoreCart:
        """Make the basket hold `quantity`, or as many as the shop sells, unless it does not hold `expected` any more.

        Raises StoreUnavailableError, StoreRefusedError.
        """
        answer = self._set(customer, reference, quantity, expected)
        if answer.status == HTTPStatus.NOT_ACCEPTABLE:
            product = self.product(reference)
            most = 0 if product is None or product.is_sold_out else product.max_quantity
            if most is not None and expected < most < quantity:
                answer = self._set(customer, reference, most, expected)
        if answer.status == HTTPStatus.NOT_ACCEPTABLE:
            return self.read_cart(customer)
        if answer.status == HTTPStatus.NOT_FOUND:
            raise StoreRefusedError("the shop has no such product")
        return self._cart(answer)

    def _set(self, customer: Customer, reference: ProductReference, quantity: int, expected: int) -> Answer:
        basket = int(customer.cart_id) if customer.cart_id and customer.cart_id.isdecimal() else None
        body = json.dumps({"quantity": quantity, "expected": expected, "basket": basket}).encode()
        return self._call("PUT", f"/basket/products/{reference.product_id}/", customer=customer, body=body)

    def _cart(self, answer: Answer) -> StoreCart:
        basket = _read(answer, read_basket)
        lines = [(host, line) for line in basket.lines for host in self._hosts]
        return StoreCart(
            cart_id=str(basket.basket),
            quantities={_line_id(host, line): line.quantity for host, line in lines},
            checkout_url=f"{self._site}/basket/",
            ordered=basket.ordered,
            changed_ms={_line_id(host, line): line.changed_ms for host, line in lines},
        )

    def _call(
        self,
        method: str,
        path: str,
        *,
        customer: Customer | None = None,
        fields: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """One call; once more with the key read anew where it is refused, as it is just after a rotation."""
        try:
            answer = self._request(method, path, customer, fields, body)
            if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN) and self._secret.reread() is not None:
                answer = self._request(method, path, customer, fields, body)
        except (UnreachableError, SecretUnavailableError) as error:
            raise StoreUnavailableError(str(error)) from error
        return answer

    def _request(
        self, method: str, path: str, customer: Customer | None, fields: dict[str, str] | None, body: bytes | None
    ) -> Answer:
        headers = {"x-hashcart-key": self._secret.text("key")}
        if customer is not None:
            headers["x-hashcart-subject"] = customer.subject
        if body is not None:
            headers["content-type"] = "application/json"
        return self._http.request(method, self._api + path, headers=headers, fields=fields, body=body)

    def _variant(self, child: Child) -> Variant:
        return Variant(
            id=str(child.id),
            options=tuple((attribute.name, str(attribute.value)) for attribute in child.attributes),
            title=child.title,
            price=child.amount,
            currency=child.price.currency if child.amount else None,
            image_url=self._address(child.image),
            in_stock=child.availability.is_available_to_buy,
            max_quantity=child.max_quantity,
            is_product=True,
        )

    def _address(self, image: str | None) -> str | None:
        return None if image is None else urljoin(f"{self._site}/", image)


def _line_id(host: str, line: Line) -> str:
    return ProductReference(host, str(line.product)).line_id


def _read[T](answer: Answer, read: Callable[[bytes], T]) -> T:
    if answer.status != HTTPStatus.OK:
        raise StoreUnavailableError(f"status {answer.status}")
    return read_answer(read, answer.body)
