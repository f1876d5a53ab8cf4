"""A fault at any call of any function on a reply's way: killed after it, refused, or its answer lost.

The calls are counted over the whole way, so every one of them meets every fault once, and nothing has to be listed.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from hashcart.consumers import MAX_RECEIVES
from hashcart.domain.bot_tokens import BotToken
from hashcart.domain.cart_lines import LineState
from hashcart.domain.posts import order_key
from hashcart.observability import clock_ms
from hashcart.storage.activity import Activity
from hashcart.storage.bot_tokens import BotTokens
from hashcart.storage.carts import Carts
from hashcart.use_cases import read_through
from tests.fakes.account_links import ADA, tie
from tests.fakes.aws import Aws, aws_account
from tests.fakes.clock import post_id
from tests.fakes.faults import Calls, Fault, Hours, Lambda
from tests.fakes.handlers import STORE, X_API, Bundle
from tests.fakes.internet import Answer, Internet, Request
from tests.functional.test_queue_functions import MUG, SHOPPER

PARENT = "2092000000000000001"
LINE = "store.localhost#mug#"
MOST_CALLS = 300

# Of the calls of a way, which meet their faults: HYPOTHESIS_PROFILE=thorough takes all, which lasts for minutes.
STRIDE = {"thorough": 1, "usual": 11}.get(os.environ.get("HYPOTHESIS_PROFILE", ""), 29)


class FakeX:
    """X as far as a reply's way needs it: the parent post, the bot's answers and its timeline, mentions and search."""

    def __init__(self, internet: Internet) -> None:
        self.answers: list[str] = []
        self.found: list[dict[str, Any]] = []
        self.blind_for = 0
        self.refuses_for = 0
        self._parent = {
            "id": PARENT,
            "author_id": "111",
            "text": "Our mug",
            "entities": {"urls": [{"expanded_url": "http://store.localhost:8401/products/mug"}]},
        }
        internet.routes[f"GET {X_API}/2/tweets"] = self._lookup
        internet.answer(f"GET {X_API}/2/webhooks", (200, {"data": [{"id": "77", "valid": True}]}))
        internet.routes[f"POST {X_API}/2/tweets"] = self._reply
        internet.routes[f"GET {X_API}/2/users/900/tweets"] = self._timeline
        internet.routes[f"GET {X_API}/2/users/900/mentions"] = self._mentions
        internet.answer(f"GET {X_API}/2/tweets/search/recent", (200, {"meta": {"result_count": 0}}))

    def _lookup(self, _: Request) -> Answer:
        self.blind_for -= 1
        return (503, {}) if self.blind_for >= 0 else (200, {"data": [self._parent]})

    def _reply(self, request: Request) -> Answer:
        self.refuses_for -= 1
        if self.refuses_for >= 0:
            return 429, {"errors": [{"code": 88, "message": "Rate limit exceeded"}]}
        self.answers.append(request.json()["reply"]["in_reply_to_tweet_id"])
        return 201, {"data": {"id": f"209300000000000000{len(self.answers)}", "text": "…"}}

    def _timeline(self, _: Request) -> Answer:
        posts = [
            {
                "id": f"209300000000000000{number + 1}",
                "author_id": "900",
                "text": "…",
                "referenced_tweets": [{"type": "replied_to", "id": asked}],
            }
            for number, asked in enumerate(self.answers)
        ]
        return 200, {"data": posts, "meta": {"result_count": len(posts)}}

    def _mentions(self, request: Request) -> Answer:
        posts = [post for post in self.found if int(post["id"]) > int(request.query["since_id"])]
        return 200, {"data": posts, "meta": {"result_count": len(posts)}}


@dataclass
class World:
    """An account, X, and the functions."""

    aws: Aws
    x: FakeX
    aws_lambda: Lambda
    hours: Hours

    def reply(self, text: str, number: int, **fields: object) -> dict[str, Any]:
        """A post of @ada_shops below the one about the mug, as X tells of it: its words are mentions and hashtags."""
        mentions = [{"start": 0, "end": 8, "username": "shopbot", "id": "900"}] if text.startswith("@shopbot") else []
        hashtag = next(word for word in text.split() if word.startswith("#"))
        at = text.index(hashtag)
        return {
            "id": post_id(60_000 - number * 1000, number, clock_ms()),
            "author_id": "222",
            "text": text,
            "in_reply_to_user_id": "111",
            "referenced_tweets": [{"type": "replied_to", "id": PARENT}],
            "entities": {
                "mentions": mentions,
                "hashtags": [{"start": at, "end": at + len(hashtag), "tag": hashtag[1:]}],
            },
            **fields,
        }

    def cart(self) -> dict[str, LineState]:
        lines = Carts(self.aws.dynamodb, "CartsTable").lines(SHOPPER)
        return {line.line_id: line.state() for line in lines if not line.state().is_empty}

    def outcome(self, post: str) -> str | None:
        row = Activity(self.aws.dynamodb, "ActivityTable").row(SHOPPER, order_key(post))
        return row.outcome.code if row and row.outcome else None


@contextmanager
def world(calls: Calls) -> Iterator[World]:
    with aws_account() as aws, pytest.MonkeyPatch.context() as monkeypatch:
        tie(aws.dynamodb, replace(ADA, consented_at_ms=clock_ms() - 3_600_000))
        internet = Internet()
        internet.answer(f"GET {STORE}/api/products/mug", (200, MUG))
        x = FakeX(internet)
        BotTokens(aws.dynamodb, "BotTokensTable").save(BotToken("bot", "refresh", clock_ms() + 86_400_000))
        hours = Hours(monkeypatch)
        bundle = Bundle(aws, internet, monkeypatch)
        calls.install(monkeypatch, internet)
        monkeypatch.setattr(read_through, "WAIT_SECONDS", 0.0)
        yield World(aws, x, Lambda(aws, bundle, calls, hours), hours)


def reply_is_delivered(world: World) -> None:
    """The whole way, from X's webhook to the answer."""
    post = world.reply("@shopbot #AmazonCart x2", 0)
    world.aws_lambda.deliver({"event_type": "post.create", "payload": post})
    world.aws_lambda.rest()
    assert world.cart() == {LINE: LineState(quantity=2)}
    assert world.outcome(post["id"]) == "ADDED"
    assert world.x.answers == [post["id"]]


