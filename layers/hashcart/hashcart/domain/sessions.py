"""What the pages remember of a browser."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hashcart.domain.posts import DAY_MS

HOUR_MS = 60 * 60 * 1000

ANONYMOUS_LIFE_MS = HOUR_MS
IDLE_MS = 14 * DAY_MS
ABSOLUTE_MS = 60 * DAY_MS
SEEN_INTERVAL_MS = HOUR_MS


@dataclass(frozen=True, slots=True)
class Session:
    """A browser's session; `key` is the hash of the cookie's secret, which is kept nowhere else.

    `shopper_id` is there once the store has said who it is and that account is linked. `values` hold what a sign-in or
    an interrupted form needs until it goes on, by name.
    """

    key: str
    created_at_ms: int
    seen_at_ms: int
    shopper_id: str | None = None
    language: str | None = None
    values: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    @property
    def ends_at_ms(self) -> int:
        """When it ends: two weeks after it was last used, 60 days after its start; an hour if nobody signed in."""
        if self.shopper_id is None:
            return self.seen_at_ms + ANONYMOUS_LIFE_MS
        return min(self.seen_at_ms + IDLE_MS, self.created_at_ms + ABSOLUTE_MS)

    def is_over(self, now_ms: int) -> bool:
        """Whether it has ended; tables keep items longer than they say."""
        return now_ms >= self.ends_at_ms

    def needs_touch(self, now_ms: int) -> bool:
        """Whether its use is to be noted: once an hour is enough for someone who signed in."""
        return self.shopper_id is not None and now_ms - self.seen_at_ms >= SEEN_INTERVAL_MS
