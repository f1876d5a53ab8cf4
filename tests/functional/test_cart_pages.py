"""The cart, the history and "Why not?", through the handlers: what browsers see and what the tables hold then."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from urllib3.exceptions import ProtocolError

from hashcart.domain.account_links import TOO_MANY, AccountLink, EmailChoice, StoreAccount
from hashcart.domain.cart_lines import Kind, LineState, Operation, Snapshot
from hashcart.domain.outcomes import Code, Outcome, Version
from hashcart.domain.posts import order_key
from hashcart.domain.product_links import ProductReference
from hashcart.messages.cart_requests import AddRequested
from hashcart.messages.posts import to_json
from hashcart.observability import clock_ms
from hashcart.pages.kit.browser import SESSION_COOKIE, Browser
from hashcart.storage.account_links import AccountLinks
from hashcart.storage.activity import Activity
from hashcart.storage.carts import Carts
from hashcart.storage.sessions import Sessions
from tests.fakes.aws import Aws, aws_account
from tests.fakes.browser import FakeBrowser, Page
from tests.fakes.clock import post_id
from tests.fakes.handlers import STORE, X_API, Bundle, sqs_event
from tests.fakes.internet import Internet
from tests.fakes.shopify import SHOP, ShopifyFake, product, variant

US = "store.localhost"
MUG, TEE, LAMP, BOOK = (ProductReference(US, name).line_id for name in ("mug", "tee", "lamp", "book"))
PRICE = {"amount": "12.50", "currency": "USD"}
MUG_PRODUCT = {"id": "mug", "title": "Stoneware mug", "price": PRICE, "max_quantity": 5, "marketplaces": [US]}
TEE_PRODUCT = {
    "id": "tee",
    "title": "Tee",
    "price": PRICE,
    "marketplaces": [US],
    "variants": [
        {"id": "tee-m", "title": "M", "options": {"size": "M"}},
        {"id": "tee-l", "title": "L", "options": {"size": "L"}, "in_stock": False},
    ],
}
LAMP_PRODUCT = {"id": "lamp", "title": "Arc lamp", "price": PRICE, "in_stock": True, "marketplaces": [US]}


class World:
    def __init__(self, aws: Aws, internet: Internet, bundle: Bundle) -> None:
        self.aws, self.internet, self.bundle = aws, internet, bundle
        self.links = AccountLinks(aws.dynamodb, "AccountLinksTable")
        self.carts = Carts(aws.dynamodb, "CartsTable")
        self.rows = Activity(aws.dynamodb, "ActivityTable")
        account = StoreAccount("https://store.test", "customer-1", "Ada")
        self.shopper_id = self.links.shopper_of(account, now_ms=clock_ms()).shopper_id
        self.link = AccountLink(
            self.shopper_id, "222", "ada_shops", US, "US", "en", clock_ms() - 3_600_000, "1", email=EmailChoice.NOTHING
        )

    def tie(self, **changes: Any) -> None:
        self.links.link(replace(self.link, **changes), now_ms=clock_ms())

    def browser(self, language: str = "en") -> FakeBrowser:
        browser = FakeBrowser(self.bundle.invoke, language)
        page = browser.get("/")
        assert page.status == 200
        session = Browser({}, Sessions(self.aws.dynamodb, "SessionsTable"), clock_ms)
        session.sign_in(self.shopper_id, language)
        for cookie in session.cookies:
            name, _, rest = cookie.partition("=")
            if name == SESSION_COOKIE:
                browser.cookies[name] = rest.split(";")[0]
        return browser

    def put(self, line_id: str, kind: Kind = Kind.PLAIN, quantity: int | None = None, **shown: Any) -> str:
        """What a reply of a minute ago asked for; returns its order key."""
        key = order_key(post_id(60_000, now_ms=clock_ms()))
        snapshot = replace(Snapshot("Stoneware mug", "12.50", "USD", max_quantity=5), **shown)
        self.carts.write_operation(
            self.shopper_id,
            line_id,
            key,
            Operation(kind, 1, quantity, post_id="77"),
            now_ms=clock_ms(),
            snapshot=snapshot,
        )
        return key

    def state(self, line_id: str) -> LineState:
        return self.carts.line(self.shopper_id, line_id).state(clock_ms())


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    internet = Internet()
    internet.answer(f"GET {STORE}/api/products/mug", (200, MUG_PRODUCT))
    internet.answer(f"GET {STORE}/api/products/tee", (200, TEE_PRODUCT))
    internet.answer(f"GET {STORE}/api/products/lamp", (200, LAMP_PRODUCT))
    with aws_account() as aws:
        world = World(aws, internet, Bundle(aws, internet, monkeypatch))
        world.tie()
        yield world


def test_an_empty_cart_says_how_to_fill_it(world: World) -> None:
    page = world.browser().get("/cart")
    assert page.status == 200
    assert "#AmazonCart" in page.text


def test_lines_show_all_that_is_known_of_them(world: World) -> None:
    world.put(MUG, Kind.SET, 2, priced_at_ms=1_795_000_000_000, image_url="https://m.media-amazon.com/mug.jpg")
    world.put(LAMP, title="Arc lamp", price=None, image_url="https://elsewhere.test/lamp.jpg")
    page = world.browser().get("/cart")
    assert "$12.50, as of November 18, 2026, 11:06 AM UTC" in page.text.replace("\xa0", " ")
    assert "$25.00" in page.text
    html = page.html
    assert {node.attributes["src"] for node in html.css("img.picture")} >= {"https://m.media-amazon.com/mug.jpg"}
    assert any("placeholder" in (node.attributes["src"] or "") for node in html.css("img.picture"))
    links = [node.attributes["href"] for node in html.css(".about a")]
    assert links.count("http://x.site.test/i/web/status/77") == 2
    assert f"http://{US}/products/mug" in links
    assert f"http://{US}" in page.headers["content-security-policy"]


def test_a_quantity_is_changed_and_changed_back(world: World) -> None:
    world.put(MUG, Kind.SET, 2)
    browser = world.browser()
    page = browser.get("/cart")
    page = browser.post("/cart/click", fields(page, "set_quantity", quantity="4"))
    assert world.state(MUG).quantity == 4
    browser.post("/cart/click", fields(page, "undo"))
    assert world.state(MUG).quantity == 2


def test_a_removed_line_is_put_back_from_the_bar_on_top(world: World) -> None:
    world.put(MUG)
    browser = world.browser()
    page = browser.post("/cart/click", fields(browser.get("/cart"), "set_quantity", quantity="0"))
    assert "Stoneware mug is no longer in your cart." in page.text
    browser.post("/cart/click", fields(page, "put_back"))
    assert world.state(MUG).quantity == 1


def test_a_stale_page_is_told_and_the_wish_is_offered_again(world: World) -> None:
    world.put(MUG, Kind.SET, 2)
    one, other = world.browser(), world.browser()
    first, second = one.get("/cart"), other.get("/cart")
    one.post("/cart/click", fields(first, "set_quantity", quantity="3"))
    told = other.post("/cart/click", fields(second, "set_quantity", quantity="5"))
    assert (told.status, world.state(MUG).quantity) == (409, 3)
    assert "Stoneware mug: 3 in your cart now." in told.text
    assert "Make it 5" in told.text
    other.post("/cart/click", fields(told, "set_quantity", quantity="5"))
    assert world.state(MUG).quantity == 5
    removing = one.post("/cart/click", fields(first, "remove"))
    assert (removing.status, "Remove it all the same" in removing.text) == (409, True)
    one.post("/cart/click", fields(removing, "remove"))
    gone = other.post("/cart/click", fields(second, "remove"))
    assert "has been removed" in gone.text
    unknown = fields(second, "remove") | {"line": BOOK, "revision": "1"}
    assert "not in your cart any more" in other.post("/cart/click", unknown).text


def test_an_option_is_chosen_and_chosen_again(world: World) -> None:
    world.put(TEE, Kind.WAITING, 2, title="Tee")
    browser = world.browser()
    page = browser.get("/cart")
    assert [node.text() for node in page.html.css(".options button")] == ["M", "L, sold out"]
    page = browser.post("/cart/click", fields(page, "choose", variant="tee-m"))
    chosen = ProductReference(US, "tee", "tee-m").line_id
    assert (world.state(TEE), world.state(chosen)) == (LineState(), LineState(quantity=2))
    page = browser.post("/cart/click", fields(page, "choose_again"))
    assert world.state(TEE).waiting == 2
    assert browser.post("/cart/click", fields(page, "choose", variant="nothing")).status == 409


def test_many_options_are_a_list(world: World) -> None:
    many = [{"id": f"tee-{number}", "title": str(number)} for number in range(13)]
    world.internet.answer(f"GET {STORE}/api/products/tee", (200, TEE_PRODUCT | {"variants": many}))
    world.internet.answer(f"GET {STORE}/api/products/mug", (404, {}))
    world.put(TEE, Kind.WAITING, title="Tee")
    world.put(MUG, Kind.WAITING)
    page = world.browser().get("/cart")
    assert len(page.html.css("select[name=variant] option")) == 13
    assert "offers no options" in page.text


def test_a_silent_store_is_said(world: World) -> None:
    world.internet.answer(f"GET {STORE}/api/products/lamp", (503, {}))
    world.put(LAMP, Kind.WAITING, title="Arc lamp")
    browser = world.browser()
    page = browser.get("/cart")
    assert "does not tell its options" in page.text
    token = fields(page, "remove") | {"action": "choose", "variant": "x"}
    assert browser.post("/cart/click", token).status == 503


def test_a_wish_is_checked_again_and_put_in_the_cart(world: World) -> None:
    world.put(LAMP, Kind.WISH, title="Arc lamp")
    browser = world.browser()
    page = browser.submit(browser.get("/cart"), "/cart/check")
    assert "It is there again." in page.text
    assert page.html.css_first("li button[autofocus]") is not None
    assert world.state(LAMP).wished == 1
    browser.post("/cart/click", fields(page, "add"))
    assert world.state(LAMP).quantity == 1


def test_a_hand_off_is_written_before_the_browser_leaves(world: World) -> None:
    world.put(MUG, Kind.SET, 3)
    world.put(LAMP, title="Arc lamp")
    browser = world.browser()
    page = browser.get("/cart")
    left = browser.submit(page, "/cart/store")
    assert left.status == 303
    assert set(re.findall(r"add=([a-z~0-9%]+)", left.headers["location"])) == {"mug%7E%7E3", "lamp%7E%7E1"} or set(
        re.findall(r"add=([a-z~0-9]+)", left.headers["location"])
    ) == {"mug~~3", "lamp~~1"}
    assert world.state(MUG).is_empty
    assert browser.submit(page, "/cart/store").headers["location"] == left.headers["location"]
    sent = browser.get("/cart")
    assert "Sent to the store" in sent.text
    again = browser.submit(sent, "/cart/store")
    assert again.status == 303
    fresh = browser.get("/cart")
    browser.post("/cart/click", fields(fresh, "put_back", line=MUG))
    browser.post("/cart/click", fields(fresh, "done", line=LAMP))
    assert (world.state(MUG).quantity, world.state(LAMP).is_empty) == (3, True)
    assert "Sent to the store" not in browser.get("/cart").text


def test_a_stale_hand_off_sends_nothing(world: World) -> None:
    world.put(MUG)
    browser = world.browser()
    page = browser.get("/cart")
    browser.post("/cart/click", fields(page, "set_quantity", quantity="2"))
    told = browser.submit(page, "/cart/store")
    assert (told.status, "nothing was sent" in told.text) == (409, True)
    assert world.state(MUG).quantity == 2


def test_sensitive_lines_are_covered_unless_the_shopper_wants_them_shown(world: World) -> None:
    world.put(BOOK, title="The Quiet Migraine", sensitive=True)
    browser = world.browser()
    page = browser.get("/cart")
    assert len(page.html.css(".line details.covered")) == 1
    removed = browser.post("/cart/click", fields(page, "remove"))
    assert "The Quiet Migraine is no longer" not in removed.text
    world.tie(hide_sensitive=False)
    browser.post("/cart/click", fields(removed, "put_back"))
    assert browser.get("/cart").html.css(".line details.covered") == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"state": "paused", "state_reason": "revoked"}, "paused"), ({"protected": True}, "protected")],
)
def test_what_stands_in_the_way_of_replies_is_said(world: World, changes: dict[str, Any], words: str) -> None:
    world.tie(**changes)
    assert words in world.browser().get("/cart").text


def test_who_has_no_linked_profile_is_asked_to_link(world: World) -> None:
    browser = world.browser()
    cart, why_not = browser.get("/cart"), browser.get("/why-not")
    world.links.unlink(world.shopper_id, "222", now_ms=clock_ms())
    assert browser.submit(cart, "/cart/add", link="https://a.test/x").status == 409
    assert browser.submit(why_not, "/why-not", link="https://x.com/a/status/1").status == 409
    for page in (browser.get("/cart"), browser.get("/why-not")):
        assert "not linked" in page.text
        assert page.html.css_first("main a[href='/link']") is not None
        assert page.html.css_first("input[name=link]") is None


def test_who_was_erased_is_signed_out(world: World) -> None:
    world.put(MUG)
    browser = world.browser()
    page = browser.get("/cart")
    world.aws.dynamodb.delete_item(TableName="AccountLinksTable", Key={"id": {"S": f"shopper#{world.shopper_id}"}})
    assert browser.post("/cart/click", fields(page, "remove")).status == 401
    assert world.state(MUG).quantity == 1


class Queues:
    """Runs the functions behind the queues while a page waits."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self._world = world
        self.goes_on = True
        monkeypatch.setattr(time, "sleep", self._sleep)

    def _sleep(self, _seconds: float) -> None:
        if self.goes_on:
            self.run()

    def run(self) -> None:
        for function, queue in (
            ("hashtag_parsing", "PostsQueue"),
            ("cart_insertion", "CartRequestsQueue"),
            ("outcome_delivery", "OutcomesQueue"),
        ):
            bodies = [message["Body"] for message in self._received(queue)]
            if bodies:
                assert self._world.bundle.invoke(function, sqs_event(*bodies))["batchItemFailures"] == []

    def _received(self, queue: str) -> list[dict[str, Any]]:
        url = self._world.aws.queue_urls[queue]
        messages = self._world.aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for message in messages:
            self._world.aws.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return messages  # type: ignore[return-value]


