"""Every page of HashCart, as anybody can use it: phone and desk, light and dark, keyboard, and each language.

The pages' pictures are left in `.local/screenshots`.
"""

import re
import shutil
from collections.abc import Iterator
from http import HTTPStatus
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page, Response, expect

from hashcart.pages.kit.limits import CLICKS
from local.settings import PROJECT_ROOT
from tests.end_to_end.conftest import ADA, BEN, World
from tests.end_to_end.page_audit import AXE, Audit

PICTURES = PROJECT_ROOT / ".local" / "screenshots"


@pytest.fixture(scope="module", autouse=True)
def _pictures() -> None:
    shutil.rmtree(PICTURES, ignore_errors=True)


@pytest.fixture
def page(browser: Browser, world: World) -> Iterator[Page]:
    if not AXE.exists():
        pytest.skip("axe-core is not installed: npm ci --prefix tests/end_to_end")
    context = browser.new_context(base_url=world.settings.cart_site_url, locale="en-US", reduced_motion="reduce")
    yield context.new_page()
    context.close()


@pytest.fixture
def audit(page: Page) -> Iterator[Audit]:
    audit = Audit(page, PICTURES)
    yield audit
    assert audit.problems == [], audit.report()


def send(page: Page, button: str = "main button.primary") -> Response:
    """Press the first such button and wait for the page that answers, after all redirections."""
    with page.expect_navigation() as navigation:
        page.locator(button).first.click()
    return navigation.value


def sign_in_at_store(page: Page, customer: str) -> None:
    """Be a customer of the demo store, on the store's own page."""
    page.get_by_label(re.compile(customer)).check()
    with page.expect_navigation():
        page.get_by_role("button", name=re.compile("Continue")).click()


def sign_in(page: Page, customer: str) -> None:
    """Sign in and end at the cart."""
    page.goto("/link/sign-in")
    send(page)
    sign_in_at_store(page, customer)
    page.wait_for_url("**/cart*")


def go_to_consent(page: Page, account: str) -> None:
    """Sign in with X."""
    page.goto("/link/x")
    send(page)
    page.locator(f"input[name=account][value='{account}']").check()
    page.get_by_role("button", name="Authorize app").click()
    page.wait_for_url("**/link/consent")


def agree_to_link(page: Page, account: str) -> None:
    """Sign in with X, and agree."""
    go_to_consent(page, account)
    page.locator("input[name=ties_profile]").check()
    page.locator("input[name=email][value=nothing]").check()
    send(page)


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("home", "/"),
        ("link", "/link"),
        ("sign-in", "/link/sign-in"),
        ("erased", "/link/erased"),
        ("not-found", "/nothing-here"),
        ("sign-in-refused", "/link/store/back?error=access_denied&state=unknown"),
        ("unsubscribe-refused", "/unsubscribe?token=forged"),
    ],
)
def test_pages_for_everybody(audit: Audit, name: str, address: str) -> None:
    audit.page.goto(address)
    audit.look(name)


def test_pages_on_the_way_from_the_first_visit_to_the_last(audit: Audit) -> None:
    page = audit.page
    page.goto("/link")
    send(page)
    sign_in_at_store(page, "Noor Aziz")
    page.wait_for_url("**/link/x")
    audit.look("link-x")
    page.goto("/account")
    audit.look("account-not-linked")
    page.goto("/cart")
    audit.look("cart-not-linked")
    agree_to_link(page, ADA)
    page.wait_for_url("**/link/move")
    audit.look("move")
    go_to_consent(page, BEN)
    audit.look("consent")
    agree_to_link(page, BEN)
    page.wait_for_url("**/cart/linked")
    audit.look("linked")
    for name in ("account", "cart", "activity", "why-not", "account/unlink", "account/export", "account/erase"):
        page.goto(f"/{name}")
        audit.look(name.replace("/", "-") if "/" in name else f"{name}-new")
    page.goto("/account/erase")
    page.locator("input[name=sure]").check()
    send(page, "main button.danger")
    expect(page).to_have_url(re.compile("/link/erased"))


