"""What every call of X's API goes through: faults, authentication, rate limit."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.oauth1 import UserKeys
from local.x_simulator.faults import Faults
from local.x_simulator.limits import RateLimits
from local.x_simulator.problems import (
    ProblemError,
    invalid_request,
    too_many_requests,
    unauthorized,
    unsupported_authentication,
)
from local.x_simulator.tokens import Grant, Tokens

MAX_BODY = 64 * 1024
APP = "app"
USER_SCOPE = "tweet.read tweet.write users.read"


@dataclass(frozen=True)
class Principal:
    """Who calls: the app itself (`grant` is None) or an account through the app, maybe by its keys for OAuth 1.0a."""

    grant: Grant | None = None
    is_oauth1: bool = False

    @property
    def name(self) -> str:
        """Whose rate limit counts."""
        return APP if self.grant is None else self.grant.account_id

    def sees_posts_of(self, account_id: str) -> bool:
        """Whether the caller is that account, and so sees its posts even if they are protected."""
        return self.grant is not None and self.grant.account_id == account_id


Handler = Callable[[Request, Principal], Awaitable[Response]]


@dataclass(frozen=True)
class Operation:
    """A call of the API. Limits are for 15 minutes; None where that kind of token is not taken."""

    method: str
    path: str
    handler: Handler
    app_limit: int | None = None
    user_limit: int | None = None
    scopes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Names the call's rate limit."""
        return f"{self.method} {self.path}"


class Gate:
    """Lets calls through to their handlers, as X does."""

    def __init__(
        self,
        *,
        bearer_token: str,
        user_keys: Mapping[str, UserKeys],
        tokens: Tokens,
        faults: Faults,
        now: Callable[[], float],
    ) -> None:
        self._bearer_token = bearer_token
        self._user_keys = user_keys
        self._tokens = tokens
        self._faults = faults
        self._now = now
        self._limits = RateLimits(now)

    def route(self, operation: Operation) -> Route:
        """The route of a call."""

        async def endpoint(request: Request) -> Response:
            return await self.through_faults(request, lambda: self._answer(operation, request))

        return Route(operation.path, endpoint, methods=[operation.method], name=operation.name)

    async def through_faults(self, request: Request, answer: Callable[[], Awaitable[Response]]) -> Response:
        """Fail if a fault is waiting for the call, else answer it."""
        fault = self._faults.take(request.method, request.url.path)
        if fault is None:
            return await answer()
        if fault.after_effect:
            await answer()
        return await fault.response(self._now())

    async def _answer(self, operation: Operation, request: Request) -> Response:
        headers: dict[str, str] = {}
        try:
            principal = self._authenticate(operation, request)
            limit = operation.app_limit if principal.grant is None else operation.user_limit
            window = self._limits.take(operation.name, principal.name, limit or 0)
            headers = window.headers
            if window.is_exhausted:
                raise too_many_requests()
            response = await operation.handler(request, principal)
        except ProblemError as problem:
            return problem.response(headers)
        response.headers.update(headers)
        return response

    def _authenticate(self, operation: Operation, request: Request) -> Principal:
        header = request.headers.get("authorization", "")
        scheme, _, token = header.partition(" ")
        if scheme == "OAuth" and operation.user_limit is not None:
            return self._signed(header, request)
        if scheme.lower() != "bearer":
            raise unauthorized()
        if token == self._bearer_token:
            if operation.app_limit is None:
                raise unsupported_authentication("OAuth 2.0 User Context")
            return Principal()
        grant = self._tokens.grant_of(token)
        if grant is None:
            raise unauthorized()
        if operation.user_limit is None:
            raise unsupported_authentication("OAuth 2.0 Application-Only")
        if not all(grant.allows(scope) for scope in operation.scopes):
            raise unsupported_authentication(f"OAuth 2.0 User Context with {' '.join(operation.scopes)}")
        return Principal(grant)

    def _signed(self, header: str, request: Request) -> Principal:
        """The account whose keys have signed a call; they allow all that the app may do."""
        for account_id, keys in self._user_keys.items():
            if keys.has_signed(header, request.method, str(request.url)):
                return Principal(Grant(account_id, USER_SCOPE), is_oauth1=True)
        raise unauthorized()


async def json_object(request: Request) -> dict[str, Any]:
    """The body, which must be a JSON object. Raises ProblemError."""
    body = await request.body()
    if len(body) > MAX_BODY:
        raise invalid_request("The body is too long.")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise invalid_request("The body is not valid JSON.") from error
    if not isinstance(document, dict):
        raise invalid_request("The body is not a JSON object.")
    return document


def answer(document: Mapping[str, Any], status: int = 200) -> JSONResponse:
    """A JSON answer."""
    return JSONResponse(dict(document), status)
