"""Taking cart lines to the store: the shopper's own click that opens an address of the store."""

from dataclasses import dataclass

from hashcart.domain.product_links import ProductReference


@dataclass(frozen=True, slots=True)
class HandOffLine:
    """A product and how many of it the shopper takes along.

    `associate_tag` is the affiliate's of the original link; `item_id` is what the store's cart calls the product, where
    the reference does not tell.
    """

    reference: ProductReference
    quantity: int
    associate_tag: str | None = None
    item_id: str | None = None


@dataclass(frozen=True, slots=True)
class HandOff:
    """One address of the store to open, and the lines (by `line_id`) that it takes along.

    A long cart may need several: each is a click of its own.
    """

    url: str
    line_ids: tuple[str, ...]
