"""E-mail: from a reply to the inbox, and how a reader, a mail program and a mail server stop it."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser

from local.events import EVENTS
from local.settings import PROJECT_ROOT
from local.stack.aws import AwsClients, connect
from local.stack.deployment import Deployment, local_deploy_settings
from tests.end_to_end.conftest import ADA, DIETER, QUINN, World, eventually
from tests.end_to_end.page_audit import AXE, Audit

MAIL_OF_ADA, MAIL_OF_DIETER, MAIL_OF_QUINN = "ada@example.com", "dieter@example.com", "quinn@example.com"


class Inbox:
    """What has been sent, and what can be done about it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._clients: AwsClients = connect(world.settings)
        self.http = httpx.Client(base_url=world.settings.ses_endpoint_url, timeout=30)
        self._seen = {mail["id"] for mail in self._all()}

    def _all(self, to: str | None = None) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.http.get("/api/mails", params={"to": to} if to else {}).json()["mails"]
        return found

    def new(self, to: str) -> list[dict[str, Any]]:
        """E-mails to an address since this test began, the newest first."""
        return [mail for mail in self._all(to) if mail["id"] not in self._seen]

    def wake(self) -> None:
        """Wait until all replies are worked off, and do at once what the schedule does each minute."""
        self._world.rest()
        functions = Deployment(self._clients, local_deploy_settings()["stack_name"]).functions()
        self._clients.awslambda.invoke(
            FunctionName=functions["OutcomeDeliveryFunction"],
            Payload=(EVENTS / "outcome_delivery__schedule.json").read_bytes(),
        )

    def paused(self, author: str) -> str | None:
        """Why a shopper gets no e-mail any more."""
        outputs = json.loads(self._world.settings.outputs_file.read_text())
        table = outputs["AccountLinksTableName"]
        link = self._clients.dynamodb.get_item(TableName=table, Key={"id": {"S": f"x#{author}"}})["Item"]
        key = {"id": {"S": f"shopper#{link['shopper_id']['S']}"}}
        shopper = self._clients.dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True)["Item"]
        return shopper["email_paused"]["S"] if "email_paused" in shopper else None

    def unsubscribe_by_mail_program(self, mail: dict[str, Any]) -> httpx.Response:
        """The one click of RFC 8058."""
        assert mail["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        url = urlsplit(mail["unsubscribe_url"])
        return httpx.post(
            f"http://127.0.0.1:{url.port}{url.path}?{url.query}",
            headers={"host": url.netloc},
            data={"List-Unsubscribe": "One-Click"},
            timeout=30,
        )


@pytest.fixture
def inbox(world: World) -> Iterator[Inbox]:
    inbox = Inbox(world)
    yield inbox
    inbox.http.close()


def problem(world: World, author: str) -> None:
    """A reply that ends in a problem."""
    assert (
        world.outcome(author, world.reply(author, "#AmazonCart", world.product_post("arc-lamp"))).code == "OUT_OF_STOCK"
    )


def test_a_problem_arrives_at_once_and_one_click_stops_the_next(world: World, inbox: Inbox) -> None:
    problem(world, DIETER)
    (mail,) = eventually(lambda: inbox.new(MAIL_OF_DIETER), "e-mail")
    assert mail["subject"] == "Ausverkauft, als Wunsch gemerkt"
    assert "Arc floor lamp, brass" in mail["text"]
    assert mail["headers"]["Auto-Submitted"] == "auto-generated"
    answer = inbox.unsubscribe_by_mail_program(mail)
    assert answer.status_code == 200
    assert inbox.paused(DIETER) == "unsubscribed"
    problem(world, DIETER)
    inbox.wake()
    assert [entry["id"] for entry in inbox.new(MAIL_OF_DIETER)] == [mail["id"]]


def test_the_pages_behind_the_link_to_unsubscribe(world: World, inbox: Inbox, browser: Browser) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not installed: npm ci --prefix tests/end_to_end")
    problem(world, DIETER)
    (mail,) = eventually(lambda: inbox.new(MAIL_OF_DIETER), "e-mail")
    context = browser.new_context(locale="de-DE", reduced_motion="reduce")
    page = context.new_page()
    audit = Audit(page, PROJECT_ROOT / ".local" / "screenshots")
    page.goto(mail["unsubscribe_url"])
    audit.look("unsubscribe", can_reload=False)
    assert inbox.paused(DIETER) is None
    with page.expect_navigation():
        page.locator("main form button").first.click()
    audit.look("unsubscribed", can_reload=False)
    assert page.locator("html").get_attribute("lang") == "de"
    assert inbox.paused(DIETER) == "unsubscribed"
    context.close()
    assert audit.problems == [], audit.report()


@pytest.mark.parametrize(("kind", "reason"), [("bounce", "bounced"), ("complaint", "complained")])
def test_what_the_mail_server_reports_stops_the_next(world: World, inbox: Inbox, kind: str, reason: str) -> None:
    problem(world, DIETER)
    (mail,) = eventually(lambda: inbox.new(MAIL_OF_DIETER), "e-mail")
    assert inbox.http.post(f"/mails/{quote(mail['id'])}/{kind}").status_code == 303
    assert eventually(lambda: inbox.paused(DIETER), "pause") == reason
    problem(world, DIETER)
    inbox.wake()
    assert len(inbox.new(MAIL_OF_DIETER)) == 1


def test_successes_come_in_one_digest_that_names_nothing_sensitive(world: World, inbox: Inbox) -> None:
    for product in ("stoneware-mug", "quiet-migraine"):
        world.outcome(ADA, world.reply(ADA, "#AmazonCart", world.product_post(product)))
    world.rest()
    assert inbox.new(MAIL_OF_ADA) == []

    def digest() -> list[dict[str, Any]]:
        assert inbox.http.post("/digests").status_code == 303
        inbox.wake()
        return inbox.new(MAIL_OF_ADA)

    (mail,) = eventually(digest, "digest")
    assert mail["subject"] == "Your replies of the day"
    assert "Stoneware mug, speckled" in mail["text"]
    assert "migraine" not in (mail["text"] + mail["html"]).lower()


def test_who_wants_no_e_mail_gets_none(world: World, inbox: Inbox) -> None:
    problem(world, QUINN)
    inbox.wake()
    assert inbox.new(MAIL_OF_QUINN) == []
