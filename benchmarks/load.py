"""Replies on the embedded stack while everything fails: `make load`. A ledger of what was sent against every cart.

It signs webhook bodies as X does and sends each at least once, out of order, between bodies that are no use to anybody.
Meanwhile DynamoDB throttles, it and SQS drop connections after they have acted, workers of the functions are killed,
and X and the store fail, limit and hang. What ends in a dead-letter queue is redriven twice. Then every reply must
stand on its cart line exactly once, every line must come to what its newest reply asks for, and no post may have two
answers.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx

from hashcart.domain.account_links import AccountLink, StoreAccount
from hashcart.domain.cart_lines import LineState
from hashcart.domain.posts import SNOWFLAKE_SEQUENCE_BITS, X_EPOCH_MS, order_key
from hashcart.observability import clock_ms
from hashcart.social.x.signature import sign
from hashcart.storage.account_links import AccountLinks
from hashcart.storage.activity import row_from_item
from hashcart.storage.carts import line_from_item
from hashcart.storage.table import from_item
from local.settings import LocalSettings, from_environment
from local.stack.aws import AwsClients, connect
from local.stack.deployment import Deployment, local_deploy_settings

FAULTS = ("duplicates", "bad-input", "poison", "throttles", "cuts", "kills", "x", "store")
PRODUCTS = ("stoneware-mug", "linen-throw", "quiet-migraine", "night-drive-lp")
REPLIES_A_SHOPPER = 20
REPLIES_A_PARENT = 25
FUNCTIONS = ("WebhookIntake", "HashtagParsing", "CartInsertion", "OutcomeDelivery", "CartReconciliation")
QUEUES = ("Posts", "CartRequests", "Outcomes")
SENDERS = 8
SEND_ATTEMPTS = 40
SUMMONED_BY = "555"
BOT = "900"


@dataclass(frozen=True)
class Plan:
    """What a run does."""

    replies: int
    faults: frozenset[str]
    answers: int = 5
    seed: int = 1
    longest_drain_seconds: int = 1800
    longest_faulty_drain_seconds: int = 20
    """How long everything goes on failing once all is sent: by then a small load may still wait for cold starts."""

    throttled_share: float = 0.15
    cut_share: float = 0.03


@dataclass
class Reply:
    """One reply that was sent, and what was found of it in the end."""

    post_id: str
    author_id: str
    shopper_id: str
    product: str
    quantity: int
    parent_id: str
    deliveries: int = 0
    found: int = 0
    quantity_found: int | None = None
    outcome: str | None = None

    @property
    def verdict(self) -> str:
        """Lost, double, wrong, or right."""
        if self.found == 0 or self.outcome is None:
            return "lost"
        if self.found > 1:
            return "double"
        return "right" if self.quantity_found == self.quantity else "wrong"


@dataclass
class Result:
    """What a run came to."""

    replies: list[Reply]
    faults: Counter[str] = field(default_factory=Counter)
    sent_seconds: float = 0.0
    drain_seconds: float = 0.0
    is_drained: bool = False
    wrong_lines: list[str] = field(default_factory=list)
    wrong_answers: list[str] = field(default_factory=list)
    wrong_statuses: list[str] = field(default_factory=list)
    dead_letters: Counter[str] = field(default_factory=Counter)
    missing_poison: int = 0
    answers: int = 0

    def count(self, verdict: str) -> int:
        """How many replies ended so."""
        return sum(reply.verdict == verdict for reply in self.replies)

    @property
    def is_right(self) -> bool:
        """Whether nothing was lost, double or wrong."""
        wrong = (self.wrong_lines, self.wrong_answers, self.wrong_statuses, self.missing_poison)
        return self.is_drained and self.count("right") == len(self.replies) and not any(wrong)

    def table(self) -> str:
        """The run in a few lines."""
        rows = {
            "replies": len(self.replies),
            "deliveries": sum(reply.deliveries for reply in self.replies),
            "lost": self.count("lost"),
            "double": self.count("double"),
            "wrong quantity": self.count("wrong"),
            "wrong lines": len(self.wrong_lines),
            "answers, one a post": self.answers,
            "posts with another number of answers": len(self.wrong_answers),
            "bad input answered otherwise than by 4xx": len(self.wrong_statuses),
            "poison not in a dead-letter queue": self.missing_poison,
            "dead letters, redriven twice": sum(self.dead_letters.values()),
            "sent within, s": round(self.sent_seconds),
            "drained after, s": round(self.drain_seconds) if self.is_drained else "not drained",
            "replies a second, sending and draining": round(len(self.replies) / max(self.drain_seconds, 1), 1),
        }
        injected = {f"fault: {name}": count for name, count in sorted(self.faults.items())}
        reasons = {f"dead letter: {name}": count for name, count in sorted(self.dead_letters.items())}
        width = max(map(len, rows | injected | reasons))
        return "\n".join(f"{name:<{width}}  {value:>8}" for name, value in (rows | injected | reasons).items())

    def write(self, path: Path) -> None:
        """The ledger: one JSON line a reply."""
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = (json.dumps(asdict(reply) | {"verdict": reply.verdict}) for reply in self.replies)
        path.write_text("".join(f"{line}\n" for line in lines))


class FaultyProxy:
    """Stands before the emulator: throttles calls, and drops connections after the call has had its effect."""

    def __init__(self, upstream_port: int, plan: Plan, faults: Counter[str]) -> None:
        self._upstream_port = upstream_port
        self._throttled = plan.throttled_share if "throttles" in plan.faults else 0.0
        self._cut = plan.cut_share if "cuts" in plan.faults else 0.0
        self._faults = faults
        self._random = random.Random(plan.seed)  # noqa: S311 - faults, no secrets
        self._loop = asyncio.new_event_loop()
        self.is_faulty = True
        self.port = 0

    @contextlib.contextmanager
    def running(self) -> Iterator["FaultyProxy"]:
        """Listen on a port of its own, in a thread."""
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join(timeout=5)
            self._loop.run_until_complete(self._end(server))
            self._loop.close()

    async def _end(self, server: asyncio.Server) -> None:
        """Let go of every connection."""
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                request = await _message(reader)
                if self._happens("throttled", self._throttled) and b"DynamoDB" in request:
                    writer.write(_THROTTLED)
                else:
                    upstream = upstream or await asyncio.open_connection("127.0.0.1", self._upstream_port)
                    upstream[1].write(request)
                    answer = await _message(upstream[0])
                    if self._happens("cut", self._cut):
                        break
                    writer.write(answer)
                await writer.drain()
        for stream in (writer, *([upstream[1]] if upstream else [])):
            stream.close()

    def _happens(self, name: str, share: float) -> bool:
        happens = self.is_faulty and self._random.random() < share
        self._faults[name] += happens
        return happens


_ERROR = b'{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slow down"}'
_THROTTLED = b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: %d\r\n\r\n%b" % (
    len(_ERROR),
    _ERROR,
)


async def _message(reader: asyncio.StreamReader) -> bytes:
    """One HTTP message, whole."""
    head = await reader.readuntil(b"\r\n\r\n")
    fields = dict(line.split(b":", 1) for line in head.lower().split(b"\r\n")[1:] if b":" in line)
    if b"chunked" in fields.get(b"transfer-encoding", b""):
        body = b""
        while not body.endswith(b"0\r\n\r\n"):
            body += await reader.readuntil(b"\r\n")
        return head + body
    return head + await reader.readexactly(int(fields.get(b"content-length", b"0")))


class Run:
    """One run on a stack that runs."""

    def __init__(self, settings: LocalSettings, plan: Plan, say: Callable[[str], object] = print) -> None:
        self._settings = settings
        self._plan = plan
        self._say = say
        self._random = random.Random(plan.seed)  # noqa: S311 - an order of deliveries, no secrets
        self._outputs: dict[str, str] = json.loads(settings.outputs_file.read_text())
        self._clients: AwsClients = connect(settings)
        self._deployment = Deployment(self._clients, local_deploy_settings()["stack_name"])
        self._x = httpx.Client(base_url=settings.x_api_base_url, timeout=30)
        self._store = httpx.Client(base_url=settings.store_base_url, timeout=30)
        self._webhook = httpx.Client(timeout=60, limits=httpx.Limits(max_connections=SENDERS))
        self._faults: Counter[str] = Counter()
        self._over = threading.Event()
        self._poison: list[str] = []

    def __call__(self) -> Result:
        """Send, drain, redrive, drain, and look at every cart."""
        replies = self._replies()
        result = Result(replies, self._faults)
        began = time.monotonic()
        with FaultyProxy(self._settings.aws_port, self._plan, self._faults).running() as proxy, self._behind(proxy):
            troubles = [threading.Thread(target=trouble, daemon=True) for trouble in self._troubles()]
            for trouble in troubles:
                trouble.start()
            self._put_poison()
            asked = self._ask_for_answers()
            result.wrong_statuses = self._send(replies)
            result.sent_seconds = time.monotonic() - began
            self._say(f"sent after {result.sent_seconds:.0f} s")
            self._drain(self._plan.longest_faulty_drain_seconds)
            self._over.set()
            for trouble in troubles:
                trouble.join(timeout=30)
            self._end_troubles()
            proxy.is_faulty = False
            result.is_drained = self._drain(self._plan.longest_drain_seconds)
            result.dead_letters = self._redrive_twice()
            result.is_drained = self._drain(self._plan.longest_drain_seconds) and result.is_drained
            result.drain_seconds = time.monotonic() - began
        self._look_at_carts(result)
        self._look_at_answers(result, asked)
        result.missing_poison = len(set(self._poison) - set(self._dead_bodies()))
        self._close()
        return result

    def _close(self) -> None:
        for http in (self._x, self._store, self._webhook):
            http.close()
        for aws in vars(self._clients).values():
            aws.close()

    def _replies(self) -> list[Reply]:
        """The replies, of shoppers that are linked for this run, below posts that are made for it."""
        now_ms = time.time_ns() // 1_000_000
        links = AccountLinks(self._clients.dynamodb, self._outputs["AccountLinksTableName"])
        count = self._plan.replies
        shoppers = [self._shopper(links, now_ms, number) for number in range(-(-count // REPLIES_A_SHOPPER))]
        parents = [self._parent(number) for number in range(-(-count // REPLIES_A_PARENT))]
        replies = []
        for number in range(count):
            author_id, shopper_id = shoppers[number % len(shoppers)]
            product, parent_id = parents[self._random.randrange(len(parents))]
            post = ((now_ms - X_EPOCH_MS) << SNOWFLAKE_SEQUENCE_BITS) + number
            replies.append(Reply(str(post), author_id, shopper_id, product, self._random.randint(1, 3), parent_id))
        return replies

    def _shopper(self, links: AccountLinks, now_ms: int, number: int) -> tuple[str, str]:
        author_id = f"7{now_ms % 10**9:09d}{number:05d}"
        shopper = links.shopper_of(StoreAccount(self._settings.store_base_url, f"load-{author_id}"), now_ms=now_ms)
        link = AccountLink(
            shopper.shopper_id, author_id, f"load_{number}", self._settings.marketplace, "US", "en",
            now_ms - 3_600_000, "1",
        )  # fmt: skip
        links.link(link, now_ms=now_ms)
        return author_id, shopper.shopper_id

    def _parent(self, number: int) -> tuple[str, str]:
        product = PRODUCTS[number % len(PRODUCTS)]
        text = f"Number {number}: {self._settings.shop_site_url}/products/{product}"
        made = self._x.post("/simulator/posts", json={"author": "111", "text": text}).raise_for_status()
        return product, str(made.json()["id"])

    def _send(self, replies: Sequence[Reply]) -> list[str]:
        """Every delivery in an order of its own; returns the answers to bad input that were no 4xx."""
        work: list[Reply | tuple[bytes, str | None]] = []
        for reply in replies:
            again = self._random.choices((1, 2, 3), (6, 3, 1))[0] if "duplicates" in self._plan.faults else 1
            work += [reply] * again
        if "bad-input" in self._plan.faults:
            work += [self._bad_input(number) for number in range(max(6, len(replies) // 50))]
        if "duplicates" in self._plan.faults:
            self._random.shuffle(work)
        wrong: list[str] = []

        def send(job: Reply | tuple[bytes, str | None]) -> None:
            if isinstance(job, Reply):
                job.deliveries += 1
                self._deliver(job)
                return
            self._faults["bad input"] += 1
            status = self._post(job[0], job[1])
            if not 400 <= status < 500:  # noqa: PLR2004 - the class of what the sender did wrong
                wrong.append(str(status))

        with ThreadPoolExecutor(SENDERS) as pool:
            list(pool.map(send, work))
        return wrong

    def _deliver(self, reply: Reply) -> None:
        """As X does: again and again until the webhook takes it."""
        text = f"#AmazonCart x{reply.quantity}"
        payload = {
            "id": reply.post_id,
            "text": text,
            "author_id": reply.author_id,
            "in_reply_to_user_id": "111",
            "referenced_tweets": [{"type": "replied_to", "id": reply.parent_id}],
            "entities": {"hashtags": [{"start": 0, "end": 11, "tag": "AmazonCart"}]},
        }
        body = json.dumps({"data": {"event_type": "post.create", "payload": payload}}).encode()
        for attempt in range(SEND_ATTEMPTS):
            if self._post(body, None) == httpx.codes.OK:
                return
            self._faults["delivery refused"] += 1
            time.sleep(min(5.0, 0.1 * 2**attempt))

    def _post(self, body: bytes, signature: str | None) -> int:
        signed = sign(self._settings.consumer_secret, body) if signature is None else signature
        headers = {"x-twitter-webhooks-signature": signed, "content-type": "application/json"}
        try:
            return self._webhook.post(self._outputs["WebhookUrl"], content=body, headers=headers).status_code
        except httpx.HTTPError:
            return 599

    def _bad_input(self, number: int) -> tuple[bytes, str | None]:
        kinds: tuple[tuple[bytes, str | None], ...] = (
            (b'{"data":{}}', "sha256=AAAA"),
            (b'{"data":', None),
            (b'{"data":"\xff"}', None),
            (b"[" * 50_000, None),
            (b"x" * (1024 * 1024 + 1), None),
            (b"", None),
        )
        return kinds[number % len(kinds)]

    def _put_poison(self) -> None:
        """Messages in the queues that no function of ours can have written."""
        if "poison" not in self._plan.faults:
            return
        kinds = ("poison %d", '{"kind":"post","poison":%d}', '{"kind":"add","schema":9,"poison":%d}')
        for number in range(max(6, self._plan.replies // 200)):
            body = kinds[number % 3] % number
            queue = QUEUES[number % len(QUEUES)]
            self._clients.sqs.send_message(QueueUrl=self._outputs[f"{queue}QueueUrl"], MessageBody=body)
            self._poison.append(body)
            self._faults["poison"] += 1

    def _ask_for_answers(self) -> list[str]:
        """Replies that call the bot, by one whose answers are on; X's simulator posts them, and takes answers."""
        asked = []
        for number in range(self._plan.answers):
            # Plain, so that none overtakes another, and of a product that may be spoken of: each has to be answered.
            _, parent_id = self._parent(number % 2)
            reply = {"author": SUMMONED_BY, "text": "@shopbot #AmazonCart", "in_reply_to": parent_id}
            asked.append(str(self._x.post("/simulator/posts", json=reply).raise_for_status().json()["id"]))
        return asked

    def _troubles(self) -> Iterator[Callable[[], None]]:
        named = {"kills": self._kill_workers, "x": self._trouble_x, "store": self._trouble_store}
        yield from (trouble for name, trouble in named.items() if name in self._plan.faults)

    def _kill_workers(self) -> None:
        """End a worker of a function every few seconds, in whatever it is doing; another has time to start."""
        own = random.Random(self._plan.seed)  # noqa: S311 - faults, no secrets
        while not self._over.wait(own.uniform(3, 10)):
            workers = _workers(self._settings.aws_port)
            if workers:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(own.choice(workers), signal.SIGKILL)
                    self._faults["worker killed"] += 1

    def _trouble_x(self) -> None:
        """X fails, limits, hangs, and loses answers on their way."""
        faults: tuple[dict[str, object], ...] = (
            {"method": "GET", "path": "/2/tweets", "status": 503, "count": 2},
            {"method": "GET", "path": "/2/tweets", "status": 429, "count": 1, "reset_in": 1},
            {"method": "POST", "path": "/2/tweets", "status": 503, "after_effect": True},
            {"method": "GET", "path": "/2/tweets", "status": 500, "delay": 7},
            {"method": "POST", "path": "/2/tweets", "status": 429, "reset_in": 1},
        )
        number = 0
        while not self._over.is_set():
            fault = faults[number % len(faults)]
            number += 1
            waiting = self._x.get("/simulator/faults").raise_for_status().json()["faults"]
            # Where calls are rarer than faults, none would ever succeed.
            if all(one["method"] != fault["method"] for one in waiting):
                self._x.post("/simulator/faults", json=fault).raise_for_status()
                self._faults["x fails"] += 1
            self._over.wait(2)

    def _trouble_store(self) -> None:
        """The store is down for some seconds, again and again; products are forgotten, so that it is asked."""
        while not self._over.is_set():
            self._store.post("/simulator/down", json={"down": True}).raise_for_status()
            self._forget_products()
            self._faults["store down"] += 1
            self._over.wait(3)
            self._store.post("/simulator/down", json={"down": False}).raise_for_status()
            self._over.wait(6)

    def _forget_products(self) -> None:
        table = self._outputs["ProductsTableName"]
        for item in self._clients.dynamodb.scan(TableName=table)["Items"]:
            self._clients.dynamodb.delete_item(TableName=table, Key={"product": item["product"]})

    def _end_troubles(self) -> None:
        self._x.delete("/simulator/faults").raise_for_status()
        self._store.post("/simulator/down", json={"down": False}).raise_for_status()

    @contextlib.contextmanager
    def _behind(self, proxy: FaultyProxy) -> Iterator[None]:
        """Let the functions reach DynamoDB and SQS by way of the proxy."""
        url = f"http://127.0.0.1:{proxy.port}"
        functions = [self._deployment.functions()[f"{name}Function"] for name in FUNCTIONS]
        before = {name: self._deployment.variables(name) for name in functions}
        for name in functions:
            # No shopper replies twenty times in an hour, and nobody is to be asked whether it was they.
            unlimited = {"MAX_ADDS_PER_HOUR": "1000000"} if "MAX_ADDS_PER_HOUR" in before[name] else {}
            endpoints = {"AWS_ENDPOINT_URL_DYNAMODB": url, "AWS_ENDPOINT_URL_SQS": url}
            self._configure(name, before[name] | endpoints | unlimited)
        try:
            yield
        finally:
            for name in functions:
                self._configure(name, before[name])

    def _configure(self, function: str, variables: Mapping[str, str]) -> None:
        self._clients.awslambda.update_function_configuration(
            FunctionName=function, Environment={"Variables": dict(variables)}
        )

    def _drain(self, longest_seconds: int) -> bool:
        """Wait until nothing is on its way. False if that takes too long."""
        until = time.monotonic() + longest_seconds
        quiet = 0
        while time.monotonic() < until:
            quiet = quiet + 1 if self._is_idle() else 0
            if quiet == 3:  # noqa: PLR2004 - a message is sent on before it is deleted
                return True
            time.sleep(0.5)
        return False

    def _is_idle(self) -> bool:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        for queue in QUEUES:
            answer = self._clients.sqs.get_queue_attributes(
                QueueUrl=self._outputs[f"{queue}QueueUrl"],
                AttributeNames=names,  # type: ignore[arg-type]
            )
            if any(int(number) for number in answer["Attributes"].values()):
                return False
        pending = self._clients.dynamodb.scan(TableName=self._outputs["PendingTableName"])["Items"]
        return not any(item["shard"]["S"].startswith(("outcome#", "cart_request#")) for item in pending)

    def _redrive_twice(self) -> Counter[str]:
        """Send what is in the dead-letter queues to its queue twice, but for what was poison from the start."""
        reasons: Counter[str] = Counter()
        for queue in QUEUES:
            url = self._outputs[f"{queue}DeadLetterQueueUrl"]
            for message in list(self._received(url)):
                if message["Body"] in self._poison:
                    self._clients.sqs.change_message_visibility(
                        QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
                    )
                    continue
                reason = message.get("MessageAttributes", {}).get("reason", {}).get("StringValue", "moved by SQS")
                reasons[f"{queue}: {reason}"] += 1
                for _ in range(2):
                    self._clients.sqs.send_message(
                        QueueUrl=self._outputs[f"{queue}QueueUrl"], MessageBody=message["Body"]
                    )
                self._clients.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return reasons

    def _received(self, url: str) -> Iterator[Any]:
        """Everything in a queue, each message once: what was looked at stays hidden for a while."""
        while messages := self._clients.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=120, MessageAttributeNames=["All"]
        ).get("Messages"):
            yield from messages

    def _dead_bodies(self) -> Iterator[str]:
        """What is in the dead-letter queues in the end, taken out of them."""
        for queue in QUEUES:
            url = self._outputs[f"{queue}DeadLetterQueueUrl"]
            for message in self._received(url):
                self._clients.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                yield message["Body"]

    def _look_at_carts(self, result: Result) -> None:
        """Every operation and every outcome of the shoppers of this run, and what each line comes to."""
        by_shopper: dict[str, list[Reply]] = {}
        for reply in result.replies:
            by_shopper.setdefault(reply.shopper_id, []).append(reply)
        now_ms = clock_ms()
        for shopper_id, replies in by_shopper.items():
            lines = [line_from_item(item) for item in self._items("CartsTableName", shopper_id)]
            rows = {row.order_key: row for row in map(row_from_item, self._items("ActivityTableName", shopper_id))}
            for reply in replies:
                key = order_key(reply.post_id)
                operations = [line.operations[key] for line in lines if key in line.operations]
                reply.found = len(operations)
                reply.quantity_found = operations[0].quantity if operations else None
                row = rows.get(key)
                asked_for = next((line for line in lines if key in line.operations), None)
                told = row.told(asked_for, now_ms) if row is not None else None
                reply.outcome = str(told.code) if told is not None else None
            newest = {reply.product: reply for reply in sorted(replies, key=lambda reply: int(reply.post_id))}
            expected = {product: LineState(quantity=reply.quantity) for product, reply in newest.items()}
            found = {line.line_id.split("#")[1]: line.state() for line in lines}
            if found != expected:
                result.wrong_lines.append(shopper_id)

    def _items(self, output: str, shopper_id: str) -> list[dict[str, Any]]:
        pages = self._clients.dynamodb.get_paginator("query").paginate(
            TableName=self._outputs[output],
            KeyConditionExpression="shopper_id = :shopper",
            ExpressionAttributeValues={":shopper": {"S": shopper_id}},
            ConsistentRead=True,
        )
        return [from_item(item) for page in pages for item in page["Items"]]

    def _look_at_answers(self, result: Result, asked: Sequence[str]) -> None:
        for post in asked:
            found = self._x.get("/simulator/posts", params={"in_reply_to": post}).raise_for_status().json()["posts"]
            answers = sum(answer["author_id"] == BOT for answer in found)
            result.answers += answers
            if answers != 1:
                result.wrong_answers.append(f"{post}: {answers}")


