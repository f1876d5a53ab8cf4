"""The operator's commands, as `make` runs them, on the stack that `make e2e` has started."""

import json
import subprocess
import uuid
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import httpx
import pytest

from hashcart.observability import clock_ms
from hashcart.social.x.signature import sign
from hashcart.storage.account_links import AccountLinks
from hashcart.storage.activity import Activity
from hashcart.storage.carts import Carts
from hashcart.storage.offers import Offers
from hashcart.storage.pending import Pending
from hashcart.storage.sessions import Sessions
from hashcart.use_cases.leave import Leave, ShopperTables
from local.settings import CONSUMER_SECRET, PROJECT_ROOT
from local.stack.aws import AwsClients, connect
from tests.end_to_end.conftest import A_RETRY_SECONDS, ADA, DIETER, World, eventually

MUG = "Stoneware mug, speckled"
ROTATED = "rotated-consumer-secret"


def make(*words: str, pasted: str = "", ends_well: bool = True) -> str:
    """What a command says."""
    done = subprocess.run(  # noqa: S603 - the operator's own command line
        ["make", "--silent", *words, "STACK=local"],  # noqa: S607
        cwd=PROJECT_ROOT,
        input=pasted,
        capture_output=True,
        text=True,
        check=False,
        timeout=A_RETRY_SECONDS,
    )
    assert done.returncode == 0 or not ends_well, done.stdout + done.stderr
    return done.stdout


def status() -> str:
    """What is told of the deployment at X; the embedded stack has no subscriptions, which is no good status."""
    return make("x-status", ends_well=False)


@pytest.fixture
def aws(world: World) -> AwsClients:
    return connect(world.settings)


@pytest.fixture
def outputs(world: World) -> dict[str, str]:
    found: dict[str, str] = json.loads(world.settings.outputs_file.read_text())
    return found


@pytest.fixture
def running(world: World) -> Iterator[None]:
    yield
    make("resume-source", "SOURCE=webhook")
    world.rest()


def test_a_paused_source_loses_nothing(world: World, running: None) -> None:
    assert "paused" in make("pause-source", "SOURCE=webhook")
    posted = world.reply(ADA, "#AmazonCart x2", world.product_post("stoneware-mug"))
    eventually(lambda: world.deliveries(posted), "delivery")
    assert world.watcher.outcome_of(ADA, posted) is None
    assert "webhook (Disabled)" in status()
    assert "resumed" in make("resume-source", "SOURCE=webhook")
    world.outcome(ADA, posted, seconds=A_RETRY_SECONDS)
    assert world.cart(ADA)[MUG] == ("in_cart", 2)


def test_a_paused_sweep_says_so_and_goes_on(world: World) -> None:
    assert "goes on by itself" in make("pause-source", "SOURCE=search", "FOR=2h")
    assert "search until" in status()
    make("resume-source", "SOURCE=search")
    assert "Paused" not in status()


def test_a_paused_bot_is_silent_while_carts_fill(world: World) -> None:
    assert "from this moment on" in make("pause-source", "SOURCE=replies")
    assert "replies until it is resumed" in status()
    posted = world.reply(DIETER, "@shopbot #AmazonCart", world.product_post("stoneware-mug"))
    world.outcome(DIETER, posted)
    eventually(world.stored.answers_due_ms, "answer that waits")
    assert (world.cart(DIETER)[MUG], world.answers(posted)) == (("in_cart", 1), [])
    make("resume-source", "SOURCE=replies")
    world.stored.restart("OutcomeDeliveryFunction")
    world.stored.let_answers_settle()
    eventually(lambda: world.answers(posted), "answer")
    assert len(world.answers(posted)) == 1


def test_what_failed_goes_back_by_its_reason_and_counts_once(
    world: World, aws: AwsClients, outputs: dict[str, str]
) -> None:
    posted = world.reply(DIETER, "#AmazonCart x3", world.product_post("linen-throw"))
    world.outcome(DIETER, posted)
    post = {"id": posted, "first_id": posted, "author_id": DIETER, "text": "#AmazonCart x3"}
    parent = world.product_post("linen-throw")
    body = json.dumps({"kind": "post", "schema": 1, "post": {**post, "replied_to_id": parent}})
    dead = outputs["PostsDeadLetterQueueUrl"]
    reason: Any = {"reason": {"DataType": "String", "StringValue": "XUnavailableError"}}
    aws.sqs.send_message(QueueUrl=dead, MessageBody=body, MessageAttributes=reason)
    assert "lies in the dead-letter queue of posts" in make("look-up", f"POST={posted}")
    assert "1 would go back to posts" in make("redrive", "QUEUE=posts", "REASON=XUnavailableError")
    said = make("redrive", "QUEUE=posts", "REASON=XUnavailableError", "DRY_RUN=no")
    assert "Sent back: 1 × XUnavailableError" in said
    world.rest()
    assert "is empty" in make("redrive", "QUEUE=posts", "DRY_RUN=no")
    assert world.cart(DIETER)["Washed linen throw"] == ("in_cart", 3)


