"""`make redrive`: by reason, in part, twice and interrupted."""

import json
from typing import Any

import pytest

from hashcart.domain.account_links import AccountLink
from hashcart.domain.posts import DAY_MS
from hashcart.observability import clock_ms
from local.events import EVENTS, fresh_event
from local.operations.__main__ import run
from tests.fakes.account_links import tie
from tests.fakes.aws import Aws
from tests.fakes.clock import post_id
from tests.fakes.deployed import Deployed, refused
from tests.fakes.handlers import STORE, Bundle, sqs_event
from tests.fakes.internet import Internet

ADA = AccountLink(
    shopper_id="shopper-ada",
    x_user_id="222",
    handle="ada_shops",
    marketplace="store.localhost",
    country="US",
    language="en",
    consented_at_ms=clock_ms() - 600_000,
    policy_version="1",
)
MUG = {
    "id": "mug",
    "title": "Stoneware mug",
    "price": {"amount": "12.50", "currency": "USD"},
    "max_quantity": 5,
    "marketplaces": ["store.localhost"],
}
SECRET_TEXT = "a birthday present for mum"


def request(own_id: str) -> str:
    body: dict[str, Any] = json.loads(
        fresh_event(EVENTS / "cart_insertion__good.json", clock_ms())["Records"][0]["body"]
    )
    return json.dumps(body | {"post_id": own_id, "first_id": own_id})


def post(own_id: str) -> str:
    body: dict[str, Any] = json.loads(
        fresh_event(EVENTS / "hashtag_parsing__good.json", clock_ms())["Records"][0]["body"]
    )
    body["post"] |= {"id": own_id, "first_id": own_id, "text": SECRET_TEXT}
    return json.dumps(body)


def bury(aws: Aws, queue: str, body: str, reason: str | None = None) -> None:
    attributes: Any = {"reason": {"DataType": "String", "StringValue": reason}} if reason else {}
    aws.sqs.send_message(
        QueueUrl=aws.queue_urls[f"{queue}DeadLetterQueue"], MessageBody=body, MessageAttributes=attributes
    )


def waiting(aws: Aws, queue: str) -> int:
    """How many messages of a queue can be received now."""
    answer = aws.sqs.get_queue_attributes(QueueUrl=aws.queue_urls[queue], AttributeNames=["All"])["Attributes"]
    return int(answer["ApproximateNumberOfMessages"])


def test_a_dry_run_counts_by_reason_and_leaves_everything(aws: Aws, operate: Deployed) -> None:
    for place, reason in enumerate(("XUnavailableError", "XUnavailableError", "ThrottlingException")):
        bury(aws, "Posts", post(post_id(place)), reason)
    status, said = operate("redrive", "--queue", "posts")
    assert status == 0
    assert "2 × XUnavailableError, 1 × ThrottlingException" in said
    assert "3 would go back to posts" in said
    assert waiting(aws, "PostsDeadLetterQueue") == 3
    assert waiting(aws, "PostsQueue") == 0


def test_no_text_is_ever_shown(aws: Aws, operate: Deployed) -> None:
    bury(aws, "Posts", post(post_id()), "XUnavailableError")
    bury(aws, "Posts", '{"text": "' + SECRET_TEXT, "malformed")
    said = operate("redrive", "--queue", "posts")[1] + operate("redrive", "--queue", "posts", "--dry-run", "no")[1]
    assert SECRET_TEXT not in said


def test_everything_goes_back_as_it_was(aws: Aws, operate: Deployed) -> None:
    bodies = [request(post_id(place)) for place in range(12)]
    for body in bodies:
        bury(aws, "CartRequests", body, "ThrottlingException")
    status, said = operate("redrive", "--queue", "cart-requests", "--dry-run", "no", "--rate", "10")
    assert (status, "Sent back: 12 × ThrottlingException" in said) == (0, True)
    assert operate.clock.slept == [1.0]
    assert waiting(aws, "CartRequestsDeadLetterQueue") == 0
    assert sorted(map(json.dumps, aws.received("CartRequestsQueue"))) == sorted(bodies)
    assert "is empty" in operate("redrive", "--queue", "cart-requests", "--dry-run", "no")[1]
    assert aws.received("CartRequestsQueue") == []


