"""What `mention_sweep` does beside sweeping: X tells of each post of the shoppers who agreed to that, and of no others.

A shopper who opted in has two subscriptions at X, to posts made and posts deleted. What is wanted lies in the table,
written with the link itself; what there is, X alone knows. So each round first asks X for all of the app's
subscriptions, and then makes or ends the difference: it can stop or crash anywhere, even between X's answer and its
record, and the next one goes on. A round is made when something is wanted otherwise than before; and one an hour looks
at all of them, for X may end subscriptions of its own accord, or have some that nobody wants.

The app may have so many subscriptions (`limit`), the bot's own among them. At the limit those who came first keep
theirs; the others wait until there is room, while sweeps find their posts.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import batched, chain
from typing import Protocol

from hashcart.domain.account_links import PROTECTED, SUSPENDED
from hashcart.domain.post_events import EVENT_TYPES, PostEventsWish, Progress, Subscription, SubscriptionUsage
from hashcart.domain.summons import Bot
from hashcart.domain.x_spending import Purpose
from hashcart.observability import report, report_failure
from hashcart.secrets import Secret, SecretUnavailableError
from hashcart.social.x.app_token import with_app_token
from hashcart.social.x.client import (
    MAX_IDS_PER_LOOKUP,
    MAX_IDS_PER_UNSUBSCRIPTION,
    Profile,
    RateLimitedError,
    SubscriptionPage,
    SubscriptionRefusedError,
    TokenRejectedError,
    Webhook,
    XUnavailableError,
)
from hashcart.use_cases.x_budget import BudgetUnavailableError, OverBudgetError

WORK = "subscriptions"
LEASE_MS = 58_000
CHECK = "subscriptions_check"
CHECK_EVERY_MS = 60 * 60_000
MOST_AT_ONCE = 200
"""Wishes of one round; X takes 500 subscriptions in 15 minutes."""

MOST_PAGES = 100
REST_PER_PAGE_MS = 4_000
"""Keeps the reading of long lists within half of X's limit, 500 pages in 15 minutes."""

WITHOUT_WEBHOOK_MS = 5 * 60_000
TRY_AGAIN_MS = 24 * 60 * 60_000
MENTIONS = "post.mention.create"
TRANSIENT = (XUnavailableError, TokenRejectedError, SecretUnavailableError)


class OutOfTimeError(Exception):
    """The invocation has to end before the list of subscriptions was read."""


class SubscriptionApi(Protocol):
    """X's calls about subscriptions, with the app's token."""

    def subscriptions(self, bearer_token: str, page_token: str | None) -> SubscriptionPage:
        """A page of the app's subscriptions."""

    def subscribe(self, event_type: str, user_id: str, webhook_id: str, bearer_token: str) -> None:
        """Have events about an account delivered."""

    def move_subscription(self, subscription_id: str, webhook_id: str, bearer_token: str) -> None:
        """Have a subscription delivered to another webhook."""

    def unsubscribe(self, subscription_ids: Sequence[str], bearer_token: str) -> None:
        """End subscriptions."""

    def webhooks(self, bearer_token: str) -> list[Webhook]:
        """The app's webhooks."""

    def profiles(self, user_ids: Sequence[str], bearer_token: str) -> dict[str, Profile]:
        """What X says of accounts."""


class WishStore(Protocol):
    """Whose events are wanted."""

    def of_profile(self, x_user_id: str) -> PostEventsWish | None:
        """What is wanted of a profile."""

    def in_progress(
        self, progress: Progress, *, limit: int | None = None, until_ms: int | None = None
    ) -> Iterable[PostEventsWish]:
        """Those that have come so far."""

    def settle(self, wish: PostEventsWish, progress: Progress, *, next_ms: int | None = None) -> bool:
        """Note how far it has come."""

    def forget(self, wish: PostEventsWish) -> bool:
        """Nothing is wanted, and nothing is there any more."""


class LinkStore(Protocol):
    """Who is who."""

    def pause(self, x_user_id: str, *, reason: str, at_ms: int) -> bool:
        """Pause a link."""


class LeaseStore(Protocol):
    """Who is at it."""

    def take_lease(self, work: str, *, now_ms: int, lease_ms: int) -> bool:
        """Whether this caller is the one to do the work."""

    def rest(self, work: str, *, until_ms: int) -> None:
        """Let nobody do the work before a moment."""

    def release(self, work: str) -> None:
        """End the lease."""


class Budget(Protocol):
    """What calls of X may cost in a day."""

    def spend[T](self, purpose: Purpose, at_most: int, read: Callable[[], T], billed: Callable[[T], int]) -> T:
        """Read from X within the budget."""


