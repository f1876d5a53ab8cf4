"""Options chosen by the words beside a hashtag: what counts, and that everything doubtful does not."""

import itertools
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashcart.domain.option_words import MARKS, MAX_WORD_LENGTH, MAX_WORDS, option_words
from hashcart.domain.options import Reading, read_options
from hashcart.domain.products import Variant
from hashcart.domain.quantities import quantity_beside

HASHTAG = "#AmazonCart"
HOSTILE_LENGTH = 20_000
SECONDS_FOR_HOSTILE_TEXT = 1.5  # many times what linear time needs while coverage is measured


def variants(**options: str) -> list[Variant]:
    """All combinations of values, such as size="S M"; an id is the values with dots between them."""
    combinations = itertools.product(*(values.split("|") for values in options.values()))
    return [Variant(".".join(values), tuple(zip(options, values, strict=True))) for values in combinations]


TEE = variants(size="S|M|L|XL")
SHIRT = [
    variant for variant in variants(Size="S|M|L", Color="Red|Blue|Navy Blue") if variant.id not in ("L.Red", "S.Blue")
]
HEMD = variants(Größe="S|M|L|XL", Farbe="Weiß|Schwarz|Grün")
ROBE = variants(Taille="36|38|40", Couleur="Écru|Noir|Bleu marine")
CAMISA = variants(Talla="Pequeña|Mediana|Grande", Color="Rojo|Azul|Verde")
SHATSU = variants(サイズ="S|M|L|2L", カラー="ブラック|ホワイト|ネイビー")
SHOE = variants(Size="8|8.5|9|10,5", Width="Narrow|Wide")
JEANS = variants(size_name="32/34|32/36|34/34", color_name="Dark Blue|Light Blue")
BOTTLE = variants(Capacity="500 ml|1 L|2 L")
CAP = variants(Size="S/M|L/XL")
CUP = variants(Cup="A|B|C", Color="Blue|Red")
LONG = variants(Size="Small|Medium|Large|Extra Large")
BOTH = variants(Size="L|Large")
TITLED = [Variant(title, (("Title", title),)) for title in ("Blue / L", "Blue / M", "Red / L")]
UNTITLED = [Variant(title, title=title) for title in ("Small", "Large")]
PLUS = variants(Size="1X|2X|3X")
ANSWERS = variants(Engraving="Yes|No", Size="S|M")
RUG = variants(Size="10 x 12|8 x 10")


def read(text: str, offered: list[Variant], hashtag: str = HASHTAG) -> tuple[str | None, int | None]:
    start = text.index(hashtag)
    end = start + len(hashtag)
    reading = read_options(option_words(text, start, end), offered, quantity_beside(text, start, end))
    return (reading.variant.id if reading.variant else None), reading.quantity


