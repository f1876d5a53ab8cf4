"""What a change of a link means for X's subscriptions, written in the same transaction, against moto."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from hashcart.domain.account_links import (
    PAUSED_BY_SHOPPER,
    PROTECTED,
    REVOKED,
    SUSPENDED,
    AccountLink,
    EmailChoice,
    LinkSettings,
    LinkState,
    StoreAccount,
)
from hashcart.domain.post_events import PostEventsWish, Progress
from hashcart.storage.account_links import ATTEMPTS, AccountLinks, ContendedError
from hashcart.storage.post_events import PostEvents
from hashcart.storage.table import Table, TransactionRefusedError
from tests.fakes.aws import Aws, aws_account
from tests.fakes.clock import NOW_MS

TABLE = "AccountLinksTable"
SETTINGS = LinkSettings(
    public_replies=False,
    quiet=False,
    undo_on_delete=True,
    email=EmailChoice.NOTHING,
    marketplace="store.localhost",
    country="US",
    language="en",
)
CONSENT: dict[str, Any] = {"post_events_since_ms": NOW_MS + 5, "post_events_policy": "2026-11"}
OPTED_IN = replace(SETTINGS, **CONSENT)


class Linked:
    """Ada, who is linked."""

    def __init__(self, aws: Aws, **link: Any) -> None:
        self.links = AccountLinks(aws.dynamodb, TABLE)
        self.post_events = PostEvents(aws.dynamodb, TABLE)
        self.me = self.links.shopper_of(StoreAccount("https://store.test", "ada"), now_ms=NOW_MS).shopper_id
        self.link = AccountLink(self.me, "222", "ada", "store.localhost", "US", "en", NOW_MS, "1", **link)
        self.links.link(self.link, now_ms=NOW_MS)

    def change(self, settings: LinkSettings) -> None:
        self.links.change_settings(self.me, "222", settings, email_address=None)

    def wish(self) -> PostEventsWish | None:
        return self.post_events.of_profile("222")

    def wanted_since(self) -> int | None:
        wish = self.wish()
        assert wish is not None
        return wish.since_ms


@pytest.fixture(scope="module")
def account() -> Iterator[Aws]:
    with aws_account() as account:
        yield account


@pytest.fixture
def aws(account: Aws) -> Aws:
    for item in account.dynamodb.scan(TableName=TABLE)["Items"]:
        account.dynamodb.delete_item(TableName=TABLE, Key={"id": item["id"]})
    return account


def test_nothing_is_written_for_who_never_opts_in(aws: Aws) -> None:
    ada = Linked(aws)
    ada.change(SETTINGS)
    ada.links.pause_own(ada.me, "222", reason=PAUSED_BY_SHOPPER)
    ada.links.resume(ada.me, "222", reason=PAUSED_BY_SHOPPER)
    ada.links.unlink(ada.me, "222", now_ms=NOW_MS + 9)
    assert ada.wish() is None


def test_consent_is_kept_with_its_time_and_policy_and_is_a_wish(aws: Aws) -> None:
    ada = Linked(aws)
    ada.change(OPTED_IN)
    link = ada.links.current_link("222")
    assert link is not None
    assert (link.post_events_since_ms, link.post_events_policy) == (NOW_MS + 5, "2026-11")
    assert ada.wish() == PostEventsWish("222", NOW_MS + 5, Progress.TODO, 1)
    ada.change(SETTINGS)
    link = ada.links.current_link("222")
    assert link is not None
    assert (link.post_events_since_ms, link.post_events_policy) == (None, None)
    assert ada.wish() == PostEventsWish("222", None, Progress.TODO, 2)


ENDS: dict[str, Callable[[Linked], object]] = {
    "unlinked": lambda ada: ada.links.unlink(ada.me, "222", now_ms=NOW_MS + 9),
    "erased": lambda ada: ada.links.erase(ada.me, now_ms=NOW_MS + 9),
    "paused": lambda ada: ada.links.pause_own(ada.me, "222", reason=PAUSED_BY_SHOPPER),
    "revoked": lambda ada: ada.links.pause("222", reason=REVOKED, at_ms=NOW_MS + 9),
    "protected": lambda ada: ada.links.pause("222", reason=PROTECTED, at_ms=NOW_MS + 9),
}


@pytest.mark.parametrize("end", ENDS)
def test_whatever_ends_or_pauses_a_link_ends_the_wish(aws: Aws, end: str) -> None:
    ada = Linked(aws, **CONSENT)
    assert ada.wanted_since() == NOW_MS + 5
    ENDS[end](ada)
    assert ada.wanted_since() is None


def test_an_erased_shopper_is_not_named_by_what_is_still_to_be_done_at_x(aws: Aws) -> None:
    ada = Linked(aws, **CONSENT)
    ada.links.erase(ada.me, now_ms=NOW_MS + 9)
    [item] = [each for each in aws.dynamodb.scan(TableName=TABLE)["Items"] if "post_events_ms" in each]
    assert set(item) == {"id", "post_events_progress", "post_events_ms", "revision"}


def test_a_pause_that_ends_brings_the_wish_back_with_its_place_in_line(aws: Aws) -> None:
    ada = Linked(aws, **CONSENT)
    ada.links.pause_own(ada.me, "222", reason=PAUSED_BY_SHOPPER)
    ada.links.resume(ada.me, "222", reason=PAUSED_BY_SHOPPER)
    assert ada.wanted_since() == NOW_MS + 5
    ada.links.pause("222", reason=SUSPENDED, at_ms=NOW_MS + 9)
    assert not ada.links.resume_public("222", seen_ms=NOW_MS + 9)
    assert ada.links.resume_public("222", seen_ms=NOW_MS + 10)
    assert ada.wanted_since() == NOW_MS + 5
    link = ada.links.current_link("222")
    assert link == replace(ada.link, protected=False)


def test_opting_in_while_paused_waits_for_the_end_of_the_pause(aws: Aws) -> None:
    ada = Linked(aws)
    ada.links.pause("222", reason=PROTECTED, at_ms=NOW_MS + 9)
    ada.change(OPTED_IN)
    assert ada.wanted_since() is None
    ada.links.resume(ada.me, "222", reason=PROTECTED)
    assert ada.wanted_since() == NOW_MS + 5


def test_what_x_says_of_a_profile_is_noted_with_the_link(aws: Aws) -> None:
    ada = Linked(aws)
    assert ada.links.pause("222", reason=PROTECTED, at_ms=NOW_MS + 9)
    link = ada.links.current_link("222")
    assert link == replace(
        ada.link, state=LinkState.PAUSED, state_reason=PROTECTED, state_since_ms=NOW_MS + 9, protected=True
    )
    assert not ada.links.pause("222", reason=SUSPENDED, at_ms=NOW_MS + 10)


@pytest.mark.parametrize("before", [PROTECTED, PAUSED_BY_SHOPPER])
def test_an_access_taken_back_outlasts_every_other_pause(aws: Aws, before: str) -> None:
    ada = Linked(aws)
    ada.links.pause("222", reason=before, at_ms=NOW_MS + 9)
    assert ada.links.pause("222", reason=REVOKED, at_ms=NOW_MS + 10)
    assert not ada.links.pause("222", reason=REVOKED, at_ms=NOW_MS + 11)
    assert not ada.links.resume_public("222", seen_ms=NOW_MS + 99)
    assert not ada.links.resume(ada.me, "222", reason=before)


def test_a_moved_profile_brings_no_consent_along(aws: Aws) -> None:
    ada = Linked(aws, **CONSENT)
    ben = ada.links.shopper_of(StoreAccount("https://store.test", "ben"), now_ms=NOW_MS)
    moved = AccountLink(ben.shopper_id, "222", "ada", "store.localhost", "US", "en", NOW_MS + 9, "1")
    ada.links.move(moved, from_shopper_id=ada.me, now_ms=NOW_MS + 9)
    assert ada.wanted_since() is None


@pytest.mark.parametrize("end", ENDS)
def test_a_consent_given_in_between_is_ended_too(aws: Aws, end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = Linked(aws)
    transact = Table.transact

    def opting_in_first(table: Table, *writes: Any) -> None:
        monkeypatch.setattr(Table, "transact", transact)
        ada.change(OPTED_IN)
        table.transact(*writes)

    monkeypatch.setattr(Table, "transact", opting_in_first)
    ENDS[end](ada)
    assert ada.wanted_since() is None


def test_linking_anew_sees_a_consent_given_in_between(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = Linked(aws)
    transact = Table.transact

    def opting_in_first(table: Table, *writes: Any) -> None:
        monkeypatch.setattr(Table, "transact", transact)
        ada.change(OPTED_IN)
        table.transact(*writes)

    monkeypatch.setattr(Table, "transact", opting_in_first)
    ada.links.link(replace(ada.link, consented_at_ms=NOW_MS + 9), now_ms=NOW_MS + 9)
    assert ada.wanted_since() is None


@pytest.mark.parametrize("change", ["link", "unlink"])
def test_a_link_that_never_rests_is_given_up(aws: Aws, change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = Linked(aws)
    tried: list[int] = []

    def always_changed(_: Table, *writes: Any) -> None:
        tried.append(len(writes))
        raise TransactionRefusedError([{"state": "active", "shopper_id": ada.me, **CONSENT}, None, None])

    monkeypatch.setattr(Table, "transact", always_changed)
    with pytest.raises(ContendedError):
        ada.links.link(ada.link, now_ms=NOW_MS) if change == "link" else ada.links.unlink(
            ada.me, "222", now_ms=NOW_MS + 9
        )
    assert len(tried) == ATTEMPTS


class TestWishes:
    """The index, and what is noted of each."""

    @pytest.fixture
    def post_events(self, aws: Aws) -> PostEvents:
        for number in (3, 1, 2):
            ada = Linked(aws)
            link = replace(ada.link, x_user_id=str(number), **CONSENT | {"post_events_since_ms": NOW_MS + number})
            ada.links.unlink(ada.me, "222", now_ms=NOW_MS + 9)
            ada.links.link(link, now_ms=NOW_MS)
            if number == 2:
                ada.links.unlink(ada.me, "2", now_ms=NOW_MS + 9)
            else:
                self.keep(aws, ada.me)
        return PostEvents(aws.dynamodb, TABLE)

    @staticmethod
    def keep(aws: Aws, shopper_id: str) -> None:
        """Take the shopper's link out of the way, so that the next one can be made."""
        key = {"id": {"S": f"shopper#{shopper_id}"}}
        aws.dynamodb.update_item(TableName=TABLE, Key=key, UpdateExpression="REMOVE x_user_id")

    def test_what_has_to_end_comes_before_what_has_to_begin(self, post_events: PostEvents) -> None:
        assert [wish.x_user_id for wish in post_events.in_progress(Progress.TODO)] == ["2", "1", "3"]
        assert [wish.x_user_id for wish in post_events.in_progress(Progress.TODO, limit=2)] == ["2", "1"]
        assert list(post_events.in_progress(Progress.MADE)) == []

    def test_progress_is_noted_unless_the_wish_has_changed(self, post_events: PostEvents) -> None:
        [_, wish, other] = post_events.in_progress(Progress.TODO)
        assert post_events.settle(wish, Progress.MADE)
        assert post_events.of_profile("1") == replace(wish, progress=Progress.MADE)
        assert not post_events.settle(replace(other, revision=other.revision + 1), Progress.MADE)
        assert [each.x_user_id for each in post_events.in_progress(Progress.MADE)] == ["1"]

    def test_refused_ones_come_back_in_time(self, post_events: PostEvents) -> None:
        [_, wish, _] = post_events.in_progress(Progress.TODO)
        post_events.settle(wish, Progress.REFUSED, next_ms=NOW_MS + 100)
        assert list(post_events.in_progress(Progress.REFUSED, until_ms=NOW_MS + 99)) == []
        [found] = post_events.in_progress(Progress.REFUSED, until_ms=NOW_MS + 100)
        assert found.x_user_id == "1"

    def test_one_that_is_over_goes_unless_it_is_wanted_again(self, post_events: PostEvents) -> None:
        [over, *_] = post_events.in_progress(Progress.TODO)
        assert not post_events.forget(replace(over, revision=over.revision + 1))
        assert post_events.forget(over)
        assert post_events.of_profile("2") is None
        assert not post_events.forget(over)
        assert not post_events.settle(over, Progress.MADE)
