"""OpenID Connect with any issuer: discovery, code flow with PKCE, ID token."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote_plus

from urllib3.util import make_headers

from hashcart.domain.account_links import StoreAccount
from hashcart.domain.sign_in import SignInRefusedError, authorization_url
from hashcart.http import HttpClient
from hashcart.identity.answers import (
    call,
    document,
    exchange,
    is_secure,
    name_of,
    token,
    verified_email,
    with_current_client,
)
from hashcart.identity.id_tokens import (
    Expected,
    IdTokenRefusedError,
    SigningKey,
    UnknownKeyError,
    signing_keys,
    verified_claims,
)
from hashcart.identity.protocol import SignInUnavailableError
from hashcart.secrets import Secret

DISCOVERY_PATH = "/.well-known/openid-configuration"
SCOPES = "openid email profile"

ISSUER_LIFE_MS = 60 * 60 * 1000

# Anybody can come back with a code, and no code should make us ask the issuer for its keys more often than this.
KEYS_REREAD_MS = 30 * 1000

BASIC, POST = "client_secret_basic", "client_secret_post"


@dataclass(frozen=True, slots=True)
class IssuerMetadata:
    """What an issuer's document says, as far as it is needed."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    client_authentication: str


@dataclass(slots=True)
class _Known:
    """What is known of the issuer, and since when."""

    metadata: IssuerMetadata
    keys: list[SigningKey]
    read_at_ms: int


@dataclass(slots=True)
class OpenIdSignIn:
    """Sign-in with the issuer `issuer`, whose document is read on first use and kept for an hour."""

    http: HttpClient
    issuer: str
    client_secret: Secret
    clock_ms: Callable[[], int]
    _known: _Known | None = field(default=None, init=False)

    def authorization_url(
        self, *, state: str, nonce: str, code_challenge: str, redirect_uri: str, language: str
    ) -> str:
        """Where to send the browser. Raises SignInUnavailableError, SecretUnavailableError."""
        endpoint = self._read().metadata.authorization_endpoint
        return authorization_url(
            endpoint,
            client_id=self.client_secret.text("client_id"),
            redirect_uri=redirect_uri,
            scope=SCOPES,
            state=state,
            code_challenge=code_challenge,
            nonce=nonce,
            ui_locales=language,
        )

    def complete(self, *, code: str, code_verifier: str, nonce: str, redirect_uri: str) -> StoreAccount:
        """Whose code it is. Raises SignInRefusedError, SignInUnavailableError, SecretUnavailableError."""
        metadata = self._read().metadata
        tokens = with_current_client(
            self.client_secret, lambda: self._tokens(metadata, code, code_verifier, redirect_uri)
        )
        access_token, id_token = token(tokens, "access_token"), token(tokens, "id_token")
        if id_token is None:
            raise SignInUnavailableError("the answer holds no ID token")
        claims = self._claims(
            id_token,
            Expected(self.issuer, self.client_secret.text("client_id"), nonce, access_token, self.clock_ms() / 1000),
        )
        userinfo: Mapping[str, Any] = {}
        if "email" not in claims and metadata.userinfo_endpoint is not None and access_token is not None:
            userinfo = self._userinfo(metadata.userinfo_endpoint, access_token, claims["sub"])
        # An address counts as verified only where the same answer says so.
        email = verified_email(claims) or verified_email(userinfo)
        return StoreAccount(self.issuer, claims["sub"], name_of({**userinfo, **claims}), email)

    def _tokens(self, metadata: IssuerMetadata, code: str, code_verifier: str, redirect_uri: str) -> Mapping[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": code_verifier,
        }
        client_id, client_secret = self.client_secret.text("client_id"), self.client_secret.text("client_secret")
        if metadata.client_authentication == POST:
            form |= {"client_id": client_id, "client_secret": client_secret}
            return exchange(self.http, metadata.token_endpoint, form, {})
        # RFC 6749, section 2.3.1: both are encoded as in a form before they are joined.
        basic = make_headers(basic_auth=f"{quote_plus(client_id)}:{quote_plus(client_secret)}")
        return exchange(self.http, metadata.token_endpoint, form, basic)

    def _claims(self, id_token: str, expected: Expected) -> Mapping[str, Any]:
        try:
            try:
                return verified_claims(id_token, self._read().keys, expected)
            except UnknownKeyError:
                return verified_claims(id_token, self._read(newer_than_ms=KEYS_REREAD_MS).keys, expected)
        except UnknownKeyError:
            raise SignInRefusedError("id_token_key") from None
        except IdTokenRefusedError as error:
            raise SignInRefusedError(f"id_token_{error.reason}") from None

    def _userinfo(self, endpoint: str, access_token: str, subject: str) -> Mapping[str, Any]:
        """More claims about the same customer; none if the issuer refuses them, as nothing depends on them."""
        answer = call(self.http, "GET", endpoint, headers={"authorization": f"Bearer {access_token}"})
        if answer.status != HTTPStatus.OK:
            return {}
        claims = document(answer)
        if claims.get("sub") != subject:
            raise SignInRefusedError("userinfo_subject")
        return claims

    def _read(self, newer_than_ms: int = ISSUER_LIFE_MS) -> _Known:
        """The issuer's endpoints and keys, read again if what is known is older than `newer_than_ms`."""
        now_ms = self.clock_ms()
        if self._known is None or now_ms - self._known.read_at_ms >= newer_than_ms:
            metadata = self._discover()
            keys = signing_keys(document(call(self.http, "GET", metadata.jwks_uri)))
            self._known = _Known(metadata, keys, now_ms)
        return self._known

    def _discover(self) -> IssuerMetadata:
        if not is_secure(self.issuer):
            raise SignInUnavailableError("the issuer's address is not https")
        found = document(call(self.http, "GET", self.issuer.rstrip("/") + DISCOVERY_PATH))
        if found.get("issuer") != self.issuer:
            raise SignInUnavailableError("the document is another issuer's")
        supported = found.get("token_endpoint_auth_methods_supported", [BASIC])
        methods = [method for method in (BASIC, POST) if isinstance(supported, list) and method in supported]
        if not methods:
            raise SignInUnavailableError("the issuer takes no client secret")
        return IssuerMetadata(
            authorization_endpoint=_endpoint(found, "authorization_endpoint"),
            token_endpoint=_endpoint(found, "token_endpoint"),
            jwks_uri=_endpoint(found, "jwks_uri"),
            userinfo_endpoint=_endpoint(found, "userinfo_endpoint") if "userinfo_endpoint" in found else None,
            client_authentication=methods[0],
        )


def _endpoint(found: Mapping[str, Any], name: str) -> str:
    url = found.get(name)
    if not isinstance(url, str) or not is_secure(url):
        raise SignInUnavailableError(f"the issuer's {name} is missing, or not https")
    return url
