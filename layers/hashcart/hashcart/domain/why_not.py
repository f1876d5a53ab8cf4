"""Why a reply added nothing, as far as the reply itself, its author's link and the post above it tell."""

from dataclasses import dataclass, replace
from enum import StrEnum

from hashcart.domain.account_links import AccountLink, LinkState
from hashcart.domain.cart_hashtags import CartHashtags, asks_to_undo
from hashcart.domain.parents import ParentPost, products_of, why_no_product
from hashcart.domain.posts import Post, is_too_old, posted_at_ms
from hashcart.domain.product_links import ProductReference, StoreLinks


class Why(StrEnum):
    """The reasons; those of `why_no_product` have the same names."""

    DELETED = "deleted"
    NOT_READABLE = "not_readable"
    NOT_YOURS = "not_yours"
    REPOST = "repost"
    NOT_A_REPLY = "not_a_reply"
    UNDO = "undo"
    NO_HASHTAG = "no_hashtag"
    PARENT_GONE = "parent_gone"
    PARENT_PROTECTED = "parent_protected"
    NO_LINK = "no_link"
    NOT_THIS_STORE = "not_this_store"
    PAUSED = "paused"
    NOT_LINKED_THEN = "not_linked_then"
    TOO_OLD = "too_old"
    SHOULD_HAVE_WORKED = "should_have_worked"


CAN_BE_ADDED_NOW = frozenset({Why.NO_HASHTAG, Why.NOT_LINKED_THEN, Why.TOO_OLD, Why.SHOULD_HAVE_WORKED})
"""Reasons that do not stand in the way of adding the same product on the cart page."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why nothing was added. `found` is what stands in the reply in place of a hashtag.

    `product`, in the post `parent_id`, is what can be added now.
    """

    why: Why
    found: str | None = None
    product: ProductReference | None = None
    parent_id: str | None = None


def why_not_at_first_sight(reply: Post, link: AccountLink) -> Explanation | None:
    """What the reply alone tells; None if the post above it has to be read, too."""
    if reply.author_id != link.x_user_id:
        return Explanation(Why.NOT_YOURS)
    if reply.is_repost:
        return Explanation(Why.REPOST)
    if reply.replied_to_id is None:
        return Explanation(Why.NOT_A_REPLY)
    return Explanation(Why.UNDO) if asks_to_undo(reply) else None


def why_not(
    reply: Post, parent: ParentPost, *, link: AccountLink, hashtags: CartHashtags, store: StoreLinks, now_ms: int
) -> Explanation:
    """The first reason that would have kept the shopper's own reply to `parent` from adding anything."""
    product = next(iter(parent.products or products_of(reply, store)), None)
    explanation = _why_not(reply, parent, product, link=link, hashtags=hashtags, now_ms=now_ms)
    if explanation.why not in CAN_BE_ADDED_NOW or link.state is not LinkState.ACTIVE:
        return explanation
    return replace(explanation, product=product, parent_id=reply.replied_to_id)


def _why_not(
    reply: Post,
    parent: ParentPost,
    product: ProductReference | None,
    *,
    link: AccountLink,
    hashtags: CartHashtags,
    now_ms: int,
) -> Explanation:
    if hashtags.first_in(reply) is None:
        return Explanation(Why.NO_HASHTAG, found=hashtags.near_miss(reply))
    if product is None:
        return Explanation(Why(why_no_product(parent, reply)))
    reasons = (
        (Why.PAUSED, link.state is not LinkState.ACTIVE),
        (Why.NOT_LINKED_THEN, not link.covers(posted_at_ms(reply.id))),
        (Why.TOO_OLD, is_too_old(reply.id, now_ms)),
    )
    return Explanation(next((why for why, applies in reasons if applies), Why.SHOULD_HAVE_WORKED))
