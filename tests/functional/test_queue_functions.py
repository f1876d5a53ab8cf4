"""The functions behind the queues against moto, X's API and the demo store: their event files, and the whole way."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from urllib3.exceptions import ProtocolError

from hashcart.domain.account_links import TOO_MANY, LinkState
from hashcart.domain.cart_lines import Kind, LineState, Operation
from hashcart.domain.outcomes import Code
from hashcart.domain.posts import order_key
from hashcart.observability import clock_ms
from hashcart.storage.account_links import AccountLinks
from hashcart.storage.activity import Activity
from hashcart.storage.carts import Carts
from hashcart.storage.offers import Offers
from hashcart.storage.pending import Pending, PendingItem, PendingKind
from hashcart.storage.sessions import Sessions
from hashcart.storage.table import from_item
from hashcart.use_cases.leave import SETTLES_MS, Leave, ShopperTables
from hashcart.use_cases.watch_adds import METRIC
from local.events import EVENTS, fresh_event
from local.settings import CONSUMER_SECRET
from tests.fakes.account_links import ADA, account_of_ada
from tests.fakes.aws import Aws, resources_of_type
from tests.fakes.clock import post_id
from tests.fakes.handlers import STORE, X_API, Bundle, Context, http_event, sqs_event
from tests.fakes.internet import Answer, Internet, Request

from hashcart.social.x.signature import sign  # isort: skip

SHOPPER = ADA.shopper_id
MUG = {
    "id": "mug",
    "title": "Stoneware mug",
    "price": {"amount": "12.50", "currency": "USD"},
    "max_quantity": 5,
    "marketplaces": ["store.localhost"],
}


@pytest.fixture
def aws() -> Iterator[Aws]:
    with account_of_ada() as account:
        yield account


@pytest.fixture
def internet() -> Internet:
    internet = Internet()
    internet.answer(f"GET {STORE}/api/products/mug", (200, MUG))
    internet.answer(f"POST {X_API}/2/tweets", (201, {"data": {"id": "2092000000000000009", "text": "…"}}))
    return internet


@pytest.fixture
def bundle(aws: Aws, internet: Internet, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    return Bundle(aws, internet, monkeypatch)


def fresh(name: str) -> dict[str, Any]:
    return fresh_event(EVENTS / f"{name}.json", clock_ms())


def cart(aws: Aws, shopper_id: str = SHOPPER) -> dict[str, LineState]:
    states = {line.line_id: line.state() for line in Carts(aws.dynamodb, "CartsTable").lines(shopper_id)}
    return {line_id: state for line_id, state in states.items() if not state.is_empty}


OF_NO_QUEUE = ("webhook_intake", "cart_reconciliation", "mention_sweep", "cart_page", "account_linking")
QUEUE_FILES = sorted(path for path in EVENTS.glob("*.json") if not path.stem.startswith(OF_NO_QUEUE))

EXPECTED: dict[str, tuple[str | None, list[str]]] = {
    "hashtag_parsing__good": ("CartRequestsQueue", ["add"]),
    "hashtag_parsing__parent_not_included": ("CartRequestsQueue", ["add"]),
    "hashtag_parsing__private_add": ("CartRequestsQueue", ["add"]),
    "hashtag_parsing__offer_taken": ("CartRequestsQueue", ["add"]),
    "hashtag_parsing__malformed": ("CartRequestsQueue", ["add"]),
    "hashtag_parsing__unknown_schema": ("PostsDeadLetterQueue", ["post"]),
    "cart_insertion__good": ("OutcomesQueue", ["outcome"]),
    "cart_insertion__undo": ("OutcomesQueue", ["outcome"]),
    "cart_insertion__not_linked": (None, []),
    "cart_insertion__malformed": ("CartRequestsDeadLetterQueue", ["add"]),
    "outcome_delivery__good": (None, []),
    "outcome_delivery__schedule": (None, []),
    "outcome_delivery__malformed": ("OutcomesDeadLetterQueue", ["outcome"]),
    "email_feedback__good": (None, []),
    "email_feedback__complaint": (None, []),
    "email_feedback__greeting": (None, []),
    "email_feedback__malformed": ("EmailFeedbackDeadLetterQueue", ["raw"]),
}


@pytest.mark.parametrize("path", QUEUE_FILES, ids=lambda path: path.stem)
def test_every_event_file_leads_where_it_must(path: Path, aws: Aws, internet: Internet, bundle: Bundle) -> None:
    internet.answer(f"GET {X_API}/2/tweets", (200, {"errors": []}))
    answer = bundle.invoke(path.stem.split("__")[0], fresh_event(path, clock_ms()))
    assert answer.get("batchItemFailures", []) == []
    received = {name: aws.received(name) for name in aws.queue_urls}
    queue, kinds = EXPECTED[path.stem]
    waiting = {name: [body["kind"] for body in bodies] for name, bodies in received.items() if bodies}
    if path.stem == "hashtag_parsing__malformed":
        assert waiting.pop("PostsDeadLetterQueue") == ["raw"]
    assert waiting == ({queue: kinds} if queue else {})


def test_every_expectation_has_an_event_file() -> None:
    assert {path.stem for path in QUEUE_FILES} == set(EXPECTED)
    assert [path.stem for path in EVENTS.glob("cart_reconciliation__*")] == ["cart_reconciliation__good"]


class Way:
    """A reply's whole way, one function after the other."""

    def __init__(self, aws: Aws, bundle: Bundle) -> None:
        self._aws = aws
        self._bundle = bundle
        self._sequence = 0

    def reply(self, text: str, **fields: object) -> str:
        """Deliver a reply of @ada_shops to a post that X must be asked about; returns its id."""
        self._sequence += 1
        fields.setdefault("id", post_id(0, self._sequence, clock_ms()))
        payload = {
            "text": text,
            "author_id": "222",
            "in_reply_to_user_id": "111",
            "referenced_tweets": [{"type": "replied_to", "id": "2092000000000000001"}],
            "entities": {"mentions": [{"start": 0, "end": 8, "username": "shopbot", "id": "900"}]}
            if text.startswith("@shopbot")
            else None,
            **fields,
        }
        if isinstance(payload["entities"], dict):
            at = text.find("#")
            if at >= 0:
                payload["entities"]["hashtags"] = [{"start": at, "end": at + 11, "tag": text[at + 1 : at + 11]}]
        self.deliver({"event_type": "post.create", "payload": payload})
        return str(payload["id"])

    def deliver(self, event: dict[str, Any]) -> None:
        body = json.dumps({"data": event})
        headers = {"x-twitter-webhooks-signature": sign(CONSUMER_SECRET, body.encode())}
        assert (
            self._bundle.invoke("webhook_intake", http_event("POST", body=body, headers=headers))["statusCode"] == 200
        )
        self.work()

    def work(self) -> None:
        """Let the functions work on what waits in their queues, one after the other."""
        for function, queue in (
            ("hashtag_parsing", "PostsQueue"),
            ("cart_insertion", "CartRequestsQueue"),
            ("outcome_delivery", "OutcomesQueue"),
        ):
            bodies = [json.dumps(body) for body in self._aws.received(queue)]
            if bodies:
                assert self._bundle.invoke(function, sqs_event(*bodies)) == {"batchItemFailures": []}


