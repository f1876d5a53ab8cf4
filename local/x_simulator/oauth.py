"""OAuth 2.0 with PKCE: the authorize page, tokens, revocation."""

import base64
import binascii
import hmac
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.templating import Jinja2Templates

from local.x_simulator.accounts import BOT, Account, Accounts
from local.x_simulator.calls import Gate
from local.x_simulator.tokens import ACCESS_TOKEN_SECONDS, Grant, InvalidGrantError, TokenPair, Tokens

MAX_STATE = 500
SCOPES = {
    "tweet.read": "Read posts that you can see",
    "tweet.write": "Post and reply for you",
    "users.read": "See who you are",
    "offline.access": "Stay connected until you end it",
}
_CHALLENGE_LENGTH = 43


@dataclass(frozen=True)
class Client:
    """The app: confidential, with redirect URIs that are matched exactly."""

    id: str
    secret: str
    redirect_uris: Collection[str]
    name: str = "HashCart"


class AuthorizationRefusedError(Exception):
    """A request that X shows an error page for, as it may not be trusted with a redirect."""


@dataclass(frozen=True)
class AuthorizationRequest:
    """A valid request for authorization."""

    redirect_uri: str
    scope: str
    state: str
    challenge: str

    @property
    def scopes(self) -> list[str]:
        """What each granted scope allows, in words."""
        return [SCOPES[scope] for scope in self.scope.split()]

    def redirect(self, **parameters: str) -> str:
        """The way back to the app."""
        separator = "&" if urlsplit(self.redirect_uri).query else "?"
        return f"{self.redirect_uri}{separator}{urlencode({**parameters, 'state': self.state})}"