@pytest.mark.parametrize(
    ("text", "offered", "chosen"),
    [
        # English
        ("#AmazonCart size L", TEE, "L"),
        ("#AmazonCart L", TEE, "L"),
        ("#AmazonCart s", TEE, "S"),
        ("#AmazonCart S!", TEE, "S"),
        ("#AmazonCart (L)", TEE, "L"),
        ("#AmazonCart size: xl", TEE, "XL"),
        ("#AmazonCart L size please", TEE, "L"),
        ("size L #AmazonCart", TEE, "L"),
        ("Medium, please #AmazonCart", TEE, "M"),
        ("#AmazonCart extra large", TEE, "XL"),
        ("#AmazonCart x-large", TEE, "XL"),
        ("#AmazonCart L", LONG, "Large"),
        ("#AmazonCart extra-large", LONG, "Extra Large"),
        ("#AmazonCart large", BOTH, "Large"),
        ("#AmazonCart l", BOTH, "L"),
        ("#AmazonCart size L blue", SHIRT, "L.Blue"),
        ("#AmazonCart blue size L", SHIRT, "L.Blue"),
        ("blue #AmazonCart size L", SHIRT, "L.Blue"),
        ("#AmazonCart L/blue", SHIRT, "L.Blue"),
        ("#AmazonCart L, blue", SHIRT, "L.Blue"),
        ("#AmazonCart L & blue", SHIRT, "L.Blue"),
        ("#AmazonCart navy blue, M", SHIRT, "M.Navy Blue"),
        ("#AmazonCart navy M", SHIRT, "M.Navy Blue"),
        ("#AmazonCart colour red size s", SHIRT, "S.Red"),
        ("#AmazonCart color: RED, size: S", SHIRT, "S.Red"),
        ("I want the blue one in size L please #AmazonCart", SHIRT, "L.Blue"),
        ("Gorgeous! #AmazonCart blue, size L. Thanks a lot", SHIRT, "L.Blue"),
        ("#AmazonCart blue size L for my daughter", SHIRT, "L.Blue"),
        ("#AmazonCart M because it shrinks", TEE, "M"),
        ("My daughter is size M #AmazonCart", TEE, "M"),
        ("#AmazonCart size L 🙏", TEE, "L"),
        ("@shopbot #AmazonCart size L https://t.co/abc #deal", TEE, "L"),
        ("Love it!\n#AmazonCart size L\nSee you", TEE, "L"),
        ("#AmazonCart\nsize L", TEE, "L"),
        ("#AmazonCart 8.5 wide", SHOE, "8.5.Wide"),
        ("#AmazonCart size 10.5, narrow", SHOE, "10,5.Narrow"),
        ("#AmazonCart size 9 width wide", SHOE, "9.Wide"),
        ("#AmazonCart 32/34 dark blue", JEANS, "32/34.Dark Blue"),
        ("#AmazonCart 2 L", BOTTLE, "2 L"),
        ("#AmazonCart 500ml", BOTTLE, "500 ml"),
        ("#AmazonCart l/xl", CAP, "L/XL"),
        ("#AmazonCart cup A blue", CUP, "A.Blue"),
        ("#AmazonCart B in blue", CUP, "B.Blue"),
        ("#AmazonCart L blue", TITLED, "Blue / L"),
        ("#AmazonCart size M", TITLED, "Blue / M"),
        ("#AmazonCart large", UNTITLED, "Large"),
        ("#AmazonCart size 3X", PLUS, "3X"),
        ("#AmazonCart engraving no, size S", ANSWERS, "No.S"),
        ("#AmazonCart 10 x 12", RUG, "10 x 12"),
        ("#AmazonCart 8×10", RUG, "8 x 10"),
        # French
        ("#AmazonCart taille M", TEE, "M"),
        ("#AmazonCart en taille L s'il vous plaît", TEE, "L"),
        ("#AmazonCart la bleue en M svp", variants(Taille="M|L", Couleur="Bleu|Rouge"), "M.Bleu"),
        ("#AmazonCart taille 38, ecru", ROBE, "38.Écru"),
        ("Je voudrais le NOIR en taille 40 #AmazonCart", ROBE, "40.Noir"),
        ("#AmazonCart 36 bleu marine", ROBE, "36.Bleu marine"),
        ("#AmazonCart couleur rouge taille S", SHIRT, "S.Red"),
        ("#AmazonCart taille L pour ma sœur", TEE, "L"),
        # Spanish
        ("#AmazonCart talla L", TEE, "L"),
        ("#AmazonCart pequena, color AZUL", CAMISA, "Pequeña.Azul"),
        ("Quiero la mediana en rojo por favor #AmazonCart", CAMISA, "Mediana.Rojo"),
        ("#AmazonCart azul talla L para mi hija", SHIRT, "L.Blue"),
        # German
        ("#AmazonCart Größe XL", TEE, "XL"),
        ("#AmazonCart GROESSE M", TEE, "M"),
        ("#AmazonCart in Größe L, weiss bitte", HEMD, "L.Weiß"),
        ("#AmazonCart xl GRÜN", HEMD, "XL.Grün"),
        ("#AmazonCart Farbe grun, Größe S", HEMD, "S.Grün"),
        ("Ich hätte gern das schwarze in M #AmazonCart", HEMD, "M.Schwarz"),
        ("#AmazonCart Größe M für meine Mutter", TEE, "M"),
        # Japanese
        ("#AmazonCart サイズ M", TEE, "M"),
        ("#AmazonCart サイズM", TEE, "M"),
        ("#AmazonCart Mサイズ", TEE, "M"),
        ("#AmazonCart ｻｲｽﾞ：Ｍ", TEE, "M"),
        ("#AmazonCart 青のL", SHIRT, "L.Blue"),
        ("#AmazonCart ブラックのMサイズでお願いします", SHATSU, "M.ブラック"),
        ("#AmazonCart カラーは白、サイズは2L", SHATSU, "2L.ホワイト"),
        ("Lサイズの黒がほしいです #AmazonCart", SHATSU, "L.ブラック"),
        ("#AmazonCart ネイビー S", SHATSU, "S.ネイビー"),
        ("#AmazonCart navy S", SHATSU, "S.ネイビー"),
    ],
)
def test_words_choose_the_one_variant_that_they_fit(text: str, offered: list[Variant], chosen: str) -> None:
    assert read(text, offered) == (chosen, None)


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("#AmazonCart", TEE),
        ("#AmazonCart please", TEE),
        ("it's lovely #AmazonCart", TEE),
        ("#AmazonCart it's great", TEE),
        ("#AmazonCart l'offre du jour", TEE),
        ("#AmazonCart XXL", TEE),
        ("#AmazonCart size 44", TEE),
        ("#AmazonCart size 44, blue", SHIRT),
        ("#AmazonCart size L", SHIRT),
        ("#AmazonCart blue", SHIRT),
        ("#AmazonCart L red", SHIRT),
        ("#AmazonCart L green", SHIRT),
        ("#AmazonCart size L teal", SHIRT),
        ("#AmazonCart L M", TEE),
        ("#AmazonCart L or M", TEE),
        ("#AmazonCart L/XL", TEE),
        ("#AmazonCart size L or larger", TEE),
        ("#AmazonCart not size L", TEE),
        ("#AmazonCart L, not M", TEE),
        ("#AmazonCart M? thanks", TEE),
        ("#AmazonCart do they have size L?", TEE),
        ("#AmazonCart L for me and M for her", TEE),
        ("#AmazonCart any colour, L", SHIRT),
        ("#AmazonCart any colour but blue, L", SHIRT),
        ("#AmazonCart size matters, L", TEE),
        ("#AmazonCart light blue, L", SHIRT),
        ("#AmazonCart very dark blue, 32/34", JEANS),
        ("#AmazonCart blue 32/34", JEANS),
        ("I am an M usually. #AmazonCart L", TEE),
        ("My wall is blue #AmazonCart", CUP),
        ("What a small price #AmazonCart", LONG),
        ("#AmazonCart a blue one", CUP),
        ("#AmazonCart 2 L", TEE),
        ("#AmazonCart x L", TEE),
        ("#AmazonCart L 2 days left", TEE),
        ("#AmazonCart size L 2 left", TEE),
        ("#AmazonCart size blue", SHIRT),
        ("#AmazonCart blue size", SHIRT),
        ("#AmazonCart no, S", ANSWERS),
        ("#AmazonCart taille unique", TEE),
        ("#AmazonCart pas le noir, 38", ROBE),
        ("#AmazonCart M ou L", TEE),
        ("#AmazonCart talla M o L", TEE),
        ("#AmazonCart sin azul, mediana", CAMISA),
        ("#AmazonCart nicht M, sondern L", TEE),
        ("#AmazonCart Größe M oder L", TEE),
        ("#AmazonCart ohne Größe M", TEE),
        ("#AmazonCart 黒ではなく白のM", SHATSU),
        ("#AmazonCart 黒か白のM", SHATSU),
        ("#AmazonCart サイズがわからない", TEE),
        ("#AmazonCart Mサイズ以外", TEE),
        ("#AmazonCart 2L", TEE),
        ("#AmazonCart 色々なM", TEE),
        ("#AmazonCart " + "nice " * 20 + "size L", TEE),
    ],
)
def test_what_is_not_clear_chooses_nothing(text: str, offered: list[Variant]) -> None:
    assert read(text, offered) == (None, None)


