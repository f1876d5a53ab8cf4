"""The cart in a browser: from a reply to the store, and what happens on the way."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.end_to_end.conftest import BEN, CLEO, QUINN, World

MUG, TEE, LP = "Stoneware mug, speckled", "Organic cotton tee, moss", "Night Drive, LP"


@dataclass(frozen=True)
class Shopper:
    """Quinn at a browser."""

    page: Page
    world: World

    def open(self, path: str = "/cart") -> None:
        self.page.goto(self.world.settings.cart_site_url + path)

    def sign_in(self) -> None:
        self.open()
        self.press("Sign in at Northwind")
        self.page.locator("input[name=customer][value=quinn]").check()
        self.press("Continue to HashCart")
        expect(self.page.get_by_role("heading", level=1)).to_have_text("Your cart")

    def reply(self, text: str, product: str) -> None:
        """Reply on X, and wait until it is worked off."""
        self.world.outcome(QUINN, self.world.reply(QUINN, text, self.world.product_post(product)))

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def section(self, heading: str) -> Locator:
        return self.page.locator("section.card").filter(has=self.page.get_by_role("heading", name=heading))

    def line(self, title: str) -> Locator:
        return self.page.locator("li.line").filter(has=self.page.get_by_role("link", name=title, exact=True))

    def quantity(self, title: str) -> Locator:
        return self.page.get_by_label(f"Quantity of {title}")

    def other_tab(self) -> "Shopper":
        return Shopper(self.page.context.new_page(), self.world)


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="en-US")
    yield context
    context.close()


@pytest.fixture
def quinn(context: BrowserContext, world: World) -> Iterator[Shopper]:
    complaints: list[str] = []
    context.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    shopper = Shopper(context.new_page(), world)
    shopper.sign_in()
    yield shopper
    assert [text for text in complaints if "Content Security Policy" in text] == []


def test_from_a_reply_to_the_store(quinn: Shopper) -> None:
    quinn.reply("#AmazonCart", "stoneware-mug")
    quinn.reply("#AmazonCart x2", "organic-tee")
    quinn.open()
    expect(quinn.line(MUG)).to_contain_text("$18.00, as of")
    post = quinn.line(MUG).get_by_role("link", name="From a post on X").get_attribute("href")
    assert post == f"http://x.localhost:{quinn.world.settings.x_port}/i/web/status/" + quinn.world.product_post(
        "stoneware-mug"
    )
    quinn.press(f"One more of {MUG}")
    expect(quinn.quantity(MUG)).to_have_value("2")
    quinn.press("Undo, back to 1")
    expect(quinn.quantity(MUG)).to_have_value("1")
    quinn.quantity(MUG).fill("3")
    quinn.quantity(MUG).press("Enter")
    expect(quinn.page.get_by_role("button", name="Undo, back to 1")).to_be_visible()
    quinn.press(f"Remove {MUG}")
    expect(quinn.page.get_by_role("status")).to_contain_text(f"{MUG} is no longer in your cart.")
    quinn.page.get_by_role("status").get_by_role("button", name="Put back").click()
    expect(quinn.quantity(MUG)).to_have_value("3")
    quinn.section("Waiting for your choice").get_by_role("button", name="M", exact=True).click()
    expect(quinn.quantity(f"{TEE}, M")).to_have_value("2")
    quinn.press("Choose again")
    quinn.section("Waiting for your choice").get_by_role("button", name="L", exact=True).click()
    expect(quinn.quantity(f"{TEE}, L")).to_have_value("2")
    quinn.press("Send to Northwind")
    expect(quinn.page.get_by_role("heading", level=1)).to_have_text("Add these to your cart?")
    assert quinn.page.url.startswith(quinn.world.settings.store_site_url)
    expect(quinn.page.get_by_role("main")).to_contain_text(f"{TEE}, L")
    quinn.press("Add to cart")
    expect(quinn.page.get_by_role("main")).to_contain_text("3 × $18.00")
    quinn.open()
    sent = quinn.section("Sent to the store")
    expect(sent).to_contain_text(MUG)
    quinn.line(MUG).get_by_role("button", name="Send again").click()
    expect(quinn.page.get_by_role("heading", level=1)).to_have_text("Add these to your cart?")
    expect(quinn.page.get_by_role("main")).to_contain_text("3 × $18.00")
    quinn.open()
    quinn.press(f"Put back {MUG}")
    expect(quinn.quantity(MUG)).to_have_value("3")
    quinn.press("Done")
    expect(quinn.section("Sent to the store")).to_have_count(0)


def test_a_page_that_is_out_of_date_is_told(quinn: Shopper) -> None:
    quinn.reply("#AmazonCart", "night-drive-lp")
    quinn.open()
    other = quinn.other_tab()
    other.open()
    quinn.press(f"One more of {LP}")
    expect(quinn.quantity(LP)).to_have_value("2")
    other.quantity(LP).fill("3")
    other.quantity(LP).press("Enter")
    expect(other.page.get_by_role("alert")).to_contain_text(f"{LP}: 2 in your cart now.")
    other.press("Make it 3")
    expect(other.quantity(LP)).to_have_value("3")
    quinn.press("Send to Northwind")
    expect(quinn.page.get_by_role("alert")).to_contain_text("nothing was sent")
    expect(quinn.quantity(LP)).to_have_value("3")


def test_adding_without_a_reply(quinn: Shopper) -> None:
    field = "Link of a product or a post"
    quinn.page.get_by_label(field).fill(f"{quinn.world.settings.store_site_url}/products/stoneware-mug")
    quinn.page.get_by_text("Quantity, size, colour").click()
    quinn.page.get_by_label("Quantity", exact=True).fill("2")
    quinn.press("Add")
    expect(quinn.page.get_by_role("status")).to_contain_text("Saved: 2 in your cart.")
    expect(quinn.quantity(MUG)).to_have_value("2")
    post = quinn.world.product_post("night-drive-lp")
    quinn.page.get_by_label(field).fill(f"http://x.localhost:{quinn.world.settings.x_port}/shop/status/{post}?s=20")
    quinn.press("Add")
    expect(quinn.page.get_by_role("status")).to_contain_text("Saved: 1 in your cart.")
    quinn.page.get_by_label(field).fill("no link at all")
    quinn.press("Add")
    expect(quinn.page.get_by_role("alert")).to_contain_text("There is no link")
    quinn.page.get_by_role("link", name="Activity", exact=True).click()
    expect(quinn.page.locator(".history li").first).to_contain_text("Added privately")
    posts = quinn.world.x.get("/simulator/posts").json()["posts"]
    assert not [entry for entry in posts if entry["author_id"] == QUINN and "night-drive" in entry["text"]]


@pytest.mark.parametrize(
    ("author", "text", "words"),
    [
        (CLEO, "#AmazonCart", "The post is protected."),
        (BEN, "#AmazonCart", "not from your linked profile"),
        (QUINN, "So lovely #AmazonCrt", "Your reply has “#AmazonCrt”; the hashtag is #AmazonCart."),
    ],
)
def test_why_not(quinn: Shopper, author: str, text: str, words: str) -> None:
    reply = quinn.world.reply(author, text, quinn.world.product_post("stoneware-mug"))
    quinn.open("/why-not")
    quinn.page.get_by_label("Link of your reply").fill(
        f"http://x.localhost:{quinn.world.settings.x_port}/somebody/status/{reply}"
    )
    quinn.press("Find out")
    expect(quinn.page.get_by_role("status")).to_contain_text(words)
    if author == QUINN:
        quinn.press("Add it now, privately")
        expect(quinn.page.get_by_role("status")).to_contain_text("Saved: 1 in your cart.")
