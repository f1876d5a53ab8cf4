"""What the functions ask of AWS, metered: calls, their bytes, DynamoDB's units, log lines, the processor's time.

The handlers run as in the functional tests, against moto with the tables of template.yaml. Time that moto takes is not
theirs and is subtracted; processor time is counted, so that a busy machine disturbs little.
"""

import io
import json
import logging
import math
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, cast

import pytest
from moto.core.botocore_stubber import BotocoreStubber
from moto.dynamodb.models import dynamodb_backends

from hashcart.domain.bot_tokens import BotToken
from hashcart.observability import clock_ms, logger
from hashcart.social.x.signature import sign
from hashcart.storage.bot_tokens import BotTokens
from local.settings import CONSUMER_SECRET
from tests.fakes import handlers
from tests.fakes.account_links import ADA, tie
from tests.fakes.aws import ACCOUNT, REGION, Aws, aws_account
from tests.fakes.clock import post_id
from tests.fakes.handlers import STORE, X_API, Bundle, http_event, sqs_event
from tests.fakes.internet import Internet

WORKERS = {"hashtag_parsing": "PostsQueue", "cart_insertion": "CartRequestsQueue", "outcome_delivery": "OutcomesQueue"}
SCHEDULED = ("mention_sweep", "outcome_delivery", "cart_reconciliation")
PARENT = "2092000000000000001"
# As long as Lambda's own, because they are in each log line.
FUNCTION = "hashcart-CartInsertionFunction-AbCdEfGhIjKl"
CONTEXT: dict[str, Any] = {
    "function_name": FUNCTION,
    "invoked_function_arn": f"arn:aws:lambda:us-east-1:123456789012:function:{FUNCTION}",
    "aws_request_id": "5b0c1c2e-8f6b-5a0e-9d3c-43d9a1f0b7e2",
}
WRITES = {"UpdateItem", "PutItem", "DeleteItem"}
WRITE_UNIT_BYTES, READ_UNIT_BYTES = 1024, 4096

MUG = {
    "id": "stoneware-mug",
    "title": "Stoneware mug",
    "price": {"amount": "12.50", "currency": "USD"},
    "max_quantity": 5,
    "marketplaces": ["store.localhost"],
}
PARENT_POST = {
    "id": PARENT,
    "author_id": "111",
    "text": "Our mug",
    "entities": {
        "urls": [{"url": "https://t.co/a", "expanded_url": "http://store.localhost:8401/products/stoneware-mug"}]
    },
}


@dataclass
class Usage:
    """What one function asked for, summed up over its invocations."""

    invocations: float = 0
    calls: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    """By service and operation, such as `dynamodb UpdateItem`."""
    sent_bytes: float = 0
    received_bytes: float = 0
    write_units: float = 0
    read_units: float = 0
    log_lines: float = 0
    log_bytes: float = 0
    processor_ms: float = 0
    other_requests: float = 0
    """Calls to X and to the store."""

    def per(self, count: int) -> "Usage":
        """The same for one of `count`."""
        numbers = {name: value / count for name, value in vars(self).items() if name != "calls"}
        return Usage(**numbers, calls={call: made / count for call, made in self.calls.items()})


