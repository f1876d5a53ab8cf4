"""What e-mails say and look like: five languages, no product in a subject, no sensitive product anywhere."""

import re
import string
from dataclasses import replace
from email.utils import parseaddr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashcart.domain.emails import (
    DIGEST_AT_MS,
    DIGEST_SETTLES_MS,
    DIGEST_SPREAD_MS,
    PROBLEMS,
    SUCCESSES,
    BadAddressError,
    digest_due_ms,
    digest_end_ms,
)
from hashcart.domain.outcomes import Code, Outcome
from hashcart.domain.posts import DAY_MS
from hashcart.domain.signed_tokens import sign, verified_subject
from hashcart.emails.letters import (
    MAX_ENTRIES,
    MAX_TITLE,
    Done,
    Letter,
    digest_letter,
    notice_letter,
    problem_letter,
    shown_title,
)
from hashcart.emails.rendering import Email, Letterhead, render
from hashcart.emails.texts import LANGUAGES, texts_in
from hashcart.messages.notices import AccountNotice, NoticeKind
from tests.fakes.clock import NOW_MS

STORE = "Käthe & Söhne"
TITLE = 'Copper <kettle> & "lid"'
HEAD = Letterhead(store=STORE, sender="cart@shop.example", public_url="https://cart.shop.example")
ENGLISH = texts_in("en")[1]
REASONS = sorted(key.removeprefix("reason.") for key in ENGLISH if key.startswith("reason."))


def rendered(letter: Letter) -> Email:
    return render(letter, HEAD, to="ada@mail.example", unsubscribe_token="dG9rZW4.c2ln")


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def notice(kind: NoticeKind, language: str) -> AccountNotice:
    return AccountNotice(kind, "shopper-1", "ada_shops", language, NOW_MS, choice="problems")