@pytest.mark.parametrize(
    ("text", "offered", "chosen", "quantity"),
    [
        ("#AmazonCart x2 L", TEE, "L", 2),
        ("#AmazonCart x2, size L", TEE, "L", 2),
        ("2x #AmazonCart L", TEE, "L", 2),
        ("#AmazonCart size L x2", TEE, "L", 2),
        ("#AmazonCart 2x L", TEE, "L", 2),
        ("2 x L #AmazonCart", TEE, "L", 2),
        ("#AmazonCart L × 3", TEE, "L", 3),
        ("#AmazonCart x2 size L", SHIRT, None, 2),
        ("#AmazonCart size L x2", SHIRT, None, 2),
        ("#AmazonCart x2 L x2", TEE, "L", 2),
        ("#AmazonCart x2 L x3", TEE, None, None),
        ("#AmazonCart L x2 x3", TEE, None, None),
        ("#AmazonCart L x0", TEE, None, None),
        ("I have 3x this. #AmazonCart L", TEE, "L", None),
        ("I have 3x this in size M #AmazonCart", TEE, None, None),
        ("#AmazonCart please x3", TEE, None, None),
        ("#AmazonCart 3", TEE, None, 3),
        ("size 38 #AmazonCart 2", ROBE, None, 2),
        ("noir, size 38 #AmazonCart 2", ROBE, "38.Noir", 2),
        ("#AmazonCart 38", ROBE, None, None),
        ("#AmazonCart x38", ROBE, None, 38),
        ("#AmazonCart 3X", PLUS, None, None),
        ("#AmazonCart x2 size 2X", PLUS, "2X", 2),
    ],
)
def test_numbers_are_a_quantity_or_a_size_but_never_either(
    text: str, offered: list[Variant], chosen: str | None, quantity: int | None
) -> None:
    assert read(text, offered) == (chosen, quantity)


