"""What Amazon's catalogue says of products, in HashCart's words."""

from collections.abc import Collection, Sequence

from hashcart.domain.products import Product, Variant
from hashcart.observability import logger
from hashcart.stores.amazon_api import CatalogueClosedError, CreatorsApi, Item, Listing
from hashcart.stores.protocol import AccessProblemError, StoreUnavailableError

BUYABLE = frozenset({"IN_STOCK", "IN_STOCK_SCARCE", "AVAILABLE_DATE", "LEADTIME"})
NOT_BUYABLE = frozenset({"OUT_OF_STOCK", "UNAVAILABLE"})

# What Amazon delivers by network has no place in a cart; these words are the same on all marketplaces.
DIGITAL_GROUPS = frozenset(
    {"digital ebook purchase", "digital ebooks", "digital music album", "digital music track", "digital software",
     "digital video games", "mobile application", "movie download", "tv series episode video on demand",
     "tv series season video on demand"}
)  # fmt: skip
DIGITAL_BINDINGS = frozenset({"kindle edition", "audible audiobook", "mp3 music", "prime video", "app"})

MENDS = {
    "no_credentials": "Fill the secret with credential_id, credential_secret and version, or go on without titles.",
    "unknown_version": "Write the version as Associates Central shows it, 3.1 for example.",
    "credentials_refused": "Copy credential_id, credential_secret and version from Associates Central once more.",
    "AssociateNotEligible": "Amazon opens it after ten qualifying sales in thirty days; carts work without until then.",
    "InvalidPartnerTag": "AssociateTags must be tags of this account, for the marketplace of the product.",
    "InvalidAssociate": "The account that the credentials are of has no access to this marketplace.",
    "out_of_quota": "Amazon's quota is used up; it grows with sales.",
}

MAX_TITLE = 500
MAX_CATEGORY = 500
CURRENCIES_WITHOUT_CENTS = frozenset({"JPY"})


class AmazonCatalogue:
    """Products by ASIN. Where Amazon keeps silent, or does not let this Associate in, an ASIN is missing."""

    def __init__(self, api: CreatorsApi) -> None:
        self._api = api

    def products(self, marketplace: str, partner_tag: str, asins: Collection[str]) -> dict[str, Product | None]:
        """What Amazon says; None for an ASIN that does not exist. Raises StoreUnavailableError."""
        try:
            items = self._api.items(marketplace, partner_tag, asins)
        except CatalogueClosedError:
            return {}
        return {
            asin: None if item is None else self._product(item, self._children(marketplace, partner_tag, item))
            for asin, item in items.items()
        }

    def check_access(self, marketplace: str, partner_tag: str, asin: str) -> str:
        """Ask for one item, whatever happened before. Raises AccessProblemError, StoreUnavailableError."""
        self._api.open_again()
        try:
            items = self._api.items(marketplace, partner_tag, [asin])
        except CatalogueClosedError as error:
            mend = MENDS.get(str(error), "Compare the credentials and AssociateTags with Associates Central.")
            raise AccessProblemError(f"Amazon's catalogue is closed ({error})", mend, is_fatal=False) from error
        return f"Amazon's catalogue is open to {partner_tag}" + ("" if items else ", but silent about this product")

    def _children(self, marketplace: str, partner_tag: str, item: Item) -> Sequence[Item]:
        """The children of what may be a parent: it has no offer, and no parent of its own."""
        if item.listing is not None or item.parent_asin not in (None, item.asin):
            return []
        try:
            children = self._api.variations(marketplace, partner_tag, item.asin)
        except (CatalogueClosedError, StoreUnavailableError) as error:
            # Nothing is guessed: a parent without its options would count as sold out.
            raise StoreUnavailableError(f"the options are unknown: {error}") from error
        return [child for child in children if child.asin != item.asin]

    def _product(self, item: Item, children: Sequence[Item]) -> Product:
        listing = item.listing
        price, currency = _price(listing)
        info = item.item_info
        group = info.classifications.product_group.display_value or ""
        binding = info.classifications.binding.display_value or ""
        shelves = [node.display_name for node in item.browse_node_info.browse_nodes if node.display_name]
        return Product(
            title=_title(item),
            price=price,
            currency=currency,
            image_url=_image_url(item),
            in_stock=None if children else _in_stock(listing),
            max_quantity=None if listing is None else listing.availability.max_order_quantity,
            needs_options=bool(children),
            digital=group.casefold() in DIGITAL_GROUPS or binding.casefold() in DIGITAL_BINDINGS,
            sensitive=bool(info.product_info.is_adult_product.display_value),
            category=" > ".join((group, *shelves) if group else shelves)[:MAX_CATEGORY] or None,
            variants=tuple(map(_variant, children)),
            parent_id=item.parent_asin,
        )


def _variant(child: Item) -> Variant:
    price, currency = _price(child.listing)
    return Variant(
        id=child.asin,
        options=tuple((dimension.name, dimension.value) for dimension in child.variation_attributes
                      if dimension.name and dimension.value),
        title=_title(child),
        price=price,
        currency=currency,
        image_url=_image_url(child),
        in_stock=_in_stock(child.listing),
        max_quantity=None if child.listing is None else child.listing.availability.max_order_quantity,
        is_product=True,
    )  # fmt: skip


def _title(item: Item) -> str | None:
    return (item.item_info.title.display_value or "")[:MAX_TITLE] or None


def _image_url(item: Item) -> str | None:
    primary = item.images.primary
    return None if primary is None or primary.large is None else primary.large.url


def _in_stock(listing: Listing | None) -> bool | None:
    """Whether it can be bought; without an offer it cannot."""
    kind = None if listing is None else listing.availability.type
    if listing is None or kind in NOT_BUYABLE:
        return False
    if kind is not None and kind not in BUYABLE:
        logger.info("catalogue_availability_unknown", extra={"type": kind[:40]})
    return True if kind in BUYABLE else None


def _price(listing: Listing | None) -> tuple[str | None, str | None]:
    """The price as decimal text, unless the seller forbids to show it outside Amazon."""
    money = None if listing is None or listing.violates_map else listing.price.money
    if money is None or money.amount is None or money.currency is None:
        return None, None
    return f"{money.amount:.{0 if money.currency in CURRENCIES_WITHOUT_CENTS else 2}f}", money.currency
