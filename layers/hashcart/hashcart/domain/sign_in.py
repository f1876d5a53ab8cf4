"""What protects a sign-in by redirect: state, nonce and the proof key of RFC 7636 (PKCE)."""

import base64
import hashlib
import secrets
from urllib.parse import urlencode, urlsplit

TOKEN_BYTES = 32

STORE_CALLBACK_PATH = "/link/store/back"
X_CALLBACK_PATH = "/link/x/back"
"""Where sign-ins come back to: below the pages' address, and registered at the store and at X."""


class SignInRefusedError(Exception):
    """This attempt has failed for good, and a new one may succeed; `reason` is for the log, never for the page."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def random_token() -> str:
    """A state, a nonce or a code verifier: 256 random bits in 43 characters that are safe in an address."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def code_challenge(code_verifier: str) -> str:
    """The S256 challenge of a code verifier."""
    return base64.urlsafe_b64encode(hashlib.sha256(code_verifier.encode()).digest()).rstrip(b"=").decode()


def authorization_url(
    endpoint: str, *, client_id: str, redirect_uri: str, scope: str, state: str, code_challenge: str, **more: str
) -> str:
    """Where to send the browser for a code, with its proof key (RFC 6749, section 4.1.1; RFC 7636, section 4.3)."""
    query = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "scope": scope,
        "state": state,
        "code_challenge": code_challenge,
        "code_challenge_method": "S256",
        **more,
    }
    return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(query)}"
