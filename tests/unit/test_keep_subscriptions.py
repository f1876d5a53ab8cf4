"""X's subscriptions follow what shoppers want, whatever fails on the way: X, time, room, or the process itself."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import pytest

from hashcart.domain.account_links import PROTECTED, SUSPENDED, AccountLink, LinkState
from hashcart.domain.post_events import EVENT_TYPES, PostEventsWish, Progress, Subscription, SubscriptionUsage
from hashcart.domain.summons import Bot
from hashcart.domain.x_prices import DOLLAR
from hashcart.domain.x_spending import Purpose, day_of
from hashcart.social.x.client import (
    Profile,
    RateLimitedError,
    SubscriptionPage,
    SubscriptionRefusedError,
    TokenRejectedError,
    Webhook,
    XUnavailableError,
)
from hashcart.use_cases import keep_subscriptions
from hashcart.use_cases.keep_subscriptions import (
    CHECK,
    CHECK_EVERY_MS,
    MENTIONS,
    REST_PER_PAGE_MS,
    TRY_AGAIN_MS,
    WITHOUT_WEBHOOK_MS,
    WORK,
    KeepSubscriptions,
)
from hashcart.use_cases.x_budget import XBudget
from tests.fakes.clock import NOW_MS, Clock
from tests.fakes.secrets import secret
from tests.fakes.storage import MemoryAccountLinks, MemoryCheckpoints

BOT = Bot("900", "shopbot")
TROUBLES = [XUnavailableError("503"), TokenRejectedError("401"), RateLimitedError(NOW_MS + 60_000)]


class KilledError(Exception):
    """The process ended here."""


@dataclass
class FakeX:
    """X with its subscriptions; `trouble` comes instead of an answer, `killed_after` once X has done what was asked."""

    capacity: int = 1500
    page_size: int = 1000
    subscriptions_: dict[str, Subscription] = field(default_factory=dict)
    webhook_ids: tuple[str, ...] = ("77",)
    refused: set[str] = field(default_factory=set)
    profiles_: dict[str, Profile] = field(default_factory=dict)
    trouble: dict[str, Exception] = field(default_factory=dict)
    killed_after: str | None = None
    calls: list[str] = field(default_factory=list)
    looked_up: list[str] = field(default_factory=list)

    def subscriptions(self, bearer_token: str, page_token: str | None) -> SubscriptionPage:
        self._called("list", bearer_token)
        begin = int(page_token or 0)
        end = begin + self.page_size
        found = tuple(self.subscriptions_.values())
        return SubscriptionPage(found[begin:end], str(end) if end < len(found) else None)

    def subscribe(self, event_type: str, user_id: str, webhook_id: str, bearer_token: str) -> None:
        self._called("subscribe", bearer_token)
        if user_id in self.refused:
            raise SubscriptionRefusedError("400", is_full=False, is_there=False)
        if (event_type, user_id) in {(each.event_type, each.user_id) for each in self.subscriptions_.values()}:
            raise SubscriptionRefusedError("400", is_full=False, is_there=True)
        if len(self.subscriptions_) >= self.capacity:
            raise SubscriptionRefusedError("400", is_full=True, is_there=False)
        self.add(event_type, user_id, webhook_id)
        self._done("subscribe")

    def move_subscription(self, subscription_id: str, webhook_id: str, bearer_token: str) -> None:
        self._called("move", bearer_token)
        self.subscriptions_[subscription_id] = replace(self.subscriptions_[subscription_id], webhook_id=webhook_id)

    def unsubscribe(self, subscription_ids: Sequence[str], bearer_token: str) -> None:
        self._called("unsubscribe", bearer_token)
        for subscription_id in subscription_ids:
            self.subscriptions_.pop(subscription_id, None)
        self._done("unsubscribe")

    def webhooks(self, bearer_token: str) -> list[Webhook]:
        self._called("webhooks", bearer_token)
        return [Webhook(webhook_id, is_valid=True) for webhook_id in self.webhook_ids]

    def profiles(self, user_ids: Sequence[str], bearer_token: str) -> dict[str, Profile]:
        self._called("profiles", bearer_token)
        self.looked_up += user_ids
        return {user_id: self.profiles_[user_id] for user_id in user_ids if user_id in self.profiles_}

    def add(self, event_type: str, user_id: str, webhook_id: str = "77") -> None:
        subscription_id = str(len(self.calls) * 1000 + len(self.subscriptions_) + 1)
        self.subscriptions_[subscription_id] = Subscription(subscription_id, event_type, user_id, webhook_id)

    def told_of(self) -> set[str]:
        """The profiles of which X tells everything."""
        kinds: dict[str, set[str]] = {}
        for each in self.subscriptions_.values():
            kinds.setdefault(each.user_id, set()).add(each.event_type)
        return {user_id for user_id, own in kinds.items() if own == set(EVENT_TYPES)}

    def end_those_of(self, *user_ids: str) -> None:
        self.subscriptions_ = {key: each for key, each in self.subscriptions_.items() if each.user_id not in user_ids}

    def _called(self, call: str, bearer_token: str) -> None:
        assert bearer_token == "app"
        self.calls.append(call)
        if call in self.trouble:
            raise self.trouble[call]

    def _done(self, call: str) -> None:
        if self.killed_after == call:
            raise KilledError


class MemoryWishes:
    """The items of the table, in memory."""

    def __init__(self) -> None:
        self.items: dict[str, tuple[PostEventsWish, int]] = {}

    def want(self, x_user_id: str, since_ms: int | None) -> None:
        before = self.of_profile(x_user_id)
        revision = 1 if before is None else before.revision + 1
        self.items[x_user_id] = (PostEventsWish(x_user_id, since_ms, Progress.TODO, revision), since_ms or 0)

    def of_profile(self, x_user_id: str) -> PostEventsWish | None:
        return self.items[x_user_id][0] if x_user_id in self.items else None

    def in_progress(
        self, progress: Progress, *, limit: int | None = None, until_ms: int | None = None
    ) -> Iterator[PostEventsWish]:
        found = sorted(
            (order_ms, x_user_id)
            for x_user_id, (wish, order_ms) in self.items.items()
            if wish.progress is progress and (until_ms is None or order_ms <= until_ms)
        )
        return iter([self.items[x_user_id][0] for _, x_user_id in found[:limit]])

    def settle(self, wish: PostEventsWish, progress: Progress, *, next_ms: int | None = None) -> bool:
        current = self.of_profile(wish.x_user_id)
        if current is None or current.revision != wish.revision:
            return False
        order_ms = next_ms if next_ms is not None else wish.since_ms or 0
        self.items[wish.x_user_id] = (replace(current, progress=progress), order_ms)
        return True

    def forget(self, wish: PostEventsWish) -> bool:
        current = self.of_profile(wish.x_user_id)
        if current is None or current.revision != wish.revision:
            return False
        del self.items[wish.x_user_id]
        return True


class Pausing(MemoryAccountLinks):
    """Links whose pause ends the wish, as one transaction does."""

    wishes: MemoryWishes

    def pause(self, x_user_id: str, *, reason: str, at_ms: int) -> bool:
        paused = super().pause(x_user_id, reason=reason, at_ms=at_ms)
        if paused:
            self.wishes.want(x_user_id, None)
        return paused


class World:
    def __init__(self) -> None:
        self.x = FakeX()
        self.wishes = MemoryWishes()
        self.links = Pausing()
        self.links.wishes = self.wishes
        self.leases = MemoryCheckpoints()
        self.clock = Clock()
        self.budget = XBudget(self.leases, DOLLAR, self.clock)
        self.is_on = True
        self.limit = 1500

    def opt_in(self, *x_user_ids: str) -> None:
        for x_user_id in x_user_ids:
            link = AccountLink(f"shopper-{x_user_id}", x_user_id, "h", "store", "US", "en", NOW_MS - 1000, "1")
            self.links.links[x_user_id] = link
            self.wishes.want(x_user_id, NOW_MS + int(x_user_id))

    def round(self, *, calls: int = 10**6) -> SubscriptionUsage | None:
        """One minute's work, with the time for so many calls."""
        keep = KeepSubscriptions(
            api=self.x,
            wishes=self.wishes,
            links=self.links,
            leases=self.leases,
            app_secret=secret(json.dumps({"bearer_token": "app"})),
            budget=self.budget,
            bot=BOT,
            is_on=self.is_on,
            limit=self.limit,
            clock_ms=self.clock,
        )
        self.clock.now_ms += 60_000
        before = len(self.x.calls)
        return keep(lambda: len(self.x.calls) - before < calls)

    def check(self) -> SubscriptionUsage | None:
        """A round that looks at all of them."""
        self.clock.now_ms += CHECK_EVERY_MS
        return self.round()

    def progress(self, x_user_id: str) -> Progress | None:
        wish = self.wishes.of_profile(x_user_id)
        return None if wish is None else wish.progress


