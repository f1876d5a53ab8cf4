"""Whatever X sends is read or dropped, and what is read can be read again from the queue."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from hashcart.domain.posts import HashtagSpan
from hashcart.domain.web_addresses import MAX_URL_LENGTH
from hashcart.messages.posts import PostArrived, PostMessage, to_json
from hashcart.social.x.payloads import MAX_LINKS, UnreadableError, read_payload, read_post

MESSAGES: TypeAdapter[PostMessage] = TypeAdapter(PostMessage)
POST = {"id": "2090000000000000002", "author_id": "222"}

NAMES = [
    *("data", "event_type", "payload", "includes", "tweets", "posts", "id", "id_str", "text", "author_id", "type"),
    *("edit_history_tweet_ids", "note_tweet", "note_post", "entities", "hashtags", "urls", "mentions", "start", "end"),
    *("tag", "username", "expanded_url", "unwound_url", "url", "images", "title", "referenced_tweets", "user_id"),
    *("referenced_posts", "in_reply_to_user_id", "date_time", "users", "protected"),
]
VALUES = [
    *("post.create", "post.delete", "oauth.revoke", "2090000000000000002", "replied_to", "retweeted", "0"),
    *("2026-11-23T12:00:00.000Z", "0001-01-01", "\ud800", "#AmazonCart"),
]
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(VALUES) | st.text(max_size=3)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=15,
)
posts = st.dictionaries(st.sampled_from(NAMES), anything, max_size=8).map(lambda fields: {**fields, **POST})


def events(kind: str) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({"event_type": st.just(kind), "payload": posts | anything})


documents = st.fixed_dictionaries(
    {"data": posts | events("post.create") | events("post.delete") | st.lists(posts | anything, max_size=2)},
    optional={"includes": st.fixed_dictionaries({"tweets": st.lists(posts | anything, max_size=2)}) | anything},
)


@given(documents | anything)
@example({"data": {**POST, "edit_history_tweet_ids": 5}})
@example({"data": {**POST, "text": "half \ud83d", "entities": {"hashtags": [{"tag": "\udc00", "start": 0, "end": 2}]}}})
def test_no_document_stops_what_comes_after_it(document: object) -> None:
    for message in read_payload(document):
        if not isinstance(message, UnreadableError):
            assert MESSAGES.validate_json(to_json(message)) == message


@pytest.mark.parametrize("history", [5, "2090000000000000001", {"2090000000000000001": 1}, True, [], [5, None]])
def test_a_history_that_is_none_names_no_other_post(history: object) -> None:
    post = read_post({**POST, "edit_history_tweet_ids": history})
    assert (post.first_id, post.is_edit) == (POST["id"], False)


def test_half_a_character_stands_for_one_so_that_indices_stay_valid() -> None:
    raw = {
        **POST,
        "text": "\ud83d #AmazonCart",
        "entities": {"hashtags": [{"tag": "AmazonCart", "start": 2, "end": 13}]},
    }
    (message,) = read_payload({"data": raw})
    assert isinstance(message, PostArrived)
    assert message.post.text == "? #AmazonCart"
    assert message.post.hashtags == (HashtagSpan("AmazonCart", 2, 13),)


def test_the_longest_links_are_read_and_no_more_than_can_matter() -> None:
    long = "https://www.amazon.com/dp/B08N5WRWNW?".ljust(MAX_URL_LENGTH, "x")
    urls = [{"expanded_url": long}, {"expanded_url": f"{long}x", "url": "https://t.co/x"}]
    links = read_post({**POST, "entities": {"urls": urls}}).links
    assert [link.expanded_url for link in links] == [long, "https://t.co/x"]
    many = [{"expanded_url": f"https://example.com/{number}"} for number in range(100)]
    assert len(read_post({**POST, "entities": {"urls": many}}).links) == MAX_LINKS


@pytest.mark.parametrize("span", [(True, 5), (0, 10**30), (-1, 5), (5, 5), (0, 1.5), ("0", "5"), (None, 5)])
def test_a_place_that_no_text_has_is_none(span: tuple[object, object]) -> None:
    entities = {"hashtags": [{"tag": "AmazonCart", "start": span[0], "end": span[1]}]}
    assert read_post({**POST, "entities": json.loads(json.dumps(entities))}).hashtags == ()
