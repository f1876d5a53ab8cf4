"""`make pause-source` and `make resume-source`: stop a source of work for a while, without a deployment.

A sweep asks the table Checkpoints each minute whether it is paused, and goes on from where it had come;
`outcome_delivery` asks before each public answer. A queue is paused by its mapping to the function: what arrives waits
in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hashcart.domain.posts import DAY_MS, posted_at_ms
from hashcart.storage.checkpoints import Checkpoints
from hashcart.use_cases.deliver_outcomes import REPLIES
from local.findings import Finding, Mark, failed, good
from local.operations.dead_letters import QUEUES
from local.operations.stack import Stack, step, time_text

SWEEPS = ("mentions", "search")
LONGEST_PAUSE_MS = 6 * DAY_MS
"""X shows posts for seven days: a sweep that is forgotten resumes by itself while all of them can still be read."""

WEBHOOK = "webhook"
PAUSABLE_QUEUES: Mapping[str, str] = {
    WEBHOOK: "posts",
    "cart-requests": "cart-requests",
    "outcomes": "outcomes",
}
SOURCES = (*SWEEPS, REPLIES, *PAUSABLE_QUEUES)

UNTIL_RESUMED_MS = 2**53
"""A moment that never comes."""

WHAT_WAITS: Mapping[str, str] = {
    WEBHOOK: "X's deliveries are still taken; they wait in the Posts queue, and so does what the sweeps find "
    "and what is added privately",
    REPLIES: "the bot answers nobody in public; carts, activity and e-mail go on. Answers wait, and those to posts of "
    "over an hour ago are dropped",
    "cart-requests": "what posts ask for waits in the Cart requests queue; no cart changes but by clicks",
    "outcomes": "outcomes wait in the Outcomes queue: no answers, no e-mail, nothing new in activity; "
    "answers to posts of over an hour ago are dropped",
}

POLLS = 45
POLL_SECONDS = 2.0


@dataclass(frozen=True)
class Mapped:
    """A queue's mapping to its function."""

    uuid: str
    state: str

    @property
    def is_enabled(self) -> bool:
        """Whether the function gets messages, or is about to."""
        return self.state in ("Enabled", "Enabling", "Creating", "Updating")


@dataclass(frozen=True)
class Pauses:
    """The pauses of a stack. `now_ms` is in milliseconds of the Unix epoch."""

    stack: Stack
    now_ms: Callable[[], int]
    sleep: Callable[[float], None]

    def pause(self, source: str, for_ms: int | None) -> Iterator[Finding]:
        """Stop a source: a sweep or the answers for `for_ms`, a sweep for six days at most."""
        with step(source):
            if source == REPLIES:
                until_ms = UNTIL_RESUMED_MS if for_ms is None else self.now_ms() + for_ms
                self._checkpoints.pause(source, now_ms=self.now_ms(), until_ms=until_ms)
                yield good(source, f"paused {_end(until_ms)}, from this moment on: {WHAT_WAITS[source]}")
                yield Finding(
                    Mark.NOTE,
                    source,
                    "the alarm OutcomeDeliveryStaleReplies rings once answers are dropped, and is your reminder",
                    f"make resume-source SOURCE={source}",
                )
                return
            if source in SWEEPS:
                until_ms = self.now_ms() + min(for_ms or LONGEST_PAUSE_MS, LONGEST_PAUSE_MS)
                self._checkpoints.pause(source, now_ms=self.now_ms(), until_ms=until_ms)
                yield good(source, f"paused until {time_text(until_ms)}, when it goes on by itself")
                yield Finding(Mark.NOTE, source, self._position(source), f"make resume-source SOURCE={source}")
                return
            if for_ms is not None:
                raise failed(source, "a queue cannot resume by itself", "Leave FOR out, and resume it yourself.")
            mapped = self._switch(source, enabled=False)
            keeps_ms = self._retention_seconds(source) * 1000
        yield good(source, f"paused ({mapped.state}): {WHAT_WAITS[source]}")
        yield Finding(
            Mark.NOTE,
            source,
            f"messages live {keeps_ms // DAY_MS} days: resume before {time_text(self.now_ms() + keeps_ms)}, or they "
            f"are lost. The alarm of the queue's age rings after five minutes, and is your reminder",
            f"make resume-source SOURCE={source}",
        )

    def resume(self, source: str) -> Iterator[Finding]:
        """Let a source go on where it stopped."""
        with step(source):
            if source == REPLIES:
                self._checkpoints.resume(source)
                yield good(source, "resumed, within a minute; posts of the last hour are answered")
                return
            if source in SWEEPS:
                self._checkpoints.resume(source)
                yield good(source, f"resumed, within a minute; {self._position(source)}")
                return
            mapped = self._switch(source, enabled=True)
        yield good(source, f"resumed ({mapped.state}); what waited is worked off, the oldest first")

    def told(self) -> Iterator[Finding]:
        """What is paused, for `make x-status`; nothing if nothing is, and of what an older stack has not."""
        outputs = self.stack.deployment.outputs
        with step("Paused"):
            for source in (*SWEEPS, REPLIES) if "CheckpointsTableName" in outputs else ():
                until_ms = self._checkpoints.paused_until_ms(source, now_ms=self.now_ms())
                if until_ms is not None:
                    what = WHAT_WAITS[source] if source == REPLIES else self._position(source)
                    yield _told(source, f"{_end(until_ms)}; {what}")
            for source, queue in PAUSABLE_QUEUES.items():
                if f"{QUEUES[queue].prefix}QueueUrl" not in outputs:
                    continue
                mapped = self._mapped(source)
                if not mapped.is_enabled:
                    yield _told(source, f"({mapped.state}): {WHAT_WAITS[source]}")

    @property
    def _checkpoints(self) -> Checkpoints:
        return Checkpoints(self.stack.client("dynamodb"), self.stack.output("CheckpointsTableName"))

    def _position(self, source: str) -> str:
        position = self._checkpoints.position(source)
        if position is None:
            return "it has not read anything yet"
        return f"it has read up to post {position.newest_id} of {time_text(posted_at_ms(position.newest_id))}"

    def _switch(self, source: str, *, enabled: bool) -> Mapped:
        mapped = self._mapped(source)
        if mapped.is_enabled is not enabled:
            self.stack.client("lambda").update_event_source_mapping(UUID=mapped.uuid, Enabled=enabled)
        wanted = "Enabled" if enabled else "Disabled"
        for _ in range(POLLS):
            mapped = self._mapped(source)
            if mapped.state == wanted:
                return mapped
            self.sleep(POLL_SECONDS)
        raise failed(source, f"AWS says {mapped.state}, not yet {wanted}", "Run this again in a minute.")

    def _mapped(self, source: str) -> Mapped:
        arn = self._attributes(source)["QueueArn"]
        mappings = self.stack.client("lambda").list_event_source_mappings(EventSourceArn=arn)["EventSourceMappings"]
        if not mappings:
            raise failed(source, "no function reads its queue", "Deploy the stack again: sam build && sam deploy")
        return Mapped(mappings[0]["UUID"], mappings[0]["State"])

    def _retention_seconds(self, source: str) -> int:
        return int(self._attributes(source)["MessageRetentionPeriod"])

    def _attributes(self, source: str) -> dict[str, Any]:
        queue = QUEUES[PAUSABLE_QUEUES[source]]
        answer = self.stack.client("sqs").get_queue_attributes(
            QueueUrl=self.stack.output(f"{queue.prefix}QueueUrl"),
            AttributeNames=["QueueArn", "MessageRetentionPeriod"],
        )
        attributes: dict[str, Any] = answer["Attributes"]
        return attributes


def _end(until_ms: int) -> str:
    return "until it is resumed" if until_ms == UNTIL_RESUMED_MS else f"until {time_text(until_ms)}"


def _told(source: str, did: str) -> Finding:
    return Finding(Mark.NOTE, "Paused", f"{source} {did}", f"make resume-source SOURCE={source}")