def test_the_way_of_a_post_is_told(world: World) -> None:
    posted = world.reply(ADA, "@shopbot #AmazonCart", world.product_post("stoneware-mug"))
    world.outcome(ADA, posted)
    eventually(lambda: world.answers(posted), "answer")
    world.rest()

    def told() -> str | None:
        said = make("look-up", f"POST={posted}")
        return said if "outcome_delivery: ADDED: reply_sent" in said else None

    said = eventually(told, "log of the reply")
    for station in ("webhook_intake: passed_on", "hashtag_parsing: parsed", "cart_insertion: ADDED"):
        assert station in said
    assert "1 in the cart" in said
    assert "shopbot" not in said


def challenge(world: World) -> str:
    """The secret that the webhook answers with."""
    token = uuid.uuid4().hex
    answer = httpx.get(world.webhook_url, params={"crc_token": token}).json()["response_token"]
    return next(secret for secret in (CONSUMER_SECRET, ROTATED) if sign(secret, token.encode()) == answer)


def deliver(world: World, secret: str) -> int:
    """The status of a delivery that concerns nobody."""
    signature = {"x-twitter-webhooks-signature": sign(secret, b"{}")}
    return httpx.post(world.webhook_url, content=b"{}", headers=signature).status_code


@pytest.fixture
def old_secret(world: World, aws: AwsClients, outputs: dict[str, str]) -> Iterator[None]:
    """X's simulator signs with the first secret all along: put it back, and have the function read it."""
    yield
    value = json.dumps({"consumer_secrets": [CONSUMER_SECRET]})
    aws.secretsmanager.put_secret_value(SecretId=outputs["XWebhookSecretArn"], SecretString=value)

    def is_back() -> bool:
        deliver(world, "no secret at all")
        return challenge(world) == CONSUMER_SECRET

    eventually(is_back, "old secret", A_RETRY_SECONDS)


def test_no_delivery_is_lost_while_the_webhooks_secret_is_rotated(world: World, old_secret: None) -> None:
    before = world.reply(ADA, "#AmazonCart", world.product_post("stoneware-mug"))
    said = make("rotate-secret", "SECRET=webhook", pasted=ROTATED + "\n")
    assert "takes deliveries with the new secret" in said
    assert ROTATED not in said
    assert challenge(world) == ROTATED
    assert deliver(world, ROTATED) == deliver(world, CONSUMER_SECRET) == HTTPStatus.OK
    assert deliver(world, "forged") == HTTPStatus.UNAUTHORIZED
    during = world.reply(ADA, "#AmazonCart x4", world.product_post("stoneware-mug"))
    for posted in (before, during):
        world.outcome(ADA, posted)
    assert world.cart(ADA)[MUG] == ("in_cart", 4)


def test_the_pages_key_is_rotated(aws: AwsClients, outputs: dict[str, str]) -> None:
    def keys() -> dict[str, str]:
        answer = aws.secretsmanager.get_secret_value(SecretId=outputs["PagesSecretArn"])
        value: dict[str, str] = json.loads(answer["SecretString"])
        return value

    before = keys()
    assert "links in older ones go on working" in make("rotate-secret", "SECRET=pages")
    assert keys()["previous_key"] == before["key"]
    aws.secretsmanager.put_secret_value(SecretId=outputs["PagesSecretArn"], SecretString=json.dumps(before))


def test_a_restore_brings_back_what_was_lost_and_nobody_who_has_left(
    world: World, aws: AwsClients, outputs: dict[str, str]
) -> None:
    for person in (ADA, DIETER):
        world.outcome(person, world.reply(person, "#AmazonCart x2", world.product_post("stoneware-mug")))
    world.rest()
    ada, dieter = world.stored.shopper_of(ADA), world.stored.shopper_of(DIETER)
    name = f"e2e-{uuid.uuid4().hex[:8]}"
    make("back-up", f"NAME={name}")
    _erase(aws, outputs, ada)
    aws.dynamodb.update_table(TableName=outputs["AccountLinksTableName"], DeletionProtectionEnabled=False)
    aws.dynamodb.delete_table(TableName=outputs["AccountLinksTableName"])
    assert "will be made anew" in make("restore", f"BACKUP={name}")
    said = make("restore", f"BACKUP={name}", "DRY_RUN=no")
    assert "had come back and were erased again" in said
    assert world.stored.rows_of(ada) == []
    assert world.watcher.is_linked(ADA) is False
    assert world.stored.shopper_of(DIETER) == dieter
    posted = world.reply(DIETER, "#AmazonCart x5", world.product_post("stoneware-mug"))
    world.outcome(DIETER, posted)
    assert world.cart(DIETER)[MUG] == ("in_cart", 5)


def _erase(aws: AwsClients, outputs: dict[str, str], shopper_id: str) -> None:
    """What the account page does when somebody erases."""
    departures = outputs["DeparturesTableName"]
    tables = ShopperTables(
        AccountLinks(aws.dynamodb, outputs["AccountLinksTableName"], departures_table=departures),
        Carts(aws.dynamodb, outputs["CartsTableName"]),
        Activity(aws.dynamodb, outputs["ActivityTableName"]),
        Sessions(aws.dynamodb, outputs["SessionsTableName"]),
        Offers(aws.dynamodb, outputs["SessionsTableName"]),
        Pending(aws.dynamodb, outputs["PendingTableName"]),
    )
    Leave(tables, clock_ms).erase(shopper_id)
