"""Which product a URL leads to."""

import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote

from hashcart.domain.amazon_links import find_asin, find_associate_tag
from hashcart.domain.web_addresses import MAX_QUERY_FIELDS, WebAddress, host_name, read_address

MAX_LINE_ID_BYTES = 1024
"""What the database takes for a sort key."""

DEMO_MARKETPLACES = frozenset({"store.localhost", "uk.store.localhost"})

_STORES_OF_ANY_HOST = frozenset({"shopify", "oscar", "generic"})

_DEMO_PATH = re.compile(r"/products/([a-z0-9-]{1,64})/?")
_DEMO_VARIANT = re.compile(r"[a-z0-9-]{1,64}")

_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{2,4})?", re.IGNORECASE)
_SHOPIFY_DATA = re.compile(r"\.(?:json|js)\Z")
_SHOPIFY_VARIANT = re.compile(r"[0-9]{1,20}")
_MAX_HANDLE_LENGTH = 255
_OSCAR_PAGE = re.compile(r"[\w-]*_([0-9]{1,19})")

# What surely says how a visitor came, and not which product the page shows: what is in doubt tells products apart.
_TRACKING_FIELDS = frozenset(
    (
        "_fid", "_ga", "_gl", "_pos", "_psq", "_sid", "_ss", "dclid", "fbclid", "gad_campaignid", "gad_source",
        "gbraid", "gclid", "gclsrc", "igsh", "igshid", "irclickid", "li_fat_id", "mc_cid", "mc_eid", "mkt_tok",
        "msclkid", "ref_src", "ref_url", "s_kwcid", "srsltid", "ttclid", "twclid", "wbraid", "yclid",
    )
)  # fmt: skip
_TRACKING_PREFIXES = ("hsa_", "pk_", "utm_")
_KEPT_IN_PATH = "-._~!$&'()*+,;=:@"
_KEPT_IN_FIELD = "-._~!$'()*,;:@/"


@dataclass(frozen=True, slots=True)
class ProductReference:
    """A product of a marketplace (the store's host name), with its variant where one was chosen."""

    marketplace: str
    product_id: str
    variant_id: str = ""

    @property
    def line_id(self) -> str:
        """The cart line that holds this product."""
        return "#".join(map(_escaped, (self.marketplace, self.product_id, self.variant_id)))

    @classmethod
    def from_line_id(cls, line_id: str) -> "ProductReference":
        """Read back what `line_id` wrote."""
        marketplace, product_id, variant_id = map(_unescaped, line_id.split("#"))
        return cls(marketplace, product_id, variant_id)


@dataclass(frozen=True, slots=True)
class StoreLinks:
    """Whose product links are meant: `store` is "amazon", "shopify", "oscar", "generic" or "demo".

    `hosts` are the shop's host names; a link with or without `www.` is theirs, and its marketplace is the name as it
    stands here. Amazon's and the demo store's hosts are known. Without hosts, "shopify" and "oscar" take a product page
    of any host for theirs, and "generic", whose pages have no shape of their own, takes none. `short_hosts` are link
    shorteners, beside Amazon's own, that may lead to the store.
    """

    store: str
    hosts: frozenset[str] = frozenset()
    short_hosts: frozenset[str] = frozenset()

    @classmethod
    def of(cls, store: str, hosts: tuple[str, ...] = (), short_hosts: tuple[str, ...] = ()) -> "StoreLinks":
        """From configured names. Raises ValueError for one that no host can have, and where a shop has none."""
        if store in _STORES_OF_ANY_HOST and not hosts:
            raise ValueError(f"the store {store} needs the host names of its product links, such as shop.example.com")
        return cls(store, _host_names(hosts), _host_names(short_hosts))

    def marketplace(self, host: str) -> str | None:
        """The marketplace of a host, or None if it is none of the shop's."""
        bare = host.removeprefix("www.")
        if not self.hosts:
            return bare
        return next((name for name in (host, bare, f"www.{bare}") if name in self.hosts), None)


def find_product(url: str, store: str | StoreLinks) -> ProductReference | None:
    """The product of `store` that `url` leads to, or None. Never raises, and takes linear time.

    A bare name stands for `StoreLinks(name)`.
    """
    address = read_address(url)
    if address is None:
        return None
    links = StoreLinks(store) if isinstance(store, str) else store
    try:
        reference = _find(address, links)
    except ValueError:  # percent-encoded bytes that are no UTF-8
        return None
    return None if reference is None or len(reference.line_id.encode()) > MAX_LINE_ID_BYTES else reference


