"""Own replies with the hashtag that did nothing when they were made, and that their author may still want.

Nothing of them is added unasked: each is offered, and waits for a click.
"""

from dataclasses import dataclass, field

from hashcart.domain.account_links import AccountLink
from hashcart.domain.cart_hashtags import CartHashtags, asks_to_undo
from hashcart.domain.outcomes import PostRow
from hashcart.domain.posts import Post, is_too_old, posted_at_ms

DECLINED = "declined"
"""The answer to an offer that the shopper does not want."""

GONE = "gone"
"""The answer to an offer whose reply X no longer shows, or which no longer asks for anything."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A reply that is offered: the first id of its edit history and the newest, and the post that it replies to.

    `line_id` names the product that it would add and `quantity` how many, where that is known.
    """

    first_id: str
    post_id: str
    parent_id: str
    line_id: str | None = None
    quantity: int | None = None

    @property
    def at_ms(self) -> int:
        """When the reply was made."""
        return posted_at_ms(self.first_id)


@dataclass(frozen=True, slots=True)
class OfferBook:
    """What is kept of a shopper's offers: of which link (by its consent) X was asked and how that ended, what it found,
    and the answers by the replies' first ids: the id of the click that took one, or a word.
    """

    consented_at_ms: int | None = None
    looked_at_ms: int | None = None
    trouble: str | None = None
    found: tuple[Offer, ...] = ()
    answers: dict[str, str] = field(default_factory=dict)


def may_be_offered(reply: Post, link: AccountLink, hashtags: CartHashtags, now_ms: int) -> bool:
    """Whether a post is the shopper's own reply with a cart hashtag, as parsing would judge it, and not too old."""
    is_own_reply = reply.author_id == link.x_user_id and reply.replied_to_id is not None and not reply.is_repost
    if not is_own_reply or asks_to_undo(reply) or hashtags.first_in(reply) is None:
        return False
    return not is_too_old(reply.first_id, now_ms)


def is_from_before(reply: Post, link: AccountLink) -> bool:
    """Whether a reply is older than its author's consent, so that it did nothing."""
    return not link.covers(posted_at_ms(reply.id))


def has_done_nothing(row: PostRow | None) -> bool:
    """Whether what is stored of a reply says that it came to nothing, and that nobody has taken it back or up."""
    if row is None:
        return True
    return row.first_key is None and not row.undone and not row.versions
