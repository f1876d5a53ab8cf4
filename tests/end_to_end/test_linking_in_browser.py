"""From the first visit to a linked profile and away again, in a browser, and each way in which it can fail."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.end_to_end.conftest import BEN, CLEO, World, eventually


@dataclass(frozen=True)
class Shopper:
    """Somebody at a browser, who knows what to press."""

    page: Page
    site: str

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def open(self, path: str) -> None:
        self.page.goto(self.site + path)

    def sign_in_at_the_store(self, customer: str, decision: str = "Continue to HashCart") -> None:
        self.page.locator(f"input[name=customer][value={customer}]").check()
        self.press(decision)

    def sign_in_with_x(self, account: str, decision: str = "Authorize app") -> None:
        self.page.locator(f"input[name=account][value='{account}']").check()
        self.press(decision)

    def go_to_x_as(self, customer: str) -> None:
        """Everything up to X's page."""
        self.open("/link")
        self.press("Sign in at Northwind")
        self.sign_in_at_the_store(customer)
        self.press("Sign in with X")
        expect(self.page.locator("input[name=account]").first).to_be_visible()

    def link_as(self, customer: str, account: str) -> None:
        """All of linking."""
        self.go_to_x_as(customer)
        self.sign_in_with_x(account)
        self.agree()
        self.heading("Linked. You are ready.")

    def agree(self) -> None:
        self.page.get_by_label("Tie my X profile to this account").check()
        self.page.get_by_label("Nothing, I’ll look here").check()
        self.press("Agree and link")

    def erase_everything(self) -> None:
        self.open("/account/erase")
        self.page.get_by_label("I want everything erased").check()
        self.press("Erase for good")
        expect(self.page.get_by_role("heading", level=1)).to_have_text("Everything is erased")

    def heading(self, text: str) -> None:
        expect(self.page.get_by_role("heading", level=1)).to_have_text(text)


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="en-US")
    yield context
    context.close()


@pytest.fixture
def shopper(context: BrowserContext, world: World) -> Iterator[Shopper]:
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    yield Shopper(page, world.settings.cart_site_url)
    assert [text for text in complaints if "Content Security Policy" in text] == []


def test_a_stranger_links_and_a_reply_lands_in_the_cart_then_leaves(shopper: Shopper, world: World) -> None:
    shopper.open("/")
    shopper.page.get_by_role("link", name="Link your accounts").click()
    expect(shopper.page.locator("main")).to_contain_text("Nothing is ever bought.")
    shopper.press("Sign in at Northwind")
    shopper.sign_in_at_the_store("ben")
    shopper.heading("Now your X profile")
    shopper.press("Sign in with X")
    shopper.sign_in_with_x(BEN)
    shopper.heading("Is this you, and do you agree?")
    expect(shopper.page.locator("main")).to_contain_text("@ben_browses")
    expect(shopper.page.get_by_label("Answer me in public when I ask")).not_to_be_checked()
    assert shopper.page.locator("input[name=email]:checked").count() == 0
    shopper.agree()
    shopper.heading("Linked. You are ready.")
    post = world.reply(BEN, "#AmazonCart x2", world.product_post("stoneware-mug"))
    assert world.outcome(BEN, post).code == "ADDED"
    shopper.open("/account")
    expect(shopper.page.locator("main")).to_contain_text("@ben_browses")
    shopper.erase_everything()
    assert world.watcher.is_linked(BEN) is False


def test_who_is_signed_out_comes_back_to_the_page_that_was_wanted(shopper: Shopper) -> None:
    shopper.open("/account")
    shopper.heading("Sign in")
    shopper.press("Sign in at Northwind")
    shopper.sign_in_at_the_store("ada")
    shopper.heading("Your account")
    assert urlsplit(shopper.page.url).path == "/account"
    [cookie] = [cookie for cookie in shopper.page.context.cookies() if cookie["name"] == "__Host-hashcart"]
    assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "Lax")
    shopper.press("Sign out")
    shopper.open("/account")
    shopper.heading("Sign in")


