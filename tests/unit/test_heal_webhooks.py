"""A webhook that X has disabled: found, enabled again, its gap asked for, whatever fails on the way."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from hashcart.domain.posts import DAY_MS
from hashcart.domain.webhooks import WebhookHealth
from hashcart.social.x.client import RateLimitedError, TokenRejectedError, Webhook, XUnavailableError
from hashcart.use_cases.heal_webhooks import CHECK_EVERY_MS, HealWebhooks
from tests.fakes.clock import NOW_MS, Clock
from tests.fakes.secrets import secret
from tests.fakes.storage import MemoryCheckpoints

MINUTE = 60_000
HOUR = 60 * MINUTE
TROUBLES = [XUnavailableError("503"), RateLimitedError(NOW_MS), TokenRejectedError("401")]


@dataclass
class FakeX:
    """X: which webhooks are valid, whether one answers its challenge, and whether X replays."""

    valid: dict[str, bool] = field(default_factory=lambda: {"1": True})
    answers: bool = True
    replays: bool = True
    trouble: dict[str, Exception] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    replayed: list[tuple[int, int]] = field(default_factory=list)

    def webhooks(self, bearer_token: str) -> list[Webhook]:
        self._called("list", bearer_token)
        return [Webhook(webhook_id, valid) for webhook_id, valid in self.valid.items()]

    def enable_webhook(self, webhook_id: str, bearer_token: str) -> None:
        self._called("enable", bearer_token)
        self.valid[webhook_id] = self.answers

    def replay(self, webhook_id: str, bearer_token: str, *, from_ms: int, to_ms: int) -> bool:
        del webhook_id
        self._called("replay", bearer_token)
        if self.replays:
            self.replayed.append((from_ms, to_ms))
        return self.replays

    def _called(self, call: str, bearer_token: str) -> None:
        assert bearer_token == "app"
        self.calls.append(call)
        if call in self.trouble:
            raise self.trouble[call]


@dataclass
class World:
    x: FakeX
    checkpoints: MemoryCheckpoints
    clock: Clock
    heal: HealWebhooks
    logged: Callable[[], list[str]]

    def after(self, ms: int) -> None:
        self.clock.now_ms += ms
        self.heal()


@pytest.fixture
def world(caplog: pytest.LogCaptureFixture) -> World:
    x, checkpoints, clock = FakeX(), MemoryCheckpoints(), Clock()
    heal = HealWebhooks(x, checkpoints, secret(json.dumps({"bearer_token": "app"})), clock)

    def logged() -> list[str]:
        outcomes = [str(vars(record)["outcome"]) for record in caplog.records if record.levelname == "ERROR"]
        caplog.clear()
        return outcomes

    return World(x, checkpoints, clock, heal, logged)


def test_it_looks_every_five_minutes(world: World) -> None:
    for _ in range(11):
        world.after(MINUTE)
    assert world.x.calls == ["list"] * 3
    assert CHECK_EVERY_MS < 5 * MINUTE
    assert world.logged() == []


def test_a_disabled_webhook_is_enabled_and_its_gap_replayed_once(world: World) -> None:
    world.heal()
    world.x.valid["1"] = False
    world.after(5 * MINUTE)
    assert world.x.valid["1"]
    assert world.x.replayed == [(NOW_MS, NOW_MS + 5 * MINUTE)]
    assert world.logged() == ["webhook_disabled", "webhook_enabled_again", "gap_replayed"]
    world.after(5 * MINUTE)
    assert len(world.x.replayed) == 1


def test_one_that_stays_disabled_is_tried_again_and_the_whole_gap_replayed(world: World) -> None:
    world.heal()
    world.x.valid["1"], world.x.answers = False, False
    world.after(HOUR)
    world.after(HOUR)
    assert world.logged() == ["webhook_disabled", "webhook_stays_disabled"] * 2
    assert world.x.replayed == []
    world.x.answers = True
    world.after(HOUR)
    assert world.x.replayed == [(NOW_MS, NOW_MS + 3 * HOUR)]


def test_a_gap_is_a_day_at_most(world: World) -> None:
    world.x.valid["1"] = False
    world.heal()
    assert world.x.replayed == [(NOW_MS - DAY_MS, NOW_MS)]
    world.x.valid["1"] = False
    world.after(3 * DAY_MS)
    assert world.x.replayed[1:] == [(world.clock.now_ms - DAY_MS, world.clock.now_ms)]


def test_where_x_does_not_replay_the_sweep_has_to_do(world: World) -> None:
    world.x.valid["1"], world.x.replays = False, False
    world.heal()
    assert world.logged() == ["webhook_disabled", "webhook_enabled_again", "gap_left_to_the_sweep"]
    assert world.checkpoints.webhooks["1"] == WebhookHealth(valid_at_ms=NOW_MS)


@pytest.mark.parametrize("call", ["list", "enable", "replay"])
@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: type(trouble).__name__)
def test_trouble_at_x_only_delays(world: World, call: str, trouble: Exception) -> None:
    world.heal()
    world.x.valid["1"] = False
    world.x.trouble[call] = trouble
    world.after(5 * MINUTE)
    assert world.x.replayed == []
    world.x.trouble.clear()
    world.after(MINUTE)
    assert world.x.valid["1"]
    assert world.x.replayed == [(NOW_MS, NOW_MS + 6 * MINUTE)]


def test_an_app_without_webhooks_has_nothing_to_heal(world: World) -> None:
    world.x.valid.clear()
    world.heal()
    assert world.x.calls == ["list"]
