"""X's API as far as HashCart calls it: posts, the signed-in account, timelines, webhooks."""

import re
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.x_simulator.accounts import Account, Accounts
from local.x_simulator.behaviour import Behaviour
from local.x_simulator.bill import Bill
from local.x_simulator.calls import Gate, Operation, Principal, answer, json_object
from local.x_simulator.entities import render
from local.x_simulator.network import Network
from local.x_simulator.objects import MAX_TEXT, OLD_NAMES, Objects, with_new_names
from local.x_simulator.problems import ProblemError, forbidden, invalid_request, not_authorized, not_found, suspended
from local.x_simulator.search import Searchable, parse_query
from local.x_simulator.snowflakes import SnowflakeClock, snowflake, time_ms
from local.x_simulator.timeline import Post, Timeline
from local.x_simulator.webhooks import Webhook, Webhooks

MAX_IDS = 100
REPLAYED_SECONDS = 24 * 60 * 60
MINUTE = 60
SEARCHED_SECONDS = 7 * 24 * 60 * 60
DUPLICATE_SECONDS = 24 * 60 * 60

POST_FIELDS = frozenset(
    {
        "article", "article_title", "attachments", "author_id", "card_uri", "community_id", "context_annotations",
        "conversation_id", "created_at", "display_text_range", "edit_controls", "edit_history_tweet_ids", "entities",
        "geo", "id", "in_reply_to_user_id", "lang", "matched_media_notes", "media_metadata", "non_public_metrics",
        "note_request_suggestions", "note_tweet", "organic_metrics", "paid_partnership", "possibly_sensitive",
        "promoted_metrics", "public_metrics", "referenced_tweets", "reply_settings", "scopes", "source",
        "suggested_source_links", "suggested_source_links_with_counts", "text", "withheld",
    }
)  # fmt: skip
EXPANSIONS = frozenset(
    {
        "article.cover_media", "article.media_entities", "attachments.media_keys", "attachments.media_source_tweet",
        "attachments.poll_ids", "author_id", "edit_history_tweet_ids", "edit_history_post_ids",
        "entities.mentions.username", "geo.place_id", "in_reply_to_user_id", "entities.note.mentions.username",
        "referenced_tweets.id", "referenced_tweets.id.attachments.media_keys", "referenced_tweets.id.author_id",
        "referenced_posts", "referenced_posts.id", "username",
    }
)  # fmt: skip
_EXPANDED_FIELDS = {
    "author_id": "author_id",
    "in_reply_to_user_id": "in_reply_to_user_id",
    "referenced_tweets.id": "referenced_tweets",
}
CREATE_FIELDS = frozenset({"text", "reply", "quote_tweet_id", "made_with_ai", "reply_settings"})
REPLY_FIELDS = frozenset({"in_reply_to_tweet_id", "exclude_reply_user_ids", "auto_populate_reply_metadata"})

NOT_SUMMONED = (
    "Reply to this conversation is not allowed because you have not been mentioned or otherwise engaged by the author"
    " of the post you are replying to."
)
QUOTE_NOT_ALLOWED = "You can only reply to or quote posts where you are mentioned or are the author."
DUPLICATE = "You are not allowed to create a Tweet with duplicate content."
PARENT_GONE = "You attempted to reply to a Tweet that is deleted or not visible to you."
TOO_LONG = "Your Tweet text is too long. For more details, see https://docs.x.com/resources/fundamentals."

_POST_ID = re.compile(r"[0-9]{1,19}")


