"""The page "Why not?": what became of a reply whose link the shopper pastes, even if X never delivered it.

The reply is read for this answer alone; nothing of it is kept.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Protocol

from hashcart.domain.account_links import AccountLink
from hashcart.domain.cart_hashtags import CartHashtags
from hashcart.domain.outcomes import PostRow
from hashcart.domain.parents import ParentPost
from hashcart.domain.post_links import pasted_url, post_id_of
from hashcart.domain.posts import Post, order_key
from hashcart.domain.product_links import StoreLinks
from hashcart.domain.short_links import short_links_of, unwound
from hashcart.domain.why_not import Explanation, Why, why_not, why_not_at_first_sight
from hashcart.domain.x_spending import Purpose
from hashcart.observability import report, report_failure
from hashcart.social.x.client import Missing
from hashcart.use_cases.parents import TRANSIENT
from hashcart.use_cases.x_budget import BudgetUnavailableError, OverBudgetError, XBudget

HOUR_SECONDS = 3600
DAY_SECONDS = 24 * HOUR_SECONDS
LOOKUPS_AN_HOUR = 10
LOOKUPS_A_DAY = 30
"""X charges half a cent for each post that is looked up, so one shopper may ask this often."""

KEPT_SECONDS = 60


class Unexplained(StrEnum):
    """Why there is no explanation."""

    NO_POST_LINK = "no_post_link"
    TOO_MANY = "too_many"
    OVER_BUDGET = "over_budget"
    X_UNAVAILABLE = "x_unavailable"


class RowReader(Protocol):
    """What became of posts."""

    def row(self, shopper_id: str, key: str) -> PostRow | None:
        """One post's row, read consistently."""


class PostReader(Protocol):
    """Posts at X."""

    def posts(self, ids: Collection[str]) -> dict[str, Post | Missing]:
        """The posts themselves. Raises one of TRANSIENT."""

    def of(self, ids: Collection[str]) -> Mapping[str, ParentPost]:
        """What posts offer to those who reply to them."""


class Counters(Protocol):
    """Counting with a limit."""

    def count(self, counter: str, *, limit: int, expires_at: int) -> bool:
        """Count one more, `limit` at most. False if it would be more."""


@dataclass(frozen=True, slots=True)
class ExplainReply:
    """Answers "Why not?". `x_hosts` count as X's own; `unwind` tells where short links lead."""

    rows: RowReader
    parents: PostReader
    counters: Counters
    hashtags: CartHashtags
    store: StoreLinks
    x_hosts: Collection[str]
    unwind: Callable[[Collection[str]], Mapping[str, str | None]]
    clock_ms: Callable[[], int]
    budget: XBudget

    def __call__(self, link: AccountLink, pasted: str) -> PostRow | Explanation | Unexplained:
        """The reply's own row if it came to HashCart, else what X tells of it."""
        post_id = post_id_of(pasted_url(pasted) or "", self.x_hosts)
        if post_id is None:
            return Unexplained.NO_POST_LINK
        row = self._row(link.shopper_id, post_id)
        if row is not None:
            return row
        if not self._may_ask(link.shopper_id):
            return Unexplained.TOO_MANY
        try:
            answer = self._ask(link, post_id)
        except OverBudgetError:
            report(post_id, "not_explained", "over_budget")
            return Unexplained.OVER_BUDGET
        except (*TRANSIENT, BudgetUnavailableError) as error:
            report_failure(post_id, "lookup_failed", error)
            return Unexplained.X_UNAVAILABLE
        if isinstance(answer, Explanation):
            report(post_id, "explained", answer.why)
        return answer

    def _row(self, shopper_id: str, post_id: str) -> PostRow | None:
        row = self.rows.row(shopper_id, order_key(post_id))
        if row is not None and row.first_key is not None:
            row = self.rows.row(shopper_id, row.first_key)
        return row if row is not None and (row.versions or row.outcome) else None

    def _may_ask(self, shopper_id: str) -> bool:
        seconds = self.clock_ms() // 1000
        windows = ((HOUR_SECONDS, LOOKUPS_AN_HOUR), (DAY_SECONDS, LOOKUPS_A_DAY))
        return all(
            self.counters.count(
                f"why-not#{shopper_id}#{length}#{seconds // length}",
                limit=limit,
                expires_at=seconds - seconds % length + length + KEPT_SECONDS,
            )
            for length, limit in windows
        )

    def _ask(self, link: AccountLink, post_id: str) -> PostRow | Explanation | Unexplained:
        reply = self.budget.spend(Purpose.WHY_NOT, 1, partial(self.parents.posts, [post_id]), readable).get(post_id)
        if reply is None:
            return Unexplained.X_UNAVAILABLE
        if isinstance(reply, Missing):
            return Explanation(Why.DELETED if reply is Missing.GONE else Why.NOT_READABLE)
        explanation = why_not_at_first_sight(reply, link)
        if explanation is not None:
            return explanation
        row = self._row(link.shopper_id, reply.first_id)
        if row is not None:
            return row
        parent_id = reply.replied_to_id or ""
        parent = self.parents.of([parent_id]).get(parent_id)
        if parent is None:
            return Unexplained.X_UNAVAILABLE
        if not parent.products:
            reply = unwound(reply, self.unwind(short_links_of(reply, self.store)))
        return why_not(reply, parent, link=link, hashtags=self.hashtags, store=self.store, now_ms=self.clock_ms())


def readable(found: Mapping[str, Post | Missing]) -> int:
    """How many posts X has shown, and bills."""
    return sum(isinstance(post, Post) for post in found.values())
