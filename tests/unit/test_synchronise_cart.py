"""The store's cart and HashCart's agree in the end, whatever gets lost, overtaken, limited, changed or ordered."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashcart.domain.account_links import Shopper
from hashcart.domain.cart_contents import view_of
from hashcart.domain.cart_lines import CartLine, Kind, LineState, Operation, Snapshot, StoreState, fold
from hashcart.domain.posts import DAY_MS, order_key
from hashcart.domain.product_links import ProductReference
from hashcart.use_cases.synchronise_cart import LONGEST_WAIT_MS, SHORTEST_WAIT_MS, SynchroniseCart, reconcile_carts
from tests.fakes.clock import NOW_MS, Clock, post_id
from tests.fakes.interleaving import Interleaving
from tests.fakes.storage import MemoryCarts
from tests.fakes.store_carts import Fault, MemoryCartStore, MemoryShoppers

SHOPPER = "shopper-1"
MUG = ProductReference("shop.test", "1").line_id
TEE = ProductReference("shop.test", "2", "5").line_id
LINES = (MUG, TEE)
SECOND = 1000


@dataclass
class World:
    store: MemoryCartStore = field(default_factory=MemoryCartStore)
    carts: MemoryCarts = field(default_factory=lambda: MemoryCarts(has_store_cart=True))
    clock: Clock = field(default_factory=Clock)
    subject: str = "customer-7"

    def __post_init__(self) -> None:
        self.shoppers = MemoryShoppers(Shopper(SHOPPER, "https://shop.test", self.subject))
        self.ids = iter(range(10**6))
        self.synchronise = SynchroniseCart(
            self.store,
            self.carts,
            self.shoppers,
            self.clock,
            seconds=lambda: 0.0,
            new_id=lambda: f"sending-{next(self.ids)}",
        )

    def write(
        self, line_id: str, operation: Operation, seconds_ago: float = 0, snapshot: Snapshot | None = None
    ) -> str:
        key = order_key(post_id(int(seconds_ago * SECOND)))
        self.carts.write_operation(SHOPPER, line_id, key, operation, now_ms=NOW_MS, snapshot=snapshot)
        return key

    def line(self, line_id: str = MUG) -> CartLine:
        return self.carts.stored.get((SHOPPER, line_id), CartLine(line_id))

    def quantity(self, line_id: str = MUG) -> int:
        return self.line(line_id).state().quantity

    def settle(self) -> None:
        """What the schedule does once the store answers again."""
        self.store.faults.clear()
        self.carts.faults.clear()
        for _ in range(6):
            self.clock.now_ms += LONGEST_WAIT_MS
            reconcile_carts(self.carts, self.synchronise, now_ms=self.clock(), has_time=lambda: True)
        self.synchronise(SHOPPER)

    def assert_agreement(self) -> None:
        """What HashCart has no line of is the shopper's alone."""
        for (_, line_id), line in self.carts.stored.items():
            assert self.store.held(line_id) == line.state().quantity, line
            assert not line.unconfirmed, line
            assert line.sent is None


PLAIN = Operation(Kind.PLAIN, 1)


def set_to(quantity: int) -> Operation:
    return Operation(Kind.SET, 1, quantity)


