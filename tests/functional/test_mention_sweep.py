"""`mention_sweep` against moto and X's API: its event, its settings, and one post from two sources."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from urllib3.exceptions import ProtocolError, ReadTimeoutError

from hashcart.domain.account_links import AccountLink
from hashcart.domain.post_events import Progress
from hashcart.domain.posts import posted_at_ms
from hashcart.observability import clock_ms
from hashcart.social.x.signature import sign
from hashcart.storage.carts import Carts
from hashcart.storage.post_events import PostEvents
from local.events import EVENTS, fresh_event
from local.settings import CONSUMER_SECRET
from tests.fakes.account_links import tie
from tests.fakes.aws import Aws, aws_account
from tests.fakes.clock import post_id
from tests.fakes.handlers import STORE, X_API, Bundle, Context, http_event, sqs_event
from tests.fakes.internet import Answer, Internet, Request

MENTIONS, SEARCH = f"GET {X_API}/2/users/900/mentions", f"GET {X_API}/2/tweets/search/recent"
WEBHOOKS = f"GET {X_API}/2/webhooks"
EVENT = EVENTS / "mention_sweep__good.json"
MUG = {
    "id": "mug",
    "title": "Stoneware mug",
    "price": {"amount": "12.50", "currency": "USD"},
    "max_quantity": 5,
    "marketplaces": ["store.localhost"],
}


@pytest.fixture
def aws() -> Iterator[Aws]:
    with aws_account() as account:
        tie(
            account.dynamodb,
            AccountLink(
                shopper_id="shopper-ada",
                x_user_id="222",
                handle="ada_shops",
                marketplace="store.localhost",
                country="US",
                language="en",
                consented_at_ms=clock_ms() - 600_000,
                policy_version="1",
            ),
        )
        yield account


@pytest.fixture
def internet() -> Internet:
    internet = Internet()
    internet.answer(f"GET {STORE}/api/products/mug", (200, MUG))
    internet.answer(MENTIONS, page())
    internet.answer(SEARCH, page())
    internet.answer(WEBHOOKS, (200, {"data": [{"id": "77", "url": "https://x", "valid": True}]}))
    return internet


@pytest.fixture
def bundle(aws: Aws, internet: Internet, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    return Bundle(aws, internet, monkeypatch)


def raw(own_id: str, text: str = "@shopbot #AmazonCart x2") -> dict[str, Any]:
    return {
        "id": own_id,
        "author_id": "222",
        "text": text,
        "referenced_tweets": [{"type": "replied_to", "id": post_id(60_000)}],
    }


def page(*posts: dict[str, Any], **meta: object) -> tuple[int, dict[str, Any]]:
    return 200, {**({"data": list(posts)} if posts else {}), "meta": {"result_count": len(posts), **meta}}


def now_id(ms_ago: int = 0) -> str:
    return post_id(ms_ago, now_ms=clock_ms())


def sweep(bundle: Bundle) -> int:
    return int(bundle.invoke("mention_sweep", fresh_event(EVENT, clock_ms()))["passed_on"])


def test_posts_of_both_sources_reach_the_posts_queue_once_each(aws: Aws, internet: Internet, bundle: Bundle) -> None:
    mention, found = raw(now_id(2000)), raw(now_id(1000), "#AmazonCart")
    internet.answer(MENTIONS, page(mention))
    internet.answer(SEARCH, page(found))
    assert sweep(bundle) == 2
    assert [body["post"]["id"] for body in aws.received("PostsQueue")] == [mention["id"], found["id"]]
    assert sweep(bundle) == 0
    assert aws.received("PostsQueue") == []


def test_x_is_asked_as_it_wants(internet: Internet, bundle: Bundle) -> None:
    sweep(bundle)
    _, mentions, search = internet.requests
    assert mentions.headers["authorization"] == search.headers["authorization"] == "Bearer app-bearer"
    assert search.query["query"] == "(#AmazonCart OR #AmazonBasket OR #アマゾンポチ) is:reply -is:retweet"
    assert abs(posted_at_ms(mentions.query["since_id"]) - (clock_ms() - 600_000)) < 60_000
    assert "expansions" not in mentions.query


def test_a_post_from_two_subscriptions_a_stream_and_two_sweeps_counts_once(
    aws: Aws, internet: Internet, bundle: Bundle
) -> None:
    own_id, parent_id = now_id(1000), post_id(60_000)
    reply = raw(own_id)
    parent = {
        "id": parent_id,
        "author_id": "111",
        "text": "Our mug",
        "entities": {"urls": [{"expanded_url": "http://store.localhost:8401/products/mug"}]},
    }
    internet.answer(f"GET {X_API}/2/tweets", (200, {"data": [parent]}))
    internet.answer(MENTIONS, page(reply))
    internet.answer(SEARCH, page(reply))
    assert sweep(bundle) == 2
    told: list[dict[str, Any]] = [
        {"data": {"event_type": kind, "filter": {}, "payload": reply}}
        for kind in ("post.mention.create", "post.create")
    ]
    for document in [*told, {"data": reply, "matching_rules": [{"id": "1", "tag": "cart"}]}]:
        body = json.dumps(document)
        signed = {"x-twitter-webhooks-signature": sign(CONSUMER_SECRET, body.encode())}
        assert bundle.invoke("webhook_intake", http_event("POST", body=body, headers=signed))["statusCode"] == 200
    posts = aws.received("PostsQueue")
    assert [message["post"]["id"] for message in posts] == [own_id] * 5
    for message in posts:
        bundle.invoke("hashtag_parsing", sqs_event(json.dumps(message)))
    for message in aws.received("CartRequestsQueue"):
        bundle.invoke("cart_insertion", sqs_event(json.dumps(message)))
    (line,) = Carts(aws.dynamodb, "CartsTable").lines("shopper-ada")
    assert (len(line.operations), line.state().quantity) == (1, 2)


@pytest.mark.parametrize(("name", "asked"), [("SWEEP_MENTIONS", SEARCH), ("SWEEP_SEARCH", MENTIONS)])
def test_each_source_can_be_turned_off(
    aws: Aws, internet: Internet, monkeypatch: pytest.MonkeyPatch, name: str, asked: str
) -> None:
    sweep(Bundle(aws, internet, monkeypatch, **{name: "false"}))
    assert [f"{request.method} {X_API}{request.path}" for request in internet.requests] == [WEBHOOKS, asked]


def test_one_source_in_trouble_does_not_hold_up_the_other(aws: Aws, internet: Internet, bundle: Bundle) -> None:
    internet.answer(MENTIONS, (429, {"errors": [{"code": 88}]}))
    internet.answer(SEARCH, page(raw(now_id(1000))))
    assert sweep(bundle) == 1
    assert sweep(bundle) == 0
    assert [request.path for request in internet.requests].count("/2/users/900/mentions") == 1
    assert len(aws.received("PostsQueue")) == 1


TROUBLES: list[Answer] = [
    (500, {}),
    (503, b"<html>over capacity</html>"),
    (200, b"<html>"),
    (200, {"errors": [{"title": "Not Found Error"}]}),
    ReadTimeoutError(None, "", "timed out"),  # type: ignore[arg-type]
    ProtocolError("cut"),
]


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: str(trouble)[:20])
def test_trouble_between_two_pages_loses_nothing_and_sends_nothing_twice(
    aws: Aws, internet: Internet, bundle: Bundle, trouble: Answer
) -> None:
    newest, middle, oldest = (raw(now_id(ms_ago)) for ms_ago in (1000, 2000, 3000))
    internet.answer(MENTIONS, page(newest, middle, next_token="n"), trouble, trouble, page(oldest))
    assert [sweep(bundle) for _ in range(4)] == [2, 0, 1, 0]
    asked = [request.query for request in internet.requests if request.path.endswith("/mentions")]
    assert asked[1]["pagination_token"] == "n"
    assert asked[2]["until_id"] == asked[3]["until_id"] == middle["id"]
    assert [body["post"]["id"] for body in aws.received("PostsQueue")] == [
        post["id"] for post in (newest, middle, oldest)
    ]


def test_pages_are_read_to_the_end(aws: Aws, internet: Internet, bundle: Bundle) -> None:
    pages = {None: page(raw(now_id(1000)), next_token="n"), "n": page(raw(now_id(2000)))}

    def answer(request: Request) -> tuple[int, object]:
        return pages[request.query.get("pagination_token")]

    internet.routes[MENTIONS] = answer
    assert sweep(bundle) == 2
    assert len(aws.received("PostsQueue")) == 2


def test_a_token_that_x_rejects_is_tried_again_next_minute(aws: Aws, internet: Internet, bundle: Bundle) -> None:
    internet.answer(MENTIONS, (401, {}), page(raw(now_id(1000))))
    assert sweep(bundle) == 0
    assert sweep(bundle) == 1
    assert len(aws.received("PostsQueue")) == 1


def test_nothing_is_begun_without_the_time_to_end_it(internet: Internet, bundle: Bundle) -> None:
    handler = bundle.load("mention_sweep")
    assert handler.lambda_handler({}, Context(remaining_ms=1000)) == {"passed_on": 0}
    assert [f"{request.method} {X_API}{request.path}" for request in internet.requests] == [WEBHOOKS]


def test_a_disabled_webhook_is_enabled_and_replayed(aws: Aws, internet: Internet, bundle: Bundle) -> None:
    disabled, enabled = ({"id": "77", "url": "https://x", "valid": valid} for valid in (False, True))
    internet.answer(WEBHOOKS, (200, {"data": [disabled]}), (200, {"data": [enabled]}))
    internet.answer(f"PUT {X_API}/2/webhooks/77", (200, {"data": {"attempted": True}}))
    internet.answer(f"POST {X_API}/2/webhooks/replay", (200, {"job_id": "1", "created_at": "2026-11-23T12:00:00Z"}))
    internet.answer(MENTIONS, page(raw(now_id(1000))))
    assert sweep(bundle) == 1
    paths = [(request.method, request.path) for request in internet.requests if "webhooks" in request.path]
    assert paths == [
        ("GET", "/2/webhooks"),
        ("PUT", "/2/webhooks/77"),
        ("GET", "/2/webhooks"),
        ("POST", "/2/webhooks/replay"),
    ]
    assert len(aws.received("PostsQueue")) == 1


def test_trouble_with_the_webhooks_does_not_hold_up_the_sweep(aws: Aws, internet: Internet, bundle: Bundle) -> None:
    internet.answer(WEBHOOKS, (503, {}))
    internet.answer(MENTIONS, page(raw(now_id(1000))))
    assert sweep(bundle) == 1
    assert len(aws.received("PostsQueue")) == 1


SUBSCRIPTIONS = f"{X_API}/2/activity/subscriptions"


def opted_in(aws: Aws, x_user_id: str = "333") -> None:
    link = AccountLink("shopper-ben", x_user_id, "ben", "store.localhost", "US", "en", clock_ms() - 600_000, "1")
    tie(aws.dynamodb, replace(link, post_events_since_ms=clock_ms() - 600_000, post_events_policy="1"))


def subscribing(internet: Internet) -> list[dict[str, str]]:
    """X as it makes subscriptions; returns what it has been asked for."""
    asked: list[dict[str, str]] = []
    internet.answer(f"GET {SUBSCRIPTIONS}", (200, {"meta": {"result_count": 0}}))

    def answer(request: Request) -> tuple[int, object]:
        asked.append({**request.json(), **request.json()["filter"]})
        return 200, {"data": {"subscription": {}}}

    internet.routes[f"POST {SUBSCRIPTIONS}"] = answer
    return asked


def test_who_opted_in_is_subscribed_to_and_the_share_of_the_limit_is_a_metric(
    aws: Aws, internet: Internet, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    opted_in(aws)
    asked = subscribing(internet)
    sweep(Bundle(aws, internet, monkeypatch, X_SUBSCRIPTIONS="true", X_SUBSCRIPTION_LIMIT="2"))
    assert [(each["event_type"], each["user_id"], each["webhook_id"]) for each in asked] == [
        ("post.create", "333", "77"),
        ("post.delete", "333", "77"),
    ]
    wish = PostEvents(aws.dynamodb, "AccountLinksTable").of_profile("333")
    assert wish is not None
    assert wish.progress is Progress.MADE
    metrics = {name: value for record in caplog.records for name, value in vars(record).items() if "Subscript" in name}
    assert metrics == {"Subscriptions": 2, "SubscriptionsUsedPercent": 100}


def test_by_default_nobody_is_subscribed_to(aws: Aws, internet: Internet, bundle: Bundle) -> None:
    sweep(bundle)
    assert [request.path for request in internet.requests if "subscriptions" in request.path] == []


def test_the_sweep_leaves_time_for_the_subscriptions(
    aws: Aws, internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    opted_in(aws)
    asked = subscribing(internet)
    handler = Bundle(aws, internet, monkeypatch, X_SUBSCRIPTIONS="true").load("mention_sweep")
    handler.lambda_handler({}, Context(remaining_ms=19_000))
    assert len(asked) == 2
