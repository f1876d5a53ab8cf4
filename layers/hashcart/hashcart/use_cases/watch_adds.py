"""More adds an hour than a person makes pause the link, and its shopper is asked on the account page.

The adds are those that are stored, one row a post, counted around the time of the post whose outcome is delivered. So
this is asked once for each add, apart from the adding itself, which pays for no read more. Whichever post of a crowded
hour comes last finds all of it, in any order of deliveries; a repetition finds the same rows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from hashcart.domain.account_links import TOO_MANY, AccountLink, EmailChoice, LinkState
from hashcart.domain.adding_rates import ADDS, HOUR_MS, crowded_since_ms
from hashcart.domain.outcomes import PostRow
from hashcart.domain.posts import X, posted_at_ms
from hashcart.messages.notices import AccountNotice, NoticeKind
from hashcart.messages.outcomes import OutcomeReached
from hashcart.messages.posts import to_json
from hashcart.observability import report, report_metric, this_function
from hashcart.storage.pending import PendingItem, PendingKind

METRIC = "PausedForManyAdds"


class RowReader(Protocol):
    """What became of posts."""

    def between(self, shopper_id: str, start_ms: int, end_ms: int) -> list[PostRow]:
        """The rows of the posts that were made in a time."""


class LinkPauser(Protocol):
    """Who is who."""

    def pause_adding(self, link: AccountLink, *, adds_since_ms: int) -> bool:
        """Pause a link for the adds since a moment; False if that is so already, or the shopper has answered since."""


class PendingStore(Protocol):
    """What waits."""

    def put(self, item: PendingItem) -> None:
        """Keep a message until it is due."""


@dataclass(frozen=True, slots=True)
class WatchAdds:
    """Pauses a link whose posts add more than `most_an_hour`."""

    rows: RowReader
    links: LinkPauser
    pending: PendingStore
    most_an_hour: int
    clock_ms: Callable[[], int]

    def __call__(self, message: OutcomeReached, link: AccountLink) -> None:
        """Look at the hours around a post that asked for a line, and pause the link if one of them is crowded."""
        if message.network != X or message.outcome.code not in ADDS or link.state is LinkState.PAUSED:
            return
        made_ms = posted_at_ms(message.first_id)
        start_ms = max(made_ms - HOUR_MS, link.trusted_since_ms)
        rows = self.rows.between(link.shopper_id, start_ms, made_ms + HOUR_MS)
        since_ms = crowded_since_ms(rows, self.most_an_hour)
        if since_ms is not None and self.links.pause_adding(link, adds_since_ms=since_ms):
            report_metric(this_function(), METRIC, 1)
            report(message.post_id, "paused", TOO_MANY)
            self._tell(link)

    def _tell(self, link: AccountLink) -> None:
        """Have the shopper told by e-mail. A crash before this loses the e-mail; the account page asks all the same."""
        if link.email is EmailChoice.NOTHING:
            return
        now_ms = self.clock_ms()
        notice = AccountNotice(NoticeKind.TOO_MANY, link.shopper_id, link.handle, link.language, now_ms)
        name = f"{link.shopper_id}#{NoticeKind.TOO_MANY}#{now_ms}"
        self.pending.put(PendingItem(PendingKind.NOTICE, name, now_ms, to_json(notice)))
