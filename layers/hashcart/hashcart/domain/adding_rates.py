"""How much a profile adds by its posts, as a brake for a hijacked or careless account."""

from collections.abc import Iterable

from hashcart.domain.outcomes import Code, PostRow
from hashcart.domain.posts import X, id_of_key, key_time_ms

HOUR_MS = 60 * 60 * 1000

ADDS = frozenset(
    {
        Code.ADDED,
        Code.QUANTITY_SET,
        Code.ALREADY_IN_CART,
        Code.LIMIT_APPLIED,
        Code.CHOOSE_OPTIONS,
        Code.OUT_OF_STOCK,
        Code.OVERTAKEN,
    }
)
"""Outcomes of posts that asked for a line."""


def is_add(row: PostRow) -> bool:
    """Whether a row is a post on X that asked for a line. One that was taken back counts, too: it was posted.

    What a shopper adds by a click has another network, and an edit leads to the post that it edits.
    """
    network, _ = id_of_key(row.order_key)
    version = row.newest
    return network == X and row.first_key is None and version is not None and version.line_id is not None


def crowded_since_ms(rows: Iterable[PostRow], most_an_hour: int) -> int | None:
    """When the first hour began in which more than so many adds were posted; None if there is no such hour.

    It looks at when the posts were made, so neither repetition nor the order of deliveries matters.
    """
    made = sorted(key_time_ms(row.order_key) for row in rows if is_add(row))
    ends = zip(made, made[most_an_hour:], strict=False)
    return next((first for first, last in ends if last - first < HOUR_MS), None)
