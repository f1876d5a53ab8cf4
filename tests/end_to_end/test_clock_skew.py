"""X's clock is ahead or behind: ids order the posts, whatever the time is here.

Each post is deleted in the end, so that no sweep brings it to a later test whose time it is.
"""

from tests.end_to_end.conftest import DIETER, QUINN, World

AHEAD, BEHIND = 5 * 60, -5 * 60


def test_a_little_ahead_counts_and_can_be_taken_back_at_once(world: World) -> None:
    throw = world.product_post("linen-throw")
    ahead = world.reply(DIETER, "@shopbot #AmazonCart x3", throw, clock_ahead=AHEAD)
    assert world.outcome(DIETER, ahead).code == "ADDED"
    assert world.cart(DIETER) == {"Washed linen throw": ("in_cart", 3)}
    undo = world.reply(DIETER, "#undo", ahead)
    assert world.outcome(DIETER, undo).code == "UNDONE"
    assert world.cart(DIETER) == {}
    world.delete(ahead)


def test_behind_counts_for_whoever_had_linked_by_then(world: World) -> None:
    world.stored.link_before(QUINN, -BEHIND * 2)
    mug = world.product_post("stoneware-mug")
    newer = world.reply(QUINN, "#AmazonCart x2", mug)
    world.outcome(QUINN, newer)
    older = world.reply(QUINN, "#AmazonCart x4", mug, clock_ahead=BEHIND)
    assert world.outcome(QUINN, older).code == "OVERTAKEN"
    assert world.cart(QUINN) == {"Stoneware mug, speckled": ("in_cart", 2)}
    world.delete(older)
