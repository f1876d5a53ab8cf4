"""OAuth 1.0a signatures (RFC 5849, HMAC-SHA1), for the one call of X that may want the user's own keys."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, urlsplit

METHOD = "HMAC-SHA1"


@dataclass(frozen=True)
class UserKeys:
    """An app's consumer key and an account's access token for it, each with its secret."""

    consumer_key: str
    consumer_secret: str = field(repr=False)
    token: str
    token_secret: str = field(repr=False)

    def authorization(self, method: str, url: str, now_ms: int) -> str:
        """The header that signs a call whose body is not a form."""
        parameters = {
            "oauth_consumer_key": self.consumer_key,
            "oauth_nonce": secrets.token_hex(16),
            "oauth_signature_method": METHOD,
            "oauth_timestamp": str(now_ms // 1000),
            "oauth_token": self.token,
            "oauth_version": "1.0",
        }
        parameters["oauth_signature"] = self.signature(method, url, parameters)
        return "OAuth " + ", ".join(f'{name}="{_quoted(value)}"' for name, value in parameters.items())

    def signature(self, method: str, url: str, parameters: Mapping[str, str]) -> str:
        """The signature over a call: its method, its address with the query, and the header's parameters."""
        parts = urlsplit(url)
        signed = [*parse_qsl(parts.query, keep_blank_values=True), *parameters.items()]
        pairs = sorted((_quoted(name), _quoted(value)) for name, value in signed)
        address = f"{parts.scheme}://{parts.netloc}{parts.path}"
        base = "&".join(map(_quoted, (method, address, "&".join(f"{name}={value}" for name, value in pairs))))
        key = f"{_quoted(self.consumer_secret)}&{_quoted(self.token_secret)}"
        return base64.b64encode(hmac.new(key.encode(), base.encode(), hashlib.sha1).digest()).decode()

    def has_signed(self, header: str, method: str, url: str) -> bool:
        """Whether an authorization header is these keys' signature of a call."""
        entries = (entry.strip().partition("=") for entry in header.removeprefix("OAuth ").split(","))
        given = {name: unquote(value.strip('"')) for name, _, value in entries}
        signature = given.pop("oauth_signature", "")
        keys = (given.get("oauth_consumer_key"), given.get("oauth_token"))
        expected = self.signature(method, url, given)
        return keys == (self.consumer_key, self.token) and hmac.compare_digest(signature.encode(), expected.encode())


def _quoted(text: str) -> str:
    return quote(text, safe="-._~")
