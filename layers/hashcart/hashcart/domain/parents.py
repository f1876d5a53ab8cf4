"""What a parent post offers to those who reply to it."""

from dataclasses import dataclass
from enum import StrEnum

from hashcart.domain.posts import Post
from hashcart.domain.product_links import ProductReference, find_product
from hashcart.domain.summons import Bot, mentions_bot

MAX_PRODUCTS = 10


class Availability(StrEnum):
    """Whether a parent post can be read."""

    READABLE = "readable"
    GONE = "parent_gone"
    PROTECTED = "parent_protected"


@dataclass(frozen=True, slots=True)
class ParentPost:
    """A post without its content: who made it, what it replied to, and which of the store's products it links to."""

    availability: Availability = Availability.READABLE
    author_id: str | None = None
    replied_to_id: str | None = None
    involves_bot: bool = False
    has_links: bool = False
    products: tuple[ProductReference, ...] = ()


def products_of(post: Post, store: str) -> tuple[ProductReference, ...]:
    """The store's products that a post links to, in the order of its links."""
    urls = (url for link in post.links for url in (link.unwound_url, link.expanded_url) if url is not None)
    found = (find_product(url, store) for url in urls)
    return tuple(dict.fromkeys(product for product in found if product is not None))[:MAX_PRODUCTS]


def summarise(post: Post, store: str, bot: Bot) -> ParentPost:
    """What is kept of a parent post."""
    return ParentPost(
        author_id=post.author_id,
        replied_to_id=post.replied_to_id,
        involves_bot=post.author_id == bot.user_id or mentions_bot(post, bot),
        has_links=bool(post.links),
        products=products_of(post, store),
    )


def why_no_product(parent: ParentPost, reply: Post) -> str:
    """Why neither the parent post nor the reply named a product."""
    if parent.availability is not Availability.READABLE:
        return parent.availability.value
    return "not_this_store" if parent.has_links or reply.links else "no_link"
