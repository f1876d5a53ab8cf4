"""ID tokens of OpenID Connect: whether one is the issuer's, for us, now, and for this very sign-in.

The checks are those of OpenID Connect Core 1.0, section 3.1.3.7. This module alone imports joserfc.
"""

import base64
import hashlib
import hmac
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, RSAKey
from joserfc.jws import JWSRegistry, extract_compact

LEEWAY_SECONDS = 60
MAX_TOKEN_CHARACTERS = 16 * 1024
MAX_SUBJECT_CHARACTERS = 255
MAX_KEYS = 50
LEAST_RSA_BITS = 2048
LATEST_SECONDS = 253_402_300_799
"""The end of the year 9999."""

# Signatures that only the issuer can make. `none` and the HS family, which the public key or our secret could make, are
# not among them, whatever a token or the issuer's document says.
KEY_TYPE_OF_ALGORITHM = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
    **dict.fromkeys(("ES256", "ES384", "ES512"), "EC"),
}

type SigningKey = RSAKey | ECKey


class IdTokenRefusedError(Exception):
    """The token proves nothing; `reason` is for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UnknownKeyError(Exception):
    """The token names a key that is not among the issuer's, as far as they are known here."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token must say: by whom, for whom, and of which sign-in."""

    issuer: str
    client_id: str
    nonce: str
    access_token: str | None
    now_s: float


def signing_keys(document: object) -> list[SigningKey]:
    """The keys of a JWK set that can sign ID tokens; what cannot be used or read is left out (RFC 7517, section 5)."""
    listed = document.get("keys") if isinstance(document, Mapping) else None
    read = (_key(entry) for entry in (listed if isinstance(listed, list) else [])[:MAX_KEYS])
    return [key for key in read if key is not None]


def verified_claims(token: str, keys: Iterable[SigningKey], expected: Expected) -> Mapping[str, Any]:
    """The claims of a token that holds. Raises IdTokenRefusedError, UnknownKeyError."""
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise IdTokenRefusedError("too_long")
    try:
        header = extract_compact(token.encode()).headers()
    except (JoseError, ValueError, RecursionError) as error:
        raise IdTokenRefusedError("not_a_token") from error
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in KEY_TYPE_OF_ALGORITHM:
        raise IdTokenRefusedError("algorithm")
    key = _key_for(header.get("kid"), algorithm, keys)
    # Issuers put fields of their own into the header; those marked critical are refused all the same.
    registry = JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    try:
        claims: Mapping[str, Any] = jwt.decode(token, key, registry=registry).claims
    except (JoseError, ValueError, RecursionError) as error:
        raise IdTokenRefusedError("signature") from error
    _check(claims, algorithm, expected)
    return claims


def _key(entry: object) -> SigningKey | None:
    if not isinstance(entry, dict) or entry.get("use", "sig") != "sig" or entry.get("kty") not in ("RSA", "EC"):
        return None
    public = {name: value for name, value in entry.items() if name in ("kty", "kid", "alg", "n", "e", "crv", "x", "y")}
    try:
        key = JWKRegistry.import_key(public)
        is_strong = not isinstance(key, RSAKey) or key.public_key.key_size >= LEAST_RSA_BITS
    except (JoseError, ValueError, LookupError, TypeError):
        return None
    return key if is_strong and isinstance(key, (RSAKey, ECKey)) else None


def _key_for(kid: object, algorithm: str, keys: Iterable[SigningKey]) -> SigningKey:
    fitting = [
        key
        for key in keys
        if key.key_type == KEY_TYPE_OF_ALGORITHM[algorithm] and key.alg in (None, algorithm) and kid in (None, key.kid)
    ]
    # A token may do without a key's name only where there is no choice.
    if len(fitting) != 1 and not (kid is not None and fitting):
        raise UnknownKeyError
    return fitting[0]


def _check(claims: Mapping[str, Any], algorithm: str, expected: Expected) -> None:
    for holds, reason in (
        (claims.get("iss") == expected.issuer, "issuer"),
        (_is_for(claims, expected.client_id), "audience"),
        (_time(claims, "exp", -math.inf) > expected.now_s - LEEWAY_SECONDS, "expired"),
        (_time(claims, "iat", math.inf) <= expected.now_s + LEEWAY_SECONDS, "issued_in_the_future"),
        ("nbf" not in claims or _time(claims, "nbf", math.inf) <= expected.now_s + LEEWAY_SECONDS, "not_yet_valid"),
        (_is_same(claims.get("nonce"), expected.nonce), "nonce"),
        ("at_hash" not in claims or _is_hash_of(claims["at_hash"], expected.access_token, algorithm), "at_hash"),
        (_is_subject(claims.get("sub")), "subject"),
    ):
        if not holds:
            raise IdTokenRefusedError(reason)


def _is_for(claims: Mapping[str, Any], client_id: str) -> bool:
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    is_ours_alone = named == [client_id]
    return client_id in named and claims.get("azp", client_id if is_ours_alone else None) == client_id


def _time(claims: Mapping[str, Any], name: str, missing: float) -> float:
    """A time in seconds; `missing`, which fails the check, if it is none."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return missing
    return value if 0 <= value <= LATEST_SECONDS else missing


def _is_same(given: object, expected: str) -> bool:
    return isinstance(given, str) and hmac.compare_digest(given.encode(errors="replace"), expected.encode())


def _is_hash_of(given: object, access_token: str | None, algorithm: str) -> bool:
    if access_token is None:
        return False
    digest = hashlib.new(f"sha{algorithm[2:]}", access_token.encode()).digest()
    return _is_same(given, base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode())


def _is_subject(subject: object) -> bool:
    return isinstance(subject, str) and subject.isascii() and 0 < len(subject) <= MAX_SUBJECT_CHARACTERS
