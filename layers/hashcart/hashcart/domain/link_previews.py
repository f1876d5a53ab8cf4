"""What a post's link itself tells of its product, for stores that tell nothing."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from hashcart.domain.posts import Link
from hashcart.domain.product_links import MAX_QUERY_FIELDS, MAX_URL_LENGTH

_ASSOCIATE_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class LinkPreview:
    """Title and picture of X's preview of a product link, and the tag of the Amazon Associate who shared it."""

    title: str | None = None
    image_url: str | None = None
    associate_tag: str | None = None


def preview_of(link: Link, product_url: str, store: str) -> LinkPreview:
    """What `link` tells of the product at `product_url`, which is where it leads."""
    return LinkPreview(link.title, link.image_url, associate_tag(product_url) if store == "amazon" else None)


def associate_tag(url: str) -> str | None:
    """The tag of an Amazon link's Associate, None where there is no plausible one. Never raises."""
    try:
        query = urlsplit(url).query if len(url) <= MAX_URL_LENGTH else ""
        fields = parse_qsl(query, max_num_fields=MAX_QUERY_FIELDS)
    except ValueError:
        return None
    tags = (value for name, value in fields if name.lower() in ("tag", "associatetag"))
    return next((tag for tag in tags if _ASSOCIATE_TAG.fullmatch(tag)), None)
