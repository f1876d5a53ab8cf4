"""Amazon without access to its catalogue: the product link is all that is known."""

from collections.abc import Sequence
from urllib.parse import urlencode

from hashcart.domain.hand_offs import HandOff, HandOffLine
from hashcart.domain.product_links import ProductReference
from hashcart.domain.products import Product


class AmazonStore:
    """Takes every well-formed ASIN for a product, as Amazon shows no catalogue to those without its API credentials."""

    def product(self, reference: ProductReference) -> Product | None:  # noqa: ARG002 - nothing is known of any product
        """A product of which nothing is known."""
        return Product()

    def hand_off(self, lines: Sequence[HandOffLine]) -> Sequence[HandOff]:
        """Amazon's "add to cart" form, which asks the shopper before it adds anything."""
        if not lines:
            return []
        fields: dict[str, str | int] = {}
        for number, line in enumerate(lines, start=1):
            fields |= {f"ASIN.{number}": line.reference.product_id, f"Quantity.{number}": line.quantity}
        url = f"https://www.{lines[0].reference.marketplace}/gp/aws/cart/add.html?{urlencode(fields)}"
        return [HandOff(url, tuple(line.reference.line_id for line in lines))]
