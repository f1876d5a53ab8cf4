"""What holds for every page: sessions, forms, headers, limits, languages, returning after a sign-in."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from pydantic import BaseModel, Field

from hashcart.domain.sessions import ABSOLUTE_MS, ANONYMOUS_LIFE_MS, IDLE_MS
from hashcart.pages.kit.browser import SESSION_COOKIE
from hashcart.pages.kit.limits import Limit
from hashcart.pages.kit.rendering import StoreFacts
from hashcart.pages.kit.responses import Response
from hashcart.pages.kit.routes import Route, get, post
from hashcart.pages.kit.site import Site, SiteFacts
from hashcart.pages.kit.visitor import Visitor
from hashcart.storage.sessions import Sessions
from tests.fakes.aws import Aws, aws_account
from tests.fakes.browser import FakeBrowser, Page
from tests.fakes.clock import Clock
from tests.fakes.handlers import PAGES

STORE = StoreFacts("Northwind", "Northwind Ltd", "https://n.example/about", "", ("AmazonCart",), "shopbot")
FEW = Limit("few", per_session=2, per_address=3, window_seconds=60)


class Note(BaseModel):
    text: str = Field(max_length=20)
    tags: tuple[str, ...] = ()


class NotePages:
    """Pages of a small notebook, as a function would bring them along."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, str, tuple[str, ...]]] = []

    def routes(self) -> list[Route]:
        return [
            get("/cart", self.show),
            post("/cart/notes", self.add, holds="home.hashtags"),
            post("/cart/other", self.add),
            post("/cart/few", self.look, public=True, limit=FEW),
            get("/cart/broken", self.fail, public=True),
            get("/help/{name}", self.look, public=True),
            get("/sign-in-as/{name}", self.sign_in, public=True),
            get("/sign-out", self.sign_out, public=True),
            get("/form", self.form, public=True),
        ]

    def show(self, visitor: Visitor) -> Response:
        return Response(body=f"notes of {visitor.shopper_id} in {visitor.language}")

    def add(self, visitor: Visitor) -> Response:
        note = visitor.form(Note)
        self.notes.append((visitor.shopper_id, note.text, note.tags))
        return visitor.redirect("/form", notice="common.run_by", operator=note.text)

    def look(self, visitor: Visitor) -> Response:
        return Response(body=f"looked at {visitor.path.get('name')}")

    def fail(self, visitor: Visitor) -> Response:
        raise ZeroDivisionError(visitor.request.path)

    def sign_in(self, visitor: Visitor) -> Response:
        visitor.browser.sign_in(visitor.path["name"], "fr", carry=("held",))
        return visitor.redirect("/form")

    def sign_out(self, visitor: Visitor) -> Response:
        visitor.browser.sign_out()
        return visitor.redirect("/form")

    def form(self, visitor: Visitor) -> Response:
        return visitor.render("resume.html", action="/cart/notes", about="a note", fields={"text": ["<tea>"]})


class World:
    def __init__(self, aws: Aws) -> None:
        self.aws = aws
        self.clock = Clock()
        self.sessions = Sessions(aws.dynamodb, "SessionsTable")
        self.pages = NotePages()
        facts = SiteFacts(STORE, "#84572c", PAGES, ("https://pictures.example",), ("https://store.example",))
        self.site = Site(facts, self.sessions, lambda: "address-key", self.clock, self.pages.routes())

    def browser(self, *, language: str = "en", address: str = "203.0.113.7") -> FakeBrowser:
        return FakeBrowser(lambda _, event: self.site(event), language, address)

    def signed_in(self, name: str = "ada") -> FakeBrowser:
        browser = self.browser()
        browser.get(f"/sign-in-as/{name}")
        return browser

    def items(self, prefix: str) -> list[dict[str, Any]]:
        items = self.aws.dynamodb.scan(TableName="SessionsTable")["Items"]
        return [item for item in items if item["id"]["S"].startswith(prefix)]


@pytest.fixture
def world() -> Iterator[World]:
    with aws_account() as aws:
        yield World(aws)


def test_who_only_looks_is_not_written_down(world: World) -> None:
    stranger = world.browser()
    assert stranger.get("/help/start").status == 200
    assert stranger.cookies == {}
    stranger.get("/form")
    assert SESSION_COOKIE in stranger.cookies
    assert world.items("") == []


