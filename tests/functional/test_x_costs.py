"""What X bills for an add, by what finds the reply: the handlers against the simulator, which counts as X does.

docs/limits.md has the table that is measured here.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from urllib3 import HTTPResponse

from hashcart.domain import x_prices
from hashcart.domain.account_links import AccountLink
from hashcart.domain.bot_tokens import BotToken
from hashcart.domain.x_prices import DOLLAR
from hashcart.domain.x_spending import day_of
from hashcart.observability import clock_ms
from hashcart.storage.bot_tokens import BotTokens
from hashcart.storage.carts import Carts
from hashcart.storage.checkpoints import Checkpoints
from local.events import EVENTS, fresh_event
from local.settings import APP_BEARER_TOKEN
from local.x_simulator.bot_sign_in import sign_bot_in
from tests.fakes.account_links import tie
from tests.fakes.aws import Aws, aws_account
from tests.fakes.handlers import STORE, Bundle, http_event, sqs_event
from tests.fakes.internet import Internet
from tests.fakes.x_simulator_pool import SimulatorPool
from tests.fakes.x_simulator_world import BASE, World, eventually, world
from tests.template.loading import PROJECT_ROOT

SHOPPERS = ("222", "333", "555", "666", "112", "113", "114", "115")
MENTION, BARE = "@shopbot #AmazonCart", "#AmazonCart"
BATCH = 10
PRICES = {
    "post_read": x_prices.POST_READ,
    "user_read": x_prices.USER_READ,
    "summoned_reply": x_prices.SUMMONED_REPLY,
    "post": x_prices.POST,
    "post_with_url": x_prices.POST_WITH_URL,
}
MUG = {
    "id": "stoneware-mug",
    "title": "Stoneware mug",
    "price": {"amount": "12.50", "currency": "USD"},
    "max_quantity": 5,
    "marketplaces": ["store.localhost"],
}


class Outside:
    """X is the simulator, everything else the fake internet; stands where `urllib3.PoolManager` stands."""

    def __init__(self, x: World) -> None:
        self.x = SimulatorPool(x)
        self.rest = Internet()
        self.rest.answer(f"GET {STORE}/api/products/stoneware-mug", (200, MUG))

    def __call__(self, **_: object) -> "Outside":
        return self

    def request(self, method: str, url: str, **more: Any) -> HTTPResponse:
        return (self.x if url.startswith(BASE) else self.rest).request(method, url, **more)


@dataclass(frozen=True)
class Source:
    """What finds the replies of a scenario, and the row of the table that is held for it."""

    name: str
    text: str
    row: str
    sweeps: Mapping[str, str] = field(default_factory=lambda: {"SWEEP_MENTIONS": "false", "SWEEP_SEARCH": "false"})
    subscribed: tuple[str, ...] = ()
    has_webhook: bool = False
    brings_parent: bool = False


SOURCES = (
    Source(
        "`post.mention.create`",
        MENTION,
        "| `post.mention.create` | 8 | 1 post, 8 answers | $0.0106 |",
        has_webhook=True,
    ),
    Source(
        "`post.create`, parent included",
        BARE,
        "| `post.create`, parent included | 8 | nothing | $0.0000 |",
        subscribed=SHOPPERS,
        has_webhook=True,
        brings_parent=True,
    ),
    Source(
        "`post.create`, parent looked up",
        BARE,
        "| `post.create`, parent looked up | 8 | 1 post | $0.0006 |",
        subscribed=SHOPPERS,
        has_webhook=True,
    ),
    Source(
        "`SweepMentions`",
        MENTION,
        "| `SweepMentions` | 8 | 9 posts, 8 answers | $0.0156 |",
        sweeps={"SWEEP_MENTIONS": "true", "SWEEP_SEARCH": "false"},
    ),
    Source(
        "`SweepSearch`",
        BARE,
        "| `SweepSearch` | 8 | 9 posts | $0.0056 |",
        sweeps={"SWEEP_MENTIONS": "false", "SWEEP_SEARCH": "true"},
    ),
    Source(
        "all of them, bare hashtag",
        BARE,
        "| all of them, bare hashtag | 8 | 9 posts | $0.0056 |",
        sweeps={"SWEEP_MENTIONS": "true", "SWEEP_SEARCH": "true"},
        subscribed=SHOPPERS,
        has_webhook=True,
        brings_parent=True,
    ),
)


@pytest.fixture
def aws() -> Iterator[Aws]:
    with aws_account() as account:
        for number in SHOPPERS:
            tie(
                account.dynamodb,
                AccountLink(
                    shopper_id=f"shopper-{number}",
                    x_user_id=number,
                    handle=f"handle-{number}",
                    marketplace="store.localhost",
                    country="US",
                    language="en",
                    consented_at_ms=clock_ms() - 60_000,
                    policy_version="1",
                    public_replies=True,
                ),
            )
        yield account


@dataclass
class Measured:
    """What X counted, and what HashCart did, for a scenario."""

    adds: int
    counts: Mapping[str, int]
    spent: int

    @property
    def money(self) -> int:
        return sum(PRICES[kind] * count for kind, count in self.counts.items())

    def row(self, name: str) -> str:
        words = {"post_read": ("post", "posts"), "summoned_reply": ("answer", "answers")}
        told = [f"{self.counts[kind]} {words[kind][self.counts[kind] > 1]}" for kind in words if self.counts.get(kind)]
        each = self.money / self.adds / DOLLAR
        return f"| {name} | {self.adds} | {', '.join(told) or 'nothing'} | ${each:.4f} |"


def measure(source: Source, x: World, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Measured:
    """Let all shoppers reply to one post, and the functions run until nothing is left to do; twice each minute."""
    behaviour = x.simulator.behaviour
    behaviour.post_create_for, behaviour.parent_in_post_create = list(source.subscribed), source.brings_parent
    if source.has_webhook:
        x.register_webhook()
    secret = aws.create_secret("x-app", {"bearer_token": APP_BEARER_TOKEN})
    overrides = {"X_API_BASE_URL": BASE, "X_APP_SECRET_ARN": secret, **source.sweeps}
    bundle = Bundle(aws, cast("Internet", Outside(x)), monkeypatch, **overrides)
    token = sign_bot_in(BASE, client=x.client)
    BotTokens(aws.dynamodb, "BotTokensTable").save(
        BotToken(token["access_token"], token["refresh_token"], clock_ms() + 7_200_000)
    )
    parent = x.seed_post("mug")
    for shopper in SHOPPERS:
        x.post(shopper, source.text, in_reply_to=parent)
    events_a_reply = source.has_webhook * ((source.text == MENTION) + bool(source.subscribed))
    eventually(lambda: len(x.endpoint.deliveries) >= events_a_reply * len(SHOPPERS))
    for delivery in x.endpoint.deliveries:
        event = http_event("POST", body=delivery.content.decode(), headers=dict(delivery.headers))
        assert bundle.invoke("webhook_intake", event)["statusCode"] == 200
    for _ in range(2):
        bundle.invoke("mention_sweep", fresh_event(EVENTS / "mention_sweep__good.json", clock_ms()))
    for queue, function in (
        ("PostsQueue", "hashtag_parsing"),
        ("CartRequestsQueue", "cart_insertion"),
        ("OutcomesQueue", "outcome_delivery"),
    ):
        bodies = [json.dumps(message) for message in aws.received(queue)]
        for start in range(0, len(bodies), BATCH):
            answer = bundle.invoke(function, sqs_event(*bodies[start : start + BATCH]))
            assert answer == {"batchItemFailures": []}
    lines = [line for shopper in SHOPPERS for line in Carts(aws.dynamodb, "CartsTable").lines(f"shopper-{shopper}")]
    adds = sum(line.state().quantity for line in lines)
    spent = Checkpoints(aws.dynamodb, "CheckpointsTable").spending(day_of(clock_ms())).total
    return Measured(adds, dict(x.simulator.bill.counts), spent)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_what_x_bills_for_an_add(source: Source, tmp_path: Path, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    with world(tmp_path) as x:
        measured = measure(source, x, aws, monkeypatch)
    assert measured.row(source.name) == source.row
    assert source.row in (PROJECT_ROOT / "docs/limits.md").read_text()
    assert measured.spent >= measured.money, "the budget never counts less than X bills"


def test_the_simulator_counts_what_x_prices_apart(tmp_path: Path) -> None:
    with world(tmp_path) as x:
        bill = x.simulator.bill
        bill.take(is_reply=True, has_url=True)
        bill.take(is_reply=False, has_url=False)
        x.user()
        x.client.get("/2/users/me", headers=x.user())
    assert bill.counts == {"post_with_url": 1, "post": 1, "user_read": 1}
