"""`webhook_intake` against moto: every file of events/webhook_intake__*.json, and what X and others can send."""

import base64
import json
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from botocore.stub import Stubber

from hashcart.observability import clock_ms
from hashcart.queues import MAX_BATCH_BYTES
from hashcart.social.x.signature import sign
from local.events import EVENTS, fresh_event
from local.settings import CONSUMER_SECRET
from tests.fakes.aws import Aws, aws_account
from tests.fakes.handlers import Bundle, Context, http_event
from tests.fakes.internet import Internet


@pytest.fixture(scope="module")
def account() -> Iterator[Aws]:
    with aws_account() as account:
        yield account


@pytest.fixture
def aws(account: Aws) -> Iterator[Aws]:
    yield account
    account.received("PostsQueue")


@pytest.fixture
def bundle(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    return Bundle(aws, Internet(), monkeypatch)


@pytest.fixture(scope="module")
def warm_intake(account: Aws) -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as environment:
        yield Bundle(account, Internet(), environment).load("webhook_intake")


@pytest.fixture
def intake(warm_intake: ModuleType, aws: Aws) -> ModuleType:
    return warm_intake


def handle(intake: ModuleType, event: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    answer = intake.lambda_handler(event, Context())
    return answer["statusCode"], json.loads(answer["body"])


def signed(document: object, secret: str = CONSUMER_SECRET) -> dict[str, Any]:
    body = json.dumps(document)
    return http_event("POST", body=body, headers={"x-twitter-webhooks-signature": sign(secret, body.encode())})


def post(**fields: object) -> dict[str, Any]:
    """A filtered-stream document of a reply with the hashtag."""
    return {
        "data": {
            "id": "2092000000000000002",
            "text": "#AmazonCart",
            "author_id": "222",
            "referenced_tweets": [{"type": "replied_to", "id": "2092000000000000001"}],
            "entities": {"hashtags": [{"start": 0, "end": 11, "tag": "AmazonCart"}]},
            **fields,
        }
    }


EXPECTED = {
    "good": (200, ["post"]),
    "new_field_names": (200, ["post"]),
    "filtered_stream": (200, ["post"]),
    "no_entities": (200, ["post"]),
    "deleted": (200, ["deleted"]),
    "revoked": (200, ["revoked"]),
    "post_create": (200, ["post"]),
    "author_protected": (200, ["protected"]),
    "own_post": (200, []),
    "id_is_a_number": (200, []),
    "unknown_event": (200, []),
    "challenge": (200, []),
    "challenge_is_a_body": (400, []),
    "forged": (401, []),
    "doubled_signature": (401, []),
    "unsigned": (401, []),
    "truncated": (400, []),
    "not_utf8": (400, []),
    "deeply_nested": (400, []),
}


@pytest.mark.parametrize("path", sorted(EVENTS.glob("webhook_intake__*.json")), ids=lambda path: path.stem)
def test_every_event_file_gets_its_answer(path: Any, aws: Aws, intake: ModuleType) -> None:
    status, kinds = EXPECTED[path.stem.removeprefix("webhook_intake__")]
    assert handle(intake, fresh_event(path, clock_ms()))[0] == status
    assert [message["kind"] for message in aws.received("PostsQueue")] == kinds


def test_every_expectation_has_an_event_file() -> None:
    assert {path.stem.removeprefix("webhook_intake__") for path in EVENTS.glob("webhook_intake__*")} == set(EXPECTED)


def test_the_challenge_is_answered_with_the_consumer_secret(intake: ModuleType) -> None:
    token = "YzNjODkwYjUtM2E3Yy00"
    status, body = handle(intake, http_event("GET", query={"crc_token": token}))
    assert (status, body) == (200, {"response_token": sign(CONSUMER_SECRET, token.encode())})


@pytest.mark.parametrize("query", [None, {}, {"crc_token": "short"}, {"crc_token": "ü" * 20}, {"crc_token": "a" * 129}])
def test_a_challenge_that_is_none_is_refused(intake: ModuleType, query: dict[str, str] | None) -> None:
    assert handle(intake, http_event("GET", query=query))[0] == 400


def test_a_protected_author_is_told_of_and_nothing_else(aws: Aws, intake: ModuleType) -> None:
    before_ms = clock_ms()
    handle(intake, fresh_event(EVENTS / "webhook_intake__author_protected.json", before_ms))
    (message,) = aws.received("PostsQueue")
    assert abs(message.pop("seen_ms") - before_ms) < 60_000
    assert message == {"user_id": "222", "kind": "protected", "schema": 1}


@pytest.mark.parametrize("users", [None, [], [{"id": "111", "protected": True}], [{"id": "222", "protected": "yes"}]])
def test_only_x_saying_so_of_the_author_makes_one_protected(aws: Aws, intake: ModuleType, users: object) -> None:
    handle(intake, signed({**post(), "includes": {"users": users}}))
    assert [message["kind"] for message in aws.received("PostsQueue")] == ["post"]


def test_the_message_holds_what_parsing_needs(aws: Aws, intake: ModuleType) -> None:
    handle(intake, fresh_event(EVENTS / "webhook_intake__new_field_names.json", clock_ms()))
    (message,) = aws.received("PostsQueue")
    assert message["schema"] == 1
    assert message["post"]["hashtags"] == [{"tag": "AmazonCart", "start": 9, "end": 20}]
    assert message["post"]["replied_to_author_id"] == "111"
    assert message["parent"]["links"][0]["expanded_url"] == "http://store.localhost:8401/products/mug"


@pytest.mark.parametrize(
    ("fields", "passed_on"),
    [
        ({"entities": {"hashtags": [{"start": 0, "end": 11, "tag": "AMAZONCART"}]}}, True),
        ({"text": "＃アマゾンポチ", "entities": {"hashtags": [{"start": 0, "end": 7, "tag": "アマゾンポチ"}]}}, True),
        ({"text": "#undo", "entities": {"hashtags": [{"start": 0, "end": 5, "tag": "undo"}]}}, True),
        ({"text": "@shopbot stop", "entities": {"mentions": [{"start": 0, "end": 8, "username": "ShopBot"}]}}, True),
        ({"text": "no hashtag", "entities": {}}, False),
        ({"text": "#AmazonCart", "entities": {}}, False),
        ({"text": "x #amazoncart", "entities": None}, True),
        (
            {"text": "no", "entities": {}, "edit_history_tweet_ids": ["2092000000000000000", "2092000000000000002"]},
            True,
        ),
        ({"author_id": 222}, False),
        ({"author_id": 222, "author_id_str": "222"}, True),
        ({"id": 2.092e18}, False),
        ({"note_tweet": {"text": "long #AmazonCart", "entities": {}}, "entities": {}}, False),
        (
            {
                "text": "truncated…",
                "entities": {},
                "note_tweet": {
                    "text": "#AmazonBasket",
                    "entities": {"hashtags": [{"start": 0, "end": 13, "tag": "AmazonBasket"}]},
                },
            },
            True,
        ),
        ({"entities": {"hashtags": [{"tag": 5}, "x", {"start": 0, "end": 0, "tag": "AmazonCart"}]}}, False),
    ],
)
def test_only_what_concerns_us_is_passed_on(
    aws: Aws, intake: ModuleType, fields: dict[str, object], passed_on: bool
) -> None:
    assert handle(intake, signed(post(**fields)))[0] == 200
    assert len(aws.received("PostsQueue")) == passed_on


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"data": None},
        {"data": 5},
        {"data": [5]},
        {"data": {"event_type": "post.create"}},
        {"data": {"event_type": "post.create", "payload": []}},
        {"data": {"event_type": "post.create", "payload": {}}},
        {"data": {"event_type": ["post.create"], "payload": {}}},
        {"data": {"event_type": "post.delete", "payload": {"id": "1"}}},
        {"data": {"event_type": "oauth.revoke", "payload": {"user_id": "222"}}},
        {"data": {"event_type": "oauth.revoke", "payload": {"user_id": "222", "date_time": "yesterday"}}},
        {"data": {"event_type": "post.create", "payload": {"id": "99999999999999999999", "author_id": "1"}}},
    ],
)
def test_what_cannot_be_read_is_dropped_and_nothing_after_it_is_lost(
    aws: Aws, intake: ModuleType, document: dict[str, Any]
) -> None:
    assert handle(intake, signed(document))[0] == 200
    data = document.get("data")
    events = data if isinstance(data, list) else [data]
    assert handle(intake, signed({"data": [*events, post()["data"]]}))[0] == 200
    assert len(aws.received("PostsQueue")) == 1


