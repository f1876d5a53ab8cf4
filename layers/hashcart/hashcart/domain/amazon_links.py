"""Amazon's product pages, in all the shapes that its addresses have had."""

import re
from urllib.parse import unquote

from hashcart.domain.web_addresses import WebAddress, query_fields, read_address

MARKETPLACES = frozenset(
    f"amazon.{suffix}"
    for suffix in (
        "com", "ca", "com.mx", "com.br", "co.uk", "de", "fr", "it", "es", "nl", "se", "pl", "com.be", "ie", "com.tr",
        "ae", "sa", "eg", "in", "co.jp", "sg", "com.au", "co.za",
    )
)  # fmt: skip
_OTHER_NAMES = {"amzn.com": "amazon.com", "amazon.jp": "amazon.co.jp"}
_SUBDOMAINS = re.compile(r"(?:www|smile|m)\.")

# ASCII throughout: without that, IGNORECASE would take the Kelvin sign for a K.
_ASIN = re.compile(r"(?:[A-Za-z][A-Za-z0-9]{9}|[0-9]{9}[0-9Xx])(?![\w-])")
_ASSOCIATE_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_ASSOCIATE_TAG_IN_PATH = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,60}-[0-9]{2}")
_TAG_FIELDS = ("tag", "associatetag")

# Pages of many products, of a seller, an author or a single review: an ASIN in their query is not what they show.
_OTHER_PAGES = frozenset(
    {"s", "search", "stores", "author", "e", "shop", "shops", "sp", "aag", "review", "customer-reviews"}
)

# Last segments of a redirector's path (what tells of the visit may follow), and the field that says where it leads.
_REDIRECTORS = {
    ("sspa", "click"): "url",
    ("slredirect", "picassoredirect.html"): "url",
    ("gp", "redirect.html"): "location",
    ("exec", "obidos", "redirect"): "path",
}
_OF_THE_VISIT = re.compile(r"ref=|[0-9]{3}-[0-9]{7}-[0-9]{7}\Z")
_MAX_REDIRECTS = 4
_MAX_DECODINGS = 2

_LONGEST_SHAPE = 4


def find_asin(address: WebAddress) -> tuple[str, str] | None:
    """The marketplace and the ASIN that an address leads to, or None if it is no product page of Amazon's."""
    way = _way(address)
    if not way:
        return None
    page = way[-1]
    marketplace = _marketplace(page)
    segments = _segments(page)
    asin = _asin_in_path(segments, is_short=page.host.endswith("amzn.com")) or _asin_in_query(page, segments)
    return None if marketplace is None or asin is None else (marketplace, asin)


def find_associate_tag(address: WebAddress) -> str | None:
    """The tag of the associate whom an address credits; the innermost, where one redirects to another."""
    tags = (tag for page in reversed(_way(address)) for tag in _tags(page))
    return next((tag for tag in tags if _ASSOCIATE_TAG.fullmatch(tag)), None)


def _way(address: WebAddress) -> list[WebAddress]:
    """An address and those that Amazon's redirectors lead to from there; none if they leave Amazon."""
    way = [address]
    for _ in range(_MAX_REDIRECTS):
        if _marketplace(way[-1]) is None:
            return []
        target = _redirect(way[-1])
        if target is None:
            return way
        following = read_address(target)
        if following is None:
            return []
        way.append(following)
    return []


def _marketplace(address: WebAddress) -> str | None:
    host = _SUBDOMAINS.sub("", address.host, count=1) if _SUBDOMAINS.match(address.host) else address.host
    host = _OTHER_NAMES.get(host, host)
    return host if address.port is None and host in MARKETPLACES else None


def _redirect(address: WebAddress) -> str | None:
    """Where one of Amazon's redirectors leads."""
    segments = [segment.lower() for segment in _segments(address) if not _OF_THE_VISIT.match(segment)]
    field = next((field for path, field in _REDIRECTORS.items() if tuple(segments[-len(path) :]) == path), None)
    if field is None:
        return None
    target = _field(address, field)
    if target is None:
        return None
    for _ in range(_MAX_DECODINGS):
        if "://" in target or target.startswith("/"):
            break
        target = unquote(target)
    if target.startswith("//"):
        return f"https:{target}"
    if target.startswith("/"):
        return f"https://{address.host}{target}"
    return target if "://" in target else f"https://{address.host}/exec/obidos/{target}"


def _field(address: WebAddress, wanted: str) -> str | None:
    """A field of the query, which old feeds percent-encoded as a whole."""
    for query in (address.query, unquote(address.query)):
        for name, value in query_fields(query):
            if name.lower().removeprefix("amp;") == wanted:
                return value
    return None


def _segments(address: WebAddress) -> list[str]:
    """The parts of the path. A percent-encoded query is often glued to it, and belongs to none of them."""
    path = unquote(address.path).partition("?")[0]
    return [segment.strip() for segment in path.split("/") if segment]


def _asin_in_path(segments: list[str], *, is_short: bool) -> str | None:
    shapes = [segment.lower() for segment in segments]
    if is_short and segments and (asin := _asin(segments[0])):
        return asin
    for index, segment in enumerate(segments):
        asin = _asin(segment)
        if asin is not None and _names_product(shapes, index, asin):
            return asin
    return None


def _names_product(shapes: list[str], index: int, asin: str) -> bool:
    """Whether what stands before the ASIN in the path makes it a product's page."""
    match shapes[max(0, index - _LONGEST_SHAPE) : index]:
        case [*_, "customer-reviews"]:
            return not asin.startswith("R")  # which begins the id of a single review
        case (
            [*_, "dp" | "asin" | "product" | "product-reviews"]
            | [*_, "dp", "product" | "tracks"]
            | [*_, "gp", "offer-listing"]
            | [*_, "gp", "product", _]
            | [*_, "gp", "aw", "d" | "ol"]
            | [*_, "tg", "detail", _]
            | [*_, "tg", "detail", _, _]
            | ["d", _, _]
        ):
            return True
        case _:
            return False


def _asin_in_query(address: WebAddress, segments: list[str]) -> str | None:
    shapes = {segment.lower() for segment in segments}
    value = None if shapes & _OTHER_PAGES else _field(address, "asin")
    return None if value is None else _asin(value)


def _asin(text: str) -> str | None:
    """The ASIN that `text` begins with, up to a boundary. A word in small letters, such as "collection", is none."""
    match = _ASIN.match(text)
    if match is None:
        return None
    asin = match[0]
    return asin.upper() if asin.isupper() or not asin.isalpha() else None


def _tags(address: WebAddress) -> list[str]:
    glued = unquote(address.path).partition("?")[2]
    fields = [*address.fields, *query_fields(glued), *query_fields(unquote(address.query))]
    tags = [value for name, value in fields if name.lower().removeprefix("amp;") in _TAG_FIELDS]
    segments = _segments(address)
    shapes = [segment.lower() for segment in segments]
    after_asin = segments[shapes.index("asin") + 2 :] if "asin" in shapes else []
    return tags + [segment for segment in after_asin if _ASSOCIATE_TAG_IN_PATH.fullmatch(segment)]