@pytest.fixture
def world() -> World:
    return World()


def test_who_opts_in_has_two_subscriptions_and_who_opts_out_none(world: World) -> None:
    world.opt_in("1", "2")
    assert world.round() == SubscriptionUsage(4, 1500)
    assert (world.x.told_of(), world.progress("1")) == ({"1", "2"}, Progress.MADE)
    assert {each.webhook_id for each in world.x.subscriptions_.values()} == {"77"}
    world.wishes.want("1", None)
    assert world.round() == SubscriptionUsage(2, 1500)
    assert (world.x.told_of(), world.progress("1")) == ({"2"}, None)


def test_a_minute_without_a_change_asks_x_nothing(world: World) -> None:
    world.round()
    world.x.calls.clear()
    assert [world.round() for _ in range(10)] == [None] * 10
    assert world.x.calls == []


def test_all_are_counted_once_an_hour(world: World) -> None:
    assert world.round() == SubscriptionUsage(0, 1500)
    world.x.add(MENTIONS, BOT.user_id)
    assert world.round() is None
    assert world.check() == SubscriptionUsage(1, 1500)


def test_what_changes_its_mind_before_the_round_was_never_asked_for(world: World) -> None:
    world.opt_in("1")
    world.wishes.want("1", None)
    world.round()
    assert ("subscribe" in world.x.calls, world.wishes.items) == (False, {})


