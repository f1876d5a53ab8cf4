"""Linking with consent, moving, settings, unlinking."""

import json
from dataclasses import asdict, replace

import pytest

from hashcart.domain.account_links import (
    PROTECTED,
    EmailChoice,
    LinkSettings,
    LinkState,
    Shopper,
    StoreAccount,
    XProfile,
)
from hashcart.messages.notices import AccountNotice, NoticeKind
from hashcart.storage.account_links import (
    ContendedError,
    LinkGoneError,
    OtherProfileLinkedError,
    ProfileTakenError,
    ShopperGoneError,
)
from hashcart.storage.pending import PendingKind
from hashcart.use_cases.link_accounts import (
    NOTICE_DELAY_MS,
    AddressMissingError,
    Consent,
    ConsentMissingError,
    LinkAccounts,
)
from tests.fakes.clock import NOW_MS, Clock
from tests.fakes.storage import MemoryAccountLinks, MemoryPending

ADA = StoreAccount("https://store.test", "ada", "Ada", "ada@example.com")
BEN = StoreAccount("https://store.test", "ben")
PROFILE = XProfile("222", "ada_shops", "Ada", "https://pbs.twimg.com/a.png")
CONSENT = Consent(
    ties_profile=True,
    public_replies=True,
    email=EmailChoice.EVERYTHING,
    country="US",
    marketplace="store.localhost",
    language="de",
    policy_version="2026-11",
    verified_email="ada@example.com",
)
SILENT = replace(CONSENT, email=EmailChoice.NOTHING, verified_email=None)


class Desk:
    def __init__(self) -> None:
        self.clock = Clock()
        self.links = MemoryAccountLinks()
        self.pending = MemoryPending()
        self.accounts = LinkAccounts(self.links, self.pending, self.clock)
        self.ada = self.accounts.sign_in(ADA).shopper_id
        self.ben = self.accounts.sign_in(BEN).shopper_id

    def shopper(self, shopper_id: str) -> Shopper:
        return self.links.shoppers[shopper_id]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_signing_in_again_finds_the_shopper(desk: Desk) -> None:
    assert desk.accounts.sign_in(ADA).shopper_id == desk.ada


def test_a_link_records_who_agreed_to_what_and_when(desk: Desk) -> None:
    link = desk.accounts.link(desk.ada, PROFILE, CONSENT)
    assert desk.links.links["222"] == link
    assert (link.shopper_id, link.x_user_id, link.handle) == (desk.ada, "222", "ada_shops")
    assert (link.avatar_url, link.protected, link.state) == (PROFILE.avatar_url, False, LinkState.ACTIVE)
    assert (link.consented_at_ms, link.policy_version) == (NOW_MS, "2026-11")
    assert (link.public_replies, link.email, link.language) == (True, EmailChoice.EVERYTHING, "de")
    assert (link.quiet, link.undo_on_delete, link.hide_sensitive) == (False, False, True)
    assert desk.shopper(desk.ada).email_address == "ada@example.com"
    assert desk.accounts.owner_of(PROFILE) == desk.ada
    assert desk.accounts.owner_of(replace(PROFILE, user_id="333")) is None


def test_nothing_is_linked_without_consent(desk: Desk) -> None:
    with pytest.raises(ConsentMissingError):
        desk.accounts.link(desk.ada, PROFILE, replace(CONSENT, ties_profile=False))
    assert desk.links.links == {}


def test_an_address_is_kept_only_if_mail_is_wanted_and_the_store_has_verified_it(desk: Desk) -> None:
    with pytest.raises(AddressMissingError):
        desk.accounts.link(desk.ada, PROFILE, replace(CONSENT, verified_email=None))
    desk.accounts.link(desk.ada, PROFILE, replace(CONSENT, email=EmailChoice.NOTHING))
    assert desk.shopper(desk.ada).email_address is None


