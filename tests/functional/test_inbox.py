"""The inbox of the local world: SES's stand-in keeps what was sent, and says what happened to it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.exceptions import EndpointConnectionError

from hashcart.messages.digests import DigestDue
from hashcart.messages.posts import to_json
from hashcart.storage.pending import Pending, PendingItem, PendingKind
from local.inbox.app import Inbox
from local.inbox.digests import hasten, pending_of
from local.inbox.feedback import event_about
from local.inbox.mails import Mails
from local.settings import LocalSettings
from tests.fakes.aws import aws_account
from tests.fakes.clock import NOW_MS
from tests.fakes.x_simulator_world import InLoop, LoopThread

BASE = "http://mail.localhost:8403"
SEND = "/v2/email/outbound-emails"
REQUEST = {
    "FromEmailAddress": "=?utf-8?b?S8OkdGhl?= <cart@northwind.example>",
    "Destination": {"ToAddresses": ["ada@example.com"]},
    "Content": {
        "Simple": {
            "Subject": {"Data": "Out <of> stock"},
            "Body": {
                "Text": {"Data": "Hello <script>"},
                "Html": {"Data": "<html><head></head><script>evil()</script>Hello</html>"},
            },
            "Headers": [{"Name": "List-Unsubscribe", "Value": "<http://cart.localhost:8402/unsubscribe?token=t>"}],
        }
    },
    "ConfigurationSetName": "hashcart",
    "EmailTags": [{"Name": "shopper", "Value": "shopper-1"}],
}


class Emulator:
    """SES's part of the emulator."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.answer: httpx.Response | Exception = httpx.Response(
            200, json={"MessageId": "ses-1"}, headers={"x-amzn-requestid": "r"}
        )

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class World:
    def __init__(self, state_dir: Path, loop: LoopThread) -> None:
        self._loop = loop
        self.settings = LocalSettings(8400, 8401, 4566, state_dir)
        self.emulator = Emulator()
        self.published: list[tuple[str, dict[str, Any]]] = []
        self.failure: Exception | None = None
        self.open()

    def open(self) -> None:
        """A new process."""
        inbox = Inbox(self.settings, forward=self.emulator, publish_event=self._publish)
        self.client = httpx.Client(transport=InLoop(inbox.app(), self._loop), base_url=BASE)

    def _publish(self, topic: str, event: dict[str, Any]) -> None:
        if self.failure is not None:
            raise self.failure
        self.published.append((topic, event))

    def deployed(self, **outputs: str) -> None:
        self.settings.outputs_file.write_text(json.dumps(outputs))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    loop = LoopThread()
    yield World(tmp_path, loop)
    loop.stop()


def test_what_the_emulator_takes_is_kept_and_shown(world: World) -> None:
    headers = {"host": "127.0.0.1:8403", "authorization": "AWS4-HMAC-SHA256 Credential=test"}
    sent = world.client.post(SEND, json=REQUEST, headers=headers)
    assert (sent.status_code, sent.json(), sent.headers["x-amzn-requestid"]) == (200, {"MessageId": "ses-1"}, "r")
    (forwarded,) = world.emulator.requests
    assert str(forwarded.url) == f"http://127.0.0.1:4566{SEND}"
    assert forwarded.headers["host"] == "127.0.0.1:8403", "the signature covers the host"
    assert forwarded.headers["authorization"].startswith("AWS4")
    world.open()
    page = world.client.get("/").text
    assert "Out &lt;of&gt; stock" in page
    mail = world.client.get("/mails/ses-1").text
    assert "Käthe" in mail
    assert "Hello &lt;script&gt;" in mail
    assert "http://cart.localhost:8402/unsubscribe?token=t" in mail


def test_an_e_mails_html_may_run_nothing(world: World) -> None:
    world.client.post(SEND, json=REQUEST)
    answer = world.client.get("/mails/ses-1/html")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "sandbox allow-popups" in policy
    assert "allow-scripts" not in policy
    assert '<base target="_blank">' in answer.text


def test_programs_read_the_newest_first_and_by_address(world: World) -> None:
    for number, address in enumerate(("ada@example.com", "ben@example.com", "ada@example.com")):
        world.emulator.answer = httpx.Response(200, json={"MessageId": f"ses-{number}"})
        world.client.post(SEND, json=REQUEST | {"Destination": {"ToAddresses": [address]}})
    mails = world.client.get("/api/mails", params={"to": "ada@example.com"}).json()["mails"]
    assert [mail["id"] for mail in mails] == ["ses-2", "ses-0"]
    assert mails[0]["unsubscribe_url"] == "http://cart.localhost:8402/unsubscribe?token=t"
    assert len(world.client.get("/api/mails").json()["mails"]) == 3


def test_what_the_emulator_refuses_is_not_kept(world: World) -> None:
    world.emulator.answer = httpx.Response(400, json={"message": "Email address is not verified."})
    assert world.client.post(SEND, json=REQUEST).status_code == 400
    world.emulator.answer = httpx.ConnectError("down")
    assert world.client.post(SEND, json=REQUEST).status_code == 502
    assert world.client.get("/api/mails").json() == {"mails": []}