@dataclass(slots=True)
class Round:
    """What X has, kept up to date with what this round does. `webhook_id` is where events have to go."""

    webhook_id: str
    limit: int
    used: int
    of_profile: dict[str, list[Subscription]] = field(default_factory=dict)

    def missing(self, x_user_id: str) -> list[str]:
        """The events of a profile that X does not tell of."""
        there = {subscription.event_type for subscription in self.of_profile.get(x_user_id, [])}
        return [event_type for event_type in EVENT_TYPES if event_type not in there]

    def has_room_for(self, number: int) -> bool:
        """Whether so many more subscriptions may be made."""
        return self.used + number <= self.limit

    def elsewhere(self, x_user_id: str) -> list[Subscription]:
        """The subscriptions to a profile that go to another webhook, as of a deployment that is no more."""
        return [each for each in self.of_profile.get(x_user_id, []) if each.webhook_id != self.webhook_id]


@dataclass(frozen=True, slots=True)
class KeepSubscriptions:
    """Brings X's subscriptions to what shoppers want. Where it `is_on` no more, nobody is to have any."""

    api: SubscriptionApi
    wishes: WishStore
    links: LinkStore
    leases: LeaseStore
    app_secret: Secret
    budget: Budget
    bot: Bot
    is_on: bool
    limit: int
    clock_ms: Callable[[], int]

    def __call__(self, has_time: Callable[[], bool]) -> SubscriptionUsage | None:
        """Do what is to be done, if anything; returns how many subscriptions there are if X was asked."""
        if not self.leases.take_lease(WORK, now_ms=self.clock_ms(), lease_ms=LEASE_MS):
            return None
        todo = list(self.wishes.in_progress(Progress.TODO, limit=MOST_AT_ONCE))
        is_check = self.leases.take_lease(CHECK, now_ms=self.clock_ms(), lease_ms=CHECK_EVERY_MS)
        made = list(self.wishes.in_progress(Progress.MADE)) if is_check else []
        is_done, rest_until_ms, usage = True, self.clock_ms(), None
        try:
            if todo or made or (is_check and self.is_on):
                round_, pages = self._ask(has_time)
                rest_until_ms += (pages - 1) * REST_PER_PAGE_MS
                if round_ is None:
                    rest_until_ms += WITHOUT_WEBHOOK_MS
                else:
                    usage = self._make(round_, todo, made if is_check else None, has_time)
                is_done = has_time()
        except RateLimitedError as error:
            is_done, rest_until_ms = False, error.reset_ms
            report_failure(None, "subscriptions_wait", error)
        except (*TRANSIENT, OutOfTimeError) as error:
            is_done = False
            report_failure(None, "subscriptions_not_kept", error)
        if is_check and not is_done:
            self.leases.release(CHECK)
        self.leases.rest(WORK, until_ms=rest_until_ms)
        return usage

    def _ask(self, has_time: Callable[[], bool]) -> tuple[Round | None, int]:
        """What X has, and how many pages that took; no round without a webhook to which events could go."""
        found: list[Subscription] = []
        pages, page_token = 0, None
        for _ in range(MOST_PAGES):
            if not has_time():
                raise OutOfTimeError
            page = with_app_token(self.app_secret, partial(_page, self.api, page_token))
            found += page.subscriptions
            pages, page_token = pages + 1, page.next_token
            if page_token is None:
                break
        else:
            raise XUnavailableError("the list of subscriptions does not end")
        webhook_id = self._webhook_id(found)
        if webhook_id is None:
            report(None, "not_subscribed", "no_webhook")
            return None, pages
        round_ = Round(webhook_id, self.limit if self.is_on else 0, len(found))
        for subscription in found:
            if subscription.event_type in EVENT_TYPES and subscription.user_id != self.bot.user_id:
                round_.of_profile.setdefault(subscription.user_id, []).append(subscription)
        return round_, pages

    def _webhook_id(self, found: Iterable[Subscription]) -> str | None:
        """Where the bot's mentions go, or else the app's only webhook."""
        for subscription in found:
            if (subscription.event_type, subscription.user_id) == (MENTIONS, self.bot.user_id):
                return subscription.webhook_id
        webhooks = with_app_token(self.app_secret, self.api.webhooks)
        return webhooks[0].id if len(webhooks) == 1 else None

    def _make(
        self,
        round_: Round,
        todo: Sequence[PostEventsWish],
        made: Sequence[PostEventsWish] | None,
        has_time: Callable[[], bool],
    ) -> SubscriptionUsage:
        wishes: Iterable[PostEventsWish] = todo
        if made is not None and self.is_on:
            ended = [wish for wish in made if round_.missing(wish.x_user_id)]
            moved = [wish for wish in made if round_.elsewhere(wish.x_user_id) and wish not in ended]
            wishes = chain(todo, self._still_public(ended), moved, self._refused_before())
        if made is not None:
            self._end_unwanted(round_, {wish.x_user_id for wish in chain(todo, made)})
            self._end_those_over_the_limit(round_, made)
        for wish in chain(wishes, self._waiting(round_)):
            if not has_time():
                break
            self._fulfil(round_, wish)
        return SubscriptionUsage(round_.used, self.limit)

    def _waiting(self, round_: Round) -> Iterator[PostEventsWish]:
        """Those who come next, once the others have been seen to, as far as there is room by then."""
        room = (round_.limit - round_.used) // len(EVENT_TYPES)
        if room > 0:
            yield from self.wishes.in_progress(Progress.WAITING, limit=min(room, MOST_AT_ONCE))

    def _refused_before(self) -> Iterator[PostEventsWish]:
        """Those whom X did not take a day ago."""
        yield from self.wishes.in_progress(Progress.REFUSED, limit=MOST_AT_ONCE, until_ms=self.clock_ms())

    def _fulfil(self, round_: Round, wish: PostEventsWish) -> None:
        if wish.since_ms is None:
            self._end(round_, wish.x_user_id)
            self.wishes.forget(wish)
            return
        missing = round_.missing(wish.x_user_id)
        if missing and not round_.has_room_for(len(missing)):
            self.wishes.settle(wish, Progress.WAITING)
            return
        try:
            self._move(round_, wish.x_user_id)
            for event_type in missing:
                self._subscribe(round_, wish.x_user_id, event_type)
        except SubscriptionRefusedError as refusal:
            self._refused(round_, wish, refusal)
            return
        self.wishes.settle(wish, Progress.MADE)

    def _subscribe(self, round_: Round, x_user_id: str, event_type: str) -> None:
        with_app_token(self.app_secret, partial(self.api.subscribe, event_type, x_user_id, round_.webhook_id))
        round_.used += 1

    def _move(self, round_: Round, x_user_id: str) -> None:
        """What goes to another webhook comes to this one."""
        for each in round_.elsewhere(x_user_id):
            with_app_token(self.app_secret, partial(self.api.move_subscription, each.id, round_.webhook_id))

    def _refused(self, round_: Round, wish: PostEventsWish, refusal: SubscriptionRefusedError) -> None:
        report(None, "subscription_refused", str(refusal))
        if refusal.is_there:
            # Made meanwhile, as by the command of an operator: the next round sees it.
            return
        if refusal.is_full:
            round_.limit = min(round_.limit, round_.used)
            self.wishes.settle(wish, Progress.WAITING)
            return
        if self._still_public([wish]):
            self.wishes.settle(wish, Progress.REFUSED, next_ms=self.clock_ms() + TRY_AGAIN_MS)

    def _still_public(self, suspects: Sequence[PostEventsWish]) -> list[PostEventsWish]:
        """Those whose subscriptions X has ended or refused for another reason than that their posts are not public.

        X is asked about a hundred at once, and about no more: if so many have gone, it is not for the people's sake.
        """
        asked = [wish.x_user_id for wish in suspects]
        if not 0 < len(asked) <= MAX_IDS_PER_LOOKUP:
            return list(suspects)
        try:
            profiles = self.budget.spend(Purpose.PROFILES, len(asked), partial(self._profiles, asked), _shown)
        except (OverBudgetError, BudgetUnavailableError) as error:
            report_failure(None, "profiles_not_asked_about", error)
            return list(suspects)
        reasons = {Profile.PROTECTED: PROTECTED, Profile.SUSPENDED: SUSPENDED}
        hidden = {x_user_id: reasons[profile] for x_user_id, profile in profiles.items() if profile in reasons}
        for x_user_id, reason in hidden.items():
            paused = self.links.pause(x_user_id, reason=reason, at_ms=self.clock_ms())
            report(None, "paused" if paused else "dropped", reason)
        return [wish for wish in suspects if wish.x_user_id not in hidden]

    def _profiles(self, asked: Sequence[str]) -> dict[str, Profile]:
        return with_app_token(self.app_secret, partial(self.api.profiles, asked))

    def _end_unwanted(self, round_: Round, wanted: set[str]) -> None:
        """End what nobody wants at this deployment's webhook, as what was made before a crash and an unlinking."""
        for x_user_id, own in list(round_.of_profile.items()):
            is_ours = all(subscription.webhook_id == round_.webhook_id for subscription in own)
            if x_user_id not in wanted and is_ours and self.wishes.of_profile(x_user_id) is None:
                self._end(round_, x_user_id)

    def _end_those_over_the_limit(self, round_: Round, made: Sequence[PostEventsWish]) -> None:
        """Those who came last wait again, where the limit is lower than it was."""
        for wish in reversed(made):
            if round_.has_room_for(0):
                return
            self._end(round_, wish.x_user_id)
            self.wishes.settle(wish, Progress.WAITING)

    def _end(self, round_: Round, x_user_id: str) -> None:
        own = round_.of_profile.pop(x_user_id, [])
        for some in batched((subscription.id for subscription in own), MAX_IDS_PER_UNSUBSCRIPTION, strict=False):
            with_app_token(self.app_secret, partial(self.api.unsubscribe, some))
        round_.used -= len(own)


def _shown(profiles: dict[str, Profile]) -> int:
    """How many accounts X has shown, and bills."""
    return sum(profile in (Profile.PUBLIC, Profile.PROTECTED) for profile in profiles.values())


def _page(api: SubscriptionApi, page_token: str | None, bearer_token: str) -> SubscriptionPage:
    return api.subscriptions(bearer_token, page_token)
