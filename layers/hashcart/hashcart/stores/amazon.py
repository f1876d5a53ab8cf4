"""Amazon without access to its catalogue: the product link is all that is known."""

from hashcart.domain.product_links import ProductReference
from hashcart.domain.products import Product


class AmazonStore:
    """Takes every well-formed ASIN for a product, as Amazon shows no catalogue to those without its API credentials."""

    def product(self, reference: ProductReference) -> Product | None:  # noqa: ARG002 - nothing is known of any product
        """A product of which nothing is known."""
        return Product()