@pytest.fixture
def queues(world: World, monkeypatch: pytest.MonkeyPatch) -> Queues:
    return Queues(world, monkeypatch)


def add(browser: FakeBrowser, **values: Any) -> Page:
    return browser.submit(browser.get("/cart"), "/cart/add", **values)


def test_a_product_link_is_added_privately(world: World, queues: Queues) -> None:
    page = add(world.browser(), link=f"http://{US}:8401/products/mug", quantity="3")
    assert "Saved: 3 in your cart." in page.text
    assert world.state(MUG).quantity == 3
    activity = world.browser().get("/activity")
    assert "Added privately" in activity.text
    assert "/cart#line-" in activity.body
    assert activity.html.css_first(".history .product a").attributes["href"].endswith("/products/mug")  # type: ignore[union-attr]
    assert "/2/tweets" not in [request.path for request in world.internet.requests]


def test_a_post_link_is_added_privately_and_its_other_product_offered(world: World, queues: Queues) -> None:
    urls = [{"url": "https://t.co/x", "expanded_url": f"http://{US}:8401/products/{name}"} for name in ("mug", "lamp")]
    post = {"id": "2000000000000000001", "author_id": "111", "text": "…", "entities": {"urls": urls}}
    world.internet.answer(f"GET {X_API}/2/tweets", (200, {"data": [post]}))
    browser = world.browser()
    page = add(browser, link="https://x.com/shop/status/2000000000000000001?s=20")
    assert "Saved: 1 in your cart." in page.text
    assert "Add lamp" in page.text
    page = browser.submit(page, "/cart/add")
    assert world.state(LAMP).quantity == 1
    (operation,) = [operation for _, operation in world.carts.line(world.shopper_id, LAMP).standing()]
    assert operation.post_id == "2000000000000000001"


