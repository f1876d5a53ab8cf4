"""Sending to SQS: in batches, with the entries that SQS refused tried again."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageAttributeValueTypeDef

MAX_BATCH_ENTRIES = 10
MAX_BATCH_BYTES = 1024 * 1024
ATTEMPTS = 3
BACKOFF_SECONDS = 0.1


class MessageTooLargeError(Exception):
    """A message that SQS would never take."""


class NotSentError(Exception):
    """SQS refused a message."""


def send_all(
    client: "SQSClient",
    queue_url: str,
    bodies: Sequence[str],
    *,
    attributes: Mapping[str, str] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> frozenset[int]:
    """Send every body; returns the positions of those that SQS still refuses after three attempts.

    Each message carries the `attributes`.

    Raises MessageTooLargeError before sending anything if a body is over 1 MiB.
    """
    waiting = list(range(len(bodies)))
    for attempt in range(ATTEMPTS):
        if attempt:
            sleep(BACKOFF_SECONDS * 2**attempt)
        waiting = [
            position for batch in _batches(bodies, waiting) for position in _send(client, queue_url, batch, attributes)
        ]
        if not waiting:
            break
    return frozenset(waiting)


def send_or_raise(client: "SQSClient", queue_url: str, body: str, attributes: Mapping[str, str] | None = None) -> None:
    """Send one body. Raises NotSentError if SQS refuses it."""
    if send_all(client, queue_url, [body], attributes=attributes):
        raise NotSentError(queue_url)


def _batches(bodies: Sequence[str], positions: Sequence[int]) -> Iterator[dict[int, str]]:
    batch: dict[int, str] = {}
    size = 0
    for position in positions:
        length = len(bodies[position].encode())
        if length > MAX_BATCH_BYTES:
            raise MessageTooLargeError(f"a message of {length} bytes")
        if batch and (len(batch) == MAX_BATCH_ENTRIES or size + length > MAX_BATCH_BYTES):
            yield batch
            batch, size = {}, 0
        batch[position] = bodies[position]
        size += length
    if batch:
        yield batch


def _send(
    client: "SQSClient", queue_url: str, batch: dict[int, str], attributes: Mapping[str, str] | None
) -> list[int]:
    attached: dict[str, MessageAttributeValueTypeDef] = {
        name: {"DataType": "String", "StringValue": value} for name, value in (attributes or {}).items()
    }
    try:
        answer = client.send_message_batch(
            QueueUrl=queue_url,
            Entries=[
                {"Id": str(position), "MessageBody": body, "MessageAttributes": attached}
                for position, body in batch.items()
            ],
        )
    except (BotoCoreError, ClientError):
        return list(batch)
    accepted = {entry["Id"] for entry in answer.get("Successful", [])}
    return [position for position in batch if str(position) not in accepted]
