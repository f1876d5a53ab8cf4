"""What a post's link itself tells of its product, for stores that tell nothing."""

from dataclasses import dataclass

from hashcart.domain.posts import Link
from hashcart.domain.product_links import StoreLinks, associate_tag


@dataclass(frozen=True, slots=True)
class LinkPreview:
    """Title and picture of X's preview of a product link, and the tag of the Amazon Associate who shared it."""

    title: str | None = None
    image_url: str | None = None
    associate_tag: str | None = None


def preview_of(link: Link, product_url: str, store: StoreLinks) -> LinkPreview:
    """What `link` tells of the product at `product_url`, which is where it leads."""
    return LinkPreview(link.title, link.image_url, associate_tag(product_url) if store.store == "amazon" else None)
