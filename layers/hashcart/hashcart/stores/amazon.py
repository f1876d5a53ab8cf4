"""Amazon without access to its catalogue: the product link is all that is known."""

from collections.abc import Sequence
from urllib.parse import urlencode

from hashcart.domain.hand_offs import HandOff, HandOffLine
from hashcart.domain.product_links import ProductReference
from hashcart.domain.products import Product
from hashcart.stores.protocol import DisplayRules, Notice

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


class AmazonStore:
    """Takes every well-formed ASIN for a product, as Amazon shows no catalogue to those without its API credentials."""

    display = DisplayRules((ASSOCIATE_NOTICE, PRICE_NOTICE), PRICE_LIFE_MS)

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

    def product_url(self, line: HandOffLine) -> str:
        """The product's page."""
        return f"https://www.{line.reference.marketplace}/dp/{line.reference.variant_id or line.reference.product_id}"
