"""Adding a product from the cart page: the way of a reply, through the same queues, but seen by nobody."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

from hashcart.domain.account_links import AccountLink
from hashcart.domain.outcomes import PostRow
from hashcart.domain.post_links import pasted_url, post_id_of
from hashcart.domain.posts import PRIVATE, order_key, private_id
from hashcart.messages.posts import PrivateAdd, to_json
from hashcart.observability import report

WAIT_SECONDS = 0.15
WAITS = 12
"""The page waits this often for the outcome, 1.8 s in all; after that the activity page tells."""


class RowReader(Protocol):
    """What became of posts."""

    def row(self, shopper_id: str, key: str) -> PostRow | None:
        """One post's row, read consistently."""


@dataclass(frozen=True, slots=True)
class Added:
    """A request on its way: the key of its row, and the row if the outcome came in time."""

    key: str
    row: PostRow | None = None


@dataclass(frozen=True, slots=True)
class AddPrivately:
    """Sends what was pasted on to the Posts queue. `x_hosts` count as X's own; `sequence` gives random numbers."""

    send: Callable[[str], None]
    rows: RowReader
    x_hosts: Collection[str]
    sequence: Callable[[], int]
    clock_ms: Callable[[], int]
    sleep: Callable[[float], None] = time.sleep

    def __call__(
        self, link: AccountLink, pasted: str, quantity: int | None = None, options: str = "", found_in: str = ""
    ) -> Added | None:
        """Ask for the product behind a pasted link, for the shopper of `link`; None if no link was pasted.

        `found_in` is the post in which a product's link was found. Raises NotSentError if the queue does not take it.
        """
        url = pasted_url(pasted)
        if url is None:
            return None
        request_id = private_id(self.clock_ms(), self.sequence())
        parent_id = post_id_of(url, self.x_hosts) or ""
        self.send(
            to_json(
                PrivateAdd(
                    id=request_id,
                    shopper_id=link.shopper_id,
                    author_id=link.x_user_id,
                    url="" if parent_id else url,
                    parent_id=parent_id or found_in,
                    quantity=quantity,
                    options=options,
                )
            )
        )
        report(request_id, "added_privately")
        key = order_key(request_id, PRIVATE)
        return Added(key, wait_for_outcome(self.rows, link.shopper_id, key, self.sleep))


def wait_for_outcome(rows: RowReader, shopper_id: str, key: str, sleep: Callable[[float], None]) -> PostRow | None:
    """The row once it has an outcome; None if that takes longer than somebody waits for a page."""
    for _ in range(WAITS):
        sleep(WAIT_SECONDS)
        row = rows.row(shopper_id, key)
        if row is not None and row.outcome is not None:
            return row
    return None
