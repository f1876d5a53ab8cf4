"""Which products are sensitive, and how texts are folded to find out."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashcart.domain.folding import fold
from hashcart.domain.sensitivity import is_sensitive


@pytest.mark.parametrize(
    ("category", "categories", "sensitive"),
    [
        (None, ["Health"], False),
        ("", ["Health"], False),
        ("Kitchen", [], False),
        ("Health", ["Health"], True),
        ("HEALTH", ["health"], True),
        ("Ｈｅａｌｔｈ", ["health"], True),
        ("Santé", ["SANTE"], True),
        ("Sante\u0301", ["Santé"], True),
        ("Straße", ["STRASSE"], True),
        ("健康", ["健康"], True),
        ("ヘルス", ["ヘルス"], True),
        ("ヘルス", ["ベルス"], False),
        ("Books > Health", ["Health"], True),
        ("Books>Health>Headaches", ["health"], True),
        ("Books / Health", ["Health"], True),
        ("Health, Household", ["Health"], True),
        ("Books › Health", ["books > health"], True),
        ("Shop > Books > Health", ["Books>Health"], True),
        ("Books > Travel > Health", ["Books > Health"], False),
        ("Health > Books", ["Books > Health"], False),
        ("Healthy cooking", ["Health"], False),
        ("Books > Healthy cooking", ["Health"], False),
        ("Books  and   more", ["books and more"], True),
        ("Kitchen", [" ", ">", ""], False),
        ("Kitchen", ["Garden", "kitchen"], True),
    ],
)
def test_a_category_or_a_step_of_its_path_is_enough(
    category: str | None, categories: list[str], sensitive: bool
) -> None:
    assert is_sensitive(category, flagged=False, categories=categories) is sensitive
    assert is_sensitive(category, flagged=True, categories=categories)


@given(st.text(), st.lists(st.text(), max_size=3))
def test_any_texts_give_a_verdict(category: str, categories: list[str]) -> None:
    is_sensitive(category, flagged=False, categories=categories)
    assert fold(fold(category)) == fold(category)


def test_hostile_texts_take_no_time() -> None:
    began = time.process_time()
    fold("a" + "\u0301\u0327" * 500_000)
    assert time.process_time() - began < 1