def test_the_parent_is_only_that_which_was_replied_to(aws: Aws, intake: ModuleType) -> None:
    others = [{"id": "2092000000000000000", "author_id": "1"}, {"id": "2092000000000000001"}]
    handle(intake, signed(post() | {"includes": {"tweets": others}}))
    (message,) = aws.received("PostsQueue")
    assert message["parent"] is None


@pytest.mark.parametrize("document", [b"[]", b'"text"', b"5", b"null", b"", b"{", b'{"a":' * 5000])
def test_a_body_that_is_no_object_is_refused(intake: ModuleType, document: bytes) -> None:
    headers = {"x-twitter-webhooks-signature": sign(CONSUMER_SECRET, document)}
    assert handle(intake, http_event("POST", body=document.decode(), headers=headers))[0] == 400


def test_a_request_without_body_and_headers_is_unsigned(intake: ModuleType) -> None:
    assert handle(intake, http_event("POST"))[0] == 401


def test_the_signature_is_that_of_the_decoded_bytes(aws: Aws, intake: ModuleType) -> None:
    body = json.dumps(post(), ensure_ascii=False).encode()
    headers = {"x-twitter-webhooks-signature": sign(CONSUMER_SECRET, body)}
    event = http_event("POST", body=base64.b64encode(body).decode(), headers=headers, base64_encoded=True)
    assert handle(intake, event)[0] == 200
    assert len(aws.received("PostsQueue")) == 1


