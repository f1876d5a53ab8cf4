"""What protects a sign-in by redirect: state, nonce and the proof key of RFC 7636 (PKCE)."""

import base64
import hashlib
import secrets

TOKEN_BYTES = 32

STORE_CALLBACK_PATH = "/link/store/back"
X_CALLBACK_PATH = "/link/x/back"
"""Where sign-ins come back to: below the pages' address, and registered at the store and at X."""


def random_token() -> str:
    """A state, a nonce or a code verifier: 256 random bits in 43 characters that are safe in an address."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def code_challenge(code_verifier: str) -> str:
    """The S256 challenge of a code verifier."""
    return base64.urlsafe_b64encode(hashlib.sha256(code_verifier.encode()).digest()).rstrip(b"=").decode()
