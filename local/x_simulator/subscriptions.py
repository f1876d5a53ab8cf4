"""Subscriptions of the X Activity API: made up to the app's limit, listed, moved and ended as X's API describes it.

X does not say what it does about accounts that are not public, nor how it words that the app has all that it may. Here
such accounts get no subscription, and lose those that they have.
"""

import re
import sqlite3
from collections.abc import Callable
from dataclasses import astuple, dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.x_simulator.accounts import Accounts
from local.x_simulator.behaviour import Behaviour
from local.x_simulator.calls import Gate, Operation, Principal, answer, json_object
from local.x_simulator.event_types import MENTION_CREATE, POST_CREATE, POST_DELETE
from local.x_simulator.problems import ProblemError, invalid_request, not_found, unsupported_authentication
from local.x_simulator.snowflakes import SnowflakeClock
from local.x_simulator.webhooks import Webhooks

EVENT_TYPES = (POST_CREATE, POST_DELETE, MENTION_CREATE)
MAX_PAGE = 1000
MAX_TAG = 200
MAX_IDS = 100
PATH = "/2/activity/subscriptions"
CREATE_FIELDS = frozenset({"event_type", "filter", "tag", "webhook_id"})
UPDATE_FIELDS = frozenset({"tag", "webhook_id"})

# X's pages of subscriptions are named by 16 letters or more.
_TOKEN_DIGITS = 19
_TOKEN = re.compile(r"[0-9]{19}")
_ID = re.compile(r"[0-9]{1,19}")


@dataclass(frozen=True)
class Subscription:
    """Events of one kind about one account."""

    id: int
    event_type: str
    user_id: str
    webhook_id: int | None
    tag: str | None
    created_at: float
    updated_at: float

    @property
    def document(self) -> dict[str, Any]:
        """The subscription as X's API describes it."""
        document = {
            "subscription_id": str(self.id),
            "event_type": self.event_type,
            "filter": {"user_id": self.user_id},
            "created_at": _date_time(self.created_at),
            "updated_at": _date_time(self.updated_at),
            "webhook_id": None if self.webhook_id is None else str(self.webhook_id),
            "tag": self.tag,
        }
        return {name: value for name, value in document.items() if value is not None}


