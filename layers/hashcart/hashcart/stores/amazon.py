"""Amazon: a hand-off to its own cart, and its catalogue for those who have access to it.

Nobody but Amazon can read or fill a customer's cart there, so the shopper opens a form of Amazon's that asks first.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import batched
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from hashcart.domain.hand_offs import HandOff, HandOffLine
from hashcart.domain.product_links import ProductReference
from hashcart.domain.products import Product
from hashcart.stores.protocol import AccessProblemError, DisplayRules, Notice

if TYPE_CHECKING:
    from hashcart.stores.amazon_catalogue import AmazonCatalogue

# The Associates Program Operating Agreement asks for these words, and for no price older than a day.
ASSOCIATE_NOTICE = Notice(
    {
        "en": "As an Amazon Associate I earn from qualifying purchases.",
        "fr": "En tant que Partenaire Amazon, je réalise un bénéfice sur les achats remplissant les conditions.",
        "es": "En calidad de Afiliado de Amazon, obtengo ingresos por las compras que cumplen los requisitos.",
        "de": "Als Amazon-Partner verdiene ich an qualifizierten Verkäufen.",
        "ja": "Amazonのアソシエイトとして、適格販売により収入を得ています。",
    }
)
PRICE_NOTICE = Notice(
    {
        "en": (
            "Product prices and availability are accurate as of the date/time indicated and are subject to change. Any"
            " price and availability information displayed on Amazon at the time of purchase will apply to the purchase"
            " of this product."
        ),
        "fr": (
            "Les prix et la disponibilité des produits sont exacts à la date et à l'heure indiquées et peuvent changer."
            " Le prix et la disponibilité affichés sur Amazon au moment de l'achat s'appliquent à l'achat du produit."
        ),
        "es": (
            "Los precios y la disponibilidad de los productos son exactos en la fecha y hora indicadas y cambian."
            " Se aplican el precio y la disponibilidad que muestre Amazon en el momento de la compra."
        ),
        "de": (
            "Preise und Verfügbarkeit der Produkte entsprechen dem angegebenen Stand (Datum/Uhrzeit) und können sich"
            " ändern. Für den Kauf gelten Preis und Verfügbarkeit, die Amazon zum Zeitpunkt des Kaufs anzeigt."
        ),
        "ja": (
            "商品の価格と在庫状況は表示された日時時点のものであり、変更される場合があります。"
            "購入時にAmazonに表示される価格と在庫状況が適用されます。"
        ),
    },
    with_prices=True,
)
PRICE_LIFE_MS = 24 * 60 * 60 * 1000

# A form takes fifty products, but one that Amazon cannot add may spoil the whole of it.
PRODUCTS_A_FORM = 20
MOST_OF_ONE = 999


@dataclass(frozen=True, slots=True)
class AssociateTags:
    """Who earns from a purchase: the merchant, by a tag for each marketplace, or the Associate whose link it was.

    `everywhere` is the merchant's tag for marketplaces without one of their own. `keeps_others` says that the tag of
    the original link stays.
    """

    by_marketplace: Mapping[str, str] = field(default_factory=dict)
    everywhere: str | None = None
    keeps_others: bool = True

    @classmethod
    def read(cls, entries: Iterable[str], *, keeps_others: bool) -> "AssociateTags":
        """From entries such as `shop-20`, which is for everywhere, and `amazon.co.uk=shop-21`."""
        pairs = [entry.rpartition("=") for entry in entries]
        own = {marketplace: tag for marketplace, _, tag in pairs if marketplace}
        everywhere = next((tag for marketplace, _, tag in pairs if not marketplace), None)
        return cls(own, everywhere, keeps_others)

    def merchants(self, marketplace: str) -> str | None:
        """The merchant's own tag."""
        return self.by_marketplace.get(marketplace, self.everywhere)

    def of(self, line: HandOffLine) -> str | None:
        """The tag that a line is handed over with."""
        kept = line.associate_tag if self.keeps_others else None
        return kept or self.merchants(line.reference.marketplace)


class AmazonStore:
    """Takes every well-formed ASIN for a product of which nothing is known, unless the catalogue tells more of it.

    `open_catalogue` is asked each time that the catalogue is, and not before.
    """

    display = DisplayRules((ASSOCIATE_NOTICE, PRICE_NOTICE), PRICE_LIFE_MS)

    def __init__(self, tags: AssociateTags, open_catalogue: "Callable[[], AmazonCatalogue] | None" = None) -> None:
        self._tags = tags
        self._open_catalogue = open_catalogue

    def product(self, reference: ProductReference) -> Product | None:
        """What the catalogue says, else a product of which nothing is known. Raises StoreUnavailableError."""
        return self.products([reference])[reference]

    def products(self, references: Sequence[ProductReference]) -> dict[ProductReference, Product | None]:
        """Many at once, as the catalogue may be asked only about once a second."""
        known: dict[tuple[str, str], Product | None] = {}
        for marketplace in dict.fromkeys(reference.marketplace for reference in references):
            tag = self._tags.merchants(marketplace)
            if self._open_catalogue is not None and tag is not None:
                asins = [reference.product_id for reference in references if reference.marketplace == marketplace]
                answer = self._open_catalogue().products(marketplace, tag, asins)
                known |= {(marketplace, asin): product for asin, product in answer.items()}
        return {
            reference: known.get((reference.marketplace, reference.product_id), Product()) for reference in references
        }

    def check_access(self, reference: ProductReference) -> str:
        """Whether the catalogue is open. Raises AccessProblemError, StoreUnavailableError."""
        tag = self._tags.merchants(reference.marketplace)
        if self._open_catalogue is None or tag is None:
            raise AccessProblemError(
                f"no Associate's tag for {reference.marketplace}: nothing is earned, and the catalogue is not asked",
                "Set AssociateTags; carts work without.",
                is_fatal=False,
            )
        return self._open_catalogue().check_access(reference.marketplace, tag, reference.product_id)

    def hand_off(self, lines: Sequence[HandOffLine]) -> Sequence[HandOff]:
        """Amazon's "add to cart" form, which asks the shopper before it adds anything; one for each Associate."""
        by_tag: dict[str | None, list[HandOffLine]] = {}
        for line in lines:
            by_tag.setdefault(self._tags.of(line), []).append(line)
        return [_form(tag, part) for tag, own in by_tag.items() for part in batched(own, PRODUCTS_A_FORM, strict=False)]

    def product_url(self, line: HandOffLine) -> str:
        """The product's page, with the tag of the Associate who earns from it."""
        tag = self._tags.of(line)
        query = f"?tag={quote(tag, safe='')}" if tag else ""
        return f"https://www.{line.reference.marketplace}/dp/{line.reference.product_id}{query}"


def _form(tag: str | None, lines: Sequence[HandOffLine]) -> HandOff:
    quantities: dict[str, int] = {}
    for line in lines:
        asin = line.reference.product_id
        quantities[asin] = quantities.get(asin, 0) + line.quantity
    fields = {"AssociateTag": tag} if tag else {}
    for number, (asin, quantity) in enumerate(quantities.items(), start=1):
        fields |= {f"ASIN.{number}": asin, f"Quantity.{number}": str(min(quantity, MOST_OF_ONE))}
    url = f"https://www.{lines[0].reference.marketplace}/gp/aws/cart/add.html?{urlencode(fields)}"
    return HandOff(url, tuple(line.reference.line_id for line in lines))
