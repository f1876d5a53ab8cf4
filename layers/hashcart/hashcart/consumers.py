"""Reading from SQS: malformed messages go to the dead-letter queue at once, the others succeed or fail alone.

Powertools' batch processor hands a function one record at a time, while a batch here is looked up and sent on as a
whole; and importing it costs as much as pydantic (`benchmarks/cold_start.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import TypeAdapter, ValidationError

from hashcart.observability import logger, report_failure
from hashcart.queues import NotSentError, send_all, send_or_raise

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

MAX_RECEIVES = 5
"""`maxReceiveCount` of every queue: the receive after which SQS gives a message up."""

FIRST_RETRY_SECONDS = 2


class OutOfTimeError(Exception):
    """The invocation has to end before this delivery could be begun."""


@dataclass(frozen=True, slots=True)
class Delivery[T]:
    """One message as received: `id` names this delivery, `is_last` says that SQS will not bring it again."""

    id: str
    message: T
    is_last: bool


class Consumer[T]:
    """The messages of one queue, as values of `message_type`."""

    def __init__(
        self,
        message_type: TypeAdapter[T],
        client: "SQSClient",
        *,
        source_queue_url: str,
        dead_letter_queue_url: str,
        retry_factor: int = 3,
    ) -> None:
        self._message_type = message_type
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
        failures: dict[str, Exception] = {}
        deliveries = [delivery for record in event["Records"] if (delivery := self._parse(record, failures))]
        failures |= use_case(deliveries)
        failed = [record for record in event["Records"] if record["messageId"] in failures]
        self._retry_soon(failed)
        return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in failed]}

    def _parse(self, record: Mapping[str, Any], failures: dict[str, Exception]) -> Delivery[T] | None:
        try:
            message = self._message_type.validate_json(record["body"])
        except ValidationError as error:
            logger.error(
                "malformed message",
                extra={"message_id": record["messageId"], "reason": _without_input(error)},
            )
            try:
                send_or_raise(self._client, self._dead_letter_queue_url, record["body"])
            except NotSentError as refused:
                failures[record["messageId"]] = refused
            return None
        return Delivery(record["messageId"], message, _receives(record) >= MAX_RECEIVES)

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
            report_failure(getattr(delivery.message, "post_id", None), "failed", error)
            failures[delivery.id] = error
    return results, failures


def _receives(record: Mapping[str, Any]) -> int:
    return int(record["attributes"]["ApproximateReceiveCount"])


def _without_input(error: ValidationError) -> list[str]:
    details = error.errors(include_url=False, include_context=False, include_input=False)
    return [f"{'.'.join(map(str, detail['loc']))}: {detail['type']}" for detail in details[:5]]
