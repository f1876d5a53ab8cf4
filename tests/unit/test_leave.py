"""Export and erase, also while a reply is in flight."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import count, cycle

import pytest

from hashcart.consumers import Delivery
from hashcart.domain.account_links import AccountLink, StoreAccount
from hashcart.domain.product_links import ProductReference
from hashcart.domain.products import Product
from hashcart.messages.cart_requests import AddRequested, CartRequest, UndoRequested
from hashcart.messages.erasures import ErasureDue, read_erasure
from hashcart.messages.notices import AccountNotice, NoticeKind
from hashcart.messages.outcomes import OutcomeReached
from hashcart.messages.posts import PostDeleted, to_json
from hashcart.storage.account_links import ShopperGoneError
from hashcart.storage.pending import PendingItem, PendingKind
from hashcart.stores.protocol import StoreUnavailableError
from hashcart.use_cases.insert_lines import InsertLines, ShopRules
from hashcart.use_cases.leave import SETTLES_MS, FinishErasure, Leave, ShopperTables
from tests.fakes.clock import NOW_MS, Clock, post_id
from tests.fakes.interleaving import Interleaving
from tests.fakes.storage import (
    MemoryAccountLinks,
    MemoryActivity,
    MemoryCarts,
    MemoryOffers,
    MemoryPending,
    MemorySessions,
)

MUG = ProductReference("store.localhost", "mug")
POST = post_id(1000)
ADD = AddRequested(POST, POST, "222", "1", MUG)
LINK = AccountLink(
    shopper_id="ada",
    x_user_id="222",
    handle="ada_shops",
    marketplace="store.localhost",
    country="US",
    language="en",
    consented_at_ms=NOW_MS - 60_000,
    policy_version="1",
    undo_on_delete=True,
)


class World:
    def __init__(self) -> None:
        self.clock = Clock()
        self.links = MemoryAccountLinks(LINK)
        self.carts = MemoryCarts()
        self.activity = MemoryActivity()
        self.sessions = MemorySessions()
        self.pending = MemoryPending()
        self.store_is_down = False
        self.tables = ShopperTables(self.links, self.carts, self.activity, self.sessions, MemoryOffers(), self.pending)
        self.leave = Leave(self.tables, self.clock)
        self.insert = InsertLines(
            links=self.links,
            rows=self.activity,
            carts=self.carts,
            pending=self.pending,
            product_of=self.product_of,
            rules=ShopRules(frozenset({"US"}), 10),
            clock_ms=self.clock,
        )

    def product_of(self, reference: ProductReference) -> Product | None:
        if self.store_is_down:
            raise StoreUnavailableError("503")
        return Product(title="Mug")

    def deliver(self, *, is_last: bool = False) -> list[OutcomeReached]:
        return self.insert(Delivery("m", ADD, is_last))

    def relink(self) -> str:
        """Another account links the profile; returns its shopper."""
        shopper = self.links.shopper_of(StoreAccount("https://store.test", "ben"), now_ms=self.clock.now_ms)
        link = replace(LINK, shopper_id=shopper.shopper_id, consented_at_ms=self.clock.now_ms)
        self.links.link(link, now_ms=self.clock.now_ms)
        return shopper.shopper_id

    def finish(self) -> None:
        self.clock.now_ms += SETTLES_MS
        for item in list(self.pending.due(PendingKind.ERASURE, self.clock.now_ms, 10)):
            FinishErasure(self.tables)(read_erasure(item.message))
            self.pending.remove(item)

    def left_of(self, shopper_id: str) -> list[object]:
        rows = [key for key in (*self.carts.stored, *self.activity.rows) if key[0] == shopper_id]
        waiting = [item for item in self.pending.items if shopper_id in item.message or '"222"' in item.message]
        return [*rows, *self.sessions.stored.get(shopper_id, []), *waiting]


@pytest.fixture
def world() -> World:
    return World()


def test_an_export_has_everything(world: World) -> None:
    world.deliver()
    world.sessions.stored["ada"] = [{"id": "session#1", "shopper_id": "ada"}]
    notice = AccountNotice(NoticeKind.LINKED, "ada", "ada_shops", "en", NOW_MS)
    others = replace(notice, shopper_id="ben")
    for message in (notice, others):
        world.pending.put(PendingItem(PendingKind.NOTICE, "n", NOW_MS, to_json(message)))
    document = world.leave.export("ada")
    assert document["exported_at_ms"] == NOW_MS
    assert document["shopper"]["shopper_id"] == "ada"
    assert [line["line_id"] for line in document["carts"]] == [MUG.line_id]
    assert len(document["activity"]) == 1
    assert [entry["message"]["shopper_id"] for entry in document["pending"]] == ["ada"]
    assert document["sessions"] == [{"id": "session#1", "shopper_id": "ada"}]


def test_nothing_is_exported_of_one_who_has_gone(world: World) -> None:
    with pytest.raises(ShopperGoneError):
        world.leave.export("nobody")
    with pytest.raises(ShopperGoneError):
        world.leave.erase("nobody")
    assert world.pending.items == []


def test_an_erase_empties_the_tables_at_once(world: World) -> None:
    world.store_is_down = True
    world.deliver(is_last=True)
    world.store_is_down = False
    world.deliver()
    world.sessions.stored["ada"] = [{"id": "session#1"}]
    world.leave.erase("ada")
    [left] = world.pending.items
    assert (left.kind, left.due_ms) == (PendingKind.ERASURE, NOW_MS + SETTLES_MS)
    assert read_erasure(left.message) == ErasureDue("ada", "222", NOW_MS)
    assert world.left_of("ada") == [left]
    assert (world.links.links, world.links.accounts, world.links.erased) == ({}, {}, {"ada"})
    world.finish()
    assert world.left_of("ada") == []


def test_an_erase_that_stops_half_way_is_finished_later(world: World) -> None:
    world.deliver()
    world.carts.faults.append(TimeoutError())
    world.leave.erase("ada")
    assert world.left_of("ada")
    world.finish()
    assert world.left_of("ada") == []


def test_an_erase_that_did_not_happen_removes_nothing(world: World) -> None:
    world.deliver()
    world.links.erase = unreachable  # type: ignore[method-assign]
    with pytest.raises(TimeoutError):
        world.leave.erase("ada")
    world.finish()
    assert len(world.carts.stored) == 1


def unreachable(*_: object, **__: object) -> str:
    raise TimeoutError


@pytest.mark.parametrize("kind", ["add", "last add", "undo", "delete"])
def test_an_erase_at_any_step_of_a_reply_leaves_nothing(kind: str) -> None:
    """The erase as a whole comes after each step that a delivery takes; the 15 minutes then end what it still wrote."""
    for steps in count():
        world = World()
        world.deliver()
        world.store_is_down = kind == "last add"
        taken = erase_after(world, steps, kind)
        if taken < steps:
            break
        owner = world.relink()
        world.finish()
        assert world.left_of("ada") == []
        assert world.carts.items_of(owner) == world.activity.items_of(owner) == []
    assert steps > 1


def erase_after(world: World, steps: int, kind: str) -> int:
    """Deliver, with the erase just before the step of that number; returns how many steps there were before it."""
    taken = 0
    requests: dict[str, CartRequest] = {
        "add": ADD,
        "last add": replace(ADD, post_id=post_id(500), first_id=post_id(500)),
        "undo": UndoRequested(post_id(500), post_id(500), "222", POST),
        "delete": PostDeleted(POST, "222"),
    }
    stores = (world.links, world.carts, world.activity, world.pending)

    def before_step() -> None:
        nonlocal taken
        if taken == steps:
            for store in stores:
                store.before_step = lambda: None
            world.clock.now_ms += 1000
            world.leave.erase("ada")
        taken += 1

    for store in stores:
        store.before_step = before_step
    world.insert(Delivery("m", requests[kind], is_last=True))
    for store in stores:
        store.before_step = lambda: None
    return taken - 1


def test_an_erase_among_deliveries_in_any_order_leaves_nothing() -> None:
    """Erase and three deliveries, step by step, in twenty orders."""
    for seed in range(20):
        world = World()
        turns = Interleaving()
        for store in (world.links, world.carts, world.activity, world.sessions, world.pending):
            store.before_step = turns.step
        order = cycle([(seed * 7 + number * number) % 4 for number in range(31)])
        tasks: list[Callable[[], object]] = [*[world.deliver] * 3, partial(world.leave.erase, "ada")]
        turns.run(tasks, order, lambda: None)
        world.finish()
        assert world.left_of("ada") == []


def test_a_redrive_never_fills_the_cart_of_the_profiles_next_owner(world: World) -> None:
    world.deliver()
    world.leave.erase("ada")
    world.clock.now_ms += 1000
    owner = world.relink()
    for request in (
        ADD,
        replace(ADD, shopper_id="ada", network="private"),
        UndoRequested(POST, POST, "222", POST),
        PostDeleted(POST, "222"),
    ):
        assert world.insert(Delivery("m", request, is_last=True)) == []
    assert (world.carts.items_of(owner), world.activity.items_of(owner)) == ([], [])


def test_what_waits_for_the_next_owner_is_theirs(world: World) -> None:
    world.leave.erase("ada")
    world.clock.now_ms += 60_000
    world.relink()
    post = post_id(now_ms=world.clock.now_ms)
    theirs = PendingItem(PendingKind.CART_REQUEST, post, NOW_MS, to_json(replace(ADD, post_id=post, first_id=post)))
    world.pending.put(theirs)
    world.finish()
    assert world.pending.items == [theirs]
