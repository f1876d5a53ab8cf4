"""Hashtags in texts: cases of our own for each rule of twitter-text, and what hostile texts must not do."""

import time
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hashcart.domain.hashtags import (
    MAX_HASHTAG_LENGTH,
    extract_hashtags,
    extract_hashtags_with_indices,
    fold_hashtag,
    same_hashtag,
    url_spans,
)
from hashcart.domain.posts import HashtagSpan

HOSTILE_LENGTH = 20_000
SECONDS_FOR_HOSTILE_TEXT = 1.5  # many times what linear time needs while coverage is measured

TRICKY_PIECES = [
    *("#", "＃", "a", "1", "٣", "_", "é", "あ", "日本", "😀", "\U00020021", "\U000104a0", "\ufe0f", "\ufe0e", "\u20e3"),
    *(".", "/", ":", "-", "@", "&", "?", "(", ")", " ", "\n", "\u200c", "\u200e", "\ud800", "\udfff", "\x00"),
    *("http://", "HTTPS://", "t.co/", "com", ".jp", "みんな", "xn--", "example.com/", "x" * 64),
]
tricky_texts = st.lists(st.sampled_from(TRICKY_PIECES)).map("".join)
any_text = st.text(alphabet=st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("", []),
        ("no tag here", []),
        ("#", []),
        ("# AmazonCart", []),
        ("#AmazonCart", ["AmazonCart"]),
        ("＃AmazonCart", ["AmazonCart"]),
        ("yes #AmazonCart, please", ["AmazonCart"]),
        ("#AmazonCart #deal #AmazonCart", ["AmazonCart", "deal", "AmazonCart"]),
        ("#AmazonCart's", ["AmazonCart"]),
        ("#Amazon-Cart", ["Amazon"]),
        ("#amazon_cart_2", ["amazon_cart_2"]),
        ("#AmazonCart…", ["AmazonCart"]),
        ("@shop#AmazonCart", []),
        ("@shop #AmazonCart", ["AmazonCart"]),
        ("#2024", []),
        ("#2024s", ["2024s"]),
        ("#_", []),
        ("#__x", ["__x"]),
        ("#٢٠٢٤", []),
        ("#²", []),
        ("#aⅧ", ["a"]),
        ("#a①b", ["a"]),
    ],
)
def test_a_hashtag_is_letters_marks_digits_and_underscores_with_a_letter_or_mark(text: str, tags: list[str]) -> None:
    assert extract_hashtags(text) == tags


@pytest.mark.parametrize(
    "tag",
    [
        "アマゾンポチ",
        "ｱﾏｿﾞﾝﾎﾟﾁ",
        "アマゾン・ポチ",
        "メ〜テレ",
        "ゕ゛か",
        "購物車",
        "장바구니",
        "Einkaufswägen",
        "Einkaufswa\u0308gen",
        "панье",
        "καλάθι",
        "عربة_تسوق",
        "می\u200cخواهم",
        "סל׳",
        "רח״ל",
        "עַל־יְדֵי",
        "कार्ट",
        "ක්\u200dර",
        "รถเข็น",
        "བོད་སྐད་",
        "མདོ༌ཁ",
        "cat·alà",
        "\U00020021",
        "\U00016f04\U00016f51",
        "a\U000104a0",
        "\U0001e900\U0001e950",
        "\uf8d6",
        "\ua67eа",
        "ＡｍａｚｏｎＣａｒｔ",
    ],
)
def test_hashtags_of_any_script_are_read_whole(tag: str) -> None:
    assert extract_hashtags(f"({tag} #{tag}) ＃{tag}。") == [tag, tag]


@pytest.mark.parametrize(
    "special", "\u200c\u200d\ua67e\u05be\u05f3\u05f4\uff5e\u301c\u309b\u309c\u30a0\u30fb\u3003\u0f0b\u0f0c\u00b7_5"
)
def test_special_characters_belong_to_a_hashtag_but_make_none(special: str) -> None:
    assert extract_hashtags(f"#a{special}b") == [f"a{special}b"]
    assert extract_hashtags(f"#{special}") == []
    assert extract_hashtags(f"{special}#a") == []


