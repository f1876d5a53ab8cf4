"""The Posts queue: what X told us that may concern a cart."""

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final, Literal

from hashcart.domain.posts import Post

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

SCHEMA_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class PostArrived:
    """Posts queue: a post that may concern us, with the post it replies to where the network sent that along."""

    post: Post
    parent: Post | None = None
    kind: Literal["post"] = "post"
    schema: Literal[1] = SCHEMA_VERSION


@dataclass(frozen=True, slots=True)
class PostDeleted:
    """Posts queue, then Cart requests queue: a post is gone."""

    post_id: str
    author_id: str
    kind: Literal["deleted"] = "deleted"
    schema: Literal[1] = SCHEMA_VERSION


@dataclass(frozen=True, slots=True)
class AccessRevoked:
    """Posts queue, then Cart requests queue: the shopper took back the app's access."""

    user_id: str
    revoked_at_ms: int
    kind: Literal["revoked"] = "revoked"
    schema: Literal[1] = SCHEMA_VERSION


@dataclass(frozen=True, slots=True)
class ProfileProtected:
    """Posts queue, then Cart requests queue: X says that a profile's posts were protected at the moment `seen_ms`."""

    user_id: str
    seen_ms: int
    kind: Literal["protected"] = "protected"
    schema: Literal[1] = SCHEMA_VERSION


@dataclass(frozen=True, slots=True)
class PrivateAdd:
    """Posts queue: a shopper asks on the cart page for the product behind a link, seen by nobody.

    `id` orders it among posts (`domain.posts.private_id`). The link is a product's `url`, found in the post `parent_id`
    if it was in one; without a `url` it leads to that post. `options` are the words that choose a size, a colour or the
    like.
    """

    id: str
    shopper_id: str
    author_id: str
    url: str = ""
    parent_id: str = ""
    quantity: int | None = None
    options: str = ""
    kind: Literal["private_add"] = "private_add"
    schema: Literal[1] = SCHEMA_VERSION


@dataclass(frozen=True, slots=True)
class OfferTaken:
    """Posts queue: a shopper wants what an own reply asked for, which did nothing when it was made and was offered.

    `id` orders the click among posts (`domain.posts.private_id`); `post` is the reply as X shows it at the click.
    """

    id: str
    shopper_id: str
    post: Post
    kind: Literal["offer_taken"] = "offer_taken"
    schema: Literal[1] = SCHEMA_VERSION

    @property
    def author_id(self) -> str:
        """Whose link it concerns."""
        return self.post.author_id


type PostMessage = PostArrived | PostDeleted | AccessRevoked | ProfileProtected | PrivateAdd | OfferTaken


def to_json(message: "DataclassInstance") -> str:
    """The message as a queue's body; ASCII, so that its length in characters is its length in bytes."""
    return json.dumps(asdict(message), separators=(",", ":"))
