"""Ids of posts: X's snowflakes, 41 bits of milliseconds since X's epoch before 22 bits of worker and sequence."""

from collections.abc import Callable

EPOCH_MS = 1_288_834_974_657
SEQUENCE_BITS = 22


def snowflake(ms: int) -> int:
    """The first id of a millisecond of the Unix epoch."""
    return (ms - EPOCH_MS) << SEQUENCE_BITS


def time_ms(post_id: int) -> int:
    """The millisecond of the Unix epoch that an id was made in."""
    return (post_id >> SEQUENCE_BITS) + EPOCH_MS


class SnowflakeClock:
    """Hands out ids of the real time that always grow, even if the clock is set back."""

    def __init__(self, now: Callable[[], float], last_id: int = 0) -> None:
        self._now = now
        self._last_id = last_id
        self._astray = 0

    def next_id(self) -> int:
        """A new id, greater than all before."""
        self._last_id = max(snowflake(int(self._now() * 1000)), self._last_id + 1)
        return self._last_id

    def astray_id(self, ahead: float) -> int:
        """A new id of a machine whose clock is so many seconds `ahead`; those of the others go on as before."""
        self._astray += 1
        return snowflake(int((self._now() + ahead) * 1000) + 1) - self._astray
