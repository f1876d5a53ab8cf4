"""The embedded stack that `make e2e` has started, and what people do with it."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from playwright.sync_api import Browser, sync_playwright

from local.settings import LocalSettings, from_environment
from local.stack.environment import CREDENTIAL, REGION
from local.stack_watcher import StackWatcher
from local.x_simulator.watcher import Cart, Outcome

CHROMIUM = Path("/usr/bin/chromium")
CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]

ADA, DIETER, QUINN, BEN, CLEO = "222", "555", "666", "333", "444"
BOT = "900"


@dataclass(frozen=True)
class Stored:
    """What the stack's tables and queues hold, past all code of HashCart."""

    endpoint_url: str
    outputs: Mapping[str, str]

    def shopper_of(self, x_user_id: str) -> str:
        """The shopper that a profile is linked with."""
        key = {"id": {"S": f"x#{x_user_id}"}}
        item = self._client("dynamodb").get_item(TableName=self.outputs["AccountLinksTableName"], Key=key)["Item"]
        return str(item["shopper_id"]["S"])

    def rows_of(self, shopper_id: str) -> list[dict[str, Any]]:
        """Everything in the cart and the history of a shopper."""
        dynamodb = self._client("dynamodb")
        tables = (self.outputs[name] for name in ("CartsTableName", "ActivityTableName"))
        found = (
            dynamodb.query(
                TableName=table,
                KeyConditionExpression="shopper_id = :shopper",
                ExpressionAttributeValues={":shopper": {"S": shopper_id}},
            )
            for table in tables
        )
        return [item for answer in found for item in answer["Items"]]

    def waits_for_insertion(self) -> bool:
        """Whether a cart request is on its way or comes again."""
        wanted = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        queue = self.outputs["CartRequestsQueueUrl"]
        found = self._client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=wanted)["Attributes"]
        return any(int(found[name]) for name in wanted)

    def _client(self, service: str) -> Any:
        session = boto3.Session(CREDENTIAL, CREDENTIAL, region_name=REGION)
        return session.client(service, endpoint_url=self.endpoint_url)  # type: ignore[call-overload]


@dataclass
class World:
    """The simulator's control API and the watcher that reads the stack's tables."""

    settings: LocalSettings
    x: httpx.Client
    store: httpx.Client
    watcher: StackWatcher
    webhook_url: str
    stored: Stored

    def product_post(self, product_id: str) -> str:
        """The seeded post that links to a product."""
        posts = self.x.get("/simulator/posts").json()["posts"]
        return next(str(post["id"]) for post in posts if f"/products/{product_id}" in post["text"])

    def post_saying(self, words: str) -> str:
        """The seeded post with these words."""
        posts = self.x.get("/simulator/posts").json()["posts"]
        return next(str(post["id"]) for post in posts if words in post["text"])

    def post(self, author: str, text: str) -> str:
        """Post something; returns its id."""
        created = self.x.post("/simulator/posts", json={"author": author, "text": text}).raise_for_status()
        return str(created.json()["id"])

    def reply(self, author: str, text: str, to: str, **options: object) -> str:
        """Post a reply; returns its id."""
        created = self.x.post(
            "/simulator/posts", json={"author": author, "text": text, "in_reply_to": to, **options}
        ).raise_for_status()
        return str(created.json()["id"])

    def outcome(self, author: str, post_id: str, seconds: float = 15) -> Outcome:
        """What became of a reply."""

        def reached() -> Outcome | None:
            return self.watcher.outcome_of(author, post_id)

        return eventually(reached, f"an outcome of post {post_id}", seconds)

    def cart(self, author: str) -> dict[str, tuple[str, int]]:
        """The cart's lines by title: state and quantity."""
        cart = self.watcher.cart_of(author)
        assert isinstance(cart, Cart)
        return {line.title: (line.state, line.quantity) for line in cart.lines}

    def answers(self, post_id: str) -> list[str]:
        """What the bot answered to a post."""
        posts = self.x.get("/simulator/posts", params={"in_reply_to": post_id}).json()["posts"]
        return [post["text"] for post in posts if post["author_id"] == BOT]

    def deliveries(self, post_id: str) -> list[dict[str, Any]]:
        """The webhook deliveries of a post."""
        deliveries: list[dict[str, Any]] = self.x.get("/simulator/deliveries", params={"post_id": post_id}).json()[
            "deliveries"
        ]
        return deliveries


def eventually[T](attempt: Callable[[], T | None], what: str, seconds: float = 15) -> T:
    """The first result that is something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        result = attempt()
        if result:
            return result
        time.sleep(0.05)
    pytest.fail(f"no {what} within {seconds} s")


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    settings = from_environment()
    outputs = json.loads(settings.outputs_file.read_text())
    with (
        httpx.Client(base_url=settings.x_api_base_url, timeout=30) as x,
        httpx.Client(base_url=settings.store_base_url, timeout=30) as store,
    ):
        watcher = StackWatcher(settings.outputs_file, settings.aws_endpoint_url)
        yield World(settings, x, store, watcher, outputs["WebhookUrl"], Stored(settings.aws_endpoint_url, outputs))


@pytest.fixture(autouse=True)
def _all_is_well(world: World) -> Iterator[None]:
    yield
    world.x.delete("/simulator/faults").raise_for_status()
    world.store.post("/simulator/down", json={"down": False}).raise_for_status()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed: apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()