class XApi:
    """The calls below `/2/`."""

    def __init__(
        self,
        *,
        timeline: Timeline,
        accounts: Accounts,
        objects: Objects,
        network: Network,
        webhooks: Webhooks,
        behaviour: Behaviour,
        ids: SnowflakeClock,
        now: Callable[[], float],
        bill: Bill,
    ) -> None:
        self._bill = bill
        self._timeline = timeline
        self._accounts = accounts
        self._objects = objects
        self._network = network
        self._webhooks = webhooks
        self._behaviour = behaviour
        self._ids = ids
        self._now = now

    def routes(self, gate: Gate) -> list[Route]:
        """All routes, with the limits that X documents."""
        read = ("tweet.read", "users.read")
        operations = (
            Operation("GET", "/2/tweets", self._get_posts, 3500, 5000, read),
            Operation("POST", "/2/tweets", self._create_post, None, 100, (*read, "tweet.write")),
            Operation("GET", "/2/users", self._get_accounts, 300, 900, read),
            Operation("GET", "/2/users/me", self._get_me, None, 75, read),
            Operation("GET", "/2/users/{user_id}/tweets", self._get_timeline, 10_000, 900, read),
            Operation("GET", "/2/users/{user_id}/mentions", self._get_mentions, 450, 300, read),
            Operation("GET", "/2/tweets/search/recent", self._search_recent, 450, 300, read),
            Operation("POST", "/2/webhooks", self._create_webhook, 450),
            Operation("GET", "/2/webhooks", self._get_webhooks, 450),
            Operation("POST", "/2/webhooks/replay", self._replay, 450),
            Operation("PUT", "/2/webhooks/{webhook_id}", self._validate_webhook, 450),
            Operation("DELETE", "/2/webhooks/{webhook_id}", self._delete_webhook, 450),
        )
        return [gate.route(operation) for operation in operations]

    async def _get_posts(self, request: Request, principal: Principal) -> Response:
        ids = _listed(request, "ids")
        if not 1 <= len(ids) <= MAX_IDS or not all(_POST_ID.fullmatch(post_id) for post_id in ids):
            raise invalid_request("The `ids` query parameter value is not 1 to 100 post ids.", {"ids": ids})
        found: list[Post] = []
        errors: list[dict[str, Any]] = []
        for post_id in dict.fromkeys(ids):
            post = self._timeline.get(int(post_id))
            if post is None or post.deleted:
                errors.append(not_found("ids", post_id))
            elif not self._is_visible(post, principal):
                errors.append(not_authorized("ids", post_id))
            else:
                found.append(post)
        return self._posts_answer(request, found, errors)

    async def _get_accounts(self, request: Request, _: Principal) -> Response:
        ids = _listed(request, "ids")
        if not 1 <= len(ids) <= MAX_IDS or not all(_POST_ID.fullmatch(user_id) for user_id in ids):
            raise invalid_request("The `ids` query parameter value is not 1 to 100 ids of users.", {"ids": ids})
        accounts = {user_id: self._accounts.get(user_id) for user_id in ids}
        fields = _listed(request, "user.fields")
        document = {
            "data": [
                self._objects.account(found, fields) for found in accounts.values() if found and not found.suspended
            ],
            "errors": [
                not_found("ids", user_id, "user") if found is None else suspended("ids", user_id)
                for user_id, found in accounts.items()
                if found is None or found.suspended
            ],
        }
        return answer({name: value for name, value in document.items() if value})

    async def _get_timeline(self, request: Request, principal: Principal) -> Response:
        user_id = request.path_params["user_id"]
        account = self._accounts.get(user_id)
        if account is None:
            return answer({"errors": [not_found("id", user_id, "user")]})
        if not account.is_public and not principal.sees_posts_of(account.id):
            return answer({"errors": [not_authorized("id", user_id, "user")]})
        posts = _in_range(self._timeline.of_author(account.id), request)
        if "replies" in _listed(request, "exclude"):
            posts = [post for post in posts if post.in_reply_to is None]
        return self._page_answer(request, posts, "pagination_token")

    async def _get_mentions(self, request: Request, principal: Principal) -> Response:
        user_id = request.path_params["user_id"]
        if self._accounts.get(user_id) is None:
            return answer({"errors": [not_found("id", user_id, "user")]})
        posts = [post for post in self._timeline.all() if user_id in self._objects.mentioned_ids(post)]
        posts = [post for post in _in_range(posts, request) if self._is_visible(post, principal)]
        return self._page_answer(request, posts, "pagination_token")

    async def _search_recent(self, request: Request, principal: Principal) -> Response:
        matches = parse_query(request.query_params.get("query", ""))
        oldest = int((self._now() - SEARCHED_SECONDS) * 1000)
        since = _number(request, "since_id", snowflake(oldest), 0, 2**63)
        if time_ms(since) < oldest:
            message = f"'since_id' must be a tweet id created after {SEARCHED_SECONDS // 86400} days ago."
            raise invalid_request(message, {"since_id": [str(since)]})
        recent = [post for post in _in_range(self._timeline.all(), request) if time_ms(post.id) >= oldest]
        posts = [post for post in recent if self._is_visible(post, principal) and matches(self._searchable(post))]
        return self._page_answer(request, posts, "next_token", least=10)

    def _searchable(self, post: Post) -> Searchable:
        tags = (tag["tag"].casefold() for tag in self._objects.rendered(post).entities.get("hashtags", []))
        author = self._accounts[post.author_id].username.casefold()
        return Searchable(frozenset(tags), author, post.in_reply_to is not None)

    def _page_answer(self, request: Request, posts: list[Post], token_name: str, least: int = 5) -> Response:
        size = _number(request, "max_results", 10, least, 100)
        start = _number(request, token_name, 0, 0, len(posts))
        page = posts[start : start + size]
        meta: dict[str, Any] = {"result_count": len(page)}
        if page:
            meta |= {"newest_id": str(page[0].id), "oldest_id": str(page[-1].id)}
        if start + size < len(posts):
            meta["next_token"] = str(start + size)
        return self._posts_answer(request, page, [], meta)

    async def _get_me(self, request: Request, principal: Principal) -> Response:
        account = self._caller(principal)
        self._bill.show_user(account.id)
        return answer({"data": self._objects.account(account, _listed(request, "user.fields"))})

    async def _create_post(self, request: Request, principal: Principal) -> Response:
        account = self._caller(principal)
        body = await json_object(request)
        text, parent_id, quoted_id = _read_new_post(body)
        if len(render(0, text, {}, lambda _: None).text) > MAX_TEXT:
            raise forbidden(TOO_LONG)
        parent = self._visible_parent(parent_id, principal)
        quoted = self._visible_parent(quoted_id, principal)
        if parent is not None and not self._network.has_summoned(parent, account):
            raise forbidden(NOT_SUMMONED, str(parent.id))
        if quoted is not None and not self._network.has_summoned(quoted, account):
            raise forbidden(QUOTE_NOT_ALLOWED, str(quoted.id))
        self._refuse_duplicate(account, text, parent, quoted)
        post = self._network.create(account, text, in_reply_to=parent, quoted=quoted)
        has_url = bool(self._objects.rendered(post).entities.get("urls"))
        self._bill.take(is_reply=parent is not None, has_url=has_url)
        created = self._objects.post(post, ())
        return answer({"data": created}, HTTPStatus.CREATED)

    async def _create_webhook(self, request: Request, _: Principal) -> Response:
        body = await json_object(request)
        url = body.get("url")
        if not isinstance(url, str) or not url:
            raise invalid_request("The `url` is missing.", {"url": []})
        webhook = await self._webhooks.register(url, self._ids.next_id())
        document = webhook.document
        return answer({"data": document} if self._behaviour.names == "new" else document)

    async def _get_webhooks(self, _request: Request, _: Principal) -> Response:
        documents = [webhook.document for webhook in self._webhooks.all()]
        return answer({**({"data": documents} if documents else {}), "meta": {"result_count": len(documents)}})

    async def _validate_webhook(self, request: Request, _: Principal) -> Response:
        valid = await self._webhooks.validate(self._webhook(request.path_params["webhook_id"]))
        return answer({"data": {"valid": valid} if self._behaviour.names == "new" else {"attempted": True}})

    async def _replay(self, request: Request, _: Principal) -> Response:
        body = await json_object(request)
        webhook = self._webhook(str(body.get("webhook_id")))
        since, until = (_minute(body, name) for name in ("from_date", "to_date"))
        if not self._now() - REPLAYED_SECONDS <= since + MINUTE <= until + MINUTE <= self._now() + 2 * MINUTE:
            raise invalid_request("The dates must be in order and in the last 24 hours.", {"from_date": [str(since)]})
        self._network.replay(webhook, since, until + MINUTE)
        created_at = datetime.fromtimestamp(self._now(), UTC).isoformat(timespec="milliseconds")
        document = {"job_id": str(self._ids.next_id()), "created_at": created_at.replace("+00:00", "Z")}
        return answer({"data": document} if self._behaviour.names == "new" else document)

    async def _delete_webhook(self, request: Request, _: Principal) -> Response:
        self._webhooks.delete(self._webhook(request.path_params["webhook_id"]))
        return answer({"data": {"deleted": True}})

    def _webhook(self, webhook_id: str) -> Webhook:
        webhook = self._webhooks.get(webhook_id)
        if webhook is None:
            problem = not_found("webhook_id", webhook_id, "webhook")
            detail = str(problem.pop("detail"))
            title = str(problem.pop("title"))
            del problem["type"]
            raise ProblemError(HTTPStatus.NOT_FOUND, "resource-not-found", title, detail, **problem)
        return webhook

    def _posts_answer(
        self, request: Request, posts: list[Post], errors: list[dict[str, Any]], meta: dict[str, Any] | None = None
    ) -> Response:
        uses_new_names = "post.fields" in request.query_params or "referenced_posts" in _listed(request, "expansions")
        fields = _fields(request)
        document: dict[str, Any] = {
            "data": [self._objects.post(post, fields) for post in posts],
            "includes": self._objects.includes(posts, _expansions(request), fields),
            "errors": errors,
            "meta": meta,
        }
        document = {name: value for name, value in document.items() if value}
        self._bill.show(document)
        return answer(with_new_names(document) if uses_new_names else document)

    def _visible_parent(self, post_id: str | None, principal: Principal) -> Post | None:
        if post_id is None:
            return None
        post = self._timeline.get(int(post_id))
        if post is None or post.deleted or not self._is_visible(post, principal):
            raise forbidden(PARENT_GONE, post_id)
        return post

    def _is_visible(self, post: Post, principal: Principal) -> bool:
        return self._accounts[post.author_id].is_public or principal.sees_posts_of(post.author_id)

    def _caller(self, principal: Principal) -> Account:
        return self._accounts[principal.name]

    def _refuse_duplicate(self, account: Account, text: str, parent: Post | None, quoted: Post | None) -> None:
        aimed_at = (parent.id if parent else None, quoted.id if quoted else None)
        words = text.casefold().split()
        since = self._now() - DUPLICATE_SECONDS
        for earlier in self._timeline.of_author(account.id):
            is_recent = earlier.created_at.timestamp() > since
            if (
                is_recent
                and (earlier.in_reply_to, earlier.quoted) == aimed_at
                and earlier.source.casefold().split() == words
            ):
                raise forbidden(DUPLICATE)