def test_the_variant_of_the_link_has_the_say_on_what_the_words_leave_open() -> None:
    assert (
        read_options(("size", "m"), SHIRT, linked_id="L.Blue").variant == SHIRT[[v.id for v in SHIRT].index("M.Blue")]
    )
    assert read_options(("lovely",), SHIRT, linked_id="L.Blue").is_silent
    assert read_options(("size", "s"), SHIRT, linked_id="L.Blue") == Reading()
    assert read_options(("size", "m", "or", "l"), SHIRT, linked_id="L.Blue") == Reading()


def test_variants_that_cannot_be_told_apart_are_not_chosen() -> None:
    twins = [Variant("1", (("size", "L"),)), Variant("2", (("size", "L"),)), Variant("3"), Variant("4", (("", "!"),))]
    assert read_options(("size", "l"), twins) == Reading()
    assert read_options(("l",), []) == Reading(is_silent=True)


def test_only_words_near_the_hashtag_leave_and_they_are_few_and_short() -> None:
    text = "Secret first line\n" + "before " * 30 + HASHTAG + " one two\nSecret last line"
    start = text.index(HASHTAG)
    words = option_words(text, start, start + len(HASHTAG))
    assert words[-3:] == (".", "one", "two")
    assert len([word for word in words if word not in MARKS]) == MAX_WORDS
    assert "secret" not in words
    assert option_words("#a " + "x" * 200, 0, 2) == ("x" * MAX_WORD_LENGTH,)
    assert option_words("see.example @bot L #a", 19, 21, [(0, 11), (12, 16)]) == ("l",)


