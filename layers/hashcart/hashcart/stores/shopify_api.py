"""Shopify's Storefront API: one address, and errors that come with status 200."""

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from hashcart.http import HttpClient, UnreachableError
from hashcart.observability import logger
from hashcart.secrets import Secret, SecretUnavailableError
from hashcart.stores.protocol import Customer, StoreUnavailableError
from hashcart.stores.shopify_documents import VERSION

LANGUAGES = frozenset({"en", "fr", "es", "de", "ja"})
COUNTRY_LENGTH = 2
TOKENLESS_MS = 5 * 60 * 1000


class AccessDeniedError(StoreUnavailableError):
    """The token, or the lack of one, does not allow what was asked."""


class StorefrontApi:
    """The Storefront API of the shop at `origin`, without a token, or with a public or private one from the secret.

    A private token belongs to a server: Shopify then wants to know the buyer's address, by which it limits calls.
    """

    def __init__(self, http: HttpClient, base_url: str, secret: Secret, clock_ms: Callable[[], int]) -> None:
        self.origin = base_url
        self._http = http
        self._url = f"{base_url}/api/{VERSION}/graphql.json"
        self._secret = secret
        self._clock_ms = clock_ms
        self._tokenless_until_ms = 0

    @property
    def has_token(self) -> bool:
        """Whether calls carry a token."""
        return bool(self._token_headers(None))

    def ask(self, document: str, variables: Mapping[str, Any], customer: Customer | None = None) -> Mapping[str, Any]:
        """The data of the answer. Raises StoreUnavailableError, AccessDeniedError."""
        body = json.dumps({"query": document, "variables": variables})
        headers = {"content-type": "application/json", **self._token_headers(customer)}
        try:
            answer = self._http.request("POST", self._url, headers=headers, body=body.encode())
            if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
                self._reread_secret()
                raise AccessDeniedError(f"status {answer.status}")
            if answer.status != HTTPStatus.OK:
                raise StoreUnavailableError(f"status {answer.status}")
            document_read = answer.json()
        except UnreachableError as error:
            raise StoreUnavailableError(str(error)) from error
        return _data(document_read)

    def _token_headers(self, customer: Customer | None) -> dict[str, str]:
        if self._clock_ms() < self._tokenless_until_ms:
            return {}
        try:
            fields = self._secret.read()
        except SecretUnavailableError:  # as a rule nobody filled it: most shops need no token
            self._tokenless_until_ms = self._clock_ms() + TOKENLESS_MS
            return {}
        private, public = fields.get("private_token"), fields.get("public_token")
        if isinstance(private, str) and private:
            buyer = {"shopify-storefront-buyer-ip": customer.ip_address} if customer and customer.ip_address else {}
            return {"shopify-storefront-private-token": private, **buyer}
        return {"x-shopify-storefront-access-token": public} if isinstance(public, str) and public else {}

    def _reread_secret(self) -> None:
        """A token that was just replaced is taken up by the next call."""
        try:
            self._secret.reread()
        except SecretUnavailableError as error:
            logger.warning("store_secret_unavailable", extra={"reason": str(error)})


def context_of(customer: Customer) -> dict[str, str | None]:
    """The variables by which Shopify chooses prices and texts; it goes without those that are None."""
    country = (customer.country or "").upper()
    language = customer.language if customer.language in LANGUAGES else None
    return {
        "country": country if len(country) == COUNTRY_LENGTH and country.isascii() and country.isalpha() else None,
        "language": language.upper() if language else None,
    }


def _data(document: object) -> Mapping[str, Any]:
    if not isinstance(document, Mapping):
        raise StoreUnavailableError("an answer that is no object")
    errors = document.get("errors")
    codes = sorted({_code(error) for error in errors}) if isinstance(errors, list) else []
    if "ACCESS_DENIED" in codes or "UNAUTHORIZED" in codes:
        raise AccessDeniedError("access denied")
    if errors or not isinstance(document.get("data"), Mapping):
        raise StoreUnavailableError(f"errors: {', '.join(codes) or 'no data'}")
    data: Mapping[str, Any] = document["data"]
    return data


def _code(error: object) -> str:
    """`THROTTLED`, `ACCESS_DENIED`, …; never the message, which may quote what was asked."""
    extensions = error.get("extensions") if isinstance(error, Mapping) else None
    return str(extensions.get("code") or "UNKNOWN")[:40] if isinstance(extensions, Mapping) else "UNKNOWN"
