"""`make redrive`: what failed goes back to its queue, all of it or what failed for one reason.

A letter is sent first and removed then, so that an interruption leaves it in both places and not in none. That costs
nothing: a message is worked on by the order key of its post, which no redrive changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from hashcart.consumers import MALFORMED
from hashcart.domain.posts import OLDEST_POST_MS, is_post_id, posted_at_ms
from hashcart.queues import send_all
from local.findings import Finding, Mark, good
from local.operations.dead_letters import BATCH, MOST, QUEUES, WITHOUT_REASON, DeadLetter, DeadLetters, Queue
from local.operations.stack import Stack, step, time_text


@dataclass(frozen=True)
class Wanted:
    """Which letters go back: those of `reason` (None: of any), malformed ones only if `forced`; `a_second` at most."""

    reason: str | None
    forced: bool
    a_second: int


@dataclass
class _Sorted:
    """What a run has seen."""

    goes_back: list[DeadLetter] = field(default_factory=list)
    malformed: list[DeadLetter] = field(default_factory=list)
    too_old: list[DeadLetter] = field(default_factory=list)
    others: list[DeadLetter] = field(default_factory=list)

    @property
    def all(self) -> list[DeadLetter]:
        return self.goes_back + self.malformed + self.too_old + self.others


@dataclass(frozen=True)
class Redrive:
    """The letters of one queue. `now_ms` is in milliseconds of the Unix epoch."""

    stack: Stack
    name: str
    wanted: Wanted
    dry_run: bool
    now_ms: Callable[[], int]
    sleep: Callable[[float], None]
    wait_seconds: int = 2

    def __call__(self) -> Iterator[Finding]:
        """Count by reason, and send back what is wanted unless this is a dry run."""
        queue = QUEUES[self.name]
        with step(self.name):
            sqs = self.stack.client("sqs")
            letters = DeadLetters(
                sqs, self.stack.output(f"{queue.prefix}DeadLetterQueueUrl"), queue, wait_seconds=self.wait_seconds
            )
            found = self._sorted(queue, letters)
        yield self._counted(found)
        yield from self._kept(queue, found)
        if not found.goes_back:
            return
        if self.dry_run:
            yield Finding(
                Mark.NOTE, "Dry run", f"{len(found.goes_back)} would go back to {self.name}", "DRY_RUN=no sends them."
            )
            return
        yield from self._send(queue, letters, found.goes_back)

    def _sorted(self, queue: Queue, letters: DeadLetters) -> _Sorted:
        found = _Sorted()
        try:
            for batch in letters.batches():
                for letter in batch:
                    self._place(queue, found, letter).append(letter)
        finally:
            letters.release(found.all if self.dry_run else found.malformed + found.too_old + found.others)
        return found

    def _place(self, queue: Queue, found: _Sorted, letter: DeadLetter) -> list[DeadLetter]:
        if self.wanted.reason not in (None, letter.reason):
            return found.others
        if letter.reason == MALFORMED and not self.wanted.forced:
            return found.malformed
        if queue.is_of_posts and self._is_too_old(letter):
            return found.too_old
        return found.goes_back

    def _is_too_old(self, letter: DeadLetter) -> bool:
        known = letter.post_id is not None and is_post_id(letter.post_id)
        return known and posted_at_ms(str(letter.post_id)) < self.now_ms() - OLDEST_POST_MS

    def _counted(self, found: _Sorted) -> Finding:
        if not found.all:
            return good(self.name, "the dead-letter queue is empty (or another command looks at it just now)")
        oldest = min(letter.sent_at_ms for letter in found.all)
        more = f"; only the first {MOST} were looked at" if len(found.all) >= MOST else ""
        return good(self.name, f"{by_reason(found.all)}; the oldest came {time_text(oldest)}{more}")

    def _kept(self, queue: Queue, found: _Sorted) -> Iterator[Finding]:
        if any(letter.reason == WITHOUT_REASON for letter in found.all):
            log_group = self.stack.log_group(queue.function)
            yield Finding(
                Mark.NOTE,
                WITHOUT_REASON,
                "SQS moved these: the function crashed, ran out of time or was throttled before it could say why",
                f"Look for errors in {log_group} before you send them back.",
            )
        if found.malformed:
            yield Finding(
                Mark.NOTE,
                MALFORMED,
                f"{len(found.malformed)} stay: the function would put them here again",
                "Once a version that understands them is deployed: REASON=malformed FORCE=yes.",
            )
        if found.too_old:
            yield Finding(
                Mark.NOTE,
                "Too old",
                f"{len(found.too_old)} stay: no cart takes posts of over 14 days ago; SQS removes them by itself",
            )

    def _send(self, queue: Queue, letters: DeadLetters, wanted: Sequence[DeadLetter]) -> Iterator[Finding]:
        sqs, url = self.stack.client("sqs"), self.stack.output(f"{queue.prefix}QueueUrl")
        waiting, refused, left = list(wanted), 0, 0
        sent: list[DeadLetter] = []
        try:
            with step(self.name):
                while waiting:
                    batch = waiting[:BATCH]
                    unsent = send_all(sqs, url, [letter.body for letter in batch], sleep=self.sleep)
                    taken = [letter for place, letter in enumerate(batch) if place not in unsent]
                    left += letters.remove(taken)
                    sent += taken
                    waiting = waiting[BATCH:]
                    letters.release([letter for place, letter in enumerate(batch) if place in unsent])
                    refused += len(unsent)
                    if waiting:
                        self.sleep(len(batch) / self.wanted.a_second)
        finally:
            letters.release(waiting)
        yield good("Sent back", by_reason(sent) if sent else "nothing")
        if left:
            yield Finding(
                Mark.NOTE, "Sent back", f"{left} could not be removed and are in both queues", "That counts once only."
            )
        if refused:
            yield Finding(Mark.BAD, self.name, f"SQS refused {refused}, which stay", "Run this again in a minute.")


@dataclass(frozen=True)
class Discard:
    """`make discard`: the letters of one reason are removed, as what no version will understand rings for 14 days."""

    stack: Stack
    name: str
    reason: str
    dry_run: bool
    wait_seconds: int = 2

    def __call__(self) -> Iterator[Finding]:
        """Count by reason, and remove those of `reason` unless this is a dry run."""
        queue = QUEUES[self.name]
        found: list[DeadLetter] = []
        unwanted: list[DeadLetter] = []
        removed = 0
        with step(self.name):
            letters = DeadLetters(
                self.stack.client("sqs"),
                self.stack.output(f"{queue.prefix}DeadLetterQueueUrl"),
                queue,
                wait_seconds=self.wait_seconds,
            )
            try:
                for batch in letters.batches():
                    found += batch
                unwanted = [letter for letter in found if letter.reason == self.reason]
                if not self.dry_run:
                    removed = len(unwanted) - letters.remove(unwanted)
            finally:
                letters.release(found if self.dry_run else [letter for letter in found if letter not in unwanted])
        yield good(self.name, by_reason(found) if found else "the dead-letter queue is empty")
        posts = sorted({letter.post_id for letter in unwanted if letter.post_id})
        if posts:
            yield Finding(Mark.NOTE, "Posts", f"these lose what they ask for: {', '.join(posts)}")
        if not unwanted:
            yield good("Discarded", f"nothing: none is there for the reason {self.reason}")
        elif self.dry_run:
            yield Finding(
                Mark.NOTE, "Dry run", f"{len(unwanted)} would be removed for good", "DRY_RUN=no removes them."
            )
        elif removed < len(unwanted):
            left = len(unwanted) - removed
            yield Finding(Mark.BAD, "Discarded", f"{removed}; SQS refused {left}", "Run this again in a minute.")
        else:
            yield good("Discarded", f"{removed} × {self.reason}")


def by_reason(letters: Iterable[DeadLetter]) -> str:
    """How many there are of each reason, the most frequent first."""
    counts = Counter(letter.reason for letter in letters)
    return ", ".join(f"{count} × {reason}" for reason, count in sorted(counts.items(), key=lambda each: -each[1]))
