"""Signing in, linking, settings and leaving, through the functions' handlers."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from urllib3.exceptions import ReadTimeoutError

from hashcart.domain.account_links import (
    PROTECTED,
    SUSPENDED,
    AccountLink,
    EmailChoice,
    LinkSettings,
    LinkState,
)
from hashcart.domain.post_events import Progress
from hashcart.domain.x_spending import Purpose, Spent, day_of
from hashcart.storage.account_links import AccountLinks
from hashcart.storage.checkpoints import Checkpoints
from hashcart.storage.pending import Pending, PendingKind
from hashcart.storage.post_events import PostEvents
from hashcart.storage.recipients import Recipients
from hashcart.use_cases.link_accounts import NOTICE_DELAY_MS
from tests.fakes.aws import Aws, aws_account
from tests.fakes.browser import FakeBrowser, Page
from tests.fakes.handlers import PAGES, X_API, Bundle
from tests.fakes.internet import Internet
from tests.fakes.issuer import ISSUER, Issuer

EVENTS = Path(__file__).parents[2] / "events"
BEN = {"id": "333", "username": "ben_browses", "name": "Ben", "protected": False}
TIMED_OUT = ReadTimeoutError(None, "", "timed out")  # type: ignore[arg-type]


@dataclass
class World:
    """The store's sign-in, X, and the functions between them."""

    aws: Aws
    bundle: Bundle
    internet: Internet
    issuer: Issuer = field(init=False)

    def __post_init__(self) -> None:
        self.issuer = Issuer(self.internet)
        self.x_answers((200, {"access_token": "token"}), (200, {"data": BEN}))

    def x_answers(self, token: Any, profile: Any) -> None:
        self.internet.answer(f"POST {X_API}/2/oauth2/token", token)
        self.internet.answer(f"GET {X_API}/2/users/me", profile)
        self.internet.answer(f"GET {X_API}/2/tweets/search/recent", (200, {"meta": {"result_count": 0}}))

    def browser(self, language: str = "en") -> FakeBrowser:
        return FakeBrowser(self.bundle.invoke, language)

    @property
    def links(self) -> AccountLinks:
        return AccountLinks(self.aws.dynamodb, "AccountLinksTable")

    def link(self, x_user_id: str = "333") -> AccountLink | None:
        return self.links.current_link(x_user_id)

    def start(self, browser: FakeBrowser, path: str = "/link") -> dict[str, str]:
        """Press the button that leads to the store; returns what it is asked."""
        away = browser.submit(browser.get(path), "/link/start", follow=False)
        return asked(away, f"{ISSUER}/authorize")

    def back_from_store(self, browser: FakeBrowser, subject: str, question: dict[str, str], **claims: Any) -> Page:
        now_s = time.time_ns() // 1_000_000_000
        fresh = {"sub": subject, "nonce": question["nonce"], "iat": now_s, "exp": now_s + 300, **claims}
        self.issuer.hand_out(self.issuer.id_token(**fresh))
        return browser.get("/link/store/back?" + urlencode({"state": question["state"], "code": "c"}))

    def sign_in(self, browser: FakeBrowser, subject: str = "ben", path: str = "/link", **claims: Any) -> Page:
        return self.back_from_store(browser, subject, self.start(browser, path), **claims)

    def go_to_x(self, browser: FakeBrowser) -> dict[str, str]:
        away = browser.submit(browser.get("/link/x"), "/link/x/start", follow=False)
        return asked(away, "http://x.site.test/i/oauth2/authorize")

    def back_from_x(self, browser: FakeBrowser, **answer: str) -> Page:
        question = self.go_to_x(browser)
        return browser.get("/link/x/back?" + urlencode({"state": question["state"], "code": "c", **answer}))

    def agree(self, browser: FakeBrowser, page: Page, **choices: Any) -> Page:
        return browser.submit(page, "/link/consent", **{"ties_profile": "yes", "email": "nothing", **choices})

    def linked(self, subject: str = "ben", **choices: Any) -> FakeBrowser:
        browser = self.browser()
        self.sign_in(browser, subject)
        self.agree(browser, self.back_from_x(browser), **choices)
        return browser


