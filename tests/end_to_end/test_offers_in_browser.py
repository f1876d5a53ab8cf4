"""What a shopper posted before or beside the link is never lost and never added unasked, in a browser."""

import re

from playwright.sync_api import Locator, expect

from tests.end_to_end.conftest import ADA, BEN, World, eventually
from tests.end_to_end.test_emails import Inbox, inbox
from tests.end_to_end.test_linking_in_browser import Shopper, context, shopper

__all__ = ["context", "inbox", "shopper"]

MOST_AN_HOUR = 30
"""The template's own `MaxAddsPerHour`."""


def offer(shopper: Shopper, reply: str) -> Locator:
    """The form of one offered reply alone. X still has the replies of other tests, which are offered as well."""
    several = "input[name=reply] ~ input[name=reply]"
    return shopper.page.locator(f"form[action='/cart/offers']:has(input[value='{reply}']):not(:has({several}))")


def test_a_first_reply_before_linking_is_offered_and_added_by_a_click_alone(shopper: Shopper, world: World) -> None:
    wanted = world.reply(BEN, "#AmazonCart x2", world.product_post("stoneware-mug"))
    unwanted = world.reply(BEN, "#AmazonCart", world.product_post("linen-throw"))
    world.rest()
    shopper.link_as("ben", BEN)
    main = shopper.page.locator("main")
    expect(main).to_contain_text("Replies from before you linked")
    expect(main).to_contain_text("2 pieces")
    world.rest()
    assert world.cart(BEN) == {}
    shopper.open("/cart")
    offer(shopper, unwanted).get_by_role("button", name=re.compile("^No thanks")).click()
    expect(shopper.page.get_by_role("status")).to_have_text("They are not offered any more.")
    offer(shopper, wanted).get_by_role("button", name=re.compile("^Add")).click()
    expect(shopper.page.get_by_role("status")).to_contain_text("Saved: 2 in your cart.")
    assert [quantity for _, quantity in world.cart(BEN).values()] == [2]
    for delivery in world.deliveries(wanted):
        world.x.post(f"/simulator/deliveries/{delivery['id']}/redeliver").raise_for_status()
    world.rest()
    assert [quantity for _, quantity in world.cart(BEN).values()] == [2]
    shopper.open("/activity")
    expect(main).to_contain_text("Added when it was offered")
    shopper.open("/cart")
    expect(offer(shopper, wanted)).to_have_count(0)
    world.reply(BEN, "#undo", wanted)
    eventually(lambda: not world.cart(BEN), "cart without what the offer had added")


def test_the_page_after_linking_does_without_x_and_looks_again(shopper: Shopper, world: World) -> None:
    reply = world.reply(BEN, "#AmazonCart", world.product_post("stoneware-mug"))
    down = {"method": "GET", "path": "/2/tweets/search/recent", "status": 503, "count": 99}
    shopper.go_to_x_as("ben")
    world.x.post("/simulator/faults", json=down).raise_for_status()
    shopper.sign_in_with_x(BEN)
    shopper.agree()
    shopper.heading("Linked. You are ready.")
    expect(shopper.page.locator("main")).to_contain_text("X did not answer")
    world.x.delete("/simulator/faults").raise_for_status()
    shopper.press("Look again")
    expect(offer(shopper, reply)).to_have_count(1)


def test_too_many_adds_are_asked_about_taken_back_and_what_waited_is_offered(
    shopper: Shopper, world: World, inbox: Inbox
) -> None:
    shopper.open("/account")
    shopper.press("Sign in at Northwind")
    shopper.sign_in_at_the_store("ada")
    mug, throw = world.product_post("stoneware-mug"), world.product_post("linen-throw")
    world.stored.note_adds(ADA, MOST_AN_HOUR)
    assert world.outcome(ADA, world.reply(ADA, "#AmazonCart", mug)).code == "ADDED"
    eventually(lambda: world.stored.is_paused(ADA), "pause")
    held = world.reply(ADA, "#AmazonCart x2", throw)
    assert world.outcome(ADA, held).code == "PAUSED"
    inbox.wake()
    (mail,) = eventually(lambda: inbox.new("ada@example.com"), "e-mail")
    assert mail["subject"] == "Was that you? Adding is paused"
    main = shopper.page.locator("main")
    shopper.open("/account")
    expect(main).to_contain_text("Was that you?")
    shopper.page.get_by_role("link", name="It was not me").click()
    shopper.heading("It was not you?")
    expect(shopper.page.locator(".offers > li")).to_have_count(MOST_AN_HOUR + 1)
    shopper.press("Take all of it back")
    expect(main).to_contain_text("Nothing of it is left in your cart.")
    assert world.cart(ADA) == {}
    shopper.page.get_by_role("link", name="To your account").click()
    shopper.press("It was me, go on")
    expect(main).to_contain_text("Replies that waited for you")
    assert world.cart(ADA) == {}
    offer(shopper, held).get_by_role("button", name=re.compile("^Add")).click()
    expect(shopper.page.get_by_role("status")).to_contain_text("Saved: 2 in your cart.")
    assert world.outcome(ADA, world.reply(ADA, "#AmazonCart", mug)).code == "ADDED"
