"""The control API for tests and demonstrations, below `/simulator/`."""

from collections.abc import Awaitable, Callable
from dataclasses import fields
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.x_simulator.accounts import Account, Accounts
from local.x_simulator.behaviour import Behaviour
from local.x_simulator.calls import json_object
from local.x_simulator.faults import Fault, Faults
from local.x_simulator.network import Network
from local.x_simulator.problems import ProblemError
from local.x_simulator.subscriptions import Subscriptions
from local.x_simulator.timeline import Post, Timeline
from local.x_simulator.webhooks import Delivery, Webhooks

OVERRIDES = frozenset({"names", "parent_in_post_create", "parent_in_mention"})
_POST_FIELDS = frozenset({"author", "text", "in_reply_to", "quote", "implicit_mentions", "clock_ahead"}) | OVERRIDES
DAY_SECONDS = 24 * 60 * 60
_FAULT_FIELDS = {entry.name for entry in fields(Fault)}


class ControlError(Exception):
    """A request that cannot be carried out."""

    def __init__(self, message: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(message)
        self.status = status


class Control:
    """Does on request what otherwise people, or bad luck, do."""

    def __init__(
        self,
        *,
        timeline: Timeline,
        accounts: Accounts,
        network: Network,
        webhooks: Webhooks,
        subscriptions: Subscriptions,
        behaviour: Behaviour,
        faults: Faults,
    ) -> None:
        self._timeline = timeline
        self._accounts = accounts
        self._network = network
        self._webhooks = webhooks
        self._subscriptions = subscriptions
        self._behaviour = behaviour
        self._faults = faults

    def routes(self) -> list[Route]:
        """All routes."""
        table: tuple[tuple[str, str, Callable[[Request], Awaitable[Any]]], ...] = (
            ("GET", "health", self._health),
            ("GET", "posts", self._list_posts),
            ("POST", "posts", self._create_post),
            ("PUT", "posts/{post_id:int}", self._edit_post),
            ("DELETE", "posts/{post_id:int}", self._delete_post),
            ("POST", "accounts/{account}/revoke", self._revoke),
            ("POST", "accounts/{account}/end-access-tokens", self._end_access_tokens),
            ("POST", "accounts/{account}/show", self._show),
            ("GET", "subscriptions", self._list_subscriptions),
            ("GET", "deliveries", self._list_deliveries),
            ("POST", "deliveries/{delivery_id:int}/redeliver", self._redeliver),
            ("POST", "webhooks/{webhook_id}/disable", self._disable_webhook),
            ("GET", "settings", self._get_settings),
            ("PATCH", "settings", self._change_settings),
            ("GET", "faults", self._list_faults),
            ("POST", "faults", self._add_fault),
            ("DELETE", "faults", self._clear_faults),
        )
        return [Route(f"/simulator/{path}", _endpoint(handler), methods=[method]) for method, path, handler in table]

    async def _health(self, _: Request) -> dict[str, Any]:
        webhooks = self._webhooks.all()
        return {"status": "ok", "webhooks": [webhook.document for webhook in webhooks]}

    async def _list_posts(self, request: Request) -> dict[str, Any]:
        """All posts, or those of `?author=`, newest first; or the replies to `?in_reply_to=`."""
        author = request.query_params.get("author")
        posts = self._timeline.of_author(self._account(author).id) if author else self._all_posts()
        parent_id = request.query_params.get("in_reply_to")
        if parent_id is not None:
            versions = self._timeline.history(self._post(parent_id).first_id)
            posts = [post for post in posts if post.in_reply_to in versions]
        return {"posts": [_document(post) for post in posts]}

    async def _create_post(self, request: Request) -> dict[str, Any]:
        body = await _body(request, _POST_FIELDS)
        post = self._network.create(
            self._account(body.get("author")),
            _text(body),
            in_reply_to=self._optional_post(body.get("in_reply_to")),
            quoted=self._optional_post(body.get("quote")),
            implicit_mentions=body.get("implicit_mentions") is True,
            clock_ahead=_seconds(body, "clock_ahead"),
            **self._overrides(body),
        )
        return _document(post)

    async def _edit_post(self, request: Request) -> dict[str, Any]:
        body = await _body(request, {"text"} | OVERRIDES)
        post = self._post(request.path_params["post_id"])
        return _document(self._network.edit(post, _text(body), **self._overrides(body)))

    async def _delete_post(self, request: Request) -> dict[str, Any]:
        self._network.delete(self._post(request.path_params["post_id"]))
        return {"deleted": True}

    async def _revoke(self, request: Request) -> dict[str, Any]:
        self._network.revoke(self._account(request.path_params["account"]))
        return {"revoked": True}

    async def _end_access_tokens(self, request: Request) -> dict[str, Any]:
        self._network.end_access_tokens(self._account(request.path_params["account"]))
        return {"ended": True}

    async def _show(self, request: Request) -> dict[str, Any]:
        """Make an account `protected`, `suspended`, or public again (neither)."""
        body = await _body(request, {"protected", "suspended"})
        account = self._accounts.change(
            self._account(request.path_params["account"]),
            protected=body.get("protected") is True,
            suspended=body.get("suspended") is True,
        )
        if not account.is_public:
            self._subscriptions.end_those_of(account.id)
        return {"public": account.is_public}

    async def _list_subscriptions(self, _: Request) -> dict[str, Any]:
        return {"subscriptions": [subscription.document for subscription in self._subscriptions.all()]}

    async def _list_deliveries(self, request: Request) -> dict[str, Any]:
        """The newest deliveries, or all of the post `?post_id=`."""
        post_id = request.query_params.get("post_id")
        found = self._webhooks.deliveries_of(_id(post_id)) if post_id else self._webhooks.deliveries()
        return {"deliveries": [delivery.document for delivery in found]}

    async def _redeliver(self, request: Request) -> dict[str, Any]:
        delivery: Delivery | None = self._webhooks.delivery(request.path_params["delivery_id"])
        if delivery is None:
            raise ControlError("There is no such delivery.", HTTPStatus.NOT_FOUND)
        return self._webhooks.redeliver(delivery).document

    async def _disable_webhook(self, request: Request) -> dict[str, Any]:
        webhook = self._webhooks.get(request.path_params["webhook_id"])
        if webhook is None:
            raise ControlError("There is no such webhook.", HTTPStatus.NOT_FOUND)
        self._webhooks.disable(webhook)
        return {"disabled": True}

    async def _get_settings(self, _: Request) -> dict[str, Any]:
        return dict(vars(self._behaviour))

    async def _change_settings(self, request: Request) -> dict[str, Any]:
        try:
            self._behaviour.update(await json_object(request))
        except ValueError as error:
            raise ControlError(str(error)) from error
        return dict(vars(self._behaviour))

    async def _list_faults(self, _: Request) -> dict[str, Any]:
        return {"faults": [dict(vars(fault)) for fault in self._faults.pending]}

    async def _add_fault(self, request: Request) -> dict[str, Any]:
        body = await _body(request, _FAULT_FIELDS)
        try:
            fault = Fault(**body)
            HTTPStatus(fault.status)
            is_usable = fault.count >= 1 and 0 <= fault.delay <= 60 and fault.method.isupper()  # noqa: PLR2004
        except (TypeError, ValueError, AttributeError) as error:
            raise ControlError(f"not a fault: {error}") from error
        if not is_usable:
            raise ControlError("not a fault: count from 1, delay of 0 to 60 seconds, method in capitals")
        self._faults.pending.append(fault)
        return dict(vars(fault))

    async def _clear_faults(self, _: Request) -> dict[str, Any]:
        self._faults.pending.clear()
        return {"faults": []}

    def _all_posts(self) -> list[Post]:
        posts = [
            post
            for root in self._timeline.roots()
            for post in (root, *self._timeline.conversation(root.conversation_id))
        ]
        return sorted(posts, key=lambda post: -post.id)

    def _account(self, name: object) -> Account:
        account = self._accounts.find(str(name))
        if account is None:
            raise ControlError(f"There is no account {name}.", HTTPStatus.NOT_FOUND)
        return account

    def _post(self, post_id: object) -> Post:
        post = self._timeline.get(_id(post_id))
        if post is None or post.deleted:
            raise ControlError(f"There is no post {post_id}.", HTTPStatus.NOT_FOUND)
        return post

    def _optional_post(self, post_id: object) -> Post | None:
        return None if post_id is None else self._post(post_id)

    def _overrides(self, body: dict[str, Any]) -> dict[str, Any]:
        overrides = {name: value for name, value in body.items() if name in OVERRIDES}
        try:
            Behaviour().update(overrides)
        except ValueError as error:
            raise ControlError(str(error)) from error
        return overrides


def _endpoint(handler: Callable[[Request], Awaitable[Any]]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            return JSONResponse(await handler(request))
        except ControlError as error:
            return JSONResponse({"error": str(error)}, error.status)
        except ProblemError as problem:
            return problem.response()

    return endpoint


async def _body(request: Request, known: set[str] | frozenset[str]) -> dict[str, Any]:
    body = await json_object(request)
    unknown = sorted(set(body) - known)
    if unknown:
        raise ControlError(f"unknown: {', '.join(unknown)}; known: {', '.join(sorted(known))}")
    return body


def _text(body: dict[str, Any]) -> str:
    text = body.get("text")
    if not isinstance(text, str) or not text.strip():
        raise ControlError("text: a post needs some")
    return text


def _seconds(body: dict[str, Any], name: str) -> float:
    """A number of seconds, a day at most in both directions; 0 without one."""
    value = body.get(name, 0)
    if type(value) not in (int, float) or not -DAY_SECONDS <= value <= DAY_SECONDS:
        raise ControlError(f"{name}: not a number of seconds")
    return float(value)


def _id(value: object) -> int:
    try:
        return int(str(value))
    except ValueError as error:
        raise ControlError(f"{value} is not an id") from error


def _document(post: Post) -> dict[str, Any]:
    return {
        "id": str(post.id),
        "first_id": str(post.first_id),
        "author_id": post.author_id,
        "text": post.source,
        "in_reply_to": None if post.in_reply_to is None else str(post.in_reply_to),
        "quote": None if post.quoted is None else str(post.quoted),
        "created_at": post.created_at.isoformat(),
    }