def test_a_renewed_consent_keeps_the_settings_made_elsewhere(desk: Desk) -> None:
    desk.accounts.link(desk.ada, PROFILE, SILENT)
    settings = LinkSettings(False, True, True, EmailChoice.NOTHING, "store.localhost", "US", "de", ("health",), False)
    desk.accounts.change_settings(desk.ada, settings, verified_email=None)
    desk.links.pause("222", reason="revoked", at_ms=NOW_MS + 1)
    desk.clock.now_ms += 5
    link = desk.accounts.link(desk.ada, replace(PROFILE, handle="ada_anew"), SILENT)
    assert (link.handle, link.consented_at_ms, link.state) == ("ada_anew", NOW_MS + 5, LinkState.ACTIVE)
    assert (link.quiet, link.undo_on_delete, link.sensitive_categories, link.hide_sensitive) == (
        True,
        True,
        ("health",),
        False,
    )


def test_a_taken_profile_needs_a_confirmed_move(desk: Desk) -> None:
    desk.accounts.link(desk.ada, PROFILE, replace(CONSENT, language="ja"))
    with pytest.raises(ProfileTakenError):
        desk.accounts.link(desk.ben, PROFILE, SILENT)
    link = desk.accounts.move(desk.ben, PROFILE, SILENT, from_shopper_id=desk.ada)
    assert desk.links.links == {"222": link}
    assert link.shopper_id == desk.ben
    assert desk.shopper(desk.ada).x_user_id is None
    [item] = [entry for entry in desk.pending.items if NoticeKind.MOVED_AWAY in entry.post_id]
    assert (item.kind, item.due_ms) == (PendingKind.NOTICE, NOW_MS + NOTICE_DELAY_MS)
    assert json.loads(item.message) == asdict(AccountNotice(NoticeKind.MOVED_AWAY, desk.ada, "ada_shops", "ja", NOW_MS))


def test_a_new_link_and_another_choice_of_e_mail_are_told_by_e_mail(desk: Desk) -> None:
    desk.accounts.link(desk.ada, PROFILE, CONSENT)
    desk.accounts.link(desk.ada, PROFILE, CONSENT)
    for choice in (EmailChoice.EVERYTHING, EmailChoice.PROBLEMS, EmailChoice.NOTHING):
        desk.clock.now_ms += 5
        settings = LinkSettings(False, True, True, choice, "store.localhost", "US", "fr")
        desk.accounts.change_settings(desk.ada, settings, verified_email=None)
    told = [json.loads(item.message) for item in desk.pending.items]
    assert [(notice["notice"], notice["choice"], notice["language"]) for notice in told] == [
        ("linked", "everything", "de"),
        ("email_changed", "problems", "fr"),
    ]
    assert [item.due_ms for item in desk.pending.items] == [NOW_MS, NOW_MS + 10]


def test_who_wants_no_e_mail_is_not_told_of_a_link(desk: Desk) -> None:
    desk.accounts.link(desk.ada, PROFILE, SILENT)
    assert desk.pending.items == []


@pytest.mark.parametrize("prepare", ["unlinked", "not theirs", "other profile", "erased"])
def test_nobody_is_told_of_a_move_that_failed(desk: Desk, prepare: str) -> None:
    desk.accounts.link(desk.ada, PROFILE, SILENT)
    from_shopper_id = desk.ada
    error: type[Exception] = ContendedError
    match prepare:
        case "unlinked":
            desk.accounts.unlink(desk.ada)
        case "not theirs":
            from_shopper_id, error = "somebody", ProfileTakenError
        case "other profile":
            desk.accounts.link(desk.ben, replace(PROFILE, user_id="333"), SILENT)
            error = OtherProfileLinkedError
        case _:
            desk.links.erase(desk.ben, now_ms=NOW_MS)
            error = ShopperGoneError
    with pytest.raises(error):
        desk.accounts.move(desk.ben, PROFILE, SILENT, from_shopper_id=from_shopper_id)
    assert desk.pending.items == []


def timed_out(*_: object, **__: object) -> None:
    raise TimeoutError