@pytest.mark.parametrize("body", ["!!!", "AAA", "\udcff"])
def test_a_body_that_cannot_be_decoded_is_refused(intake: ModuleType, body: str) -> None:
    event = http_event("POST", body=body, headers={"x-twitter-webhooks-signature": "sha256=x"}, base64_encoded=True)
    assert handle(intake, event)[0] == 400
    assert handle(intake, http_event("POST", body="\udcff"))[0] == 400


def test_bodies_over_1_mib_are_refused_before_anything_else(intake: ModuleType) -> None:
    assert handle(intake, http_event("POST", body="x" * (1024 * 1024 + 1)))[0] == 413
    assert handle(intake, http_event("POST", body="x" * (4 * 1024 * 1024)))[0] == 413
    assert handle(intake, http_event("POST", body="x" * (1024 * 1024)))[0] == 401


def test_both_secrets_are_valid_while_one_is_rotated(aws: Aws, bundle: Bundle) -> None:
    aws.put_secret(bundle.webhook_secret_arn, {"consumer_secrets": ["new", "old", "ancient"]})
    intake = bundle.load("webhook_intake")
    assert handle(intake, signed(post(), "new"))[0] == 200
    assert handle(intake, signed(post(), "old"))[0] == 200
    assert handle(intake, signed(post(), "ancient"))[0] == 401


def test_a_rotated_secret_is_read_anew_when_a_signature_fails_but_not_for_each(aws: Aws, bundle: Bundle) -> None:
    intake = bundle.load("webhook_intake")
    assert handle(intake, signed(post()))[0] == 200
    aws.put_secret(bundle.webhook_secret_arn, {"consumer_secrets": ["new"]})
    assert handle(intake, signed(post(), "new"))[0] == 401, "read seconds ago: a forger must not make us ask again"
    intake.receive_webhook.secret._read_at_ms -= 31_000
    assert handle(intake, signed(post(), "new"))[0] == 200
    intake.receive_webhook.secret._read_at_ms -= 31_000
    assert handle(intake, signed(post(), "wrong"))[0] == 401


@pytest.mark.parametrize("secret", [{}, {"consumer_secrets": []}, {"consumer_secrets": "text"}, [], "text"])
def test_a_secret_that_is_not_set_up_is_our_fault_not_the_senders(aws: Aws, bundle: Bundle, secret: object) -> None:
    aws.put_secret(bundle.webhook_secret_arn, secret)
    assert handle(bundle.load("webhook_intake"), signed(post()))[0] == 503


def test_a_secret_without_a_value_is_our_fault(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    arn = aws.secrets.create_secret(Name="without-a-value")["ARN"]
    intake = Bundle(aws, Internet(), monkeypatch, X_WEBHOOK_SECRET_ARN=arn).load("webhook_intake")
    assert handle(intake, signed(post()))[0] == 503
    assert CONSUMER_SECRET not in caplog.text


def test_200_only_after_sqs_has_the_post(intake: ModuleType) -> None:
    sqs = intake.receive_webhook.sqs
    with Stubber(sqs) as stub:
        for _ in range(3):
            stub.add_client_error("send_message_batch", "ServiceUnavailable", http_status_code=503)
        assert handle(intake, signed(post()))[0] == 503
        stub.assert_no_pending_responses()


def test_an_entry_that_sqs_refuses_is_sent_again_alone(intake: ModuleType) -> None:
    sqs = intake.receive_webhook.sqs
    second = post(id="2092000000000000003")["data"]
    with Stubber(sqs) as stub:
        stub.add_response(
            "send_message_batch",
            {
                "Successful": [{"Id": "0", "MessageId": "m", "MD5OfMessageBody": "x"}],
                "Failed": [{"Id": "1", "SenderFault": False, "Code": "InternalError"}],
            },
        )
        stub.add_response(
            "send_message_batch",
            {"Successful": [{"Id": "1", "MessageId": "m", "MD5OfMessageBody": "x"}], "Failed": []},
        )
        assert handle(intake, signed({"data": [post()["data"], second]}))[0] == 200
        stub.assert_no_pending_responses()


def test_a_post_too_large_for_sqs_is_refused_as_such(intake: ModuleType) -> None:
    urls = [f"https://example.com/{number}/" + "\u3042" * 4000 for number in range(20)]
    links = [{"expanded_url": url, "unwound_url": url} for url in urls]
    entities = {"hashtags": [{"start": 0, "end": 11, "tag": "AmazonCart"}], "urls": links}
    document = post(text="#AmazonCart " + "\u3042" * 20_000, entities=entities)
    assert len(json.dumps(document)) > MAX_BATCH_BYTES
    body = json.dumps(document, ensure_ascii=False)
    headers = {"x-twitter-webhooks-signature": sign(CONSUMER_SECRET, body.encode())}
    assert handle(intake, http_event("POST", body=body, headers=headers))[0] == 413


def test_nothing_secret_and_no_text_is_logged(intake: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    handle(intake, signed(post(text="my private matter #AmazonCart")))
    handle(intake, signed(post(), "wrong"))
    logged = " ".join(str(vars(record)) for record in caplog.records)
    assert "2092000000000000002" in logged
    assert CONSUMER_SECRET not in logged
    assert "private" not in logged