def letters(language: str, *, sensitive: bool) -> list[Letter]:
    """Every letter that there can be in a language."""
    outcomes = [
        Outcome(code, 1, reason=reason, quantity=3, maximum=5, sensitive=sensitive)
        for code in sorted(PROBLEMS | SUCCESSES)
        for reason in (None, "new_reason", *REASONS)
    ]
    problems = [
        problem_letter(outcome, TITLE, language=language, store=STORE)
        for outcome in outcomes
        if outcome.code in PROBLEMS
    ]
    digests = [
        digest_letter([Done(outcome, TITLE)], language=language, store=STORE)
        for outcome in outcomes
        if outcome.code in SUCCESSES and outcome.reason is None
    ]
    return [*problems, *digests, *(notice_letter(notice(kind, language), store=STORE) for kind in NoticeKind)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_texts_and_placeholders(language: str) -> None:
    _, texts = texts_in(language)
    assert list(texts) == list(ENGLISH)
    assert {key: placeholders(text) for key, text in texts.items()} == {
        key: placeholders(text) for key, text in ENGLISH.items()
    }
    same = {key for key, text in texts.items() if text == ENGLISH[key]}
    assert language == "en" or same == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_letter_renders_whole_in_text_and_html(language: str) -> None:
    for letter in letters(language, sensitive=False):
        email = rendered(letter)
        for body in (email.subject, email.text, email.html):
            assert "{" not in re.sub(r"<style>.*</style>", "", body, flags=re.DOTALL)
            assert "None" not in body
        assert f'<html lang="{language}">' in email.html
        assert "Copper <kettle>" not in email.html
        assert TITLE not in email.subject


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_sensitive_product_is_never_named(language: str) -> None:
    for letter in letters(language, sensitive=True):
        email = rendered(letter)
        assert "kettle" not in email.subject + email.text + email.html


def test_a_problem_names_its_product_and_what_to_do() -> None:
    outcome = Outcome(Code.LIMIT_APPLIED, 1, quantity=5, maximum=5)
    email = rendered(problem_letter(outcome, TITLE, language="de-AT", store=STORE))
    assert email.subject == "Weniger, als du wolltest"
    assert f"- {TITLE}\n" in email.text
    assert "Höchstens 5; gemerkt sind 5." in email.text
    assert "Meinen Warenkorb öffnen: https://cart.shop.example/cart\n" in email.text
    assert "Copper &lt;kettle&gt; &amp; &#34;lid&#34;" in email.html


def test_a_reason_that_is_not_known_yet_leaves_the_problem_to_speak() -> None:
    known = problem_letter(Outcome(Code.NO_PRODUCT, 1, reason="no_link"), None, language="en", store=STORE)
    unknown = problem_letter(Outcome(Code.NO_PRODUCT, 1, reason="sunspots"), None, language="en", store=STORE)
    assert known.opening[0] == unknown.opening[0]
    assert (len(known.opening), len(unknown.opening), known.entries) == (2, 1, ())


def test_who_reads_no_language_of_ours_reads_english() -> None:
    letter = problem_letter(Outcome(Code.NO_PRODUCT, 1), None, language="pt-BR", store=STORE)
    assert (letter.language, letter.subject) == ("en", ENGLISH["subject.NO_PRODUCT"])


def test_a_long_digest_ends_in_a_number() -> None:
    done = [Done(Outcome(Code.ADDED, 1, quantity=1), f"Mug {number}") for number in range(MAX_ENTRIES + 7)]
    letter = digest_letter(done, language="en", store=STORE)
    assert len(letter.entries) == MAX_ENTRIES
    assert letter.closing[0] == "and 7 more on your activity page."


def test_a_digest_says_a_product_where_it_may_not_or_cannot_say_which() -> None:
    added = Outcome(Code.ADDED, 1, quantity=1)
    letter = digest_letter([Done(replace(added, sensitive=True), "Mug"), Done(added)], language="en", store=STORE)
    assert [entry.title for entry in letter.entries] == ["A product", "A product"]


def test_a_mail_program_can_unsubscribe_in_one_click() -> None:
    email = rendered(letters("en", sensitive=False)[0])
    assert dict(email.headers) == {
        "List-Unsubscribe": "<https://cart.shop.example/unsubscribe?token=dG9rZW4.c2ln>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Auto-Submitted": "auto-generated",
    }
    assert "https://cart.shop.example/unsubscribe?token=dG9rZW4.c2ln" in email.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_loads_nothing_and_leads_only_to_our_pages(language: str) -> None:
    for letter in letters(language, sensitive=False):
        email = rendered(letter)
        links = re.findall(r'(?:href|src|action|url\()=?["\']?([^"\')\s>]+)', email.html)
        links += re.findall(r"https?://\S+", email.text)
        assert links
        assert all(link.startswith("https://cart.shop.example/") for link in links)
        assert not re.search(r"<(img|script|link|iframe|object|form|svg|video)\b", email.html)


@given(st.text(min_size=1, max_size=40), st.text(max_size=300))
def test_no_text_of_others_breaks_out_of_its_place(store: str, title: str) -> None:
    letter = problem_letter(Outcome(Code.OUT_OF_STOCK, 1), title or None, language="en", store=store)
    email = render(letter, replace(HEAD, store=store), to="ada@mail.example", unsubscribe_token="t")
    for value in (email.sender, email.subject, *(value for _, value in email.headers)):
        assert not re.search(r"[\x00-\x1f\x7f]", value)
        assert value.isascii() or value == email.subject
    assert parseaddr(email.sender)[1] == "cart@shop.example"
    assert len(letter.entries) <= 1
    assert all(len(entry.title) <= MAX_TITLE and "\n" not in entry.title for entry in letter.entries)


def test_a_title_hides_nothing() -> None:
    assert shown_title(" Mug\r\nBcc: x\u202egum\u200b ") == "Mug Bcc: x gum"
    assert shown_title("m" * 500).endswith("m…")


@pytest.mark.parametrize(
    "address",
    ["", "ada", "a@b", "a b@c.de", "a@b.c\nBcc: x@y.z", "a@b.c,d@e.f", "<a@b.c>", "ä@b.de", "a" * 65 + "@b.de"],
)
def test_an_address_that_could_be_more_than_one_is_refused(address: str) -> None:
    letter = letters("en", sensitive=False)[0]
    with pytest.raises(BadAddressError):
        render(letter, HEAD, to=address, unsubscribe_token="t")


# ---------------------------------------------------------------- Tokens


def test_a_token_names_whom_it_was_made_for() -> None:
    token = sign("unsubscribe", "shopper-1", "key")
    assert re.fullmatch(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", token)
    assert verified_subject("unsubscribe", token, ["key"]) == "shopper-1"
    assert verified_subject("unsubscribe", token, ["new", "key"]) == "shopper-1"


@pytest.mark.parametrize(
    ("purpose", "token", "keys"),
    [
        ("sign-in", sign("unsubscribe", "shopper-1", "key"), ["key"]),
        ("unsubscribe", sign("unsubscribe", "shopper-1", "key"), ["other"]),
        ("unsubscribe", sign("unsubscribe", "shopper-1", "key"), []),
        ("unsubscribe", "c2hvcHBlci0y." + sign("unsubscribe", "shopper-1", "key").split(".")[1], ["key"]),
        ("unsubscribe", sign("unsubscribe", "s" * 400, "key"), ["key"]),
        ("unsubscribe", "", ["key"]),
        ("unsubscribe", ".", ["key"]),
        ("unsubscribe", "ä.b", ["key"]),
        ("unsubscribe", "/w.??", ["key"]),
        ("unsubscribe", "_w._w", ["key"]),
    ],
)
def test_a_token_for_something_else_or_by_somebody_else_names_nobody(purpose: str, token: str, keys: list[str]) -> None:
    assert verified_subject(purpose, token, keys) is None


# ---------------------------------------------------------------- Digest times


@given(st.integers(min_value=0, max_value=4_000_000_000_000), st.text(min_size=1, max_size=20))
def test_each_moment_belongs_to_one_digest_which_comes_after_it(at_ms: int, shopper_id: str) -> None:
    end_ms = digest_end_ms(at_ms)
    assert end_ms % DAY_MS == DIGEST_AT_MS
    assert end_ms - DAY_MS <= at_ms < end_ms
    assert (
        end_ms + DIGEST_SETTLES_MS <= digest_due_ms(end_ms, shopper_id) < end_ms + DIGEST_SETTLES_MS + DIGEST_SPREAD_MS
    )
