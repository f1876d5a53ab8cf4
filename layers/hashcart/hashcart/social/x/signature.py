"""X's webhook signatures and challenges (docs.x.com, "Webhooks": CRC and `x-twitter-webhooks-signature`)."""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable

SIGNATURE_PREFIX = "sha256="

# The challenge is signed with the key that signs POST bodies. A forged JSON body sent as a token would come back
# signed, so only what cannot be a body is accepted.
_CRC_TOKEN = re.compile(r"[A-Za-z0-9+/=_-]{16,128}", re.ASCII)


def sign(secret: str, content: bytes) -> str:
    """`sha256=` and the base64 of the HMAC-SHA256 of `content`."""
    digest = hmac.new(secret.encode(), content, hashlib.sha256).digest()
    return SIGNATURE_PREFIX + base64.b64encode(digest).decode("ascii")


def is_crc_token(token: str) -> bool:
    """Whether a challenge may be answered at all."""
    return _CRC_TOKEN.fullmatch(token) is not None


def is_signed(body: bytes, signature: str, secrets: Iterable[str]) -> bool:
    """Whether `signature` is that of the raw `body` under one of `secrets`; every secret is tried, in constant time."""
    given = signature.encode("utf-8", "replace")
    matches = [hmac.compare_digest(sign(secret, body).encode("ascii"), given) for secret in secrets]
    return any(matches)