class Meter:
    """Stands between botocore and moto."""

    def __init__(self) -> None:
        self.by_function: dict[str, Usage] = {}
        self._usage: Usage | None = None
        self._moto_seconds = 0.0
        self._log = io.StringIO()

    @contextmanager
    def function(self, name: str, internet: Internet) -> Iterator[None]:
        """Count what happens within as one invocation of a function."""
        self._usage = usage = self.by_function.setdefault(name, Usage())
        self._log.seek(0)
        self._log.truncate()
        self._moto_seconds, asked = 0.0, len(internet.requests)
        began = time.process_time()
        try:
            yield
        finally:
            usage.processor_ms += (time.process_time() - began - self._moto_seconds) * 1000
            usage.invocations += 1
            usage.other_requests += len(internet.requests) - asked
            lines = self._log.getvalue().encode().splitlines()
            usage.log_lines += len(lines)
            usage.log_bytes += sum(map(len, lines))
            self._usage = None

    @contextmanager
    def installed(self) -> Iterator["Meter"]:
        """Count from here on."""
        process = BotocoreStubber.process_request
        handler = cast("logging.StreamHandler[Any]", logger.registered_handler)

        def metered(stubber: BotocoreStubber, request: Any) -> Any:
            began = time.process_time()
            before = _item_bytes(request)
            answer = process(stubber, request)
            if self._usage is not None and answer is not None:
                self._count(self._usage, request, answer[2], max(before, _item_bytes(request)))
            self._moto_seconds += time.process_time() - began
            return answer

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(BotocoreStubber, "process_request", metered)
            stream = handler.setStream(self._log)
            try:
                yield self
            finally:
                handler.setStream(stream or sys.stdout)

    def _count(self, usage: Usage, request: Any, body: Any, item_bytes: int) -> None:
        service, operation = _names(request)
        usage.calls[f"{service} {operation}"] += 1
        usage.sent_bytes += len(request.body or b"") + sum(len(f"{name}: {value}") for name, value in _headers(request))
        usage.received_bytes += len(body)
        if service != "dynamodb":
            return
        document = json.loads(request.body)
        if operation in WRITES:
            usage.write_units += max(1, math.ceil(item_bytes / WRITE_UNIT_BYTES))
        elif operation == "TransactWriteItems":
            usage.write_units += 2 * len(document["TransactItems"])
        else:
            units = _units_read(operation, document, body, item_bytes)
            usage.read_units += units if document.get("ConsistentRead") else units / 2


def _units_read(operation: str, document: dict[str, Any], body: Any, item_bytes: int) -> int:
    if operation == "BatchGetItem":
        return sum(len(table["Keys"]) for table in document["RequestItems"].values())
    size = item_bytes if operation == "GetItem" else len(body)
    return max(1, math.ceil(size / READ_UNIT_BYTES))


def _names(request: Any) -> tuple[str, str]:
    target = dict(_headers(request))["x-amz-target"]
    prefix, _, operation = target.partition(".")
    return {"DynamoDB_20120810": "dynamodb", "AmazonSQS": "sqs"}.get(prefix, prefix), operation


def _headers(request: Any) -> list[tuple[str, str]]:
    pairs = ((name.lower(), value) for name, value in request.headers.items())
    return [(name, value.decode() if isinstance(value, bytes) else str(value)) for name, value in pairs]


def _item_bytes(request: Any) -> int:
    """The size of the item that a call is about, by DynamoDB's rule: names and values."""
    service, operation = _names(request)
    if service != "dynamodb" or operation not in WRITES | {"GetItem"}:
        return 0
    document = json.loads(request.body)
    table = dynamodb_backends[ACCOUNT][REGION].get_table(document["TableName"])
    whole = document.get("Key") or document["Item"]
    names = [name for name in (table.hash_key_attr, table.range_key_attr) if name]
    item = dynamodb_backends[ACCOUNT][REGION].get_item(document["TableName"], {name: whole[name] for name in names})
    return 0 if item is None else size_of({"M": item.to_json()["Attributes"]})


def size_of(value: dict[str, Any]) -> int:
    """The size of an attribute value in DynamoDB's notation, about as DynamoDB counts it."""
    ((kind, content),) = value.items()
    if kind == "M":
        return 3 + sum(len(name.encode()) + size_of(part) for name, part in content.items())
    if kind == "L":
        return 3 + sum(map(size_of, content))
    return len(content.encode()) if isinstance(content, str) and kind != "N" else len(str(content)) // 2 + 1


