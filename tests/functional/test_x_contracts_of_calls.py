"""Every request of HashCart's is one that X's OpenAPI description allows, and every answer that it allows is read.

Answers are generated from the schemas of both versions: optional fields present or not, unknown values of enumerations,
partial errors, missing includes, old names and new ones. What cannot be acted upon ends in one of the errors that the
call declares, and in nothing else.
"""

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashcart.http import HttpClient
from hashcart.messages.posts import AccessRevoked, PostArrived, PostDeleted, ProfileProtected, to_json
from hashcart.social.x.client import (
    DuplicateReplyError,
    Missing,
    RateLimitedError,
    ReplyRefusedError,
    Stretch,
    TokenRejectedError,
    XApi,
    XUnavailableError,
)
from hashcart.social.x.payloads import POST_EVENTS, UnreadableError, read_payload
from hashcart.social.x.search_queries import replies_with
from hashcart.social.x.sign_in import PROFILE_FIELDS
from local.x_operations.api import Subscription, Webhook, XAdministration, XRefusedError
from tests.fakes.clock import NOW_MS
from tests.fakes.internet import Answer, Internet, Request
from tests.fakes.openapi import description

BASE = "http://x.test"
POST, OTHER = "2090000000000000002", "2090000000000000001"
STRETCH = Stretch(since_id=OTHER, until_id=POST, page_token="t" * 16)
QUERY = replies_with(("AmazonCart", "アマゾンポチ")) or ""
VERSIONS = ("2.166", "2.167")

type Call = Callable[[XApi, XAdministration], object]
CALLS: dict[str, tuple[Call, str, str]] = {
    "posts": (lambda x, _: x.posts([POST, OTHER], "token"), "get", "/2/tweets"),
    "reply": (lambda x, _: x.reply("Saved (1).", POST, "token"), "post", "/2/tweets"),
    "own_reply": (lambda x, _: x.own_reply("900", POST, "token"), "get", "/2/users/{id}/tweets"),
    "mentions": (lambda x, _: x.mentions("900", "token", STRETCH), "get", "/2/users/{id}/mentions"),
    "search": (lambda x, _: x.search_recent(QUERY, "token", STRETCH), "get", "/2/tweets/search/recent"),
    "webhooks": (lambda x, _: x.webhooks("token"), "get", "/2/webhooks"),
    "enable": (lambda x, _: x.enable_webhook(POST, "token"), "put", "/2/webhooks/{webhook_id}"),
    "replay": (
        lambda x, _: x.replay(POST, "token", from_ms=NOW_MS - 60_000, to_ms=NOW_MS), "post", "/2/webhooks/replay",
    ),
    "operator_webhooks": (lambda _, operator: operator.webhooks(), "get", "/2/webhooks"),
    "register": (lambda _, operator: operator.register("https://cart.example/webhooks/x"), "post", "/2/webhooks"),
    "challenge": (
        lambda _, operator: operator.challenge(Webhook(POST, "https://a.example", valid=False)),
        "put", "/2/webhooks/{webhook_id}",
    ),
    "remove": (lambda _, operator: operator.remove_webhook(POST), "delete", "/2/webhooks/{webhook_id}"),
    "subscriptions": (lambda _, operator: operator.subscriptions(), "get", "/2/activity/subscriptions"),
    "unsubscribe": (
        lambda _, operator: operator.unsubscribe([Subscription(POST, "post.mention.create", "900", OTHER)]),
        "delete", "/2/activity/subscriptions",
    ),
    "account": (lambda _, operator: operator.account("token"), "get", "/2/users/me"),
}  # fmt: skip
DECLARED = (
    RateLimitedError, TokenRejectedError, XUnavailableError, ReplyRefusedError, DuplicateReplyError, XRefusedError,
)  # fmt: skip


def ask(call: Call, answer: Answer) -> tuple[object, list[Request]]:
    """What a call makes of X's answer: its result or the error that it raised, and the requests that it made."""
    internet = Internet()

    class Everywhere(dict[str, Any]):
        def __missing__(self, route: str) -> Any:
            return lambda _: answer

    internet.routes = Everywhere()
    http = HttpClient(internet)  # type: ignore[arg-type]
    try:
        result: object = call(XApi(http, BASE, lambda: NOW_MS), XAdministration(http, BASE, "bearer", lambda: NOW_MS))
    except DECLARED as error:
        result = error
    return result, internet.requests


@pytest.mark.parametrize("name", CALLS)
def test_every_request_is_valid(name: str) -> None:
    call, _, _ = CALLS[name]
    _, requests = ask(call, (200, {"data": [], "meta": {}}))
    assert requests
    for request in requests:
        description("2.166").check_request(request)
        assert request.headers["authorization"].startswith("Bearer ")


def test_the_sign_in_reads_fields_that_x_has() -> None:
    request = Request("GET", "/2/users/me", {"user.fields": PROFILE_FIELDS}, {}, b"")
    for version in VERSIONS:
        description(version).check_request(request)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", CALLS)
@given(seed=st.integers(0, 2**32))
def test_every_answer_that_is_allowed_is_read(name: str, version: str, seed: int) -> None:
    call, method, path = CALLS[name]
    api, chance = description(version), random.Random(seed)
    status = 201 if name == "reply" else 200
    result, _ = ask(call, (status, api.example(api.answer_schema(method, path, str(status)), chance)))
    assert not isinstance(result, TokenRejectedError | RateLimitedError | ReplyRefusedError | XRefusedError)


