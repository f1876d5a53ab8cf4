"""X tells at once of what a shopper posts and deletes who agreed to that on the account page, and of nobody else."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from hashcart.use_cases.keep_subscriptions import CHECK
from hashcart.use_cases.sweep_posts import SWEEP
from tests.end_to_end.conftest import A_RETRY_SECONDS, BEN, World, eventually
from tests.end_to_end.test_linking_in_browser import Shopper

AT_ONCE = "Let X tell us at once of what I post and delete"
MUG = "Stoneware mug, speckled"


@pytest.fixture
def by_subscriptions_alone(world: World) -> Iterator[None]:
    """X streams nobody's posts, and nobody sweeps: only subscriptions bring anything."""
    world.x.patch("/simulator/settings", json={"post_create_for": []}).raise_for_status()
    world.stored.hold_lease(SWEEP)
    yield
    world.stored.end_lease(SWEEP)
    world.x.patch("/simulator/settings", json={"post_create_for": "everybody"}).raise_for_status()


@pytest.fixture
def ben(browser: Browser, world: World) -> Iterator[Shopper]:
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="en-US")
    ben = Shopper(context.new_page(), world.settings.cart_site_url)
    ben.link_as("ben", BEN)
    yield ben
    context.close()


def told_of(world: World) -> list[str]:
    """What X tells of Ben."""
    found = world.x.get("/simulator/subscriptions").json()["subscriptions"]
    return sorted(each["event_type"] for each in found if each["filter"]["user_id"] == BEN)


def choose(ben: Shopper, label: str, *, wanted: bool) -> None:
    ben.open("/account")
    ben.page.get_by_label(label).set_checked(wanted)
    ben.press("Save the settings")
    expect(ben.page.locator("main")).to_contain_text("Your settings are saved.")


@pytest.mark.usefixtures("by_subscriptions_alone")
def test_who_opts_in_is_told_of_at_once_and_who_opts_out_no_more(world: World, ben: Shopper) -> None:
    choose(ben, AT_ONCE, wanted=True)
    world.stored.run("MentionSweepFunction")
    eventually(lambda: told_of(world) == ["post.create", "post.delete"], "subscriptions", A_RETRY_SECONDS)
    ben.open("/account")
    expect(ben.page.locator("main")).to_contain_text("X tells us of your posts at once.")
    choose(ben, "Deleting my reply also removes the product", wanted=True)
    post = world.reply(BEN, "#AmazonCart", world.product_post("stoneware-mug"))
    assert world.outcome(BEN, post).code == "ADDED"
    assert world.cart(BEN)[MUG] == ("in_cart", 1)
    world.delete(post)
    eventually(lambda: MUG not in world.cart(BEN), "cart without the deleted reply's product")
    choose(ben, AT_ONCE, wanted=False)
    world.stored.run("MentionSweepFunction")
    eventually(lambda: told_of(world) == [], "end of the subscriptions", A_RETRY_SECONDS)
    silent = world.reply(BEN, "#AmazonCart x2", world.product_post("stoneware-mug"))
    assert world.deliveries(silent) == []


@pytest.mark.parametrize(("how", "words"), [("protected", "your posts are protected"), ("suspended", "has suspended")])
def test_a_profile_that_x_hides_pauses_its_link_until_x_shows_it_again(
    world: World, ben: Shopper, how: str, words: str
) -> None:
    choose(ben, AT_ONCE, wanted=True)
    world.stored.run("MentionSweepFunction")
    eventually(lambda: len(told_of(world)) == 2, "subscriptions", A_RETRY_SECONDS)
    world.x.post(f"/simulator/accounts/{BEN}/show", json={how: True}).raise_for_status()
    world.stored.end_lease(CHECK)  # as if an hour had passed
    world.stored.run("MentionSweepFunction")

    def says_why() -> bool:
        ben.open("/account")
        return words in ben.page.locator("main").inner_text()

    eventually(says_why, "reason on the account page", A_RETRY_SECONDS)
    world.x.post(f"/simulator/accounts/{BEN}/show", json={}).raise_for_status()
    post = world.reply(BEN, "#AmazonCart x3", world.product_post("stoneware-mug"))
    assert world.outcome(BEN, post, A_RETRY_SECONDS).code == "ADDED"
    ben.open("/account")
    expect(ben.page.locator("main")).not_to_contain_text("Paused.")
    eventually(lambda: len(told_of(world)) == 2, "subscriptions once more", A_RETRY_SECONDS)
