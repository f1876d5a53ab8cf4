"""What a shop's product page says of its product to machines: schema.org in JSON-LD, else Open Graph.

Pages are written by strangers' templates, so everything is read leniently and within bounds, and nothing raises.
"""

import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

from selectolax.lexbor import LexborHTMLParser

from hashcart.domain.products import Product, Variant

MAX_BLOCKS = 50
MAX_NODES = 2_000
MAX_DEPTH = 6
MAX_VARIANTS = 250
MAX_TITLE = 500
MAX_ID = 100
MAX_URL = 2_048

PRODUCT_TYPES = frozenset({"product", "individualproduct", "productmodel", "someproducts", "vehicle"})
GROUP_TYPE = "productgroup"
DIGITAL_TYPES = frozenset({"softwareapplication", "mobileapplication", "digitaldocument"})
IN_STOCK = frozenset(
    {"instock", "limitedavailability", "onlineonly", "preorder", "presale", "backorder", "madetoorder", "available"}
)
NOT_IN_STOCK = frozenset({"outofstock", "soldout", "discontinued", "instoreonly", "oos", "unavailable"})
DIGITAL_MARKS = frozenset({"ebook", "audiobookformat", "deliverymodedirectdownload"})

# What shops call the chosen variant in the address of a page.
VARIANT_FIELDS = ("variant", "variation_id", "variation", "sku")

_AMOUNT = re.compile(r"[0-9][0-9.,' \u00a0\u202f]*")
_CURRENCY = re.compile(r"[A-Z]{3}")
_ADULT_RATINGS = frozenset({"adult", "mature", "rta-5042-1996-1400-1577-rta"})

type Node = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ids:
    """What a shop calls an item: the number that its cart takes, and the stock-keeping unit."""

    number: str | None = None
    sku: str | None = None


@dataclass(frozen=True, slots=True)
class PageProduct:
    """The product of a page, its ids and those of its variants, in the order of `product.variants`."""

    product: Product
    ids: Ids = Ids()
    variant_ids: tuple[Ids, ...] = ()


@dataclass(frozen=True, slots=True)
class _Offer:
    price: str | None = None
    currency: str | None = None
    in_stock: bool | None = None
    most: int | None = None
    varies: bool = False


def read_page(markup: str, page_url: str) -> PageProduct | None:
    """The product of a page, or None if it tells of none."""
    tree = LexborHTMLParser(markup)
    metas = _metas(tree)
    found = _from_json_ld(tree, page_url) or _from_open_graph(metas, page_url)
    if found is None:
        return None
    product = found.product
    if metas.get("rating", "").lower() in _ADULT_RATINGS:
        product = replace(product, sensitive=True)
    if product.image_url is None:
        product = replace(product, image_url=_address(metas.get("og:image"), page_url))
    return replace(found, product=product, ids=replace(found.ids, number=_cart_number(tree) or found.ids.number))


def _metas(tree: LexborHTMLParser) -> dict[str, str]:
    """The first of each meta tag, by property or name."""
    found: dict[str, str] = {}
    for tag in tree.css("meta[content]"):
        name = (tag.attributes.get("property") or tag.attributes.get("name") or "").lower()
        found.setdefault(name, tag.attributes.get("content") or "")
    return found


def _cart_number(tree: LexborHTMLParser) -> str | None:
    """What the page's own form would put in the cart, as WooCommerce writes it, or the page's number in WordPress."""
    form = tree.css_first('[name="add-to-cart"][value]')
    number = form.attributes.get("value") if form is not None else None
    link = tree.css_first('link[rel="shortlink"][href]')
    if not number and link is not None:
        number = _query_field(link.attributes.get("href") or "", ("p",))
    return number if number and number.isascii() and number.isdigit() and len(number) <= MAX_ID else None


# ------------------------------------------------------------------ JSON-LD


def _from_json_ld(tree: LexborHTMLParser, page_url: str) -> PageProduct | None:
    nodes = [node for block in _blocks(tree) for node in _nodes(block)][:MAX_NODES]
    by_id = {node["@id"]: node for node in nodes if isinstance(node.get("@id"), str)}
    node = _products_node(nodes, page_url)
    if node is None:
        return None
    variants = [_resolved(entry, by_id) for entry in _entries(node.get("hasVariant"))][:MAX_VARIANTS]
    if len(variants) > 1:
        return _group(node, variants, page_url)
    offers = _offers(node) or [offer for variant in variants for offer in _offers(variant)]
    if len(offers) > 1 and len({_ids(offer, page_url) for offer in offers}) == len(offers):
        return _group(
            node, [{"name": offer.get("name"), "offers": offer, **_own_ids(offer)} for offer in offers], page_url
        )
    offer = _offer(offers)
    holder = variants[0] if variants else node
    return PageProduct(_product(node, offer, page_url), _best_ids([node, holder, *offers], page_url))