@pytest.fixture
def way(aws: Aws, internet: Internet, bundle: Bundle) -> Way:
    parent = {
        "id": "2092000000000000001",
        "author_id": "111",
        "text": "Our mug",
        "entities": {"urls": [{"url": "https://t.co/a", "expanded_url": "http://store.localhost:8401/products/mug"}]},
    }
    internet.answer(f"GET {X_API}/2/tweets", (200, {"data": [parent]}))
    return Way(aws, bundle)


def outcome(aws: Aws, post: str) -> str | None:
    row = Activity(aws.dynamodb, "ActivityTable").row(SHOPPER, order_key(post))
    if row is None:
        return None
    lines = {line.line_id: line for line in Carts(aws.dynamodb, "CartsTable").lines(SHOPPER)}
    told = row.told(lines.get((row.newest.line_id if row.newest else None) or ""), clock_ms())
    return told.code if told else None


def test_a_reply_ends_as_a_line_in_the_cart_and_is_answered(aws: Aws, internet: Internet, way: Way) -> None:
    post = way.reply("@shopbot #AmazonCart x2")
    assert cart(aws) == {"store.localhost#mug#": LineState(quantity=2)}
    assert outcome(aws, post) == "ADDED"
    (answer,) = [request for request in internet.requests if request.method == "POST"]
    assert answer.headers["authorization"] == "Bearer bot-access"
    assert answer.json()["reply"] == {"in_reply_to_tweet_id": post}
    assert "mug" not in answer.json()["text"].lower()
    assert "http" not in answer.json()["text"]
    (line,) = Carts(aws.dynamodb, "CartsTable").lines(SHOPPER)
    assert (line.snapshot.title, line.snapshot.price, line.snapshot.max_quantity) == ("Stoneware mug", "12.50", 5)


