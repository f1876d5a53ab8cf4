"""Asking the store about a wish right now."""

from collections.abc import Sequence

import pytest

from hashcart.domain.cart_lines import Kind, LineState, Operation, adding, fold
from hashcart.domain.hand_offs import HandOff, HandOffLine
from hashcart.domain.product_links import ProductReference
from hashcart.domain.products import Product
from hashcart.stores.protocol import DisplayRules, StoreUnavailableError
from hashcart.use_cases.catalogue import Catalogue
from hashcart.use_cases.check_again import MAX_AGE_MS, CheckAgain, Checked, Stock
from tests.fakes.clock import Clock
from tests.fakes.storage import MemoryCache

LAMP = ProductReference("store.localhost", "arc-lamp")
SOLD_OUT = Product("Lamp", "240.00", "USD", in_stock=False)
BACK = Product("Lamp", "230.00", "USD", in_stock=True)


class Shop:
    """A store whose stock changes, behind the cache that insertion uses too."""

    display = DisplayRules()

    def __init__(self, product: Product | None = SOLD_OUT) -> None:
        self.answer = product
        self.is_down = False
        self.calls: list[ProductReference] = []
        self.clock = Clock()
        self.cache = MemoryCache(self.clock)
        seconds = self.clock
        self.catalogue = Catalogue(self, self.cache, sleep=self.clock.sleep, seconds=lambda: seconds() / 1000)
        self.check_again = CheckAgain(self.catalogue)

    def product(self, reference: ProductReference) -> Product | None:
        self.calls.append(reference)
        if self.is_down:
            raise StoreUnavailableError("503")
        return self.answer

    def hand_off(self, lines: Sequence[HandOffLine]) -> Sequence[HandOff]:
        return []

    def product_url(self, line: HandOffLine) -> str:
        return ""


@pytest.mark.parametrize(
    ("product", "stock", "can_be_added"),
    [
        (BACK, Stock.IN_STOCK, True),
        (Product("Lamp"), Stock.UNKNOWN, True),
        (SOLD_OUT, Stock.STILL_OUT, False),
        (Product("Lamp", in_stock=True, max_quantity=0), Stock.STILL_OUT, False),
        (None, Stock.GONE, False),
    ],
)
def test_the_store_says_whether_it_is_back(product: Product | None, stock: Stock, can_be_added: bool) -> None:
    shop = Shop(product)
    checked = shop.check_again(LAMP.line_id)
    assert checked == Checked(stock, product)
    assert checked.stock.can_be_added is can_be_added
    assert shop.calls == [LAMP]


def test_the_answer_is_that_of_now_however_fresh_the_cached_one_is() -> None:
    shop = Shop()
    assert shop.catalogue.product(LAMP) == SOLD_OUT
    shop.answer = BACK
    shop.clock.now_ms += MAX_AGE_MS
    assert shop.catalogue.product(LAMP) == SOLD_OUT
    assert shop.check_again(LAMP.line_id) == Checked(Stock.IN_STOCK, BACK)
    assert shop.catalogue.product(LAMP) == BACK, "replies that follow see it as well"


def test_the_page_of_a_product_that_is_gone_can_be_asked_for_again() -> None:
    shop = Shop(None)
    assert shop.check_again(LAMP.line_id).stock is Stock.GONE
    shop.answer = BACK
    shop.clock.now_ms += MAX_AGE_MS
    assert shop.check_again(LAMP.line_id).stock is Stock.IN_STOCK


def test_many_clicks_in_a_row_are_one_call() -> None:
    shop = Shop()
    for _ in range(5):
        shop.check_again(LAMP.line_id)
        shop.clock.now_ms += MAX_AGE_MS // 5
    assert len(shop.calls) == 1
    shop.check_again(LAMP.line_id)
    assert len(shop.calls) == 2


def test_whoever_finds_the_lease_taken_waits_and_is_told_when_nothing_comes() -> None:
    shop = Shop()
    shop.catalogue.product(LAMP)
    shop.clock.now_ms += MAX_AGE_MS
    assert shop.cache.take_lease(LAMP.line_id, max_age_ms=MAX_AGE_MS)
    assert shop.check_again(LAMP.line_id).stock is Stock.STORE_UNAVAILABLE
    assert len(shop.calls) == 1


def test_a_store_that_is_down_is_told_and_changes_nothing() -> None:
    shop = Shop()
    shop.catalogue.product(LAMP)
    shop.clock.now_ms += MAX_AGE_MS
    shop.is_down = True
    checked = shop.check_again(LAMP.line_id)
    assert (checked, checked.stock.can_be_added) == (Checked(Stock.STORE_UNAVAILABLE), False)
    assert shop.catalogue.product(LAMP) == SOLD_OUT


@pytest.mark.parametrize(
    ("kind", "quantity", "in_cart"),
    [(Kind.WISH, None, 1), (Kind.WISH, 3, 3), (Kind.WAITING, None, 1), (Kind.WAITING, 2, 2)],
)
def test_the_click_that_adds_keeps_the_quantity_that_was_asked_for(
    kind: Kind, quantity: int | None, in_cart: int
) -> None:
    asked = ("1795000000000#x#1", Operation(kind, 1, quantity))
    click_kind, click_quantity = adding(fold([asked]))
    click = ("1795000000001#click#f", Operation(click_kind, 1, click_quantity))
    assert fold([asked, click]) == LineState(quantity=in_cart)