def test_a_sign_in_changes_the_secret_and_keeps_only_its_hash(world: World) -> None:
    browser = world.browser()
    browser.get("/form")
    before = browser.cookies[SESSION_COOKIE]
    browser.get("/sign-in-as/ada")
    after = browser.cookies[SESSION_COOKIE]
    assert before != after
    assert len(after) == 43
    [item] = world.items("session#")
    assert after not in str(item)
    assert browser.get("/cart").body == "notes of ada in fr"


def test_an_earlier_session_ends_with_the_sign_in(world: World) -> None:
    browser = world.browser()
    browser.post("/cart/notes", {"text": "milk"}, follow=False)
    thief = world.browser()
    thief.cookies = dict(browser.cookies)
    browser.get("/sign-in-as/ada")
    assert thief.get("/cart", follow=False).status == 303
    assert len(world.items("session#")) == 1


def test_signing_out_ends_it_here_and_at_the_server(world: World) -> None:
    browser = world.signed_in()
    kept = dict(browser.cookies)
    browser.get("/sign-out")
    assert world.items("session#") == []
    browser.cookies = kept
    assert browser.get("/cart", follow=False).status == 303


@pytest.mark.parametrize("cookie", ["", "short", "x" * 43 + "!", "x" * 5000, "é" * 43])
def test_a_cookie_that_is_none_of_ours_is_nobody(world: World, cookie: str) -> None:
    browser = world.browser()
    browser.cookies[SESSION_COOKIE] = cookie
    assert browser.get("/cart", follow=False).headers["location"] == "/link/sign-in?return=%2Fcart"


def test_a_session_ends_after_two_weeks_without_a_visit_and_after_sixty_days(world: World) -> None:
    browser = world.signed_in()
    for _ in range(ABSOLUTE_MS // (IDLE_MS - 1)):
        world.clock.now_ms += IDLE_MS - 1
        assert browser.get("/cart", follow=False).status == 200
    world.clock.now_ms += IDLE_MS - 1
    assert browser.get("/cart", follow=False).status == 303
    idle = world.signed_in()
    world.clock.now_ms += IDLE_MS
    assert idle.get("/cart", follow=False).status == 303


def test_a_form_of_ours_is_carried_out_and_its_notice_is_shown_once(world: World) -> None:
    browser = world.signed_in()
    page = browser.submit(browser.get("/form"), "/cart/notes", tags=["a", "b"])
    assert world.pages.notes == [("ada", "<tea>", ("a", "b"))]
    assert "Exploité par <tea>." in page.text
    assert "<tea>" not in page.body
    assert "Exploité" not in browser.get("/help/x").body
    assert "Exploité par <tea>" not in browser.get("/form").text


@pytest.mark.parametrize("notice", ["x", "WyJjb21tb24ubm9uZSIse31d", "WyJjb21tb24ucnVuX2J5Iix7fV0=", "bnVsbA=="])
def test_a_notice_that_is_none_of_ours_is_left_out(world: World, notice: str) -> None:
    browser = world.signed_in()
    browser.cookies["__Host-notice"] = notice
    page = browser.get("/form")
    assert page.status == 200
    assert page.html.css_first(".notice") is None


@pytest.mark.parametrize("token", [None, "", "0" * 64, "é"])
def test_a_form_without_the_sessions_token_changes_nothing(world: World, token: str | None) -> None:
    browser = world.signed_in()
    page = browser.submit(browser.get("/form"), "/cart/notes", csrf_token=token)
    assert page.status == 403
    assert world.pages.notes == []
    assert "token" not in page.text


def test_a_token_is_good_for_its_own_session_alone(world: World) -> None:
    ada, mallory = world.signed_in(), world.signed_in("mallory")
    token = mallory.get("/form").html.css_first("[name=csrf_token]")
    assert token is not None
    assert ada.post("/cart/notes", {"text": "x", "csrf_token": token.attributes["value"]}).status == 403


@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}]
)
def test_a_post_from_another_site_is_refused_even_with_the_token(world: World, headers: dict[str, str]) -> None:
    browser = world.signed_in()
    token = browser.get("/form").html.css_first("[name=csrf_token]")
    assert token is not None
    fields = {"text": "x", "csrf_token": token.attributes["value"]}
    assert browser.post("/cart/notes", fields, headers=headers).status == 403
    assert browser.post("/cart/notes", fields, headers={"origin": "null"}).status == 403
    assert world.pages.notes == []