def test_a_bare_hashtag_is_never_answered(aws: Aws, internet: Internet, way: Way) -> None:
    post = way.reply("#AmazonCart")
    assert outcome(aws, post) == "ADDED"
    assert all(request.method == "GET" for request in internet.requests)


def test_the_parent_and_the_product_are_asked_for_once(internet: Internet, way: Way, bundle: Bundle) -> None:
    for _ in range(3):
        way.reply("#AmazonCart")
        bundle.restart()
    assert sorted(request.path for request in internet.requests) == ["/2/tweets", "/api/products/mug"]


def test_the_lookup_is_a_call_that_x_knows(internet: Internet, way: Way) -> None:
    way.reply("#AmazonCart")
    lookup = internet.requests[0]
    assert lookup.query["ids"] == "2092000000000000001"
    assert "entities" in lookup.query["tweet.fields"]
    assert lookup.headers["authorization"] == "Bearer app-bearer"


def test_a_second_reply_says_already_there_and_a_quantity_sets(aws: Aws, way: Way) -> None:
    way.reply("#AmazonCart")
    assert outcome(aws, way.reply("#AmazonCart")) == "ALREADY_IN_CART"
    assert outcome(aws, way.reply("#AmazonCart x3")) == "QUANTITY_SET"
    assert outcome(aws, way.reply("#AmazonCart x9")) == "LIMIT_APPLIED"
    assert cart(aws) == {"store.localhost#mug#": LineState(quantity=9)}


def test_undo_takes_back_and_deletes_do_for_those_who_chose_that(aws: Aws, way: Way) -> None:
    post = way.reply("#AmazonCart")
    undo = way.reply(
        "#undo", referenced_tweets=[{"type": "replied_to", "id": post}], in_reply_to_user_id="222", entities=None
    )
    assert outcome(aws, undo) == "UNDONE"
    assert cart(aws) == {}
    post = way.reply("#AmazonCart")
    assert cart(aws) != {}
    way.deliver({"event_type": "post.delete", "payload": {"id": post, "author_id": "222"}})
    assert cart(aws) == {}


def test_an_edit_counts_as_its_last_version(aws: Aws, way: Way) -> None:
    post = way.reply("#AmazonCart x2")
    edit, last = (post_id(-1000 * number, 0, clock_ms()) for number in (1, 2))
    way.reply("#AmazonCart x4", id=edit, edit_history_tweet_ids=[post, edit])
    assert cart(aws) == {"store.localhost#mug#": LineState(quantity=4)}
    way.reply("never mind", id=last, edit_history_tweet_ids=[post, edit, last])
    assert cart(aws) == {}
    assert outcome(aws, post) == "UNDONE"


def test_an_edit_that_came_before_its_post_keeps_the_hashtag_out(aws: Aws, way: Way) -> None:
    post, edit = (post_id(1000 * number, 0, clock_ms()) for number in (2, 1))
    way.reply("never mind", id=edit, edit_history_tweet_ids=[post, edit])
    way.reply("#AmazonCart", id=post)
    assert cart(aws) == {}
    assert outcome(aws, post) == "UNDONE"


def stored(aws: Aws) -> list[dict[str, Any]]:
    """What all tables hold of posts, but for the link."""
    tables = (name for name in resources_of_type("AWS::DynamoDB::Table") if name != "AccountLinksTable")
    return [from_item(item) for table in tables for item in aws.dynamodb.scan(TableName=table)["Items"]]


