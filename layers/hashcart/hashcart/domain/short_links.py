"""Short links, which tell where they lead only when they are asked."""

from collections.abc import Mapping
from dataclasses import replace

from hashcart.domain.posts import Link, Post
from hashcart.domain.product_links import StoreLinks, find_product
from hashcart.domain.web_addresses import WebAddress, read_address

MAX_SHORT_LINKS = 4
"""How many short links of one post are followed."""

_AMAZON = {"amzn.to": "/", "a.co": "/d/", "amzn.asia": "/d/", "amzn.eu": "/d/", "amzn.in": "/d/"}


def short_address(url: str, store: StoreLinks) -> WebAddress | None:
    """The address to ask, always by https, if `url` is a short link that may lead to the store; else None."""
    address = read_address(url)
    if address is None or address.port is not None:
        return None
    folder = _AMAZON.get(address.host) if store.store == "amazon" else None
    if folder is None and address.host in store.short_hosts:
        folder = "/"
    is_short = folder is not None and address.path.startswith(folder) and len(address.path) > len(folder)
    return replace(address, scheme="https") if is_short else None


def short_links_of(post: Post, store: StoreLinks) -> list[str]:
    """The short links of a post that were not followed yet, each once."""
    links = [link for link in post.links if link.followed or _is_short(link, store)][:MAX_SHORT_LINKS]
    return list(dict.fromkeys(link.known_url for link in links if not link.followed))


def awaits_links(post: Post, store: StoreLinks) -> bool:
    """Whether a short link that was not followed yet may lead to the first product of the post."""
    unfollowed = short_links_of(post, store)
    for link in post.links:
        if not link.followed and link.known_url in unfollowed:
            return True
        if _has_product(link, store):
            return False
    return False


def unwound(post: Post, targets: Mapping[str, str | None]) -> Post:
    """The post with what is known of its short links: their targets, or None for those that lead to no product."""
    return replace(post, links=tuple(_followed(link, targets) for link in post.links))


def _followed(link: Link, targets: Mapping[str, str | None]) -> Link:
    if link.known_url not in targets:
        return link
    return replace(link, unwound_url=targets[link.known_url], followed=True)


def _is_short(link: Link, store: StoreLinks) -> bool:
    return not _has_product(link, store) and short_address(link.known_url, store) is not None


def _has_product(link: Link, store: StoreLinks) -> bool:
    return any(find_product(url, store) is not None for url in (link.known_url, link.expanded_url))