def test_apostrophes_alone_are_no_words() -> None:
    assert option_words("#a ʼʼ ' rockʼnʼroll ŉ L", 0, 2) == ("rocknroll", "n", "l")


OFFERS = (TEE, SHIRT, HEMD, ROBE, CAMISA, SHATSU, SHOE, JEANS, BOTTLE, CAP, LONG)
NAMES = {"size_name": "size", "color_name": "colour"}
NOISE = [
    "lovely",
    "x2",
    "2",
    "or",
    "not",
    "?",
    "!",
    ".",
    "size",
    "colour",
    "L",
    "blue",
    "for",
    "a",
    "the",
    "サイズ",
    "の",
]


@given(st.sampled_from(OFFERS), st.randoms(use_true_random=False), st.booleans(), st.sampled_from([" ", ", ", "　"]))
def test_each_variant_is_chosen_by_its_options_in_any_order(
    offered: list[Variant], rng: random.Random, is_named: bool, separator: str
) -> None:
    variant = rng.choice(offered)
    options = [(NAMES.get(name, name), value) for name, value in variant.options]
    rng.shuffle(options)
    words = separator.join(f"{name} {value}" if is_named else value for name, value in options)
    after = rng.choice((words, words.upper(), words.lower()))
    chosen, _ = read(
        f"{HASHTAG} size {after}" if after[:1].isdigit() and not is_named else f"{HASHTAG} {after}", offered
    )
    expected = {variant.id} if is_named else {variant.id, None}
    assert chosen in expected


@given(
    st.sampled_from(OFFERS),
    st.randoms(use_true_random=False),
    st.lists(st.sampled_from(NOISE), max_size=4),
    st.lists(st.sampled_from(NOISE), max_size=4),
)
def test_noise_may_hinder_a_choice_but_never_makes_another(
    offered: list[Variant], rng: random.Random, before: list[str], after: list[str]
) -> None:
    variant = rng.choice(offered)
    words = " ".join(f"{NAMES.get(name, name)} {value}" for name, value in variant.options)
    chosen, _ = read(f"{' '.join(before)} {HASHTAG} {words} {' '.join(after)}", offered)
    assert chosen in (variant.id, None)


@given(st.text(), st.text(), st.sampled_from(OFFERS))
def test_any_text_gives_a_variant_or_none(before: str, after: str, offered: list[Variant]) -> None:
    text = before + HASHTAG + after
    words = option_words(text, len(before), len(before) + len(HASHTAG))
    assert len([word for word in words if word not in MARKS]) <= MAX_WORDS
    assert all(0 < len(word) <= MAX_WORD_LENGTH for word in words)
    reading = read_options(words, offered)
    assert reading.variant is None or reading.variant in offered


@given(st.lists(st.text(max_size=10), max_size=8), st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8))))
def test_any_words_and_options_give_a_variant_or_none(words: list[str], options: list[tuple[str, str]]) -> None:
    offered = [Variant(str(number), (option,)) for number, option in enumerate(options)]
    reading = read_options(words, offered, 2)
    assert reading.variant is None or reading.variant in offered


@pytest.mark.parametrize(
    "pattern", ["a ", "x", "1", "size ", "L ", "サイズ", "サm", "- ", "?", "\n", "e\u0301", "a-", "1/"]
)
def test_hostile_texts_take_linear_time(pattern: str) -> None:
    noise = pattern * (HOSTILE_LENGTH // len(pattern))
    text = f"{noise} {HASHTAG} {noise}"
    start = text.index(HASHTAG)
    began = time.process_time()
    read_options(option_words(text, start, start + len(HASHTAG), [(0, 9)] * 1000), SHIRT)
    assert time.process_time() - began < SECONDS_FOR_HOSTILE_TEXT