def _blocks(tree: LexborHTMLParser) -> Iterator[object]:
    for script in tree.css('script[type="application/ld+json"]')[:MAX_BLOCKS]:
        text = re.sub(r"^\s*(?:<!--|//<!\[CDATA\[|/\*<!\[CDATA\[\*/)|(?:-->|//\]\]>)\s*$", "", script.text())
        try:
            yield json.loads(text, strict=False)
        except (ValueError, RecursionError):
            continue


def _nodes(block: object, depth: int = 0) -> Iterator[Node]:
    """The objects of a block that may be what the page is about."""
    if depth > MAX_DEPTH:
        return
    if isinstance(block, list):
        for entry in block[:MAX_NODES]:
            yield from _nodes(entry, depth + 1)
    elif isinstance(block, Mapping):
        yield block
        for name in ("@graph", "mainEntity", "mainEntityOfPage", "isVariantOf"):
            yield from _nodes(block.get(name), depth + 1)


def _products_node(nodes: Sequence[Node], page_url: str) -> Node | None:
    """What the page is about: a group with variants, or the product that names the page, or the first with an offer."""
    products = [node for node in nodes if _types(node) & {*PRODUCT_TYPES, GROUP_TYPE}]

    def rank(node: Node) -> tuple[bool, bool, bool]:
        is_group = GROUP_TYPE in _types(node) and bool(node.get("hasVariant"))
        return is_group, _is_page(node, page_url), bool(node.get("offers"))

    return max(products, key=rank, default=None)


def _group(node: Node, variants: Sequence[Node], page_url: str) -> PageProduct:
    offers = [_offer(_offers(variant)) for variant in variants]
    read = []
    for variant, offer in zip(variants, offers, strict=True):
        title = _text(variant.get("name"))
        read.append(
            Variant(
                id="",
                options=_options(node, variant, title),
                title=title,
                price=offer.price,
                currency=offer.currency,
                image_url=_image(variant, page_url),
                in_stock=offer.in_stock,
                max_quantity=offer.most,
            )
        )
    first = next((offer for offer in offers if offer.in_stock is not False), offers[0])
    known = [offer.in_stock for offer in offers]
    in_stock = True if True in known else None if None in known else False
    product = _product(node, replace(first, in_stock=in_stock, most=None, varies=True), page_url)
    if product.image_url is None:
        product = replace(product, image_url=next((each.image_url for each in read if each.image_url), None))
    ids = tuple(_best_ids([variant, *_offers(variant)], page_url) for variant in variants)
    return PageProduct(replace(product, variants=tuple(read)), _ids(node, page_url), ids)


def _product(node: Node, offer: _Offer, page_url: str) -> Product:
    marks = {_word(entry) for name in ("bookFormat", "availableDeliveryMethod") for entry in _entries(node.get(name))}
    marks |= {_word(entry) for each in _offers(node) for entry in _entries(each.get("availableDeliveryMethod"))}
    categories = [_text(entry) or _text(_mapping(entry).get("name")) for entry in _entries(node.get("category"))]
    return Product(
        title=_text(node.get("name")),
        price=offer.price,
        currency=offer.currency,
        image_url=_image(node, page_url),
        in_stock=offer.in_stock,
        max_quantity=offer.most,
        needs_options=offer.varies,
        digital=bool(_types(node) & DIGITAL_TYPES or marks & DIGITAL_MARKS),
        sensitive=bool(node.get("hasAdultConsideration")) or node.get("isFamilyFriendly") in (False, "false", "False"),
        category=" > ".join(category for category in categories if category)[:MAX_TITLE] or None,
    )


def _offers(node: Node) -> list[Node]:
    """The offers of a product, those within an aggregate instead of it."""
    found: list[Node] = []
    for entry in _entries(node.get("offers")):
        offer = _mapping(entry)
        inner = [_mapping(each) for each in _entries(offer.get("offers"))]
        found += [each for each in inner if each] or ([offer] if offer else [])
    return found[:MAX_VARIANTS]


