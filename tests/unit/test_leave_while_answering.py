"""An erase at any step of an answer leaves nothing of the shopper."""

from dataclasses import replace
from itertools import count

import pytest

from hashcart.domain.account_links import AccountLink
from hashcart.domain.outcomes import Code, Outcome
from hashcart.domain.x_prices import DOLLAR
from hashcart.messages.erasures import read_erasure
from hashcart.messages.outcomes import OutcomeReached
from hashcart.social.x.client import OwnReply, RateLimitedError, XUnavailableError
from hashcart.storage.pending import PendingKind
from hashcart.use_cases.deliver_outcomes import DeliverOutcomes
from hashcart.use_cases.leave import SETTLES_MS, FinishErasure, Leave, ShopperTables
from hashcart.use_cases.x_budget import XBudget
from tests.fakes.clock import NOW_MS, Clock, post_id
from tests.fakes.storage import (
    MemoryAccountLinks,
    MemoryActivity,
    MemoryCarts,
    MemoryCheckpoints,
    MemoryOffers,
    MemoryPending,
    MemorySessions,
)

POST = post_id(1000)
REACHED = OutcomeReached(POST, POST, "222", "ada", Outcome(Code.ADDED, int(POST), quantity=1), summoned=True)
LINK = AccountLink(
    shopper_id="ada",
    x_user_id="222",
    handle="ada_shops",
    marketplace="store.localhost",
    country="US",
    language="en",
    consented_at_ms=NOW_MS - 60_000,
    policy_version="1",
    public_replies=True,
)


class X:
    """X and the bot's session."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error
        self.replies: list[str] = []

    def reply(self, text: str, in_reply_to: str, access_token: str) -> str:
        if self.error is not None:
            raise self.error
        self.replies.append(in_reply_to)
        return "9"

    def own_reply(self, bot_user_id: str, post_id: str, access_token: str) -> OwnReply:
        return OwnReply(None)

    def access_token(self) -> str:
        return "token"

    def forget(self) -> None:
        raise AssertionError


class World:
    def __init__(self, error: Exception | None = None) -> None:
        self.clock = Clock()
        self.links = MemoryAccountLinks(LINK)
        self.activity = MemoryActivity()
        self.pending = MemoryPending()
        self.x = X(error)
        self.tables = ShopperTables(
            self.links, MemoryCarts(), self.activity, MemorySessions(), MemoryOffers(), self.pending
        )
        self.deliver = DeliverOutcomes(
            outcomes=self.activity,
            links=self.links,
            api=self.x,
            session=self.x,
            pending=self.pending,
            pauses=MemoryCheckpoints(),
            budget=XBudget(MemoryCheckpoints(), DOLLAR, self.clock),
            bot_user_id="900",
            reply_to_strangers=False,
            clock_ms=self.clock,
            watch=lambda *_: None,
        )

    def erase(self) -> None:
        Leave(self.tables, self.clock).erase("ada")

    def finish(self) -> None:
        self.clock.now_ms += SETTLES_MS
        for item in list(self.pending.due(PendingKind.ERASURE, self.clock.now_ms, 10)):
            FinishErasure(self.tables)(read_erasure(item.message))
            self.pending.remove(item)


@pytest.mark.parametrize("error", [None, XUnavailableError("503"), RateLimitedError(NOW_MS + 60_000)])
def test_nothing_is_left_whenever_the_erase_comes(error: Exception | None) -> None:
    for steps in count():
        world = World(error)
        taken = erase_before_step(world, steps)
        if taken <= steps:
            break
        world.finish()
        assert (world.activity.rows, world.pending.items) == ({}, [])
    assert steps > 2


def erase_before_step(world: World, steps: int) -> int:
    """Deliver an outcome, with the erase just before the step of that number; returns how many steps there were."""
    taken = 0
    stores = (world.links, world.activity, world.pending)

    def stop() -> None:
        for store in stores:
            store.before_step = lambda: None

    def before_step() -> None:
        nonlocal taken
        if taken == steps:
            stop()
            world.erase()
            for store in stores:
                store.before_step = before_step
        taken += 1

    for store in stores:
        store.before_step = before_step
    world.deliver(REACHED)
    stop()
    return taken


def test_a_redriven_outcome_says_nothing_to_the_profiles_next_owner() -> None:
    world = World()
    world.erase()
    world.links.links["222"] = replace(LINK, shopper_id="ben")
    world.deliver(REACHED)
    assert (world.x.replies, world.activity.rows) == ([], {})
