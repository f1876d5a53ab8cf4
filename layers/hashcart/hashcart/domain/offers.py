"""Own replies with the hashtag that did nothing when they were made, and that their author may still want.

Nothing of them is added unasked: each is offered, and waits for a click.
"""

from dataclasses import dataclass, field

from hashcart.domain.account_links import TOO_MANY, AccountLink
from hashcart.domain.cart_hashtags import CartHashtags, asks_to_undo
from hashcart.domain.outcomes import Code, PostRow
from hashcart.domain.posts import Post, X, id_of_key, is_too_old, posted_at_ms

DECLINED = "declined"
"""The answer to an offer that the shopper does not want."""

GONE = "gone"
"""The answer to an offer whose reply X no longer shows, or which no longer asks for anything."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A reply that is offered: the first id of its edit history and the newest, and the post that it replies to.

    `line_id` names the product that it would add and `quantity` how many, where that is known. It `was_held` if it came
    while the shopper was asked about too many adds, else it is from before the link.
    """

    first_id: str
    post_id: str
    parent_id: str
    line_id: str | None = None
    quantity: int | None = None
    was_held: bool = False

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
    were_held = all(version.code is Code.PAUSED for version in row.versions.values())
    return row.first_key is None and not row.undone and were_held


def held_offer(row: PostRow) -> Offer | None:
    """The offer of a reply that came while the shopper was asked about too many adds; None for any other row."""
    network, first_id = id_of_key(row.order_key)
    outcome, version = row.outcome, row.newest
    was_held = (outcome is not None and outcome.code is Code.PAUSED and outcome.reason == TOO_MANY) or (
        version is not None and version.reason == TOO_MANY
    )
    if network != X or not was_held or not has_done_nothing(row):
        return None
    newest_id = version.id if version is not None else outcome.version if outcome is not None else first_id
    return Offer(
        first_id=first_id,
        post_id=str(newest_id),
        parent_id=(version.parent_id or "") if version is not None else "",
        line_id=version.linked if version is not None else None,
        quantity=version.quantity if version is not None else None,
        was_held=True,
    )