def test_of_a_post_that_asks_for_nothing_only_an_edited_reply_leaves_its_ids(aws: Aws, way: Way) -> None:
    before = stored(aws)
    post, edit = (post_id(1000 * number, 0, clock_ms()) for number in (2, 1))
    way.reply("A lovely mug")
    way.reply("A lovely mug", id=edit, edit_history_tweet_ids=[post, edit], referenced_tweets=[])
    way.reply("A lovely mug", id=edit, edit_history_tweet_ids=[post, edit], author_id="777")
    assert stored(aws) == before
    way.reply("A lovely mug", id=edit, edit_history_tweet_ids=[post, edit])
    first, second = sorted((item for item in stored(aws) if item not in before), key=lambda item: item["order_key"])
    ids = {"shopper_id": SHOPPER, "expires_at": first["expires_at"]}
    noted = {"id": int(edit), "kind": "withdrawn", "sensitive": False}
    assert first == ids | {"order_key": order_key(post), f"v{edit}": noted}
    assert second == ids | {
        "order_key": order_key(edit),
        "first_key": order_key(post),
        "expires_at": second["expires_at"],
    }


@pytest.mark.parametrize("word", ["STOP", "Arrêtez !", "basta", "Bitte aufhören.", "やめて"])
def test_stop_silences_also_the_answers_that_wait(
    word: str, aws: Aws, internet: Internet, bundle: Bundle, way: Way
) -> None:
    limited: Answer = (429, {}, {"x-rate-limit-reset": str(clock_ms() // 1000 - 5)})
    internet.answer(f"POST {X_API}/2/tweets", limited, (201, {"data": {"id": "77", "text": ""}}))
    way.reply("@shopbot #AmazonCart")
    way.reply(f"@shopbot {word}", entities={"mentions": [{"start": 0, "end": 8, "username": "shopbot", "id": "900"}]})
    pending = Pending(aws.dynamodb, "PendingTable")
    (waiting,) = pending.due(PendingKind.OUTCOME, clock_ms() + 5_000, 10)
    pending.put(replace(waiting, due_ms=clock_ms()))
    pending.remove(waiting)
    bundle.restart()
    assert bundle.invoke("outcome_delivery", fresh("outcome_delivery__schedule")) == {"woken": 1}
    way.reply("@shopbot #AmazonCart x2")
    assert len([request for request in internet.requests if request.method == "POST"]) == 1
    assert cart(aws) == {"store.localhost#mug#": LineState(quantity=2)}


def test_a_revocation_pauses_the_link(aws: Aws, way: Way) -> None:
    revoked = {"user_id": "222", "date_time": "2099-01-01T00:00:00.000Z", "app_id": "1"}
    way.deliver({"event_type": "oauth.revoke", "payload": revoked})
    post = way.reply("#AmazonCart")
    assert outcome(aws, post) == "PAUSED"
    assert cart(aws) == {}


def test_nothing_is_kept_of_somebody_who_has_not_linked(aws: Aws, way: Way) -> None:
    way.reply("@shopbot #AmazonCart", author_id="333")
    for table in ("CartsTable", "ActivityTable", "PendingTable"):
        assert aws.dynamodb.scan(TableName=table)["Items"] == []


def test_no_table_holds_the_text_of_a_post(aws: Aws, way: Way) -> None:
    way.reply("@shopbot #AmazonCart for my secret diary")
    for table in aws.dynamodb.list_tables()["TableNames"]:
        assert "secret diary" not in str(aws.dynamodb.scan(TableName=table)["Items"])


def test_a_store_that_is_down_is_tried_again_and_then_waits_in_pending(
    aws: Aws, internet: Internet, bundle: Bundle
) -> None:
    internet.answer(
        f"GET {STORE}/api/products/mug",
        ProtocolError("Connection aborted."),
        (503, {}),
        (503, {}),
        (200, MUG),
    )
    event = fresh("cart_insertion__good")
    failed = bundle.invoke("cart_insertion", event)
    assert [entry["itemIdentifier"] for entry in failed["batchItemFailures"]] == [event["Records"][0]["messageId"]]
    event["Records"][0]["attributes"]["ApproximateReceiveCount"] = "5"
    bundle.restart()
    assert bundle.invoke("cart_insertion", event)["batchItemFailures"] == []
    (message,) = aws.received("OutcomesQueue")
    assert message["outcome"]["code"] == "STORE_UNAVAILABLE"
    pending = Pending(aws.dynamodb, "PendingTable")
    (waiting,) = pending.due(PendingKind.CART_REQUEST, clock_ms() + 120_000, 10)
    pending.remove(waiting)
    pending.put(replace(waiting, due_ms=clock_ms()))
    assert bundle.invoke("cart_reconciliation", fresh("cart_reconciliation__good")) == {
        "woken": 1,
        "erased": 0,
        "synchronised": 0,
    }
    assert list(pending.due(PendingKind.CART_REQUEST, clock_ms() + 120_000, 10)) == []
    (request,) = aws.received("CartRequestsQueue")
    bundle.restart()
    assert bundle.invoke("cart_insertion", sqs_event(json.dumps(request), receives=4))["batchItemFailures"] != []
    bundle.restart()
    assert bundle.invoke("cart_insertion", sqs_event(json.dumps(request)))["batchItemFailures"] == []
    assert cart(aws) == {"store.localhost#mug#": LineState(quantity=2)}


def test_a_reply_whose_parent_x_could_not_show_is_read_again_when_it_is_due(
    aws: Aws, internet: Internet, bundle: Bundle, way: Way
) -> None:
    internet.answer(f"GET {X_API}/2/tweets", (503, {}))
    event = fresh("hashtag_parsing__parent_not_included")
    event["Records"][0]["attributes"]["ApproximateReceiveCount"] = "5"
    assert bundle.invoke("hashtag_parsing", event) == {"batchItemFailures": []}
    assert dead_letters(aws, "PostsDeadLetterQueue") == ["ParentUnresolvedError"]
    (request,) = aws.received("CartRequestsQueue")
    assert bundle.invoke("cart_insertion", sqs_event(json.dumps(request))) == {"batchItemFailures": []}
    (message,) = aws.received("OutcomesQueue")
    assert (message["outcome"]["code"], message["outcome"]["reason"]) == ("STORE_UNAVAILABLE", "x_unavailable")
    pending = Pending(aws.dynamodb, "PendingTable")
    (waiting,) = pending.due(PendingKind.CART_REQUEST, clock_ms() + 120_000, 10)
    pending.remove(waiting)
    pending.put(replace(waiting, due_ms=clock_ms()))
    bundle.invoke("cart_reconciliation", fresh("cart_reconciliation__good"))
    assert aws.received("CartRequestsQueue") == []
    links = {"urls": [{"expanded_url": "http://store.localhost:8401/products/mug"}]}
    parent = {"id": request["parent_id"], "author_id": "111", "text": "Our mug", "entities": links}
    internet.answer(f"GET {X_API}/2/tweets", (200, {"data": [parent]}))
    way.work()
    assert cart(aws) == {"store.localhost#mug#": LineState(quantity=2)}
    assert outcome(aws, request["post_id"]) == "ADDED"


def test_a_cart_request_stays_pending_until_sqs_has_it(aws: Aws, bundle: Bundle) -> None:
    pending = Pending(aws.dynamodb, "PendingTable")
    pending.put(PendingItem(PendingKind.CART_REQUEST, post_id(), clock_ms(), "{}"))
    aws.sqs.delete_queue(QueueUrl=aws.queue_urls["CartRequestsQueue"])
    assert bundle.invoke("cart_reconciliation", fresh("cart_reconciliation__good")) == {
        "woken": 0,
        "erased": 0,
        "synchronised": 0,
    }
    assert len(list(pending.due(PendingKind.CART_REQUEST, clock_ms(), 10))) == 1


def test_nothing_is_woken_without_the_time_to_deal_with_it(aws: Aws, bundle: Bundle) -> None:
    Pending(aws.dynamodb, "PendingTable").put(PendingItem(PendingKind.CART_REQUEST, post_id(), clock_ms(), "{}"))
    handler = bundle.load("cart_reconciliation")
    assert handler.lambda_handler({}, Context(remaining_ms=1000)) == {"woken": 0, "erased": 0, "synchronised": 0}


def test_an_answer_that_waited_is_sent_when_it_is_due(aws: Aws, internet: Internet, bundle: Bundle) -> None:
    reset = str(clock_ms() // 1000 - 5)
    internet.answer(
        f"POST {X_API}/2/tweets", (429, {}, {"x-rate-limit-reset": reset}), (201, {"data": {"id": "77", "text": ""}})
    )
    event = fresh("outcome_delivery__good")
    assert bundle.invoke("outcome_delivery", event)["batchItemFailures"] == []
    pending = Pending(aws.dynamodb, "PendingTable")
    (waiting,) = pending.due(PendingKind.OUTCOME, clock_ms() + 5_000, 10)
    pending.remove(waiting)
    pending.put(replace(waiting, due_ms=clock_ms()))
    bundle.restart()
    assert bundle.invoke("outcome_delivery", fresh("outcome_delivery__schedule")) == {"woken": 1}
    assert len([request for request in internet.requests if request.method == "POST"]) == 2
    assert list(pending.due(PendingKind.OUTCOME, clock_ms() + 5_000, 10)) == []


class KilledError(BaseException):
    """The function's process ends, in the middle of whatever it does."""


def killed_after(aws_calls: int, bundle: Bundle, event: dict[str, Any]) -> bool:
    """Invoke cart_insertion and kill it after so many of its calls to AWS; False if it made fewer."""
    handler = bundle.load("cart_insertion", "CartRequestsQueue")
    calls = 0

    def count(**_: object) -> None:
        nonlocal calls
        calls += 1
        if calls == aws_calls:
            raise KilledError

    for client in (handler.dynamodb, handler.sqs):
        client.meta.events.register("after-call", count)
    try:
        handler.lambda_handler(event, Context())
    except KilledError:
        return True
    return False


def forget_products(aws: Aws) -> None:
    for item in aws.dynamodb.scan(TableName="ProductsTable")["Items"]:
        aws.dynamodb.delete_item(TableName="ProductsTable", Key={"product": item["product"]})


@pytest.mark.parametrize("name", ["cart_insertion__good", "cart_insertion__undo"])
def test_a_kill_after_any_step_and_a_redelivery_end_alike(name: str, aws: Aws, bundle: Bundle) -> None:
    event = fresh(name)
    steps = 0
    while killed_after(steps + 1, bundle, event):
        steps += 1
        bundle.restart()
        forget_products(aws)  # the lease of a killed reader ends by itself, seconds later
        assert bundle.invoke("cart_insertion", event) == {"batchItemFailures": []}
        outcomes = aws.received("OutcomesQueue")
        assert outcomes
        assert {message["outcome"]["code"] for message in outcomes} == {
            "ADDED" if name == "cart_insertion__good" else "UNDONE"
        }
        expected = {"store.localhost#mug#": LineState(quantity=2)} if name == "cart_insertion__good" else {}
        assert cart(aws) == expected
        for table, keys in (("CartsTable", ("shopper_id", "line_id")), ("ActivityTable", ("shopper_id", "order_key"))):
            for item in aws.dynamodb.scan(TableName=table)["Items"]:
                aws.dynamodb.delete_item(TableName=table, Key={key: item[key] for key in keys})
        forget_products(aws)
    assert steps >= (7 if name == "cart_insertion__good" else 3)


def test_one_item_that_fails_takes_no_other_along(aws: Aws, internet: Internet, bundle: Bundle) -> None:
    internet.answer(f"GET {STORE}/api/products/mug", (500, b"<html>"))
    good = json.loads(fresh("cart_insertion__good")["Records"][0]["body"])
    no_product = {**good, "post_id": post_id(0, 5, clock_ms()), "product": None, "reason": "no_link"}
    no_product["first_id"] = no_product["post_id"]
    answer = bundle.invoke("cart_insertion", sqs_event(json.dumps(good), "{", json.dumps(no_product)))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "message-0"}]}
    assert [message["outcome"]["code"] for message in aws.received("OutcomesQueue")] == ["NO_PRODUCT"]


def test_an_outcome_that_sqs_refuses_brings_its_item_back(aws: Aws, bundle: Bundle) -> None:
    aws.sqs.delete_queue(QueueUrl=aws.queue_urls["OutcomesQueue"])
    event = fresh("cart_insertion__good")
    assert len(bundle.invoke("cart_insertion", event)["batchItemFailures"]) == 1


def test_a_malformed_message_that_the_dead_letter_queue_refuses_comes_back(aws: Aws, bundle: Bundle) -> None:
    aws.sqs.delete_queue(QueueUrl=aws.queue_urls["OutcomesDeadLetterQueue"])
    event = fresh("outcome_delivery__malformed")
    assert len(bundle.invoke("outcome_delivery", event)["batchItemFailures"]) == 1


def dead_letters(aws: Aws, queue: str) -> list[str]:
    """The reasons of the messages in a dead-letter queue, taken out of it."""
    reasons = []
    url = aws.queue_urls[queue]
    while messages := aws.sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"]).get("Messages"):
        reasons += [message["MessageAttributes"]["reason"]["StringValue"] for message in messages]
        aws.sqs.delete_message(QueueUrl=url, ReceiptHandle=messages[0]["ReceiptHandle"])
    return reasons


def test_a_malformed_message_lies_in_the_dead_letter_queue_as_such(aws: Aws, bundle: Bundle) -> None:
    bundle.invoke("outcome_delivery", fresh("outcome_delivery__malformed"))
    assert dead_letters(aws, "OutcomesDeadLetterQueue") == ["malformed"]


def test_the_last_receive_puts_a_message_aside_with_the_reason_of_its_failure(aws: Aws, bundle: Bundle) -> None:
    aws.dynamodb.delete_table(TableName="AccountLinksTable")
    body = fresh("cart_insertion__good")["Records"][0]["body"]
    assert len(bundle.invoke("cart_insertion", sqs_event(body, receives=4))["batchItemFailures"]) == 1
    assert dead_letters(aws, "CartRequestsDeadLetterQueue") == []
    assert bundle.invoke("cart_insertion", sqs_event(body, receives=5)) == {"batchItemFailures": []}
    assert dead_letters(aws, "CartRequestsDeadLetterQueue") == ["ResourceNotFoundException"]


def test_sqs_moves_what_cannot_be_put_aside(aws: Aws, bundle: Bundle) -> None:
    aws.dynamodb.delete_table(TableName="AccountLinksTable")
    aws.sqs.delete_queue(QueueUrl=aws.queue_urls["CartRequestsDeadLetterQueue"])
    event = sqs_event(fresh("cart_insertion__good")["Records"][0]["body"], receives=5)
    assert len(bundle.invoke("cart_insertion", event)["batchItemFailures"]) == 1


def test_failed_items_come_back_within_seconds(aws: Aws, internet: Internet, bundle: Bundle) -> None:
    internet.answer(f"GET {STORE}/api/products/mug", (503, {}))
    handler = bundle.load("cart_insertion", "CartRequestsQueue")
    asked: list[dict[str, Any]] = []
    handler.sqs.meta.events.register(
        "provide-client-params.sqs.ChangeMessageVisibilityBatch", lambda params, **_: asked.append(params)
    )
    body = fresh("cart_insertion__good")["Records"][0]["body"]
    for receives in (1, 2, 4):
        handler.lambda_handler(sqs_event(body, receives=receives), Context())
    assert [params["Entries"][0]["VisibilityTimeout"] for params in asked] == [2, 6, 54]


def test_what_there_is_no_time_for_comes_again(aws: Aws, bundle: Bundle) -> None:
    for function, name, queue in (
        ("cart_insertion", "cart_insertion__good", "CartRequestsQueue"),
        ("outcome_delivery", "outcome_delivery__good", "OutcomesQueue"),
    ):
        answer = bundle.load(function, queue).lambda_handler(fresh(name), Context(remaining_ms=14_000))
        assert len(answer["batchItemFailures"]) == 1
    assert aws.dynamodb.scan(TableName="ActivityTable")["Items"] == []


def test_a_throttled_table_fails_the_item_alone(bundle: Bundle) -> None:
    handler = bundle.load("cart_insertion", "CartRequestsQueue")

    def throttle(**_: object) -> None:
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "UpdateItem")

    handler.dynamodb.meta.events.register("before-call.dynamodb.UpdateItem", throttle)
    assert len(handler.lambda_handler(fresh("cart_insertion__good"), Context())["batchItemFailures"]) == 1


