"""What the store says of a product."""

from dataclasses import dataclass, replace

from hashcart.domain.product_links import ProductReference


@dataclass(frozen=True, slots=True)
class Variant:
    """One size, colour or the like; `options` are pairs such as ("size", "L"), in the store's order and words.

    `is_product` says that it is a product of its own at the store with `id` as product id, as Amazon's child ASINs are:
    a link to it names it alone, so its cart line does too.
    """

    id: str
    options: tuple[tuple[str, str], ...] = ()
    title: str | None = None
    price: str | None = None
    currency: str | None = None
    image_url: str | None = None
    in_stock: bool | None = None
    max_quantity: int | None = None
    is_product: bool = False

    def reference(self, product: ProductReference) -> ProductReference:
        """The reference of this variant of `product`, whose line is the same however the shopper came to it."""
        if self.is_product:
            return ProductReference(product.marketplace, self.id)
        return replace(product, variant_id=self.id)


@dataclass(frozen=True, slots=True)
class Product:
    """A product as the store described it at one moment.

    What the store does not tell is None and stops nothing: `in_stock` None means unknown, not sold out.
    `needs_options` says that a size, colour or the like has still to be chosen, from `variants` where the store lists
    them. `parent_id` is the product that a variant belongs to, where the store has ids of both. `sensitive` is the
    store's own flag and `category` its own word, or a path such as "Books > Health". `item_id` is what the store's cart
    calls the product, where the reference does not tell.
    """

    title: str | None = None
    price: str | None = None
    currency: str | None = None
    image_url: str | None = None
    in_stock: bool | None = None
    max_quantity: int | None = None
    needs_options: bool = False
    digital: bool = False
    sensitive: bool = False
    category: str | None = None
    marketplaces: tuple[str, ...] = ()
    variants: tuple[Variant, ...] = ()
    parent_id: str | None = None
    item_id: str | None = None

    @property
    def is_sold_out(self) -> bool:
        """Whether the store says that there is none."""
        return self.in_stock is False or self.max_quantity == 0

    def limit(self, own_maximum: int) -> int:
        """The most that can be in a cart: the store's maximum or ours, whichever is smaller."""
        return own_maximum if self.max_quantity is None else min(own_maximum, self.max_quantity)
