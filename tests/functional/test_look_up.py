"""`make look-up`: what each station knows of a post, and nothing that is nobody's business."""

import json
from collections.abc import Iterator
from typing import Any, cast

import boto3
import pytest
import urllib3

from hashcart.domain.account_links import AccountLink, LinkState
from hashcart.domain.cart_lines import Kind
from hashcart.domain.outcomes import Code, Outcome, Version
from hashcart.domain.posts import DAY_MS, order_key
from hashcart.http import HttpClient
from hashcart.messages.cart_requests import AddRequested
from hashcart.messages.posts import to_json
from hashcart.observability import clock_ms
from hashcart.storage.activity import Activity
from hashcart.storage.carts import Carts
from hashcart.storage.pending import Pending, PendingItem, PendingKind
from local.operations.__main__ import run
from local.operations.look_up import MOST_LINES, STATIONS
from tests.fakes.account_links import tie
from tests.fakes.aws import REGION, Aws, aws_account
from tests.fakes.clock import post_id
from tests.fakes.deployed import Deployed, refused
from tests.fakes.internet import Answer, Internet

MUG = "store.localhost#mug#"
POSTS = "GET http://x.test/2/tweets"
TEXT = "for mum's birthday"


class World:
    def __init__(self, aws: Aws) -> None:
        self.aws = aws
        self.operate = Deployed(aws, clock_ms())
        self.internet = Internet()
        self.now_ms = self.operate.clock.now_ms
        self.post_id = post_id(60_000, now_ms=self.now_ms)
        self.key = order_key(self.post_id)
        self.activity = Activity(aws.dynamodb, "ActivityTable")
        self.logs: Any = boto3.client("logs", region_name=REGION)
        for station in STATIONS:
            self.logs.create_log_group(logGroupName=f"/hashcart/hashcart-shop/{station}")
            self.logs.create_log_stream(logGroupName=f"/hashcart/hashcart-shop/{station}", logStreamName="one")
        self.x_shows((200, {"data": [{"id": self.post_id, "author_id": "222", "text": TEXT}]}))

    def x_shows(self, answer: Answer) -> None:
        self.internet.answer(POSTS, answer)

    def log(self, station: str, *lines: dict[str, Any] | str) -> None:
        texts = [
            line if isinstance(line, str) else json.dumps({"post_id": self.post_id, "text": TEXT} | line)
            for line in lines
        ]
        self.logs.put_log_events(
            logGroupName=f"/hashcart/hashcart-shop/{station}",
            logStreamName="one",
            logEvents=[{"timestamp": self.now_ms + place, "message": text} for place, text in enumerate(texts)],
        )

    def link(self) -> AccountLink:
        link = AccountLink("ada", "222", "ada_shops", "store.localhost", "US", "en", self.now_ms - DAY_MS, "1")
        tie(self.aws.dynamodb, link, email_address="ada@example.com")
        return link

    def look_up(self, *more: str) -> str:
        http = HttpClient(cast("urllib3.PoolManager", self.internet))
        status, said = self.operate("look-up", "--post", self.post_id, *more, http=http)
        assert status == 0, said
        assert TEXT not in said
        assert "ada@example.com" not in said
        assert "ada_shops" not in said
        return said


@pytest.fixture
def world() -> Iterator[World]:
    with aws_account() as aws:
        yield World(aws)


def request(own_id: str) -> AddRequested:
    return AddRequested(post_id=own_id, first_id=own_id, author_id="222", parent_id="1", product=None)


def test_the_way_of_a_post_is_told_in_its_order(world: World) -> None:
    world.log("webhook_intake", {"outcome": "passed_on"})
    world.now_ms += 1000
    world.log("hashtag_parsing", {"outcome": "parsed"})
    world.log("hashtag_parsing", "START RequestId " + world.post_id, json.dumps([world.post_id]))
    world.now_ms += 1000
    world.log("cart_insertion", {"outcome": "ADDED"}, {"outcome": "ADDED"})
    lines = world.look_up().splitlines()
    told = [line for line in lines if any(station in line for station in STATIONS)]
    assert [line.split(" UTC ")[1].split(" (")[0] for line in told] == [
        "webhook_intake: passed_on",
        "hashtag_parsing: parsed",
        "cart_insertion: ADDED",
    ]
    assert "(2 times, the last" in told[2]


def test_a_reason_comes_with_what_to_do(world: World) -> None:
    world.log("webhook_intake", {"outcome": "dropped", "reason": "not_for_us"})
    world.log("outcome_delivery", {"outcome": "ADDED", "reason": "bot_signed_out"})
    said = world.look_up()
    assert "dropped: not_for_us" in said
    assert "It neither has a cart hashtag" in said
    assert "make x-setup signs the bot in again" in said


def test_many_lines_are_cut(world: World) -> None:
    world.log("cart_page", *({"outcome": f"explained-{number}"} for number in range(MOST_LINES + 5)))
    said = world.look_up()
    assert "only the first 40 lines of a function are shown" in said


