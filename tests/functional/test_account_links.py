"""Table AccountLinks against moto, and its fake against the same expectations."""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.stub import Stubber

from hashcart.domain.account_links import AccountLink, EmailChoice, LinkSettings, LinkState, Shopper, StoreAccount
from hashcart.storage.account_links import (
    ATTEMPTS,
    UNLINKED_LIFE_MS,
    AccountLinks,
    ContendedError,
    LinkGoneError,
    OtherProfileLinkedError,
    ProfileTakenError,
    ShopperGoneError,
)
from hashcart.storage.table import Table, ThrottledError, TransactionRefusedError
from tests.fakes.aws import Aws, aws_account
from tests.fakes.clock import NOW_MS
from tests.fakes.storage import MemoryAccountLinks

type Links = AccountLinks | MemoryAccountLinks

ADA = StoreAccount("https://store.test", "ada", "Ada Bright")
BEN = StoreAccount("https://store.test", "ben")
SETTINGS = LinkSettings(
    public_replies=True,
    quiet=True,
    undo_on_delete=True,
    email=EmailChoice.PROBLEMS,
    marketplace="uk.store.localhost",
    country="GB",
    language="fr",
    sensitive_categories=("health",),
    hide_sensitive=False,
)


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with aws_account() as account:
        yield account


@pytest.fixture(params=["dynamodb", "memory"])
def links(request: pytest.FixtureRequest, aws: Aws) -> Links:
    if request.param == "memory":
        return MemoryAccountLinks()
    client = aws.dynamodb
    for item in client.scan(TableName="AccountLinksTable")["Items"]:
        client.delete_item(TableName="AccountLinksTable", Key={"id": item["id"]})
    return AccountLinks(client, "AccountLinksTable")


def link_of(shopper: Shopper, x_user_id: str = "222", **changes: Any) -> AccountLink:
    link = AccountLink(
        shopper_id=shopper.shopper_id,
        x_user_id=x_user_id,
        handle=f"handle_{x_user_id}",
        marketplace="store.localhost",
        country="US",
        language="en",
        consented_at_ms=NOW_MS,
        policy_version="1",
        avatar_url="https://pbs.twimg.com/a.png",
        email=EmailChoice.EVERYTHING,
    )
    return replace(link, **changes)


def signed_in(links: Links, account: StoreAccount = ADA, now_ms: int = NOW_MS) -> Shopper:
    return links.shopper_of(account, now_ms=now_ms)


def linked(links: Links, account: StoreAccount = ADA, x_user_id: str = "222") -> Shopper:
    shopper = signed_in(links, account)
    links.link(link_of(shopper, x_user_id), email_address=f"{account.subject}@example.com", now_ms=NOW_MS)
    return seen(links, shopper)


def seen(links: Links, shopper: Shopper) -> Shopper:
    found = links.shopper(shopper.shopper_id, now_ms=NOW_MS)
    assert found is not None
    return found


def assert_consistent(links: Links, *shoppers: Shopper) -> None:
    """Whoever names a profile is named by it, and the other way round."""
    for shopper in shoppers:
        found = links.shopper(shopper.shopper_id, now_ms=NOW_MS)
        if found is not None and found.x_user_id is not None:
            link = links.current_link(found.x_user_id)
            assert link is not None
            assert link.shopper_id == shopper.shopper_id
    for x_user_id in ("222", "333"):
        link = links.current_link(x_user_id)
        if link is not None:
            owner = links.shopper(link.shopper_id, now_ms=NOW_MS)
            assert owner is not None
            assert owner.x_user_id == x_user_id


def test_a_store_account_has_one_shopper(links: Links) -> None:
    first = signed_in(links)
    assert signed_in(links) == first
    assert (first.issuer, first.store_subject, first.name, first.x_user_id) == (*_names(ADA), None)
    assert signed_in(links, replace(ADA, name="Ada B.")).name == "Ada B."
    assert signed_in(links, replace(ADA, name=None)).name is None
    other_issuer = signed_in(links, replace(ADA, issuer="https://other.test"))
    assert len({first.shopper_id, signed_in(links, BEN).shopper_id, other_issuer.shopper_id}) == 3
    assert len(first.shopper_id) == 32


def _names(account: StoreAccount) -> tuple[str, str, str | None]:
    return account.issuer, account.subject, account.name