def _read_new_post(body: dict[str, Any]) -> tuple[str, str | None, str | None]:
    unknown = sorted(set(body) - CREATE_FIELDS)
    if unknown:
        raise invalid_request(f"$.{unknown[0]}: is not defined in the schema", {unknown[0]: []})
    text = body.get("text")
    if not isinstance(text, str) or not text.strip():
        raise invalid_request("$.text: is missing or empty", {"text": []})
    reply = body.get("reply", {})
    if not isinstance(reply, dict) or set(reply) - REPLY_FIELDS or ("reply" in body and not reply):
        raise invalid_request("$.reply: is not a reply", {"reply": []})
    parent_id, quoted_id = reply.get("in_reply_to_tweet_id"), body.get("quote_tweet_id")
    for post_id in (parent_id, quoted_id):
        if post_id is not None and not (isinstance(post_id, str) and _POST_ID.fullmatch(post_id)):
            raise invalid_request("$.reply.in_reply_to_tweet_id, $.quote_tweet_id: not an id", {"id": [str(post_id)]})
    return text, parent_id, quoted_id


def _listed(request: Request, name: str) -> list[str]:
    return [entry for entry in request.query_params.get(name, "").split(",") if entry]


def _fields(request: Request) -> Collection[str]:
    """The fields asked for, in old names; an expansion brings the field that it follows."""
    given = [*_listed(request, "tweet.fields"), *_listed(request, "post.fields")]
    fields = {OLD_NAMES.get(name, name) for name in given}
    fields |= {_EXPANDED_FIELDS[name] for name in _expansions(request) if name in _EXPANDED_FIELDS}
    unknown = sorted(fields - POST_FIELDS)
    if unknown:
        raise invalid_request(f"The field [{unknown[0]}] does not exist.", {"tweet.fields": unknown})
    return fields