class TestOneLine:
    def test_a_product_is_set_and_read_back(self) -> None:
        world = World()
        world.write(MUG, set_to(2))
        assert world.line().store_state is StoreState.SENDING
        line = world.synchronise(SHOPPER)[MUG]
        assert world.store.held(MUG) == 2
        assert line == world.line()
        assert line.store_state is StoreState.CONFIRMED
        assert line.confirmed is not None
        assert (line.confirmed.revision, line.confirmed.quantity, line.confirmed.cart_id) == (line.revision, 2, "1")

    def test_what_is_confirmed_is_not_sent_again(self) -> None:
        world = World()
        world.write(MUG, PLAIN)
        world.synchronise(SHOPPER)
        world.store.faults = deque([Fault.NONE, Fault.BEFORE_ACTING])
        assert world.synchronise(SHOPPER)[MUG].store_state is StoreState.CONFIRMED

    def test_stock_limits_what_the_line_comes_to(self) -> None:
        world = World(MemoryCartStore(stock={MUG: 2}))
        world.write(MUG, set_to(5))
        world.synchronise(SHOPPER)
        assert world.line().state() == LineState(quantity=2)
        world.assert_agreement()

    def test_more_than_the_rest_of_the_stock_keeps_what_is_there(self) -> None:
        world = World(MemoryCartStore(stock={MUG: 2}))
        world.write(MUG, set_to(2), 10)
        world.synchronise(SHOPPER)
        world.write(MUG, set_to(3), 5)
        world.synchronise(SHOPPER)
        assert world.quantity() == 2
        world.assert_agreement()

    def test_what_sold_out_meanwhile_becomes_a_wish(self) -> None:
        world = World(MemoryCartStore(stock={MUG: 0}))
        world.write(MUG, set_to(3))
        world.synchronise(SHOPPER)
        assert world.line().state() == LineState(wished=3)
        world.assert_agreement()

    def test_sold_out_and_back(self) -> None:
        world = World(MemoryCartStore(stock={MUG: 0}))
        world.write(MUG, PLAIN, 10)
        world.synchronise(SHOPPER)
        world.store.stock.clear()
        world.write(MUG, PLAIN, 5)
        world.synchronise(SHOPPER)
        assert world.line().state() == LineState(quantity=1)
        world.assert_agreement()

    def test_an_undo_takes_out_even_what_the_stock_had_limited(self) -> None:
        world = World(MemoryCartStore(stock={MUG: 2}))
        key = world.write(MUG, set_to(5))
        world.synchronise(SHOPPER)
        world.carts.mark_undone(SHOPPER, MUG, key)
        world.synchronise(SHOPPER)
        assert world.store.held(MUG) == 0
        world.assert_agreement()

    def test_what_the_store_never_takes_leaves_the_cart(self) -> None:
        world = World(MemoryCartStore(faults=deque([Fault.NONE, Fault.REFUSED])))
        world.write(MUG, set_to(3))
        world.synchronise(SHOPPER)
        assert world.line().state() == LineState()
        world.assert_agreement()

    def test_what_the_store_does_not_give_back_stays(self) -> None:
        """A store with a minimum: neither side gets it lower."""
        world = World()
        key = world.write(MUG, set_to(5), 10)
        world.synchronise(SHOPPER)
        world.carts.mark_undone(SHOPPER, MUG, key)
        world.store.faults = deque([Fault.NONE, Fault.REFUSED])
        world.synchronise(SHOPPER)
        assert world.quantity() == 5
        world.assert_agreement()

    def test_removed_is_sent_as_zero(self) -> None:
        world = World()
        world.write(MUG, PLAIN, 10)
        world.synchronise(SHOPPER)
        world.write(MUG, Operation(Kind.CLEAR, 1, reason="removed"), 5)
        world.synchronise(SHOPPER)
        assert world.store.held(MUG) == 0
        world.assert_agreement()

    @pytest.mark.parametrize("reason", ["handed_over", "done"])
    def test_a_hand_off_takes_nothing_out_of_the_shop(self, reason: str) -> None:
        world = World()
        world.write(MUG, PLAIN, 10)
        world.synchronise(SHOPPER)
        world.write(MUG, Operation(Kind.CLEAR, 1, reason=reason), 5)
        assert world.synchronise(SHOPPER)[MUG].store_state is StoreState.CONFIRMED
        assert world.store.held(MUG) == 1

    def test_a_line_of_400_days_ago_takes_nothing_out_of_the_shop(self) -> None:
        world = World()
        key = world.write(MUG, PLAIN, 10)
        world.synchronise(SHOPPER)
        world.clock.now_ms += 401 * DAY_MS
        world.carts.write_operation(SHOPPER, MUG, key, Operation(Kind.PLAIN, 2), now_ms=NOW_MS)
        assert world.synchronise(SHOPPER)[MUG].store_state is StoreState.CONFIRMED
        assert world.store.held(MUG) == 1

    def test_our_own_maximum_holds_for_what_is_sent(self) -> None:
        world = World()
        world.write(MUG, set_to(50), snapshot=Snapshot(max_quantity=10))
        world.synchronise(SHOPPER)
        assert world.store.held(MUG) == 10

    def test_a_wish_is_not_sent(self) -> None:
        world = World()
        world.write(MUG, Operation(Kind.WISH, 1))
        assert world.synchronise(SHOPPER)[MUG].store_state is StoreState.CONFIRMED
        assert world.store.held(MUG) == 0


