"""Quantities beside a hashtag: what counts, and that everything doubtful does not."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashcart.domain.hashtags import Span
from hashcart.domain.quantities import quantity_beside

HASHTAG = "#AmazonCart"
HOSTILE_LENGTH = 20_000
SECONDS_FOR_HOSTILE_TEXT = 1.5  # many times what linear time needs while coverage is measured

PIECES = [
    *(
        "0",
        "1",
        "23",
        "789",
        "x",
        "X",
        "×",
        "*",
        "-",
        "−",
        ".",
        ",",
        "/",
        "%",
        "€",
        "$",
        "#",
        "@",
        "!",
        " ",
        "\n",
        "\ud800",
    ),
    *("x3", "3x", " 2", "½", "٣", "３", "ｘ", "\u200f", "\ufe0f\u20e3", "😀", "ok", "@bot", "https://t.co/a", "#deal"),
]
surroundings = st.lists(st.sampled_from(PIECES), max_size=8).map("".join) | st.text(
    alphabet=st.characters(exclude_categories=())
)
any_spans = st.lists(st.tuples(st.integers(-5, 60), st.integers(-5, 60)), max_size=4)


def quantity(text: str, *ignorable: Span, hashtag: str = HASHTAG) -> int | None:
    start = text.index(hashtag)
    return quantity_beside(text, start, start + len(hashtag), ignorable)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#AmazonCart x3", 3),
        ("#AmazonCart X3", 3),
        ("#AmazonCart ×3", 3),
        ("#AmazonCart×3", 3),
        ("#AmazonCart ✕3", 3),
        ("#AmazonCart ✖\ufe0f3", 3),
        ("#AmazonCart x 3", 3),
        ("#AmazonCart  x  3", 3),
        ("#AmazonCart\nx3", 3),
        ("#AmazonCart\u00a0x3", 3),
        ("#AmazonCart\u3000ｘ３", 3),
        ("#AmazonCart x٣", 3),
        ("#AmazonCart x१२", 12),
        ("#AmazonCart \u200fx3\u200e", 3),
        ("#AmazonCart x3\ufe0f\u20e3", 3),
        ("#AmazonCart x1", 1),
        ("#AmazonCart x999", 999),
        ("#AmazonCart x003", 3),
        ("#AmazonCart x3!", 3),
        ("#AmazonCart x3.", 3),
        ("#AmazonCart x3, thanks", 3),
        ("#AmazonCart x3,thanks", 3),
        ("#AmazonCart x3 - thanks", 3),
        ("#AmazonCart x3: thanks", 3),
        ("#AmazonCart x3 please", 3),
        ("#AmazonCart x3 pcs", 3),
        ("#AmazonCart x3🔥", 3),
        ("(#AmazonCart x3)", 3),
        ("“#AmazonCart x3”", 3),
        ("#AmazonCart x3 #deal", 3),
        ("#AmazonCart x3 https://t.co/9", 3),
        ("#AmazonCart x3 @bot", 3),
        ("#AmazonCart @bot x3", 3),
        ("3x #AmazonCart", 3),
        ("3X #AmazonCart", 3),
        ("3× #AmazonCart", 3),
        ("3 x #AmazonCart", 3),
        ("3x\n#AmazonCart", 3),
        ("３ｘ　#AmazonCart", 3),
        ("I want 3x #AmazonCart please", 3),
        ("(3x #AmazonCart)", 3),
        ("❤\ufe0f3x #AmazonCart", 3),
        ("- 3x #AmazonCart", 3),
        ("@bot 3x #AmazonCart", 3),
        ("@bot2 3x #AmazonCart", 3),
        ("#deal 3x #AmazonCart", 3),
        ("3x @bot #AmazonCart", 3),
        ("2x #AmazonCart x2", 2),
        ("2x #AmazonCart 2", 2),
        ("2x #AmazonCart 5 stars", 2),
    ],
)
def test_a_multiplied_quantity_counts_on_either_side(text: str, expected: int) -> None:
    assert quantity(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#AmazonCart 2", 2),
        ("#AmazonCart 2.", 2),
        ("#AmazonCart 2!!! (…)", 2),
        ("#AmazonCart 2 😍", None),
        ("#AmazonCart 5 ⭐", None),
        ("#AmazonCart ２", 2),
        ("#AmazonCart 2\ufe0f\u20e3", 2),
        ("#AmazonCart 2 https://t.co/x @bot", 2),
        ("#AmazonCart 2 amazon.com/dp/x", 2),
        ("#AmazonCart 2 #DaysLeft", None),
        ("#AmazonCart 2x", 2),
        ("#AmazonCart 2 → @bot", None),
        ("@bot #AmazonCart 12", 12),
        ("one for me #AmazonCart 2", 2),
    ],
)
def test_a_bare_number_counts_if_no_words_follow(text: str, expected: int) -> None:
    assert quantity(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "#AmazonCart",
        "#AmazonCart please",
        "#AmazonCart 2 days left!",
        "#AmazonCart 2 please",
        "#AmazonCart 2, one for @mum and me",
        "#AmazonCart 2 3",
        "#AmazonCart 2%",
        "#AmazonCart 2 %",
        "#AmazonCart 2°",
        "#AmazonCart 5€",
        "#AmazonCart 5 €",
        "#AmazonCart $5",
        "#AmazonCart 2+",
        "#AmazonCart 2個",
        "#AmazonCart #2",
        "#AmazonCart: 2",
        "#AmazonCart (2)",
        "#AmazonCart ½",
        "I have 2 #AmazonCart",
        "2#AmazonCart",
        "2 #AmazonCart",
        "Mega Man X3 #AmazonCart",
        "x #AmazonCart",
        "linux #AmazonCart",
        "#AmazonCart x",
        "#AmazonCart xbox 3",
        "#AmazonCart, x3",
        "#AmazonCart 🔥 x3",
        "#AmazonCart #deal x3",
        "#AmazonCart *3",
        "#AmazonCart*3",
        "3* #AmazonCart",
    ],
)
def test_what_is_not_a_quantity_beside_the_hashtag(text: str) -> None:
    assert quantity(text) is None


@pytest.mark.parametrize(
    "number",
    [
        *("0", "00", "0003", "1000", "9999999999", "1,000", "1.000", "1'000", "1 000"),
        *("-3", "−3", "–3", "+3", "2-3", "2–3", "2.5", "1.5", "2,5", ".5", "1/2", "1⁄2", "1½", "1 1/2"),
        *("50%", "3:30", "3°", "3²", "3€", "3^2", "3_", "3e2"),
    ],
)
def test_numbers_that_no_order_has(number: str) -> None:
    assert quantity(f"{HASHTAG} x{number}") is None
    assert quantity(f"{HASHTAG} {number}") is None
    assert quantity(f"{number}x {HASHTAG}") is None
    assert quantity(f"two {number} x {HASHTAG}") is None


@pytest.mark.parametrize(
    "text",
    [
        "#AmazonCart x3000gs",
        "#AmazonCart x3d",
        "#AmazonCart x3d 3",
        "#AmazonCart x3-pack",
        "#AmazonCart x3.com",
        "#AmazonCart x3/day",
        "#AmazonCart ×3個",
        "#AmazonCart x3x4",
        "#AmazonCart x3×4",
        "#AmazonCart x3 x4",
        "#AmazonCart x3 x 4",
        "#AmazonCart 3 x 4",
        "max3 #AmazonCart",
        "4x4x #AmazonCart",
        "4 x 4 x #AmazonCart",
        "iphone3x #AmazonCart",
        "é3x #AmazonCart",
        "e\u03013x #AmazonCart",
        "v_3x #AmazonCart",
        "$3x #AmazonCart",
        "2.3x #AmazonCart",
        "@2x #AmazonCart",
        "#3x #AmazonCart",
    ],
)
def test_numbers_inside_words_and_sizes_are_no_quantity(text: str) -> None:
    assert quantity(text) is None


@pytest.mark.parametrize(
    "text", ["2x #AmazonCart x3", "2x #AmazonCart 3", "2x #AmazonCart x0", "2x #AmazonCart x2.5", "2.5x #AmazonCart x2"]
)
def test_quantities_that_differ_cancel_each_other(text: str) -> None:
    assert quantity(text) is None


def test_any_script_may_name_the_hashtag() -> None:
    assert quantity("＃アマゾンポチ ×３", hashtag="＃アマゾンポチ") == 3
    assert quantity("３× #アマゾンポチ", hashtag="#アマゾンポチ") == 3


def test_urls_and_mentions_of_the_entities_count_as_spaces() -> None:
    text = "#AmazonCart 2 see.example ~bot"
    assert quantity(text) is None
    assert quantity(text, (26, 30), (14, 25)) == 2
    assert quantity(text, (14, 30), (14, 25), (12, 12), (20, 15), (29, 99)) == 2
    assert quantity("see.example3x #AmazonCart", (-4, 11)) == 3


@given(st.integers(1, 999), st.sampled_from("xX×✕✖ｘ"), st.sampled_from(["", " ", "\n", "\u3000"]))
def test_every_quantity_is_read_on_either_side(number: int, sign: str, space: str) -> None:
    assert quantity(f"yes {HASHTAG} {sign}{space}{number} please") == number
    assert quantity(f"yes {number}{space}{sign} {HASHTAG} please") == number
    assert quantity(f"yes {HASHTAG} {number}!") == number


@given(st.integers(min_value=1000) | st.integers(max_value=0))
def test_no_other_whole_number_is_a_quantity(number: int) -> None:
    assert quantity(f"{HASHTAG} x{number}") is None
    assert quantity(f"{number}x {HASHTAG}") is None
    assert quantity(f"{HASHTAG} {number}") is None


@given(st.integers(1, 999), st.characters(categories=("Ll", "Lu", "Lo", "Nd", "No", "Sc")))
def test_a_quantity_ends_where_its_digits_end(number: int, following: str) -> None:
    assert quantity(f"{HASHTAG} ×{number}{following}") in {None, int(f"{number}{unicodedata.decimal(following, '')}")}


@given(surroundings, surroundings, any_spans)
def test_any_surroundings_give_a_quantity_or_none(before: str, after: str, ignorable: list[Span]) -> None:
    text = before + HASHTAG + after
    result = quantity_beside(text, len(before), len(before) + len(HASHTAG), ignorable)
    assert result is None or 1 <= result <= 999


@given(surroundings, st.integers(-5, 30), st.integers(-5, 30))
def test_indices_of_another_text_do_no_harm(text: str, start: int, end: int) -> None:
    assert quantity_beside(text, start, end, ()) != 0


@pytest.mark.parametrize(
    "pattern", ["1", " ", "1 ", "1x ", "x", "@a", "@", "#a ", "a.com/", "😀", "x 1", "\u0301", "https://t.co/a "]
)
def test_hostile_surroundings_take_linear_time(pattern: str) -> None:
    noise = pattern * (HOSTILE_LENGTH // len(pattern))
    text = f"{noise}x {HASHTAG} x{noise}"
    start = text.index(HASHTAG)
    started = time.process_time()
    quantity_beside(text, start, start + len(HASHTAG), [(0, len(text))] * 1000)
    quantity_beside(text, start, start + len(HASHTAG))
    assert time.process_time() - started < SECONDS_FOR_HOSTILE_TEXT