@pytest.mark.parametrize("version", VERSIONS)
@given(seed=st.integers(0, 2**32))
def test_a_lookup_finds_what_it_shows_and_knows_what_is_gone(version: str, seed: int) -> None:
    api, chance = description(version), random.Random(seed)
    document = api.example(api.answer_schema("get", "/2/tweets", "200"), chance)
    shown = [post for post in document.get("data", []) if {"id", "author_id"} <= set(post)]
    missing = [f"20900000000000000{number}" for number in range(10, 13)]
    kinds = ("resource-not-found", "not-authorized-for-resource", "client-disconnected")
    document["errors"] = [
        {"resource_id": own, "type": f"https://api.twitter.com/2/problems/{kind}", "title": "…"}
        for own, kind in zip(missing, kinds, strict=True)
    ]
    ids = [*(post["id"] for post in shown), *missing]
    found, _ = ask(lambda x, _: x.posts(ids, "token"), (200, document))
    assert isinstance(found, dict)
    for post in shown:
        assert found[post["id"]].author_id in [other["author_id"] for other in shown if other["id"] == post["id"]]
    assert [found.get(own) for own in missing] == [Missing.GONE, Missing.PROTECTED, None]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["mentions", "search"])
@given(seed=st.integers(0, 2**32))
def test_a_sweep_sees_every_post_of_a_page(name: str, version: str, seed: int) -> None:
    call, method, path = CALLS[name]
    api, chance = description(version), random.Random(seed)
    document = api.example(api.answer_schema(method, path, "200"), chance)
    page, _ = ask(call, (200, document))
    if "meta" not in document:
        assert isinstance(page, XUnavailableError)
        return
    posts = [post for post in document.get("data", []) if "id" in post]
    assert page.ids == tuple(post["id"] for post in posts)  # type: ignore[attr-defined]
    read = [post.id for post in page.posts]  # type: ignore[attr-defined]
    assert read == [post["id"] for post in posts if "author_id" in post]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("path", ["/2/activity/stream", "/2/tweets/search/stream"])
@given(seed=st.integers(0, 2**32))
def test_every_event_that_is_allowed_is_read(path: str, version: str, seed: int) -> None:
    api, chance = description(version), random.Random(seed)
    document = api.example(api.answer_schema("get", path, "200"), chance)
    read = list(read_payload(document))
    events = PostArrived | PostDeleted | ProfileProtected | AccessRevoked
    assert all(isinstance(one, events | UnreadableError) for one in read)
    for one in read:
        if not isinstance(one, UnreadableError):
            assert to_json(one).isascii()
    data = document.get("data", {})
    post = data.get("payload", {}) if path == "/2/activity/stream" else data
    is_post = path != "/2/activity/stream" or data.get("event_type") in POST_EVENTS
    if is_post and isinstance(post, dict) and "id" in post and "author_id" in post:
        (arrived,) = read
        if isinstance(arrived, ProfileProtected):
            assert arrived.user_id == post["author_id"]
            return
        assert isinstance(arrived, PostArrived)
        assert (arrived.post.id, arrived.post.author_id) == (post["id"], post["author_id"])


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, {"errors": [{"code": 88, "message": "Rate limit exceeded"}]}),
        (429, {"title": "Too Many Requests", "type": "about:blank", "status": 429}),
        (429, b"slow down"),
        (401, {"title": "Unauthorized", "type": "about:blank", "status": 401}),
        (
            400,
            {"errors": [{"message": "ids"}], "title": "Invalid Request", "type": f"{BASE}/2/problems/invalid-request"},
        ),
        (403, {"detail": "You are not permitted to perform this action.", "title": "Forbidden", "type": "about:blank"}),
        (403, {"detail": "You are not allowed to create a Tweet with duplicate content.", "type": "about:blank"}),
        (404, {"title": "Not Found", "type": f"{BASE}/2/problems/resource-not-found", "status": 404}),
        (500, b""),
        (503, b"<html>Over capacity</html>"),
        (200, b"<html>"),
        (200, b"[" * 50_000),
        (200, []),
        (200, None),
        (200, {"data": 5, "errors": "x", "meta": None, "includes": []}),
    ],
    ids=lambda value: str(value)[:24],
)
def test_errors_are_told_from_answers(name: str, status: int, body: object) -> None:
    result, _ = ask(CALLS[name][0], (status, body))
    if status == 429:
        assert isinstance(result, RateLimitedError)
        assert NOW_MS < result.reset_ms <= NOW_MS + 24 * 3_600_000
    elif status != 200 and name != "replay":
        assert isinstance(result, DECLARED)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", CALLS)
@given(seed=st.integers(0, 2**32))
def test_every_error_that_is_described_is_declared(name: str, version: str, seed: int) -> None:
    call, method, path = CALLS[name]
    api, chance = description(version), random.Random(seed)
    body = api.example(api.answer_schema(method, path, "default"), chance)
    result, _ = ask(call, (chance.choice((400, 401, 403, 404, 429, 500, 503)), body))
    assert isinstance(result, DECLARED) or name == "replay"


@pytest.mark.parametrize("reset", ["", "soon", "0", "-1", "99999999999999999999", "１", "1e9"])
def test_a_limit_without_a_usable_header_is_waited_out_all_the_same(reset: str) -> None:
    answer: Answer = (429, {"errors": [{"code": 88}]}, {"x-rate-limit-reset": reset})
    for name in ("posts", "reply", "webhooks", "operator_webhooks"):
        result, _ = ask(CALLS[name][0], answer)
        assert isinstance(result, RateLimitedError)
        assert NOW_MS < result.reset_ms <= NOW_MS + 24 * 3_600_000
