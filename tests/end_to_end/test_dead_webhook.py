"""X has disabled the webhook: the sweep finds what it missed, the webhook comes back, and everything counts once."""

from typing import Any

from hashcart.use_cases.heal_webhooks import CHECK
from tests.end_to_end.conftest import A_RETRY_SECONDS, ADA, DIETER, World, eventually


def webhook(world: World) -> dict[str, Any]:
    """The one webhook of the stack."""
    (found,) = world.x.get("/simulator/health").json()["webhooks"]
    return dict(found)


def test_a_dead_webhook_loses_nothing_and_comes_back(world: World) -> None:
    # A post that is ahead of every clock is refused, and does not move the sweeps past what follows.
    far_ahead = world.reply(DIETER, "@shopbot #AmazonCart x9", world.product_post("linen-throw"), clock_ahead=40 * 60)
    world.stored.run("MentionSweepFunction")
    world.rest()
    assert world.cart(DIETER) == {}
    world.x.post(f"/simulator/webhooks/{webhook(world)['id']}/disable").raise_for_status()
    searched = world.reply(ADA, "#AmazonCart x4", world.product_post("stoneware-mug"))
    mentioned = world.reply(DIETER, "@shopbot #AmazonCart x3", world.product_post("linen-throw"))
    assert world.deliveries(searched) == world.deliveries(mentioned) == []
    world.outcome(ADA, searched, seconds=A_RETRY_SECONDS)
    world.outcome(DIETER, mentioned, seconds=A_RETRY_SECONDS)
    assert world.cart(ADA)["Stoneware mug, speckled"] == ("in_cart", 4)
    assert world.cart(DIETER)["Washed linen throw"] == ("in_cart", 3)
    world.stored.end_lease(CHECK)  # as if five minutes had passed
    world.stored.run("MentionSweepFunction")
    eventually(lambda: webhook(world)["valid"], "valid webhook", seconds=A_RETRY_SECONDS)
    eventually(
        lambda: [found for found in world.deliveries(mentioned) if found["state"] == "delivered"], "replay of the gap"
    )
    again = world.reply(ADA, "#AmazonCart x2", world.product_post("stoneware-mug"))
    world.outcome(ADA, again, seconds=A_RETRY_SECONDS)
    assert world.cart(ADA)["Stoneware mug, speckled"] == ("in_cart", 2)
    assert world.cart(DIETER)["Washed linen throw"] == ("in_cart", 3)
    assert len(eventually(lambda: world.answers(mentioned), "answer")) == 1
    world.delete(far_ahead)
