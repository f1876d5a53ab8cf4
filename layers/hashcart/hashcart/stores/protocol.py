"""What HashCart asks of a store."""

from typing import Protocol

from hashcart.domain.product_links import ProductReference
from hashcart.domain.products import Product


class StoreUnavailableError(Exception):
    """The store did not answer, and may later."""


class Store(Protocol):
    """One store."""

    def product(self, reference: ProductReference) -> Product | None:
        """What the store says of a product; None if it does not have it. Raises StoreUnavailableError."""
