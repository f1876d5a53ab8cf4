"""Which product a reply wants: in the shopper's marketplace, and in the variant that its words choose."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from hashcart.domain.options import read_options
from hashcart.domain.product_links import ProductReference
from hashcart.domain.products import Product

type ProductOf = Callable[[ProductReference], Product | None]
"""Asks the store, or its cache. Raises StoreUnavailableError."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A product, what the store says of it (None: it is gone), and the quantity asked for."""

    reference: ProductReference
    product: Product | None
    quantity: int | None


def find_wanted(
    product_of: ProductOf,
    linked: ProductReference,
    *,
    marketplace: str,
    quantity: int | None = None,
    words: Sequence[str] = (),
) -> Wanted:
    """The product that a link, the shopper's `marketplace` and the words beside the hashtag lead to.

    Words that choose nothing clearly leave a product whose options have still to be chosen.
    """
    wanted = _in_marketplace(product_of, Wanted(linked, product_of(linked), quantity), marketplace)
    return _in_variant(product_of, wanted, words) if words else wanted


def _in_marketplace(product_of: ProductOf, wanted: Wanted, marketplace: str) -> Wanted:
    """With price and stock of the shopper's marketplace, where the store sells the product there too."""
    product, reference = wanted.product, wanted.reference
    if product is None or marketplace == reference.marketplace or marketplace not in product.marketplaces:
        return wanted
    here = replace(reference, marketplace=marketplace)
    sold_here = product_of(here)
    if sold_here is None:
        return replace(wanted, product=replace(product, marketplaces=(reference.marketplace,)))
    return replace(wanted, reference=here, product=sold_here)


def _in_variant(product_of: ProductOf, wanted: Wanted, words: Sequence[str]) -> Wanted:
    """As the words choose, also where the link names another variant."""
    whole = _whole(product_of, wanted)
    if whole.product is None or not whole.product.variants:
        return wanted
    named_by_link = wanted.reference.variant_id or wanted.reference.product_id
    reading = read_options(words, whole.product.variants, wanted.quantity, linked_id=named_by_link)
    if reading.is_silent:
        return wanted
    if reading.variant is not None:
        reference = reading.variant.reference(whole.reference)
        product = wanted.product if reference == wanted.reference else product_of(reference)
        if product is not None:
            return Wanted(reference, product, reading.quantity)
    return replace(whole, quantity=reading.quantity)


def _whole(product_of: ProductOf, wanted: Wanted) -> Wanted:
    """The product with all its variants, of which the link may name one."""
    product, reference = wanted.product, wanted.reference
    if product is None or product.needs_options:
        return wanted
    if reference.variant_id:
        reference = replace(reference, variant_id="")
    elif product.parent_id is not None:
        reference = replace(reference, product_id=product.parent_id)
    else:
        return wanted
    return replace(wanted, reference=reference, product=product_of(reference))
