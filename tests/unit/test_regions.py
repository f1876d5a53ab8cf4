"""Which country and which marketplace a product can be had in."""

import itertools

import pytest

from hashcart.domain.cart_lines import Kind
from hashcart.domain.outcomes import Code, Version, decide
from hashcart.domain.products import Product
from hashcart.domain.regions import allowed_countries, serves

UK_LINK = Version(1, "amazon.co.uk#B08N5WRWNW#", quantity=2)
US_LINK = Version(1, "amazon.com#B08N5WRWNW#", quantity=2)


@pytest.mark.parametrize(
    ("configured", "store", "country", "served"),
    [
        ((), "amazon", "US", True),
        ((), "amazon", "GB", False),
        (("default",), "amazon", "US", True),
        (("default",), "amazon", "us", True),
        (("default",), "amazon", "CA", False),
        (("default",), "shopify", "GB", True),
        ((), "demo", "JP", True),
        (("*",), "amazon", "GB", True),
        (("US", "CA"), "amazon", "CA", True),
        (("DE",), "shopify", "US", False),
    ],
)
def test_the_merchant_says_which_countries_are_served(
    configured: tuple[str, ...], store: str, country: str, served: bool
) -> None:
    assert serves(allowed_countries(configured, store), country) is served


@pytest.mark.parametrize(
    ("asked", "marketplace", "sold_in", "line", "reason"),
    [
        (US_LINK, "amazon.com", (), "amazon.com#B08N5WRWNW#", None),
        (US_LINK, "amazon.com", ("amazon.com",), "amazon.com#B08N5WRWNW#", None),
        (US_LINK, "amazon.co.uk", (), None, "marketplace"),
        (US_LINK, "amazon.co.uk", ("amazon.com",), None, "marketplace"),
        (US_LINK, "amazon.co.uk", ("amazon.com", "amazon.co.uk"), "amazon.co.uk#B08N5WRWNW#", None),
        (UK_LINK, "amazon.com", (), None, "marketplace"),
        (UK_LINK, "amazon.com", ("amazon.co.uk", "amazon.com"), "amazon.com#B08N5WRWNW#", None),
        (UK_LINK, "amazon.co.uk", ("amazon.com",), None, "marketplace"),
    ],
)
def test_the_link_counts_in_the_shoppers_marketplace_only_if_the_store_says_so(
    asked: Version, marketplace: str, sold_in: tuple[str, ...], line: str | None, reason: str | None
) -> None:
    version = decide(
        asked, Product(marketplaces=sold_in), marketplace=marketplace, country_allowed=True, own_maximum=10
    )
    assert (version.line_id, version.reason) == (line, reason)
    assert version.linked == (asked.line_id if reason else None)


@pytest.mark.parametrize(
    ("digital", "country_allowed", "sold_here"), list(itertools.product((False, True), repeat=3)), ids=str
)
def test_all_combinations_of_reasons_give_the_first_that_applies(
    digital: bool, country_allowed: bool, sold_here: bool
) -> None:
    product = Product(digital=digital, marketplaces=("amazon.com",) if sold_here else ("amazon.de",), in_stock=False)
    version = decide(US_LINK, product, marketplace="amazon.com", country_allowed=country_allowed, own_maximum=10)
    expected = "digital" if digital else "country" if not country_allowed else None if sold_here else "marketplace"
    assert version.reason == expected
    assert version.code is (Code.NOT_AVAILABLE_HERE if expected else None)
    assert version.kind is (Kind.WITHDRAWN if expected else Kind.WISH)
