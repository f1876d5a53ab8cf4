"""What a parent post offers to those who reply to it."""

from dataclasses import dataclass
from enum import StrEnum

from hashcart.domain.link_previews import LinkPreview, preview_of
from hashcart.domain.posts import Post
from hashcart.domain.product_links import ProductReference, StoreLinks, find_product
from hashcart.domain.summons import Bot, mentions_bot

MAX_PRODUCTS = 10


class Availability(StrEnum):
    """Whether a parent post can be read."""

    READABLE = "readable"
    GONE = "parent_gone"
    PROTECTED = "parent_protected"


@dataclass(frozen=True, slots=True)
class ParentPost:
    """A post without its content: who made it, what it replied to, and which of the store's products it links to.

    `previews` are what the links to `products` tell of them, in the same order.
    """

    availability: Availability = Availability.READABLE
    author_id: str | None = None
    replied_to_id: str | None = None
    involves_bot: bool = False
    has_links: bool = False
    products: tuple[ProductReference, ...] = ()
    previews: tuple[LinkPreview, ...] = ()

    def preview(self, product: ProductReference) -> LinkPreview | None:
        """What the link to one of `products` tells of it."""
        return dict(zip(self.products, self.previews, strict=False)).get(product)


def products_of(post: Post, store: StoreLinks) -> dict[ProductReference, LinkPreview]:
    """The store's products that a post links to, in the order of its links, with what the links tell of them."""
    found: dict[ProductReference, LinkPreview] = {}
    for link in post.links:
        for url in (link.unwound_url, link.expanded_url):
            product = find_product(url, store) if url is not None and len(found) < MAX_PRODUCTS else None
            if url is not None and product is not None:
                found.setdefault(product, preview_of(link, url, store))
    return found


def summarise(post: Post, store: StoreLinks, bot: Bot) -> ParentPost:
    """What is kept of a parent post."""
    products = products_of(post, store)
    return ParentPost(
        author_id=post.author_id,
        replied_to_id=post.replied_to_id,
        involves_bot=post.author_id == bot.user_id or mentions_bot(post, bot),
        has_links=bool(post.links),
        products=tuple(products),
        previews=tuple(products.values()),
    )


def why_no_product(parent: ParentPost, reply: Post) -> str:
    """Why neither the parent post nor the reply named a product."""
    if parent.availability is not Availability.READABLE:
        return parent.availability.value
    return "not_this_store" if parent.has_links or reply.links else "no_link"