class Subscriptions:
    """What is subscribed."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def all(self) -> list[Subscription]:
        """All subscriptions, oldest first."""
        return [
            Subscription(**dict(row)) for row in self._connection.execute("SELECT * FROM subscriptions ORDER BY id")
        ]

    def get(self, subscription_id: str) -> Subscription | None:
        """The subscription of that id."""
        return next((found for found in self.all() if str(found.id) == subscription_id), None)

    def has(self, event_type: str, user_id: str) -> bool:
        """Whether events of that kind about an account are subscribed to."""
        query = "SELECT 1 FROM subscriptions WHERE event_type = ? AND user_id = ?"
        return self._connection.execute(query, (event_type, user_id)).fetchone() is not None

    def end_those_of(self, user_id: str) -> None:
        """End all of an account, as X does for reasons of its own."""
        self._connection.execute("DELETE FROM subscriptions WHERE user_id = ?", (user_id,))

    def save(self, subscription: Subscription) -> Subscription:
        """Subscribe, or change what is subscribed."""
        self._connection.execute(
            "INSERT OR REPLACE INTO subscriptions VALUES (?, ?, ?, ?, ?, ?, ?)", astuple(subscription)
        )
        return subscription

    def delete(self, subscription: Subscription) -> None:
        """Unsubscribe."""
        self._connection.execute("DELETE FROM subscriptions WHERE id = ?", (subscription.id,))


class SubscriptionsApi:
    """The calls below `/2/activity/subscriptions`."""

    def __init__(
        self,
        subscriptions: Subscriptions,
        webhooks: Webhooks,
        accounts: Accounts,
        behaviour: Behaviour,
        *,
        ids: SnowflakeClock,
        now: Callable[[], float],
    ) -> None:
        self._subscriptions = subscriptions
        self._behaviour = behaviour
        self._now = now
        self._webhooks = webhooks
        self._accounts = accounts
        self._ids = ids

    def routes(self, gate: Gate) -> list[Route]:
        """All routes."""
        operations = (
            Operation("GET", PATH, self._list, 500),
            Operation("POST", PATH, self._create, 500, 500),
            Operation("DELETE", PATH, self._delete_some, 500),
            Operation("PUT", f"{PATH}/{{subscription_id}}", self._update, 500),
            Operation("DELETE", f"{PATH}/{{subscription_id}}", self._delete, 500),
        )
        return [gate.route(operation) for operation in operations]

    async def _list(self, request: Request, _: Principal) -> Response:
        size, token = request.query_params.get("max_results", "100"), request.query_params.get("pagination_token")
        if not (size.isascii() and size.isdigit() and 1 <= int(size) <= MAX_PAGE):
            raise invalid_request("`max_results` is not a number from 1 to 1000.", {"max_results": [size]})
        if token is not None and not _TOKEN.fullmatch(token):
            raise invalid_request("`pagination_token` is not one of this list.", {"pagination_token": [token]})
        page = [found for found in self._subscriptions.all() if found.id > int(token or 0)]
        shown = page[: int(size)]
        meta: dict[str, Any] = {"result_count": len(shown)}
        if len(page) > len(shown):
            meta["next_token"] = f"{shown[-1].id:0{_TOKEN_DIGITS}}"
        data = {"data": [found.document for found in shown]} if shown else {}
        return answer({**data, "meta": meta})

    async def _create(self, request: Request, principal: Principal) -> Response:
        body = await json_object(request)
        _refuse_unknown(body, CREATE_FIELDS)
        event_type, user_id = body.get("event_type"), _user_id(body.get("filter"))
        if event_type not in EVENT_TYPES:
            raise invalid_request("$.event_type: is not one that can be subscribed to", {"event_type": []})
        if event_type == MENTION_CREATE and self._behaviour.mentions_need_oauth1 and not principal.is_oauth1:
            raise unsupported_authentication("OAuth 1.0a User Context")
        account = self._accounts.get(user_id)
        if account is None or not account.is_public:
            raise invalid_request("$.filter.user_id: there is no such public account", {"filter": []})
        if self._subscriptions.has(event_type, user_id):
            raise invalid_request("There is such a subscription already.", {"filter": [user_id]})
        if len(self._subscriptions.all()) >= self._behaviour.subscription_limit:
            raise invalid_request("The app has the maximum number of subscriptions.", {"filter": [user_id]})
        now = self._now()
        asked = (event_type, user_id, self._webhook_id(body), _tag(body), now, now)
        made = self._subscriptions.save(Subscription(self._ids.next_id(), *asked))
        return answer({"data": {"subscription": made.document}, "meta": self._total()})

    async def _update(self, request: Request, _: Principal) -> Response:
        subscription = self._found(request)
        body = await json_object(request)
        _refuse_unknown(body, UPDATE_FIELDS)
        webhook_id = self._webhook_id(body) if "webhook_id" in body else subscription.webhook_id
        tag = _tag(body) if "tag" in body else subscription.tag
        changed = replace(subscription, webhook_id=webhook_id, tag=tag, updated_at=self._now())
        return _shown(self._subscriptions.save(changed))

    async def _delete(self, request: Request, _: Principal) -> Response:
        self._subscriptions.delete(self._found(request))
        return answer({"data": {"deleted": True}, "meta": self._total()})

    async def _delete_some(self, request: Request, _: Principal) -> Response:
        ids = request.query_params.get("ids", "").split(",")
        if not 1 <= len(ids) <= MAX_IDS or not all(_ID.fullmatch(subscription_id) for subscription_id in ids):
            raise invalid_request("`ids` are not 1 to 100 ids of subscriptions.", {"ids": ids})
        found = [subscription for each in ids if (subscription := self._subscriptions.get(each)) is not None]
        for subscription in found:
            self._subscriptions.delete(subscription)
        if self._behaviour.names == "new":
            each = [{"subscription_id": str(subscription.id), "deleted": True} for subscription in found]
            return answer({"data": each, "meta": self._total()})
        return answer({"data": {"deleted": bool(found)}, "meta": self._total()})

    def _total(self) -> dict[str, int]:
        return {"total_subscriptions": len(self._subscriptions.all())}

    def _found(self, request: Request) -> Subscription:
        subscription_id = request.path_params["subscription_id"]
        subscription = self._subscriptions.get(subscription_id)
        if subscription is None:
            problem = not_found("subscription_id", subscription_id, "subscription")
            title, detail = str(problem.pop("title")), str(problem.pop("detail"))
            del problem["type"]
            raise ProblemError(HTTPStatus.NOT_FOUND, "resource-not-found", title, detail, **problem)
        return subscription

    def _webhook_id(self, body: dict[str, Any]) -> int | None:
        given = body.get("webhook_id")
        if given is None:
            return None
        webhook = self._webhooks.get(str(given))
        if webhook is None:
            raise invalid_request("$.webhook_id: there is no such webhook", {"webhook_id": [str(given)]})
        return webhook.id


def _shown(subscription: Subscription) -> Response:
    return answer({"data": {"subscription": subscription.document}})


def _refuse_unknown(body: dict[str, Any], known: frozenset[str]) -> None:
    unknown = sorted(set(body) - known)
    if unknown:
        raise invalid_request(f"$.{unknown[0]}: is not defined in the schema", {unknown[0]: []})


def _user_id(given: object) -> str:
    if not isinstance(given, dict) or set(given) != {"user_id"} or not isinstance(given["user_id"], str):
        raise invalid_request("$.filter: must name a user_id", {"filter": []})
    return str(given["user_id"])


def _tag(body: dict[str, Any]) -> str | None:
    tag = body.get("tag")
    if tag is not None and not (isinstance(tag, str) and 1 <= len(tag) <= MAX_TAG):
        raise invalid_request("$.tag: must have 1 to 200 characters", {"tag": []})
    return tag


def _date_time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
