"""OAuth 2.0 codes and tokens, kept as hashes."""

import base64
import hashlib
import hmac
import secrets
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

CODE_SECONDS = 30
ACCESS_TOKEN_SECONDS = 2 * 60 * 60


class InvalidGrantError(Exception):
    """A code or refresh token that X does not take, with X's sentence."""


@dataclass(frozen=True)
class Grant:
    """What an account allowed the app."""

    account_id: str
    scope: str

    def allows(self, scope: str) -> bool:
        """Whether `scope` was granted."""
        return scope in self.scope.split()


@dataclass(frozen=True)
class TokenPair:
    """Fresh tokens; a refresh token only with `offline.access`."""

    access_token: str
    refresh_token: str | None
    scope: str


class Tokens:
    """Codes live 30 seconds and work once; refresh tokens rotate, and using one twice ends its whole family."""

    def __init__(self, connection: sqlite3.Connection, now: Callable[[], float]) -> None:
        self._connection = connection
        self._now = now

    def issue_code(self, grant: Grant, redirect_uri: str, challenge: str) -> str:
        """A code for the redirect."""
        code = secrets.token_urlsafe(48)
        self._connection.execute(
            "INSERT INTO oauth_codes VALUES (?, ?, ?, ?, ?, ?)",
            (_hash(code), grant.account_id, grant.scope, redirect_uri, challenge, self._now() + CODE_SECONDS),
        )
        return code

    def exchange_code(self, code: str, redirect_uri: str, verifier: str) -> TokenPair:
        """Tokens for a code. Raises InvalidGrantError."""
        row = self._connection.execute("DELETE FROM oauth_codes WHERE hash = ? RETURNING *", (_hash(code),)).fetchone()
        if row is None or row["expires_at"] < self._now() or row["redirect_uri"] != redirect_uri:
            raise InvalidGrantError("Value passed for the authorization code was invalid.")
        if not hmac.compare_digest(challenge_of(verifier), row["challenge"]):
            raise InvalidGrantError("Value passed for the code verifier did not match the code challenge.")
        return self._issue(Grant(row["account_id"], row["scope"]), family=secrets.token_hex(8))

    def refresh(self, refresh_token: str) -> TokenPair:
        """New tokens for a refresh token, which is dead from then on. Raises InvalidGrantError."""
        row = self._connection.execute(
            "SELECT * FROM oauth_tokens WHERE hash = ? AND kind = 'refresh'", (_hash(refresh_token),)
        ).fetchone()
        if row is None:
            raise InvalidGrantError("Value passed for the token was invalid.")
        if row["used"]:
            self._drop_family(row["family"])
            raise InvalidGrantError("Value passed for the token was invalid.")
        self._connection.execute("UPDATE oauth_tokens SET used = 1 WHERE hash = ?", (row["hash"],))
        return self._issue(Grant(row["account_id"], row["scope"]), row["family"])

    def grant_of(self, access_token: str) -> Grant | None:
        """Whom an access token speaks for, and how far; None if it is unknown or has expired."""
        row = self._connection.execute(
            "SELECT * FROM oauth_tokens WHERE hash = ? AND kind = 'access' AND expires_at > ?",
            (_hash(access_token), self._now()),
        ).fetchone()
        return None if row is None else Grant(row["account_id"], row["scope"])

    def revoke(self, token: str) -> None:
        """End a token and its family; an unknown one is no error (RFC 7009)."""
        row = self._connection.execute("SELECT family FROM oauth_tokens WHERE hash = ?", (_hash(token),)).fetchone()
        if row is not None:
            self._drop_family(row["family"])

    def revoke_account(self, account_id: str) -> None:
        """End all that an account ever allowed the app."""
        self._connection.execute("DELETE FROM oauth_tokens WHERE account_id = ?", (account_id,))
        self._connection.execute("DELETE FROM oauth_codes WHERE account_id = ?", (account_id,))

    def end_access_tokens(self, account_id: str) -> None:
        """Let access tokens end before their time; what refreshes them works on."""
        self._connection.execute(
            "UPDATE oauth_tokens SET expires_at = ? WHERE account_id = ? AND kind = 'access'", (self._now(), account_id)
        )

    def _issue(self, grant: Grant, family: str) -> TokenPair:
        access_token = self._store("access", family, grant, self._now() + ACCESS_TOKEN_SECONDS)
        refresh_token = self._store("refresh", family, grant, None) if grant.allows("offline.access") else None
        return TokenPair(access_token, refresh_token, grant.scope)

    def _store(self, kind: str, family: str, grant: Grant, expires_at: float | None) -> str:
        token = secrets.token_urlsafe(48)
        self._connection.execute(
            "INSERT INTO oauth_tokens (hash, kind, family, account_id, scope, expires_at) VALUES (?, ?, ?, ?, ?, ?)",
            (_hash(token), kind, family, grant.account_id, grant.scope, expires_at),
        )
        return token

    def _drop_family(self, family: str) -> None:
        self._connection.execute("DELETE FROM oauth_tokens WHERE family = ?", (family,))


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
