"""When the bot answers, and what it says."""

import string
from dataclasses import replace

import pytest

from hashcart.domain.account_links import AccountLink
from hashcart.domain.outcomes import Code, Outcome
from hashcart.domain.posts import Mention, Post
from hashcart.domain.replies import SAID_IN_PUBLIC, TEXTS, reply_text, silence
from hashcart.domain.summons import Bot, is_summons, mentions_bot

LINK = AccountLink("s", "222", "ada", "amazon.com", "US", "en", 5, "1", public_replies=True)
ADDED = Outcome(Code.ADDED, 5, quantity=2, maximum=10)
BOT = Bot("900", "shopbot")
MAX_POST_LENGTH = 280


@pytest.mark.parametrize(
    ("outcome", "link", "reason"),
    [
        (ADDED, LINK, None),
        (ADDED, replace(LINK, public_replies=False), "not_opted_in"),
        (ADDED, replace(LINK, quiet=True), "quiet"),
        (replace(ADDED, sensitive=True), LINK, "sensitive"),
        (replace(ADDED, code=Code.PAUSED), LINK, "not_for_the_public"),
        (replace(ADDED, code=Code.OVERTAKEN), LINK, "not_for_the_public"),
    ],
)
def test_public_answers_are_rare(outcome: Outcome, link: AccountLink, reason: str | None) -> None:
    assert silence(outcome, link) == reason


@pytest.mark.parametrize("language", sorted(TEXTS))
@pytest.mark.parametrize("code", sorted(SAID_IN_PUBLIC | {Code.NOT_LINKED}))
def test_every_answer_is_short_and_shows_no_url_and_no_gap(language: str, code: Code) -> None:
    text = reply_text(Outcome(code, 5, quantity=2, maximum=10), language, "2092000000000000002")
    assert len(text) * 2 <= MAX_POST_LENGTH, "Japanese characters count twice"
    assert "None" not in text
    assert "http" not in text
    assert text.endswith("]")


def test_languages_speak_of_the_same_outcomes_with_the_same_numbers() -> None:
    def fields(text: str) -> set[str | None]:
        return {field for _, field, _, _ in string.Formatter().parse(text) if field}

    for language, texts in TEXTS.items():
        assert texts.keys() == TEXTS["en"].keys(), language
        for code, text in texts.items():
            assert fields(text) == fields(TEXTS["en"][code]), (language, code)


@pytest.mark.parametrize(("language", "known"), [("de-AT", "de"), ("JA", "ja"), ("pt", "en"), ("", "en")])
def test_the_language_is_the_shoppers_or_english(language: str, known: str) -> None:
    assert reply_text(ADDED, language, "1") == reply_text(ADDED, known, "1")


def test_two_posts_never_get_the_same_text_and_one_always_does() -> None:
    assert reply_text(ADDED, "en", "1") != reply_text(ADDED, "en", "2")
    assert reply_text(ADDED, "en", "1") == reply_text(ADDED, "en", "1")


def mention(username: str, start: int, user_id: str | None = None) -> Mention:
    return Mention(user_id, username, start, start + len(username) + 1)


def post(text: str, *mentions: Mention) -> Post:
    return Post("2", "2", "222", text=text, mentions=mentions)


@pytest.mark.parametrize(
    ("reply", "parent_involves_bot", "expected"),
    [
        (post("@shopbot #AmazonCart", mention("shopbot", 0, "900")), False, True),
        (post("@shopbot #AmazonCart", mention("shopbot", 0, "900")), True, False),
        (post("@shop @shopbot #AmazonCart", mention("shop", 0), mention("shopbot", 6)), True, False),
        (post("@shop #AmazonCart @shopbot", mention("shop", 0), mention("shopbot", 18)), True, True),
        (post("#AmazonCart @ShopBot", mention("ShopBot", 12)), True, True),
        (post("@shopbot #AmazonCart", mention("shopbot", 0, "901")), False, False),
        (post("#AmazonCart"), False, False),
    ],
)
def test_only_the_authors_own_words_summon(reply: Post, parent_involves_bot: bool, expected: bool) -> None:
    assert is_summons(reply, BOT, parent_involves_bot=parent_involves_bot) is expected


def test_a_mention_anywhere_involves_the_bot() -> None:
    assert mentions_bot(post("@shopbot", mention("shopbot", 0)), BOT)
    assert not mentions_bot(post("@other", mention("other", 0)), BOT)
