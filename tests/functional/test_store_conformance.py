"""What HashCart relies on, asked of every store. `tests/fakes/stores.py` has the cases; a new store adds one."""

import re
from urllib.parse import urlsplit

import pytest
from urllib3.exceptions import ReadTimeoutError

from hashcart.domain.product_links import ProductReference, find_product
from hashcart.domain.products import Product
from hashcart.stores.protocol import BatchStore, CartStore, Customer, Store, StoreUnavailableError
from hashcart.stores.registry import CART_STORES, open_store
from hashcart.use_cases.catalogue import Catalogue
from tests.fakes.clock import Clock
from tests.fakes.internet import Answer
from tests.fakes.storage import MemoryCache
from tests.fakes.stores import CASES, SECRETS, StoreCase
from tests.template.loading import template

FAILURES: list[Answer] = [(500, {}), (503, b"<html>down</html>"), (429, {}), ReadTimeoutError(None, "", "")]  # type: ignore[arg-type]
NO_ADDRESS = ("http", "https")


@pytest.fixture(params=sorted(CASES))
def case(request: pytest.FixtureRequest) -> StoreCase:
    return CASES[request.param]()


@pytest.fixture(params=sorted(name for name, make in CASES.items() if isinstance(make().store, CartStore)))
def cart_case(request: pytest.FixtureRequest) -> StoreCase:
    return CASES[request.param]()


def cart_store(case: StoreCase) -> CartStore:
    assert isinstance(case.store, CartStore)
    return case.store


def product_of(store: Store, reference: ProductReference) -> Product:
    found = store.product(reference)
    assert found is not None
    return found


