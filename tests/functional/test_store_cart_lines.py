"""Lines at a store with a cart of its own: DynamoDB and the fake alike, and the handlers around them."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from hashcart.domain.account_links import Shopper, StoreAccount
from hashcart.domain.cart_lines import CartLine, Confirmed, Kind, LineClick, LineState, Operation, Sent, StoreState
from hashcart.domain.posts import order_key
from hashcart.domain.store_carts import Adopt
from hashcart.http import HttpClient
from hashcart.storage.account_links import AccountLinks
from hashcart.storage.carts import FIRST_RETRY_MS, Carts
from hashcart.stores.demo import DemoStore
from hashcart.use_cases.synchronise_cart import SynchroniseCart, reconcile_carts, synchroniser
from tests.fakes.aws import aws_account
from tests.fakes.clock import NOW_MS, Clock, post_id
from tests.fakes.storage import MemoryCarts
from tests.fakes.store_carts import MemoryCartStore, MemoryShoppers

LINE = "shop.test#1#"
KEY = order_key(post_id())
PLAIN = Operation(Kind.PLAIN, 1)


@dataclass
class Stores:
    carts: Carts | MemoryCarts
    shoppers: AccountLinks | MemoryShoppers
    shopper_id: str


@pytest.fixture(params=["dynamodb", "memory"])
def stores(request: pytest.FixtureRequest) -> Iterator[Stores]:
    if request.param == "memory":
        shopper = Shopper("shopper-1", "https://shop.test", "customer-7")
        yield Stores(MemoryCarts(has_store_cart=True), MemoryShoppers(shopper), shopper.shopper_id)
        return
    with aws_account() as aws:
        links = AccountLinks(aws.dynamodb, "AccountLinksTable")
        shopper = links.shopper_of(StoreAccount("https://shop.test", "customer-7"), now_ms=NOW_MS)
        yield Stores(Carts(aws.dynamodb, "CartsTable", has_store_cart=True), links, shopper.shopper_id)


def write(stores: Stores, operation: Operation = PLAIN) -> CartLine:
    return stores.carts.write_operation(stores.shopper_id, LINE, KEY, operation, now_ms=NOW_MS).line


def due(stores: Stores, now_ms: int) -> list[str]:
    return list(stores.carts.unconfirmed(now_ms, 10))


def test_an_operation_marks_its_line_unconfirmed_in_the_same_write(stores: Stores) -> None:
    line = write(stores)
    assert (line.unconfirmed, line.store_state) == (True, StoreState.SENDING)
    assert due(stores, NOW_MS + FIRST_RETRY_MS - 1) == []
    assert due(stores, NOW_MS + FIRST_RETRY_MS) == [stores.shopper_id]


def test_so_do_an_undo_and_clicks(stores: Stores) -> None:
    shopper_id, carts = stores.shopper_id, stores.carts
    undone = carts.mark_undone(shopper_id, LINE, KEY)
    confirmed = carts.confirm(shopper_id, undone, Confirmed(undone.revision, 0))
    assert confirmed is not None
    assert (confirmed.unconfirmed, due(stores, NOW_MS * 2)) == (False, [])
    clicked = carts.click(shopper_id, LINE, f"{NOW_MS}#click#a", PLAIN, revision=confirmed.revision, now_ms=NOW_MS)
    assert clicked.unconfirmed
    other = LineClick("shop.test#2#", f"{NOW_MS}#click#b", PLAIN, 0)
    assert [line.unconfirmed for line in carts.click_together(shopper_id, [other], now_ms=NOW_MS)] == [True]


def test_a_confirmed_line_says_which_revision_holds_what_in_which_cart(stores: Stores) -> None:
    line = write(stores)
    sent = stores.carts.mark_sent(stores.shopper_id, line, Sent("a", (1,), KEY, "7"), now_ms=NOW_MS)
    assert sent is not None
    assert (sent.sent, sent.unconfirmed) == (Sent("a", (1,), KEY, "7"), True)
    confirmed = stores.carts.confirm(stores.shopper_id, sent, Confirmed(1, 1, KEY, "7"))
    assert confirmed is not None
    assert (confirmed.confirmed, confirmed.sent, confirmed.store_state) == (
        Confirmed(1, 1, KEY, "7"),
        None,
        StoreState.CONFIRMED,
    )
    assert confirmed == stores.carts.lines(stores.shopper_id)[0]


def test_who_read_before_another_operation_or_sending_changes_nothing(stores: Stores) -> None:
    carts, shopper_id = stores.carts, stores.shopper_id
    line = write(stores)
    sent = carts.mark_sent(shopper_id, line, Sent("a", (1,)), now_ms=NOW_MS)
    assert sent is not None
    assert carts.mark_sent(shopper_id, line, Sent("b", (1,)), now_ms=NOW_MS) is None
    later = carts.mark_sent(shopper_id, sent, Sent("c", (1,)), now_ms=NOW_MS)
    assert later is not None
    assert carts.confirm(shopper_id, sent, Confirmed(1, 1)) is None
    write(stores, Operation(Kind.SET, 2, 3))
    assert carts.confirm(shopper_id, later, Confirmed(1, 1)) is None
    adopted = Adopt(f"{NOW_MS}#store#1", Operation(Kind.SET, 1, 9), Confirmed(2, 9))
    assert carts.adopt(shopper_id, later, adopted, now_ms=NOW_MS) is None


def test_what_happened_in_the_shop_is_an_operation_with_its_confirmation(stores: Stores) -> None:
    line = write(stores)
    adopted = Adopt(f"{NOW_MS + 1:013d}#store#1", Operation(Kind.LIMIT, 1, 0), Confirmed(2, 0, KEY))
    changed = stores.carts.adopt(stores.shopper_id, line, adopted, now_ms=NOW_MS)
    assert changed is not None
    assert (changed.state(), changed.revision, changed.confirmed) == (LineState(wished=1), 2, Confirmed(2, 0, KEY))
    assert changed.unconfirmed


def test_a_failure_is_counted_until_the_store_answers(stores: Stores) -> None:
    line = write(stores)
    stores.carts.postpone(stores.shopper_id, LINE, due_ms=NOW_MS + 500_000)
    assert due(stores, NOW_MS + 499_999) == []
    [failed] = stores.carts.lines(stores.shopper_id)
    assert (failed.failures, failed.store_state) == (1, StoreState.UNREACHABLE)
    confirmed = stores.carts.confirm(stores.shopper_id, failed, Confirmed(line.revision, 1))
    assert confirmed is not None
    assert confirmed.failures == 0
    stores.carts.postpone(stores.shopper_id, LINE, due_ms=NOW_MS)
    assert stores.carts.lines(stores.shopper_id) == [confirmed]


def test_the_carts_id_is_kept_unless_another_came_first(stores: Stores) -> None:
    keep = stores.shoppers.keep_store_cart
    assert keep(stores.shopper_id, "7", previous=None)
    assert not keep(stores.shopper_id, "8", previous=None)
    assert keep(stores.shopper_id, "8", previous="7")
    shopper = stores.shoppers.shopper(stores.shopper_id, now_ms=NOW_MS)
    assert shopper is not None
    assert (shopper.store_subject, shopper.store_cart_id) == ("customer-7", "8")


def test_the_whole_way_from_operation_to_order(stores: Stores) -> None:
    store, clock = MemoryCartStore(stock={LINE: 2}), Clock()
    synchronise = SynchroniseCart(store, stores.carts, stores.shoppers, clock)
    write(stores, Operation(Kind.SET, 1, 5))
    clock.now_ms += FIRST_RETRY_MS
    assert reconcile_carts(stores.carts, synchronise, now_ms=clock(), has_time=lambda: True).carts == 1
    assert (store.held(LINE), due(stores, clock() * 2)) == (2, [])
    store.order()
    assert synchronise(stores.shopper_id)[LINE].state().is_empty
    assert (store.sold, store.held(LINE)) == ({LINE: 2}, 0)


def test_a_store_without_a_cart_marks_nothing() -> None:
    with aws_account() as aws:
        carts = Carts(aws.dynamodb, "CartsTable")
        line = carts.write_operation("shopper-1", LINE, KEY, PLAIN, now_ms=NOW_MS).line
        assert (line.unconfirmed, line.store_state) == (False, None)
        links = AccountLinks(aws.dynamodb, "AccountLinksTable")
        assert (
            synchroniser(DemoStore(HttpClient(), "http://store.test", "http://store.test"), carts, links, Clock())
            is None
        )
        assert isinstance(synchroniser(MemoryCartStore(), carts, links, Clock()), SynchroniseCart)