class OAuth:
    """`/i/oauth2/authorize`, `/2/oauth2/token` and `/2/oauth2/revoke`, for the clients of one app."""

    def __init__(
        self, clients: Collection[Client], accounts: Accounts, tokens: Tokens, templates: Jinja2Templates, gate: Gate
    ) -> None:
        self._clients = {client.id: client for client in clients}
        self._accounts = accounts
        self._tokens = tokens
        self._templates = templates
        self._gate = gate

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route("/i/oauth2/authorize", self._show, methods=["GET"]),
            Route("/i/oauth2/authorize", self._decide, methods=["POST"]),
            Route("/2/oauth2/token", self._through_faults(self._token), methods=["POST"]),
            Route("/2/oauth2/revoke", self._through_faults(self._revoke), methods=["POST"]),
        ]

    def _through_faults(self, handler: Callable[[Request], Awaitable[Response]]) -> Callable[..., Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            return await self._gate.through_faults(request, lambda: handler(request))

        return endpoint

    async def _show(self, request: Request) -> Response:
        try:
            asked = self._read(request.query_params)
        except AuthorizationRefusedError as refusal:
            return self._error_page(request, refusal)
        context = {
            "asked": asked,
            "client": self._clients[request.query_params["client_id"]],
            "accounts": [BOT, *self._accounts.posting],
            "chosen": self._accounts.find(request.query_params.get("account", "")) or BOT,
            "parameters": dict(request.query_params),
        }
        return self._templates.TemplateResponse(
            request, "authorize.html", context, headers={"content-security-policy": _policy_for(asked.redirect_uri)}
        )

    async def _decide(self, request: Request) -> Response:
        form = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
        try:
            asked = self._read(form)
            account = self._account(form.get("account", ""))
        except AuthorizationRefusedError as refusal:
            return self._error_page(request, refusal)
        if form.get("decision") != "approve":
            return RedirectResponse(asked.redirect(error="access_denied"), HTTPStatus.FOUND)
        code = self._tokens.issue_code(Grant(account.id, asked.scope), asked.redirect_uri, asked.challenge)
        return RedirectResponse(asked.redirect(code=code), HTTPStatus.FOUND)

    def _account(self, name: str) -> Account:
        account = self._accounts.find(name)
        if account is None:
            raise AuthorizationRefusedError("There is no such account.")
        return account

    def _read(self, parameters: Mapping[str, str]) -> AuthorizationRequest:
        client = self._clients.get(parameters.get("client_id", ""))
        registered = client.redirect_uris if client is not None else ()
        checks = (
            (client is not None, "The client_id is not known."),
            (parameters.get("redirect_uri") in registered, "The redirect_uri is not registered."),
            (parameters.get("response_type") == "code", "The response_type must be code."),
            (parameters.get("code_challenge_method") == "S256", "The code_challenge_method must be S256."),
            (len(parameters.get("code_challenge", "")) == _CHALLENGE_LENGTH, "The code_challenge is not one of S256."),
            (0 < len(parameters.get("state", "")) <= MAX_STATE, "The state must have 1 to 500 characters."),
            (_are_scopes(parameters.get("scope", "")), "The scope is not one that the app may ask for."),
        )
        for holds, complaint in checks:
            if not holds:
                raise AuthorizationRefusedError(complaint)
        return AuthorizationRequest(
            parameters["redirect_uri"], parameters["scope"], parameters["state"], parameters["code_challenge"]
        )

    def _error_page(self, request: Request, refusal: AuthorizationRefusedError) -> Response:
        context = {"title": "Something went wrong", "detail": f"You can’t give access to the app. {refusal}"}
        return self._templates.TemplateResponse(request, "error.html", context, HTTPStatus.BAD_REQUEST)

    async def _token(self, request: Request) -> Response:
        client = self._client_of(request)
        if client is None:
            return _error(HTTPStatus.UNAUTHORIZED, "unauthorized_client", "Missing valid authorization header")
        form = {name: str(value) for name, value in (await request.form()).items()}
        try:
            pair = self._exchange(form, client)
        except InvalidGrantError as error:
            return _error(HTTPStatus.BAD_REQUEST, "invalid_request", str(error))
        if pair is None:
            return _error(HTTPStatus.BAD_REQUEST, "unsupported_grant_type", "Missing or unsupported grant_type.")
        return _token_answer(pair)

    def _exchange(self, form: Mapping[str, str], client: Client) -> TokenPair | None:
        match form.get("grant_type"):
            case "authorization_code":
                # No two clients share a redirect URI, so a code that was sent there is this client's.
                if form.get("redirect_uri") not in client.redirect_uris:
                    raise InvalidGrantError("Value passed for the redirect uri did not match the uri of the client.")
                return self._tokens.exchange_code(
                    form.get("code", ""), form.get("redirect_uri", ""), form.get("code_verifier", "")
                )
            case "refresh_token":
                return self._tokens.refresh(form.get("refresh_token", ""))
            case _:
                return None

    async def _revoke(self, request: Request) -> Response:
        if self._client_of(request) is None:
            return _error(HTTPStatus.UNAUTHORIZED, "unauthorized_client", "Missing valid authorization header")
        self._tokens.revoke(str((await request.form()).get("token", "")))
        return JSONResponse({"revoked": True})

    def _client_of(self, request: Request) -> Client | None:
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            given = base64.b64decode(credentials, validate=True)
        except binascii.Error:
            return None
        client = self._clients.get(given.partition(b":")[0].decode(errors="replace"))
        if client is None or not hmac.compare_digest(given, f"{client.id}:{client.secret}".encode()):
            return None
        return client


def _are_scopes(scope: str) -> bool:
    return bool(scope.split()) and set(scope.split()) <= set(SCOPES)


def _policy_for(redirect_uri: str) -> str:
    """A page's policy whose form may lead to the app: browsers apply `form-action` to redirects too."""
    parts = urlsplit(redirect_uri)
    return (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
        f"form-action 'self' {parts.scheme}://{parts.netloc}"
    )


def _error(status: HTTPStatus, error: str, description: str) -> Response:
    return JSONResponse({"error": error, "error_description": description}, status)


def _token_answer(pair: TokenPair) -> Response:
    document: dict[str, Any] = {
        "token_type": "bearer",
        "expires_in": ACCESS_TOKEN_SECONDS,
        "access_token": pair.access_token,
        "scope": pair.scope,
    }
    if pair.refresh_token is not None:
        document["refresh_token"] = pair.refresh_token
    return JSONResponse(document, headers={"cache-control": "no-store"})