def test_a_customer_who_never_links_is_forgotten(links: Links) -> None:
    first = signed_in(links)
    later = NOW_MS + UNLINKED_LIFE_MS // 2
    assert signed_in(links, ADA, later).shopper_id == first.shopper_id
    end = later + UNLINKED_LIFE_MS
    assert links.shopper(first.shopper_id, now_ms=end - 1000) is not None
    assert links.shopper(first.shopper_id, now_ms=end) is None
    with pytest.raises(ShopperGoneError):
        links.link(link_of(first), now_ms=end)
    assert signed_in(links, ADA, end).shopper_id != first.shopper_id


def test_a_linked_shopper_stays(links: Links) -> None:
    shopper = linked(links)
    assert links.shopper(shopper.shopper_id, now_ms=NOW_MS + 10 * UNLINKED_LIFE_MS) == shopper
    assert signed_in(links, ADA, NOW_MS + 10 * UNLINKED_LIFE_MS) == shopper
    assert (shopper.x_user_id, shopper.email_address) == ("222", "ada@example.com")
    assert links.current_link("222") == links.of_profile("222") == link_of(shopper)
    assert links.link_of_shopper(shopper.shopper_id, now_ms=NOW_MS) == link_of(shopper)
    assert links.link_of_shopper(signed_in(links, BEN).shopper_id, now_ms=NOW_MS) is None
    assert links.link_of_shopper("nobody", now_ms=NOW_MS) is None


def test_consent_can_be_renewed(links: Links) -> None:
    shopper = linked(links)
    links.pause("222", reason="revoked", at_ms=NOW_MS + 1)
    renewed = link_of(shopper, consented_at_ms=NOW_MS + 5, email=EmailChoice.NOTHING)
    links.link(renewed, now_ms=NOW_MS + 5)
    assert links.current_link("222") == renewed
    assert seen(links, shopper).email_address is None


def test_a_taken_profile_is_not_linked_again(links: Links) -> None:
    ada, ben = linked(links), signed_in(links, BEN)
    with pytest.raises(ProfileTakenError) as taken:
        links.link(link_of(ben), now_ms=NOW_MS)
    assert taken.value.shopper_id == ada.shopper_id
    assert_consistent(links, ada, ben)


def test_an_account_has_one_profile(links: Links) -> None:
    ada = linked(links)
    with pytest.raises(OtherProfileLinkedError):
        links.link(link_of(ada, "333"), now_ms=NOW_MS)
    assert links.current_link("333") is None


def test_a_move_ends_the_old_link(links: Links) -> None:
    ada, ben = linked(links), signed_in(links, BEN)
    moved = link_of(ben, consented_at_ms=NOW_MS + 7)
    for _ in range(2):
        links.move(moved, from_shopper_id=ada.shopper_id, email_address="ben@example.com", now_ms=NOW_MS + 7)
    old, new = seen(links, ada), seen(links, ben)
    assert (old.x_user_id, old.email_address) == (None, "ada@example.com")
    assert (old.moved_handle, old.moved_at_ms) == ("handle_222", NOW_MS + 7)
    assert (new.x_user_id, new.email_address) == ("222", "ben@example.com")
    assert links.current_link("222") == moved
    links.link(link_of(old, "333"), now_ms=NOW_MS)
    assert seen(links, ada).moved_handle is None


def test_a_move_takes_only_from_whom_it_names(links: Links) -> None:
    ada, ben = linked(links), signed_in(links, BEN)
    carol = signed_in(links, replace(BEN, subject="carol"))
    with pytest.raises(ProfileTakenError):
        links.move(link_of(ben), from_shopper_id=carol.shopper_id, now_ms=NOW_MS)
    links.unlink(ada.shopper_id, "222", now_ms=NOW_MS)
    with pytest.raises(ContendedError):
        links.move(link_of(ben), from_shopper_id=ada.shopper_id, now_ms=NOW_MS)
    links.erase(ben.shopper_id, now_ms=NOW_MS)
    with pytest.raises(ShopperGoneError):
        links.move(link_of(ben), from_shopper_id=ada.shopper_id, now_ms=NOW_MS)


def test_unlinking_keeps_the_shopper_without_the_address(links: Links) -> None:
    ada = linked(links)
    assert not links.unlink(ada.shopper_id, "333", now_ms=NOW_MS)
    assert not links.unlink("somebody", "222", now_ms=NOW_MS)
    assert links.unlink(ada.shopper_id, "222", now_ms=NOW_MS)
    assert not links.unlink(ada.shopper_id, "222", now_ms=NOW_MS)
    left = seen(links, ada)
    assert (left.x_user_id, left.email_address, left.email_paused) == (None, None, None)
    assert links.current_link("222") is None


