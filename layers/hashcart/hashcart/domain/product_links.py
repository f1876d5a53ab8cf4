"""Which product a URL leads to."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

MAX_URL_LENGTH = 4096
MAX_QUERY_FIELDS = 50

AMAZON_MARKETPLACES = frozenset(
    f"amazon.{suffix}"
    for suffix in (
        "com", "ca", "com.mx", "com.br", "co.uk", "de", "fr", "it", "es", "nl", "se", "pl", "com.be", "ie", "com.tr",
        "ae", "sa", "eg", "in", "co.jp", "sg", "com.au", "co.za",
    )
)  # fmt: skip
DEMO_MARKETPLACES = frozenset({"store.localhost", "uk.store.localhost"})

_ASIN_IN_PATH = re.compile(r"/dp/([a-z][a-z0-9]{9}|[0-9]{9}[0-9x])(?![a-z0-9])", re.IGNORECASE)
_DEMO_PATH = re.compile(r"/products/([a-z0-9-]{1,64})/?")
_DEMO_VARIANT = re.compile(r"[a-z0-9-]{1,64}")


@dataclass(frozen=True, slots=True)
class ProductReference:
    """A product of a marketplace (the store's host name), with its variant where one was chosen."""

    marketplace: str
    product_id: str
    variant_id: str = ""

    @property
    def line_id(self) -> str:
        """The cart line that holds this product."""
        return f"{self.marketplace}#{self.product_id}#{self.variant_id}"

    @classmethod
    def from_line_id(cls, line_id: str) -> "ProductReference":
        """Read back what `line_id` wrote."""
        marketplace, product_id, variant_id = line_id.split("#")
        return cls(marketplace, product_id, variant_id)


def find_product(url: str, store: str) -> ProductReference | None:
    """The product of `store` ("amazon" or "demo") that `url` leads to, or None. Never raises."""
    if len(url) > MAX_URL_LENGTH:
        return None
    try:
        parts = urlsplit(url.strip())
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or parts.username is not None:
        return None
    if store == "amazon":
        return _amazon_product(host, unquote(parts.path))
    if store == "demo":
        return _demo_product(host, parts.path, parts.query)
    return None


def _amazon_product(host: str, path: str) -> ProductReference | None:
    marketplace = re.sub(r"^(?:www|smile|m)\.", "", host)
    match = _ASIN_IN_PATH.search(path)
    if marketplace not in AMAZON_MARKETPLACES or match is None:
        return None
    return ProductReference(marketplace, match[1].upper())


def _demo_product(host: str, path: str, query: str) -> ProductReference | None:
    match = _DEMO_PATH.fullmatch(path)
    if host not in DEMO_MARKETPLACES or match is None:
        return None
    variants = parse_qs(query).get("variant", []) if query.count("&") < MAX_QUERY_FIELDS else []
    variant = variants[0] if variants and _DEMO_VARIANT.fullmatch(variants[0]) else ""
    return ProductReference(host, match[1], variant)