def asked(page: Page, where: str) -> dict[str, str]:
    location = page.headers["location"]
    assert location.startswith(f"{where}?")
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with aws_account() as aws:
        internet = Internet()
        yield World(aws, Bundle(aws, internet, monkeypatch), internet)


def test_the_good_event_gets_a_page(world: World) -> None:
    event = json.loads((EVENTS / "account_linking__good.json").read_text())
    answer = world.bundle.invoke("account_linking", event)
    assert answer["statusCode"] == 200
    assert "Jede Antwort ist öffentlich." in answer["body"]


def test_before_linking_the_page_says_what_it_means(world: World) -> None:
    page = world.browser().get("/link")
    for sentence in ("Every reply is public.", "There is a private way.", "Nothing is ever bought.", "90 days"):
        assert sentence in page.text
    assert page.html.css_first('main a[href="https://northwind.example/privacy"]') is not None
    assert (
        f"form-action 'self' http://x.site.test http://store.test {ISSUER};" in page.headers["content-security-policy"]
    )


def test_a_stranger_becomes_a_linked_shopper(world: World) -> None:
    browser = world.browser("de-AT")
    question = world.start(browser)
    assert question["code_challenge_method"] == "S256"
    assert question["redirect_uri"] == f"{PAGES}/link/store/back"
    assert question["ui_locales"] == "de"
    assert "Ada Bright" in world.back_from_store(browser, "ben", question).text
    consent = world.back_from_x(browser)
    assert "@ben_browses" in consent.text
    assert consent.html.css("input[checked]") == []
    done = world.agree(browser, consent, public_replies="yes", email="problems", language="fr")
    assert done.url == "/cart/linked"
    link = world.link()
    assert link is not None
    assert (link.handle, link.public_replies, link.email) == ("ben_browses", True, EmailChoice.PROBLEMS)
    assert (link.country, link.language, link.policy_version) == ("US", "fr", "2026-11")
    assert (link.marketplace, link.quiet, link.undo_on_delete) == ("store.localhost", False, False)
    assert link.consented_at_ms > 0
    shopper = world.links.shopper(link.shopper_id, now_ms=link.consented_at_ms)
    assert shopper is not None
    assert shopper.email_address == "ada@example.com"
    assert 'lang="fr"' in done.body


def test_the_address_is_forgotten_where_no_mail_is_wanted(world: World) -> None:
    world.linked()
    stored = str([world.aws.dynamodb.scan(TableName=name)["Items"] for name in ("AccountLinksTable", "SessionsTable")])
    assert "ada@example.com" not in stored


@pytest.mark.parametrize(
    ("choices", "complaint"),
    [
        ({"ties_profile": None}, "Please tick"),
        ({"email": None}, "Nothing is chosen for you"),
        ({"ties_profile": None, "email": None}, "Please tick"),
        ({"country": ""}, "Please choose the country"),
    ],
)
def test_consent_is_needed_and_the_choice_about_mail_is_made_by_the_shopper(
    world: World, choices: dict[str, str | None], complaint: str
) -> None:
    browser = world.browser()
    world.sign_in(browser)
    page = world.agree(browser, world.back_from_x(browser), public_replies="yes", **choices)
    assert page.status == 400
    assert complaint in page.text
    assert page.html.css_first("input[name=public_replies][checked]") is not None
    assert world.link() is None


@pytest.mark.parametrize(("language", "chosen"), [("nl", ""), ("es-419", ""), ("de-AT", "AT"), ("ja", "JP")])
def test_no_country_is_guessed(world: World, monkeypatch: pytest.MonkeyPatch, language: str, chosen: str) -> None:
    world.bundle = Bundle(world.aws, world.internet, monkeypatch, ALLOWED_COUNTRIES="*")
    browser = world.browser(language)
    world.sign_in(browser)
    countries = world.back_from_x(browser).html.css("#country option")
    preset = next((country for country in countries if "selected" in country.attributes), countries[0])
    assert preset.attributes["value"] == chosen


