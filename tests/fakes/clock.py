"""A clock that goes only when told."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hashcart.domain.posts import SNOWFLAKE_SEQUENCE_BITS, X_EPOCH_MS

NOW_MS = 1_795_000_000_000


NANOSECONDS_OF_AN_HOUR = 60 * 60 * 1_000_000_000


@contextmanager
def stopped_before_the_day_ends() -> Iterator[None]:
    """Stand still, two hours earlier in the last two of a day (UTC): for what goes otherwise when it ends soon."""
    now = time.time_ns()
    is_late = now // NANOSECONDS_OF_AN_HOUR % 24 >= 22
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time_ns", lambda: now - is_late * 2 * NANOSECONDS_OF_AN_HOUR)
        yield


class Clock:
    def __init__(self, now_ms: int = NOW_MS) -> None:
        self.now_ms = now_ms
        self.slept: list[float] = []

    def __call__(self) -> int:
        return self.now_ms

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_ms += int(seconds * 1000)


def post_id(ms_ago: int = 0, sequence: int = 0, now_ms: int = NOW_MS) -> str:
    """The snowflake of a post made so long ago."""
    return str(((now_ms - ms_ago - X_EPOCH_MS) << SNOWFLAKE_SEQUENCE_BITS) + sequence)