def test_settings_are_kept_and_a_pause_is_explained(shopper: Shopper) -> None:
    shopper.open("/account")
    shopper.press("Sign in at Northwind")
    shopper.sign_in_at_the_store("quinn")
    shopper.page.get_by_label("Quiet mode").check()
    shopper.page.get_by_label("More categories that are sensitive for you").fill("Books, Garden")
    shopper.press("Save the settings")
    expect(shopper.page.get_by_role("status")).to_have_text("Your settings are saved.")
    expect(shopper.page.get_by_label("Quiet mode")).to_be_checked()
    expect(shopper.page.get_by_label("More categories that are sensitive for you")).to_have_value("Books, Garden")
    shopper.press("Pause")
    expect(shopper.page.locator("main")).to_contain_text("Your replies do nothing until you resume.")
    shopper.press("Resume")
    expect(shopper.page.get_by_role("status")).to_have_text("Your replies work again.")
    shopper.page.get_by_label("Quiet mode").uncheck()
    shopper.page.get_by_label("More categories that are sensitive for you").fill("")
    shopper.press("Save the settings")
    shopper.open("/account/export")
    with shopper.page.expect_download() as started:
        shopper.press("Download the file")
    assert started.value.suggested_filename == "hashcart-export.json"
    assert "quiet_quinn" in started.value.path().read_text()


def test_denying_the_store_or_x_links_nothing(shopper: Shopper, world: World) -> None:
    shopper.open("/link")
    shopper.press("Sign in at Northwind")
    shopper.sign_in_at_the_store("noor", "Cancel")
    shopper.heading("You did not sign in")
    shopper.press("Sign in at the store again")
    shopper.sign_in_at_the_store("noor")
    shopper.press("Sign in with X")
    shopper.sign_in_with_x(BEN, "Cancel")
    shopper.heading("You did not allow it on X")
    shopper.press("Sign in with X again")
    shopper.sign_in_with_x(BEN)
    shopper.heading("Is this you, and do you agree?")
    assert world.watcher.is_linked(BEN) is False
    expect(shopper.page.locator("main")).to_contain_text("The store names no verified e-mail address")
    expect(shopper.page.locator("input[name=email][value=everything]")).to_be_disabled()


def test_a_callback_works_once_and_only_with_its_state(shopper: Shopper) -> None:
    callbacks: list[str] = []
    shopper.page.on("request", lambda request: callbacks.append(request.url) if "/link/x/back" in request.url else None)
    shopper.go_to_x_as("noor")
    shopper.sign_in_with_x(BEN)
    shopper.heading("Is this you, and do you agree?")
    [callback] = callbacks
    shopper.page.goto(callback)
    shopper.heading("This sign-in cannot go on")
    shopper.press("Sign in with X again")
    forged = callback.replace(parse_qs(urlsplit(callback).query)["state"][0], "f" * 43)
    shopper.page.goto(forged)
    shopper.heading("This sign-in cannot go on")


def test_a_code_that_x_no_longer_takes_asks_to_try_once_more(shopper: Shopper, world: World) -> None:
    shopper.go_to_x_as("noor")
    expired = {"method": "POST", "path": "/2/oauth2/token", "status": 400, "count": 1}
    world.x.post("/simulator/faults", json=expired).raise_for_status()
    shopper.sign_in_with_x(BEN)
    shopper.heading("X no longer accepts this sign-in")
    shopper.press("Sign in with X again")
    shopper.sign_in_with_x(BEN)
    shopper.heading("Is this you, and do you agree?")


def test_a_lost_session_starts_again_at_the_store(shopper: Shopper) -> None:
    shopper.go_to_x_as("noor")
    shopper.page.context.clear_cookies(domain="cart.localhost")
    shopper.sign_in_with_x(BEN)
    shopper.heading("This sign-in cannot go on")
    shopper.press("Sign in at the store again")
    shopper.sign_in_at_the_store("noor")
    shopper.heading("Now your X profile")


