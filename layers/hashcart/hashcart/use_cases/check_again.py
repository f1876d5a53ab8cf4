"""The shopper's "check again" beside a wish: what the store says of the product right now.

Nothing is moved by it. If the product is there again, the page offers to put it in the cart, by a click of its own.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from hashcart.domain.product_links import ProductReference
from hashcart.domain.products import Product
from hashcart.stores.protocol import StoreUnavailableError

MAX_AGE_MS = 10_000
"""Whoever clicks in haste, or together with others, gets the answer of a moment ago, and the store is asked once."""


class Stock(StrEnum):
    """What the store says of a wish."""

    IN_STOCK = "in_stock"
    UNKNOWN = "unknown"
    STILL_OUT = "still_out"
    GONE = "gone"
    STORE_UNAVAILABLE = "store_unavailable"

    @property
    def can_be_added(self) -> bool:
        """Whether the page offers to put the product in the cart; a store that does not tell stops nothing."""
        return self in (Stock.IN_STOCK, Stock.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Checked:
    """The store's answer, and the product as it is now, with its price, where the store has it."""

    stock: Stock
    product: Product | None = None


class ProductReader(Protocol):
    """The store behind its cache."""

    def product(self, reference: ProductReference, *, max_age_ms: int | None = None) -> Product | None:
        """The product, at most so old."""


@dataclass(frozen=True, slots=True)
class CheckAgain:
    """Asks the store afresh, past the cache but under its lease."""

    catalogue: ProductReader

    def __call__(self, line_id: str) -> Checked:
        """What the store says of the product of a line."""
        try:
            product = self.catalogue.product(ProductReference.from_line_id(line_id), max_age_ms=MAX_AGE_MS)
        except StoreUnavailableError:
            return Checked(Stock.STORE_UNAVAILABLE)
        if product is None:
            return Checked(Stock.GONE)
        if product.is_sold_out:
            return Checked(Stock.STILL_OUT, product)
        return Checked(Stock.UNKNOWN if product.in_stock is None else Stock.IN_STOCK, product)
