"""Calls to a store's sign-in, and what its answers may hold."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit

from hashcart.domain.sign_in import SignInRefusedError
from hashcart.http import Answer, HttpClient, UnreachableError
from hashcart.identity.protocol import SignInUnavailableError
from hashcart.secrets import Secret

MAX_TOKEN = 32 * 1024
MAX_NAME = 200
MAX_EMAIL = 254

FORM = {"content-type": "application/x-www-form-urlencoded"}

# Errors of RFC 6749, section 5.2, that are the fault of this deployment and not of the browser's attempt.
OWN_FAULTS = frozenset({"invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope"})


class ClientRefusedError(SignInUnavailableError):
    """The store does not take what this deployment authenticates with."""


def is_secure(url: object) -> bool:
    """Whether an address may be called or shown: https, or http on this machine."""
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    is_local = host in ("127.0.0.1", "::1", "localhost") or host.endswith(".localhost")
    return bool(host) and parts.username is None and (parts.scheme == "https" or (parts.scheme == "http" and is_local))


def call(http: HttpClient, method: str, url: str, **request: Any) -> Answer:
    """One call. Raises SignInUnavailableError."""
    try:
        answer = http.request(method, url, **request)
    except UnreachableError as error:
        raise SignInUnavailableError(str(error)) from error
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise SignInUnavailableError(f"status {answer.status}")
    return answer


def document(answer: Answer) -> Mapping[str, Any]:
    """An answer that must be 200 and a JSON object. Raises SignInUnavailableError."""
    if answer.status != HTTPStatus.OK:
        raise SignInUnavailableError(f"status {answer.status}")
    try:
        content = answer.json()
    except UnreachableError as error:
        raise SignInUnavailableError(str(error)) from error
    if not isinstance(content, Mapping):
        raise SignInUnavailableError("the answer is not a JSON object")
    return content


def exchange(http: HttpClient, url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> Mapping[str, Any]:
    """Tokens for a code. Raises SignInRefusedError if the code is no good, SignInUnavailableError."""
    answer = call(http, "POST", url, headers={**FORM, **headers}, body=urlencode(form).encode())
    if HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        try:
            content = answer.json()
        except UnreachableError:
            content = None
        error = content.get("error") if isinstance(content, Mapping) else None
        if answer.status == HTTPStatus.UNAUTHORIZED or error in OWN_FAULTS:
            raise ClientRefusedError("the store does not accept the client")
        raise SignInRefusedError("code_refused")
    return document(answer)


def with_current_client[T](client_secret: Secret, attempt: Callable[[], T]) -> T:
    """What `attempt` makes of the client's secret; once more where that was rotated since it was read last."""
    try:
        return attempt()
    except ClientRefusedError:
        if not client_secret.has_changed():
            raise
        return attempt()


def token(content: Mapping[str, Any], name: str) -> str | None:
    """A token that may stand in a header; a line break in it would be an attack."""
    value = content.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TOKEN:
        return None
    return value if all("!" <= character <= "~" for character in value) else None


def name_of(claims: Mapping[str, Any]) -> str | None:
    """The customer's name, for the pages to show."""
    name = claims.get("name")
    shown = "".join(filter(str.isprintable, name[:MAX_NAME])).strip() if isinstance(name, str) else ""
    return shown or None


def verified_email(claims: Mapping[str, Any]) -> str | None:
    """The address, if the store says that it is verified (some issuers say so in a string)."""
    email, verified = claims.get("email"), claims.get("email_verified")
    if not (verified is True or verified == "true") or not isinstance(email, str):
        return None
    is_address = email.isprintable() and " " not in email and 0 < email.find("@") < len(email) - 1
    return email if is_address and len(email) <= MAX_EMAIL else None