class TestTheShopper:
    def test_a_quantity_changed_in_the_shop_becomes_the_lines(self) -> None:
        world = World()
        world.write(MUG, PLAIN)
        world.synchronise(SHOPPER)
        world.store.put(MUG, 4)
        world.synchronise(SHOPPER)
        assert world.quantity() == 4
        world.assert_agreement()

    def test_it_may_be_more_than_our_maximum(self) -> None:
        world = World()
        world.write(MUG, PLAIN, snapshot=Snapshot(max_quantity=3))
        world.synchronise(SHOPPER)
        world.store.put(MUG, 12)
        world.synchronise(SHOPPER)
        assert (world.quantity(), world.store.held(MUG)) == (12, 12)
        view = view_of(world.line(), NOW_MS, own_maximum=3)
        assert view is not None
        assert view.quantity == 12

    def test_what_was_removed_in_the_shop_leaves_the_line(self) -> None:
        world = World()
        world.write(MUG, PLAIN)
        world.synchronise(SHOPPER)
        world.store.put(MUG, 0)
        world.synchronise(SHOPPER)
        assert world.line().state().is_empty
        world.assert_agreement()

    def test_a_post_after_that_adds_it_again(self) -> None:
        world = World()
        world.write(MUG, PLAIN, 10)
        world.synchronise(SHOPPER)
        world.store.put(MUG, 0)
        world.write(MUG, PLAIN, 5)
        world.synchronise(SHOPPER)
        assert (world.quantity(), world.store.held(MUG)) == (1, 1)

    @pytest.mark.parametrize(("operation", "quantity"), [(PLAIN, 4), (set_to(2), 2)])
    def test_a_post_after_a_change_in_the_shop_counts_as_later(self, operation: Operation, quantity: int) -> None:
        world = World()
        world.write(MUG, PLAIN, 10)
        world.synchronise(SHOPPER)
        world.store.put(MUG, 4)
        world.write(MUG, operation, 5)
        world.synchronise(SHOPPER)
        assert world.quantity() == quantity
        world.assert_agreement()

    def test_the_shops_own_time_puts_its_change_after_an_earlier_post(self) -> None:
        world = World()
        world.write(MUG, PLAIN, 10)
        world.synchronise(SHOPPER)
        world.write(MUG, set_to(2), 5)
        world.store.put(MUG, 4)
        world.store.changed_ms[MUG] = NOW_MS - 2 * SECOND
        world.synchronise(SHOPPER)
        assert world.quantity() == 4
        world.assert_agreement()

    def test_what_the_shopper_had_put_there_before_the_first_post_stays(self) -> None:
        world = World()
        world.store.put(MUG, 3)
        world.write(MUG, PLAIN)
        world.synchronise(SHOPPER)
        assert world.quantity() == 3
        world.assert_agreement()

    def test_an_undo_of_what_never_came_leaves_the_shop_alone(self) -> None:
        world = World()
        world.store.put(MUG, 3)
        world.carts.mark_undone(SHOPPER, MUG, order_key(post_id()))
        world.synchronise(SHOPPER)
        assert (world.quantity(), world.store.held(MUG)) == (3, 3)