@pytest.mark.parametrize(
    "choices", [{"country": "XX"}, {"country": "usa"}, {"marketplace": "evil.example"}, {"language": "xx"}]
)
def test_only_what_was_offered_can_be_chosen(world: World, choices: dict[str, str]) -> None:
    browser = world.browser()
    world.sign_in(browser)
    assert world.agree(browser, world.back_from_x(browser), **choices).status == 400
    assert world.link() is None


def test_mail_needs_an_address_that_the_store_has_verified(world: World) -> None:
    browser = world.browser()
    world.sign_in(browser, email_verified=False)
    consent = world.back_from_x(browser)
    assert "no verified e-mail address" in consent.text
    assert world.agree(browser, consent, email="everything").status == 400
    assert world.agree(browser, consent).url == "/cart/linked"


def test_a_protected_profile_is_told_first(world: World) -> None:
    world.x_answers((200, {"access_token": "token"}), (200, {"data": BEN | {"protected": True}}))
    browser = world.browser()
    world.sign_in(browser)
    assert "Your posts are protected" in world.back_from_x(browser).text


def test_a_linked_shopper_comes_back_to_the_page_that_was_wanted(world: World) -> None:
    world.linked()
    browser = world.browser()
    page = browser.get("/account")
    assert page.url == "/link/sign-in?return=%2Faccount"
    assert world.sign_in(browser, path=page.url).url == "/account"
    assert browser.get("/link/sign-in?return=%2Faccount").url == "/account"
    assert "You have linked @ben_browses already." in browser.get("/link").text