class Journey:
    """Replies on their way through all functions, each by another shopper, to one post that is known already."""

    def __init__(self, meter: Meter, aws: Aws, bundle: Bundle, internet: Internet) -> None:
        self._meter, self._aws, self._bundle, self._internet = meter, aws, bundle, internet
        self._number = 0

    def deliver(self, text: str, replies: int) -> None:
        """Each reply is a delivery of X's of its own."""
        for _ in range(replies):
            self._number += 1
            user = str(10_000 + self._number)
            link = replace(ADA, shopper_id=f"shopper-{user:0>28}", x_user_id=user, handle=f"shopper_{user}")
            tie(self._aws.dynamodb, replace(link, consented_at_ms=clock_ms() - 60_000))
            event = http_event("POST", **delivery(text, user, post_id(0, self._number, clock_ms())))
            self.invoke("webhook_intake", event)

    def work(self) -> None:
        """What waits in each queue is one batch of its function."""
        for function, queue in WORKERS.items():
            bodies = [json.dumps(body, separators=(",", ":")) for body in self._aws.received(queue)]
            if bodies and self.invoke(function, sqs_event(*bodies))["batchItemFailures"]:
                raise RuntimeError(f"{function} failed")

    def invoke(self, function: str, event: dict[str, Any]) -> dict[str, Any]:
        """One metered invocation."""
        with self._meter.function(function, self._internet):
            return self._bundle.invoke(function, event)


def delivery(text: str, user: str, reply: str, *, includes: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """Body and headers of X's delivery of a reply to the parent post, which may come along."""
    mentions = [{"start": 0, "end": 8, "username": "shopbot", "id": "900"}] if text.startswith("@shopbot") else []
    at = text.find("#")
    hashtags = [{"start": at, "end": at + 11, "tag": text[at + 1 : at + 11]}] if at >= 0 else []
    payload = {
        "id": reply,
        "edit_history_tweet_ids": [reply],
        "text": text,
        "author_id": user,
        "in_reply_to_user_id": "111",
        "referenced_tweets": [{"type": "replied_to", "id": PARENT}],
        "entities": {"hashtags": hashtags, "mentions": mentions},
    }
    along = {"includes": {"tweets": includes}} if includes else {}
    body = json.dumps({"data": {"event_type": "post.create", "payload": payload}, **along})
    return {"body": body, "headers": {"x-twitter-webhooks-signature": sign(CONSUMER_SECRET, body.encode())}}


@contextmanager
def journeys() -> Iterator[tuple[Journey, Meter]]:
    """Warm functions whose caches know the parent post and the product."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("AWS_ACCESS_KEY_ID", "x"), ("AWS_SECRET_ACCESS_KEY", "x"), ("AWS_DEFAULT_REGION", REGION)):
            patch.setenv(name, value)
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        patch.setenv("METRICS_NAMESPACE", "HashCart/benchmarks")
        patch.setattr(handlers, "Context", partial(handlers.Context, **CONTEXT))
        with aws_account() as aws:
            internet = Internet()
            internet.answer(f"GET {STORE}/api/products/stoneware-mug", (200, MUG))
            internet.answer(f"GET {X_API}/2/tweets", (200, {"data": [PARENT_POST]}))
            internet.answer(f"POST {X_API}/2/tweets", (201, {"data": {"id": "2092000000000000009", "text": "…"}}))
            for path in ("webhooks", "users/900/mentions", "tweets/search/recent"):
                internet.answer(f"GET {X_API}/2/{path}", (200, {"data": [], "meta": {"result_count": 0}}))
            tokens = BotToken("access", "refresh", clock_ms() + 7_200_000)
            BotTokens(aws.dynamodb, "BotTokensTable").save(tokens)
            meter = Meter()
            with meter.installed():
                journey = Journey(meter, aws, Bundle(aws, internet, patch), internet)
                journey.deliver("@shopbot #AmazonCart", 2)
                journey.work()
                for function in SCHEDULED:
                    journey.invoke(function, {})
                meter.by_function.clear()
                yield journey, meter


def meter_replies(text: str, batch: int, batches: int = 4) -> dict[str, Usage]:
    """What each function asks for, for one reply, in batches of this size."""
    with journeys() as (journey, meter):
        for _ in range(batches):
            journey.deliver(text, batch)
            journey.work()
        return {name: usage.per(batch * batches) for name, usage in meter.by_function.items()}


def meter_schedules(rounds: int = 4) -> dict[str, Usage]:
    """What each scheduled function asks for at a waking without work."""
    with journeys() as (journey, meter):
        for _ in range(rounds):
            for function in SCHEDULED:
                journey.invoke(function, {})
        return {name: usage.per(rounds) for name, usage in meter.by_function.items()}