class TestOrders:
    def test_what_was_ordered_is_cleared_and_never_added_again(self) -> None:
        world = World()
        world.write(MUG, set_to(2))
        world.synchronise(SHOPPER)
        world.store.order()
        world.synchronise(SHOPPER)
        assert [operation.reason for _, operation in world.line().standing()] == [None, "ordered"]
        world.settle()
        world.assert_agreement()
        assert world.store.sold == {MUG: 2}
        assert world.store.held(MUG) == 0

    def test_a_sending_whose_answer_was_lost_before_the_order_is_not_repeated(self) -> None:
        world = World()
        world.write(MUG, set_to(2), 10)
        world.synchronise(SHOPPER)
        world.write(MUG, set_to(3), 5)
        world.store.faults = deque([Fault.NONE, Fault.AFTER_ACTING])
        world.synchronise(SHOPPER)
        world.store.order()
        world.settle()
        assert (world.store.sold, world.store.held(MUG)) == ({MUG: 3}, 0)
        world.assert_agreement()

    def test_a_post_after_the_order_goes_to_the_new_cart(self) -> None:
        world = World()
        world.write(MUG, set_to(2), 10)
        world.write(TEE, PLAIN, 10)
        world.synchronise(SHOPPER)
        world.store.order()
        world.write(MUG, PLAIN, 5)
        world.synchronise(SHOPPER)
        assert (world.store.held(MUG), world.store.held(TEE)) == (1, 0)
        world.assert_agreement()

    def test_an_order_between_reading_and_setting_is_found(self) -> None:
        world = World()
        world.write(MUG, PLAIN, 10)
        world.synchronise(SHOPPER)
        world.write(TEE, PLAIN, 5)
        calls = []

        def order_at_the_second_call() -> None:
            calls.append(1)
            if len(calls) == 2:
                world.store.order()

        world.store.before_step = order_at_the_second_call
        world.synchronise(SHOPPER)
        assert (world.store.sold, world.store.held(TEE)) == ({MUG: 1}, 1)
        world.assert_agreement()

    def test_a_cart_that_the_store_forgot_is_filled_again(self) -> None:
        world = World()
        world.write(MUG, set_to(2))
        world.synchronise(SHOPPER)
        world.store.forget()
        world.synchronise(SHOPPER)
        assert world.store.held(MUG) == 2
        world.assert_agreement()

    def test_a_store_that_makes_the_cart_with_its_first_product(self) -> None:
        world = World(MemoryCartStore(makes_carts_late=True))
        world.write(MUG, set_to(2))
        world.synchronise(SHOPPER)
        assert world.shoppers.shoppers[SHOPPER].store_cart_id == "1"
        world.assert_agreement()


class TestTrouble:
    @pytest.mark.parametrize("fault", [Fault.BEFORE_ACTING, Fault.AFTER_ACTING])
    @pytest.mark.parametrize("call", [0, 1])
    def test_a_lost_answer_leaves_the_line_unconfirmed_until_the_schedule_sends_again(
        self, fault: Fault, call: int
    ) -> None:
        world = World()
        world.write(MUG, set_to(2))
        world.store.faults = deque([Fault.NONE] * call + [fault])
        assert world.synchronise(SHOPPER)[MUG].store_state is StoreState.UNREACHABLE
        assert list(world.carts.unconfirmed(NOW_MS, 10)) == []
        assert list(world.carts.unconfirmed(NOW_MS + SHORTEST_WAIT_MS, 10)) == [SHOPPER]
        world.settle()
        assert world.store.held(MUG) == 2
        world.assert_agreement()

    def test_the_waits_grow(self) -> None:
        world = World()
        world.write(MUG, PLAIN)
        waits = []
        for _ in range(12):
            world.store.faults = deque([Fault.BEFORE_ACTING])
            world.synchronise(SHOPPER)
            due = next(ms for ms in range(0, LONGEST_WAIT_MS + 1, SHORTEST_WAIT_MS) if self.is_due(world, ms))
            waits.append(due // SHORTEST_WAIT_MS)
        assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360, 360]

    def is_due(self, world: World, after_ms: int) -> bool:
        return bool(list(world.carts.unconfirmed(NOW_MS + after_ms, 10)))

    def test_a_shopper_without_an_account_at_the_store_waits(self) -> None:
        world = World(subject="")
        world.write(MUG, PLAIN)
        assert world.synchronise(SHOPPER)[MUG].store_state is StoreState.UNREACHABLE
        world.shoppers.shoppers.clear()
        assert world.synchronise(SHOPPER)[MUG].failures == 2

    def test_a_slow_store_ends_the_work_in_time(self) -> None:
        world = World()
        for line_id in LINES:
            world.write(line_id, PLAIN)
        times = iter([0.0, 0.0, 0.0, 9.0])
        synchronise = SynchroniseCart(
            world.store, world.carts, world.shoppers, world.clock, seconds=lambda: next(times, 9.0)
        )
        lines = synchronise(SHOPPER)
        assert sorted(str(line.store_state) for line in lines.values()) == ["confirmed", "unreachable"]
        assert len(list(world.synchronise.new_id())) > 0

    def test_one_cart_that_fails_does_not_hold_the_others_up(self) -> None:
        world = World()
        world.write(MUG, PLAIN)
        world.carts.write_operation("shopper-2", MUG, order_key(post_id()), PLAIN, now_ms=NOW_MS)
        asked: list[str] = []

        def synchronise(shopper_id: str) -> Mapping[str, CartLine]:
            asked.append(shopper_id)
            if shopper_id == SHOPPER:
                raise RuntimeError("throttled")
            return {}

        later_ms = NOW_MS + SHORTEST_WAIT_MS
        assert reconcile_carts(world.carts, synchronise, now_ms=later_ms, has_time=lambda: True).carts == 1
        assert asked == [SHOPPER, "shopper-2"]

    def test_the_schedule_stops_when_its_time_is_over(self) -> None:
        world = World()
        world.write(MUG, PLAIN)
        later_ms = NOW_MS + SHORTEST_WAIT_MS
        assert reconcile_carts(world.carts, world.synchronise, now_ms=later_ms, has_time=lambda: False).carts == 0
        assert world.store.held(MUG) == 0