def _workers(aws_port: int) -> list[int]:
    """The processes of the functions: children of the one that listens as the emulator."""
    parents: dict[int, int] = {}
    of_stack: set[int] = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                if f"GATEWAY_PORT={aws_port}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                    of_stack.add(int(entry.name))
    emulators = {process for process in of_stack if parents[process] not in of_stack}
    return [process for process in of_stack if parents[process] in emulators]


def main(arguments: Sequence[str]) -> int:
    """Run on the stack that the environment names, and print what became of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--replies", type=int, default=10_000)
    parser.add_argument("--faults", default="all", help=f"all, none, or some of {','.join(FAULTS)}")
    parser.add_argument("--answers", type=int, default=20, help="how many of the replies call the bot")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    faults = {"all": FAULTS, "none": ()}.get(options.faults, tuple(options.faults.split(",")))
    if unknown := set(faults) - set(FAULTS):
        parser.error(f"no such fault: {', '.join(sorted(unknown))}")
    settings = from_environment()
    result = Run(settings, Plan(options.replies, frozenset(faults), options.answers, options.seed))()
    ledger = settings.state_dir.parent / f"load-{time.strftime('%Y%m%dT%H%M%S')}.jsonl"
    result.write(ledger)
    sys.stdout.write(f"{result.table()}\nledger: {ledger}\n")
    return 0 if result.is_right else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
