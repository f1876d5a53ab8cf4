"""Sign in with X: which profile sits at the browser. OAuth 2.0 with PKCE; the token is used once and dropped.

The token is not revoked, because X may tell a revocation to the webhook, and that would pause the new link.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit

from urllib3.util import make_headers

from hashcart.domain.account_links import XProfile
from hashcart.domain.sign_in import SignInRefusedError, authorization_url
from hashcart.http import Answer, HttpClient, UnreachableError
from hashcart.secrets import Secret
from hashcart.social.x.client import XUnavailableError

SCOPES = "tweet.read users.read"
PROFILE_FIELDS = "name,profile_image_url,protected,username"
AVATAR_HOST = "pbs.twimg.com"
MAX_ID_DIGITS = 19
MAX_TEXT = 200
MAX_URL = 2048

# X's "you may not", for good: the code is used up, has expired (30 s) or was never given.
REFUSALS = (HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN)


@dataclass(frozen=True, slots=True)
class XSignIn:
    """Sign-in with X. `site_url` is what the browser opens, `api_base_url` what is called from here."""

    http: HttpClient
    site_url: str
    api_base_url: str
    client_secret: Secret

    def authorization_url(self, *, state: str, code_challenge: str, redirect_uri: str) -> str:
        """Where to send the browser. Raises SecretUnavailableError."""
        return authorization_url(
            f"{self.site_url}/i/oauth2/authorize",
            client_id=self.client_secret.text("client_id"),
            redirect_uri=redirect_uri,
            scope=SCOPES,
            state=state,
            code_challenge=code_challenge,
        )

    def complete(self, *, code: str, code_verifier: str, redirect_uri: str) -> XProfile:
        """Whose code it is. Raises SignInRefusedError, XUnavailableError, SecretUnavailableError."""
        return self._profile(self._access_token(code, code_verifier, redirect_uri))

    def _access_token(self, code: str, code_verifier: str, redirect_uri: str) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": code_verifier,
        }
        answer = self._exchange(form)
        if answer.status in (*REFUSALS, HTTPStatus.UNAUTHORIZED) and self.client_secret.has_changed():
            answer = self._exchange(form)
        if answer.status in REFUSALS:
            raise SignInRefusedError("code_refused")
        token = _document(answer).get("access_token")
        if not isinstance(token, str) or not _is_visible_ascii(token):
            raise XUnavailableError("the answer holds no token")
        return token

    def _exchange(self, form: Mapping[str, str]) -> Answer:
        client_id, client_secret = self.client_secret.text("client_id"), self.client_secret.text("client_secret")
        return self._call(
            "POST",
            "/2/oauth2/token",
            headers={
                **make_headers(basic_auth=f"{client_id}:{client_secret}"),
                "content-type": "application/x-www-form-urlencoded",
            },
            body=urlencode(form).encode(),
        )

    def _profile(self, access_token: str) -> XProfile:
        answer = self._call(
            "GET",
            "/2/users/me",
            headers={"authorization": f"Bearer {access_token}"},
            fields={"user.fields": PROFILE_FIELDS},
        )
        if answer.status in (*REFUSALS, HTTPStatus.UNAUTHORIZED):
            raise SignInRefusedError("profile_refused")
        data = _document(answer).get("data")
        profile = self._read_profile(data) if isinstance(data, Mapping) else None
        if profile is None:
            raise XUnavailableError("the answer names no profile")
        return profile

    def _read_profile(self, data: Mapping[str, Any]) -> XProfile | None:
        user_id, handle = data.get("id"), data.get("username")
        if not isinstance(user_id, str) or not _is_id(user_id):
            return None
        if not isinstance(handle, str) or not _is_visible_ascii(handle) or len(handle) > MAX_TEXT:
            return None
        name = data.get("name")
        return XProfile(
            user_id=user_id,
            handle=handle,
            name="".join(filter(str.isprintable, name[:MAX_TEXT])) if isinstance(name, str) else "",
            avatar_url=self._avatar(data.get("profile_image_url")),
            protected=data.get("protected") is True,
        )

    def _avatar(self, url: object) -> str | None:
        """A picture of X's own, as pages embed it."""
        if not isinstance(url, str) or len(url) > MAX_URL or not _is_visible_ascii(url):
            return None
        try:
            parts = urlsplit(url)
        except ValueError:
            return None
        is_of_x = (parts.scheme, parts.netloc) == ("https", AVATAR_HOST)
        return url if is_of_x or url.startswith(f"{self.site_url}/") else None

    def _call(self, method: str, path: str, **request: Any) -> Answer:
        try:
            return self.http.request(method, self.api_base_url + path, **request)
        except UnreachableError as error:
            raise XUnavailableError(str(error)) from error


def _document(answer: Answer) -> Mapping[str, Any]:
    if answer.status != HTTPStatus.OK:
        raise XUnavailableError(f"status {answer.status}")
    try:
        document = answer.json()
    except UnreachableError as error:
        raise XUnavailableError(str(error)) from error
    return document if isinstance(document, Mapping) else {}


def _is_id(value: str) -> bool:
    return value.isascii() and value.isdigit() and len(value) <= MAX_ID_DIGITS


def _is_visible_ascii(value: str) -> bool:
    """Whether a text may stand in a header or an attribute: a line break in it would be an attack."""
    return bool(value) and all("!" <= character <= "~" for character in value)