@pytest.mark.parametrize("neighbour", "\uf8ff😀、。「★€~=+|‘´^")
def test_other_symbols_end_a_hashtag_and_may_precede_one(neighbour: str) -> None:
    assert extract_hashtags(f"#a{neighbour}b {neighbour}#c") == ["a", "c"]


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("a#b", []),
        ("é#b", []),
        ("あ#b", []),
        ("1#b", []),
        ("_#b", []),
        ("&#b", []),
        ("&#39; &#xe9;", []),
        ("a\u0301#b", []),
        ("\U00020021#b", []),
        ("😀#b", ["b"]),
        ("❤\ufe0f#b", ["b"]),
        ("❤\ufe0e#b", ["b"]),
        (".#b /#c -#d ;#e", ["b", "c", "d", "e"]),
        ("\u200e#b", ["b"]),
        ("#\ufe0f\u20e3", []),
        ("#\ufe0f\u20e3#b", []),
        ("#\u20e3 #\u20e3b", []),
        ("#\ufe0f#b", ["b"]),
        ("#\ufe0eb", ["\ufe0eb"]),
    ],
)
def test_what_may_stand_before_a_hashtag(text: str, tags: list[str]) -> None:
    assert extract_hashtags(text) == tags


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("#a#b", []),
        ("#a#b#c", []),
        ("#a＃b", []),
        ("#a##b", ["b"]),
        ("##a", ["a"]),
        ("#＃a", ["a"]),
        ("#a\ufe0f#b", []),
        ("#1#b", []),
        ("#a #b#", ["a"]),
        ("#http://example.com", []),
        ("#a://b", []),
        ("#a:/b #c:", ["a", "c"]),
    ],
)
def test_a_hash_sign_or_a_scheme_behind_a_hashtag_spoils_it(text: str, tags: list[str]) -> None:
    assert extract_hashtags(text) == tags


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/#tag",
        "HTTPS://EXAMPLE.COM/#tag",
        "https://example.com:8080/#tag",
        "http://example.com/a/b.html#tag",
        "http://example.com/a_(b)#tag",
        "http://example.com/a_(b_(c))#tag",
        "http://example.com/@shop/#tag",
        "http://example.com/?q=1&r=#tag",
        "http://example.com?#tag",
        "http://sub_domain.example.com/#tag",
        "http://example.com/Русские/#tag",
        "http://example.みんな/#tag",
        "http://example.бел/#tag",
        "http://example.भारतम्/#tag",
        "http://例え.jp/#tag",
        "http://xn--r8jz45g.jp/#tag",
        "http://example.xn--p1ai/#tag",
        "http://www.example.co.uk/#tag",
        "(http://example.com/#tag)",
        "これはhttp://example.com/#tag",
        "example.com/#tag",
        "EXAMPLE.COM/#tag",
        "example.jp/#tag",
        "t.co/abc/#tag",
        "elpaís.com/#tag",
        "これはexample.com/#tag",
        "b_c.example.com/#tag",
        "http://t.co/?x=#tag",
    ],
)
def test_a_hashtag_inside_a_url_is_none(url: str) -> None:
    assert extract_hashtags(f"#a {url} #b") == ["a", "b"]


@pytest.mark.parametrize(
    "text",
    [
        "http://example/#tag",
        "http://example.notatld/#tag",
        "example.notatld/#tag",
        "http://-example.com/#tag",
        "http://example-.com/#tag",
        "http://under_score.com/#tag",
        "http://.com/#tag",
        "http://example.com@/#tag",
        "http://example.com /#tag",
        "@example.com/#tag",
        "$example.com/#tag",
        "-example.com/#tag",
        "_example.com/#tag",
        "/example.com/#tag",
        "..example.com/#tag",
        "日本.みんな/#tag",
        "x@http://example.com/#tag",
        "http://t.co/abc/#tag",
        "http://t.co/abc.#tag",
        f"http://t.co/{'s' * 41}?q=#tag",
        f"http://{'あ' * 60}.jp/#tag",
        f"http://{'l' * 64}.com/#tag",
        f"http://example.com/{'p' * 4096}/#tag",
        f"http://{'あ。' * 20}い.jp/#tag",
        "http://xn--あ.みんな/#tag",
        "example.com?q=#tag",
        "http://example.com/path.../ #tag",
        "http://example.com/(#tag",
    ],
)
def test_a_hashtag_outside_of_what_twitter_text_calls_a_url_is_one(text: str) -> None:
    assert extract_hashtags(text) == ["tag"]


