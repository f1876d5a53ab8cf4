"""Tokens that say who and what for, and cannot be made without the key: for links that must work without a sign-in."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

MAX_TOKEN = 512


def sign(purpose: str, subject: str, key: str) -> str:
    """A token, in characters that need no escaping in a URL, that `subject` agreed to `purpose`."""
    return f"{_encode(subject.encode())}.{_encode(_mac(purpose, subject, key))}"


def verified_subject(purpose: str, token: str, keys: Sequence[str]) -> str | None:
    """Whom a token names, if one of the keys has signed it for this purpose; else None."""
    if len(token) > MAX_TOKEN or not token.isascii():
        return None
    named, _, signature = token.partition(".")
    try:
        subject = _decode(named).decode()
        signed = _decode(signature)
    except (binascii.Error, ValueError):
        return None
    matches = [hmac.compare_digest(signed, _mac(purpose, subject, key)) for key in keys]
    return subject if any(matches) else None


def _mac(purpose: str, subject: str, key: str) -> bytes:
    return hmac.digest(key.encode(), f"{purpose}\0{subject}".encode(), hashlib.sha256)


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
