"""Faults at any outward call of a function, counted over AWS and HTTP together, and a Lambda that survives them."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError, ReadTimeoutError
from urllib3.exceptions import ProtocolError

from hashcart import observability
from hashcart.consumers import FIRST_RETRY_SECONDS, MAX_RECEIVES
from local.settings import CONSUMER_SECRET
from tests.fakes.aws import Aws
from tests.fakes.handlers import Bundle, http_event
from tests.fakes.internet import Answer, Internet, Request

from hashcart.social.x.signature import sign  # isort: skip


class KilledError(BaseException):
    """The function's process ends, in the middle of whatever it does."""


class Fault(Enum):
    """What happens at a call."""

    KILLED = "the process ends after the effect"
    REFUSED = "throttled or unavailable, without effect"
    UNANSWERED = "the answer is lost after the effect"


@dataclass
class Calls:
    """Counts the outward calls within `faulty`, and lets the one of the number `at` meet a fault."""

    fault: Fault = Fault.REFUSED
    at: int = 0
    made: list[str] = field(default_factory=list)
    is_watching: bool = False

    def install(self, monkeypatch: pytest.MonkeyPatch, internet: Internet) -> None:
        """Stand between the functions and everything else."""
        # The one place that every call of every client passes.
        call_aws: Callable[[BaseClient, str, dict[str, Any]], Any] = vars(BaseClient)["_make_api_call"]

        def api_call(client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
            return self._make(
                operation,
                lambda: call_aws(client, operation, parameters),
                refused=ClientError({"Error": {"Code": "ThrottlingException"}}, operation),
                unanswered=ReadTimeoutError(endpoint_url="http://aws.test"),
            )

        monkeypatch.setattr(BaseClient, "_make_api_call", api_call)
        for name, route in list(internet.routes.items()):
            internet.routes[name] = self._watched(name, route)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Only what happens in here counts."""
        self.is_watching = True
        try:
            yield
        finally:
            self.is_watching = False

    def _watched(self, name: str, route: Callable[[Request], Answer]) -> Callable[[Request], Answer]:
        def answer(request: Request) -> Answer:
            lost = ProtocolError("Connection aborted.")
            try:
                made: Answer = self._make(name, lambda: route(request), refused=lost, unanswered=lost)
            except ProtocolError as error:
                return error
            return made

        return answer

    def _make(self, name: str, call: Callable[[], Any], *, refused: Exception, unanswered: Exception) -> Any:
        if not self.is_watching:
            return call()
        self.made.append(name)
        if len(self.made) != self.at:
            return call()
        if self.fault is Fault.REFUSED:
            raise refused
        call()
        raise KilledError if self.fault is Fault.KILLED else unanswered


class Hours:
    """The functions' clock, which tests put forward."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._ahead_ns = 0
        monkeypatch.setattr(observability, "time", self)

    def time_ns(self) -> int:
        return time.time_ns() + self._ahead_ns

    def pass_by(self, seconds: float) -> None:
        self._ahead_ns += int(seconds * 1_000_000_000)


LONGEST_WAITS = 20
RETRY_FACTOR = 3
"""By how much each wait is longer than the one before: at least, as `hashtag_parsing` waits longer."""
WAYS = (
    ("hashtag_parsing", "PostsQueue"),
    ("cart_insertion", "CartRequestsQueue"),
    ("outcome_delivery", "OutcomesQueue"),
)


@dataclass
class Lambda:
    """Invokes the functions as AWS does: what fails or is killed comes again, and after five times to `given_up`."""

    aws: Aws
    bundle: Bundle
    calls: Calls
    hours: Hours
    waiting: dict[str, list[tuple[str, int]]] = field(default_factory=lambda: {queue: [] for _, queue in WAYS})
    given_up: list[tuple[str, str]] = field(default_factory=list)

    def deliver(self, *events: dict[str, Any]) -> None:
        """X's webhook, tried until it takes everything."""
        for event in events:
            body = json.dumps({"data": event})
            headers = {"x-twitter-webhooks-signature": sign(CONSUMER_SECRET, body.encode())}
            request = http_event("POST", body=body, headers=headers)
            while (answer := self.invoke("webhook_intake", request)) is None or answer["statusCode"] != 200:
                self.hours.pass_by(60)

    def invoke(self, function: str, event: dict[str, Any]) -> dict[str, Any] | None:
        """One invocation; None if it was killed, so that the next is a cold start, or if it failed."""
        try:
            with self.calls.watching():
                return self.bundle.invoke(function, event)
        except KilledError:
            self.bundle.restart()
        except (ClientError, ReadTimeoutError):
            pass  # an error of a schedule's invocation: the next one comes in a minute
        return None

    def work(self) -> None:
        """Let the functions work until nothing is in their queues."""
        while True:
            for _, queue in WAYS:
                bodies = (json.dumps(body) for body in self.aws.received(queue))
                self.waiting[queue] += [(body, 1) for body in bodies]
            if not any(self.waiting.values()):
                return
            for function, queue in WAYS:
                self._batch(function, queue)

    def rest(self) -> None:
        """Let the queues work, and the schedules each time that something is due, until nothing waits any more."""
        self.work()
        for _ in range(LONGEST_WAITS):
            waiting = self.aws.dynamodb.scan(TableName="PendingTable")["Items"]
            if not waiting:
                return
            due_ms = min(int(item["due"]["S"].split("#")[0]) for item in waiting)
            self.hours.pass_by(max(0, due_ms - observability.clock_ms()) / 1000 + 1)
            for function in ("cart_reconciliation", "outcome_delivery"):
                self.invoke(function, {})
            self.work()
        raise AssertionError("something waits for ever")

    def dead_letters(self) -> set[str]:
        """What the dead-letter queues hold, moved there by the functions or by SQS."""
        for _, queue in WAYS:
            moved = self.aws.received(queue.removesuffix("Queue") + "DeadLetterQueue")
            self.given_up += [(queue, json.dumps(body)) for body in moved]
        return {body for _, body in self.given_up}

    def redrive(self) -> None:
        """Send the dead letters to their queues again, and keep them, as for a second redrive."""
        for queue, body in self.given_up:
            self.waiting[queue].append((body, 1))

    def _batch(self, function: str, queue: str) -> None:
        batch, self.waiting[queue] = self.waiting[queue][:10], self.waiting[queue][10:]
        if not batch:
            return
        answer = self.invoke(function, _records(batch))
        names = {f"message-{number}" for number in range(len(batch))}
        failed = names if answer is None else {entry["itemIdentifier"] for entry in answer["batchItemFailures"]}
        if failed:
            # A killed reader's leases, and the pauses of a store that is down, have ended when SQS brings them again.
            receives = min(received for number, (_, received) in enumerate(batch) if f"message-{number}" in failed)
            self.hours.pass_by(180 if answer is None else FIRST_RETRY_SECONDS * RETRY_FACTOR ** (receives - 1))
            self.bundle.restart()
        for number, (body, receives) in enumerate(batch):
            if f"message-{number}" not in failed:
                continue
            if receives == MAX_RECEIVES:
                self.given_up.append((queue, body))
            else:
                self.waiting[queue].append((body, receives + 1))


def _records(batch: list[tuple[str, int]]) -> dict[str, Any]:
    return {
        "Records": [
            {
                "messageId": f"message-{number}",
                "receiptHandle": f"receipt-{number}",
                "body": body,
                "attributes": {"ApproximateReceiveCount": str(receives)},
            }
            for number, (body, receives) in enumerate(batch)
        ]
    }