def test_words_choose_the_option_of_what_is_added_privately(world: World, queues: Queues) -> None:
    page = add(world.browser(), link=f"http://{US}:8401/products/tee", options="size M", quantity="2")
    assert "Saved: 2 in your cart." in page.text
    assert world.state(ProductReference(US, "tee", "tee-m").line_id).quantity == 2


def test_at_amazon_prices_have_their_sentence_and_links_their_associate(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    amazon = Bundle(world.aws, world.internet, monkeypatch, STORE="amazon", STORE_SITE_URL="", STORE_BASE_URL="")
    browser = world.browser()
    browser.invoke = amazon.invoke
    mug = ProductReference("amazon.co.uk", "B08N5WRWNW").line_id
    world.put(mug, price=None)
    page = browser.get("/cart")
    assert "As an Amazon Associate I earn from qualifying purchases." in page.text
    assert "accurate as of" not in page.text
    world.put(mug, Kind.SET, 2, priced_at_ms=clock_ms(), associate_tag="maker-21")
    page = browser.get("/cart")
    assert "accurate as of the date/time indicated and are subject to change" in page.text
    assert "https://www.amazon.co.uk" in page.headers["content-security-policy"]
    left = browser.submit(page, "/cart/store").headers["location"]
    assert left.startswith("https://www.amazon.co.uk/gp/aws/cart/add.html?")
    assert {"ASIN.1=B08N5WRWNW", "Quantity.1=2", "AssociateTag=maker-21"} <= set(left.partition("?")[2].split("&"))


def test_a_store_with_a_cart_of_its_own_is_filled_when_the_page_is_shown_and_leads_to_checkout(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Bundle(
        world.aws,
        world.internet,
        monkeypatch,
        STORE="oscar",
        STORE_HOSTS="shop.test",
        STORE_API_SECRET_ARN=world.aws.create_secret("shop-key", {"key": "k"}),
    )
    basket = {"basket": 1, "ordered": False, "lines": []}
    filled = basket | {"lines": [{"product": 7, "quantity": 2, "changed_ms": clock_ms()}]}
    world.internet.answer(f"GET {STORE}/api/hashcart/basket/", (200, basket), (200, filled))
    world.internet.answer(f"PUT {STORE}/api/hashcart/basket/products/7/", (200, filled))
    lamp = ProductReference("shop.test", "7").line_id
    world.put(lamp, Kind.SET, 2, title="Lamp")
    browser = world.browser()
    browser.invoke = shop.invoke
    page = browser.get("/cart")
    assert "Check out at Northwind" in page.text
    assert world.carts.line(world.shopper_id, lamp).store_state == "confirmed"
    assert browser.submit(page, "/cart/store").headers["location"] == f"{STORE}/basket/"
    assert world.state(lamp).quantity == 2
    world.internet.answer(f"PUT {STORE}/api/hashcart/basket/products/7/", (503, {}))
    more = browser.post("/cart/click", fields(browser.get("/cart"), "set_quantity", quantity="3"))
    assert "does not answer; we keep trying" in more.text


def test_a_private_token_of_shopify_goes_with_the_address_of_the_shoppers_browser(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ShopifyFake(world.internet, {"mug": product("mug", variant(1))}, tokens=("shpat",))
    arn = world.aws.create_secret("shop-token", {"private_token": "shpat"})
    shop = Bundle(
        world.aws,
        world.internet,
        monkeypatch,
        STORE="shopify",
        STORE_HOSTS="shop.example",
        STORE_BASE_URL=SHOP,
        STORE_API_SECRET_ARN=arn,
    )
    world.put(ProductReference("shop.example", "mug", "1").line_id)
    browser = world.browser()
    browser.invoke = shop.invoke
    page = browser.get("/cart")
    before = len(world.internet.requests)
    assert browser.submit(page, "/cart/store").status == 303
    assert len(world.internet.requests) > before
    sent = {request.headers["shopify-storefront-buyer-ip"] for request in world.internet.requests}
    assert sent == {browser.address}


def test_what_leads_to_no_product_says_why_and_what_to_do(world: World, queues: Queues) -> None:
    page = add(world.browser(), link="https://elsewhere.test/products/mug")
    assert "The links there lead elsewhere." in page.text
    assert "paste its link on the cart page" in page.text


def test_what_is_no_link_is_said_beside_the_field(world: World) -> None:
    page = add(world.browser(), link="a mug")
    assert (page.status, "There is no link" in page.text) == (422, True)
    field = page.html.css_first("#link[autofocus]")
    assert field is not None
    assert field.attributes["value"] == "a mug"


def test_a_slow_outcome_is_waited_for_on_another_page(world: World, queues: Queues) -> None:
    queues.goes_on = False
    browser = world.browser()
    page = add(browser, link=f"http://{US}:8401/products/mug")
    assert "We are on it." in page.text
    queues.run()
    assert "Saved: 1 in your cart." in browser.get(page.url).text


def test_a_queue_that_takes_nothing_is_said(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    browser = world.browser()
    page = browser.get("/cart")
    world.aws.sqs.delete_queue(QueueUrl=world.aws.queue_urls["PostsQueue"])
    assert browser.submit(page, "/cart/add", link=f"http://{US}/products/mug").status == 503


def test_the_history_comes_in_pages(world: World) -> None:
    browser = world.browser()
    assert "Nothing has happened yet." in browser.get("/activity").text
    for number in range(22):
        key = order_key(post_id(number * 1000, now_ms=clock_ms()))
        outcome = Outcome(Code.NO_PRODUCT, 1, reason="no_link", sensitive=number == 0)
        world.rows.record_version(
            world.shopper_id, key, Version(1, linked=MUG, code=Code.NO_PRODUCT, parent_id="5"), now_ms=clock_ms()
        )
        world.rows.store_outcome(world.shopper_id, key, outcome, now_ms=clock_ms())
    page = browser.get("/activity")
    assert len(page.html.css(".history > li")) == 20
    assert len(page.html.css(".history details.covered")) == 1
    older = page.html.css_first("a[rel=next]")
    assert older is not None
    rest = browser.get(str(older.attributes["href"]))
    assert len(rest.html.css(".history > li")) == 2
    assert "There is nothing older." in browser.get("/activity?before=1000000000000%23x%231").text


def why(browser: FakeBrowser, link: str) -> Page:
    return browser.submit(browser.get("/why-not"), "/why-not", link=link)


def test_why_not_looks_a_reply_up_and_offers_to_add_it_now(world: World, queues: Queues) -> None:
    reply_id = post_id(30_000, now_ms=clock_ms())
    url = [{"url": "https://t.co/x", "expanded_url": f"http://{US}:8401/products/mug"}]
    replied = {"referenced_tweets": [{"type": "replied_to", "id": "2000000000000000001"}]}
    reply = {"id": reply_id, "author_id": "222", "text": "#AmazonCrt please", **replied}
    parent = {"id": "2000000000000000001", "author_id": "111", "text": "…", "entities": {"urls": url}}
    world.internet.answer(f"GET {X_API}/2/tweets", (200, {"data": [reply, parent]}))
    browser = world.browser()
    page = why(browser, f"https://x.com/ada_shops/status/{reply_id}")
    assert "#AmazonCrt" in page.text
    page = browser.submit(page, "/cart/add")
    assert "Saved: 1 in your cart." in page.text
    stored = str(world.aws.dynamodb.scan(TableName="ActivityTable")["Items"])
    assert "AmazonCrt" not in stored


def test_why_not_says_what_became_of_a_reply_that_came(world: World) -> None:
    key = order_key(reply_id := post_id(30_000, now_ms=clock_ms()))
    world.rows.store_outcome(world.shopper_id, key, Outcome(Code.OUT_OF_STOCK, 1), now_ms=clock_ms())
    page = why(world.browser(), f"https://x.com/ada_shops/status/{reply_id}")
    assert "kept as a wish" in page.text
    assert world.internet.requests == []


def test_why_not_has_no_answer_without_a_link_or_without_x(world: World) -> None:
    browser = world.browser()
    assert why(browser, "hello").status == 422
    world.internet.answer(f"GET {X_API}/2/tweets", ProtocolError("cut"))
    assert why(browser, "https://x.com/a/status/1").status == 503


class Before:
    """X with replies of the shopper from before the link, and what a browser sees of them."""

    def __init__(self, world: World, *texts: str) -> None:
        self.world = world
        now_ms = clock_ms()
        world.tie(consented_at_ms=now_ms - 1000)
        url = [{"url": "https://t.co/x", "expanded_url": f"http://{US}:8401/products/mug", "title": "Stoneware mug"}]
        parent = {"id": "2000000000000000001", "author_id": "111", "text": "…", "entities": {"urls": url}}
        self.replies = [
            {
                "id": post_id(60_000 + number, now_ms=now_ms),
                "author_id": "222",
                "text": text,
                "referenced_tweets": [{"type": "replied_to", "id": "2000000000000000001"}],
            }
            for number, text in enumerate(texts)
        ]
        self.search((200, {"data": self.replies, "meta": {"result_count": len(self.replies)}}))
        world.internet.answer(f"GET {X_API}/2/tweets", (200, {"data": [parent, *self.replies]}))

    def search(self, *answers: Any) -> None:
        self.world.internet.answer(f"GET {X_API}/2/tweets/search/recent", *answers)

    @property
    def searches(self) -> list[str]:
        requests = self.world.internet.requests
        return [request.query["query"] for request in requests if request.path == "/2/tweets/search/recent"]

    def answer(self, browser: FakeBrowser, page: Page, answer: str) -> Page:
        return browser.submit(page, "/cart/offers", answer=answer)


def test_a_reply_of_before_is_offered_after_linking_and_added_by_a_click_only(world: World, queues: Queues) -> None:
    before = Before(world, "#AmazonCart x2 private words")
    browser = world.browser()
    page = browser.get("/cart/linked")
    assert page.html.css_first("#offers + p + ul h3").text() == "Stoneware mug"  # type: ignore[union-attr]
    assert "2 pieces" in page.text
    tags = " OR ".join(f"#{tag}" for tag in ("AmazonCart", "AmazonBasket", "アマゾンポチ"))
    assert before.searches == [f"from:ada_shops ({tags}) is:reply -is:retweet"]
    queues.run()
    assert world.state(MUG) == LineState()
    page = before.answer(browser, browser.get("/cart"), "add")
    assert "Saved: 2 in your cart." in page.text
    assert "Added when it was offered" in page.text
    assert world.state(MUG).quantity == 2
    activity = browser.get("/activity")
    assert f"/i/web/status/{before.replies[0]['id']}" in activity.body
    assert "Replies from before you linked" in activity.text
    for path in ("/cart", "/cart/linked"):
        assert browser.get(path).html.css("form[action='/cart/offers']") == []
    assert len(before.searches) == 1
    stored = str([world.aws.dynamodb.scan(TableName=table)["Items"] for table in ("SessionsTable", "ActivityTable")])
    assert "private words" not in stored


def test_the_same_form_sent_twice_adds_once(world: World, queues: Queues) -> None:
    before = Before(world, "#AmazonCart")
    browser = world.browser()
    page = browser.get("/cart/linked")
    for _ in range(2):
        assert "Saved: 1 in your cart." in before.answer(browser, page, "add").text
    assert len(browser.get("/activity").html.css(".history > li")) == 1


def test_several_replies_are_added_or_declined_together(world: World, queues: Queues) -> None:
    before = Before(world, "#AmazonCart", "#AmazonCart x3", "#AmazonCart x4")
    browser = world.browser()
    page = browser.get("/cart/linked")
    everything = [str(reply["id"]) for reply in before.replies]
    page = browser.submit(page, "/cart/offers", reply=everything[:1], answer="decline")
    assert "They are not offered any more." in page.text
    page = browser.submit(page, "/cart/offers", reply=everything, answer="add")
    assert "They are on their way." in page.text
    assert len(page.html.css(".history > li")) == 2
    assert world.state(MUG).quantity == 3
    Before(world, "#AmazonCart")
    assert browser.submit(browser.get("/cart/linked"), "/cart/offers", reply="x", answer="add").status == 400


def test_a_page_after_linking_without_x_says_so_quietly_and_looks_again(world: World) -> None:
    before = Before(world, "#AmazonCart")
    found = (200, {"data": before.replies, "meta": {}})
    before.search((503, {}), (429, {}), found)
    browser = world.browser()
    page = browser.get("/cart/linked")
    assert (page.status, "X did not answer" in page.text) == (200, True)
    page = browser.submit(page, "/cart/offers/look")
    assert "X did not answer" in page.text
    page = browser.submit(page, "/cart/offers/look")
    assert "Stoneware mug" in page.text
    page = browser.submit(page, "/cart/offers/look")
    assert "often enough for now" in page.text
    assert "Stoneware mug" in page.text


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((503, {}), "X does not answer at the moment"),
        ((200, {"errors": []}), "X no longer shows that reply"),
    ],
)
def test_what_x_does_not_show_at_the_click_is_not_added(world: World, answer: Any, said: str) -> None:
    before = Before(world, "#AmazonCart")
    browser = world.browser()
    page = browser.get("/cart/linked")
    world.internet.answer(f"GET {X_API}/2/tweets", answer)
    assert said in before.answer(browser, page, "add").text


def test_offers_need_a_link_and_a_queue(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    before = Before(world, "#AmazonCart")
    browser = world.browser()
    page = browser.get("/cart/linked")
    world.aws.sqs.delete_queue(QueueUrl=world.aws.queue_urls["PostsQueue"])
    assert before.answer(browser, page, "add").status == 503
    assert world.links.unlink(world.shopper_id, "222", now_ms=clock_ms())
    assert before.answer(browser, page, "add").status == 409
    assert browser.submit(page, "/cart/offers/look", follow=False).status == 303
    assert browser.get("/cart/linked", follow=False).headers["location"] == "/link/x"


def test_a_protected_profile_is_not_searched(world: World) -> None:
    before = Before(world, "#AmazonCart")
    world.tie(protected=True)
    assert "protected" in world.browser().get("/cart/linked").text
    assert before.searches == []


def test_hashtags_that_no_post_can_have_are_not_searched(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Before(world, "#AmazonCart")
    browser = world.browser()
    browser.invoke = Bundle(world.aws, world.internet, monkeypatch, CART_HASHTAGS="123").invoke
    assert "found none" in browser.get("/cart/linked").text
    assert before.searches == []


class Crowded:
    """A shopper whose replies have added too much, and who is asked about it."""

    def __init__(self, world: World) -> None:
        self.world, now_ms = world, clock_ms()
        self.replies = [post_id(ago_ms, now_ms=now_ms) for ago_ms in (60_000, 50_000)]
        for reply in self.replies:
            version = Version(int(reply), MUG, Kind.PLAIN, sensitive=reply == self.replies[1])
            world.rows.record_version(world.shopper_id, order_key(reply), version, now_ms=now_ms)
            outcome = Outcome(Code.ADDED, int(reply), quantity=1, sensitive=version.sensitive)
            world.rows.store_outcome(world.shopper_id, order_key(reply), outcome, now_ms=now_ms)
            operation = Operation(Kind.PLAIN, int(reply))
            world.carts.write_operation(world.shopper_id, MUG, order_key(reply), operation, now_ms=now_ms)
        world.put(LAMP, title="Arc lamp")
        world.links.pause_adding(world.link, adds_since_ms=now_ms - 60_000)

    def hold(self) -> str:
        """A reply that comes while the shopper is asked."""
        reply = post_id(1000, now_ms=clock_ms())
        url = [{"url": "https://t.co/x", "expanded_url": f"http://{US}:8401/products/tee", "title": "Tee"}]
        parent = {"id": "2000000000000000001", "author_id": "111", "text": "…", "entities": {"urls": url}}
        post = {
            "id": reply,
            "author_id": "222",
            "text": "#AmazonCart size M",
            "referenced_tweets": [{"type": "replied_to", "id": "2000000000000000001"}],
        }
        self.world.internet.answer(f"GET {X_API}/2/tweets", (200, {"data": [parent, post]}))
        message = AddRequested(reply, reply, "222", "2000000000000000001", ProductReference(US, "tee"))
        event = sqs_event(to_json(message))
        assert self.world.bundle.invoke("cart_insertion", event)["batchItemFailures"] == []
        (outcome,) = self.world.aws.received("OutcomesQueue")
        assert self.world.bundle.invoke("outcome_delivery", sqs_event(json.dumps(outcome)))["batchItemFailures"] == []
        return reply


def test_whoever_did_not_add_it_sees_all_of_it_and_takes_it_back(world: World) -> None:
    Crowded(world)
    browser = world.browser()
    page = browser.get("/cart/not-me")
    assert "change your password on X first" in page.text
    assert len(page.html.css(".offers > li")) == 2
    assert len(page.html.css(".offers details.covered")) == 1
    assert world.state(MUG).quantity == 1
    page = browser.submit(page, "/cart/not-me")
    assert "All of it is taken back." in page.text
    assert "Nothing of it is left in your cart." in page.text
    assert (world.state(MUG), world.state(LAMP).quantity) == (LineState(), 1)
    assert {row.undone for row in world.rows.recent(world.shopper_id, before_key=None, limit=9)} == {True}
    link = world.links.current_link("222")
    assert link is not None
    assert link.state_reason == TOO_MANY


def test_nobody_else_has_anything_to_take_back(world: World) -> None:
    browser = world.browser()
    crowded = Crowded(world)
    page = browser.get("/cart/not-me")
    assert world.links.vouch(crowded.world.shopper_id, "222", now_ms=clock_ms())
    assert browser.submit(page, "/cart/not-me", follow=False).headers["location"] == "/account"
    assert browser.get("/cart/not-me", follow=False).headers["location"] == "/account"
    assert world.state(MUG).quantity == 1


def test_what_came_while_the_shopper_was_asked_is_added_by_a_click_after_the_answer(
    world: World, queues: Queues
) -> None:
    crowded = Crowded(world)
    reply = crowded.hold()
    browser = world.browser()
    page = browser.get("/activity")
    assert "so we ask you first" in page.text
    assert "/cart/offers" not in browser.get("/cart").body
    world.links.vouch(world.shopper_id, "222", now_ms=clock_ms())
    page = browser.get("/cart")
    assert "Replies that waited for you" in page.text
    assert page.html.css_first("#held + p + ul a").attributes["href"].endswith(reply)  # type: ignore[union-attr]
    page = browser.submit(page, "/cart/offers", answer="add")
    assert "Saved: 1 in your cart." in page.text
    assert world.state(ProductReference(US, "tee", "tee-m").line_id).quantity == 1
    assert "/cart/offers" not in page.body
    history = browser.get("/activity")
    assert "so we ask you first" not in history.text
    assert history.body.count(f"/i/web/status/{reply}") == 1


def test_every_page_speaks_every_language(world: World) -> None:
    world.put(MUG, Kind.SET, 9)
    world.put(TEE, Kind.WAITING, 2, title="Tee")
    world.put(LAMP, Kind.WISH, title="Arc lamp")
    Before(world, "#AmazonCart x2", "#AmazonCart")
    for language in ("fr", "es", "de", "ja"):
        browser = world.browser(language)
        for path in ("/cart/linked", "/cart", "/activity", "/why-not"):
            page = browser.get(path)
            assert (page.status, f'<html lang="{language}">' in page.body) == (200, True)
    Crowded(world)
    for language in ("fr", "es", "de", "ja"):
        for path in ("/cart/not-me", "/account", "/cart"):
            page = world.browser(language).get(path)
            assert (page.status, "@ada_shops" in page.text or path == "/cart") == (200, True)


BAD_FIELDS = (
    {"line": "no-line"},
    {"line": ""},
    {"revision": "-1"},
    {"quantity": "1000"},
    {"quantity": "two"},
    {"form": "#"},
    {"action": "buy"},
    {"variant": "x" * 501},
)


def test_forms_that_no_page_of_ours_sends_are_refused(world: World) -> None:
    world.put(MUG)
    browser = world.browser()
    page = browser.get("/cart")
    good = fields(page, "set_quantity", quantity="2")
    assert [browser.post("/cart/click", good | bad).status for bad in BAD_FIELDS] == [400] * len(BAD_FIELDS)
    for line in ("1 no-line", "x#y#", f"-1 {MUG}", ""):
        sent = {"csrf_token": good["csrf_token"], "form": "abcdefgh", "line": line}
        assert browser.post("/cart/store", sent).status == 400
    assert world.state(MUG).quantity == 1


def fields(page: Page, action: str, line: str | None = None, **values: str) -> dict[str, str]:
    """The fields of the page's form with an action, of a line where several have it."""
    for form in page.html.css("form[action='/cart/click']"):
        found = {
            str(node.attributes["name"]): str(node.attributes.get("value") or "") for node in form.css("input[name]")
        }
        buttons = {str(node.attributes.get("value")) for node in form.css("button[name=action]")}
        if (found.get("action") == action or action in buttons) and line in (None, found["line"]):
            return found | {"action": action} | values
    raise AssertionError(f"no form to {action} in {page.text}")