def associate_tag(url: str) -> str | None:
    """The tag of the Amazon associate whom a link credits, or None. Never raises."""
    address = read_address(url)
    return None if address is None else find_associate_tag(address)


def _find(address: WebAddress, links: StoreLinks) -> ProductReference | None:
    match links.store:
        case "amazon":
            found = find_asin(address)
            return None if found is None else ProductReference(*found)
        case "demo":
            return _demo_product(address)
        case "shopify":
            return _shopify_product(address, links.marketplace(address.host))
        case "oscar":
            return _oscar_product(address, links.marketplace(address.host))
        case "generic":
            return _generic_product(address, links.marketplace(address.host) if links.hosts else None)
        case _:
            return None


def _demo_product(address: WebAddress) -> ProductReference | None:
    match = _DEMO_PATH.fullmatch(address.path)
    if address.host not in DEMO_MARKETPLACES or match is None:
        return None
    return ProductReference(address.host, match[1], _variant(address, _DEMO_VARIANT))


def _shopify_product(address: WebAddress, marketplace: str | None) -> ProductReference | None:
    """`/products/{handle}`, also below a language or a collection."""
    match _without_language(address.segments):
        case ["products", page] | ["collections", _, "products", page] if marketplace is not None:
            handle = unicodedata.normalize("NFC", _SHOPIFY_DATA.sub("", page).lower())
            if len(handle) <= _MAX_HANDLE_LENGTH and handle and all(map(_may_be_in_handle, handle)):
                return ProductReference(marketplace, handle, _variant(address, _SHOPIFY_VARIANT))
    return None


def _may_be_in_handle(character: str) -> bool:
    """Shopify keeps letters, digits and pictures of all scripts, and puts `-` for the rest."""
    if character.isascii():
        return character.isalnum() or character in "-_"
    return unicodedata.category(character)[0] in "LMNS"


def _oscar_product(address: WebAddress, marketplace: str | None) -> ProductReference | None:
    """`/catalogue/{slug}_{id}/`, also below a language."""
    match _without_language(address.segments):
        case ["catalogue", page] if marketplace is not None and (found := _OSCAR_PAGE.fullmatch(page)):
            return ProductReference(marketplace, str(int(found[1])))
    return None


def _generic_product(address: WebAddress, marketplace: str | None) -> ProductReference | None:
    """Any page below the front page; the product's id is its path, with what of the query belongs to it."""
    segments = address.segments
    if marketplace is None or ".." in segments or "." in segments:
        return None
    fields = parse_qsl(address.query, keep_blank_values=True, max_num_fields=MAX_QUERY_FIELDS)
    own = sorted({(name, value) for name, value in fields if not _is_tracking(name)})
    query = "&".join("=".join(quote(part, safe=_KEPT_IN_FIELD) for part in field if part) for field in own)
    path = "/".join(["", *(quote(segment, safe=_KEPT_IN_PATH) for segment in segments)])
    if address.path.endswith("/"):
        path += "/" if segments else ""
    if not (segments or query):
        return None
    return ProductReference(marketplace, f"{path or '/'}?{query}" if query else path)


def _is_tracking(name: str) -> bool:
    return name.lower() in _TRACKING_FIELDS or name.lower().startswith(_TRACKING_PREFIXES)


def _without_language(segments: list[str]) -> list[str]:
    return segments[1:] if segments and _LANGUAGE.fullmatch(segments[0]) else segments


def _variant(address: WebAddress, grammar: re.Pattern[str]) -> str:
    chosen = next((value for name, value in address.fields if name == "variant"), "")
    return chosen if grammar.fullmatch(chosen) else ""


def _host_names(hosts: tuple[str, ...]) -> frozenset[str]:
    names = list(map(host_name, hosts))
    if None in names:
        raise ValueError("a host name is letters, digits, hyphens and dots")
    return frozenset(name for name in names if name is not None)


def _escaped(part: str) -> str:
    return part.replace("%", "%25").replace("#", "%23")


def _unescaped(part: str) -> str:
    return part.replace("%23", "#").replace("%25", "%")
