"""An OpenID Connect issuer behind the fake internet, whose tokens a test can bend."""

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from joserfc.jws import JWSRegistry
from joserfc.registry import HeaderParameter

from tests.fakes.clock import NOW_MS
from tests.fakes.internet import Internet

ISSUER = "https://login.shop.test"
CLIENT_ID, CLIENT_SECRET = "hash cart", "s/e:c%ret"
NONCE = "nonce-of-this-sign-in"
ACCESS_TOKEN = "access-token"

type PrivateKey = RSAKey | ECKey | OctKey


def ec_key(kid: str) -> ECKey:
    return ECKey.generate_key("P-256", {"kid": kid})


def sign(claims: dict[str, Any], key: PrivateKey, algorithm: str = "ES256", **header: Any) -> str:
    header = {"alg": algorithm, "kid": key.kid, **header}
    header = {name: value for name, value in header.items() if value is not None}
    known = {"exp": HeaderParameter("Expiry", "int")}
    registry = JWSRegistry(known, algorithms=[algorithm], strict_check_header=False)
    return jwt.encode(header, claims, key, registry=registry)


@dataclass
class Issuer:
    internet: Internet
    keys: list[PrivateKey] = field(default_factory=lambda: [ec_key("first")])

    def __post_init__(self) -> None:
        self.discover()
        self.publish_keys()
        self.hand_out(self.id_token())
        self.internet.answer(
            f"GET {ISSUER}/me", (200, {"sub": "ada", "email": "u@example.com", "email_verified": True})
        )

    def discover(self, **changes: Any) -> None:
        document = {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/authorize",
            "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}/keys",
            "userinfo_endpoint": f"{ISSUER}/me",
            **changes,
        }
        present = {name: value for name, value in document.items() if value is not None}
        self.internet.answer(f"GET {ISSUER}/.well-known/openid-configuration", (200, present))

    def publish_keys(self, *more: dict[str, Any]) -> None:
        keys = [{**key.as_dict(private=False), "kid": key.kid} for key in self.keys]
        self.internet.answer(f"GET {ISSUER}/keys", (200, {"keys": [*more, *keys]}))

    def claims(self, **changes: Any) -> dict[str, Any]:
        now_s = NOW_MS // 1000
        claims = {
            "iss": ISSUER,
            "sub": "ada",
            "aud": CLIENT_ID,
            "exp": now_s + 300,
            "iat": now_s,
            "nonce": NONCE,
            "name": "Ada Bright",
            "email": "ada@example.com",
            "email_verified": True,
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def id_token(self, **changes: Any) -> str:
        return sign(self.claims(**changes), self.keys[0])

    def hand_out(self, id_token: object, **changes: Any) -> None:
        tokens = {"access_token": ACCESS_TOKEN, "token_type": "Bearer", "id_token": id_token, **changes}
        self.internet.answer(f"POST {ISSUER}/token", (200, tokens))

    def asked_for(self, path: str) -> int:
        return len([request for request in self.internet.requests if request.path == path])


def half_hash(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()[:16]).rstrip(b"=").decode()
