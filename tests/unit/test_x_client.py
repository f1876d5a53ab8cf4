"""X's API: what is asked, and what is made of every kind of answer."""

import json
from dataclasses import replace
from typing import Any

import pytest
from urllib3.exceptions import NewConnectionError, ReadTimeoutError

from hashcart.domain.bot_tokens import BotToken
from hashcart.domain.post_events import Subscription
from hashcart.domain.posts import Post
from hashcart.http import MAX_ANSWER_BYTES, HttpClient
from hashcart.secrets import SecretUnavailableError
from hashcart.social.x.bot_session import BotSession, BotSignedOutError
from hashcart.social.x.client import (
    DEFAULT_WAIT_MS,
    LONGEST_WAIT_MS,
    DuplicateReplyError,
    Missing,
    OwnReply,
    PostPage,
    Profile,
    RateLimitedError,
    ReplyRefusedError,
    Stretch,
    SubscriptionRefusedError,
    TokenRejectedError,
    Webhook,
    XApi,
    XUnavailableError,
)
from tests.fakes.clock import NOW_MS, Clock
from tests.fakes.internet import Answer, Internet
from tests.fakes.storage import MemoryBotTokens

X = "https://api.x.test"
TWEETS = f"{X}/2/tweets"
TIMELINE = f"GET {X}/2/users/900/tweets"
TOKEN = f"POST {X}/2/oauth2/token"


@pytest.fixture
def internet() -> Internet:
    return Internet()


@pytest.fixture
def api(internet: Internet) -> XApi:
    return XApi(HttpClient(internet), X, Clock())  # type: ignore[arg-type]


FAILURES: list[Answer] = [
    (500, {"title": "Internal Server Error"}),
    (503, b"<html>over capacity</html>"),
    (404, {}),
    (200, b"<html>"),
    (200, b"\xff\xfe"),
    (200, b"x" * (MAX_ANSWER_BYTES + 1)),
    (302, b""),
    ReadTimeoutError(None, "", "timed out"),  # type: ignore[arg-type]
    NewConnectionError(None, "refused"),  # type: ignore[arg-type]
]


def test_posts_are_found_gone_or_protected(internet: Internet, api: XApi) -> None:
    not_there, not_allowed = (
        {"type": f"https://api.x.com/2/problems/{kind}", "resource_id": post_id, "value": post_id}
        for kind, post_id in (("resource-not-found", "2"), ("not-authorized-for-resource", "3"))
    )
    data = [{"id": "1", "author_id": "111"}, {"id": "5"}, {"id": "9", "author_id": "1"}, "odd"]
    internet.answer(f"GET {TWEETS}", (200, {"data": data, "errors": [not_there, not_allowed, {"value": "77"}, 5]}))
    assert api.posts(["1", "2", "3", "4", "5"], "bearer") == {
        "1": Post("1", "1", "111"),
        "2": Missing.GONE,
        "3": Missing.PROTECTED,
        "4": Missing.GONE,
        "5": Missing.GONE,
    }


def test_new_field_names_are_read_as_well(internet: Internet, api: XApi) -> None:
    url = {"url": "https://t.co/a", "expanded_url": "https://example.com/long"}
    post = {
        "id": "1",
        "author_id": "111",
        "note_post": {"text": "a long post", "entities": {"urls": [url]}},
        "referenced_posts": [{"type": "replied_to", "id": "7"}],
        "edit_history_post_ids": ["1"],
    }
    internet.answer(f"GET {TWEETS}", (200, {"data": [post]}))
    found = api.posts(["1"], "bearer")["1"]
    assert isinstance(found, Post)
    assert (found.text, found.replied_to_id, found.links[0].expanded_url) == ("a long post", "7", url["expanded_url"])


def test_a_links_preview_is_read_within_bounds(internet: Internet, api: XApi) -> None:
    picture = "https://pbs.twimg.com/card_img/1.jpg"
    urls = [
        {"url": "https://t.co/a", "title": " " + "M" * 500, "images": ["odd", {"url": 5}, {"url": picture}]},
        {"url": "https://t.co/b", "title": "  ", "images": [{"url": "http://example.com/plain.jpg"}]},
        {"url": "https://t.co/c", "title": ["odd"], "images": "odd"},
    ]
    post = {"id": "1", "author_id": "111", "entities": {"urls": urls}}
    internet.answer(f"GET {TWEETS}", (200, {"data": [post]}))
    found = api.posts(["1"], "bearer")["1"]
    assert isinstance(found, Post)
    assert [(link.title, link.image_url) for link in found.links] == [
        ("M" * 200, picture),
        (None, None),
        (None, None),
    ]