def _offer(offers: Sequence[Node]) -> _Offer:
    """What the offers come to: the first that can be bought."""
    read = [_read_offer(offer) for offer in offers]
    return next((offer for offer in read if offer.in_stock is not False), next(iter(read), _Offer()))


def _read_offer(offer: Node) -> _Offer:
    price, currency = _price(offer)
    low, high = _amount(offer.get("lowPrice")), _amount(offer.get("highPrice"))
    varies = price is None and low is not None and high is not None and low != high
    return _Offer(
        price=price or (None if varies else low),
        currency=currency,
        in_stock=_availability(offer.get("availability")),
        most=_most(offer),
        varies=varies,
    )


def _price(offer: Node) -> tuple[str | None, str | None]:
    """The price and its currency, of the offer or of its price specification."""
    for holder in (offer, *map(_mapping, _entries(offer.get("priceSpecification")))):
        price = _amount(holder.get("price"))
        if price is not None:
            return price, _currency(holder.get("priceCurrency")) or _currency(offer.get("priceCurrency"))
    return None, _currency(offer.get("priceCurrency"))


def _most(offer: Node) -> int | None:
    values = [
        _mapping(offer.get("eligibleQuantity")).get("maxValue"),
        _mapping(offer.get("inventoryLevel")).get("value"),
    ]
    numbers = [int(value) for value in values if isinstance(value, int | float) and 0 < value < 1_000_000]  # noqa: PLR2004
    return min(numbers, default=None)


def _options(group: Node, variant: Node, title: str | None) -> tuple[tuple[str, str], ...]:
    """What tells a variant from the others: what the group varies by, else its own properties, else its name."""
    varied = [_word(entry, keep_case=True) for entry in _entries(group.get("variesBy"))]
    found = [(name, _text(variant.get(name)) or _text(_mapping(variant.get(name)).get("name"))) for name in varied]
    properties = map(_mapping, _entries(variant.get("additionalProperty")))
    found += [(_text(entry.get("name")) or "", _text(entry.get("value"))) for entry in properties]
    options = tuple((name[:MAX_ID], value) for name, value in found if name and value)
    if options:
        return options
    plain = tuple(
        (name, value) for name in ("size", "color", "material", "pattern") if (value := _text(variant.get(name)))
    )
    if plain:
        return plain
    own = (title or "").removeprefix(_text(group.get("name")) or "").strip(" -–—:/|,")
    return (("option", own),) if own else ()


def _own_ids(offer: Node) -> dict[str, Any]:
    return {name: offer[name] for name in ("sku", "productID", "url", "@id") if name in offer}


def _best_ids(nodes: Sequence[Node], page_url: str) -> Ids:
    ids = [_ids(node, page_url) for node in nodes]
    number = next((each.number for each in ids if each.number), None)
    return Ids(number, next((each.sku for each in ids if each.sku), None))


def _ids(node: Node, page_url: str) -> Ids:
    """The ids of a node: its own number, or the variant that its address names."""
    number = _id(node.get("productID"))
    for name in ("url", "@id"):
        address = node.get(name)
        if number is None and isinstance(address, str):
            number = _id(_query_field(_joined(page_url, address), VARIANT_FIELDS))
    return Ids(number, _id(node.get("sku")) or _id(node.get("mpn")) or _gtin(node))


def _gtin(node: Node) -> str | None:
    return next(
        (found for name in ("gtin", "gtin13", "gtin14", "gtin12", "gtin8") if (found := _id(node.get(name)))), None
    )


# ------------------------------------------------------------------ Open Graph


def _from_open_graph(metas: Mapping[str, str], page_url: str) -> PageProduct | None:
    price = _amount(metas.get("product:price:amount") or metas.get("og:price:amount"))
    is_product = metas.get("og:type", "").lower() in ("product", "og:product", "product.item")
    title = _text(metas.get("og:title"))
    if title is None or not (is_product or price):
        return None
    currency = _currency(metas.get("product:price:currency") or metas.get("og:price:currency"))
    sku = _id(metas.get("product:retailer_item_id")) or _id(metas.get("product:sku"))
    product = Product(
        title=title,
        price=price if currency else None,
        currency=currency if price else None,
        image_url=_address(metas.get("og:image:secure_url") or metas.get("og:image"), page_url),
        in_stock=_availability(metas.get("product:availability") or metas.get("og:availability")),
        category=_text(metas.get("product:category")),
    )
    return PageProduct(product, Ids(sku if sku and sku.isdigit() else None, sku))