def test_a_forged_form_changes_nothing(shopper: Shopper) -> None:
    shopper.open("/account")
    shopper.press("Sign in at Northwind")
    shopper.sign_in_at_the_store("ada")
    shopper.heading("Your account")
    shopper.page.evaluate(
        "document.querySelectorAll('[name=csrf_token]').forEach(field => field.value = '0'.repeat(64))"
    )
    shopper.press("Pause")
    shopper.heading("We did not do that")
    shopper.open("/account")
    expect(shopper.page.get_by_role("button", name="Pause")).to_be_visible()


def test_a_form_sent_after_the_session_had_ended_is_offered_again(shopper: Shopper) -> None:
    shopper.open("/account")
    shopper.press("Sign in at Northwind")
    shopper.sign_in_at_the_store("ada")
    shopper.page.get_by_label("Quiet mode").check()
    shopper.page.context.clear_cookies(domain="cart.localhost")
    shopper.press("Save the settings")
    shopper.heading("Sign in")
    shopper.press("Sign in at Northwind")
    shopper.sign_in_at_the_store("ada")
    shopper.heading("Welcome back. Shall we go on?")
    shopper.press("Yes, do it now")
    expect(shopper.page.get_by_label("Quiet mode")).to_be_checked()
    shopper.page.get_by_label("Quiet mode").uncheck()
    shopper.press("Save the settings")


def test_a_taken_profile_moves_after_a_confirmation_and_the_other_account_is_told(
    shopper: Shopper, browser: Browser, world: World
) -> None:
    shopper.link_as("noor", BEN)
    other = browser.new_context(locale="en-US").new_page()
    second = replace(shopper, page=other)
    second.go_to_x_as("ben")
    second.sign_in_with_x(BEN)
    second.agree()
    second.heading("This profile belongs to another account here")
    second.press("Move the profile to this account")
    second.heading("Linked. You are ready.")
    shopper.open("/account")
    expect(shopper.page.locator("main")).to_contain_text("@ben_browses was linked with another account")
    second.erase_everything()
    shopper.erase_everything()
    other.context.close()
    assert world.watcher.is_linked(BEN) is False


def test_an_erase_while_a_reply_is_in_flight_leaves_nothing_behind_nor_to_the_next_owner(
    shopper: Shopper, world: World
) -> None:
    shopper.link_as("ben", BEN)
    erased_shopper = world.stored.shopper_of(BEN)
    world.take_store_down()
    post = world.reply(BEN, "#AmazonCart x2", world.product_post("stoneware-mug"))
    eventually(world.stored.waits_for_insertion, "reply in flight")
    shopper.erase_everything()
    shopper.link_as("noor", BEN)
    world.bring_store_back()
    world.rest()
    assert world.stored.rows_of(erased_shopper) == []
    assert world.stored.rows_of(world.stored.shopper_of(BEN)) == []
    for delivery in world.deliveries(post):
        world.x.post(f"/simulator/deliveries/{delivery['id']}/redeliver").raise_for_status()
    world.rest()
    assert world.stored.rows_of(world.stored.shopper_of(BEN)) == []
    # The profile's own reply is offered to who owns the profile now, and in no cart.
    shopper.open("/cart")
    expect(shopper.page.locator("main .lines")).to_have_count(0)


def test_a_protected_profile_is_warned_before_it_is_linked(shopper: Shopper) -> None:
    shopper.go_to_x_as("noor")
    shopper.sign_in_with_x(CLEO)
    shopper.heading("Is this you, and do you agree?")
    expect(shopper.page.locator("main")).to_contain_text("Your posts are protected")


@pytest.mark.parametrize("language", ["en", "fr", "es", "de", "ja"])
def test_pages_fit_a_phone_at_twice_the_text_size(browser: Browser, world: World, language: str) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale=language)
    page = context.new_page()
    for path in ("/", "/link", "/link/sign-in", "/link/erased"):
        page.goto(world.settings.cart_site_url + path)
        page.evaluate("document.documentElement.style.setProperty('font-size', '200%')")
        assert page.locator("html").get_attribute("lang") == language
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
    context.close()
