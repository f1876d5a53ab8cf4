"""What the store says of a product."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Variant:
    """One size, colour or the like; `options` are pairs such as ("size", "L"), in the store's order and words."""

    id: str
    options: tuple[tuple[str, str], ...] = ()
    title: str | None = None
    price: str | None = None
    currency: str | None = None
    image_url: str | None = None
    in_stock: bool | None = None
    max_quantity: int | None = None


@dataclass(frozen=True, slots=True)
class Product:
    """A product as the store described it at one moment.

    What the store does not tell is None and stops nothing: `in_stock` None means unknown, not sold out.
    `needs_options` says that a size, colour or the like has still to be chosen, from `variants` where the store lists
    them. `parent_id` is the product that a variant belongs to, where the store has ids of both.
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

    def limit(self, own_maximum: int) -> int:
        """The most that can be in a cart: the store's maximum or ours, whichever is smaller."""
        return own_maximum if self.max_quantity is None else min(own_maximum, self.max_quantity)
