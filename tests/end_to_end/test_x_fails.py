"""X fails in every way at once while replies come twice and out of order: each counts once, none has two answers."""

import time
from collections.abc import Mapping

from hashcart.social.x.client import DEFAULT_WAIT_MS
from tests.end_to_end.conftest import A_RETRY_SECONDS, ADA, BOT, DIETER, World, eventually

LOOKUPS = (
    {"status": 429, "reset_in": 1},
    {"status": 500},
    {"status": 200, "cut": True},  # the connection ends in the middle of the answer
    {"status": 503, "delay": 7},  # longer than HashCart waits
)
ANSWERS = (
    {"status": 503, "after_effect": True},  # as after a crash between X's call and its record
    {"status": 500},
    {"status": 503, "delay": 7},
)


def fail(world: World, method: str, *faults: Mapping[str, object]) -> None:
    for fault in faults:
        world.x.post("/simulator/faults", json={"method": method, "path": "/2/tweets", **fault}).raise_for_status()


def test_replies_count_once_while_lookups_fail(world: World) -> None:
    parents = [world.post("111", f"New {number}: {world.product_url('linen-throw')}") for number in range(4)]
    fail(world, "GET", *LOOKUPS)
    posts = [
        world.reply(ADA, f"#AmazonCart x{number + 1}", parent, parent_in_post_create=False)
        for number, parent in enumerate(parents)
    ]
    for post in reversed(posts):
        for delivery in world.deliveries(post):
            world.x.post(f"/simulator/deliveries/{delivery['id']}/redeliver").raise_for_status()
    for post in posts:
        world.outcome(ADA, post, A_RETRY_SECONDS)
    assert world.cart(ADA) == {"Washed linen throw": ("in_cart", 4)}
    shopper = world.stored.shopper_of(ADA)
    operations = [name for row in world.stored.rows_of(shopper) if "line_id" in row for name in row if "#x#" in name]
    assert len(operations) == len(set(operations)) == len(posts)


def test_no_post_has_two_answers_whatever_became_of_the_call(world: World) -> None:
    fail(world, "POST", *ANSWERS)
    mug = world.product_post("stoneware-mug")
    posts = [world.reply(DIETER, f"@shopbot #AmazonCart x{number + 1}", mug) for number in range(len(ANSWERS))]
    for post in posts:
        world.outcome(DIETER, post)
    eventually(lambda: world.x.get("/simulator/faults").json() == {"faults": []}, "failed answers", A_RETRY_SECONDS)
    world.rest()

    def all_answered() -> bool:
        world.stored.let_answers_settle()
        return all(world.answers(post) for post in posts)

    eventually(all_answered, "answer to each post", A_RETRY_SECONDS)
    world.stored.let_answers_settle()
    assert [len(world.answers(post)) for post in posts] == [1] * len(posts)


def test_a_limit_that_does_not_say_its_end_is_waited_out(world: World) -> None:
    limit = {"status": 429, "reset_in": None}
    fail(world, "GET", limit)
    fail(world, "POST", limit)
    parent = world.post("111", f"Once more: {world.product_url('linen-throw')}")
    post = world.reply(DIETER, "@shopbot #AmazonCart x2", parent)
    world.outcome(DIETER, post, A_RETRY_SECONDS)
    assert world.cart(DIETER) == {"Washed linen throw": ("in_cart", 2)}
    (due_ms,) = eventually(world.stored.answers_due_ms, "answer that waits")
    assert due_ms > time.time_ns() // 1_000_000 + DEFAULT_WAIT_MS - A_RETRY_SECONDS * 1000
    world.stored.restart("OutcomeDeliveryFunction")
    is_answered_once(world, post)


def test_an_answer_whose_confirmation_is_cut_short_is_not_given_again(world: World) -> None:
    fail(world, "POST", {"status": 201, "after_effect": True, "cut": True})
    post = world.reply(DIETER, "@shopbot #AmazonCart", world.product_post("stoneware-mug"))
    world.outcome(DIETER, post)
    eventually(world.stored.answers_due_ms, "answer of which nothing is known")
    assert len(world.answers(post)) == 1
    world.stored.restart("OutcomeDeliveryFunction")
    is_answered_once(world, post)


def test_a_token_that_ends_before_its_time_is_renewed(world: World) -> None:
    mug = world.product_post("stoneware-mug")
    world.x.post(f"/simulator/accounts/{BOT}/end-access-tokens").raise_for_status()
    post = world.reply(DIETER, "@shopbot #AmazonCart", mug)
    world.outcome(DIETER, post)
    is_answered_once(world, post)


def is_answered_once(world: World, post: str) -> None:
    """Wait until the post is answered and nothing is left to do about it."""

    def is_settled() -> bool:
        world.stored.let_answers_settle()
        return bool(world.answers(post)) and world.stored.answers_due_ms() == []

    eventually(is_settled, "answer", A_RETRY_SECONDS)
    assert len(world.answers(post)) == 1
