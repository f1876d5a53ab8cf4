"""What the demo store sells, and where."""

from dataclasses import dataclass, field
from typing import Any

US = "store.localhost"
UK = "uk.store.localhost"


@dataclass(frozen=True)
class Marketplace:
    """One of the store's shops, selected by host name."""

    host: str
    country: str
    currency: str
    symbol: str


MARKETPLACES = {US: Marketplace(US, "United States", "USD", "$"), UK: Marketplace(UK, "United Kingdom", "GBP", "£")}


@dataclass(frozen=True)
class Variant:
    """A size, a colour or the like; stock of its own."""

    id: str
    title: str
    options: dict[str, str]
    in_stock: bool = True
    max_quantity: int | None = None


@dataclass(frozen=True)
class Product:
    """A product. `prices` are by marketplace host: where there is no price it is not sold."""

    id: str
    title: str
    summary: str
    details: str
    category: str
    prices: dict[str, str]
    sensitive: bool = False
    digital: bool = False
    in_stock: bool = True
    max_quantity: int | None = None
    variants: tuple[Variant, ...] = field(default=())

    @property
    def has_stock(self) -> bool:
        """Whether any of it can be had."""
        return self.in_stock and (not self.variants or any(variant.in_stock for variant in self.variants))

    def price_in(self, host: str) -> tuple[str, Marketplace]:
        """The amount in that marketplace, or in the first that sells it."""
        sold_at = host if host in self.prices else next(iter(self.prices))
        return self.prices[sold_at], MARKETPLACES[sold_at]

    def shown_price(self, host: str) -> str:
        """The price as a page shows it."""
        amount, marketplace = self.price_in(host)
        return f"{marketplace.symbol}{amount}"

    def document(self, host: str, image_url: str) -> dict[str, Any]:
        """The product in the catalogue API's words, with the price of that marketplace."""
        amount, marketplace = self.price_in(host)
        price = {"amount": amount, "currency": marketplace.currency}
        return {
            "id": self.id,
            "title": self.title,
            "price": price,
            "image_url": image_url,
            "category": self.category,
            "sensitive": self.sensitive,
            "digital": self.digital,
            "in_stock": self.has_stock,
            "max_quantity": self.max_quantity,
            "marketplaces": list(self.prices),
            "variants": [
                {
                    "id": variant.id,
                    "title": variant.title,
                    "options": variant.options,
                    "price": price,
                    "in_stock": variant.in_stock,
                    "max_quantity": variant.max_quantity,
                }
                for variant in self.variants
            ],
        }


PRODUCTS = {
    product.id: product
    for product in (
        Product(
            "stoneware-mug",
            "Stoneware mug, speckled",
            "Thrown by hand, 350 ml, a handle for the whole hand.",
            "Glazed inside, bare clay below. Goes into the dishwasher and comes out the same.",
            "Kitchen",
            {US: "18.00", UK: "15.00"},
        ),
        Product(
            "organic-tee",
            "Organic cotton tee, moss",
            "Heavy jersey, straight cut, sewn in Porto.",
            "220 g/m² organic cotton. It shrinks by less than three per cent and fades slowly.",
            "Clothing",
            {US: "32.00", UK: "28.00"},
            variants=(
                Variant("tee-s", "S", {"size": "S"}),
                Variant("tee-m", "M", {"size": "M"}),
                Variant("tee-l", "L", {"size": "L"}, max_quantity=2),
                Variant("tee-xl", "XL", {"size": "XL"}, in_stock=False),
            ),
        ),
        Product(
            "arc-lamp",
            "Arc floor lamp, brass",
            "A long arm, a warm shade, a marble foot.",
            "1.9 m high. Bulb E27, dimmable. The next batch is being turned.",
            "Lighting",
            {US: "240.00", UK: "210.00"},
            in_stock=False,
        ),
        Product(
            "night-drive-lp",
            "Night Drive, LP",
            "180 g vinyl, gatefold, numbered pressing.",
            "Recorded in one night on two microphones. Three copies are left of five hundred.",
            "Music",
            {US: "29.50", UK: "26.00"},
            max_quantity=3,
        ),
        Product(
            "quiet-migraine",
            "The Quiet Migraine",
            "A neurologist’s handbook for those who live with it.",
            "Paperback, 288 pages. Diaries, triggers, and what to ask at the next appointment.",
            "Health",
            {US: "19.95", UK: "16.99"},
            sensitive=True,
        ),
        Product(
            "copper-kettle",
            "Copper stove kettle",
            "Spun in Camden, whistles in F sharp.",
            "1.6 litres, tin-lined, for gas and electric hobs. Sold in the United Kingdom only.",
            "Kitchen",
            {UK: "95.00"},
        ),
        Product(
            "coast-field-guide",
            "Field Guide to the Coast, e-book",
            "400 shells, seaweeds and birds, with calls.",
            "EPUB without copy protection, 84 MB. Reads on every device.",
            "E-books",
            {US: "9.99", UK: "8.99"},
            digital=True,
        ),
        Product(
            "linen-throw",
            "Washed linen throw",
            "Stonewashed, 130 × 170 cm, the colour of oats.",
            "European flax. Gets softer for ten years.",
            "Living",
            {US: "74.00", UK: "64.00"},
        ),
        Product(
            "herb-planter",
            "Terracotta herb planter",
            "Three pots on one tray, for the window sill.",
            "Fired twice, frost-proof. Seeds not included; the basil is yours to choose.",
            "Garden",
            {US: "38.00", UK: "33.00"},
            max_quantity=5,
        ),
    )
}
