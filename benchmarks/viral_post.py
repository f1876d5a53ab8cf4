"""A viral post, simulated: everybody replies to one parent within an hour, each from another linked account.

The real use cases run on tables in memory that count; the caches are the real ones, before moto. Twenty workers take
turns, as many as `WorkerConcurrency` lets run at once, each with what its own process remembers; the clock is the
simulation's.
"""

import logging
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from itertools import batched
from typing import Any

import pytest

from benchmarks.metering import PARENT
from hashcart.consumers import Delivery
from hashcart.domain.cart_hashtags import CartHashtags
from hashcart.domain.hand_offs import HandOff
from hashcart.domain.posts import Link, Post
from hashcart.domain.product_links import ProductReference, StoreLinks
from hashcart.domain.products import Product
from hashcart.domain.summons import Bot
from hashcart.messages.posts import PostArrived
from hashcart.observability import logger
from hashcart.social.x.client import Missing
from hashcart.storage.leased_cache import LeasedCache
from hashcart.stores.protocol import DisplayRules
from hashcart.use_cases.catalogue import Catalogue
from hashcart.use_cases.insert_lines import InsertLines, ShopRules
from hashcart.use_cases.parents import Parents
from hashcart.use_cases.parse_posts import ParsePosts
from hashcart.use_cases.x_budget import XMeter
from tests.fakes.account_links import ADA
from tests.fakes.aws import REGION, aws_account
from tests.fakes.clock import NOW_MS, Clock, post_id
from tests.fakes.storage import MemoryAccountLinks, MemoryActivity, MemoryCarts, MemoryCheckpoints, MemoryPending

WORKERS, BATCH, HOUR_MS = 20, 10, 60 * 60 * 1000
WRITES = frozenset({"record_version", "write_operation", "spend", "put", "PutItem", "UpdateItem"})


@dataclass(frozen=True)
class Growth:
    """What so many replies to one post asked for."""

    replies: int
    calls_of_x: int
    calls_of_the_store: int
    added: int
    reads: int
    writes: int
    hottest_item_reads: tuple[str, int]
    hottest_item_writes: tuple[str, int]


class Counts:
    """Calls by table, item and whether they write."""

    def __init__(self) -> None:
        self.reads: Counter[str] = Counter()
        self.writes: Counter[str] = Counter()

    def add(self, table: str, item: str, operation: str) -> None:
        """One call."""
        (self.writes if operation in WRITES else self.reads)[f"{table} {item}"] += 1

    def of_requests(self, params: dict[str, Any], model: Any, **_: object) -> None:
        """The calls of a DynamoDB client."""
        for table, keys in _keys(params):
            for key in keys:
                self.add(table.removesuffix("Table"), next(iter(key.values()))["S"], model.name)


def _keys(params: dict[str, Any]) -> list[tuple[str, list[Any]]]:
    if "RequestItems" in params:
        return [(table, request["Keys"]) for table, request in params["RequestItems"].items()]
    key = params.get("Key") or {name: params["Item"][name] for name in ("post_id", "product") if name in params["Item"]}
    return [(params["TableName"], [key])]


class Counted:
    """A table in memory; its items are told apart by the first two arguments."""

    def __init__(self, table: Any, name: str, counts: Counts) -> None:
        self._table, self._name, self._counts = table, name, counts

    def __getattr__(self, operation: str) -> Any:
        method = getattr(self._table, operation)

        def call(*arguments: Any, **named: Any) -> Any:
            self._counts.add(self._name, " ".join(map(str, arguments[:2])), operation)
            return method(*arguments, **named)

        return call


class Outside:
    """X and the store, which count how often they are asked."""

    display = DisplayRules()

    def __init__(self) -> None:
        self.calls_of_x = 0
        self.calls_of_the_store = 0

    def posts(self, ids: Collection[str], _bearer_token: str) -> dict[str, Post | Missing]:
        """X's lookup."""
        self.calls_of_x += 1
        return {found: Post(found, found, "111", links=(Link("http://store.localhost/products/mug"),)) for found in ids}

    def product(self, _reference: ProductReference) -> Product:
        """The store's catalogue."""
        self.calls_of_the_store += 1
        return Product(title="Stoneware mug", price="12.50", currency="USD")

    def hand_off(self, _lines: object) -> list[HandOff]:
        """Not asked for here."""
        return []

    def product_url(self, _line: object) -> str:
        """Not asked for here."""
        return ""

    def text(self, _name: str) -> str:
        """The app's token."""
        return "bearer"


