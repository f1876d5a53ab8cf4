"""Telling the bot to stop, in five languages."""

from dataclasses import replace

import pytest

from hashcart.domain.cart_hashtags import CartHashtags
from hashcart.domain.languages import LANGUAGES
from hashcart.domain.posts import Mention, Post
from hashcart.domain.stop_words import STOP_WORDS, asks_to_stop
from hashcart.domain.summons import Bot
from hashcart.use_cases.concerns import concerns_us

BOT = Bot("900", "shopbot")
MENTION = Mention("900", "shopbot", 0, 8)
TO_BOT = Post("2", "2", "222", mentions=(MENTION,), replied_to_id="1", replied_to_author_id="900")


def test_every_language_of_the_pages_can_say_it() -> None:
    assert set(STOP_WORDS) == set(LANGUAGES)


@pytest.mark.parametrize("words", [words for own in STOP_WORDS.values() for words in own])
def test_the_words_count_in_any_dress(words: str) -> None:
    for text in (words, f"@shopbot {words}", f"@shopbot {words.upper()}!", f"「{words}」".strip("「」") + "。"):
        assert asks_to_stop(replace(TO_BOT, text=text), BOT), text


@pytest.mark.parametrize(
    "text",
    ["@shopbot #AmazonCart", "@shopbot do not stop", "stop the press", "@shopbot", "", "stop #AmazonCart", "nonstop"],
)
def test_anything_more_is_about_something_else(text: str) -> None:
    assert not asks_to_stop(replace(TO_BOT, text=text), BOT)


def test_only_what_is_said_to_the_bot_counts() -> None:
    to_a_friend = replace(TO_BOT, text="stop", mentions=(), replied_to_author_id="111")
    assert not asks_to_stop(to_a_friend, BOT)
    assert asks_to_stop(replace(to_a_friend, text="@shopbot stop", mentions=(MENTION,), replied_to_id=None), BOT)
    assert not asks_to_stop(replace(TO_BOT, text="stop", is_repost=True), BOT)


def test_a_reply_to_the_bot_is_passed_on_even_without_a_mention() -> None:
    hashtags = CartHashtags(("AmazonCart",))
    assert concerns_us(replace(TO_BOT, text="Arrêtez !", mentions=()), hashtags, BOT)
    assert not concerns_us(replace(TO_BOT, text="Merci !", mentions=()), hashtags, BOT)
