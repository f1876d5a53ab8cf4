"""The demo store's sign-in: an OpenID Connect provider, with everything that protects one but a password.

Browsers see it under the shop's own name; HashCart's functions, which cannot resolve that name, call it under the
issuer's address on 127.0.0.1.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_plus, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from local.demo_store.customers import CUSTOMERS, Customer

CODE_SECONDS = 30
TOKEN_SECONDS = 5 * 60
MAX_STATE = 500
CHALLENGE_LENGTH = 43
SCOPES = frozenset({"openid", "email", "profile"})
NO_STORE = {"cache-control": "no-store"}

type Page = Callable[[Request, str, dict[str, Any], int], Response]


@dataclass(frozen=True)
class Client:
    """A site that customers may sign in to, with redirect URIs that are matched exactly."""

    id: str
    secret: str
    redirect_uris: Collection[str]
    name: str = "HashCart"


@dataclass(frozen=True)
class Grant:
    """What a customer allowed, and until when (seconds of the Unix epoch) it can be used."""

    customer: Customer
    scope: str
    nonce: str
    redirect_uri: str
    challenge: str
    expires_at: float


class UntrustedRequestError(Exception):
    """A request that may not be answered by a redirect, as nobody knows where that would lead."""


class Keys:
    """Signing keys: the newest signs, and the one before it stays published, as its tokens are still about."""

    def __init__(self) -> None:
        self._keys: list[RSAKey] = []

    @property
    def current(self) -> RSAKey:
        """What signs now."""
        if not self._keys:
            self.rotate()
        return self._keys[0]

    def rotate(self) -> None:
        """Sign with a new key from now on."""
        key = RSAKey.generate_key(2048, {"kid": secrets.token_hex(8), "use": "sig", "alg": "RS256"})
        self._keys = [key, *self._keys[:1]]

    def document(self) -> dict[str, Any]:
        """The JWK set."""
        newest = self.current
        return {"keys": [key.as_dict(private=False) for key in (newest, *self._keys[1:])]}


class OpenIdProvider:
    """Discovery, keys, authorize page, token and userinfo of one issuer with one client.

    `render` makes a page of the shop from a template, its context and a status.
    """

    def __init__(
        self, issuer: str, site_url: str, client: Client, render: Page, now: Callable[[], float] = time.time
    ) -> None:
        self.keys = Keys()
        self._issuer = issuer
        self._site_url = site_url
        self._client = client
        self._render = render
        self._now = now
        self._codes: dict[str, Grant] = {}
        self._tokens: dict[str, Grant] = {}

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route("/.well-known/openid-configuration", self._discover),
            Route("/openid/keys", self._publish_keys),
            Route("/openid/authorize", self._show, methods=["GET"]),
            Route("/openid/authorize", self._decide, methods=["POST"]),
            Route("/openid/token", self._exchange, methods=["POST"]),
            Route("/openid/userinfo", self._userinfo, methods=["GET", "POST"]),
            Route("/simulator/rotate-keys", self._rotate, methods=["POST"]),
        ]

    async def _discover(self, _request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self._issuer,
                "authorization_endpoint": f"{self._site_url}/openid/authorize",
                "token_endpoint": f"{self._issuer}/openid/token",
                "userinfo_endpoint": f"{self._issuer}/openid/userinfo",
                "jwks_uri": f"{self._issuer}/openid/keys",
                "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
                "code_challenge_methods_supported": ["S256"],
                "scopes_supported": sorted(SCOPES),
            }
        )

    async def _publish_keys(self, _request: Request) -> Response:
        return JSONResponse(self.keys.document())

    async def _rotate(self, _request: Request) -> Response:
        """Tests and demonstrations: change the signing key, as an issuer does every few weeks."""
        self.keys.rotate()
        return JSONResponse(self.keys.document())

    async def _show(self, request: Request) -> Response:
        asked = request.query_params
        try:
            self._check_client(asked)
        except UntrustedRequestError as error:
            return self._refuse(request, error)
        problem = _problem(asked)
        if problem is not None:
            return self._back(asked, error="invalid_request", error_description=problem)
        context = {
            "client": self._client,
            "customers": CUSTOMERS.values(),
            "chosen": asked.get("login_hint", "ada"),
            "parameters": dict(asked),
        }
        response = self._render(request, "sign_in.html", context, HTTPStatus.OK)
        response.headers["content-security-policy"] = _policy_for(asked["redirect_uri"])
        response.headers["cache-control"] = "no-store"
        return response

    async def _decide(self, request: Request) -> Response:
        form = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
        try:
            self._check_client(form)
            customer = _customer(form)
        except UntrustedRequestError as error:
            return self._refuse(request, error)
        problem = _problem(form)
        if problem is not None:
            return self._back(form, error="invalid_request", error_description=problem)
        if form.get("decision") != "approve":
            return self._back(form, error="access_denied")
        code = secrets.token_urlsafe(32)
        self._codes[_hash(code)] = Grant(
            customer=customer,
            scope=form["scope"],
            nonce=form.get("nonce", ""),
            redirect_uri=form["redirect_uri"],
            challenge=form["code_challenge"],
            expires_at=self._now() + CODE_SECONDS,
        )
        return self._back(form, code=code)

    async def _exchange(self, request: Request) -> Response:
        form = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
        if not self._is_client(request.headers.get("authorization", ""), form):
            return _error(HTTPStatus.UNAUTHORIZED, "invalid_client")
        if form.get("grant_type") != "authorization_code":
            return _error(HTTPStatus.BAD_REQUEST, "unsupported_grant_type")
        # A code works once, whatever comes of it.
        grant = self._codes.pop(_hash(form.get("code", "")), None)
        challenge = _challenge_of(form.get("code_verifier", ""))
        is_good = (
            grant is not None
            and grant.expires_at > self._now()
            and grant.redirect_uri == form.get("redirect_uri")
            and hmac.compare_digest(challenge, grant.challenge)
        )
        if grant is None or not is_good:
            return _error(HTTPStatus.BAD_REQUEST, "invalid_grant")
        access_token = secrets.token_urlsafe(32)
        self._tokens[_hash(access_token)] = Grant(**{**vars(grant), "expires_at": self._now() + TOKEN_SECONDS})
        return JSONResponse(
            {
                "access_token": access_token,
                "token_type": "Bearer",
                "expires_in": TOKEN_SECONDS,
                "scope": grant.scope,
                "id_token": self._id_token(grant, access_token),
            },
            headers=NO_STORE,
        )

    async def _userinfo(self, request: Request) -> Response:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        grant = self._tokens.get(_hash(given)) if scheme.lower() == "bearer" else None
        if grant is None or grant.expires_at <= self._now():
            return JSONResponse({"error": "invalid_token"}, HTTPStatus.UNAUTHORIZED, {"www-authenticate": "Bearer"})
        return JSONResponse(_claims(grant), headers=NO_STORE)

    def _id_token(self, grant: Grant, access_token: str) -> str:
        now = int(self._now())
        digest = hashlib.sha256(access_token.encode()).digest()
        claims = {
            "iss": self._issuer,
            "aud": self._client.id,
            "azp": self._client.id,
            "iat": now,
            "exp": now + TOKEN_SECONDS,
            "at_hash": _unpadded(digest[: len(digest) // 2]),
            **({"nonce": grant.nonce} if grant.nonce else {}),
            **_claims(grant),
        }
        key = self.keys.current
        return jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key)

    def _check_client(self, asked: Mapping[str, str]) -> None:
        if asked.get("client_id") != self._client.id:
            raise UntrustedRequestError("The client_id is not known.")
        if asked.get("redirect_uri") not in self._client.redirect_uris:
            raise UntrustedRequestError("The redirect_uri is not registered.")

    def _is_client(self, authorization: str, form: Mapping[str, str]) -> bool:
        scheme, _, credentials = authorization.partition(" ")
        given = (form.get("client_id", ""), form.get("client_secret", ""))
        if scheme.lower() == "basic":
            try:
                name, _, secret = base64.b64decode(credentials, validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                return False
            given = (unquote_plus(name), unquote_plus(secret))
        return hmac.compare_digest("\n".join(given).encode(), f"{self._client.id}\n{self._client.secret}".encode())

    def _refuse(self, request: Request, error: UntrustedRequestError) -> Response:
        return self._render(request, "sign_in_refused.html", {"detail": str(error)}, HTTPStatus.BAD_REQUEST)

    @staticmethod
    def _back(asked: Mapping[str, str], **answer: str) -> Response:
        state = {"state": asked["state"]} if "state" in asked else {}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode({**answer, **state})}", HTTPStatus.FOUND, NO_STORE)


def _customer(form: Mapping[str, str]) -> Customer:
    customer = CUSTOMERS.get(form.get("customer", ""))
    if customer is None:
        raise UntrustedRequestError("There is no such customer.")
    return customer


def _problem(asked: Mapping[str, str]) -> str | None:
    checks = (
        (asked.get("response_type") == "code", "The response_type must be code."),
        ("openid" in asked.get("scope", "").split(), "The scope must have openid."),
        (set(asked.get("scope", "").split()) <= SCOPES, "The scope has more than openid, email and profile."),
        (asked.get("code_challenge_method") == "S256", "The code_challenge_method must be S256."),
        (len(asked.get("code_challenge", "")) == CHALLENGE_LENGTH, "The code_challenge is not one of S256."),
        (len(asked.get("state", "")) <= MAX_STATE, "The state is too long."),
        (len(asked.get("nonce", "")) <= MAX_STATE, "The nonce is too long."),
    )
    return next((complaint for holds, complaint in checks if not holds), None)


def _claims(grant: Grant) -> dict[str, Any]:
    customer, scopes = grant.customer, grant.scope.split()
    return {
        "sub": customer.subject,
        **({"name": customer.name} if "profile" in scopes else {}),
        **({"email": customer.email, "email_verified": customer.email_verified} if "email" in scopes else {}),
    }


def _policy_for(redirect_uri: str) -> str:
    """A page's policy whose form may lead to the client: browsers apply `form-action` to redirects too."""
    parts = urlsplit(redirect_uri)
    return (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
        f"form-action 'self' {parts.scheme}://{parts.netloc}"
    )


def _error(status: HTTPStatus, error: str) -> Response:
    return JSONResponse({"error": error}, status, NO_STORE)


def _challenge_of(verifier: str) -> str:
    return _unpadded(hashlib.sha256(verifier.encode()).digest())


def _unpadded(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