@dataclass(frozen=True)
class Write:
    """An operation of a post so many seconds ago."""

    line_id: str
    operation: Operation
    seconds_ago: int


@dataclass(frozen=True)
class InShop:
    line_id: str
    quantity: int


class Moment(str):
    """Something else that happens."""

    __slots__ = ()


SYNCHRONISE, ORDER, FORGET = Moment("synchronise"), Moment("order"), Moment("forget")

operations = st.one_of(
    st.just(PLAIN),
    st.builds(set_to, st.integers(1, 5)),
    st.just(Operation(Kind.CLEAR, 1, reason="removed")),
)
line_ids = st.sampled_from(LINES)
writes = st.lists(st.tuples(line_ids, operations), min_size=1, max_size=5).map(
    lambda drawn: [Write(line_id, operation, 500 - 20 * place) for place, (line_id, operation) in enumerate(drawn)]
)
in_shop = st.builds(InShop, line_ids, st.integers(0, 5))
faults = st.lists(st.sampled_from([Fault.NONE, Fault.BEFORE_ACTING, Fault.AFTER_ACTING]), max_size=12)


def apply(world: World, event: Write | InShop | Moment) -> None:
    match event:
        case Write():
            world.write(event.line_id, event.operation, event.seconds_ago)
        case InShop():
            world.store.put(event.line_id, event.quantity)
        case "order":
            world.store.order()
        case "forget":
            world.store.forget()
        case _:
            world.synchronise(SHOPPER)


@st.composite
def own_stories(draw: st.DrawFn) -> list[Write | Moment]:
    """Posts in any order, and synchronisations between them."""
    events: list[Write | Moment] = list(draw(st.permutations(draw(writes))))
    for _ in range(draw(st.integers(0, 5))):
        events.insert(draw(st.integers(0, len(events))), SYNCHRONISE)
    return events


@given(own_stories(), faults, st.booleans(), st.booleans())
def test_lost_answers_in_any_order_end_in_the_fold_of_the_operations(
    events: list[Write | Moment], lost: list[Fault], compares: bool, late: bool
) -> None:
    world = World(MemoryCartStore(compares=compares, makes_carts_late=late))
    world.store.faults = deque(lost)
    for event in events:
        apply(world, event)
    world.settle()
    world.assert_agreement()
    for line_id in LINES:
        assert world.store.held(line_id) == folded(events, line_id)