@pytest.mark.parametrize("answer", FAILURES, ids=str)
def test_no_usable_answer_means_x_is_unavailable(internet: Internet, api: XApi, answer: Answer) -> None:
    internet.answer(f"GET {TWEETS}", answer)
    internet.answer(f"POST {TWEETS}", answer)
    internet.answer(TIMELINE, answer)
    with pytest.raises(XUnavailableError):
        api.posts(["1"], "bearer")
    with pytest.raises(XUnavailableError):
        api.reply("text", "1", "access")
    with pytest.raises(XUnavailableError):
        api.own_reply("900", "1", "access")


@pytest.mark.parametrize(
    ("headers", "reset_ms"),
    [
        ({"x-rate-limit-reset": str(NOW_MS // 1000 + 60)}, (NOW_MS // 1000 + 60) * 1000),
        ({"X-Rate-Limit-Reset": str(NOW_MS // 1000 + 60)}, (NOW_MS // 1000 + 60) * 1000),
        ({"x-rate-limit-reset": "soon"}, NOW_MS + DEFAULT_WAIT_MS),
        ({}, NOW_MS + DEFAULT_WAIT_MS),
        ({"x-rate-limit-reset": "5"}, NOW_MS + 1000),
        ({"x-rate-limit-reset": "99999999999"}, NOW_MS + LONGEST_WAIT_MS),
    ],
)
def test_a_limit_tells_when_it_ends(internet: Internet, api: XApi, headers: dict[str, str], reset_ms: int) -> None:
    internet.answer(f"GET {TWEETS}", (429, {"errors": [{"code": 88}]}, headers))
    with pytest.raises(RateLimitedError) as limited:
        api.posts(["1"], "bearer")
    assert limited.value.reset_ms == reset_ms


def test_a_rejected_token_is_told_apart(internet: Internet, api: XApi) -> None:
    internet.answer(f"POST {TWEETS}", (401, {"title": "Unauthorized"}))
    with pytest.raises(TokenRejectedError):
        api.reply("text", "1", "access")


def test_a_reply_names_the_post_it_answers(internet: Internet, api: XApi) -> None:
    internet.answer(f"POST {TWEETS}", (201, {"data": {"id": "7", "text": "text"}}))
    assert api.reply("Grüße", "1", "access") == "7"
    (request,) = internet.requests
    assert request.json() == {"text": "Grüße", "reply": {"in_reply_to_tweet_id": "1"}}
    assert request.headers["authorization"] == "Bearer access"
    assert request.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("status", "problem", "reason"),
    [
        (403, {"type": "https://api.x.com/2/problems/not-permitted", "detail": "not mentioned"}, "not-permitted"),
        (403, {"title": "Forbidden"}, "Forbidden"),
        (403, b"<html>", "403"),
        (400, [], "400"),
    ],
)
def test_a_refusal_is_for_good(internet: Internet, api: XApi, status: int, problem: Any, reason: str) -> None:
    internet.answer(f"POST {TWEETS}", (status, problem))
    with pytest.raises(ReplyRefusedError, match=reason):
        api.reply("text", "1", "access")


def test_a_duplicate_is_told_apart(internet: Internet, api: XApi) -> None:
    detail = "You are not allowed to create a Tweet with duplicate content."
    internet.answer(f"POST {TWEETS}", (403, {"detail": detail}))
    with pytest.raises(DuplicateReplyError):
        api.reply("text", "1", "access")


@pytest.mark.parametrize("document", [{}, {"data": {}}, {"data": {"id": 7}}, []])
def test_an_answer_that_names_no_post_leaves_the_effect_open(internet: Internet, api: XApi, document: Any) -> None:
    internet.answer(f"POST {TWEETS}", (201, document))
    with pytest.raises(XUnavailableError):
        api.reply("text", "1", "access")


def bot_post(post_id: str, replied_to: str) -> dict[str, Any]:
    return {"id": post_id, "author_id": "900", "referenced_tweets": [{"type": "replied_to", "id": replied_to}]}


def test_the_bots_own_answer_is_found_on_any_page(internet: Internet, api: XApi) -> None:
    internet.answer(
        TIMELINE,
        (200, {"data": [bot_post("8", "5"), {"id": 8}], "meta": {"next_token": "more"}}),
        (200, {"data": [bot_post("7", "1")], "meta": {}}),
    )
    assert api.own_reply("900", "1", "access") == OwnReply("7", ("8", "7"))
    assert internet.requests[0].query["since_id"] == "1"
    assert internet.requests[1].query["pagination_token"] == "more"


def test_no_answer_was_given_only_if_the_whole_timeline_says_so(internet: Internet, api: XApi) -> None:
    internet.answer(TIMELINE, (200, {"meta": {"result_count": 0}}))
    assert api.own_reply("900", "1", "access") == OwnReply(None)
    internet.answer(TIMELINE, (200, {"meta": {"next_token": "more"}}))
    with pytest.raises(XUnavailableError):
        api.own_reply("900", "1", "access")


class SecretStub:
    def __init__(self, *, is_set_up: bool = True) -> None:
        self.is_set_up = is_set_up

    def has_changed(self) -> bool:
        return False

    def text(self, name: str) -> str:
        if not self.is_set_up:
            raise SecretUnavailableError(name)
        return name


OLD = BotToken("old", "refresh-1", NOW_MS + 1000)
FRESH: dict[str, Any] = {
    "access_token": "new",
    "refresh_token": "refresh-2",
    "expires_in": 7200,
    "token_type": "bearer",
}


def session(api: XApi, tokens: MemoryBotTokens, clock: Clock) -> BotSession:
    return BotSession(api, tokens, SecretStub(), clock_ms=clock, sleep=clock.sleep)  # type: ignore[arg-type]


def test_a_fresh_token_is_used_as_it_is_and_remembered(api: XApi) -> None:
    tokens = MemoryBotTokens(BotToken("fresh", "refresh", NOW_MS + 7_200_000))
    bot = session(api, tokens, Clock())
    assert bot.access_token() == "fresh"
    tokens.token = None
    assert bot.access_token() == "fresh"
    bot.forget()
    with pytest.raises(BotSignedOutError):
        bot.access_token()


def test_a_token_that_x_rejects_before_its_time_is_refreshed(internet: Internet, api: XApi) -> None:
    internet.answer(TOKEN, (200, FRESH))
    bot = session(api, MemoryBotTokens(BotToken("rejected", "refresh", NOW_MS + 7_200_000)), Clock())
    assert bot.access_token() == "rejected"
    bot.forget()
    assert bot.access_token() == "new"


def test_a_problem_of_the_moment_is_no_answer_about_a_post(internet: Internet, api: XApi) -> None:
    problem = {"type": "https://api.x.com/2/problems/internal-error", "resource_id": "2"}
    internet.answer(f"GET {TWEETS}", (200, {"data": [{"id": "1", "author_id": "111"}], "errors": [problem]}))
    assert list(api.posts(["1", "2"], "bearer")) == ["1"]


def test_an_old_token_is_refreshed_once_and_kept(internet: Internet, api: XApi) -> None:
    internet.answer(TOKEN, (200, FRESH))
    tokens = MemoryBotTokens(OLD)
    assert session(api, tokens, Clock()).access_token() == "new"
    assert tokens.token == BotToken("new", "refresh-2", NOW_MS + 7_200_000)
    (request,) = internet.requests
    assert request.body == b"grant_type=refresh_token&refresh_token=refresh-1"
    assert request.headers["authorization"] == "Basic Y2xpZW50X2lkOmNsaWVudF9zZWNyZXQ="
    assert session(api, tokens, Clock()).access_token() == "new"
    assert len(internet.requests) == 1


def test_who_does_not_get_the_lease_waits_for_the_new_token(api: XApi) -> None:
    tokens, clock = MemoryBotTokens(OLD), Clock()
    assert tokens.take_lease(OLD, now_ms=NOW_MS)
    reads = 0

    def save_meanwhile() -> None:
        nonlocal reads
        reads += 1
        if reads == 5:
            tokens.token = BotToken("others", "refresh-2", NOW_MS + 7_200_000)

    tokens.before_step = save_meanwhile
    assert session(api, tokens, clock).access_token() == "others"


def test_who_waits_in_vain_tries_again_later(api: XApi) -> None:
    tokens = MemoryBotTokens(OLD)
    assert tokens.take_lease(OLD, now_ms=NOW_MS)
    with pytest.raises(XUnavailableError):
        session(api, tokens, Clock()).access_token()


def test_a_refresh_token_that_x_no_longer_takes_means_signed_out_until_the_next_sign_in(
    internet: Internet, api: XApi
) -> None:
    internet.answer(TOKEN, (400, {"error": "invalid_request"}), (200, FRESH))
    tokens, clock = MemoryBotTokens(OLD), Clock()
    for _ in range(3):
        with pytest.raises(BotSignedOutError):
            session(api, tokens, clock).access_token()
        clock.now_ms += 60_000
    assert len(internet.requests) == 1, "a dead token is not sent again"
    assert tokens.token == replace(OLD, lost_at_ms=NOW_MS)
    tokens.save(BotToken("signed in", "refresh-9", clock.now_ms + 7_200_000))
    assert session(api, tokens, clock).access_token() == "signed in"


def test_a_client_secret_that_x_does_not_take_loses_nothing(internet: Internet, api: XApi) -> None:
    internet.answer(TOKEN, (401, {"error": "unauthorized_client"}), (200, FRESH))
    tokens, clock = MemoryBotTokens(OLD), Clock()
    with pytest.raises(BotSignedOutError):
        session(api, tokens, clock).access_token()
    clock.now_ms += 30_001
    assert session(api, tokens, clock).access_token() == "new"


@pytest.mark.parametrize(
    "answer",
    [
        (500, {}),
        (200, {}),
        (200, b"<html>"),
        (200, []),
        (200, {**FRESH, "expires_in": 0}),
        (200, {**FRESH, "expires_in": "soon"}),
        (200, {**FRESH, "access_token": ""}),
        (200, {**FRESH, "refresh_token": None}),
        ReadTimeoutError(None, "", ""),  # type: ignore[arg-type]
    ],
    ids=str,
)
def test_a_refresh_without_a_usable_answer_keeps_what_there_was(internet: Internet, api: XApi, answer: Answer) -> None:
    internet.answer(TOKEN, answer)
    tokens = MemoryBotTokens(OLD)
    with pytest.raises(XUnavailableError):
        session(api, tokens, Clock()).access_token()
    assert tokens.token == OLD


def test_without_its_secret_the_bot_refreshes_nothing(api: XApi) -> None:
    clock = Clock()
    secret = SecretStub(is_set_up=False)
    bot = BotSession(api, MemoryBotTokens(OLD), secret, clock_ms=clock)  # type: ignore[arg-type]
    with pytest.raises(SecretUnavailableError):
        bot.access_token()


def test_every_call_names_its_caller(internet: Internet, api: XApi) -> None:
    internet.answer(f"GET {TWEETS}", (200, {"data": []}))
    api.posts(["1", "2"], "bearer")
    assert internet.requests[0].query["ids"] == "1,2"
    assert internet.requests[0].headers["user-agent"].startswith("HashCart")
    assert json.dumps(internet.requests[0].query)


MENTIONS = f"GET {X}/2/users/900/mentions"
SEARCH = f"GET {X}/2/tweets/search/recent"


def raw(post_id: str, **fields: object) -> dict[str, object]:
    return {"id": post_id, "author_id": "222", "text": "#AmazonCart", **fields}


def test_a_page_of_mentions(internet: Internet, api: XApi) -> None:
    internet.answer(
        MENTIONS,
        (200, {"data": [raw("3"), {"id": "2"}, {"id": 1}], "errors": [{"title": "x"}], "meta": {"next_token": "n"}}),
    )
    page = api.mentions("900", "app", Stretch("1", until_id="9", page_token="p"))
    assert (page.ids, [post.id for post in page.posts], page.next_token) == (("3", "2", "1"), ["3"], "n")
    query = internet.requests[0].query
    assert {name: query[name] for name in ("since_id", "until_id", "pagination_token", "max_results")} == {
        "since_id": "1",
        "until_id": "9",
        "pagination_token": "p",
        "max_results": "100",
    }
    assert not [name for name in query if "expansions" in name or "user.fields" in name]


def test_a_page_of_search_that_is_the_last_and_empty(internet: Internet, api: XApi) -> None:
    internet.answer(SEARCH, (200, {"meta": {"result_count": 0}}))
    assert api.search_recent("(#a)", "app", Stretch("1")) == PostPage((), (), None)
    assert set(internet.requests[0].query) == {"query", "since_id", "max_results", "tweet.fields"}


@pytest.mark.parametrize("answer", [*FAILURES, (200, {"errors": [{"title": "Not Found Error"}]}), (400, {})])
def test_a_page_that_x_does_not_show_is_no_empty_page(internet: Internet, api: XApi, answer: Answer) -> None:
    internet.answer(MENTIONS, answer)
    with pytest.raises(XUnavailableError):
        api.mentions("900", "app", Stretch("1"))


def test_webhooks_are_listed_leniently(internet: Internet, api: XApi) -> None:
    listed = [{"id": "1", "valid": True}, {"id": "2", "valid": False}, {"id": 3}, {"url": "x"}, "x"]
    internet.answer(f"GET {X}/2/webhooks", (200, {"data": listed}), (200, {"meta": {"result_count": 0}}))
    assert api.webhooks("app") == [Webhook("1", True), Webhook("2", False), Webhook("3", False)]
    assert api.webhooks("app") == []


@pytest.mark.parametrize("answer", [(200, {"data": {"attempted": True}}), (200, {"data": {"valid": True}}), (204, b"")])
def test_a_webhook_is_enabled(internet: Internet, api: XApi, answer: Answer) -> None:
    internet.answer(f"PUT {X}/2/webhooks/1", answer)
    api.enable_webhook("1", "app")
    assert internet.requests[0].headers["authorization"] == "Bearer app"


@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_a_webhook_that_could_not_be_challenged(internet: Internet, api: XApi, status: int) -> None:
    internet.answer(f"PUT {X}/2/webhooks/1", (status, {}))
    with pytest.raises(XUnavailableError):
        api.enable_webhook("1", "app")


@pytest.mark.parametrize(("status", "replayed"), [(200, True), (201, True), (400, False), (403, False), (404, False)])
def test_a_replay_is_asked_for_in_minutes(internet: Internet, api: XApi, status: int, replayed: bool) -> None:
    internet.answer(f"POST {X}/2/webhooks/replay", (status, {}))
    assert api.replay("1", "app", from_ms=1_745_524_859_999, to_ms=1_745_525_000_000) is replayed
    assert internet.requests[0].json() == {
        "webhook_id": "1",
        "from_date": "202504242000",
        "to_date": "202504242003",
    }


@pytest.mark.parametrize("status", [500, 503])
def test_a_replay_that_may_come_later(internet: Internet, api: XApi, status: int) -> None:
    internet.answer(f"POST {X}/2/webhooks/replay", (status, {}))
    with pytest.raises(XUnavailableError):
        api.replay("1", "app", from_ms=0, to_ms=1)


SUBSCRIPTIONS = f"{X}/2/activity/subscriptions"
MADE = {
    "subscription_id": "1",
    "event_type": "post.create",
    "filter": {"user_id": "222"},
    "webhook_id": "77",
    "created_at": "2026-11-23T12:00:00.000Z",
    "updated_at": "2026-11-23T12:00:00.000Z",
}


def test_subscriptions_are_read_by_pages(api: XApi, internet: Internet) -> None:
    odd: list[Any] = [{"subscription_id": "?"}, "?", {"id": "2", "event_type": "news.new", "filter": {"keyword": "x"}}]
    internet.answer(
        f"GET {SUBSCRIPTIONS}",
        (200, {"data": [MADE, *odd], "meta": {"next_token": "n"}}),
        (200, {"meta": {"result_count": 0}}),
    )
    first, last = api.subscriptions("app", None), api.subscriptions("app", "n")
    assert first.subscriptions == (
        Subscription("1", "post.create", "222", "77"),
        Subscription("2", "news.new", "", ""),
    )
    assert (first.next_token, last.subscriptions, last.next_token) == ("n", (), None)
    assert [request.query for request in internet.requests] == [
        {"max_results": "1000"},
        {"max_results": "1000", "pagination_token": "n"},
    ]


@pytest.mark.parametrize("answer", [(200, {"data": {"subscription": MADE}}), (201, [MADE])])
def test_a_subscription_is_made(api: XApi, internet: Internet, answer: Answer) -> None:
    internet.answer(f"POST {SUBSCRIPTIONS}", answer)
    api.subscribe("post.create", "222", "77", "app")
    assert internet.requests[0].json() == {
        "event_type": "post.create",
        "filter": {"user_id": "222"},
        "tag": "cart",
        "webhook_id": "77",
    }


@pytest.mark.parametrize(
    ("answer", "is_full", "is_there"),
    [
        ((400, {"type": "https://api.x.com/2/problems/invalid-request", "errors": [{"message": "no"}]}), False, False),
        ((400, {"errors": [{"message": "Subscription already exists."}]}), False, True),
        ((409, {}), False, True),
        ((403, {"type": "https://api.x.com/2/problems/usage-capped", "title": "Usage"}), True, False),
        ((400, {"detail": "You have reached the maximum number of subscriptions."}), True, False),
        ((400, {"errors": [{"detail": "Subscription limit"}]}), True, False),
        ((404, b"<html>"), False, False),
    ],
)
def test_a_refused_subscription_says_why(
    api: XApi, internet: Internet, answer: Answer, is_full: bool, is_there: bool
) -> None:
    internet.answer(f"POST {SUBSCRIPTIONS}", answer)
    with pytest.raises(SubscriptionRefusedError) as caught:
        api.subscribe("post.create", "222", "77", "app")
    assert (caught.value.is_full, caught.value.is_there) == (is_full, is_there)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((503, {}), XUnavailableError),
        ((429, {}), RateLimitedError),
        ((401, {}), TokenRejectedError),
        (ReadTimeoutError(None, "", "timed out"), XUnavailableError),  # type: ignore[arg-type]
    ],
)
def test_subscribing_in_trouble(api: XApi, internet: Internet, answer: Answer, error: type[Exception]) -> None:
    internet.answer(f"POST {SUBSCRIPTIONS}", answer)
    with pytest.raises(error):
        api.subscribe("post.create", "222", "77", "app")


def test_subscriptions_are_moved_and_ended(api: XApi, internet: Internet) -> None:
    internet.answer(f"PUT {SUBSCRIPTIONS}/1", (200, {"data": {}}))
    internet.answer(f"DELETE {SUBSCRIPTIONS}", (200, {"data": {"deleted": True}}), (404, {}), (400, {}))
    api.move_subscription("1", "78", "app")
    api.unsubscribe(("1", "2"), "app")
    api.unsubscribe(("1", "2"), "app")
    assert internet.requests[0].json() == {"webhook_id": "78"}
    assert internet.requests[1].query == {"ids": "1,2"}
    with pytest.raises(XUnavailableError):
        api.unsubscribe(("1",), "app")


def test_what_x_says_of_profiles(api: XApi, internet: Internet) -> None:
    not_found = {"type": "https://api.x.com/2/problems/resource-not-found", "resource_type": "user"}
    internet.answer(
        f"GET {X}/2/users",
        (
            200,
            {
                "data": [{"id": "1", "protected": False}, {"id": "2", "protected": True}, {"id": "9"}],
                "errors": [
                    {**not_found, "title": "Forbidden", "detail": "User has been suspended: [3].", "resource_id": "3"},
                    {**not_found, "title": "Not Found Error", "detail": "Could not find user", "value": "4"},
                    {"type": "https://api.x.com/2/problems/other", "resource_id": "5"},
                ],
            },
        ),
    )
    assert api.profiles(["1", "2", "3", "4", "5"], "app") == {
        "1": Profile.PUBLIC,
        "2": Profile.PROTECTED,
        "3": Profile.SUSPENDED,
        "4": Profile.GONE,
    }
    assert internet.requests[0].query == {"ids": "1,2,3,4,5", "user.fields": "protected"}