# ------------------------------------------------------------------ Values


def _types(node: Node) -> set[str]:
    return {_word(entry) for entry in _entries(node.get("@type"))}


def _word(value: object, *, keep_case: bool = False) -> str:
    """The last part of a schema.org address, such as `InStock`, without spaces; in lower case."""
    word = re.split(r"[/#:]", value.strip().rstrip("/"))[-1] if isinstance(value, str) else ""
    return word[:MAX_ID] if keep_case else re.sub(r"[\s_-]", "", word[:MAX_ID]).lower()


def _availability(value: object) -> bool | None:
    word = _word(next(iter(_entries(value)), None))
    return True if word in IN_STOCK else False if word in NOT_IN_STOCK else None


def _amount(value: object) -> str | None:
    """A price as decimal text, from a number or from text as people write it: `1.234,50`, `1,234.50`, `24,00 €`."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    match = _AMOUNT.search(str(value)[:MAX_ID])
    if match is None or str(value).strip().startswith("-"):
        return None
    digits = re.sub(r"[' \u00a0\u202f]", "", match[0]).rstrip(".,")
    point = max(digits.rfind("."), digits.rfind(","))
    decimals = len(digits) - point - 1
    is_written_by_a_machine = digits.count(".") == 1 and "," not in digits
    # Three digits after a single comma are thousands; a machine writes decimals with a point, however many.
    if point < 0 or (decimals > 2 and not is_written_by_a_machine):  # noqa: PLR2004
        return re.sub(r"[.,]", "", digits)
    return f"{re.sub(r'[.,]', '', digits[:point]) or '0'}.{digits[point + 1 :]}"


def _currency(value: object) -> str | None:
    code = value.strip().upper() if isinstance(value, str) else ""
    return code if _CURRENCY.fullmatch(code) else None


def _text(value: object) -> str | None:
    first = value[0] if isinstance(value, list) and value else value
    if not isinstance(first, str):
        return None
    return " ".join(html.unescape(first[: 2 * MAX_TITLE]).split())[:MAX_TITLE] or None


def _id(value: object) -> str | None:
    """An id that may stand in an address and in a line's id."""
    text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return text if 0 < len(text) <= MAX_ID and text.isprintable() else None


def _image(node: Node, page_url: str) -> str | None:
    for entry in _entries(node.get("image")):
        found = _address(
            entry if isinstance(entry, str) else _mapping(entry).get("url") or _mapping(entry).get("contentUrl"),
            page_url,
        )
        if found is not None:
            return found
    return None


def _address(value: object, page_url: str) -> str | None:
    """An https address, also from one that is relative to the page."""
    if not isinstance(value, str) or not value.strip():
        return None
    address = _joined(page_url, value.strip())
    return address if address.startswith("https://") and len(address) <= MAX_URL else None


def _joined(page_url: str, address: str) -> str:
    """An address that may be relative to the page; empty where it is none."""
    try:
        return urljoin(page_url, address[: MAX_URL + 1])
    except ValueError:
        return ""


def _query_field(address: str, names: Sequence[str]) -> str | None:
    try:
        fields = dict(parse_qsl(urlsplit(address).query, max_num_fields=50))
    except ValueError:
        return None
    return next((fields[name] for name in names if name in fields), None)


def _is_page(node: Node, page_url: str) -> bool:
    page = urlsplit(page_url)
    for name in ("url", "@id", "mainEntityOfPage"):
        value = node.get(name)
        parts = urlsplit(_joined(page_url, value)) if isinstance(value, str) else None
        if parts is not None and (parts.hostname, parts.path.rstrip("/")) == (page.hostname, page.path.rstrip("/")):
            return True
    return False


def _resolved(entry: object, by_id: Mapping[str, Node]) -> Node:
    """A node that may be named by its id alone."""
    node = _mapping(entry)
    named = by_id.get(node["@id"]) if isinstance(node.get("@id"), str) and len(node) == 1 else None
    return named or node


def _entries(value: object) -> list[object]:
    return value[:MAX_NODES] if isinstance(value, list) else [] if value is None else [value]


def _mapping(value: object) -> Node:
    return value if isinstance(value, Mapping) else {}