def test_one_reason_goes_back_and_the_others_stay(aws: Aws, operate: Deployed) -> None:
    bury(aws, "CartRequests", request(post_id(1)), "ThrottlingException")
    bury(aws, "CartRequests", request(post_id(2)), "StoreUnavailableError")
    status, _ = operate("redrive", "--queue", "cart-requests", "--reason", "ThrottlingException", "--dry-run", "no")
    assert status == 0
    assert [body["post_id"] for body in aws.received("CartRequestsQueue")] == [post_id(1)]
    assert waiting(aws, "CartRequestsDeadLetterQueue") == 1


def test_malformed_messages_stay_unless_forced(aws: Aws, operate: Deployed) -> None:
    bury(aws, "Outcomes", '{"schema": 1}', "malformed")
    bury(aws, "Outcomes", "{")
    status, said = operate("redrive", "--queue", "outcomes", "--dry-run", "no")
    assert (status, "2 stay: the function would put them here again" in said) == (0, True)
    assert waiting(aws, "OutcomesDeadLetterQueue") == 2
    operate("redrive", "--queue", "outcomes", "--reason", "malformed", "--dry-run", "no", "--force", "yes")
    assert (waiting(aws, "OutcomesDeadLetterQueue"), waiting(aws, "OutcomesQueue")) == (0, 2)


def test_what_sqs_moved_is_told_apart(aws: Aws, operate: Deployed) -> None:
    bury(aws, "CartRequests", request(post_id()))
    said = operate("redrive", "--queue", "cart-requests")[1]
    assert "1 × without_reason" in said
    assert "/hashcart/hashcart-shop/cart_insertion" in said


def test_posts_of_over_two_weeks_ago_stay(aws: Aws, operate: Deployed) -> None:
    bury(aws, "Posts", post(post_id(15 * DAY_MS)), "XUnavailableError")
    bury(aws, "Posts", post(post_id(13 * DAY_MS)), "XUnavailableError")
    said = operate("redrive", "--queue", "posts", "--dry-run", "no")[1]
    assert "1 stay: no cart takes posts of over 14 days ago" in said
    assert (waiting(aws, "PostsDeadLetterQueue"), waiting(aws, "PostsQueue")) == (1, 1)


def test_an_interruption_after_sending_loses_nothing(aws: Aws, operate: Deployed) -> None:
    bury(aws, "CartRequests", request(post_id()), "ThrottlingException")
    operate.fail("sqs", "delete_message_batch", refused("ServiceUnavailable"))
    status, said = operate("redrive", "--queue", "cart-requests", "--dry-run", "no")
    assert (status, "AWS refuses (ServiceUnavailable)" in said) == (1, True)
    assert waiting(aws, "CartRequestsQueue") == 1
    aws.sqs.get_queue_attributes(QueueUrl=aws.queue_urls["CartRequestsDeadLetterQueue"], AttributeNames=["All"])
    answer = aws.sqs.get_queue_attributes(
        QueueUrl=aws.queue_urls["CartRequestsDeadLetterQueue"], AttributeNames=["All"]
    )["Attributes"]
    assert int(answer["ApproximateNumberOfMessages"]) + int(answer["ApproximateNumberOfMessagesNotVisible"]) == 1


def test_what_sqs_refuses_stays(aws: Aws, operate: Deployed) -> None:
    bury(aws, "CartRequests", request(post_id()), "ThrottlingException")
    operate.fail("sqs", "send_message_batch", refused("ServiceUnavailable"))
    status, said = operate("redrive", "--queue", "cart-requests", "--dry-run", "no")
    assert (status, "SQS refused 1, which stay" in said) == (1, True)
    assert (waiting(aws, "CartRequestsDeadLetterQueue"), waiting(aws, "CartRequestsQueue")) == (1, 0)


