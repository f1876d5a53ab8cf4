"""Which post a pasted link leads to."""

import re
from collections.abc import Collection
from urllib.parse import urlsplit

from hashcart.domain.posts import is_post_id

MAX_PASTED = 4096

HOSTS = frozenset(f"{prefix}{host}" for prefix in ("", "www.", "mobile.", "m.") for host in ("x.com", "twitter.com"))

_POST_PATH = re.compile(r"/(?:i/web|i|[A-Za-z0-9_]{1,50})/status(?:es)?/([0-9]{1,19})(?:/.*)?")
_URL = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)
_BARE_ADDRESS = re.compile(r"(?:[a-z0-9-]{1,63}\.)+[a-z]{2,24}(?::[0-9]{1,5})?/[^\s<>\"]*", re.IGNORECASE)


def pasted_url(text: str) -> str | None:
    """The first address in a pasted text, which apps like to put a title before; None if there is none."""
    text = text.strip()
    if len(text) > MAX_PASTED:
        return None
    found = _URL.search(text)
    if found is not None:
        return found[0]
    return f"https://{text}" if _BARE_ADDRESS.fullmatch(text) else None


def post_id_of(url: str, other_hosts: Collection[str] = ()) -> str | None:
    """The id of the post that an address of X leads to, also by an old or a mobile one; None for any other address.

    `other_hosts` count as X's own, with their port.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme.lower() not in ("http", "https"):
        return None
    match = _POST_PATH.fullmatch(parts.path)
    is_x = (parts.hostname or "") in HOSTS or parts.netloc.lower() in other_hosts
    return match[1] if match and is_x and is_post_id(match[1]) else None