def simulate(replies: int) -> Growth:
    """So many replies within an hour."""
    with pytest.MonkeyPatch.context() as patch, aws_account() as aws:
        for name, value in (("AWS_ACCESS_KEY_ID", "x"), ("AWS_SECRET_ACCESS_KEY", "x"), ("AWS_DEFAULT_REGION", REGION)):
            patch.setenv(name, value)
        counts, outside, clock = Counts(), Outside(), Clock(NOW_MS)
        aws.dynamodb.meta.events.register("provide-client-params.dynamodb", counts.of_requests)
        level = logger.log_level
        logger.setLevel(logging.ERROR)
        try:
            added = _run(replies, counts, outside, clock, aws.dynamodb)
        finally:
            logger.setLevel(level)
    return Growth(
        replies,
        outside.calls_of_x,
        outside.calls_of_the_store,
        added,
        counts.reads.total(),
        counts.writes.total(),
        counts.reads.most_common(1)[0],
        counts.writes.most_common(1)[0],
    )


def _run(replies: int, counts: Counts, outside: Outside, clock: Clock, dynamodb: Any) -> int:
    links = MemoryAccountLinks()
    links.links = _Everybody()
    rows, carts = MemoryActivity(), MemoryCarts()
    tables: dict[str, Any] = {
        name: Counted(table, name, counts)
        for name, table in (
            ("AccountLinks", links),
            ("Activity", rows),
            ("Carts", carts),
            ("Pending", MemoryPending()),
            ("Checkpoints", MemoryCheckpoints()),
        )
    }
    workers = [_worker(tables, outside, clock, dynamodb) for _ in range(WORKERS)]
    added = 0
    for number, batch in enumerate(batched(range(replies), BATCH, strict=False)):
        parse, insert = workers[number % WORKERS]
        clock.now_ms = NOW_MS + HOUR_MS * batch[0] // replies
        deliveries = [Delivery(str(reply), _reply(reply, clock.now_ms), False) for reply in batch]
        parsed = parse(deliveries)
        for delivery_id, requests in parsed.requests.items():
            added += sum(len(insert(Delivery(delivery_id, request, False))) for request in requests)
    return added


def _worker(tables: dict[str, Any], outside: Outside, clock: Clock, dynamodb: Any) -> tuple[ParsePosts, InsertLines]:
    store, bot = StoreLinks("demo"), Bot("900", "shopbot")
    cache = LeasedCache(dynamodb, "PostProductsTable", "post_id", clock_ms=clock)
    meter = XMeter(tables["Checkpoints"], clock)
    secret: Any = outside
    parents = Parents(outside, secret, cache, store, bot, lambda _urls: {}, meter, sleep=clock.sleep)
    catalogue = Catalogue(outside, LeasedCache(dynamodb, "ProductsTable", "product", clock_ms=clock), sleep=clock.sleep)
    parse = ParsePosts(CartHashtags(["AmazonCart"]), bot, store, parents.of, lambda _urls: {}, parents.remember)
    insert = InsertLines(
        links=tables["AccountLinks"],
        rows=tables["Activity"],
        carts=tables["Carts"],
        pending=tables["Pending"],
        product_of=catalogue.product,
        rules=ShopRules(frozenset({"US"}), 10, reply_to_strangers=False, sensitive_categories=()),
        clock_ms=clock,
    )
    return parse, insert


class _Everybody(dict[str, Any]):
    """Each author has linked a shop account of their own."""

    def get(self, user: str, _default: Any = None) -> Any:
        return _link(user)

    def __contains__(self, _user: object) -> bool:
        return True

    def __missing__(self, user: str) -> Any:
        return _link(user)


def _link(user: str) -> Any:
    fields = {"shopper_id": f"shopper-{user}", "x_user_id": user, "handle": f"shopper_{user}"}
    return type(ADA)(**{name: getattr(ADA, name) for name in ADA.__dataclass_fields__} | fields)


def _reply(number: int, now_ms: int) -> PostArrived:
    reply = post_id(0, number % 4096, now_ms)
    author = str(10_000 + number)
    return PostArrived(Post(reply, reply, author, text="#AmazonCart", replied_to_id=PARENT, replied_to_author_id="111"))