def folded(events: Sequence[Write | InShop | Moment], line_id: str) -> int:
    operations = [
        (order_key(post_id(event.seconds_ago * SECOND)), event.operation)
        for event in events
        if isinstance(event, Write) and event.line_id == line_id
    ]
    return fold(sorted(operations, key=lambda entry: entry[0])).quantity


@st.composite
def shared_stories(draw: st.DrawFn) -> list[Write | InShop | Moment]:
    """Posts, synchronisations, and what the shopper does in the shop."""
    events: list[Write | InShop | Moment] = list(draw(writes))
    others = st.one_of(in_shop, st.sampled_from([SYNCHRONISE, SYNCHRONISE, ORDER, FORGET]))
    for other in draw(st.lists(others, min_size=1, max_size=8)):
        events.insert(draw(st.integers(0, len(events))), other)
    return events


@given(shared_stories(), faults, st.dictionaries(line_ids, st.integers(0, 4)), st.booleans())
def test_whatever_happens_in_the_shop_both_carts_agree(
    events: list[Write | InShop | Moment], lost: list[Fault], stock: dict[str, int], compares: bool
) -> None:
    world = World(MemoryCartStore(stock=stock, compares=compares))
    world.store.faults = deque(lost)
    for event in events:
        apply(world, event)
    world.settle()
    world.assert_agreement()


class CrashError(Exception):
    """The process is killed."""


@given(own_stories(), st.lists(st.integers(1, 12), max_size=6), st.booleans())
def test_a_kill_after_any_step_ends_in_the_fold_of_the_operations(
    events: list[Write | Moment], lives: list[int], compares: bool
) -> None:
    """Each number is how many steps a process lives; after the last one, none is killed any more."""
    world = World(MemoryCartStore(compares=compares))
    left = deque(lives)

    def step() -> None:
        if left:
            left[0] -= 1
            if left[0] == 0:
                left.popleft()
                raise CrashError

    for event in events:
        is_post = isinstance(event, Write)
        world.carts.before_step = world.store.before_step = world.shoppers.before_step = (
            (lambda: None) if is_post else step
        )
        with suppress(CrashError):
            apply(world, event)
    left.clear()
    world.settle()
    world.assert_agreement()
    for line_id in LINES:
        assert world.store.held(line_id) == folded(events, line_id)


@given(shared_stories())
def test_what_the_shopper_did_last_in_the_shop_stays(events: list[Write | InShop | Moment]) -> None:
    world = World()
    for event in [*events, SYNCHRONISE, InShop(MUG, 4)]:
        apply(world, event)
    world.settle()
    world.assert_agreement()
    assert world.store.held(MUG) == 4 or MUG not in {line_id for _, line_id in world.carts.stored}


@given(shared_stories(), faults)
def test_nothing_is_ordered_twice(events: list[Write | InShop | Moment], lost: list[Fault]) -> None:
    """After an order, a cart holds only what was asked for since, by posts or in the shop."""
    world = World()
    world.write(MUG, PLAIN, 900)
    world.synchronise(SHOPPER)
    world.store.order()
    world.store.faults = deque(lost)
    asked_for = {event.line_id for event in events if isinstance(event, Write | InShop)}
    for event in events:
        apply(world, event)
    world.settle()
    world.assert_agreement()
    assert world.store.held(MUG) == 0 or MUG in asked_for


@given(
    writes,
    st.lists(st.integers(0, 5), max_size=80),
    faults,
    st.booleans(),
)
def test_concurrent_deliveries_end_in_the_fold_of_the_operations(
    asked: list[Write], choices: list[int], lost: list[Fault], compares: bool
) -> None:
    world = World(MemoryCartStore(compares=compares))
    world.synchronise(SHOPPER)
    world.store.faults = deque(lost)
    interleaving = Interleaving()
    world.carts.before_step = world.store.before_step = world.shoppers.before_step = interleaving.step

    def deliver(write: Write) -> Callable[[], None]:
        def task() -> None:
            apply(world, write)
            world.synchronise(SHOPPER)

        return task

    interleaving.run([deliver(write) for write in asked], iter(choices), lambda: None)
    world.settle()
    world.assert_agreement()
    for line_id in LINES:
        assert world.store.held(line_id) == folded(asked, line_id)