def test_a_url_that_starts_inside_a_hashtag_hides_nothing() -> None:
    assert extract_hashtags("#あtwitter.com/#b") == ["あtwitter", "b"]


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("no url", []),
        ("see example.com.", [(4, 15)]),
        ("これはexample.com日本example.jp/x語", [(3, 14), (16, 28)]),
        ("http://t.co/abc's", [(0, 15)]),
        ("é.com", [(0, 5)]),
        ("éa.com x", [(1, 6)]),
        ("http://a.com/x http://b.com", [(0, 14), (15, 27)]),
        ("日本.com.日本", []),
        ("a.com.日本.jp/x", [(0, 13)]),
    ],
)
def test_urls_are_found_with_and_without_protocol(text: str, spans: list[tuple[int, int]]) -> None:
    assert url_spans(text) == spans


def test_indices_are_code_points_and_start_at_the_hash_sign() -> None:
    assert extract_hashtags_with_indices("😀 #日本 ＃b!") == [HashtagSpan("日本", 2, 5), HashtagSpan("b", 6, 8)]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("AmazonCart", "amazoncart"),
        ("AMAZONCART", "ＡｍａｚｏｎＣａｒｔ"),
        ("アマゾンポチ", "ｱﾏｿﾞﾝﾎﾟﾁ"),
        ("Warenkörbe", "WARENKO\u0308RBE"),
        ("Straße", "STRASSE"),
        ("ΚΑΛΆΘΙς", "καλάθισ"),
        ("КОРЗИНА", "корзина"),
        ("\u0345", "\u03b9"),
    ],
)
def test_case_width_and_composition_do_not_tell_hashtags_apart(first: str, second: str) -> None:
    assert same_hashtag(first, second)


@pytest.mark.parametrize(
    ("first", "second"),
    [("AmazonCart", "AmazonCart2"), ("AmazonCart", "Amazon_Cart"), ("アマゾン", "あまぞん"), ("a", "а")],
)
def test_different_letters_tell_hashtags_apart(first: str, second: str) -> None:
    assert not same_hashtag(first, second)


@given(any_text)
def test_folding_twice_changes_nothing(tag: str) -> None:
    assert fold_hashtag(fold_hashtag(tag)) == fold_hashtag(tag)


@given(any_text | tricky_texts)
@example("\ud800#a\udfff.com/#b")
@example("#\ud800")
def test_any_text_is_read(text: str) -> None:
    hashtags = extract_hashtags_with_indices(text)
    assert extract_hashtags(text) == [hashtag.tag for hashtag in hashtags]
    for hashtag in hashtags:
        assert text[hashtag.start] in "#＃"
        assert text[hashtag.start + 1 : hashtag.end] == hashtag.tag


@given(any_text | tricky_texts)
def test_entities_are_in_order_and_apart(text: str) -> None:
    for spans in ([(hashtag.start, hashtag.end) for hashtag in extract_hashtags_with_indices(text)], url_spans(text)):
        assert all(start < end <= len(text) for start, end in spans)
        assert all(previous[1] <= following[0] for previous, following in pairwise(spans))


@given(tricky_texts)
def test_a_hashtag_on_a_line_of_its_own_is_always_found(text: str) -> None:
    assert extract_hashtags(f"{text}\n#AmazonCart")[-1:] == ["AmazonCart"]


@pytest.mark.parametrize(
    "pattern",
    [
        *(
            "#",
            "＃",
            "#a",
            "#1",
            "#a#",
            "😀#a",
            "a.",
            "a_b.",
            "_.",
            "あ.",
            "あa.",
            "http://",
            "http://a.com/",
            "a.com/",
        ),
        *(
            "a.co/(b",
            "/(a",
            "a.com/!",
            "a.com?!",
            "a.com/x(y)",
            "@a.com/b/",
            "xn--a.",
            "a.xn--",
            "a.a.a.あ.com ",
            "x.y.あ.com/#a",
        ),
        *("#" + "\u0301" * 99, "http://t.co/a#b ", "a.jp@", "-", "(("),
    ],
)
def test_hostile_texts_take_linear_time(pattern: str) -> None:
    text = f"(#x {pattern * (HOSTILE_LENGTH // len(pattern))} あ.com/#a"
    extract_hashtags("(#x a.com/")
    started = time.process_time()
    extract_hashtags(text)
    assert time.process_time() - started < SECONDS_FOR_HOSTILE_TEXT


def test_folding_a_row_of_marks_takes_linear_time() -> None:
    started = time.process_time()
    fold_hashtag("A" + "\u0316\u0301" * (HOSTILE_LENGTH // 2))
    assert time.process_time() - started < SECONDS_FOR_HOSTILE_TEXT
    assert fold_hashtag("A" * (MAX_HASHTAG_LENGTH + 1)) == "a" * (MAX_HASHTAG_LENGTH + 1)
