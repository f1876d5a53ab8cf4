"""Among what a shopper chooses, and what is chosen already."""

import pytest

from hashcart.domain.marketplaces import COUNTRIES, countries_of, likely_country, likely_marketplace, marketplaces_of
from hashcart.pages.kit.texts import Texts
from hashcart.pages.linking.countries import named_countries


def test_marketplaces_are_the_stores() -> None:
    assert marketplaces_of("amazon", ())[:2] == ("amazon.com", "amazon.ae")
    assert marketplaces_of("demo", ("ignored.example",)) == ("store.localhost", "uk.store.localhost")
    assert marketplaces_of("shopify", ("shop.example", "b.example")) == ("shop.example", "b.example")


def test_countries_are_those_that_the_store_serves() -> None:
    assert countries_of({"US", "CA"}) == ("CA", "US")
    assert countries_of({"*"}) == COUNTRIES


@pytest.mark.parametrize(
    ("header", "country"),
    [
        ("de-AT,de;q=0.9", "AT"),
        ("de", "DE"),
        ("ja", "JP"),
        ("en", "US"),
        ("en-GB;q=1", "GB"),
        ("zh-Hant-TW", "TW"),
    ],
)
def test_the_likely_country(header: str, country: str) -> None:
    assert likely_country(header, COUNTRIES) == country


@pytest.mark.parametrize("header", ["", "nl", "zh-Hans-CN", "es-419", "en-150", "*"])
def test_a_country_is_not_guessed(header: str) -> None:
    assert likely_country(header, COUNTRIES) is None


def test_a_country_that_is_not_served_is_not_likely() -> None:
    assert likely_country("de-AT", ("US", "CA")) is None
    assert likely_country("de-AT", ("US",)) == "US"
    assert likely_marketplace(None, marketplaces_of("amazon", ())) == "amazon.com"


@pytest.mark.parametrize(
    ("country", "marketplace"),
    [
        ("US", "amazon.com"),
        ("GB", "amazon.co.uk"),
        ("JP", "amazon.co.jp"),
        ("MX", "amazon.com.mx"),
        ("DE", "amazon.de"),
        ("AT", "amazon.com"),
    ],
)
def test_the_likely_marketplace(country: str, marketplace: str) -> None:
    assert likely_marketplace(country, marketplaces_of("amazon", ())) == marketplace


def test_countries_are_named_in_the_readers_order() -> None:
    names = [name for name, _ in named_countries(Texts("de"), ["US", "AT", "NO", "QQ"])]
    assert names == ["Norwegen", "Österreich", "QQ", "Vereinigte Staaten"]
