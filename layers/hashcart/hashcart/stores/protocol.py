"""What HashCart asks of a store.

A store without a cart of its own that HashCart may fill (Amazon, the demo store, product pages) is a `Store`: HashCart
keeps the lines, and the hand-off takes them along. A store with such a cart is a `CartStore` as well.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from hashcart.domain.hand_offs import HandOff, HandOffLine
from hashcart.domain.product_links import ProductReference
from hashcart.domain.products import Product


class StoreUnavailableError(Exception):
    """The store did not answer, and may later. Whether a write had an effect is unknown."""


class StoreRefusedError(Exception):
    """The store will never take this; the message is a reason for the log and the activity page."""


class AccessProblemError(Exception):
    """The store's API does not let HashCart in; `is_fatal` unless carts can go on without it.

    `reason` says what is wrong and `mend` what the merchant can do about it.
    """

    def __init__(self, reason: str, mend: str, *, is_fatal: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.mend = mend
        self.is_fatal = is_fatal


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence, by language, that pages with the store's products must show; `with_prices`: only beside prices."""

    texts: Mapping[str, str]
    with_prices: bool = False

    def text(self, language: str) -> str:
        """The sentence in `language` (ISO 639-1), else in English."""
        return self.texts.get(language) or self.texts["en"]


@dataclass(frozen=True, slots=True)
class DisplayRules:
    """How a store wants its products shown: the notices, and for how long (milliseconds) a price may be shown.

    `checkout_origins` are where a checkout may lead to, beside where hand-offs do.
    """

    notices: tuple[Notice, ...] = ()
    price_life_ms: int | None = None
    checkout_origins: tuple[str, ...] = ()


class Store(Protocol):
    """One store."""

    @property
    def display(self) -> DisplayRules:
        """How pages have to show the store's products."""

    def product(self, reference: ProductReference) -> Product | None:
        """What the store says of a product; None if it does not have it. Raises StoreUnavailableError."""

    def hand_off(self, lines: Sequence[HandOffLine]) -> Sequence[HandOff]:
        """The addresses that take `lines`, all of one marketplace, to the store. Nothing is sent anywhere."""

    def product_url(self, line: HandOffLine) -> str:
        """The product's own page at the store, which is also the way to add it by hand if a hand-off fails."""


@runtime_checkable
class CheckableStore(Store, Protocol):
    """A store whose API wants credentials that a merchant can get wrong."""

    def check_access(self, reference: ProductReference) -> str:
        """Try the credentials, on one product; says what they allow. For the merchant, not for shoppers.

        Raises AccessProblemError, StoreUnavailableError.
        """


@runtime_checkable
class BatchStore(Store, Protocol):
    """A store that tells of many products in one call."""

    def products(self, references: Sequence[ProductReference]) -> Mapping[ProductReference, Product | None]:
        """What `product` would say of each. Raises StoreUnavailableError."""


@dataclass(frozen=True, slots=True)
class Customer:
    """Whose cart at the store is meant: the store's own id of the account, and of the cart where one is kept.

    `country` (ISO 3166-1 alpha-2) and `language` (ISO 639-1) are the shopper's, for prices and texts of the store.
    `ip_address` is that of the shopper's browser where a click of theirs is at work; some stores limit calls by it.
    `cart_used_ms` is when HashCart last used that cart, as far as it knows: a store may forget one that rests for long.
    """

    subject: str
    cart_id: str | None = None
    country: str | None = None
    language: str | None = None
    ip_address: str | None = None
    cart_used_ms: int | None = None


@dataclass(frozen=True, slots=True)
class StoreCart:
    """The store's cart as it was read back: quantities by `line_id`, and where the shopper checks out.

    `cart_id` is to be kept for the next call; it differs from the one asked for if the store completed or forgot that.
    `ordered` says that the cart asked for was completed by an order; `quantities` are then those of its successor.
    `changed_ms` tells, where the store does, when a line of the cart was last changed (by `line_id`).
    """

    cart_id: str | None
    quantities: dict[str, int]
    checkout_url: str | None = None
    ordered: bool = False
    changed_ms: dict[str, int] = field(default_factory=dict)


@runtime_checkable
class CartStore(Store, Protocol):
    """A store whose cart HashCart fills on the shopper's behalf. Quantities are set, then read back; never added."""

    def read_cart(self, customer: Customer) -> StoreCart:
        """The customer's cart. Raises StoreUnavailableError."""

    def set_quantity(
        self, customer: Customer, reference: ProductReference, quantity: int, *, expected: int
    ) -> StoreCart:
        """Make the cart hold exactly `quantity` of a product, 0 for none, and read it back.

        `expected` is what the cart was seen to hold: a store that can compare changes nothing if it holds another
        quantity by now. Nothing is set either if the cart asked for was completed (`ordered`): its successor is another
        cart. The store may hold less than asked (its stock, its maximum): the answer tells. Raises
        StoreUnavailableError when nothing is known of the effect, StoreRefusedError when the store will never take it.
        """