def test_asking_x_who_signs_in_is_counted_and_never_stopped(world: World) -> None:
    checkpoints, today = Checkpoints(world.aws.dynamodb, "CheckpointsTable"), day_of(time.time_ns() // 1_000_000)
    checkpoints.spend(today, Purpose.PARENTS, 1_000_000)
    world.linked()
    assert world.link() is not None
    assert checkpoints.spending(today).by_purpose[Purpose.SIGN_INS] == Spent(1, 10_000)


def test_who_signs_in_is_linked_though_nothing_can_be_counted(world: World) -> None:
    world.aws.dynamodb.delete_table(TableName="CheckpointsTable")
    world.linked()
    assert world.link() is not None


@pytest.mark.parametrize("back", ["https://evil.example", "//evil.example", "/\\evil.example", "/sign-out"])
def test_no_sign_in_leads_to_another_site(world: World, back: str) -> None:
    world.linked()
    browser = world.browser()
    page = browser.get("/link/sign-in?" + urlencode({"return": back}))
    away = browser.submit(page, "/link/start", follow=False, back=back)
    question = asked(away, f"{ISSUER}/authorize")
    assert world.back_from_store(browser, "ben", question).url == "/cart"


def test_a_callback_works_once(world: World) -> None:
    browser = world.browser()
    question = world.start(browser)
    world.back_from_store(browser, "ben", question)
    assert world.back_from_store(browser, "ben", question).status == 400
    assert "Sign in with X again" in world.back_from_store(browser, "ben", question).text
    question = world.go_to_x(browser)
    callback = "/link/x/back?" + urlencode({"state": question["state"], "code": "c"})
    assert browser.get(callback).url == "/link/consent"
    assert browser.get(callback).status == 400
    assert world.issuer.asked_for("/token") == 1
    assert len([request for request in world.internet.requests if request.path == "/2/oauth2/token"]) == 1


@pytest.mark.parametrize("state", ["", "x" * 43, "é"])
def test_a_callback_with_another_state_is_refused(world: World, state: str) -> None:
    browser = world.browser()
    question = world.start(browser)
    assert world.back_from_store(browser, "ben", question | {"state": state}).status == 400
    assert world.issuer.asked_for("/token") == 0


def test_a_callback_in_another_browser_is_refused(world: World) -> None:
    question = world.start(world.browser())
    victim = world.browser()
    page = world.back_from_store(victim, "mallory", question)
    assert page.status == 400
    assert "Sign in at the store again" in page.text
    assert victim.get("/account").url.startswith("/link/sign-in")


def test_the_stores_answer_does_not_do_for_x(world: World) -> None:
    browser = world.browser()
    world.sign_in(browser)
    question = world.go_to_x(browser)
    assert world.back_from_store(browser, "ben", question | {"nonce": "n"}).status == 400


def test_a_sign_in_that_takes_too_long_asks_to_begin_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = world.browser()
    question = world.start(browser)
    later = time.time_ns() + 11 * 60 * 1_000_000_000
    monkeypatch.setattr(time, "time_ns", lambda: later)
    page = world.back_from_store(browser, "ben", question)
    assert (page.status, "cannot go on" in page.text) == (400, True)


def test_a_consent_page_left_open_too_long_asks_for_x_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = world.browser()
    world.sign_in(browser)
    consent = world.back_from_x(browser)
    later = time.time_ns() + 31 * 60 * 1_000_000_000
    monkeypatch.setattr(time, "time_ns", lambda: later)
    assert "too long ago" in world.agree(browser, consent).text
    assert browser.get("/link/consent").url == "/link/x"
    assert browser.get("/link/move").url == "/link/x"
    assert world.link() is None


@pytest.mark.parametrize(
    ("change", "status", "title"),
    [
        ({"error": "access_denied", "code": ""}, 403, "You did not sign in"),
        ({"code": ""}, 403, "You did not sign in"),
    ],
)
def test_a_denied_sign_in_at_the_store(world: World, change: dict[str, str], status: int, title: str) -> None:
    browser = world.browser()
    question = world.start(browser)
    page = browser.get("/link/store/back?" + urlencode({"state": question["state"], "code": "c", **change}))
    assert (page.status, title in page.text) == (status, True)
    assert page.form("/link/start") is not None


@pytest.mark.parametrize(
    ("answer", "status", "title"),
    [
        ((400, {"error": "invalid_grant"}), 400, "The sign-in did not work"),
        ((503, {}), 503, "does not answer"),
        (TIMED_OUT, 503, "does not answer"),
    ],
)
def test_trouble_at_the_stores_sign_in(world: World, answer: Any, status: int, title: str) -> None:
    browser = world.browser()
    question = world.start(browser)
    world.internet.answer(f"POST {ISSUER}/token", answer)
    page = browser.get("/link/store/back?" + urlencode({"state": question["state"], "code": "c"}))
    assert (page.status, title in page.text) == (status, True)
    assert "invalid_grant" not in page.body


def test_a_store_that_is_down_is_said_to_before_anybody_is_sent_there(world: World) -> None:
    browser = world.browser()
    world.internet.answer(f"GET {ISSUER}/.well-known/openid-configuration", (503, {}))
    page = browser.submit(browser.get("/link"), "/link/start")
    assert (page.status, "does not answer" in page.text) == (503, True)


@pytest.mark.parametrize(
    ("token", "profile", "status", "title"),
    [
        ((400, {"error": "invalid_request"}), (200, {"data": BEN}), 400, "no longer accepts"),
        ((200, {"access_token": "token"}), (403, {}), 400, "no longer accepts"),
        ((503, {}), (200, {"data": BEN}), 503, "X does not answer"),
        (TIMED_OUT, (200, {"data": BEN}), 503, "X does not answer"),
        ((200, {"access_token": "token"}), (429, {}), 503, "X does not answer"),
    ],
)
def test_trouble_at_x(world: World, token: Any, profile: Any, status: int, title: str) -> None:
    browser = world.browser()
    world.sign_in(browser)
    world.x_answers(token, profile)
    page = world.back_from_x(browser)
    assert (page.status, title in page.text) == (status, True)
    assert page.form("/link/x/start") is not None


def test_a_denied_sign_in_with_x(world: World) -> None:
    browser = world.browser()
    world.sign_in(browser)
    page = world.back_from_x(browser, error="access_denied", code="")
    assert (page.status, "You did not allow it on X" in page.text) == (403, True)


def test_secrets_that_are_not_filled_yet_are_the_stores_trouble(world: World) -> None:
    browser = world.browser()
    world.sign_in(browser)
    page = browser.get("/link/x")
    for arn in world.aws.secrets.list_secrets()["SecretList"]:
        world.aws.put_secret(arn["ARN"], {"key": "k"})
    world.bundle.restart()
    assert browser.submit(page, "/link/x/start").status == 503
    assert world.browser().get("/link").status == 200


def test_moving_a_profile_is_confirmed_and_told_to_the_other_account(world: World) -> None:
    first = world.linked("noor")
    before = world.link()
    assert before is not None
    second = world.browser()
    world.sign_in(second, "ben")
    page = world.agree(second, world.back_from_x(second), public_replies="yes")
    assert page.url == "/link/move"
    assert world.link() == before
    assert second.submit(page, "/link/move").url == "/cart/linked"
    after = world.link()
    assert after is not None
    assert after.shopper_id != before.shopper_id
    assert after.public_replies
    assert "@ben_browses was linked with another account" in first.get("/account").text
    [notice] = Pending(world.aws.dynamodb, "PendingTable").due(
        PendingKind.NOTICE, after.consented_at_ms + NOTICE_DELAY_MS, 10
    )
    assert before.shopper_id in notice.message


def test_a_profile_that_changes_hands_while_its_move_is_confirmed_is_asked_about_again(world: World) -> None:
    world.linked("noor")
    second = world.browser()
    world.sign_in(second, "ben")
    page = world.agree(second, world.back_from_x(second))
    third = world.browser()
    world.sign_in(third, "ada")
    third.submit(world.agree(third, world.back_from_x(third)), "/link/move")
    taken = world.link()
    again = second.submit(page, "/link/move")
    assert again.url == "/link/move"
    assert world.link() == taken
    second.submit(again, "/link/move")
    assert world.link() != taken


def test_an_account_has_one_profile(world: World) -> None:
    browser = world.linked()
    world.x_answers((200, {"access_token": "token"}), (200, {"data": BEN | {"id": "334", "username": "ben_two"}}))
    page = world.agree(browser, world.back_from_x(browser))
    assert page.url == "/account/unlink"
    assert "Unlink that one first, then link @ben_two." in page.text
    assert world.link("334") is None


def test_an_account_erased_elsewhere_ends_the_sign_in(world: World) -> None:
    browser = world.browser()
    world.sign_in(browser)
    consent = world.back_from_x(browser)
    [shopper] = [item for item in world.aws.dynamodb.scan(TableName="AccountLinksTable")["Items"] if "issuer" in item]
    world.links.erase(shopper["shopper_id"]["S"], now_ms=time.time_ns() // 1_000_000)
    page = world.agree(browser, consent)
    assert (page.status, "This account is gone" in page.text) == (410, True)
    assert browser.get("/account").url.startswith("/link/sign-in")


@pytest.mark.parametrize("path", ["/account", "/link/x"])
def test_pages_of_an_account_that_is_gone_say_so(world: World, path: str) -> None:
    browser = world.linked()
    link = world.link()
    assert link is not None
    world.links.erase(link.shopper_id, now_ms=link.consented_at_ms)
    assert browser.get(path).status == 410
    assert browser.get("/account").url.startswith("/link/sign-in")


def test_settings_are_shown_and_changed(world: World) -> None:
    browser = world.linked(public_replies="yes")
    page = browser.get("/account")
    assert page.html.css_first("input[name=public_replies][checked]") is not None
    changed = browser.submit(
        page,
        "/account/settings",
        public_replies=None,
        quiet="yes",
        undo_on_delete="yes",
        hide_sensitive=None,
        sensitive_categories=" Bücher, 本、Books ,, Books",
        email="nothing",
        language="ja",
        marketplace="uk.store.localhost",
    )
    assert "設定を保存しました。" in changed.text
    link = world.link()
    assert link is not None
    assert (link.public_replies, link.quiet, link.undo_on_delete, link.hide_sensitive) == (False, True, True, False)
    assert link.sensitive_categories == ("Bücher", "本", "Books")
    assert (link.language, link.marketplace) == ("ja", "uk.store.localhost")


@pytest.mark.parametrize(
    "choices",
    [{"sensitive_categories": "x" * 41}, {"sensitive_categories": ",".join(map(str, range(21)))}, {"country": "ZZ"}],
)
def test_settings_that_do_not_fit_change_nothing(world: World, choices: dict[str, str]) -> None:
    browser = world.linked()
    before = world.link()
    assert browser.submit(browser.get("/account"), "/account/settings", **choices).status == 400  # type: ignore[arg-type]
    assert world.link() == before


def test_the_setting_about_deleted_replies_is_hidden_where_x_does_not_tell(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.bundle = Bundle(world.aws, world.internet, monkeypatch, DELETES_ARRIVE="false")
    browser = world.linked()
    page = browser.get("/account")
    assert page.html.css_first("input[name=undo_on_delete]") is None
    browser.submit(page, "/account/settings", undo_on_delete="yes")
    link = world.link()
    assert link is not None
    assert not link.undo_on_delete


@pytest.fixture
def subscribing(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Where X's subscriptions are offered, and X tells of nobody's deletions by itself."""
    world.bundle = Bundle(world.aws, world.internet, monkeypatch, X_SUBSCRIPTIONS="true", DELETES_ARRIVE="false")
    return world


def boxes(page: Page) -> set[str]:
    return {str(box.attributes["name"]) for box in page.html.css("form[action='/account/settings'] [type=checkbox]")}


def test_opting_in_to_post_events_is_recorded_with_its_time_and_policy(subscribing: World) -> None:
    browser = subscribing.linked()
    before = subscribing.link()
    assert before is not None
    assert (before.post_events_since_ms, before.post_events_policy) == (None, None)
    page = browser.submit(browser.get("/account"), "/account/settings", post_events="yes")
    link = subscribing.link()
    assert link is not None
    assert link.post_events_since_ms is not None
    assert link.post_events_since_ms >= before.consented_at_ms
    assert link.post_events_policy == before.policy_version
    assert "X is being asked" in page.text
    browser.submit(page, "/account/settings", quiet="yes")
    again = subscribing.link()
    assert again is not None
    assert (again.post_events_since_ms, again.quiet) == (link.post_events_since_ms, True)
    browser.submit(browser.get("/account"), "/account/settings", post_events=None)
    after = subscribing.link()
    assert after is not None
    assert (after.post_events_since_ms, after.post_events_policy) == (None, None)


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        (Progress.MADE, "X tells us of your posts at once."),
        (Progress.WAITING, "You are in line"),
        (Progress.REFUSED, "does not do it for your profile at the moment"),
    ],
)
def test_the_page_says_how_far_it_has_come_and_offers_deleting_where_x_tells_of_it(
    subscribing: World, progress: Progress, text: str
) -> None:
    browser = subscribing.linked()
    page = browser.submit(browser.get("/account"), "/account/settings", post_events="yes")
    assert "undo_on_delete" not in boxes(page)
    store = PostEvents(subscribing.aws.dynamodb, "AccountLinksTable")
    wish = store.of_profile("333")
    assert wish is not None
    store.settle(wish, progress)
    page = browser.get("/account")
    assert text in page.text
    assert ("undo_on_delete" in boxes(page)) == (progress is Progress.MADE)


def test_what_the_page_did_not_show_is_left_as_it_is(subscribing: World) -> None:
    browser = subscribing.linked()
    page = browser.submit(browser.get("/account"), "/account/settings", post_events="yes")
    store = PostEvents(subscribing.aws.dynamodb, "AccountLinksTable")
    wish = store.of_profile("333")
    assert wish is not None
    store.settle(wish, Progress.MADE)
    browser.submit(browser.get("/account"), "/account/settings", undo_on_delete="yes")
    browser.submit(page, "/account/settings", quiet="yes")
    link = subscribing.link()
    assert link is not None
    assert (link.undo_on_delete, link.quiet) == (True, True)


def test_without_subscriptions_nothing_is_offered_and_a_consent_stays(world: World) -> None:
    browser = world.linked()
    link = world.link()
    assert link is not None
    settings = LinkSettings(
        public_replies=False,
        quiet=False,
        undo_on_delete=False,
        email=EmailChoice.NOTHING,
        marketplace=link.marketplace,
        country=link.country,
        language="en",
        post_events_since_ms=5,
        post_events_policy="1",
    )
    world.links.change_settings(link.shopper_id, "333", settings, email_address=None)
    page = browser.get("/account")
    assert "post_events" not in boxes(page)
    browser.submit(page, "/account/settings", quiet="yes")
    link = world.link()
    assert link is not None
    assert (link.post_events_since_ms, link.post_events_policy, link.quiet) == (5, "1", True)


@pytest.mark.parametrize(
    ("reason", "text"), [(PROTECTED, "your posts are protected"), (SUSPENDED, "has suspended your profile")]
)
def test_a_pause_by_xs_word_is_explained_and_ended_by_the_shopper(subscribing: World, reason: str, text: str) -> None:
    browser = subscribing.linked()
    browser.submit(browser.get("/account"), "/account/settings", post_events="yes")
    link = subscribing.link()
    assert link is not None
    assert subscribing.links.pause("333", reason=reason, at_ms=link.consented_at_ms + 1)
    page = browser.get("/account")
    assert text in page.text
    assert "While paused, X tells us nothing." in page.text
    browser.submit(page, "/account/resume")
    link = subscribing.link()
    assert link is not None
    assert (link.state, link.protected) == (LinkState.ACTIVE, False)


def test_asking_for_mail_later_needs_the_stores_word_again(world: World) -> None:
    browser = world.linked()
    missing = browser.submit(browser.get("/account"), "/account/settings", email="everything")
    assert (missing.status, "Which address may we write to?" in missing.text) == (409, True)
    question = asked(browser.submit(missing, "/link/start", follow=False), f"{ISSUER}/authorize")
    offered = world.back_from_store(browser, "ben", question)
    assert (offered.url, "Save your settings" in offered.text) == ("/resume", True)
    assert "Your settings are saved." in browser.submit(offered, "/account/settings").text
    link = world.link()
    assert link is not None
    assert link.email is EmailChoice.EVERYTHING
    assert "ada@example.com" not in str(world.aws.dynamodb.scan(TableName="SessionsTable")["Items"])


def test_pausing_and_resuming(world: World) -> None:
    browser = world.linked()
    paused = browser.submit(browser.get("/account"), "/account/pause")
    assert "until you resume" in paused.text
    link = world.link()
    assert link is not None
    assert link.state is LinkState.PAUSED
    assert "Your replies work again." in browser.submit(paused, "/account/resume").text
    assert "work again" not in browser.post("/account/resume", {"csrf_token": token(paused)}).text


def test_a_pause_of_x_ends_with_a_new_sign_in_there(world: World) -> None:
    browser = world.linked()
    world.links.pause("333", reason="revoked", at_ms=time.time_ns())
    page = browser.get("/account")
    assert "Access was taken back on X" in page.text
    assert page.html.css_first('form[action="/account/resume"]') is None
    assert "@ben_browses is linked already" in browser.get("/link/x").text
    assert world.agree(browser, world.back_from_x(browser)).url == "/cart/linked"
    link = world.link()
    assert link is not None
    assert link.state is LinkState.ACTIVE


def test_too_many_adds_are_asked_about_and_the_answer_leads_to_what_was_held(world: World) -> None:
    browser = world.linked()
    link = world.link()
    assert link is not None
    assert "/account/adds" not in browser.get("/account").body
    world.links.pause_adding(link, adds_since_ms=link.consented_at_ms)
    page = browser.get("/account")
    assert "Was that you?" in page.text
    assert page.html.css_first('form[action="/account/resume"]') is None
    not_mine = page.html.css_first('a[href="/cart/not-me"]')
    assert not_mine is not None
    assert "Adding here works." in browser.get("/cart").text
    browser.post("/account/resume", {"csrf_token": token(page)})
    assert "Was that you?" in browser.get("/account").text
    answered = browser.submit(page, "/account/adds")
    assert (answered.url, "Your replies work again." in answered.text) == ("/cart", True)
    again = browser.submit(page, "/account/adds")
    assert (again.url, "work again" in again.text) == ("/account", False)


def test_mail_that_was_paused_is_explained_and_resumed(world: World) -> None:
    browser = world.linked(email="everything")
    link = world.link()
    assert link is not None
    Recipients(world.aws.dynamodb, "AccountLinksTable").pause_email(link.shopper_id, reason="bounced")
    page = browser.get("/account")
    assert "We no longer write to you" in page.text
    assert "We write to you again." in browser.submit(page, "/account/email/resume").text
    assert (
        "write to you again"
        not in browser.post("/account/email/resume", {"csrf_token": token(page)}, follow=False).body
    )


def test_unlinking(world: World) -> None:
    browser = world.linked()
    page = browser.submit(browser.get("/account/unlink"), "/account/unlink")
    assert "The link has ended." in page.text
    assert world.link() is None
    assert browser.get("/account/unlink").url == "/account"
    assert browser.get("/cart/linked").url == "/link/x"
    assert browser.post("/account/settings", SETTINGS | {"csrf_token": token(page)}).status == 409


SETTINGS = {"email": "nothing", "country": "US", "marketplace": "store.localhost", "language": "en"}


def test_the_export_is_a_file_with_everything(world: World) -> None:
    browser = world.linked()
    page = browser.submit(browser.get("/account/export"), "/account/export")
    assert page.headers["content-disposition"] == 'attachment; filename="hashcart-export.json"'
    assert json.loads(page.body)["link"]["handle"] == "ben_browses"


def test_erasing_is_confirmed_and_ends_every_session(world: World) -> None:
    browser = world.linked()
    elsewhere = world.browser()
    world.sign_in(elsewhere)
    page = browser.get("/account/erase")
    for row in ("35 days", "30 days", "14 days"):
        assert row in page.text
    unsure = browser.submit(page, "/account/erase")
    assert (unsure.status, world.link() is not None) == (400, True)
    form = {"sure": "yes", "csrf_token": token(page)}
    erased = browser.submit(page, "/account/erase", sure="yes")
    assert erased.url == "/link/erased"
    assert world.link() is None
    assert elsewhere.get("/account").url.startswith("/link/sign-in")
    assert browser.post("/account/erase", form).url.startswith("/link/sign-in")
    left = str([world.aws.dynamodb.scan(TableName=name)["Items"] for name in ("AccountLinksTable", "SessionsTable")])
    assert "ben_browses" not in left
    assert "ada@example.com" not in left


def test_an_erase_or_export_of_an_account_that_is_gone(world: World) -> None:
    browser = world.linked()
    page = browser.get("/account/erase")
    link = world.link()
    assert link is not None
    world.links.erase(link.shopper_id, now_ms=link.consented_at_ms)
    assert browser.submit(page, "/account/erase", sure="yes").url == "/link/erased"
    other = world.linked("noor")
    link = world.link()
    assert link is not None
    exporting = other.get("/account/export")
    world.links.erase(link.shopper_id, now_ms=link.consented_at_ms)
    assert other.submit(exporting, "/account/export").status == 410


def test_signing_out(world: World) -> None:
    browser = world.linked()
    page = browser.submit(browser.get("/account"), "/sign-out")
    assert "You are signed out." in page.text
    assert browser.get("/account").url.startswith("/link/sign-in")


def test_starts_of_a_sign_in_are_limited(world: World) -> None:
    browser = world.browser()
    page = browser.get("/link")
    answers = [browser.submit(page, "/link/start", follow=False).status for _ in range(11)]
    assert answers == [303] * 10 + [429]


def token(page: Page) -> str:
    field = page.html.css_first("input[name=csrf_token]")
    assert field is not None
    return field.attributes["value"] or ""
