"""What waited in the table Pending and is due now goes on its way."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Protocol

from hashcart.observability import report_failure, report_metric, this_function
from hashcart.storage.pending import PendingItem, PendingKind

PAGE_SIZE = 50
MOST_AT_ONCE = 400

LATE_MS = 5 * 60_000
"""What has been due for longer is late: something keeps failing, or more is due than can be dealt with."""

NEVER_LATE = frozenset({PendingKind.DIGEST})
"""A day's digests are all due at once and may take hours; they have a deadline of their own."""


class PendingStore(Protocol):
    """What waits."""

    def due(self, kind: PendingKind, now_ms: int, page_size: int) -> Iterator[PendingItem]:
        """What is due."""

    def remove(self, item: PendingItem) -> None:
        """Forget what has been dealt with."""


def wake_pending(
    pending: PendingStore,
    kind: PendingKind,
    deal_with: Callable[[PendingItem], None],
    *,
    now_ms: int,
    has_time: Callable[[], bool],
    most: int = MOST_AT_ONCE,
) -> int:
    """Deal with what is due, `most` of it, while there is time; returns how many.

    What fails stays, is passed over, and is tried at the next waking.
    """
    done = 0
    oldest_ms = now_ms
    for item in islice(pending.due(kind, now_ms, PAGE_SIZE), most):
        oldest_ms = min(oldest_ms, item.due_ms)
        if not has_time():
            break
        try:
            deal_with(item)
        except Exception as error:  # noqa: BLE001 - one item that fails must not hold the others up
            report_failure(item.post_id, "still_pending", error)
            continue
        pending.remove(item)
        done += 1
    if kind not in NEVER_LATE and now_ms - oldest_ms > LATE_MS:
        report_metric(this_function(), "OldestPendingSeconds", (now_ms - oldest_ms) // 1000)
    return done
