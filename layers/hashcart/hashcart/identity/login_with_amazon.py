"""Login with Amazon: OAuth 2.0, without ID token; the profile call says who it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from hashcart.domain.account_links import StoreAccount
from hashcart.domain.sign_in import SignInRefusedError, authorization_url
from hashcart.http import HttpClient
from hashcart.identity.answers import call, document, exchange, name_of, token, verified_email, with_current_client
from hashcart.identity.protocol import SignInUnavailableError
from hashcart.secrets import Secret

ISSUER = "https://www.amazon.com"
AUTHORIZATION_URL = "https://www.amazon.com/ap/oa"
TOKEN_URL = "https://api.amazon.com/auth/o2/token"  # noqa: S105
PROFILE_URL = "https://api.amazon.com/user/profile"
SCOPES = "profile"
MAX_SUBJECT_CHARACTERS = 255


@dataclass(frozen=True, slots=True)
class LoginWithAmazon:
    """Sign-in with an Amazon account. Amazon's profile does not say whether the address is verified, so none is taken.

    The code comes straight from Amazon's token address, so the token needs no check of whose it is.
    """

    http: HttpClient
    client_secret: Secret

    def authorization_url(
        self,
        *,
        state: str,
        nonce: str,  # noqa: ARG002 - belongs to ID tokens
        code_challenge: str,
        redirect_uri: str,
        language: str,  # noqa: ARG002 - Amazon's page follows the browser
    ) -> str:
        """Where to send the browser. Raises SecretUnavailableError."""
        return authorization_url(
            AUTHORIZATION_URL,
            client_id=self.client_secret.text("client_id"),
            redirect_uri=redirect_uri,
            scope=SCOPES,
            state=state,
            code_challenge=code_challenge,
        )

    def complete(
        self,
        *,
        code: str,
        code_verifier: str,
        nonce: str,  # noqa: ARG002 - belongs to ID tokens
        redirect_uri: str,
    ) -> StoreAccount:
        """Whose code it is. Raises SignInRefusedError, SignInUnavailableError, SecretUnavailableError."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": code_verifier,
        }
        access_token = token(with_current_client(self.client_secret, lambda: self._exchange(form)), "access_token")
        if access_token is None:
            raise SignInUnavailableError("the answer holds no token")
        answer = call(self.http, "GET", PROFILE_URL, headers={"authorization": f"Bearer {access_token}"})
        if HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            raise SignInRefusedError("profile_refused")
        profile = document(answer)
        subject = profile.get("user_id")
        if not isinstance(subject, str) or not subject.isascii() or not 0 < len(subject) <= MAX_SUBJECT_CHARACTERS:
            raise SignInUnavailableError("the answer names no account")
        return StoreAccount(ISSUER, subject, name_of(profile), verified_email(profile))

    def _exchange(self, form: Mapping[str, str]) -> Mapping[str, Any]:
        client = {name: self.client_secret.text(name) for name in ("client_id", "client_secret")}
        return exchange(self.http, TOKEN_URL, {**form, **client}, {})
