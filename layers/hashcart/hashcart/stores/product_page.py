"""Any shop, without code for it: its product pages, and an address of it that fills a cart."""

import codecs
import re
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from http import HTTPStatus
from itertools import batched
from urllib.parse import parse_qsl, urljoin, urlsplit

from hashcart.domain.hand_offs import HandOff, HandOffLine
from hashcart.domain.product_links import ProductReference, StoreLinks
from hashcart.domain.products import Product, Variant
from hashcart.domain.web_addresses import WebAddress, read_address
from hashcart.http import Answer
from hashcart.public_web import NoAnswerError, PublicWeb, RefusedError
from hashcart.stores.hand_off_template import HandOffTemplate
from hashcart.stores.protocol import DisplayRules, StoreUnavailableError
from hashcart.stores.structured_data import Ids, PageProduct, read_page

PAGE_SECONDS = 6.0
MAX_PAGE_BYTES = 3 * 1024 * 1024
MAX_REDIRECTS = 3
MAX_ITEMS = 50

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
_PAGES = frozenset({"text/html", "application/xhtml+xml"})
_CHARSET = re.compile(rb"""charset\s*=\s*["']?\s*([A-Za-z0-9_:.-]{1,40})""", re.IGNORECASE)
_HEAD_BYTES = 2048


class ProductPageStore:
    """The shop whose product pages are on the hosts of `links`. A page of theirs may lead to another one of theirs."""

    display = DisplayRules()

    def __init__(
        self,
        web: PublicWeb,
        links: StoreLinks,
        template: HandOffTemplate | None,
        *,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._web = web
        self._links = links
        self._template = template
        self._seconds = seconds

    def product(self, reference: ProductReference) -> Product | None:
        """The product of a page, or the variant of it that is chosen. Raises StoreUnavailableError."""
        address = read_address(f"https://{reference.marketplace}{reference.product_id}")
        if address is None or self._links.marketplace(address.host) is None:
            return None
        page = self._page(address)
        found = None if page is None else read_page(*page)
        return None if found is None else self._product(found, reference)

    def hand_off(self, lines: Sequence[HandOffLine]) -> Sequence[HandOff]:
        """By the merchant's template; the product's own page where there is none, or no id to fill in."""
        template = self._template
        named = [line for line in lines if template is not None and _item_id(line)]
        found = []
        if template is not None:
            for part in batched(named, MAX_ITEMS if template.takes_many else 1, strict=False):
                items = [(_item_id(line), line.quantity) for line in part]
                found.append(HandOff(template.address(part[0].reference.marketplace, items), _ids(part)))
        pages = (line for line in lines if template is None or not _item_id(line))
        return [*found, *(HandOff(self.product_url(line), _ids([line])) for line in pages)]

    def product_url(self, line: HandOffLine) -> str:
        """The product's page."""
        return f"https://{line.reference.marketplace}{line.reference.product_id}"

    def _page(self, address: WebAddress) -> tuple[str, str] | None:
        """A page's text and its address; None if there is no such page."""
        deadline = self._seconds() + PAGE_SECONDS
        for _ in range(MAX_REDIRECTS + 1):
            url = f"https://{address.host}{address.path or '/'}" + (f"?{address.query}" if address.query else "")
            try:
                answer = self._web.ask("GET", address, deadline=deadline, max_bytes=MAX_PAGE_BYTES)
            except (RefusedError, NoAnswerError) as error:
                raise StoreUnavailableError(str(error)) from error
            if answer.status not in _REDIRECTS:
                text = _text(answer)
                return None if text is None else (text, url)
            moved = _moved(url, answer.headers.get("location", ""))
            if moved is None or self._links.marketplace(moved.host) is None:
                return None
            # A shop that leads to http leads on to https; nothing is asked in the open.
            address = replace(moved, scheme="https", port=None)
        raise StoreUnavailableError("too many redirects")

    def _product(self, found: PageProduct, reference: ProductReference) -> Product | None:
        uses_sku = self._template is not None and self._template.uses_sku
        hosts = tuple(sorted(self._links.hosts))
        item_ids = [_choose(ids, uses_sku=uses_sku) for ids in found.variant_ids]
        variants = tuple(
            replace(variant, id=item_id)
            for variant, item_id in zip(found.product.variants, item_ids, strict=True)
            if item_id
        )
        product = replace(found.product, marketplaces=hosts, variants=variants)
        if not variants:
            return replace(product, item_id=_choose(found.ids, uses_sku=uses_sku) or None)
        wanted = {reference.variant_id} if reference.variant_id else _values(reference.product_id)
        chosen = next((variant for variant in variants if variant.id in wanted), None)
        if chosen is not None:
            return _chosen(product, chosen)
        return None if reference.variant_id else product


def _moved(url: str, location: str) -> WebAddress | None:
    try:
        return read_address(urljoin(url, location))
    except ValueError:
        return None


def _chosen(product: Product, variant: Variant) -> Product:
    return replace(
        product,
        title=variant.title or product.title,
        price=variant.price or product.price,
        currency=variant.currency or product.currency,
        image_url=variant.image_url or product.image_url,
        in_stock=variant.in_stock,
        max_quantity=variant.max_quantity,
        needs_options=False,
        variants=(),
        item_id=variant.id,
    )


def _ids(lines: Sequence[HandOffLine]) -> tuple[str, ...]:
    return tuple(line.reference.line_id for line in lines)


def _item_id(line: HandOffLine) -> str:
    return line.reference.variant_id or line.item_id or ""


def _choose(ids: Ids, *, uses_sku: bool) -> str:
    """What the hand-off names an item by; the other kind of id at least tells variants apart."""
    return (ids.sku if uses_sku else ids.number or ids.sku) or ""


def _values(product_id: str) -> set[str]:
    """The values of a page's query, in which a variant may be chosen."""
    return {value for _, value in parse_qsl(urlsplit(product_id).query, max_num_fields=50)}


def _text(answer: Answer) -> str | None:
    """The page; None if there is none, or something else than a page."""
    if answer.status in _GONE:
        return None
    if answer.status != HTTPStatus.OK:
        raise StoreUnavailableError(f"status {answer.status}")
    kind, _, parameters = answer.headers.get("content-type", "").partition(";")
    if kind.strip().lower() not in _PAGES:
        return None
    body = _unpacked(answer)
    match = _CHARSET.search(parameters.encode()) or _CHARSET.search(body[:_HEAD_BYTES])
    try:
        charset = codecs.lookup(match[1].decode()).name if match else "utf-8"
        return body.decode(charset, errors="replace")
    except (LookupError, UnicodeError):
        return body.decode(errors="replace")


def _unpacked(answer: Answer) -> bytes:
    """The body, also of a server that packs it unasked, within the same bounds."""
    packing = answer.headers.get("content-encoding", "identity").lower()
    if packing == "identity":
        return answer.body
    if packing not in ("gzip", "x-gzip", "deflate"):
        raise StoreUnavailableError("an unknown content encoding")
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(answer.body, MAX_PAGE_BYTES)
    except zlib.error as error:
        raise StoreUnavailableError("a page that cannot be unpacked") from error
