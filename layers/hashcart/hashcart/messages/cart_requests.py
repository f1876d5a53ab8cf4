"""The Cart requests queue: what a post asks of a cart."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from hashcart.domain.link_previews import LinkPreview
from hashcart.domain.posts import X, order_key
from hashcart.domain.product_links import ProductReference
from hashcart.messages.posts import SCHEMA_VERSION, AccessRevoked, PostDeleted, PostMessage, ProfileProtected
from hashcart.reading import reader_of

X_UNAVAILABLE = "x_unavailable"
"""The reason of a request whose parent post could not be read; its `product` is what the reply itself links to.

It waits in Pending, and comes to the Posts queue again.
"""


SHORT_LINK_UNAVAILABLE = "short_link_unavailable"
"""The reason of a request whose own short link could not be followed, however often it was tried."""


@dataclass(frozen=True, slots=True)
class AddRequested:
    """Cart requests queue: a reply asks for a product, or says why it names none.

    `quantity` is None for a plain add. `option_words` are the few words beside the hashtag that may choose a variant.
    `summoned` is true if the author mentioned the bot, so that it may answer. `preview` is what the link to the product
    tells of it. What a shopper adds on the cart page has `network` private and names the shopper, whose link must still
    be the author's; `parent_id` is empty where the link led to a product and not to a post. An offer that was taken has
    `network` offer, names the shopper as well, and `reply_id` is the reply that was offered.
    """

    post_id: str
    first_id: str
    author_id: str
    parent_id: str
    product: ProductReference | None
    reason: str | None = None
    quantity: int | None = None
    summoned: bool = False
    parent_author_id: str | None = None
    preview: LinkPreview | None = None
    network: str = X
    shopper_id: str | None = None
    option_words: tuple[str, ...] = ()
    reply_id: str | None = None
    kind: Literal["add"] = "add"
    schema: Literal[1] = SCHEMA_VERSION

    @property
    def first_key(self) -> str:
        """The order key of the post's row."""
        return order_key(self.first_id, self.network)

    @property
    def other_key(self) -> str | None:
        """The order key under which an undo or a delete would look for the post, if not that of its row."""
        return order_key(self.reply_id) if self.reply_id else _key_of_edit(self.post_id, self.first_id)


@dataclass(frozen=True, slots=True)
class HashtagDropped:
    """Cart requests queue: an edit that no longer asks for anything."""

    post_id: str
    first_id: str
    author_id: str
    kind: Literal["dropped"] = "dropped"
    schema: Literal[1] = SCHEMA_VERSION

    @property
    def first_key(self) -> str:
        """The order key of the post's row."""
        return order_key(self.first_id)

    @property
    def other_key(self) -> str | None:
        """The order key of the edit."""
        return _key_of_edit(self.post_id, self.first_id)


@dataclass(frozen=True, slots=True)
class UndoRequested:
    """Cart requests queue: a reply takes back what the post `target_id` of the same author did."""

    post_id: str
    first_id: str
    author_id: str
    target_id: str
    summoned: bool = False
    kind: Literal["undo"] = "undo"
    schema: Literal[1] = SCHEMA_VERSION


@dataclass(frozen=True, slots=True)
class StopRequested:
    """Cart requests queue: a post tells the bot not to answer its author in public any more."""

    post_id: str
    author_id: str
    kind: Literal["stop"] = "stop"
    schema: Literal[1] = SCHEMA_VERSION


type CartRequest = (
    AddRequested | HashtagDropped | UndoRequested | StopRequested | PostDeleted | AccessRevoked | ProfileProtected
)

read_cart_request: Callable[[str], CartRequest] = reader_of(CartRequest)

type ToParse = PostMessage | AddRequested
"""What comes from the Posts queue: what X told, and requests whose parent post could not be read before."""

read_to_parse: Callable[[str], ToParse] = reader_of(ToParse)


def _key_of_edit(post_id: str, first_id: str) -> str | None:
    return order_key(post_id) if post_id != first_id else None