def test_what_could_not_be_removed_is_told(aws: Aws, operate: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    bury(aws, "CartRequests", request(post_id()), "ThrottlingException")
    monkeypatch.setattr(aws.sqs, "delete_message_batch", lambda **_: {"Failed": [{"Id": "0"}]})
    said = operate("redrive", "--queue", "cart-requests", "--dry-run", "no")[1]
    assert "1 could not be removed and are in both queues" in said


def test_an_operator_without_permission_is_told_which(operate: Deployed) -> None:
    operate.fail("sqs", "receive_message", refused("AccessDenied"))
    status, said = operate("redrive", "--queue", "posts")
    assert (status, "deploy/operator-policy.json" in said) == (1, True)


def test_a_stack_without_the_queue_has_to_be_deployed_again(operate: Deployed) -> None:
    del operate.outputs["EmailFeedbackDeadLetterQueueUrl"]
    status, said = operate("redrive", "--queue", "email-feedback")
    assert (status, "has no output EmailFeedbackDeadLetterQueueUrl" in said) == (1, True)


@pytest.mark.parametrize(
    "wrong", [["--queue", "all"], ["--queue", "posts", "--dry-run", "maybe"], ["--queue", "posts", "--rate", "0"]]
)
def test_a_wrong_option_is_refused(wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        run(["redrive", "--queue", *wrong], print)
    assert stopped.value.code == 2


def test_a_request_that_was_redriven_twice_counts_once(
    aws: Aws, operate: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    internet = Internet()
    internet.answer(f"GET {STORE}/api/products/mug", (200, MUG))
    bundle = Bundle(aws, internet, monkeypatch)
    tie(aws.dynamodb, ADA)
    body = request(post_id(1000, now_ms=clock_ms()))
    lines = []
    for _ in range(2):
        bury(aws, "CartRequests", body, "ThrottlingException")
        operate("redrive", "--queue", "cart-requests", "--dry-run", "no")
        for received in aws.received("CartRequestsQueue"):
            bundle.invoke("cart_insertion", sqs_event(json.dumps(received)))
        (line,) = aws.dynamodb.scan(TableName="CartsTable")["Items"]
        lines.append(line["revision"])
    assert lines == [{"N": "1"}] * 2
    assert [message["outcome"]["code"] for message in aws.received("OutcomesQueue")] == ["ADDED", "ADDED"]


# ---------------------------------------------------------------- What nothing will ever take


@pytest.fixture
def two_malformed(aws: Aws) -> str:
    """The id of the post of a third letter, which failed for another reason."""
    own_id = post_id(60_000)
    for body in ("{", "[]"):
        bury(aws, "CartRequests", body)
    bury(aws, "CartRequests", request(own_id), "ThrottlingException")
    return own_id


def discard(operate: Deployed, *more: str, reason: str = "malformed") -> tuple[int, str]:
    return operate("discard", "--queue", "cart-requests", "--reason", reason, *more)


def test_a_dry_run_removes_nothing(aws: Aws, operate: Deployed, two_malformed: str) -> None:
    status, said = discard(operate)
    assert (status, "Dry run: 2 would be removed for good" in said) == (0, True)
    assert waiting(aws, "CartRequestsDeadLetterQueue") == 3


def test_only_what_failed_for_the_reason_is_removed(aws: Aws, operate: Deployed, two_malformed: str) -> None:
    status, said = discard(operate, "--dry-run", "no")
    assert (status, "✓ Discarded: 2 × malformed" in said) == (0, True)
    assert "1 × ThrottlingException" in said
    assert waiting(aws, "CartRequestsDeadLetterQueue") == 1


def test_the_posts_that_lose_something_are_named(aws: Aws, operate: Deployed, two_malformed: str) -> None:
    said = discard(operate, reason="ThrottlingException")[1]
    assert f"these lose what they ask for: {two_malformed}" in said
    assert SECRET_TEXT not in said


def test_there_may_be_nothing_to_remove(operate: Deployed) -> None:
    status, said = discard(operate, "--dry-run", "no")
    assert status == 0
    assert "the dead-letter queue is empty" in said
    assert "nothing: none is there for the reason malformed" in said


def test_what_sqs_does_not_remove_is_told(aws: Aws, operate: Deployed, two_malformed: str) -> None:
    class Full:
        def delete_message_batch(self, *, Entries: list[Any], **_: object) -> dict[str, Any]:  # noqa: N803 - SQS's own
            return {"Failed": Entries[:1]}

        def __getattr__(self, name: str) -> Any:
            return getattr(aws.sqs, name)

    original = operate.client
    operate.client = lambda service: Full() if service == "sqs" else original(service)  # type: ignore[method-assign]
    status, said = discard(operate, "--dry-run", "no")
    assert (status, "✗ Discarded: 1; SQS refused 1" in said) == (1, True)


def test_a_reason_is_wanted(operate: Deployed) -> None:
    with pytest.raises(SystemExit):
        discard(operate, reason="")


def test_a_queue_that_cannot_be_read_is_left_as_it_is(aws: Aws, operate: Deployed, two_malformed: str) -> None:
    operate.fail("sqs", "delete_message_batch", refused("AccessDeniedException"))
    status, said = discard(operate, "--dry-run", "no")
    assert (status, "AWS refuses (AccessDeniedException)" in said) == (1, True)
