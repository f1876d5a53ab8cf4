"""X's API, version 2: the calls that HashCart makes."""

import json
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from urllib3.util import make_headers

from hashcart.domain.post_events import Subscription
from hashcart.domain.posts import Post, is_post_id
from hashcart.http import Answer, HttpClient, UnreachableError
from hashcart.social.x.payloads import UnreadableError, read_post

MAX_IDS_PER_LOOKUP = 100
MOST_POSTS_A_PAGE = 100
TIMELINE_PAGES = 5
SUBSCRIPTIONS = "/2/activity/subscriptions"
SUBSCRIPTION_PAGE_SIZE = "1000"
SUBSCRIPTION_TAG = "cart"
MAX_IDS_PER_UNSUBSCRIPTION = 100
DEFAULT_WAIT_MS = 15 * 60 * 1000
LONGEST_WAIT_MS = 24 * 60 * 60 * 1000
DUPLICATE_CONTENT = "duplicate content"

# The names of X's OpenAPI description 2.166: 2.167 renames them, but the service and its pages still use these.
POST_FIELDS = "author_id,edit_history_tweet_ids,entities,in_reply_to_user_id,note_tweet,referenced_tweets"


class XUnavailableError(Exception):
    """X did not do what was asked, and may later. Whether a write had an effect is unknown."""


class XFailedError(XUnavailableError):
    """X has answered with a failure: of a read, nothing was shown."""


class RateLimitedError(Exception):
    """X's limit for this call is used up until `reset_ms` (milliseconds of the Unix epoch)."""

    def __init__(self, reset_ms: int) -> None:
        super().__init__("rate limited")
        self.reset_ms = reset_ms


class ReplyRefusedError(Exception):
    """X will never take this reply; the message is the problem's type or title."""


class DuplicateReplyError(Exception):
    """X has this very text already, so an earlier attempt got through."""


class SubscriptionRefusedError(Exception):
    """X makes no subscription: `is_full` if the app has as many as it may, `is_there` if there is one already."""

    def __init__(self, reason: str, *, is_full: bool, is_there: bool) -> None:
        super().__init__(reason)
        self.is_full = is_full
        self.is_there = is_there


class TokenRejectedError(Exception):
    """X does not accept the token of this call."""


class Missing(StrEnum):
    """Why a post cannot be read."""

    GONE = "parent_gone"
    PROTECTED = "parent_protected"


class Profile(StrEnum):
    """What X says of an account: whether its posts are public, and if not, why."""

    PUBLIC = "public"
    PROTECTED = "protected"
    SUSPENDED = "suspended"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Posts of a list, newest first: after the id `since_id`, before `until_id`, from the page of `page_token` on.

    A page has at most `page_size` posts, 10 to 100.
    """

    since_id: str
    until_id: str | None = None
    page_token: str | None = None
    page_size: int = MOST_POSTS_A_PAGE


@dataclass(frozen=True, slots=True)
class PostPage:
    """A page of a list: the ids of all its posts, those of them that can be read, and what the next page is called."""

    ids: tuple[str, ...]
    posts: tuple[Post, ...]
    next_token: str | None


@dataclass(frozen=True, slots=True)
class SubscriptionPage:
    """A page of the app's subscriptions, and what the next page is called."""

    subscriptions: tuple[Subscription, ...]
    next_token: str | None