def test_a_form_sent_after_the_session_had_ended_is_offered_again(world: World) -> None:
    browser = world.signed_in()
    form = browser.get("/form")
    world.clock.now_ms += IDLE_MS
    sent = browser.submit(form, "/cart/notes", follow=False, tags=["a", "b"])
    assert sent.headers["location"] == "/link/sign-in?return=%2Fresume"
    assert world.pages.notes == []
    browser.get("/sign-in-as/ada")
    offered = browser.get("/resume")
    assert "Les hashtags" in offered.text
    browser.submit(offered, "/cart/notes")
    assert world.pages.notes == [("ada", "<tea>", ("a", "b"))]
    assert browser.get("/resume").status == 404


def test_it_is_offered_even_where_the_cookie_is_gone(world: World) -> None:
    browser = world.signed_in()
    form = browser.get("/form")
    browser.cookies.clear()
    browser.submit(form, "/cart/notes", follow=False)
    browser.get("/sign-in-as/ada")
    browser.submit(browser.get("/resume"), "/cart/notes")
    assert world.pages.notes == [("ada", "<tea>", ())]


@pytest.mark.parametrize(("path", "text"), [("/cart/other", "x"), ("/cart/notes", "x" * 9000)])
def test_what_may_not_be_held_leads_home(world: World, path: str, text: str) -> None:
    browser = world.browser()
    assert browser.post(path, {"text": text}, follow=False).headers["location"] == "/link/sign-in?return=%2F"
    assert world.items("session#") == []


def test_a_stranger_cannot_be_made_to_hold_anothers_form(world: World) -> None:
    browser = world.browser()
    answer = browser.post("/cart/notes", {"text": "x"}, follow=False, headers={"sec-fetch-site": "cross-site"})
    assert answer.status == 403
    assert world.items("session#") == []


def test_a_held_form_lives_an_hour(world: World) -> None:
    browser = world.browser()
    browser.post("/cart/notes", {"text": "x"}, follow=False)
    world.clock.now_ms += ANONYMOUS_LIFE_MS
    browser.get("/sign-in-as/ada")
    assert browser.get("/resume").status == 404


def test_a_signed_out_visitor_comes_back_to_the_page(world: World) -> None:
    answer = world.browser().get("/cart?of=mugs%26more", follow=False)
    assert answer.headers["location"] == "/link/sign-in?return=%2Fcart%3Fof%3Dmugs%2526more"


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"text=" + b"x" * 17_000, "application/x-www-form-urlencoded", 413),
        (b'{"text": "x"}', "application/json", 415),
        (b"text=x", "", 415),
        (b"text=\xff", "application/x-www-form-urlencoded", 400),
        (b"text=%ff", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"f%d=1" % number for number in range(200)), "application/x-www-form-urlencoded", 400),
    ],
)
def test_what_is_no_form_of_ours_gets_a_page(world: World, body: bytes, content_type: str, status: int) -> None:
    browser = world.signed_in()
    page = browser.request("POST", "/cart/notes", body=body, headers={"content-type": content_type})
    assert page.status == status
    assert page.html.css_first("h1") is not None


def test_fields_that_do_not_fit_get_a_page(world: World) -> None:
    browser = world.signed_in()
    page = browser.submit(browser.get("/form"), "/cart/notes", text="x" * 21)
    assert page.status == 400
    assert world.pages.notes == []


def test_limits_count_by_session_and_by_address(world: World) -> None:
    def press(browser: FakeBrowser) -> Page:
        token = browser.get("/form").html.css_first("[name=csrf_token]")
        assert token is not None
        return browser.post("/cart/few", {"csrf_token": token.attributes["value"]})

    browser = world.browser()
    assert [press(browser).status for _ in range(3)] == [200, 200, 429]
    assert press(world.browser()).status == 429
    assert press(world.browser(address="198.51.100.1")).status == 200
    refused = press(world.browser())
    assert 0 < int(refused.headers["retry-after"]) <= 60
    world.clock.now_ms += 60_000
    assert press(browser).status == 200


def test_a_household_is_one_address_and_none_is_kept(world: World) -> None:
    for address in ("2001:db8:1:2::1", "2001:db8:1:2::2", "198.51.100.1", "no address"):
        world.browser(address=address).post("/cart/few", {})
    counters = world.items("limit#few#address#")
    assert sorted(item["hits"]["N"] for item in counters) == ["1", "1", "2"]
    assert "198.51.100.1" not in str(counters)