def test_each_kind_of_store_can_be_deployed_and_is_asked_here(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {make().name for make in CASES.values()} == set(template()["Parameters"]["Store"]["AllowedValues"])
    for make in CASES.values():
        case = make()
        with monkeypatch.context() as context:
            for name, value in case.environment.items():
                context.setenv(name, value)
            assert type(open_store(case.name)) is type(case.store)
        assert isinstance(case.store, CartStore) is (case.name in CART_STORES)


def test_a_product_on_sale(case: StoreCase) -> None:
    found = product_of(case.store, case.on_sale)
    assert not found.needs_options
    assert found.in_stock in ((True,) if case.knows_products else (None, True))
    assert (found.title is not None) is case.knows_products
    assert found.price is None or re.fullmatch(r"[0-9]+(\.[0-9]+)?", found.price)
    assert found.price is None or re.fullmatch("[A-Z]{3}", found.currency or "")
    assert found.image_url is None or urlsplit(found.image_url).scheme in NO_ADDRESS


def test_what_is_sold_out_or_gone_is_told_apart(case: StoreCase) -> None:
    if case.sold_out is None or case.gone is None:
        assert not case.knows_products
        return
    assert product_of(case.store, case.sold_out).in_stock is False
    assert case.store.product(case.gone) is None


def test_each_option_leads_to_a_product_without_a_choice(case: StoreCase) -> None:
    if case.with_options is None:
        assert not case.knows_products
        return
    parent = product_of(case.store, case.with_options)
    assert parent.needs_options
    assert len({variant.id for variant in parent.variants}) == len(parent.variants) > 1
    for variant in parent.variants:
        chosen = product_of(case.store, variant.reference(case.with_options))
        assert not chosen.needs_options
        assert not chosen.variants


@pytest.mark.parametrize("answer", FAILURES, ids=str)
def test_a_store_that_fails_is_unavailable_and_quotes_no_secret(case: StoreCase, answer: Answer) -> None:
    case.fail(answer)
    if not case.knows_products:
        assert case.store.product(case.on_sale) == Product()
        return
    with pytest.raises(StoreUnavailableError) as raised:
        case.store.product(case.on_sale)
    assert [secret for secret in SECRETS if secret in str(raised.value)] == []


def test_what_is_told_survives_the_cache(case: StoreCase) -> None:
    clock = Clock()
    catalogue = Catalogue(case.store, MemoryCache(clock), sleep=clock.sleep)
    for reference in filter(None, (case.on_sale, case.with_options)):
        catalogue.product(reference)
        assert catalogue.product(reference) == case.store.product(reference)


def test_many_at_once_are_told_as_one_by_one(case: StoreCase) -> None:
    if isinstance(case.store, BatchStore):
        references = [entry for entry in (case.on_sale, case.sold_out, case.gone, case.with_options) if entry]
        assert dict(case.store.products(references)) == {each: case.store.product(each) for each in references}


def test_a_hand_off_takes_each_line_along_once(case: StoreCase) -> None:
    lines = [case.line(2)]
    if case.with_options is not None:
        parent = product_of(case.store, case.with_options)
        references = [variant.reference(case.with_options) for variant in parent.variants]
        lines += [type(lines[0])(reference, 1) for reference in references]
    hand_offs = case.store.hand_off(lines)
    taken = [line_id for hand_off in hand_offs for line_id in hand_off.line_ids]
    assert sorted(taken) == sorted(line.reference.line_id for line in lines)
    for hand_off in hand_offs:
        parts = urlsplit(hand_off.url)
        assert parts.scheme in NO_ADDRESS
        assert (parts.hostname or "").removeprefix("www.") == lines[0].reference.marketplace
    assert case.store.hand_off([]) == []


def test_a_products_page_leads_back_to_the_product(case: StoreCase) -> None:
    assert find_product(case.store.product_url(case.line()), case.links) == case.on_sale


def test_what_pages_must_say_is_there_in_english(case: StoreCase) -> None:
    assert all(notice.text("xx") == notice.texts["en"] for notice in case.store.display.notices)


# ------------------------------------------------------------------ Stores with carts


def kept(customer: Customer, cart_id: str | None) -> Customer:
    return Customer(customer.subject, cart_id)


def test_a_quantity_is_set_read_back_and_taken_out_again(cart_case: StoreCase) -> None:
    store, ada, line_id = cart_store(cart_case), Customer("ada"), cart_case.on_sale.line_id
    assert store.read_cart(ada).quantities.get(line_id, 0) == 0
    held = 0
    for quantity in (2, 2, 3, 1, 0):
        cart = store.set_quantity(ada, cart_case.on_sale, quantity, expected=held)
        ada, held = kept(ada, cart.cart_id), quantity
        assert cart.quantities.get(line_id, 0) == quantity == store.read_cart(ada).quantities.get(line_id, 0)
        assert not cart.ordered


def test_what_the_shopper_changed_in_the_shop_is_not_overwritten(cart_case: StoreCase) -> None:
    store = cart_store(cart_case)
    ada = kept(Customer("ada"), store.set_quantity(Customer("ada"), cart_case.on_sale, 3, expected=0).cart_id)
    cart = store.set_quantity(ada, cart_case.on_sale, 1, expected=2)
    assert cart.quantities[cart_case.on_sale.line_id] == 3


def test_a_lost_answer_puts_nothing_in_twice(cart_case: StoreCase) -> None:
    store, line_id = cart_store(cart_case), cart_case.on_sale.line_id
    ada = kept(Customer("ada"), store.set_quantity(Customer("ada"), cart_case.on_sale, 1, expected=0).cart_id)
    cart_case.lose_next_answer()
    with pytest.raises(StoreUnavailableError):
        store.set_quantity(ada, cart_case.on_sale, 2, expected=1)
    assert store.read_cart(ada).quantities[line_id] == 2
    assert store.set_quantity(ada, cart_case.on_sale, 2, expected=1).quantities[line_id] == 2


@pytest.mark.parametrize("answer", FAILURES, ids=str)
def test_a_cart_that_does_not_answer_is_unavailable(cart_case: StoreCase, answer: Answer) -> None:
    store = cart_store(cart_case)
    ada = kept(Customer("ada"), store.set_quantity(Customer("ada"), cart_case.on_sale, 1, expected=0).cart_id)
    cart_case.fail(answer)
    with pytest.raises(StoreUnavailableError):
        store.read_cart(ada)
    with pytest.raises(StoreUnavailableError):
        store.set_quantity(ada, cart_case.on_sale, 2, expected=1)