@dataclass(frozen=True, slots=True)
class OwnReply:
    """The id of the bot's answer to a post, None if there is none, and the posts that X has shown to tell it."""

    id: str | None
    read: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook of the app; X delivers to it only while it is valid."""

    id: str
    is_valid: bool


@dataclass(frozen=True, slots=True)
class XApi:
    """X's API at `base_url`. Each method is one kind of call with one kind of token."""

    http: HttpClient
    base_url: str
    clock_ms: Callable[[], int]

    def posts(self, ids: Collection[str], bearer_token: str) -> dict[str, Post | Missing]:
        """Look up to 100 posts up, in one call. What X says nothing of is gone.

        A post is missing from the result if X names a problem of the moment for it.

        Raises RateLimitedError, TokenRejectedError, XUnavailableError.
        """
        answer = self._call(
            "GET",
            "/2/tweets",
            bearer_token,
            fields={"ids": ",".join(ids), "tweet.fields": POST_FIELDS},
        )
        document = _document(answer, HTTPStatus.OK)
        found: dict[str, Post | Missing] = dict.fromkeys(ids, Missing.GONE)
        for problem in _objects(document.get("errors")):
            post_id, kind = str(problem.get("resource_id") or problem.get("value")), str(problem.get("type"))
            if kind.endswith("not-authorized-for-resource") and post_id in found:
                found[post_id] = Missing.PROTECTED
            elif not kind.endswith("resource-not-found"):
                found.pop(post_id, None)
        for raw in _objects(document.get("data")):
            post = _readable(raw)
            if post is not None and post.id in ids:
                found[post.id] = post
        return found

    def reply(self, text: str, in_reply_to: str, access_token: str) -> str:
        """Answer a post; returns the id of the answer.

        Raises ReplyRefusedError and DuplicateReplyError for good, RateLimitedError and TokenRejectedError when there
        was no effect, XUnavailableError when that is unknown.
        """
        body = json.dumps({"text": text, "reply": {"in_reply_to_tweet_id": in_reply_to}}).encode()
        answer = self._call("POST", "/2/tweets", access_token, body=body)
        if answer.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN):
            raise _refusal(answer)
        reply_id = _mapping(_document(answer, HTTPStatus.CREATED).get("data")).get("id")
        if not isinstance(reply_id, str):
            raise XUnavailableError("the answer names no post")
        return reply_id

    def own_reply(self, bot_user_id: str, post_id: str, access_token: str) -> OwnReply:
        """The bot's answer to a post, searched in the bot's own timeline back to that post.

        Raises XUnavailableError also where the timeline is too long to say for certain.
        """
        fields = {"since_id": post_id, "max_results": str(MOST_POSTS_A_PAGE), "tweet.fields": POST_FIELDS}
        read: list[str] = []
        for _ in range(TIMELINE_PAGES):
            answer = self._call("GET", f"/2/users/{bot_user_id}/tweets", access_token, fields=fields)
            document = _document(answer, HTTPStatus.OK)
            posts = [post for post in map(_readable, _objects(document.get("data"))) if post is not None]
            read += [post.id for post in posts]
            found = next((post.id for post in posts if post.replied_to_id == post_id), None)
            next_token = _mapping(document.get("meta")).get("next_token")
            if found is not None or not isinstance(next_token, str):
                return OwnReply(found, tuple(read))
            fields["pagination_token"] = next_token
        raise XUnavailableError("the timeline is too long")

    def mentions(self, user_id: str, bearer_token: str, stretch: Stretch) -> PostPage:
        """A page of the posts that mention an account.

        Raises RateLimitedError, TokenRejectedError, XUnavailableError.
        """
        return self._page(f"/2/users/{user_id}/mentions", bearer_token, stretch, {}, "pagination_token")

    def search_recent(self, query: str, bearer_token: str, stretch: Stretch) -> PostPage:
        """A page of the posts of the last seven days that match a query. Raises what `mentions` raises."""
        return self._page("/2/tweets/search/recent", bearer_token, stretch, {"query": query}, "next_token")

    def webhooks(self, bearer_token: str) -> list[Webhook]:
        """The app's webhooks. Raises RateLimitedError, TokenRejectedError, XUnavailableError."""
        document = _document(self._call("GET", "/2/webhooks", bearer_token), HTTPStatus.OK)
        found = _objects(document.get("data"))
        return [Webhook(str(raw["id"]), raw.get("valid") is True) for raw in found if is_post_id(str(raw.get("id")))]

    def enable_webhook(self, webhook_id: str, bearer_token: str) -> None:
        """Have X challenge a webhook, which enables it if it answers rightly. Raises what `webhooks` raises.

        What X answers does not tell how that ended (2.166: only that it was attempted).
        """
        answer = self._call("PUT", f"/2/webhooks/{webhook_id}", bearer_token)
        if answer.status not in (HTTPStatus.OK, HTTPStatus.NO_CONTENT):
            raise XUnavailableError(f"status {answer.status}")

    def replay(self, webhook_id: str, bearer_token: str, *, from_ms: int, to_ms: int) -> bool:
        """Have X deliver again what it had for a webhook; False if X does not do that for this app.

        Raises what `webhooks` raises.
        """
        stretch = {"from_date": _minute(from_ms), "to_date": _minute(to_ms)}
        body = json.dumps({"webhook_id": webhook_id, **stretch}).encode()
        answer = self._call("POST", "/2/webhooks/replay", bearer_token, body=body)
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise XUnavailableError(f"status {answer.status}")
        return answer.status in (HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.ACCEPTED)

    def subscriptions(self, bearer_token: str, page_token: str | None) -> SubscriptionPage:
        """A page of the app's subscriptions to X's events. Raises what `webhooks` raises."""
        fields = {"max_results": SUBSCRIPTION_PAGE_SIZE} | ({"pagination_token": page_token} if page_token else {})
        document = _document(self._call("GET", SUBSCRIPTIONS, bearer_token, fields=fields), HTTPStatus.OK)
        next_token = _mapping(document.get("meta")).get("next_token")
        found = tuple(map(_subscription, _objects(document.get("data"))))
        return SubscriptionPage(
            tuple(subscription for subscription in found if is_post_id(subscription.id)),
            next_token if isinstance(next_token, str) and next_token else None,
        )

    def subscribe(self, event_type: str, user_id: str, webhook_id: str, bearer_token: str) -> None:
        """Have events of one kind about an account delivered to a webhook.

        Raises SubscriptionRefusedError, and what `webhooks` raises: whether there was an effect is unknown then.
        """
        asked = {
            "event_type": event_type,
            "filter": {"user_id": user_id},
            "tag": SUBSCRIPTION_TAG,
            "webhook_id": webhook_id,
        }
        answer = self._call("POST", SUBSCRIPTIONS, bearer_token, body=json.dumps(asked).encode())
        if answer.status not in (HTTPStatus.OK, HTTPStatus.CREATED):
            if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise XUnavailableError(f"status {answer.status}")
            raise _subscription_refusal(answer)

    def move_subscription(self, subscription_id: str, webhook_id: str, bearer_token: str) -> None:
        """Have a subscription delivered to another webhook. Raises what `webhooks` raises."""
        body = json.dumps({"webhook_id": webhook_id}).encode()
        _document(self._call("PUT", f"{SUBSCRIPTIONS}/{subscription_id}", bearer_token, body=body), HTTPStatus.OK)

    def unsubscribe(self, subscription_ids: Collection[str], bearer_token: str) -> None:
        """End up to 100 subscriptions; one that is not there is no error. Raises what `webhooks` raises."""
        answer = self._call("DELETE", SUBSCRIPTIONS, bearer_token, fields={"ids": ",".join(subscription_ids)})
        if answer.status != HTTPStatus.NOT_FOUND:
            _document(answer, HTTPStatus.OK)

    def profiles(self, user_ids: Collection[str], bearer_token: str) -> dict[str, Profile]:
        """What X says of up to 100 accounts; one that it says nothing clear of is missing. Raises what `posts` raises.

        Each account costs as much as two posts.
        """
        answer = self._call(
            "GET", "/2/users", bearer_token, fields={"ids": ",".join(user_ids), "user.fields": "protected"}
        )
        document = _document(answer, HTTPStatus.OK)
        found: dict[str, Profile] = {}
        for problem in _objects(document.get("errors")):
            if str(problem.get("type")).endswith("resource-not-found"):
                # X has no type of its own for this: only the words differ from those about an unknown account.
                is_suspended = "suspended" in str(problem.get("detail")).lower()
                user_id = str(problem.get("resource_id") or problem.get("value"))
                found[user_id] = Profile.SUSPENDED if is_suspended else Profile.GONE
        for raw in _objects(document.get("data")):
            found[str(raw.get("id"))] = Profile.PROTECTED if raw.get("protected") is True else Profile.PUBLIC
        return {user_id: profile for user_id, profile in found.items() if user_id in user_ids}

    def refresh(self, refresh_token: str, client_id: str, client_secret: str) -> Answer:
        """Spend a refresh token. The answer is the caller's to judge; XUnavailableError if there is none."""
        return self._request(
            "POST",
            "/2/oauth2/token",
            headers={
                **make_headers(basic_auth=f"{client_id}:{client_secret}"),
                "content-type": "application/x-www-form-urlencoded",
            },
            body=urlencode({"grant_type": "refresh_token", "refresh_token": refresh_token}).encode(),
        )

    def _page(
        self, path: str, token: str, stretch: Stretch, fields: Mapping[str, str], page_token_name: str
    ) -> PostPage:
        """Without expansions: each post and account that one brings costs as much as one that was asked for."""
        stretched = {"until_id": stretch.until_id, page_token_name: stretch.page_token}
        own = {"since_id": stretch.since_id, "max_results": str(stretch.page_size), "tweet.fields": POST_FIELDS}
        own |= {name: value for name, value in stretched.items() if value is not None}
        document = _document(self._call("GET", path, token, fields={**fields, **own}), HTTPStatus.OK)
        if not isinstance(document.get("meta"), Mapping):
            raise XUnavailableError("the answer says nothing of its page")
        raw_posts = _objects(document.get("data"))
        ids = tuple(post_id for raw in raw_posts if is_post_id(post_id := str(raw.get("id"))))
        next_token = document["meta"].get("next_token")
        posts = tuple(post for post in map(_readable, raw_posts) if post is not None)
        return PostPage(ids, posts, next_token if isinstance(next_token, str) and next_token else None)

    def _call(
        self,
        method: str,
        path: str,
        token: str,
        *,
        fields: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        headers = {"authorization": f"Bearer {token}"} | ({"content-type": "application/json"} if body else {})
        answer = self._request(method, path, headers=headers, fields=fields, body=body)
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise RateLimitedError(self._reset_ms(answer))
        if answer.status == HTTPStatus.UNAUTHORIZED:
            raise TokenRejectedError(path)
        return answer

    def _request(self, method: str, path: str, **request: Any) -> Answer:
        try:
            return self.http.request(method, self.base_url + path, **request)
        except UnreachableError as error:
            raise XUnavailableError(str(error)) from error

    def _reset_ms(self, answer: Answer) -> int:
        reset = answer.headers.get("x-rate-limit-reset", "")
        now_ms = self.clock_ms()
        promised_ms = int(reset) * 1000 if reset.isascii() and reset.isdigit() else now_ms + DEFAULT_WAIT_MS
        return min(max(promised_ms, now_ms + 1000), now_ms + LONGEST_WAIT_MS)


def _document(answer: Answer, expected: HTTPStatus) -> Mapping[str, Any]:
    if answer.status != expected:
        raise XFailedError(f"status {answer.status}")
    try:
        document = answer.json()
    except UnreachableError as error:
        raise XUnavailableError(str(error)) from error
    return _mapping(document)


def _refusal(answer: Answer) -> DuplicateReplyError | ReplyRefusedError:
    try:
        problem = _mapping(answer.json())
    except UnreachableError:
        problem = {}
    if DUPLICATE_CONTENT in str(problem.get("detail")).lower():
        return DuplicateReplyError("the text is there already")
    return ReplyRefusedError(str(problem.get("type") or problem.get("title") or answer.status))


def _subscription_refusal(answer: Answer) -> SubscriptionRefusedError:
    """X documents no types for these: what its words mean is told by words that they can hardly do without."""
    try:
        problem = _mapping(answer.json())
    except UnreachableError:
        problem = {}
    kind = str(problem.get("type"))
    texts = [kind, *(str(problem.get(name)) for name in ("title", "detail"))]
    texts += [str(error.get("message") or error.get("detail")) for error in _objects(problem.get("errors"))]
    words = " ".join(texts).lower()
    is_there = answer.status == HTTPStatus.CONFLICT or "already" in words or "duplicate" in words
    is_full = not is_there and any(word in words for word in ("limit", "maximum", "-cap"))
    return SubscriptionRefusedError(
        kind if "type" in problem else str(answer.status), is_full=is_full, is_there=is_there
    )


def _subscription(raw: Mapping[str, Any]) -> Subscription:
    user_id = _mapping(raw.get("filter")).get("user_id")
    return Subscription(
        id=str(raw.get("subscription_id") or raw.get("id")),
        event_type=str(raw.get("event_type")),
        user_id=str(user_id or ""),
        webhook_id=str(raw.get("webhook_id") or ""),
    )


def _minute(moment_ms: int) -> str:
    """A moment as X's replays want it: UTC, `yyyymmddhhmm`."""
    return time.strftime("%Y%m%d%H%M", time.gmtime(moment_ms // 1000))


def _readable(raw: Mapping[str, Any]) -> Post | None:
    try:
        return read_post(raw)
    except UnreadableError:
        return None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []
