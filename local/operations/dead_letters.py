"""What lies in a dead-letter queue, and why: read without taking anything out of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hashcart.consumers import MALFORMED, REASON, post_id_of
from hashcart.messages.cart_requests import read_cart_request, read_to_parse
from hashcart.messages.email_feedback import read_email_event
from hashcart.messages.outcomes import read_outcome
from hashcart.reading import MalformedError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

WITHOUT_REASON = "without_reason"
"""What SQS itself moved: the function ended before it could say why."""

VISIBILITY_SECONDS = 300
BATCH = 10
MOST = 10_000
"""How many letters one command looks at; far fewer than SQS lets be received at once (120,000)."""


@dataclass(frozen=True)
class Queue:
    """A queue by its name in commands: its outputs begin with `prefix`, `read` is how its function reads messages."""

    prefix: str
    function: str
    read: Callable[[str], Any]
    is_of_posts: bool = True
    """Whether what it holds is refused once its post is 14 days old."""


QUEUES: Mapping[str, Queue] = {
    "posts": Queue("Posts", "hashtag_parsing", read_to_parse),
    "cart-requests": Queue("CartRequests", "cart_insertion", read_cart_request),
    "outcomes": Queue("Outcomes", "outcome_delivery", read_outcome, is_of_posts=False),
    "email-feedback": Queue("EmailFeedback", "email_feedback", read_email_event, is_of_posts=False),
}


@dataclass(frozen=True)
class DeadLetter:
    """A message that failed. Its body is never shown; `post_id` is the post that it is about, if that can be told."""

    id: str
    receipt: str = field(repr=False)
    body: str = field(repr=False)
    reason: str
    sent_at_ms: int
    post_id: str | None
    author_id: str | None


class DeadLetters:
    """The dead-letter queue of a queue. What was read is hidden for five minutes, unless it is released."""

    def __init__(self, sqs: SQSClient, url: str, queue: Queue, *, wait_seconds: int) -> None:
        self._sqs = sqs
        self._url = url
        self._queue = queue
        self._wait_seconds = wait_seconds

    def batches(self) -> Iterator[list[DeadLetter]]:
        """Everything, each letter once, a batch at a time; MOST at most."""
        seen: set[str] = set()
        while len(seen) < MOST:
            answer = self._sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=BATCH,
                VisibilityTimeout=VISIBILITY_SECONDS,
                # A long poll asks all of SQS's servers, so that an empty answer means an empty queue.
                WaitTimeSeconds=self._wait_seconds,
                MessageAttributeNames=[REASON],
                MessageSystemAttributeNames=["SentTimestamp"],
            )
            letters = [self._read(message) for message in answer.get("Messages", [])]
            new = [letter for letter in letters if letter.id not in seen]
            if not new:
                return
            seen |= {letter.id for letter in new}
            yield new

    def remove(self, letters: Sequence[DeadLetter]) -> int:
        """Take letters out; returns how many SQS left in."""
        left = 0
        for batch in _batches(letters):
            answer = self._sqs.delete_message_batch(
                QueueUrl=self._url,
                Entries=[{"Id": str(place), "ReceiptHandle": letter.receipt} for place, letter in enumerate(batch)],
            )
            left += len(answer.get("Failed", []))
        return left

    def release(self, letters: Sequence[DeadLetter]) -> None:
        """Let letters be seen again at once."""
        for batch in _batches(letters):
            self._sqs.change_message_visibility_batch(
                QueueUrl=self._url,
                Entries=[
                    {"Id": str(place), "ReceiptHandle": letter.receipt, "VisibilityTimeout": 0}
                    for place, letter in enumerate(batch)
                ],
            )

    def _read(self, message: Mapping[str, Any]) -> DeadLetter:
        reason = message.get("MessageAttributes", {}).get(REASON, {}).get("StringValue", WITHOUT_REASON)
        try:
            read = self._queue.read(message["Body"])
        except MalformedError:
            read, reason = None, MALFORMED
        return DeadLetter(
            id=message["MessageId"],
            receipt=message["ReceiptHandle"],
            body=message["Body"],
            reason=reason,
            sent_at_ms=int(message["Attributes"]["SentTimestamp"]),
            post_id=post_id_of(read),
            author_id=getattr(getattr(read, "post", read), "author_id", None),
        )


def _batches(letters: Sequence[DeadLetter]) -> Iterator[Sequence[DeadLetter]]:
    for start in range(0, len(letters), BATCH):
        yield letters[start : start + BATCH]
