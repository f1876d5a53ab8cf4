"""The embedded stack that `make e2e` has started, and what people do with it.

Each test begins with the shoppers of `local.seed`, who have empty carts, so no test sees what another one did.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from hashcart.domain.account_links import LinkState
from hashcart.domain.cart_lines import Kind
from hashcart.domain.outcomes import Version
from hashcart.domain.posts import order_key, private_id
from hashcart.messages.outcomes import read_outcome
from hashcart.storage.account_links import AccountLinks
from hashcart.storage.activity import Activity
from hashcart.use_cases.deliver_outcomes import CLAIM_SETTLES_MS
from local.seed import link_shoppers
from local.settings import LocalSettings, from_environment
from local.stack.aws import connect
from local.stack.deployment import Deployment, local_deploy_settings
from local.stack_watcher import StackWatcher
from local.x_simulator.watcher import Cart, Outcome

CHROMIUM = Path("/usr/bin/chromium")
CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]

ADA, DIETER, QUINN, BEN, CLEO = "222", "555", "666", "333", "444"
BOT = "900"

# How long a slow machine may take for what takes a second, and for what SQS or the schedule brings again in a minute.
PATIENCE_SECONDS = 30
A_RETRY_SECONDS = 180


class Stored:
    """What the stack's tables and queues hold, past all code of HashCart."""

    def __init__(self, settings: LocalSettings) -> None:
        self._settings = settings
        self._outputs: dict[str, str] = json.loads(settings.outputs_file.read_text())
        self._clients = connect(settings)
        self._dynamodb, self._sqs = self._clients.dynamodb, self._clients.sqs

    def shopper_of(self, x_user_id: str) -> str:
        """The shopper that a profile is linked with."""
        key = {"id": {"S": f"x#{x_user_id}"}}
        item = self._dynamodb.get_item(TableName=self._outputs["AccountLinksTableName"], Key=key)["Item"]
        return str(item["shopper_id"]["S"])

    def rows_of(self, shopper_id: str) -> list[dict[str, Any]]:
        """Everything in the cart and the history of a shopper."""
        tables = (self._outputs[name] for name in ("CartsTableName", "ActivityTableName"))
        found = (
            self._dynamodb.query(
                TableName=table,
                KeyConditionExpression="shopper_id = :shopper",
                ExpressionAttributeValues={":shopper": {"S": shopper_id}},
            )
            for table in tables
        )
        return [dict(item) for answer in found for item in answer["Items"]]

    def end_lease(self, work: str) -> None:
        """Let somebody take up a work that a lease puts off, as if its time had come."""
        key = {"name": {"S": f"lease#{work}"}}
        self._dynamodb.delete_item(TableName=self._outputs["CheckpointsTableName"], Key=key)

    def hold_lease(self, work: str) -> None:
        """Let nobody take up a work."""
        item = {"name": {"S": f"lease#{work}"}, "lease_until_ms": {"N": str(2**42)}}
        self._dynamodb.put_item(TableName=self._outputs["CheckpointsTableName"], Item=item)

    def run(self, function: str) -> None:
        """Run a function of the schedule now, by its logical id."""
        Deployment(self._clients, local_deploy_settings()["stack_name"]).invoke(function)

    def let_answers_settle(self) -> None:
        """Have the answers that wait dealt with now, as if their two minutes, or X's limit, had passed."""
        table = self._outputs["PendingTableName"]
        activity = Activity(self._dynamodb, self._outputs["ActivityTableName"])
        now_ms = time.time_ns() // 1_000_000
        for item in self._dynamodb.scan(TableName=table)["Items"]:
            if not item["shard"]["S"].startswith("outcome#"):
                continue
            message = read_outcome(item["message"]["S"])
            claim = activity.row(message.shopper_id or "", message.first_key)
            if claim is not None and claim.reply is not None and "result" not in claim.reply:
                activity.renew_claim(
                    message.shopper_id or "",
                    message.first_key,
                    seen_ms=int(claim.reply["claimed_at_ms"]),
                    now_ms=now_ms - CLAIM_SETTLES_MS,
                )
            due = f"{now_ms:013d}#{message.post_id}"
            self._dynamodb.put_item(TableName=table, Item={**item, "due": {"S": due}})
            self._dynamodb.delete_item(TableName=table, Key={"shard": item["shard"], "due": item["due"]})
        self.run("OutcomeDeliveryFunction")

    def link_before(self, x_user_id: str, seconds: int) -> None:
        """Have a profile linked so much earlier than it was."""
        table, key = self._outputs["AccountLinksTableName"], {"id": {"S": f"x#{x_user_id}"}}
        item = self._dynamodb.get_item(TableName=table, Key=key)["Item"]
        earlier_ms = int(item["consented_at_ms"]["N"]) - seconds * 1000
        self._dynamodb.put_item(TableName=table, Item={**item, "consented_at_ms": {"N": str(earlier_ms)}})

    def answers_due_ms(self) -> list[int]:
        """When the answers are due that wait, in milliseconds of the Unix epoch."""
        items = self._dynamodb.scan(TableName=self._outputs["PendingTableName"])["Items"]
        return [int(item["due"]["S"].split("#")[0]) for item in items if item["shard"]["S"].startswith("outcome#")]

    def waits_for_insertion(self) -> bool:
        """Whether a cart request is on its way or comes again."""
        return self._holds("CartRequestsQueueUrl")

    def is_idle(self) -> bool:
        """Whether nothing is on its way. The order counts: a message is sent on before it is deleted."""
        queues = ("PostsQueueUrl", "CartRequestsQueueUrl", "OutcomesQueueUrl", "EmailFeedbackQueueUrl")
        return not any(map(self._holds, queues))

    def given_up(self) -> list[str]:
        """The dead-letter queues that hold something."""
        return [name for name in self._outputs if name.endswith("DeadLetterQueueUrl") and self._holds(name)]

    def begin_anew(self) -> None:
        """Forget everything but the bot's tokens and how far it has read, and link the shoppers of `local.seed` again.

        They are other shoppers than before, so a message of an earlier test finds nobody.
        """
        for name, table in self._outputs.items():
            if name.endswith("TableName") and name not in ("BotTokensTableName", "CheckpointsTableName"):
                self._empty(table)
        account_links = AccountLinks(self._dynamodb, self._outputs["AccountLinksTableName"])
        settings = self._settings
        link_shoppers(account_links, settings.store_base_url, time.time_ns() // 1_000_000, settings.marketplace)

    def note_adds(self, x_user_id: str, count: int) -> None:
        """Leave in the history what posts of the last minute have added: a row each, as cart_insertion does first."""
        rows = Activity(self._dynamodb, self._outputs["ActivityTableName"])
        shopper_id, now_ms = self.shopper_of(x_user_id), time.time_ns() // 1_000_000
        for number in range(count):
            post = private_id(now_ms, number)
            version = Version(int(post), f"{self._settings.marketplace}#linen-throw#", Kind.PLAIN)
            rows.record_version(shopper_id, order_key(post), version, now_ms=now_ms)

    def is_paused(self, x_user_id: str) -> bool:
        """Whether a profile's posts are not acted upon."""
        link = AccountLinks(self._dynamodb, self._outputs["AccountLinksTableName"]).current_link(x_user_id)
        return link is not None and link.state is LinkState.PAUSED

    def ask_about_adds(self, x_user_id: str) -> None:
        """Have a shopper asked about the adds since the link, as after too many of them."""
        account_links = AccountLinks(self._dynamodb, self._outputs["AccountLinksTableName"])
        link = account_links.current_link(x_user_id)
        assert link is not None
        assert account_links.pause_adding(link, adds_since_ms=link.consented_at_ms)

    def restart(self, name: str) -> None:
        """Start a function anew, by its logical id: cart_insertion remembers products in its process, and
        outcome_delivery X's limit.
        """
        deployment = Deployment(self._clients, local_deploy_settings()["stack_name"])
        function = deployment.functions()[name]
        variables = {**deployment.variables(function), "STARTED_AT": str(time.time_ns())}
        self._clients.awslambda.update_function_configuration(
            FunctionName=function, Environment={"Variables": variables}
        )

    def _empty(self, table: str) -> None:
        schema = self._dynamodb.describe_table(TableName=table)["Table"]["KeySchema"]
        names = [key["AttributeName"] for key in schema]
        for page in self._dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
            for item in page["Items"]:
                self._dynamodb.delete_item(TableName=table, Key={name: item[name] for name in names})

    def _holds(self, queue: str) -> bool:
        answer = self._sqs.get_queue_attributes(
            QueueUrl=self._outputs[queue],
            AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        )
        return any(int(number) for number in answer["Attributes"].values())


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
        return self.post_saying(f"/products/{product_id}")

    def post_saying(self, words: str) -> str:
        """The seeded post with these words."""
        newest_first = self.x.get("/simulator/posts").json()["posts"]
        return next(str(post["id"]) for post in reversed(newest_first) if words in post["text"])

    def product_url(self, product_id: str) -> str:
        """The product's page."""
        return f"{self.settings.shop_site_url}/products/{product_id}"

    def take_store_down(self) -> None:
        """Make the demo store fail, so that every reply has to wait for it."""
        self.stored.restart("CartInsertionFunction")
        self.store.post("/simulator/down", json={"down": True}).raise_for_status()

    def bring_store_back(self) -> None:
        """Let the demo store work again."""
        self.store.post("/simulator/down", json={"down": False}).raise_for_status()

    def rest(self) -> None:
        """Wait until everything that was posted has been worked off."""
        eventually(self.stored.is_idle, "rest", A_RETRY_SECONDS)

    def post(self, author: str, text: str) -> str:
        """Post something; returns its id."""
        created = self.x.post("/simulator/posts", json={"author": author, "text": text}).raise_for_status()
        return str(created.json()["id"])

    def delete(self, post_id: str) -> None:
        """Delete a post."""
        self.x.delete(f"/simulator/posts/{post_id}").raise_for_status()

    def reply(self, author: str, text: str, to: str, **options: object) -> str:
        """Post a reply; returns its id."""
        created = self.x.post(
            "/simulator/posts", json={"author": author, "text": text, "in_reply_to": to, **options}
        ).raise_for_status()
        return str(created.json()["id"])

    def outcome(self, author: str, post_id: str, seconds: float = PATIENCE_SECONDS) -> Outcome:
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


def eventually[T](attempt: Callable[[], T | None], what: str, seconds: float = PATIENCE_SECONDS) -> T:
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
        yield World(settings, x, store, watcher, outputs["WebhookUrl"], Stored(settings))


@pytest.fixture(autouse=True)
def _all_is_well(world: World) -> Iterator[None]:
    yield
    world.x.delete("/simulator/faults").raise_for_status()
    world.bring_store_back()
    world.rest()
    assert world.stored.given_up() == []


@pytest.fixture(autouse=True)
def _nothing_has_happened(world: World, _all_is_well: None) -> None:
    world.stored.begin_anew()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed: apt install chromium")
    expect.set_options(timeout=PATIENCE_SECONDS * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()