def test_the_row_the_line_and_the_reply_are_told(world: World) -> None:
    world.link()
    version = Version(int(world.post_id), MUG, Kind.SET, 2)
    world.activity.record_version("ada", world.key, version, now_ms=world.now_ms)
    world.activity.store_outcome("ada", world.key, Outcome(Code.ADDED, int(world.post_id)), now_ms=world.now_ms)
    world.activity.claim_reply("ada", world.key, now_ms=world.now_ms)
    carts = Carts(world.aws.dynamodb, "CartsTable", has_store_cart=True)
    carts.write_operation("ada", MUG, world.key, version.operation, now_ms=world.now_ms)
    said = world.look_up()
    assert f"version {world.post_id} asks for {MUG}" in said
    assert "the outcome is ADDED" in said
    assert "and not settled yet" in said
    assert f"{MUG} has this post's set; now 2 in the cart" in said
    assert "the store has not confirmed it" in said
    assert "Author: asked of X" in said


def test_a_sensitive_product_is_not_named(world: World) -> None:
    world.link()
    version = Version(int(world.post_id), MUG, Kind.SET, 2, sensitive=True)
    world.activity.record_version("ada", world.key, version, now_ms=world.now_ms)
    said = world.look_up("--author", "222")
    assert "mug" not in said
    assert "a sensitive product has nothing of this post" in said
    assert "no outcome yet" in said
    assert world.internet.requests == []


def test_an_edit_leads_to_the_first_post(world: World) -> None:
    world.link()
    first = post_id(90_000, now_ms=world.now_ms)
    world.activity.mark_undone("ada", order_key(first), now_ms=world.now_ms)
    world.activity.store_outcome(
        "ada", order_key(first), Outcome(Code.UNDONE, int(first), "edited"), now_ms=world.now_ms
    )
    world.activity.point_to_first("ada", world.key, order_key(first), now_ms=world.now_ms)
    said = world.look_up()
    assert "it was taken back" in said
    assert "the outcome is UNDONE: edited" in said


def test_what_waits_and_what_failed_is_told(world: World) -> None:
    body = to_json(request(world.post_id))
    Pending(world.aws.dynamodb, "PendingTable").put(
        PendingItem(PendingKind.CART_REQUEST, world.post_id, world.now_ms, body)
    )
    url = world.aws.queue_urls["CartRequestsDeadLetterQueue"]
    reason: Any = {"reason": {"DataType": "String", "StringValue": "ThrottlingException"}}
    world.aws.sqs.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=reason)
    world.aws.sqs.send_message(QueueUrl=url, MessageBody=to_json(request("1")))
    said = world.look_up()
    assert "waits as cart_request, to be tried again" in said
    assert "it lies in the dead-letter queue of cart-requests" in said
    assert "make redrive QUEUE=cart-requests REASON=ThrottlingException DRY_RUN=no" in said
    assert world.internet.requests == [], "the message names the author"
    left = world.aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert left["ApproximateNumberOfMessages"] == "2"


def test_what_sqs_moved_has_no_reason_to_redrive_by(world: World) -> None:
    url = world.aws.queue_urls["CartRequestsDeadLetterQueue"]
    world.aws.sqs.send_message(QueueUrl=url, MessageBody=to_json(request(world.post_id)))
    assert "make redrive QUEUE=cart-requests DRY_RUN=no" in world.look_up()


def test_a_paused_link_is_told(world: World) -> None:
    world.link()
    world.aws.dynamodb.update_item(
        TableName="AccountLinksTable",
        Key={"id": {"S": "x#222"}},
        UpdateExpression="SET #state = :paused, state_reason = :why",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues={":paused": {"S": LinkState.PAUSED}, ":why": {"S": "protected"}},
    )
    said = world.look_up()
    assert "and paused: protected" in said
    assert "there is no row of this post" in said


def test_the_answer_to_a_stranger_is_found(world: World) -> None:
    world.activity.store_outcome(
        f"stranger#{world.post_id}", world.key, Outcome(Code.NOT_LINKED, int(world.post_id)), now_ms=world.now_ms
    )
    said = world.look_up()
    assert "the author has not linked an account now" in said
    assert "the outcome is NOT_LINKED" in said


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((200, {"errors": []}), "X does not show the post"),
        ((503, {}), "X could not be asked who wrote the post"),
        ((401, {}), "X could not be asked who wrote the post"),
    ],
)
def test_nothing_found_says_why_that_may_be(answer: Answer, told: str, world: World) -> None:
    world.x_shows(answer)
    said = world.look_up()
    assert told in said
    assert "no station knows the post" in said


def test_a_post_of_long_ago_is_told_as_such(world: World) -> None:
    world.post_id = post_id(20 * DAY_MS, now_ms=world.now_ms)
    world.x_shows((200, {}))
    assert "over 14 days ago" in world.look_up()


def test_what_aws_refuses_is_told(world: World) -> None:
    world.operate.fail("dynamodb", "get_item", refused("AccessDeniedException"))
    status, said = world.operate("look-up", "--post", world.post_id, "--author", "222")
    assert (status, "lacks a permission" in said) == (1, True)


@pytest.mark.parametrize("wrong", ["https://x.com/ada/status/1", "-1", ""])
def test_a_wrong_id_is_refused(wrong: str) -> None:
    with pytest.raises(SystemExit):
        run(["look-up", f"--post={wrong}"], print)