def test_settings_are_those_of_the_link_that_the_shopper_has(links: Links) -> None:
    ada, ben = linked(links), signed_in(links, BEN)
    links.change_settings(ada.shopper_id, "222", SETTINGS, email_address="new@example.com")
    link = links.current_link("222")
    assert link is not None
    assert link == replace(
        link_of(ada),
        public_replies=True,
        quiet=True,
        undo_on_delete=True,
        email=EmailChoice.PROBLEMS,
        marketplace="uk.store.localhost",
        country="GB",
        language="fr",
        sensitive_categories=("health",),
        hide_sensitive=False,
    )
    assert seen(links, ada).email_address == "new@example.com"
    links.change_settings(ada.shopper_id, "222", replace(SETTINGS, email=EmailChoice.NOTHING), email_address=None)
    assert seen(links, ada).email_address is None
    links.move(link_of(ben), from_shopper_id=ada.shopper_id, now_ms=NOW_MS)
    for shopper_id, profile in ((ada.shopper_id, "222"), (ben.shopper_id, "333")):
        with pytest.raises(LinkGoneError):
            links.change_settings(shopper_id, profile, SETTINGS, email_address=None)
    assert links.current_link("222") == link_of(ben)


def test_a_post_stops_the_answers_once(links: Links) -> None:
    ada = linked(links)
    assert not links.stop_replies("444", post_id="5")
    assert links.stop_replies("222", post_id="2090000000000000005")
    assert links.current_link("222") == replace(link_of(ada), public_replies=False)
    for post in ("2090000000000000005", "2090000000000000004"):
        assert not links.stop_replies("222", post_id=post)
    assert links.stop_replies("222", post_id="2090000000000000006")


def test_shoppers_pause_and_resume_their_own_link(links: Links) -> None:
    ada = linked(links)
    assert not links.pause_own("somebody", "222", reason="shopper")
    assert links.pause_own(ada.shopper_id, "222", reason="shopper")
    assert not links.pause_own(ada.shopper_id, "222", reason="shopper")
    paused = links.current_link("222")
    assert paused is not None
    assert (paused.state, paused.state_reason) == (LinkState.PAUSED, "shopper")
    assert not links.resume(ada.shopper_id, "222", reason="revoked")
    assert not links.resume("somebody", "222", reason="shopper")
    assert links.resume(ada.shopper_id, "222", reason="shopper")
    assert not links.resume(ada.shopper_id, "222", reason="shopper")
    assert links.current_link("222") == link_of(ada)


def test_email_is_resumed_where_there_is_an_address(links: Links) -> None:
    ada, ben = linked(links), signed_in(links, BEN)
    assert links.resume_email(ada.shopper_id)
    assert seen(links, ada).email_paused is None
    assert not links.resume_email(ben.shopper_id)
    assert not links.resume_email("nobody")


def test_an_erase_retires_the_shoppers_id(links: Links) -> None:
    ada, ben = linked(links), signed_in(links, BEN)
    assert links.erase(ada.shopper_id, now_ms=NOW_MS) == "222"
    assert links.erase(ben.shopper_id, now_ms=NOW_MS) is None
    assert links.is_erased(ada.shopper_id)
    assert not links.is_erased("nobody")
    assert links.shopper(ada.shopper_id, now_ms=NOW_MS) is None
    assert links.current_link("222") is None
    assert links.items_of(ada.shopper_id) == {}
    with pytest.raises(ShopperGoneError):
        links.erase(ada.shopper_id, now_ms=NOW_MS)
    with pytest.raises(ShopperGoneError):
        links.link(link_of(ada), now_ms=NOW_MS)
    again = signed_in(links)
    assert again.shopper_id != ada.shopper_id
    links.link(link_of(again), now_ms=NOW_MS)
    assert links.is_erased(ada.shopper_id)
    assert_consistent(links, ada, again)


def test_everything_stored_is_found(links: Links) -> None:
    ada = linked(links)
    assert set(links.items_of(ada.shopper_id)) >= {"shopper"}
    assert links.items_of("nobody") == {}


CHANGES = ("link ada", "link ben", "move to ben", "unlink ada", "erase ada", "erase ben", "settings")