def test_a_plain_add_with_warm_caches_is_one_read_and_two_writes(aws: Aws, bundle: Bundle) -> None:
    bundle_event = fresh("cart_insertion__good")
    handler = bundle.load("cart_insertion", "CartRequestsQueue")
    handler.lambda_handler(bundle_event, Context())
    calls: list[str] = []
    for client in (handler.dynamodb, handler.sqs):
        client.meta.events.register("before-call", lambda model, **_: calls.append(model.name))
    body = json.loads(bundle_event["Records"][0]["body"])
    body["post_id"] = body["first_id"] = post_id(-1000, 0, clock_ms())
    handler.lambda_handler(sqs_event(json.dumps(body)), Context())
    assert calls == ["GetItem", "UpdateItem", "UpdateItem", "SendMessageBatch"]


def test_more_adds_an_hour_than_the_parameter_allows_pause_adding_and_count_once(
    aws: Aws, internet: Internet, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    url = [{"url": "https://t.co/x", "expanded_url": "http://store.localhost:8401/products/mug"}]
    parent = {"id": "2092000000000000001", "author_id": "111", "text": "…", "entities": {"urls": url}}
    internet.answer(f"GET {X_API}/2/tweets", (200, {"data": [parent]}))
    way = Way(aws, Bundle(aws, internet, monkeypatch, MAX_ADDS_PER_HOUR="2"))
    links = AccountLinks(aws.dynamodb, "AccountLinksTable")
    first = way.reply("#AmazonCart")
    for _ in range(3):
        way.reply("#AmazonCart", id=first)
    way.reply("#AmazonCart x2")
    link = links.current_link("222")
    assert link is not None
    assert link.state is LinkState.ACTIVE
    way.reply("#AmazonCart x3")
    held = way.reply("#AmazonCart x4")
    link = links.current_link("222")
    assert link is not None
    assert (link.state, link.state_reason) == (LinkState.PAUSED, TOO_MANY)
    assert [state.quantity for state in cart(aws).values()] == [3]
    row = Activity(aws.dynamodb, "ActivityTable").row(SHOPPER, order_key(held))
    assert row is not None
    assert row.outcome is not None
    assert (row.outcome.code, row.outcome.reason) == (Code.PAUSED, TOO_MANY)
    assert [vars(record)[METRIC] for record in caplog.records if METRIC in vars(record)] == [1]


def test_the_adds_of_an_hour_are_counted_by_one_query_apart_from_the_adding(aws: Aws, bundle: Bundle) -> None:
    handler = bundle.load("outcome_delivery", "OutcomesQueue")
    body = json.loads(fresh("outcome_delivery__good")["Records"][0]["body"]) | {"summoned": False}
    calls: list[str] = []
    handler.dynamodb.meta.events.register("before-call", lambda model, **_: calls.append(model.name))
    handler.lambda_handler(sqs_event(json.dumps(body)), Context())
    assert calls == ["GetItem", "UpdateItem", "Query"]


def test_a_log_line_names_the_post_and_never_a_token(
    internet: Internet, way: Way, caplog: pytest.LogCaptureFixture
) -> None:
    post = way.reply("@shopbot #AmazonCart private words")
    logged = " ".join(str(vars(record)) for record in caplog.records)
    assert post in logged
    for secret in ("bot-access", "bot-refresh", "app-bearer", CONSUMER_SECRET, "private words"):
        assert secret not in logged
    assert isinstance(internet.requests[0], Request)


def test_what_an_erased_shopper_left_in_flight_goes_for_good(aws: Aws, bundle: Bundle) -> None:
    links = AccountLinks(aws.dynamodb, "AccountLinksTable")
    rows = Activity(aws.dynamodb, "ActivityTable")
    carts = Carts(aws.dynamodb, "CartsTable")
    sessions = Sessions(aws.dynamodb, "SessionsTable")
    offers = Offers(aws.dynamodb, "SessionsTable")
    pending = Pending(aws.dynamodb, "PendingTable")
    leave = Leave(ShopperTables(links, carts, rows, sessions, offers, pending), lambda: clock_ms() - SETTLES_MS)
    leave.erase(SHOPPER)
    key = order_key(post_id(now_ms=clock_ms()))
    carts.write_operation(SHOPPER, "store.localhost#mug#", key, Operation(Kind.PLAIN, 1), now_ms=clock_ms())
    rows.mark_undone(SHOPPER, key, now_ms=clock_ms())
    answer = bundle.invoke("cart_reconciliation", fresh("cart_reconciliation__good"))
    assert answer == {"woken": 0, "erased": 1, "synchronised": 0}
    assert (carts.items_of(SHOPPER), rows.items_of(SHOPPER)) == ([], [])
    assert aws.dynamodb.scan(TableName="PendingTable")["Items"] == []