def _expansions(request: Request) -> Collection[str]:
    given = _listed(request, "expansions")
    unknown = sorted(set(given) - EXPANSIONS)
    if unknown:
        raise invalid_request(f"The expansion [{unknown[0]}] does not exist.", {"expansions": unknown})
    return {"referenced_tweets.id" if name.startswith("referenced_posts") else name for name in given}


def _minute(body: dict[str, Any], name: str) -> float:
    """A minute of `yyyymmddhhmm`, UTC, in seconds of the Unix epoch."""
    try:
        return datetime.strptime(str(body.get(name)), "%Y%m%d%H%M").replace(tzinfo=UTC).timestamp()
    except ValueError as error:
        raise invalid_request(f"$.{name}: is not yyyymmddhhmm", {name: [str(body.get(name))]}) from error


def _in_range(posts: list[Post], request: Request) -> list[Post]:
    since = _number(request, "since_id", 0, 0, 2**63)
    until = _number(request, "until_id", 2**63, 0, 2**63)
    return [post for post in posts if since < post.id < until]


def _number(request: Request, name: str, default: int, least: int, most: int) -> int:
    given = request.query_params.get(name)
    if given is None:
        return default
    if not (given.isascii() and given.isdigit() and least <= int(given) <= most):
        raise invalid_request(f"The `{name}` query parameter value [{given}] is not valid.", {name: [given]})
    return int(given)
