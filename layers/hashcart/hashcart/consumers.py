"""Reading from SQS: malformed messages go to the dead-letter queue at once, the others succeed or fail alone.

What fails for the last time is put into the dead-letter queue here, before SQS would move it there, because only here
is it known why: the attribute `reason` of each message there says so, and operators redrive by it. A message without
one was moved by SQS, as its function crashed or ran out of time.

Powertools' batch processor hands a function one record at a time, while a batch here is looked up and sent on as a
whole; and importing it costs as much as pydantic (`benchmarks/cold_start.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from hashcart.observability import failure_of, logger, report_failure
from hashcart.queues import NotSentError, send_all, send_or_raise
from hashcart.reading import MalformedError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

MAX_RECEIVES = 5
"""`maxReceiveCount` of every queue: the receive after which SQS gives a message up."""

FIRST_RETRY_SECONDS = 2

REASON = "reason"
"""The attribute of a dead letter that says why it is one: `MALFORMED`, or the type of the failure."""

MALFORMED = "malformed"


class OutOfTimeError(Exception):
    """The invocation has to end before this delivery could be begun."""


@dataclass(frozen=True, slots=True)
class Delivery[T]:
    """One message as received: `id` names this delivery, `is_last` says that SQS will not bring it again."""

    id: str
    message: T
    is_last: bool


class Consumer[T]:
    """The messages of one queue, as `read` makes them of their bodies; it raises MalformedError."""

    def __init__(
        self,
        read: Callable[[str], T],
        client: "SQSClient",
        *,
        source_queue_url: str,
        dead_letter_queue_url: str,
        retry_factor: int = 3,
    ) -> None:
        self._read = read
        self._client = client
        self._source_queue_url = source_queue_url
        self._dead_letter_queue_url = dead_letter_queue_url
        self._retry_factor = retry_factor

    def process(
        self,
        event: dict[str, Any],
        use_case: Callable[[Sequence[Delivery[T]]], Mapping[str, Exception]],
    ) -> dict[str, list[dict[str, str]]]:
        """Hand the well-formed messages to `use_case`, which answers with the error of each delivery that failed.

        Returns what Lambda's SQS mapping takes for `ReportBatchItemFailures`: the items that must come again.
        """
        unmoved: set[str] = set()
        deliveries = [delivery for record in event["Records"] if (delivery := self._parse(record, unmoved))]
        failures = use_case(deliveries)
        messages = {delivery.id: delivery.message for delivery in deliveries}
        failed = [
            record
            for record in event["Records"]
            if (delivery_id := record["messageId"]) in unmoved
            or (
                delivery_id in failures
                and not self._give_up(record, post_id_of(messages[delivery_id]), failures[delivery_id])
            )
        ]
        self._retry_soon(failed)
        return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in failed]}

    def _parse(self, record: Mapping[str, Any], unmoved: set[str]) -> Delivery[T] | None:
        try:
            message = self._read(record["body"])
        except MalformedError as error:
            logger.error("malformed message", extra={"message_id": record["messageId"], "reason": str(error)})
            if not self._put_aside(record, MALFORMED):
                unmoved.add(record["messageId"])
            return None
        return Delivery(record["messageId"], message, _receives(record) >= MAX_RECEIVES)

    def _give_up(self, record: Mapping[str, Any], post_id: str | None, error: Exception) -> bool:
        """Whether this was the last receive and the message lies in the dead-letter queue now; else it comes again."""
        if _receives(record) < MAX_RECEIVES or not self._put_aside(record, failure_of(error)):
            return False
        logger.error("post", extra={"post_id": post_id, "outcome": "given_up", "reason": failure_of(error)})
        return True

    def _put_aside(self, record: Mapping[str, Any], reason: str) -> bool:
        """Send a copy to the dead-letter queue. False if SQS refuses it, so that the message itself has to stay."""
        try:
            send_or_raise(self._client, self._dead_letter_queue_url, record["body"], {REASON: reason})
        except NotSentError as error:
            report_failure(None, "not_put_aside", error)
            return False
        return True

    def _retry_soon(self, failed: Sequence[Mapping[str, Any]]) -> None:
        """Bring failed items back within seconds; where SQS refuses that, the visibility time-out does it later."""
        if not failed:
            return
        try:
            self._client.change_message_visibility_batch(
                QueueUrl=self._source_queue_url,
                Entries=[
                    {
                        "Id": str(position),
                        "ReceiptHandle": record["receiptHandle"],
                        "VisibilityTimeout": FIRST_RETRY_SECONDS * self._retry_factor ** (_receives(record) - 1),
                    }
                    for position, record in enumerate(failed)
                ],
            )
        except (BotoCoreError, ClientError) as error:
            report_failure(None, "retry_not_hastened", error)


def forward(client: "SQSClient", queue_url: str, bodies: Mapping[str, Sequence[str]]) -> dict[str, Exception]:
    """Send the bodies that each delivery led to; answers with an error for each delivery that has one left unsent."""
    owners = [delivery_id for delivery_id, own in bodies.items() for _ in own]
    unsent = send_all(client, queue_url, [body for own in bodies.values() for body in own])
    failures: dict[str, Exception] = {owners[position]: NotSentError(queue_url) for position in unsent}
    for error in failures.values():
        report_failure(None, "not_sent", error)
    return failures


def each[T, R](
    deliveries: Sequence[Delivery[T]], use_case: Callable[[Delivery[T]], R], *, has_time: Callable[[], bool]
) -> tuple[dict[str, R], dict[str, Exception]]:
    """Apply `use_case` to every delivery; the results of those that succeed and the errors of those that fail.

    What there is no time left for comes again, so that a slow store or network costs no finished work.
    """
    results: dict[str, R] = {}
    failures: dict[str, Exception] = {}
    for delivery in deliveries:
        if not has_time():
            failures[delivery.id] = OutOfTimeError()
            continue
        try:
            results[delivery.id] = use_case(delivery)
        except Exception as error:  # noqa: BLE001 - an item that fails in any way must not take its batch along
            report_failure(post_id_of(delivery.message), "failed", error)
            failures[delivery.id] = error
    return results, failures


def post_id_of(message: object) -> str | None:
    """The post that a message is about, if it is about one."""
    post_id = getattr(message, "post_id", None) or getattr(getattr(message, "post", message), "id", None)
    return post_id if isinstance(post_id, str) else None


def _receives(record: Mapping[str, Any]) -> int:
    return int(record["attributes"]["ApproximateReceiveCount"])
