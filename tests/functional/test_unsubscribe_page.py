"""The page behind an e-mail's link, and the one click of a mail program."""

from collections.abc import Iterator

import pytest

from hashcart.domain.languages import LANGUAGES
from hashcart.domain.signed_tokens import sign
from hashcart.pages.kit.rendering import StoreFacts
from hashcart.pages.kit.site import Site, SiteFacts
from hashcart.pages.unsubscribe.pages import UNSUBSCRIPTIONS, UnsubscribePages
from hashcart.storage.recipients import Recipients
from hashcart.storage.sessions import Sessions
from hashcart.storage.table import Table
from hashcart.use_cases.unsubscribe import Unsubscribe
from tests.fakes.aws import Aws, aws_account
from tests.fakes.browser import FakeBrowser
from tests.fakes.clock import Clock
from tests.fakes.handlers import PAGES

TOKEN = sign("unsubscribe", "shopper-1", "older-key")
LINK = f"/unsubscribe?token={TOKEN}"
ONE_CLICK = b"List-Unsubscribe=One-Click"


class World:
    def __init__(self, aws: Aws) -> None:
        Table(aws.dynamodb, "AccountLinksTable").put({"id": "shopper#shopper-1", "email_address": "ada@example.com"})
        self.recipients = Recipients(aws.dynamodb, "AccountLinksTable")
        pages = UnsubscribePages(Unsubscribe(self.recipients, lambda: ["key", "older-key"]))
        store = StoreFacts("Northwind", "", "", "", ("AmazonCart",), "shopbot")
        facts = SiteFacts(store, "#84572c", PAGES, (), ())
        sessions = Sessions(aws.dynamodb, "SessionsTable")
        self.site = Site(facts, sessions, lambda: "address-key", Clock(), pages.routes())

    def browser(self, language: str = "en") -> FakeBrowser:
        return FakeBrowser(lambda _, event: self.site(event), language)

    @property
    def paused(self) -> str | None:
        recipient = self.recipients.recipient("shopper-1")
        assert recipient is not None
        return recipient.paused


@pytest.fixture
def world() -> Iterator[World]:
    with aws_account() as aws:
        yield World(aws)


def test_the_page_asks_and_its_button_stops(world: World) -> None:
    browser = world.browser()
    asked = browser.get(LINK)
    assert (asked.status, world.paused) == (200, None)
    done = browser.submit(asked, "/unsubscribe")
    assert done.status == 200
    assert "No more e-mail" in done.text
    assert world.paused == "unsubscribed"
    assert browser.submit(asked, "/unsubscribe").status == 200, "again is no error"


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "multipart/form-data; boundary=x", "origin": "https://mail.example"},
        {"sec-fetch-site": "cross-site"},
        {},
    ],
)
def test_a_mail_program_stops_it_in_one_click_without_a_session(world: World, headers: dict[str, str]) -> None:
    answer = world.browser().request("POST", LINK, body=ONE_CLICK, headers=headers)
    assert answer.status == 200
    assert "location" not in answer.headers, "RFC 8058 forbids redirects"
    assert answer.cookies == []
    assert world.paused == "unsubscribed"


@pytest.mark.parametrize("token", ["", "x", TOKEN + "x", sign("sign-in", "shopper-1", "key"), "%3Cscript%3E"])
def test_a_link_that_is_none_of_ours_stops_nothing(world: World, token: str) -> None:
    link = f"/unsubscribe?token={token}"
    assert world.browser().get(link).status == 404
    assert world.browser().request("POST", link, body=ONE_CLICK).status == 404
    assert world.paused is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_speaks_the_readers_language(world: World, language: str) -> None:
    browser = world.browser(language)
    asked = browser.get(LINK)
    assert f'<html lang="{language}">' in asked.body
    assert "Northwind" in browser.submit(asked, "/unsubscribe").text


def test_a_provider_may_post_for_many_readers(world: World) -> None:
    assert UNSUBSCRIPTIONS.per_address >= 1000
    assert world.browser().get("/unsubscribe").status == 404
