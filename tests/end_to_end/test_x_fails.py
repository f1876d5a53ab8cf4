"""X fails in every way at once while replies come twice and out of order: each counts once, none has two answers."""

from collections.abc import Mapping

from tests.end_to_end.conftest import A_RETRY_SECONDS, ADA, DIETER, World, eventually

LOOKUPS = (
    {"status": 429, "reset_in": 1},
    {"status": 500},
    {"status": 503, "after_effect": True},
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
