"""The demo store's catalogue, Amazon without one, and the cache before them."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from urllib3.exceptions import ProtocolError

from hashcart.domain.hand_offs import HandOff, HandOffLine
from hashcart.domain.product_links import ProductReference
from hashcart.domain.products import Product, Variant
from hashcart.http import HttpClient
from hashcart.settings import SettingError
from hashcart.stores.amazon import AmazonStore, AssociateTags
from hashcart.stores.demo import DemoStore
from hashcart.stores.protocol import DisplayRules, StoreUnavailableError
from hashcart.stores.registry import open_store
from hashcart.use_cases.catalogue import FOUND_FRESH_MS, GONE_FRESH_MS, Catalogue
from tests.fakes.clock import Clock
from tests.fakes.internet import Answer, Internet
from tests.fakes.storage import MemoryCache

STORE = "http://store.test"
TEE = ProductReference("store.localhost", "tee")
DOCUMENT: dict[str, Any] = {
    "id": "tee",
    "title": "Tee",
    "price": {"amount": "24.00", "currency": "USD"},
    "image_url": "http://store.localhost:8401/pictures/tee.svg",
    "category": "Health",
    "max_quantity": 5,
    "marketplaces": ["store.localhost"],
    "variants": [
        {"id": "tee-s", "title": "S", "in_stock": False, "options": {"size": "S"}},
        {"id": "tee-m", "title": "M", "price": {"amount": "26.00", "currency": "USD"}, "max_quantity": 2},
    ],
}


@pytest.fixture
def internet() -> Internet:
    internet = Internet()
    internet.answer(f"GET {STORE}/api/products/tee", (200, DOCUMENT))
    return internet


@pytest.fixture
def store(internet: Internet) -> DemoStore:
    return DemoStore(HttpClient(internet), STORE, "http://store.localhost:8401")  # type: ignore[arg-type]


def test_a_product_with_variants_needs_a_choice(store: DemoStore, internet: Internet) -> None:
    product = store.product(TEE)
    assert product is not None
    assert (product.title, product.price, product.needs_options, product.category) == ("Tee", "24.00", True, "Health")
    assert [(variant.id, variant.options, variant.price, variant.in_stock) for variant in product.variants] == [
        ("tee-s", (("size", "S"),), None, False),
        ("tee-m", (), "26.00", True),
    ]
    assert internet.requests[0].query == {"marketplace": "store.localhost"}


@pytest.mark.parametrize(
    ("variant", "expected"),
    [("tee-s", ("Tee, S", "24.00", False, None)), ("tee-m", ("Tee, M", "26.00", True, 2))],
)
def test_a_variant_has_its_own_price_and_stock(
    store: DemoStore, variant: str, expected: tuple[str, str, bool, int | None]
) -> None:
    product = store.product(ProductReference("store.localhost", "tee", variant))
    assert product is not None
    assert (product.title, product.price, product.in_stock, product.max_quantity) == expected
    assert not product.needs_options


def test_a_variant_that_is_not_there_is_no_product(store: DemoStore) -> None:
    assert store.product(ProductReference("store.localhost", "tee", "tee-xl")) is None


def test_a_product_that_is_not_there_is_none(store: DemoStore, internet: Internet) -> None:
    internet.answer(f"GET {STORE}/api/products/tee", (404, {"error": "not_found"}))
    assert store.product(TEE) is None


def test_an_id_cannot_lead_to_another_address(store: DemoStore, internet: Internet) -> None:
    internet.answer(f"GET {STORE}/api/products/..%2Fadmin", (404, {}))
    assert store.product(ProductReference("store.localhost", "../admin")) is None


@pytest.mark.parametrize(
    "answer",
    [(503, {}), (500, b""), (200, b"<html>"), (200, {"title": "Tee"}), (301, b""), ProtocolError("cut off")],
    ids=str,
)
def test_no_usable_answer_means_the_store_is_unavailable(store: DemoStore, internet: Internet, answer: Answer) -> None:
    internet.answer(f"GET {STORE}/api/products/tee", answer)
    with pytest.raises(StoreUnavailableError):
        store.product(TEE)


def test_lines_are_handed_off_to_the_marketplace_that_they_are_of(store: DemoStore) -> None:
    tee, mug = ProductReference("uk.store.localhost", "tee", "tee-m"), ProductReference("uk.store.localhost", "mug")
    [hand_off] = store.hand_off([HandOffLine(tee, 2), HandOffLine(mug, 1)])
    assert hand_off.url == "http://uk.store.localhost:8401/cart?add=tee~tee-m~2&add=mug~~1"
    assert hand_off.line_ids == (tee.line_id, mug.line_id)


def test_each_product_has_a_page_of_its_own(store: DemoStore) -> None:
    tee = HandOffLine(ProductReference("uk.store.localhost", "tee", "tee-m"), 2)
    mug = HandOffLine(ProductReference("store.localhost", "mug"), 1)
    assert store.product_url(tee) == "http://uk.store.localhost:8401/products/tee?variant=tee-m"
    assert store.product_url(mug) == "http://store.localhost:8401/products/mug"
    line = HandOffLine(ProductReference("amazon.de", "B08N5WRWNW"), 1)
    assert AmazonStore(AssociateTags()).product_url(line) == "https://www.amazon.de/dp/B08N5WRWNW"


@pytest.mark.parametrize("language", ["en", "fr", "es", "de", "ja"])
def test_amazon_obliges_pages_to_say_who_earns_and_that_prices_change(language: str) -> None:
    associate, prices = AmazonStore.display.notices
    assert associate.texts[language] == associate.text(language)
    assert prices.texts[language] == prices.text(language)
    assert (associate.with_prices, prices.with_prices) == (False, True)
    assert associate.text("pt") == "As an Amazon Associate I earn from qualifying purchases."


def test_nothing_to_hand_over(store: DemoStore) -> None:
    assert store.hand_off([]) == AmazonStore(AssociateTags()).hand_off([]) == []


def test_the_deployment_names_its_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORE_SITE_URL", "https://shop.example/")
    monkeypatch.setenv("STORE_BASE_URL", "https://shop.example/")
    monkeypatch.setenv("KEEP_ASSOCIATE_TAGS", "true")
    assert isinstance(open_store("amazon"), AmazonStore)
    assert isinstance(open_store("demo"), DemoStore)
    with pytest.raises(SettingError, match="nowhere"):
        open_store("nowhere")


def test_any_shop_needs_hosts_and_a_template_that_can_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORE_HOSTS", "shop.example")
    monkeypatch.setenv("HAND_OFF_URL_TEMPLATE", "https://{host}/cart/[{id}:{quantity}|,]")
    line = HandOffLine(ProductReference("shop.example", "/p"), 2, item_id="7")
    assert open_store("generic").hand_off([line])[0].url == "https://shop.example/cart/7:2"
    monkeypatch.setenv("HAND_OFF_URL_TEMPLATE", "")
    assert open_store("generic").hand_off([line])[0].url == "https://shop.example/p"
    for name, value in (("HAND_OFF_URL_TEMPLATE", "https://{host}/{id}"), ("STORE_HOSTS", "a b")):
        with monkeypatch.context() as context:
            context.setenv(name, value)
            with pytest.raises(SettingError, match=name):
                open_store("generic")


TEE_WITH_SIZES = Product(
    "Tee", needs_options=True, marketplaces=("a", "b"), variants=(Variant("tee-s", (("size", "S"),), in_stock=False),)
)


class StoreFake:
    display = DisplayRules()

    def __init__(self, answer: Callable[[], Product | None]) -> None:
        self.answer = answer
        self.calls = 0

    def product(self, reference: ProductReference) -> Product | None:
        self.calls += 1
        return self.answer()

    def hand_off(self, lines: Sequence[HandOffLine]) -> Sequence[HandOff]:
        return []

    def product_url(self, line: HandOffLine) -> str:
        return ""


@pytest.mark.parametrize(("product", "fresh_ms"), [(TEE_WITH_SIZES, FOUND_FRESH_MS), (None, GONE_FRESH_MS)])
def test_the_store_is_asked_once_while_its_answer_is_fresh(product: Product | None, fresh_ms: int) -> None:
    clock, store = Clock(), StoreFake(lambda: product)
    catalogue = Catalogue(store, MemoryCache(clock), sleep=clock.sleep)
    for _ in range(3):
        assert catalogue.product(TEE) == product
    assert store.calls == 1
    clock.now_ms += fresh_ms
    catalogue.product(TEE)
    assert store.calls == 2


def test_a_failure_is_not_cached() -> None:
    def fail() -> Product:
        raise StoreUnavailableError("503")

    clock, store = Clock(), StoreFake(fail)
    catalogue = Catalogue(store, MemoryCache(clock), sleep=clock.sleep, seconds=lambda: clock.now_ms / 1000)
    for _ in range(3):
        with pytest.raises(StoreUnavailableError):
            catalogue.product(TEE)
    assert store.calls == 1, "a store that hangs costs one time-out, not one an item"
    clock.now_ms += 1500
    store.answer = lambda: Product("Tee")
    assert catalogue.product(TEE) == Product("Tee")


class BatchStoreFake(StoreFake):
    def __init__(self, products: dict[str, Product | None], error: Exception | None = None) -> None:
        super().__init__(lambda: Product("single"))
        self.known = products
        self.error = error
        self.batches: list[list[str]] = []

    def products(self, references: Sequence[ProductReference]) -> dict[ProductReference, Product | None]:
        self.batches.append([reference.product_id for reference in references])
        if self.error is not None:
            raise self.error
        return {reference: self.known[reference.product_id] for reference in references}


MUG = ProductReference("store.localhost", "mug")
GONE = ProductReference("store.localhost", "gone")


def test_a_batch_is_asked_for_in_one_call() -> None:
    clock, store = Clock(), BatchStoreFake({"tee": Product("Tee"), "mug": Product("Mug"), "gone": None})
    catalogue = Catalogue(store, MemoryCache(clock), sleep=clock.sleep)
    catalogue.prefetch([TEE, MUG, GONE])
    assert [catalogue.product(reference) for reference in (TEE, MUG, GONE)] == [Product("Tee"), Product("Mug"), None]
    assert (store.batches, store.calls) == ([["tee", "mug", "gone"]], 0)


def test_a_single_product_or_a_store_without_batches_is_asked_when_needed() -> None:
    clock = Clock()
    batch_store, store = BatchStoreFake({}), StoreFake(lambda: Product("Tee"))
    Catalogue(batch_store, MemoryCache(clock)).prefetch([TEE])
    Catalogue(store, MemoryCache(clock)).prefetch([TEE, MUG])
    assert (batch_store.batches, batch_store.calls, store.calls) == ([], 0, 0)


@pytest.mark.parametrize("error", [StoreUnavailableError("503"), RuntimeError("a bug")])
def test_what_could_not_be_fetched_at_once_is_asked_for_alone(error: Exception) -> None:
    clock, store = Clock(), BatchStoreFake({}, error)
    catalogue = Catalogue(store, MemoryCache(clock), sleep=clock.sleep, seconds=lambda: clock.now_ms / 1000)
    catalogue.prefetch([TEE, MUG])
    clock.now_ms += 1500
    assert catalogue.product(TEE) == Product("single")
