"""Amounts, moments and languages as readers of each language know them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashcart.domain.formats import NARROW_SPACE, NO_BREAK_SPACE, date, date_time, money
from hashcart.domain.languages import LANGUAGES, accepted_language, known_language

AFTERNOON = 1_795_530_300_000  # 2026-11-24 14:25 UTC
FIRST = 1_793_491_200_000  # 2026-11-01 00:00 UTC


@pytest.mark.parametrize(
    ("amount", "currency", "language", "written"),
    [
        ("1234.5", "USD", "en", "$1,234.50"),
        ("1234.5", "USD", "fr", "1_234,50 $US"),
        ("1234.5", "EUR", "fr", "1_234,50 €"),
        ("1234.5", "EUR", "es", "1234,50 €"),
        ("12345.5", "EUR", "es", "12.345,50 €"),
        ("1234.5", "EUR", "de", "1.234,50 €"),
        ("1234567.891", "GBP", "en", "£1,234,567.89"),
        ("980", "JPY", "en", "¥980"),
        ("1980.00", "JPY", "ja", "￥1,980"),
        ("1980", "JPY", "de", "1.980 ¥"),
        ("19.9", "USD", "ja", "$19.90"),
        ("0.125", "USD", "en", "$0.13"),
        ("-3", "USD", "en", "-$3.00"),
        ("12.5", "SEK", "en", "SEK 12.50"),
        ("12.5", "SEK", "de-AT", "12,50 SEK"),
        ("1.2345", "KWD", "en", "KWD 1.235"),
        ("5", "CAD", "fr", "5,00 $CA"),
        ("5", "USD", "xx", "$5.00"),
        ("soon", "USD", "en", "soon USD"),
        ("NaN", "USD", "de", "NaN USD"),
        ("1e99", "USD", "en", "1e99 USD"),
    ],
)
def test_money(amount: str, currency: str, language: str, written: str) -> None:
    shown = money(amount, currency, language)
    assert shown.replace(NO_BREAK_SPACE, " ").replace(NARROW_SPACE, "_") == written


@given(st.text(max_size=30), st.sampled_from(["USD", "JPY", "KWD", "XXX"]), st.sampled_from(sorted(LANGUAGES)))
def test_any_amount_is_written(amount: str, currency: str, language: str) -> None:
    assert money(amount, currency, language)


@pytest.mark.parametrize(
    ("language", "moment"),
    [
        ("en", "November 24, 2026, 2:25 PM UTC"),
        ("fr", "24 novembre 2026, 14:25 UTC"),
        ("es", "24 de noviembre de 2026, 14:25 UTC"),
        ("de", "24. November 2026, 14:25 UTC"),
        ("ja", "2026年11月24日 14:25 UTC"),
        ("xx", "November 24, 2026, 2:25 PM UTC"),
    ],
)
def test_moments_say_their_time_zone(language: str, moment: str) -> None:
    assert date_time(AFTERNOON, language).replace(NO_BREAK_SPACE, " ") == moment


def test_midnight_and_the_first_of_a_month() -> None:
    assert date_time(FIRST, "en").replace(NO_BREAK_SPACE, " ") == "November 1, 2026, 12:00 AM UTC"
    assert date(FIRST, "fr").replace(NO_BREAK_SPACE, " ") == "1er novembre 2026"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", None),
        ("de-DE,de;q=0.9,en;q=0.8", "de"),
        ("pt-BR, ja;q=0.3, es;q=0.7", "es"),
        ("fr;q=0, en;q=0.1", "en"),
        ("fr;q=nonsense, ja;q=0.1", "ja"),
        ("*", None),
        ("fr;v=1", "fr"),
        (",".join(["xx"] * 50) + ",de", None),
    ],
)
def test_the_browsers_languages(header: str, language: str | None) -> None:
    assert accepted_language(header) == language


@given(st.text(max_size=200))
def test_any_header_is_read(header: str) -> None:
    assert accepted_language(header) in {None, *LANGUAGES}


def test_known_languages() -> None:
    assert [known_language(tag) for tag in ("DE-at", "ja", "", None, "nl")] == ["de", "ja", None, None, None]