def changes(links: Links, ada: Shopper, ben: Shopper) -> dict[str, Callable[[], object]]:
    """Everything that may happen to a profile and its two claimants, tolerating what a race may end in."""
    return {
        "link ada": lambda: links.link(link_of(ada), now_ms=NOW_MS),
        "link ben": lambda: links.link(link_of(ben), now_ms=NOW_MS),
        "move to ben": lambda: links.move(link_of(ben), from_shopper_id=ada.shopper_id, now_ms=NOW_MS),
        "unlink ada": lambda: links.unlink(ada.shopper_id, "222", now_ms=NOW_MS),
        "erase ada": lambda: links.erase(ada.shopper_id, now_ms=NOW_MS),
        "erase ben": lambda: links.erase(ben.shopper_id, now_ms=NOW_MS),
        "settings": lambda: links.change_settings(ada.shopper_id, "222", SETTINGS, email_address=None),
    }


@pytest.mark.parametrize(
    ("first", "second"),
    list(itertools.permutations(CHANGES, 2)),
)
def test_of_two_that_race_the_second_changes_a_known_state_or_nothing(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, first: str, second: str
) -> None:
    """The second has read everything that it reads before the first writes, as far as DynamoDB lets it."""
    client = aws.dynamodb
    links = AccountLinks(client, "AccountLinksTable")
    suffix = f"{first}/{second}"
    ada = links.shopper_of(replace(ADA, subject=f"ada {suffix}"), now_ms=NOW_MS)
    ben = links.shopper_of(replace(BEN, subject=f"ben {suffix}"), now_ms=NOW_MS)
    current = links.current_link("222")
    if current is not None:
        links.unlink(current.shopper_id, "222", now_ms=NOW_MS)
    links.link(link_of(ada), now_ms=NOW_MS)
    known = changes(links, ada, ben)
    transact = Table.transact
    raced: list[bool] = []

    def transact_late(table: Table, *writes: Any) -> None:
        if not raced:
            raced.append(True)
            _tolerate(known[first])
        transact(table, *writes)

    monkeypatch.setattr(Table, "transact", transact_late)
    _tolerate(known[second])
    assert raced or second == "link ada"
    assert_consistent(links, ada, ben)


def _tolerate(change: Callable[[], object]) -> None:
    errors = (ProfileTakenError, OtherProfileLinkedError, ShopperGoneError, LinkGoneError, ContendedError)
    with contextlib.suppress(*errors):
        change()


def test_two_sign_ins_at_once_make_one_shopper(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    links = AccountLinks(aws.dynamodb, "AccountLinksTable")
    account = replace(ADA, subject="ada twice")
    transact = Table.transact
    inner: list[Shopper] = []

    def transact_late(table: Table, *writes: Any) -> None:
        if not inner:
            monkeypatch.setattr(Table, "transact", transact)
            inner.append(links.shopper_of(account, now_ms=NOW_MS))
        transact(table, *writes)

    monkeypatch.setattr(Table, "transact", transact_late)
    assert [links.shopper_of(account, now_ms=NOW_MS)] == inner


def test_what_others_keep_changing_is_given_up(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    links = AccountLinks(aws.dynamodb, "AccountLinksTable")
    ada = links.shopper_of(replace(ADA, subject="ada contended"), now_ms=NOW_MS)
    attempts: list[int] = []

    def refuse(_table: Table, *_writes: Any) -> None:
        attempts.append(1)
        raise TransactionRefusedError([])

    monkeypatch.setattr(Table, "transact", refuse)
    with pytest.raises(ContendedError):
        links.erase(ada.shopper_id, now_ms=NOW_MS)
    with pytest.raises(ContendedError):
        links.shopper_of(replace(ADA, subject="ada new"), now_ms=NOW_MS)
    assert len(attempts) == 2 * ATTEMPTS


def test_a_transaction_waits_for_others_and_then_gives_up(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("hashcart.storage.table.time.sleep", slept.append)
    links = AccountLinks(aws.dynamodb, "AccountLinksTable")
    with Stubber(aws.dynamodb) as stub:
        link = {"id": {"S": "x#222"}, "shopper_id": {"S": "somebody"}, "x_user_id": {"S": "222"}}
        stub.add_response("get_item", {"Item": link})
        for _ in range(3):
            stub.add_client_error("transact_write_items", "TransactionCanceledException")
        with pytest.raises(ThrottledError):
            links.unlink("somebody", "222", now_ms=NOW_MS)
    assert slept == [0, 0.05, 0.1]