def test_pages_of_a_shopper_with_something_of_everything(audit: Audit, world: World) -> None:
    page = audit.page
    sign_in(page, "Ada Bright")
    replies = {
        "stoneware-mug": "#AmazonCart x3",
        "organic-tee": "#AmazonCart",
        "arc-lamp": "#AmazonCart",
        "quiet-migraine": "#AmazonCart",
        "copper-kettle": "#AmazonCart",
        "night-drive-lp": "#AmazonCart x9",
        "linen-throw": "#AmazonCart",
    }
    posts = [world.reply(ADA, text, world.product_post(product)) for product, text in replies.items()]
    for post in posts:
        world.outcome(ADA, post)
    page.goto("/cart")
    page.locator("form[action='/cart/store'] button.primary").first.click()
    page.wait_for_url(re.compile(r"store\.localhost"))
    for product in ("stoneware-mug", "quiet-migraine"):
        world.outcome(ADA, world.reply(ADA, "#AmazonCart x2", world.product_post(product)))
    page.goto("/cart")
    audit.look("cart")
    send(page, "form[action='/cart/check'] button")
    audit.look("cart-checked", can_reload=False)
    page.goto("/cart")
    other = page.context.new_page()
    other.goto("/cart")
    send(other, "button[aria-label^='One more of']:not(:disabled):visible")
    other.close()
    send(page, "button[aria-label^='One more of']:not(:disabled):visible")
    expect(page.get_by_role("alert")).to_be_visible()
    audit.look("cart-stale", can_reload=False)
    page.locator("#link").fill(world.product_url("linen-throw"))
    send(page, "form[action='/cart/add'] .actions button")
    expect(page.get_by_role("status")).to_be_visible()
    audit.look("cart-added", can_reload=False)
    page.goto("/activity")
    audit.look("activity")
    page.goto("/why-not")
    page.locator("#link").fill(f"https://x.com/ada_shops/status/{posts[0]}")
    send(page)
    audit.look("why-not-answered", can_reload=False)
    page.goto("/account")
    audit.look("account")


def test_pages_of_replies_that_wait_for_an_answer(audit: Audit, world: World) -> None:
    page = audit.page
    for product in ("stoneware-mug", "linen-throw", "arc-lamp"):
        world.reply(BEN, "#AmazonCart x2", world.product_post(product))
    world.rest()
    page.goto("/link")
    send(page)
    sign_in_at_store(page, "Noor Aziz")
    page.wait_for_url("**/link/x")
    agree_to_link(page, BEN)
    page.wait_for_url("**/cart/linked")
    audit.look("linked-with-offers")
    page.goto("/cart")
    audit.look("cart-with-offers")


def test_pages_that_ask_about_too_many_adds(audit: Audit, world: World) -> None:
    page = audit.page
    sign_in(page, "Ada Bright")
    posts = [world.reply(ADA, "#AmazonCart", world.product_post(name)) for name in ("stoneware-mug", "quiet-migraine")]
    for post in posts:
        world.outcome(ADA, post)
    world.stored.ask_about_adds(ADA)
    world.outcome(ADA, world.reply(ADA, "#AmazonCart", world.product_post("linen-throw")))
    page.goto("/account")
    audit.look("account-asks")
    page.goto("/cart")
    audit.look("cart-asks")
    page.goto("/cart/not-me")
    audit.look("not-me")
    page.goto("/account")
    send(page, "form[action='/account/adds'] button")
    page.goto("/cart")
    audit.look("cart-with-held")


def exhaust_clicks(page: Page, world: World) -> int:
    """Send a form more often than anybody may; returns the status of the page that answers."""
    page.goto("/link/sign-in")
    token = page.locator("main [name=csrf_token]").first.input_value()
    cookies = "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in page.context.cookies())
    headers = {"host": urlsplit(page.url).netloc, "cookie": cookies, "sec-fetch-site": "same-origin"}
    for _ in range(CLICKS.per_session):
        address = f"http://127.0.0.1:{world.settings.cart_port}/sign-out"
        httpx.post(address, headers=headers, data={"csrf_token": token})
    page.evaluate("document.querySelector('main form').action = '/sign-out'")
    return send(page).status


def test_pages_that_refuse_a_form(audit: Audit, world: World) -> None:
    page = audit.page
    page.goto("/link/sign-in")
    page.evaluate("document.querySelector('main [name=csrf_token]').value = 'forged'")
    send(page)
    audit.look("forged-form", can_reload=False)
    # A minute may end meanwhile, and the counting with it.
    assert any(exhaust_clicks(page, world) == HTTPStatus.TOO_MANY_REQUESTS for _ in range(2))
    audit.look("too-many", can_reload=False)


@pytest.mark.parametrize("language", ["de", "ja"])
def test_answers_to_forms_in_other_languages(audit: Audit, world: World, language: str) -> None:
    page = audit.page
    sign_in(page, "Ada Bright")
    page.goto(f"/cart?lang={language}")
    page.locator("#link").fill(world.product_url("linen-throw"))
    send(page, "form[action='/cart/add'] .actions button")
    audit.look("cart-added", can_reload=False)
    page.goto("/why-not")
    page.locator("#link").fill("https://x.com/ada_shops/status/1")
    send(page)
    audit.look("why-not-answered", can_reload=False)
    page.goto("/account")
    page.evaluate("document.querySelector('main [name=csrf_token]').value = 'forged'")
    send(page, "main form button")
    audit.look("forged-form", can_reload=False)
    assert page.locator("html").get_attribute("lang") == language


def test_the_page_that_keeps_what_was_about_to_be_done(audit: Audit, page: Page) -> None:
    sign_in(page, "Ada Bright")
    page.goto("/account")
    page.context.clear_cookies()
    send(page, "form[action='/account/settings'] button.primary")
    send(page)
    sign_in_at_store(page, "Ada Bright")
    audit.look("resume")