def test_languages_are_chosen_then_the_shoppers_then_the_browsers(world: World) -> None:
    assert 'lang="de"' in world.browser(language="xx, de-AT;q=0.8, fr;q=x, en;q=0.2").get("/form").body
    browser = world.signed_in()
    assert browser.get("/cart").body.endswith("in fr")
    chosen = browser.get("/cart?a=1&lang=ja", follow=False)
    assert chosen.headers["location"] == "/cart?a=1"
    assert browser.get("/cart").body.endswith("in ja")
    assert browser.get("/cart?lang=xx").body.endswith("in ja")
    browser.get("/sign-in-as/ada")
    assert browser.get("/cart").body.endswith("in fr")


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("//evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\\evil.example", "/%5Cevil.example"),
        ("/\t/evil.example", "/%09/evil.example"),
        ("/%09/evil.example", "/%09/evil.example"),
        ("/none\r\nset-cookie: a=b", "/none%0D%0Aset-cookie%3A%20a%3Db"),
        ("/cart/é", "/cart/%C3%A9"),
    ],
)
def test_choosing_a_language_leads_nowhere_else(world: World, path: str, location: str) -> None:
    event = {
        "rawPath": path,
        "rawQueryString": "lang=de",
        "requestContext": {"http": {"method": "GET"}, "domainName": "cart.test"},
    }
    assert world.site(event)["headers"]["location"] == location


def test_every_answer_has_the_security_headers(world: World) -> None:
    browser = world.browser()
    for page in (
        browser.get("/form"),
        browser.get("/none"),
        browser.get("/cart", follow=False),
        browser.get("/help/x"),
    ):
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'; style-src 'self'; img-src 'self' https://pictures.example;" in policy
        assert "form-action 'self' https://store.example;" in policy
        assert "unsafe" not in policy
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["x-content-type-options"] == "nosniff"
        assert page.headers["strict-transport-security"].startswith("max-age=63072000")
        assert page.headers["referrer-policy"] == "same-origin"
        assert page.headers["cross-origin-opener-policy"] == "same-origin"
        assert "style=" not in page.body
        assert "<script" not in page.body


def test_style_is_kept_for_ever_under_the_hash_of_its_content(world: World) -> None:
    browser = world.browser()
    [address] = re.findall(r'"(/static/site\.[0-9a-f]{12}\.css)"', browser.get("/form").body)
    style = browser.get(address)
    assert style.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert style.headers["content-type"] == "text/css; charset=utf-8"
    assert "--accent: #84572c" in style.body
    assert "()" not in style.body
    assert browser.get("/static/site.000000000000.css").status == 404


def test_an_error_of_ours_gets_a_page_that_tells_nothing(world: World) -> None:
    page = world.browser().get("/cart/broken")
    assert page.status == 500
    assert "ZeroDivision" not in page.body


def test_trouble_at_dynamodb_asks_to_come_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = world.signed_in()

    def throttled(*_: object, **__: object) -> None:
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "GetItem")

    monkeypatch.setattr(world.aws.dynamodb, "get_item", throttled)
    page = browser.get("/cart")
    assert page.status == 503
    assert page.headers["retry-after"] == "5"


def test_other_methods_are_refused_and_head_has_no_body(world: World) -> None:
    browser = world.browser()
    assert browser.request("DELETE", "/help/x").headers["allow"] == "GET"
    head = browser.request("HEAD", "/help/x")
    assert (head.status, head.body) == (200, "")


def test_the_pages_are_at_the_requests_address_where_none_is_configured(world: World) -> None:
    facts = SiteFacts(STORE, "#84572c", "", (), ())
    site = Site(facts, world.sessions, lambda: "key", world.clock, [get("/where", _where, public=True)])
    browser = FakeBrowser(lambda _, event: site(event))
    assert browser.get("/where").body == PAGES


def test_a_body_that_is_not_base64_is_empty(world: World) -> None:
    event = {
        "rawPath": "/cart/few",
        "headers": {"content-type": "application/x-www-form-urlencoded", "cookie": "a=b; c=d"},
        "requestContext": {"http": {"method": "POST"}},
        "body": "%%%",
        "isBase64Encoded": True,
    }
    assert world.site(event)["statusCode"] == 403


def _where(visitor: Visitor) -> Response:
    return Response(body=visitor.public_url)
