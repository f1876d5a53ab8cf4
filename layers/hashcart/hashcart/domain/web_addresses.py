"""Web addresses, read from what strangers wrote."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

MAX_URL_LENGTH = 4096
"""Characters. No network lets a post link to a longer address."""

MAX_QUERY_FIELDS = 100
MAX_HOST_LENGTH = 253

_HOST_WITHOUT_SCHEME = re.compile(r"[^\s/?#@:.]++\.[^\s/?#@:]++(?::[0-9]++)?(?=[/?#]|\Z)")
_LABELS = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*[a-z0-9-]{1,63}")
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class WebAddress:
    """An http or https address without its fragment.

    `host` is in lower case and ASCII (an international name in its `xn--` form); `port` is None where it is the
    scheme's own; `path` and `query` are still percent-encoded.
    """

    scheme: str
    host: str
    port: int | None
    path: str
    query: str

    @property
    def segments(self) -> list[str]:
        """The parts of the path between slashes, decoded. Raises ValueError where they are not UTF-8."""
        return [unquote(segment, errors="strict") for segment in self.path.split("/") if segment]

    @property
    def fields(self) -> list[tuple[str, str]]:
        """The fields of the query, decoded; none if there are very many."""
        return query_fields(self.query)


def query_fields(query: str) -> list[tuple[str, str]]:
    """The fields of a query, decoded; none if there are very many."""
    try:
        return parse_qsl(query, max_num_fields=MAX_QUERY_FIELDS)
    except ValueError:
        return []


def read_address(url: str) -> WebAddress | None:
    """The address that `url` is, or None. A scheme may be missing (`shop.example/x`); a user name may not be there.

    What a browser would read as another host than the one that stands out (user names, look-alike dots, full-width
    letters) is no address here.
    """
    if len(url) > MAX_URL_LENGTH:
        return None
    url = url.strip()
    if _HOST_WITHOUT_SCHEME.match(url):
        url = f"https://{url}"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    scheme, name = parts.scheme, host_name(host)
    if scheme not in _DEFAULT_PORTS or name is None or "@" in parts.netloc:
        return None
    return WebAddress(scheme, name, None if port == _DEFAULT_PORTS[scheme] else port, parts.path, parts.query)


def host_name(host: str) -> str | None:
    """The one form of a host's name: lower case, ASCII, without the root's dot; None if it is none, or in disguise."""
    name = host.removesuffix(".").lower()
    if not name.isascii():
        try:
            ascii_name = name.encode("idna")
            name = ascii_name.decode("ascii") if ascii_name.decode("idna") == name else ""
        except UnicodeError:
            return None
    return name if len(name) <= MAX_HOST_LENGTH and _LABELS.fullmatch(name) else None
