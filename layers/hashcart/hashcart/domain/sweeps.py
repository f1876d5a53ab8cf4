"""How far the reading of a source of posts has come, so that it can stop anywhere and lose nothing."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from hashcart.domain.posts import DAY_MS, SNOWFLAKE_SEQUENCE_BITS, X_EPOCH_MS, posted_at_ms

OVERLAP_MS = 10 * 60 * 1000
"""Posts become findable late and in no order: each round begins so long before the newest that was seen."""

LONGEST_ABSENCE_MS = 7 * DAY_MS - 60 * 60 * 1000
"""X's recent search refuses to begin over seven days ago."""

MOST_REMEMBERED = 10_000
"""Ids in one item, well below DynamoDB's 400 KB. What is forgotten is passed on again, which changes no cart."""


@dataclass(frozen=True, slots=True)
class SweepPosition:
    """A source is read in rounds, each from its newest post down to what the round before ended with.

    Everything up to `newest_id` has been passed on. A round that stopped half-way had begun at `round_newest_id` and
    goes on below `resume_below_id`. `seen` are the ids of the ten minutes before the newest; the source is not asked
    before `wait_until_ms`. The last round ended on `counted_day` (UTC); on `reserved_day` a page was reserved whose
    answer got lost.
    """

    newest_id: str
    round_newest_id: str | None = None
    resume_below_id: str | None = None
    seen: tuple[str, ...] = ()
    wait_until_ms: int = 0
    counted_day: str = ""
    reserved_day: str = ""

    @classmethod
    def beginning(cls, now_ms: int) -> "SweepPosition":
        """Where a source is first read from: the last ten minutes, as nobody had linked an account before."""
        return cls(newest_id=_id_at(now_ms))

    def since_id(self, now_ms: int) -> str:
        """The id after which a round looks for posts."""
        return _id_at(max(posted_at_ms(self.newest_id) - OVERLAP_MS, now_ms - LONGEST_ABSENCE_MS))

    def after_page(self, ids: Iterable[str]) -> "SweepPosition":
        """The position once the posts of a page have been passed on."""
        found = sorted({*ids}, key=int)
        if not found:
            return self
        newest = max(self.round_newest_id or found[-1], found[-1], key=int)
        below = min(self.resume_below_id or found[0], found[0], key=int)
        return replace(self, round_newest_id=newest, resume_below_id=below, seen=_recent({*self.seen, *found}, newest))

    def after_round(self, day: str) -> "SweepPosition":
        """The position once the last page of a round has been passed on."""
        newest = max(self.round_newest_id or self.newest_id, self.newest_id, key=int)
        return replace(
            self,
            newest_id=newest,
            round_newest_id=None,
            resume_below_id=None,
            seen=_recent(self.seen, newest),
            wait_until_ms=0,
            counted_day=day,
        )

    def billed(self, ids: Iterable[str], day: str) -> int:
        """How many of a page's posts X bills on a day: each once, so all until a round of that day is over."""
        return len({*ids} - ({*self.seen} if self.counted_day == day else set()))

    def awaiting_page(self, day: str) -> "SweepPosition":
        """The same position, with a page reserved on a day whose answer got lost; the next read has it, or another."""
        return replace(self, reserved_day=day)

    def waiting_until(self, wait_until_ms: int) -> "SweepPosition":
        """The same position, with a pause."""
        return replace(self, wait_until_ms=wait_until_ms)


def _recent(ids: Iterable[str], newest_id: str) -> tuple[str, ...]:
    oldest_ms = posted_at_ms(newest_id) - OVERLAP_MS
    recent = sorted((post_id for post_id in ids if posted_at_ms(post_id) >= oldest_ms), key=int)
    return tuple(recent[-MOST_REMEMBERED:])


def _id_at(moment_ms: int) -> str:
    return str(max(moment_ms - X_EPOCH_MS, 0) << SNOWFLAKE_SEQUENCE_BITS)
