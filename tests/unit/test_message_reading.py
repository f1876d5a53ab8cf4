"""Messages of our own are read back as pydantic would: the same documents, the same values, the same refusals."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from hashcart.domain.outcomes import Code, Outcome
from hashcart.domain.posts import Post
from hashcart.domain.product_links import ProductReference
from hashcart.messages.cart_requests import AddRequested, CartRequest, ToParse
from hashcart.messages.digests import DigestDue
from hashcart.messages.erasures import ErasureDue
from hashcart.messages.notices import AccountNotice
from hashcart.messages.outcomes import OutcomeReached, read_outcome
from hashcart.messages.posts import PostArrived, PostMessage, to_json
from hashcart.reading import MalformedError, reader_of
from tests.fakes.documents import nearly

TYPES: list[Any] = [PostMessage, CartRequest, ToParse, OutcomeReached, DigestDue, AccountNotice, ErasureDue]
ORACLES = {message_type: TypeAdapter[Any](message_type) for message_type in TYPES}
OUTCOME = OutcomeReached("2", "2", "222", "shopper-ada", Outcome(Code.ADDED, 2))


@st.composite
def nearly_messages(draw: st.DrawFn) -> tuple[Any, str]:
    """A type with the body of a message of it, in which one thing is changed, removed or added."""
    message_type = draw(st.sampled_from(TYPES))
    return message_type, draw(nearly(to_json(draw(st.from_type(message_type)))))


@given(
    st.sampled_from(TYPES).flatmap(lambda message_type: st.tuples(st.just(message_type), st.from_type(message_type)))
)
def test_what_is_written_is_read_back(case: tuple[Any, Any]) -> None:
    message_type, message = case
    assert reader_of(message_type)(to_json(message)) == message


@given(nearly_messages())
def test_pydantic_and_the_reader_agree(case: tuple[Any, str]) -> None:
    message_type, body = case
    try:
        expected = ORACLES[message_type].validate_json(body, strict=True)
    except ValidationError:
        with pytest.raises(MalformedError):
            reader_of(message_type)(body)
    else:
        assert reader_of(message_type)(body) == expected


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "message: an unexpected list"),
        (to_json(OUTCOME).replace('"222"', '"\\ud83d"'), "message.author_id: half a surrogate pair"),
        (to_json(OUTCOME).replace('"ADDED"', '"BOUGHT"'), "message.outcome.code: an unexpected str"),
        (to_json(OUTCOME).replace('"schema":1', '"schema":2'), "message.schema: an unexpected int"),
        (to_json(OUTCOME).replace('"schema":1', '"schema":true'), "message.schema: an unexpected bool"),
        (to_json(OUTCOME).replace('"post_id":"2",', ""), "message.post_id: missing"),
    ],
)
def test_a_refusal_says_where_and_why_but_quotes_nothing(body: str, reason: str) -> None:
    with pytest.raises(MalformedError) as refusal:
        read_outcome(body)
    assert str(refusal.value) == reason


@pytest.mark.parametrize("kind", ["outcome", None, 5, []])
def test_a_message_of_no_known_kind_is_refused(kind: object) -> None:
    document = {**json.loads(to_json(PostArrived(Post("2", "2", "222")))), "kind": kind}
    with pytest.raises(MalformedError, match="message: no known kind"):
        reader_of(PostMessage)(json.dumps(document))


def test_what_later_versions_add_is_passed_over_and_what_older_ones_lack_has_its_default() -> None:
    request = AddRequested("2", "2", "222", "1", ProductReference("store.test", "mug"))
    document = json.loads(to_json(request)) | {"a_field_of_tomorrow": [1]}
    del document["option_words"]
    assert reader_of(AddRequested)(json.dumps(document)) == request
