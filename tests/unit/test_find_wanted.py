"""Which product a reply wants: link, marketplace and words together."""

from collections.abc import Sequence

import pytest

from hashcart.domain.product_links import ProductReference
from hashcart.domain.products import Product, Variant
from hashcart.use_cases.find_wanted import Wanted, find_wanted

US, UK = "store.localhost", "uk.store.localhost"
TEE = ProductReference(US, "tee")
TEE_L = ProductReference(US, "tee", "tee-l")
SIZES = tuple(Variant(f"tee-{size.lower()}", (("size", size),)) for size in ("S", "M", "L"))
WHOLE = Product("Tee", "32.00", needs_options=True, variants=SIZES, marketplaces=(US, UK))

PARENT = ProductReference("amazon.com", "B0PARENT01")
CHILD = ProductReference("amazon.com", "B0CHILDRED")
COLOURS = tuple(Variant(f"B0CHILD{colour}", (("color_name", colour),), is_product=True) for colour in ("RED", "TAN"))


class Store:
    def __init__(self, products: dict[ProductReference, Product]) -> None:
        self.products = products
        self.asked: list[ProductReference] = []

    def __call__(self, reference: ProductReference) -> Product | None:
        self.asked.append(reference)
        return self.products.get(reference)

    def wanted(
        self, linked: ProductReference, *words: str, marketplace: str = US, quantity: int | None = None
    ) -> Wanted:
        return find_wanted(self, linked, marketplace=marketplace, quantity=quantity, words=words)


@pytest.fixture
def store() -> Store:
    variants = {
        ProductReference(US, "tee", variant.id): Product(variant.id, marketplaces=(US, UK)) for variant in SIZES
    }
    children = {
        ProductReference("amazon.com", child.id): Product(child.id, parent_id="B0PARENT01") for child in COLOURS
    }
    amazon = {PARENT: Product("Lamp", needs_options=True, variants=COLOURS), **children}
    uk = {ProductReference(UK, "tee"): Product("Tee", "28.00", needs_options=True, variants=SIZES[:2])}
    return Store({TEE: WHOLE, **variants, **amazon, **uk})


def test_a_plain_reply_asks_the_store_once(store: Store) -> None:
    assert store.wanted(TEE) == Wanted(TEE, WHOLE, None)
    assert store.asked == [TEE]


@pytest.mark.parametrize(
    ("words", "quantity", "reference", "wanted_quantity"),
    [
        (("size", "l"), 3, TEE_L, 3),
        (("l", "x2"), None, TEE_L, 2),
        (("lovely",), 3, TEE, 3),
        (("l", "or", "m"), 3, TEE, 3),
        (("38",), 38, TEE, 38),
    ],
)
def test_the_words_choose_the_variant_or_leave_the_choice(
    store: Store, words: Sequence[str], quantity: int | None, reference: ProductReference, wanted_quantity: int | None
) -> None:
    wanted = store.wanted(TEE, *words, quantity=quantity)
    assert (wanted.reference, wanted.quantity) == (reference, wanted_quantity)
    assert wanted.product == store.products[reference]


def test_a_variant_that_is_gone_leaves_the_choice(store: Store) -> None:
    del store.products[TEE_L]
    assert store.wanted(TEE, "l").reference == TEE


@pytest.mark.parametrize(
    ("words", "reference"),
    [(("lovely",), TEE_L), (("m",), ProductReference(US, "tee", "tee-m")), (("l",), TEE_L), (("m", "or", "s"), TEE)],
)
def test_words_overrule_the_variant_of_the_link(
    store: Store, words: Sequence[str], reference: ProductReference
) -> None:
    assert store.wanted(TEE_L, *words).reference == reference


@pytest.mark.parametrize(
    ("linked", "words", "reference"),
    [
        (PARENT, ("red",), CHILD),
        (PARENT, ("lovely",), PARENT),
        (CHILD, ("tan",), ProductReference("amazon.com", "B0CHILDTAN")),
        (CHILD, ("colour", "red"), CHILD),
        (CHILD, ("lovely",), CHILD),
    ],
)
def test_a_variant_that_is_a_product_of_its_own_has_its_own_line(
    store: Store, linked: ProductReference, words: Sequence[str], reference: ProductReference
) -> None:
    assert store.wanted(linked, *words, marketplace="amazon.com").reference == reference


def test_the_words_choose_among_what_the_shoppers_marketplace_sells(store: Store) -> None:
    uk_m = ProductReference(UK, "tee", "tee-m")
    store.products[uk_m] = Product("Tee, M", "28.00")
    assert store.wanted(TEE, "m", marketplace=UK) == Wanted(uk_m, Product("Tee, M", "28.00"), None)
    assert store.wanted(TEE, "l", marketplace=UK).reference == ProductReference(UK, "tee")


def test_a_product_that_is_gone_or_has_no_variants_is_left_as_it_is(store: Store) -> None:
    gone = ProductReference(US, "gone")
    assert store.wanted(gone, "l") == Wanted(gone, None, None)
    mug = ProductReference(US, "mug")
    store.products[mug] = Product("Mug")
    assert store.wanted(mug, "l", quantity=2) == Wanted(mug, Product("Mug"), 2)
    del store.products[PARENT]
    assert store.wanted(CHILD, "tan", marketplace="amazon.com").reference == CHILD