def test_a_wish_that_changes_during_the_round_is_taken_up_by_the_next(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.opt_in("1")
    subscribe = world.x.subscribe

    def opting_out_meanwhile(event_type: str, user_id: str, webhook_id: str, bearer_token: str) -> None:
        world.wishes.want("1", None)
        subscribe(event_type, user_id, webhook_id, bearer_token)

    monkeypatch.setattr(world.x, "subscribe", opting_out_meanwhile)
    world.round()
    assert (world.x.told_of(), world.progress("1")) == ({"1"}, Progress.TODO)
    world.round()
    assert (world.x.subscriptions_, world.wishes.items) == ({}, {})


@pytest.mark.parametrize("call", ["subscribe", "unsubscribe"])
def test_a_crash_between_xs_answer_and_its_record_is_gone_on_from(world: World, call: str) -> None:
    world.opt_in("1", "2")
    if call == "unsubscribe":
        world.round()
        world.wishes.want("1", None)
    world.x.killed_after = call
    with pytest.raises(KilledError):
        world.round()
    world.x.killed_after = None
    world.round()
    assert world.x.told_of() == ({"1", "2"} if call == "subscribe" else {"2"})
    assert len(world.x.subscriptions_) == 2 * len(world.x.told_of())
    assert not list(world.wishes.in_progress(Progress.TODO))


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("call", ["list", "webhooks", "subscribe", "unsubscribe"])
def test_trouble_at_x_only_delays(world: World, call: str, trouble: Exception) -> None:
    world.opt_in("1")
    world.round()
    world.opt_in("2")
    world.wishes.want("1", None)
    world.x.trouble[call] = trouble
    assert world.round() is None
    del world.x.trouble[call]
    world.round()
    assert (world.x.told_of(), world.progress("1"), world.progress("2")) == ({"2"}, None, Progress.MADE)


def test_a_limit_of_x_is_waited_out(world: World) -> None:
    world.opt_in("1")
    world.x.trouble["subscribe"] = RateLimitedError(NOW_MS + 15 * 60_000)
    world.round()
    world.x.trouble.clear()
    asked = len(world.x.calls)
    for _ in range(13):
        assert world.round() is None
    assert len(world.x.calls) == asked
    world.round()
    assert world.x.told_of() == {"1"}


def test_a_check_that_failed_is_made_up_for(world: World) -> None:
    world.round()
    world.clock.now_ms += CHECK_EVERY_MS
    world.x.trouble["list"] = XUnavailableError("503")
    assert world.round() is None
    world.x.trouble.clear()
    assert world.round() == SubscriptionUsage(0, 1500)


def test_two_at_once_do_the_work_of_one(world: World) -> None:
    world.opt_in("1")
    world.leases.take_lease(WORK, now_ms=world.clock.now_ms, lease_ms=120_000)
    assert world.round() is None
    assert world.x.calls == []


def test_at_the_limit_the_earliest_stay_and_the_others_wait_in_line(world: World) -> None:
    world.limit = 5
    world.x.add(MENTIONS, BOT.user_id)
    world.opt_in("1", "2", "3", "4")
    usage = world.round()
    assert (usage, usage.percent if usage else 0) == (SubscriptionUsage(5, 5), 100)
    assert world.x.told_of() == {"1", "2"}
    assert [world.progress(each) for each in "1234"] == [Progress.MADE] * 2 + [Progress.WAITING] * 2
    world.wishes.want("1", None)
    world.round()
    assert (world.x.told_of(), world.progress("3"), world.progress("4")) == (
        {"2", "3"},
        Progress.MADE,
        Progress.WAITING,
    )


def test_a_higher_limit_lets_them_in_and_a_lower_one_sends_the_last_back(world: World) -> None:
    world.opt_in("1", "2", "3")
    world.limit = 2
    world.round()
    world.limit = 6
    world.check()
    assert world.x.told_of() == {"1", "2", "3"}
    world.limit = 5
    world.check()
    assert (world.x.told_of(), world.progress("3")) == ({"1", "2"}, Progress.WAITING)
    assert world.x.looked_up == []


def test_xs_own_limit_counts_where_it_is_lower(world: World) -> None:
    world.x.capacity = 3
    world.opt_in("1", "2", "3")
    world.round()
    assert world.x.told_of() == {"1"}
    assert [world.progress(each) for each in "123"] == [Progress.MADE, Progress.WAITING, Progress.WAITING]
    assert world.x.looked_up == []


def test_turned_off_nobody_has_any_and_the_consents_stay(world: World) -> None:
    world.opt_in("1", "2")
    world.round()
    world.is_on = False
    world.check()
    assert world.x.subscriptions_ == {}
    assert [world.progress(each) for each in "12"] == [Progress.WAITING] * 2
    world.x.calls.clear()
    world.check()
    assert world.x.calls == []
    world.is_on = True
    world.check()
    assert world.x.told_of() == {"1", "2"}
    assert world.x.looked_up == []


def test_where_it_was_never_on_x_is_never_asked(world: World) -> None:
    world.is_on = False
    world.round()
    world.check()
    assert world.x.calls == []


def test_what_x_ended_of_its_own_accord_is_made_again_if_the_profile_is_public(world: World) -> None:
    world.opt_in("1", "2")
    world.round()
    world.x.end_those_of("1")
    world.x.profiles_ = {"1": Profile.PUBLIC}
    world.check()
    assert (world.x.looked_up, world.x.told_of()) == (["1"], {"1", "2"})


@pytest.mark.parametrize(("profile", "reason"), [(Profile.PROTECTED, PROTECTED), (Profile.SUSPENDED, SUSPENDED)])
@pytest.mark.parametrize("is_new", [True, False], ids=["refused", "ended"])
def test_a_profile_that_is_not_public_is_paused(world: World, profile: Profile, reason: str, is_new: bool) -> None:
    world.opt_in("1")
    if not is_new:
        world.round()
        world.x.end_those_of("1")
    world.x.refused = {"1"}
    world.x.profiles_ = {"1": profile}
    world.check()
    link = world.links.links["1"]
    assert (link.state, link.state_reason) == (LinkState.PAUSED, reason)
    world.round()
    assert world.wishes.items == {}


def test_what_x_refuses_for_reasons_of_its_own_is_asked_again_after_a_day(world: World) -> None:
    world.opt_in("1")
    world.x.refused = {"1"}
    world.x.profiles_ = {"1": Profile.PUBLIC}
    world.round()
    assert (world.progress("1"), world.links.links["1"].state) == (Progress.REFUSED, LinkState.ACTIVE)
    world.x.refused.clear()
    world.check()
    assert world.progress("1") is Progress.REFUSED
    world.clock.now_ms += TRY_AGAIN_MS
    world.check()
    assert (world.progress("1"), world.x.told_of()) == (Progress.MADE, {"1"})


@pytest.mark.parametrize("is_out_of_reach", [True, False])
def test_without_a_budget_for_it_nobody_is_asked_about(world: World, is_out_of_reach: bool) -> None:
    world.opt_in("1", "2")
    world.round()
    world.x.end_those_of("1")
    if is_out_of_reach:
        world.x.refused = {"1"}
    world.leases.spend(day_of(NOW_MS), Purpose.SWEEPS, 10**6)
    world.check()
    assert (world.x.looked_up, world.links.links["1"].state) == ([], LinkState.ACTIVE)
    assert world.progress("1") is (Progress.REFUSED if is_out_of_reach else Progress.MADE)


def test_accounts_that_x_shows_are_counted(world: World) -> None:
    world.opt_in("1", "2")
    world.round()
    world.x.end_those_of("1", "2")
    world.x.profiles_ = {"1": Profile.PUBLIC, "2": Profile.SUSPENDED}
    world.check()
    assert world.leases.spending(day_of(world.clock.now_ms)).by_purpose[Purpose.PROFILES].units == 1


def test_where_all_have_gone_people_are_not_asked_about(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keep_subscriptions, "MAX_IDS_PER_LOOKUP", 1)
    world.opt_in("1", "2")
    world.round()
    world.x.subscriptions_.clear()
    world.check()
    assert (world.x.looked_up, world.x.told_of()) == ([], {"1", "2"})


def test_one_that_somebody_else_made_meanwhile_is_seen_by_the_next_round(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.opt_in("1")
    empty = SubscriptionPage((), None)
    with monkeypatch.context() as patch:
        patch.setattr(world.x, "subscriptions", lambda *_: empty)
        world.x.add(EVENT_TYPES[0], "1")
        world.round()
    assert (world.progress("1"), world.x.looked_up) == (Progress.TODO, [])
    world.round()
    assert (world.progress("1"), len(world.x.subscriptions_)) == (Progress.MADE, 2)


def test_what_nobody_wants_is_ended_but_for_other_webhooks(world: World) -> None:
    world.x.add(EVENT_TYPES[0], "5")
    world.x.add(EVENT_TYPES[0], "6", "elsewhere")
    world.check()
    assert [each.user_id for each in world.x.subscriptions_.values()] == ["6"]


def test_subscriptions_of_an_earlier_webhook_come_to_that_of_the_bots_mentions(world: World) -> None:
    world.opt_in("1", "2")
    world.round()
    world.x.webhook_ids = ("77", "78")
    world.x.add(MENTIONS, BOT.user_id, "78")
    world.check()
    assert {each.webhook_id for each in world.x.subscriptions_.values()} == {"78"}
    assert world.x.looked_up == []


@pytest.mark.parametrize("webhook_ids", [(), ("77", "78")])
def test_without_a_webhook_of_its_own_nothing_is_subscribed_and_x_is_asked_less(
    world: World, webhook_ids: tuple[str, ...]
) -> None:
    world.opt_in("1")
    world.x.webhook_ids = webhook_ids
    assert world.round() is None
    assert world.leases.leases[WORK] == world.clock.now_ms + WITHOUT_WEBHOOK_MS
    assert (world.x.subscriptions_, world.progress("1")) == ({}, Progress.TODO)


def test_long_lists_are_read_to_the_end_and_less_often(world: World) -> None:
    world.opt_in(*(str(number) for number in range(1, 6)))
    world.round()
    world.x.page_size = 4
    world.check()
    assert world.leases.leases[WORK] == world.clock.now_ms + 2 * REST_PER_PAGE_MS
    assert world.x.calls.count("list") == 4


def test_a_list_without_end_is_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keep_subscriptions, "MOST_PAGES", 3)
    monkeypatch.setattr(world.x, "subscriptions", lambda *_: SubscriptionPage((), "more"))
    world.opt_in("1")
    assert world.round() is None
    assert world.progress("1") is Progress.TODO


def test_what_there_is_no_time_for_is_done_in_the_next_minute(world: World) -> None:
    world.opt_in("1", "2", "3")
    assert world.round(calls=0) is None
    assert world.x.calls == []
    world.round(calls=3)
    assert (world.x.told_of(), CHECK in world.leases.leases) == ({"1"}, False)
    world.round()
    assert world.x.told_of() == {"1", "2", "3"}


def test_no_more_than_a_rounds_share_is_begun_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keep_subscriptions, "MOST_AT_ONCE", 2)
    world.opt_in("1", "2", "3")
    world.round()
    assert world.x.told_of() == {"1", "2"}
    world.round()
    assert world.x.told_of() == {"1", "2", "3"}


def test_no_limit_is_no_part_of_it() -> None:
    assert (SubscriptionUsage(3, 0).percent, SubscriptionUsage(1200, 1500).percent) == (0, 80)
