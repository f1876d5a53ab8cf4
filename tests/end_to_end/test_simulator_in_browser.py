"""The simulator in a browser: post as somebody, and see what HashCart did without a reload."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.end_to_end.conftest import ADA, World


@pytest.fixture(params=[(1280, 900, "light"), (390, 844, "dark")], ids=["desk", "phone"])
def page(request: pytest.FixtureRequest, browser: Browser, world: World) -> Iterator[Page]:
    width, height, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(f"http://x.localhost:{world.settings.x_port}/?as={ADA}")
    yield page
    context.close()
    assert problems == []


def test_a_reply_in_the_browser_shows_its_way_into_the_cart(page: Page, world: World) -> None:
    post = page.locator(f"#post-{world.product_post('stoneware-mug')}")
    composer = post.locator("form.composer")
    composer.get_by_role("textbox").fill("#AmazonCart x3")
    composer.locator("label.toggle").click()
    composer.get_by_role("button", name="Reply").click()
    attempt = page.locator("#attempts .attempt").first
    expect(attempt.locator(".code")).to_have_text("ADDED")
    expect(attempt.locator(".answer")).to_contain_text("Saved (3).")
    line = page.locator("#cart li", has_text="Stoneware mug")
    expect(line.locator(".quantity")).to_have_text("× 3")


def test_the_page_fits_its_screen(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