def test_a_move_that_may_have_happened_is_told_of(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.accounts.link(desk.ada, PROFILE, SILENT)
    monkeypatch.setattr(desk.links, "move", timed_out)
    with pytest.raises(TimeoutError):
        desk.accounts.move(desk.ben, PROFILE, SILENT, from_shopper_id=desk.ada)
    assert [item.kind for item in desk.pending.items] == [PendingKind.NOTICE]


def test_unlinking_ends_the_link_and_forgets_the_address(desk: Desk) -> None:
    assert not desk.accounts.unlink(desk.ada)
    desk.accounts.link(desk.ada, PROFILE, CONSENT)
    assert desk.accounts.unlink(desk.ada)
    assert desk.links.links == {}
    assert desk.shopper(desk.ada).email_address is None
    assert not desk.accounts.unlink(desk.ada)


def test_settings_ask_for_the_address_that_they_need(desk: Desk) -> None:
    settings = LinkSettings(False, False, False, EmailChoice.PROBLEMS, "store.localhost", "US", "en")
    with pytest.raises(LinkGoneError):
        desk.accounts.change_settings(desk.ada, settings, verified_email=None)
    desk.accounts.link(desk.ada, PROFILE, SILENT)
    with pytest.raises(AddressMissingError):
        desk.accounts.change_settings(desk.ada, settings, verified_email=None)
    desk.accounts.change_settings(desk.ada, settings, verified_email="ada@example.com")
    desk.accounts.change_settings(desk.ada, replace(settings, quiet=True), verified_email=None)
    assert desk.shopper(desk.ada).email_address == "ada@example.com"
    assert desk.links.links["222"].quiet
    desk.accounts.change_settings(desk.ada, replace(settings, email=EmailChoice.NOTHING), verified_email="a@b")
    assert desk.shopper(desk.ada).email_address is None


def test_shoppers_pause_and_resume(desk: Desk) -> None:
    assert not desk.accounts.pause(desk.ada)
    assert not desk.accounts.resume(desk.ada)
    desk.accounts.link(desk.ada, PROFILE, SILENT)
    assert not desk.accounts.resume(desk.ada)
    assert desk.accounts.pause(desk.ada)
    paused = desk.links.links["222"]
    assert (paused.state, paused.state_reason) == (LinkState.PAUSED, "shopper")
    assert desk.accounts.resume(desk.ada)
    assert desk.links.links["222"].state is LinkState.ACTIVE


def test_only_a_new_sign_in_ends_what_x_revoked(desk: Desk) -> None:
    desk.accounts.link(desk.ada, PROFILE, SILENT)
    desk.links.pause("222", reason="revoked", at_ms=NOW_MS + 1)
    assert not desk.accounts.resume(desk.ada)
    desk.accounts.link(desk.ada, PROFILE, SILENT)
    assert desk.links.links["222"].state is LinkState.ACTIVE


def test_a_protected_profile_waits_for_its_first_public_post(desk: Desk) -> None:
    link = desk.accounts.link(desk.ada, replace(PROFILE, protected=True), SILENT)
    assert (link.state, link.state_reason, link.protected) == (LinkState.PAUSED, PROTECTED, True)
    assert not desk.links.resume_public("222", seen_ms=NOW_MS)
    assert desk.links.resume_public("222", seen_ms=NOW_MS + 1)
    link = desk.links.links["222"]
    assert (link.state, link.protected, link.state_since_ms) == (LinkState.ACTIVE, False, None)


def test_who_knows_better_than_x_resumes(desk: Desk) -> None:
    desk.accounts.link(desk.ada, replace(PROFILE, protected=True), SILENT)
    assert desk.accounts.resume(desk.ada)
    link = desk.links.links["222"]
    assert (link.state, link.protected) == (LinkState.ACTIVE, False)


def test_mail_is_resumed(desk: Desk) -> None:
    desk.accounts.link(desk.ada, PROFILE, CONSENT)
    desk.links.shoppers[desk.ada] = replace(desk.shopper(desk.ada), email_paused="bounced")
    assert desk.accounts.resume_email(desk.ada)
    assert desk.shopper(desk.ada).email_paused is None


def test_too_many_adds_are_vouched_for_and_not_just_resumed(desk: Desk) -> None:
    link = desk.accounts.link(desk.ada, PROFILE, CONSENT)
    assert not desk.accounts.vouch(desk.ada)
    assert desk.links.pause_adding(link, adds_since_ms=NOW_MS)
    assert not desk.accounts.resume(desk.ada)
    assert not desk.accounts.vouch(desk.ben)
    assert desk.accounts.vouch(desk.ada)
    vouched = desk.accounts.link_of(desk.ada)
    assert vouched is not None
    assert (vouched.state, vouched.trusted_since_ms) == (LinkState.ACTIVE, NOW_MS)