def reply_is_swept(world: World) -> None:
    """No webhook delivers; the sweeps of three minutes see the post three times."""
    post = world.reply("@shopbot #AmazonCart x2", 0)
    world.x.found = [post]
    for _ in range(3):
        world.aws_lambda.invoke("mention_sweep", {})
        world.hours.pass_by(60)
    world.aws_lambda.rest()
    assert world.cart() == {LINE: LineState(quantity=2)}
    assert world.x.answers == [post["id"]]


def edited_and_undone(world: World) -> None:
    """Two replies, one of them edited, the other taken back."""
    first, second = world.reply("@shopbot #AmazonCart x2", 0), world.reply("@shopbot #AmazonCart x5", 1)
    edit = world.reply("@shopbot #AmazonCart x3", 2)
    edit["edit_history_tweet_ids"] = [first["id"], edit["id"]]
    above = [{"type": "replied_to", "id": second["id"]}]
    undo = world.reply("@shopbot #undo", 3, referenced_tweets=above, in_reply_to_user_id="222")
    for post in (undo, edit, second, first):
        world.aws_lambda.deliver({"event_type": "post.create", "payload": post})
    world.aws_lambda.rest()
    assert world.cart() == {LINE: LineState(quantity=3)}
    assert world.outcome(undo["id"]) == "UNDONE"
    assert sorted(world.x.answers) == sorted(set(world.x.answers))


def answer_is_limited(world: World) -> None:
    """X's limit makes the answer wait in Pending."""
    world.x.refuses_for = 1
    reply_is_delivered(world)


def parent_is_unreadable(world: World) -> None:
    """X cannot show the parent post for five receives: the request waits in Pending, and the post is given up.

    Somebody redrives the dead-letter queue twice, of which the cart notices nothing unless the last receive was killed
    before it could leave the request in Pending.
    """
    world.x.blind_for = MAX_RECEIVES
    post = world.reply("#AmazonCart x2", 0)
    world.aws_lambda.deliver({"event_type": "post.create", "payload": post})
    world.aws_lambda.rest()
    for _ in range(2):
        assert {json.loads(body)["kind"] for body in world.aws_lambda.dead_letters()} == {"post"}
        world.aws_lambda.redrive()
        world.aws_lambda.rest()
    world.aws_lambda.given_up.clear()
    assert world.cart() == {LINE: LineState(quantity=2)}
    assert world.outcome(post["id"]) == "ADDED"
    assert world.x.answers == []


WAYS = (reply_is_delivered, reply_is_swept, edited_and_undone, answer_is_limited, parent_is_unreadable)


@pytest.mark.parametrize("fault", Fault, ids=lambda fault: fault.name.lower())
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_nothing_is_lost_or_doubled_by_a_fault_at_any_call(fault: Fault, way: Callable[[World], None]) -> None:
    first = 1 if STRIDE == 1 else 2 + (5 * WAYS.index(way) + 7 * list(Fault).index(fault)) % STRIDE
    for number in range(first, MOST_CALLS, STRIDE):
        calls = Calls(fault, at=number)
        with world(calls) as stage:
            way(stage)
            assert stage.aws_lambda.dead_letters() == set()
        if len(calls.made) < number + STRIDE:
            return
    pytest.fail("the way does not end")