@pytest.mark.parametrize(("kind", "type_"), [("bounce", "Bounce"), ("complaint", "Complaint")])
def test_a_bounce_or_a_complaint_is_published_as_ses_does(world: World, kind: str, type_: str) -> None:
    world.deployed(EmailFeedbackTopicArn="topic")
    world.client.post(SEND, json=REQUEST)
    answer = world.client.post(f"/mails/ses-1/{kind}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/mails/ses-1?said={kind}")
    ((topic, event),) = world.published
    assert (topic, event["eventType"]) == ("topic", type_)
    assert event["mail"]["tags"]["shopper"] == ["shopper-1"]
    assert "SES has told the stack" in world.client.get(answer.headers["location"]).text


@pytest.mark.parametrize(("status", "said"), [(200, "unsubscribe"), (404, "refused")])
def test_it_unsubscribes_as_a_mail_program_does(world: World, status: int, said: str) -> None:
    world.client.post(SEND, json=REQUEST)
    world.emulator.answer = httpx.Response(status)
    answer = world.client.post("/mails/ses-1/unsubscribe")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/mails/ses-1?said={said}")
    one_click = world.emulator.requests[-1]
    assert str(one_click.url) == "http://127.0.0.1:8402/unsubscribe?token=t"
    assert one_click.headers["host"] == "cart.localhost:8402"
    assert one_click.content == b"List-Unsubscribe=One-Click"
    world.emulator.answer = httpx.ConnectError("down")
    assert world.client.post("/mails/ses-1/unsubscribe").status_code == 502


def test_it_unsubscribes_nowhere_else(world: World) -> None:
    elsewhere = json.loads(json.dumps(REQUEST).replace("cart.localhost:8402", "evil.example"))
    world.client.post(SEND, json=elsewhere)
    assert world.client.post("/mails/ses-1/unsubscribe").status_code == 404
    assert len(world.emulator.requests) == 1


def test_it_says_when_there_is_no_stack(world: World) -> None:
    world.client.post(SEND, json=REQUEST)
    assert world.client.post("/mails/ses-1/bounce").status_code == 502
    assert world.client.post("/digests").status_code == 502
    world.deployed(EmailFeedbackTopicArn="topic")
    world.failure = EndpointConnectionError(endpoint_url="u")
    assert world.client.post("/mails/ses-1/bounce").status_code == 502


@pytest.mark.parametrize("path", ["/mails/none", "/mails/none/html", "/nowhere"])
def test_what_is_not_there_is_not_found(world: World, path: str) -> None:
    assert world.client.get(path).status_code == 404
    world.client.post(SEND, json=REQUEST)
    assert world.client.post("/mails/ses-1/praise").status_code == 404


def test_other_sites_pages_can_neither_read_nor_write(world: World) -> None:
    assert world.client.get("/", headers={"host": "evil.example"}).status_code == 421
    assert world.client.post("/digests", headers={"origin": "http://evil.example"}).status_code == 403


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "state" / "mails.jsonl"
    for number in range(4):
        Mails(path, kept=3).add(f"ses-{number}", REQUEST)
    assert [mail.id for mail in Mails(path).newest_first()] == ["ses-3", "ses-2", "ses-1"]


def test_an_event_is_about_its_e_mail(tmp_path: Path) -> None:
    mails = Mails(tmp_path / "mails.jsonl", now=lambda: 5.0)
    mails.add("ses-1", REQUEST)
    mail = mails.get("ses-1")
    assert mail is not None
    assert event_about(mail, "bounce")["bounce"]["bounceType"] == "Permanent"
    assert event_about(mail, "complaint")["complaint"]["complainedRecipients"] == [{"emailAddress": "ada@example.com"}]
    assert mail.shown_time.startswith("19")


def test_digests_come_before_their_time(tmp_path: Path) -> None:
    with aws_account() as aws:
        pending = Pending(aws.dynamodb, "PendingTable")
        due = DigestDue("shopper-1", "222", NOW_MS + 9)
        pending.put(PendingItem(PendingKind.DIGEST, "shopper-1", NOW_MS + 99, to_json(due)))
        assert hasten(pending, NOW_MS) == 1
        (item,) = pending.due(PendingKind.DIGEST, NOW_MS, 10)
        assert (item.due_ms, json.loads(item.message)["end_ms"]) == (NOW_MS, NOW_MS)
        (tmp_path / "outputs.json").write_text('{"PendingTableName": "PendingTable"}')
        assert isinstance(pending_of(tmp_path / "outputs.json", "http://127.0.0.1:1"), Pending)


def test_the_button_hastens_digests(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with aws_account() as aws:
        pending = Pending(aws.dynamodb, "PendingTable")
        monkeypatch.setattr("local.inbox.app.pending_of", lambda *_: pending)
        answer = world.client.post("/digests")
    assert (answer.status_code, answer.headers["location"]) == (303, "/?hastened=0")
    assert "0 digest(s)" in world.client.get("/?hastened=0").text
