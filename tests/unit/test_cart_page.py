"""The cart page's content, clicks and hand-offs, on lines in memory."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from hashcart.domain.account_links import Shopper
from hashcart.domain.cart_contents import LineView, Place, put_back
from hashcart.domain.cart_lines import (
    LIFE_AFTER_ADD_MS,
    LIFE_AFTER_CLEAR_MS,
    CartLine,
    Kind,
    LineState,
    Operation,
    Snapshot,
)
from hashcart.domain.hand_offs import HandOff, HandOffLine
from hashcart.domain.posts import DAY_MS, order_key
from hashcart.domain.product_links import ProductReference
from hashcart.domain.products import Product, Variant
from hashcart.stores.protocol import Customer, DisplayRules, StoreCart, StoreUnavailableError
from hashcart.use_cases.click_cart import Action, Click, ClickCart, Clicked, Result
from hashcart.use_cases.hand_over import HandOver, ShownLine
from hashcart.use_cases.show_cart import MAX_LINES_AT_ONCE, TIME_FOR_OPTIONS_MS, Cart, ShowCart
from tests.fakes.clock import NOW_MS, Clock, post_id
from tests.fakes.storage import MemoryCarts

SHOPPER = "shopper-1"
MUG, LAMP, TEE = (ProductReference("store.localhost", name).line_id for name in ("mug", "lamp", "tee"))
KETTLE = ProductReference("uk.store.localhost", "kettle").line_id
TEE_L = ProductReference("store.localhost", "tee", "tee-l").line_id
SHOWN = Snapshot(title="Mug", price="12.50", currency="USD", priced_at_ms=NOW_MS - DAY_MS, max_quantity=5)
VARIANTS = (
    Variant("tee-s", (("size", "S"),), in_stock=False),
    Variant("tee-l", (("size", "L"), ("colour", "moss")), price="26.00", currency="USD", max_quantity=2),
)


class StoreFake:
    def __init__(self, price_life_ms: int | None = None) -> None:
        self.display = DisplayRules(price_life_ms=price_life_ms)
        self.most = 99
        self.found: Product | None = Product(title="Tee", price="24.00", currency="USD", variants=VARIANTS)
        self.is_down = False

    def product(self, reference: ProductReference) -> Product | None:
        if self.is_down:
            raise StoreUnavailableError("503")
        return self.found

    def hand_off(self, lines: Sequence[HandOffLine]) -> Sequence[HandOff]:
        parts = [lines[start : start + self.most] for start in range(0, len(lines), self.most)]
        return [
            HandOff(
                f"https://{part[0].reference.marketplace}/cart?"
                + "&".join(f"{line.reference.product_id}={line.quantity}" for line in part),
                tuple(line.reference.line_id for line in part),
            )
            for part in parts
        ]

    def product_url(self, line: HandOffLine) -> str:
        return f"https://{line.reference.marketplace}/{line.reference.product_id}"


class CartStoreFake(StoreFake):
    checkout_url: str | None = None

    def read_cart(self, customer: Customer) -> StoreCart:
        assert (customer.subject, customer.cart_id) == ("customer-1", "c1")
        if self.is_down:
            raise StoreUnavailableError("503")
        return StoreCart("c1", {}, self.checkout_url)

    def set_quantity(self, customer: Customer, reference: ProductReference, quantity: int) -> StoreCart:
        return StoreCart(None, {})


class World:
    def __init__(self, store: StoreFake | None = None) -> None:
        self.clock = Clock()
        self.carts = MemoryCarts()
        self.store = store or StoreFake()
        self.show = ShowCart(self.carts, self.store, self.store.product, 10, ("Health",), self.clock)
        self.clicks = ClickCart(self.carts, self.store.product, 10, self.clock)
        self.is_erased = False
        self.hand_over = HandOver(self.carts, self, self.store, 10, self.clock)
        self.forms = 0

    def shopper(self, shopper_id: str, *, now_ms: int) -> Shopper | None:
        return None if self.is_erased else Shopper(shopper_id, "https://store.test", "customer-1", store_cart_id="c1")

    def reply(
        self,
        line_id: str,
        kind: Kind = Kind.PLAIN,
        quantity: int | None = None,
        *,
        ms_ago: int = 60_000,
        snapshot: Snapshot | None = SHOWN,
    ) -> CartLine:
        operation = Operation(kind, 1, quantity, post_id="77")
        key = order_key(post_id(ms_ago))
        return self.carts.write_operation(SHOPPER, line_id, key, operation, now_ms=NOW_MS, snapshot=snapshot).line

    def reply_arrives_after_the_first_step(self) -> None:
        steps = iter(range(9))

        def step() -> None:
            if next(steps):
                self.carts.before_step = lambda: None
                self.reply(MUG, Kind.SET, 3, ms_ago=1)

        self.carts.before_step = step

    def line(self, line_id: str) -> CartLine:
        return self.carts.stored.get((SHOPPER, line_id), CartLine(line_id))

    def state(self, line_id: str) -> LineState:
        return self.line(line_id).state(self.clock())

    def click(self, action: Action, line_id: str = MUG, **fields: object) -> Clicked:
        self.forms += 1
        click = Click(action, line_id, self.line(line_id).revision, f"form-{self.forms}")
        return self.clicks(SHOPPER, replace(click, **fields))  # type: ignore[arg-type]

    def cart(self) -> Cart:
        return self.show(SHOPPER)

    def send(self, *line_ids: str, form_id: str = "form") -> str | None:
        return self.hand_over(SHOPPER, [ShownLine(name, self.line(name).revision) for name in line_ids], form_id)


def only(views: Sequence[LineView]) -> LineView:
    (view,) = views
    return view


def test_lines_stand_in_their_places_and_marketplaces_apart() -> None:
    world = World()
    world.reply(MUG, Kind.SET, 3, ms_ago=90_000)
    world.reply(LAMP, snapshot=Snapshot(title="Lamp"))
    world.reply(KETTLE, snapshot=replace(SHOWN, title="Kettle", price="20.00", currency="GBP"))
    world.reply(TEE, Kind.WAITING, 2)
    world.reply(TEE_L, Kind.WISH, snapshot=None)
    cart = world.cart()
    us, uk = cart.groups
    assert [(view.title, view.quantity, view.post_id) for view in us.lines] == [("Lamp", 1, "77"), ("Mug", 3, "77")]
    assert [(total.currency, total.amount) for total in us.totals] == [("USD", "37.50")]
    assert (us.unpriced, [view.title for view in uk.lines], uk.totals[0].amount) == (1, ["Kettle"], "20.00")
    assert cart.origins == ("https://store.localhost", "https://uk.store.localhost")
    assert [(choice.view.line_id, choice.variants) for choice in cart.waiting] == [(TEE, VARIANTS)]
    assert only(cart.wished).title == "tee-l"
    assert (cart.sent, cart.removed, cart.is_empty) == ((), (), False)


def test_a_shopper_without_lines_has_an_empty_cart() -> None:
    assert World().cart().is_empty


def test_quantities_are_held_to_the_maxima() -> None:
    world = World()
    world.reply(MUG, Kind.SET, 9)
    world.reply(LAMP, Kind.SET, 40, snapshot=Snapshot(max_quantity=500))
    lamp, mug = sorted(world.cart().groups[0].lines, key=lambda view: view.line_id)
    assert (mug.quantity, mug.asked, mug.maximum) == (5, 9, 5)
    assert (lamp.quantity, lamp.maximum, lamp.title) == (10, 10, "lamp")


@pytest.mark.parametrize("price", ["twelve", "NaN", None])
def test_what_is_no_price_counts_in_no_total(price: str | None) -> None:
    world = World()
    world.reply(MUG, snapshot=replace(SHOWN, price=price))
    (group,) = world.cart().groups
    assert (group.totals, group.unpriced) == ((), 1)


def test_a_price_is_shown_as_long_as_its_store_allows() -> None:
    world = World(StoreFake(price_life_ms=DAY_MS))
    world.reply(MUG)
    world.reply(LAMP, snapshot=replace(SHOWN, priced_at_ms=NOW_MS - DAY_MS + 1))
    assert [view.shows_price for view in world.cart().groups[0].lines] == [True, False]


def test_sensitive_is_what_the_store_the_merchant_or_the_shopper_says() -> None:
    world = World()
    world.reply(MUG, snapshot=replace(SHOWN, sensitive=True))
    world.reply(LAMP, snapshot=replace(SHOWN, category="Home > Health"))
    world.reply(KETTLE, snapshot=replace(SHOWN, category="Kitchen"))
    views = [view for group in world.show(SHOPPER, ["kitchen"]).groups for view in group.lines]
    assert [view.sensitive for view in views] == [True, True, True]
    assert [group.lines[0].sensitive for group in world.cart().groups] == [True, False]


def test_long_carts_go_to_the_store_in_parts() -> None:
    world = World()
    for number in range(MAX_LINES_AT_ONCE + 1):
        world.reply(ProductReference("store.localhost", f"p{number}").line_id)
    assert [len(part.lines) for part in world.cart().groups[0].parts] == [MAX_LINES_AT_ONCE, 1]
    world.store.most = 40
    assert [len(part.lines) for part in world.cart().groups[0].parts] == [40, 10, 1]


def test_options_that_the_store_does_not_tell_in_time_are_missing() -> None:
    world = World()
    world.reply(TEE, Kind.WAITING)
    world.reply(LAMP, Kind.WAITING)
    world.store.is_down = True
    assert [choice.variants for choice in world.cart().waiting] == [None, None]
    world.store.is_down, world.store.found = False, None
    assert [choice.variants for choice in world.cart().waiting] == [(), ()]
    slow = replace(world.show, product_of=lambda _: world.clock.sleep(TIME_FOR_OPTIONS_MS / 1000))
    assert [choice.variants for choice in slow(SHOPPER).waiting] == [(), None]


def test_lines_expire_on_reading() -> None:
    world = World()
    world.reply(MUG)
    world.reply(LAMP)
    world.click(Action.REMOVE, LAMP)
    world.clock.now_ms += LIFE_AFTER_CLEAR_MS
    assert (world.cart().removed, len(world.cart().groups)) == ((), 1)
    world.clock.now_ms = NOW_MS + LIFE_AFTER_ADD_MS
    assert world.cart().is_empty


def test_only_what_was_emptied_is_put_back() -> None:
    world = World()
    assert put_back(world.reply(MUG)) is None
    assert put_back(CartLine(MUG)) is None
    removed = world.click(Action.REMOVE).line
    assert put_back(removed) == Operation(Kind.SET, 1, 1, post_id="77")


def test_a_quantity_is_set_and_undone_and_undone_again() -> None:
    world = World()
    world.reply(MUG, Kind.SET, 2)
    assert world.cart().groups[0].lines[0].undo_to is None
    assert world.click(Action.UNDO).result is Result.NOT_POSSIBLE
    assert world.click(Action.SET_QUANTITY, quantity=4).result is Result.DONE
    assert (world.state(MUG).quantity, world.cart().groups[0].lines[0].undo_to) == (4, 2)
    assert world.click(Action.UNDO).result is Result.DONE
    assert (world.state(MUG).quantity, world.cart().groups[0].lines[0].undo_to) == (2, 4)
    world.click(Action.SET_QUANTITY, quantity=2)
    assert world.cart().groups[0].lines[0].undo_to is None


def test_an_undo_leads_to_what_was_in_the_cart_not_to_what_was_asked_in_vain() -> None:
    world = World()
    world.reply(MUG, Kind.SET, 999)
    most = world.cart().groups[0].lines[0].maximum
    world.click(Action.SET_QUANTITY, quantity=most)
    assert world.cart().groups[0].lines[0].undo_to is None
    world.click(Action.SET_QUANTITY, quantity=2)
    assert world.cart().groups[0].lines[0].undo_to == most


def test_what_was_removed_is_put_back_as_it_was_and_removed_again() -> None:
    world = World()
    world.reply(MUG, Kind.SET, 2)
    world.click(Action.REMOVE)
    removed = only(world.cart().removed)
    assert (removed.quantity, removed.place, removed.post_id) == (2, Place.REMOVED, "77")
    world.clock.now_ms += 20 * DAY_MS
    assert world.click(Action.PUT_BACK).result is Result.DONE
    assert (world.state(MUG).quantity, world.cart().groups[0].lines[0].undo_to) == (2, 0)
    assert world.line(MUG).standing()[-1][1].post_id == "77"
    world.click(Action.UNDO)
    assert only(world.cart().removed).quantity == 2


@pytest.mark.parametrize(("kind", "state"), [(Kind.WAITING, LineState(waiting=2)), (Kind.WISH, LineState(wished=2))])
def test_waiting_lines_and_wishes_are_put_back_as_such(kind: Kind, state: LineState) -> None:
    world = World()
    world.reply(TEE, kind, 2)
    world.click(Action.REMOVE, TEE)
    assert world.state(TEE).is_empty
    world.click(Action.PUT_BACK, TEE)
    assert world.state(TEE) == state


def test_a_click_on_an_old_page_changes_nothing_and_is_told() -> None:
    world = World()
    seen = world.reply(MUG)
    world.reply(MUG, Kind.SET, 3, ms_ago=1)
    clicked = world.click(Action.SET_QUANTITY, quantity=5, revision=seen.revision)
    assert (clicked.result, clicked.line.state().quantity) == (Result.STALE, 3)
    assert world.click(Action.SET_QUANTITY, "gone#x#").result is Result.STALE
    assert world.click(Action.CHOOSE, "malformed").result is Result.STALE


def test_a_line_that_changes_between_reading_and_writing_is_stale() -> None:
    world = World()
    world.reply(MUG)
    world.reply_arrives_after_the_first_step()
    assert world.click(Action.REMOVE).result is Result.STALE


def test_the_same_form_twice_is_one_click_and_another_value_another() -> None:
    world = World()
    page = world.reply(MUG)
    first = world.click(Action.SET_QUANTITY, quantity=4, revision=page.revision, form_id="page")
    again = world.click(Action.SET_QUANTITY, quantity=4, revision=page.revision, form_id="page")
    assert (first, again.line) == (again, first.line)
    other = world.click(Action.SET_QUANTITY, quantity=5, revision=page.revision, form_id="page")
    assert (other.result, world.state(MUG).quantity) == (Result.STALE, 4)


@pytest.mark.parametrize("action", [Action.PUT_BACK, Action.DONE, Action.CHOOSE, Action.CHOOSE_AGAIN])
def test_what_a_line_in_the_cart_does_not_allow(action: Action) -> None:
    world = World()
    world.reply(MUG)
    assert world.click(action).result is Result.NOT_POSSIBLE


def test_choosing_clears_the_waiting_line_and_fills_the_chosen_one() -> None:
    world = World()
    world.reply(TEE, Kind.WAITING, 2, snapshot=replace(SHOWN, title="Tee", associate_tag="tag-20"))
    assert world.click(Action.CHOOSE, TEE, variant_id="tee-l").result is Result.DONE
    assert (world.state(TEE), world.state(TEE_L)) == (LineState(), LineState(quantity=2))
    (view,) = world.cart().groups[0].lines
    assert (view.title, view.shown.price, view.maximum, view.chosen_from) == ("Tee, L, moss", "26.00", 2, TEE)
    assert (view.shown.priced_at_ms, view.shown.associate_tag, view.post_id) == (NOW_MS, "tag-20", "77")
    assert (world.cart().waiting, world.cart().removed, view.undo_to) == ((), (), None)


def test_a_choice_is_taken_back_for_another() -> None:
    world = World()
    world.reply(TEE_L, ms_ago=90_000)
    world.reply(TEE, Kind.WAITING, 2)
    world.click(Action.CHOOSE, TEE, variant_id="tee-l")
    assert world.click(Action.CHOOSE_AGAIN, TEE_L).result is Result.DONE
    assert (world.state(TEE), world.state(TEE_L)) == (LineState(waiting=2), LineState(quantity=1))
    world.click(Action.CHOOSE, TEE, variant_id="tee-s")
    assert only(world.cart().wished).line_id.endswith("tee-s")
    assert world.click(Action.CHOOSE_AGAIN, TEE).result is Result.NOT_POSSIBLE


def test_a_wish_that_is_there_again_is_put_in_the_cart_with_the_price_of_now() -> None:
    world = World()
    world.reply(MUG, Kind.WISH, 2)
    world.store.found = Product(title="Mug", price="13.00", currency="USD", in_stock=False)
    assert world.click(Action.ADD).result is Result.NOT_POSSIBLE
    world.store.found = Product(title=None, price="13.00", currency="USD", max_quantity=3)
    assert world.click(Action.ADD).result is Result.DONE
    (view,) = world.cart().groups[0].lines
    assert (view.title, view.quantity, view.shown.price, view.shown.priced_at_ms) == ("Mug", 2, "13.00", NOW_MS)
    assert (view.maximum, view.post_id) == (3, "77")
    assert world.click(Action.ADD).result is Result.NOT_POSSIBLE


def test_a_plain_choice_keeps_the_quantity_that_is_there() -> None:
    world = World()
    world.reply(TEE_L, Kind.SET, 2, ms_ago=90_000)
    world.reply(TEE, Kind.WAITING)
    world.click(Action.CHOOSE, TEE, variant_id="tee-l")
    assert world.state(TEE_L).quantity == 2
    world.store.found = None
    world.reply(LAMP, Kind.WAITING)
    assert world.click(Action.CHOOSE, LAMP, variant_id="tee-l").result is Result.NOT_POSSIBLE
    world.store.is_down = True
    assert world.click(Action.CHOOSE, LAMP, variant_id="tee-l").result is Result.STORE_UNAVAILABLE


def test_taking_back_a_choice_of_a_new_line_leaves_no_trace() -> None:
    world = World()
    world.store.found = Product(title=None, variants=(Variant("tee-l"),))
    world.reply(TEE, Kind.WAITING, snapshot=None)
    world.click(Action.CHOOSE, TEE, variant_id="tee-l")
    assert world.cart().groups[0].lines[0].title == "tee-l"
    world.click(Action.CHOOSE_AGAIN, TEE_L)
    cart = world.cart()
    assert ([choice.view.line_id for choice in cart.waiting], cart.removed, cart.groups) == ([TEE], (), ())


def test_a_hand_off_writes_first_and_leads_to_the_store() -> None:
    world = World()
    world.reply(MUG, Kind.SET, 9)
    world.reply(LAMP)
    seen = [ShownLine(name, world.line(name).revision) for name in (MUG, LAMP)]
    url = world.send(MUG, LAMP)
    assert url == "https://store.localhost/cart?mug=5&lamp=1"
    assert world.hand_over(SHOPPER, seen, "form") == url
    sent = world.cart().sent
    assert sorted((view.line_id, view.quantity, view.since_ms) for view in sent) == [
        (LAMP, 1, NOW_MS),
        (MUG, 5, NOW_MS),
    ]
    assert world.hand_over(SHOPPER, seen, "another-form") is None


def test_what_was_sent_is_sent_again_put_back_or_done() -> None:
    world = World()
    world.reply(MUG, Kind.SET, 3)
    world.send(MUG)
    world.clock.now_ms += DAY_MS
    assert world.send(MUG, form_id="again") == "https://store.localhost/cart?mug=3"
    assert (only(world.cart().sent).quantity, only(world.cart().sent).since_ms) == (3, NOW_MS + DAY_MS)
    world.reply(MUG, Kind.SET, 7, ms_ago=30_000)
    assert only(world.cart().sent).quantity == 3
    world.click(Action.PUT_BACK)
    assert (world.state(MUG).quantity, world.cart().sent) == (3, ())
    world.send(MUG, form_id="third")
    assert world.click(Action.DONE).result is Result.DONE
    assert (world.cart().sent, world.cart().removed) == ((), ())


def test_a_hand_off_of_lines_that_do_not_go_together_does_nothing() -> None:
    world = World()
    world.reply(MUG)
    world.reply(KETTLE)
    world.reply(TEE, Kind.WAITING)
    assert world.send(MUG, KETTLE) is None
    assert world.send(TEE) is None
    assert world.send("gone") is None
    assert world.send() is None
    world.reply(LAMP)
    world.store.most = 1
    assert world.send(MUG, LAMP) is None
    assert len(world.cart().groups) == 2


def test_a_hand_off_that_another_click_overtakes_does_nothing() -> None:
    world = World()
    world.reply(MUG)
    world.reply_arrives_after_the_first_step()
    assert world.send(MUG) is None


def test_a_store_with_a_cart_of_its_own_has_the_lines_already() -> None:
    store = CartStoreFake()
    world = World(store)
    for number in range(MAX_LINES_AT_ONCE + 1):
        world.reply(ProductReference("store.localhost", f"p{number}").line_id, ms_ago=90_000)
    world.reply(MUG)
    (part,) = world.cart().groups[0].parts
    assert len(part.lines) == MAX_LINES_AT_ONCE
    by_hand = "https://store.localhost/cart?mug=1"
    assert world.send(MUG) == by_hand
    store.checkout_url = "https://checkout.test/c1"
    assert world.send(MUG) == "https://checkout.test/c1"
    assert (world.state(MUG).quantity, world.line(MUG).revision) == (1, 1)
    store.is_down = True
    assert world.send(MUG) == by_hand
    world.is_erased, store.is_down = True, False
    assert world.send(MUG) == by_hand
    assert world.send(LAMP) is None
