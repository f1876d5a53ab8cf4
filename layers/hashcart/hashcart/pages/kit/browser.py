"""The browser's side of a session: its cookies, its secret and the token of its forms."""

import base64
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from hashcart.domain.languages import LANGUAGES
from hashcart.domain.sessions import ABSOLUTE_MS, Session

SESSION_COOKIE = "__Host-hashcart"
LANGUAGE_COOKIE = "__Host-language"
NOTICE_COOKIE = "__Host-notice"
MAX_NOTICE = 2_000
YEAR_SECONDS = 365 * 24 * 3600

_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
_ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Lax"


class SessionStore(Protocol):
    """Where sessions are kept."""

    def read(self, key: str, *, now_ms: int) -> Session | None: ...

    def save(self, session: Session) -> None: ...

    def touch(self, session: Session) -> None: ...

    def speak(self, key: str, language: str) -> None: ...

    def keep(self, key: str, name: str, value: Mapping[str, object]) -> bool: ...

    def take(self, key: str, name: str, *, field: str, expected: str) -> bool: ...

    def drop(self, key: str, name: str) -> None: ...

    def delete(self, key: str) -> None: ...


class Browser:
    """A browser. It has a secret as soon as it sees a form, and a stored session only once something must be kept."""

    def __init__(self, cookies: Mapping[str, str], store: SessionStore, clock_ms: Callable[[], int]) -> None:
        self._store = store
        self._clock_ms = clock_ms
        self._set_cookies: dict[str, str] = {}
        given = cookies.get(SESSION_COOKIE, "")
        self._secret = given if _SECRET.fullmatch(given) else None
        self._chosen_language = cookies.get(LANGUAGE_COOKIE)
        self._notice = cookies.get(NOTICE_COOKIE)
        self.session = self._read()

    @property
    def shopper_id(self) -> str | None:
        """Who is signed in."""
        return None if self.session is None else self.session.shopper_id

    @property
    def key(self) -> str | None:
        """The session's key, of a browser that sent a secret, whether a session is stored or not."""
        return None if self._secret is None else _hash(self._secret)

    @property
    def language(self) -> str | None:
        """What was chosen here, or else the language of the shopper who is signed in."""
        if self._chosen_language in LANGUAGES:
            return self._chosen_language
        return None if self.session is None else self.session.language

    @property
    def csrf_token(self) -> str:
        """What each form of this browser carries: a keyed hash of its secret, so it holds as long as that does."""
        return hmac.new(self._any_secret().encode(), b"form", hashlib.sha256).hexdigest()

    @property
    def cookies(self) -> list[str]:
        """The `Set-Cookie` lines of the answer."""
        return list(self._set_cookies.values())

    def has_token(self, token: str) -> bool:
        """Whether a form's token is this browser's."""
        return self._secret is not None and hmac.compare_digest(token.encode(), self.csrf_token.encode())

    def value(self, name: str) -> Mapping[str, Any] | None:
        """What the session keeps under a name."""
        return None if self.session is None else self.session.values.get(name)

    def keep(self, name: str, value: Mapping[str, object]) -> None:
        """Keep something, in a session that begins with it if there is none."""
        if self.session is not None and self._store.keep(self.session.key, name, value):
            self.session = replace(self.session, values={**self.session.values, name: value})
            return
        now_ms = self._clock_ms()
        language = None if self.session is None else self.session.language
        self.session = Session(_hash(self._any_secret()), now_ms, now_ms, language=language, values={name: value})
        self._store.save(self.session)

    def take(self, name: str, *, field: str, expected: str) -> Mapping[str, Any] | None:
        """Take out what is kept under a name, once, if its `field` is `expected`."""
        value = self.value(name)
        if self.session is None or value is None:
            return None
        if not hmac.compare_digest(str(value.get(field, "")).encode(), expected.encode()):
            return None
        return value if self._store.take(self.session.key, name, field=field, expected=expected) else None

    def drop(self, name: str) -> None:
        """Forget what is kept under a name."""
        if self.session is not None and name in self.session.values:
            self._store.drop(self.session.key, name)
            rest = {kept: value for kept, value in self.session.values.items() if kept != name}
            self.session = replace(self.session, values=rest)

    def sign_in(self, shopper_id: str, language: str, *, carry: tuple[str, ...] = ()) -> None:
        """Begin a session of the shopper under a new secret; `carry` names values that it takes along."""
        earlier, now_ms = self.session, self._clock_ms()
        kept = {} if earlier is None else {name: earlier.values[name] for name in carry if name in earlier.values}
        self._mint(max_age_seconds=ABSOLUTE_MS // 1000)
        self.session = Session(_hash(self._any_secret()), now_ms, now_ms, shopper_id, language, kept)
        self._store.save(self.session)
        if earlier is not None:
            self._store.delete(earlier.key)
        self._chosen_language = None
        self._set(LANGUAGE_COOKIE, "", 0)

    def sign_out(self) -> None:
        """End the session, here and at the server."""
        if self.session is not None:
            self._store.delete(self.session.key)
        self._secret, self.session = None, None
        self._set(SESSION_COOKIE, "", 0)

    def choose_language(self, language: str) -> None:
        """Read in this language here, whatever the browser prefers."""
        self._chosen_language = language
        self._set(LANGUAGE_COOKIE, language, YEAR_SECONDS)

    def speak(self, language: str) -> None:
        """The shopper has set a language: it holds for this session, and an earlier choice here no longer does."""
        self._chosen_language = None
        self._set(LANGUAGE_COOKIE, "", 0)
        if self.session is not None:
            self._store.speak(self.session.key, language)
            self.session = replace(self.session, language=language)

    def leave_notice(self, key: str, values: Mapping[str, str | int]) -> None:
        """Leave a text for the next page."""
        document = json.dumps([key, values], separators=(",", ":")).encode()
        self._set(NOTICE_COOKIE, base64.urlsafe_b64encode(document).decode(), 60)

    def take_notice(self) -> tuple[str, Mapping[str, str | int]] | None:
        """The text that the page before left, once."""
        if not self._notice:
            return None
        self._set(NOTICE_COOKIE, "", 0)
        try:
            key, values = json.loads(base64.urlsafe_b64decode(self._notice[:MAX_NOTICE]))
            values = {str(name): value for name, value in values.items() if isinstance(value, (str, int))}
        except (ValueError, TypeError, AttributeError):
            return None
        return str(key), values

    def _read(self) -> Session | None:
        if self._secret is None:
            return None
        now_ms = self._clock_ms()
        session = self._store.read(_hash(self._secret), now_ms=now_ms)
        if session is not None and session.needs_touch(now_ms):
            session = replace(session, seen_at_ms=now_ms)
            self._store.touch(session)
        return session

    def _any_secret(self) -> str:
        return self._secret or self._mint()

    def _mint(self, max_age_seconds: int | None = None) -> str:
        self._secret = secrets.token_urlsafe(32)
        self._set(SESSION_COOKIE, self._secret, max_age_seconds)
        return self._secret

    def _set(self, name: str, value: str, max_age_seconds: int | None) -> None:
        age = "" if max_age_seconds is None else f"; Max-Age={max_age_seconds}"
        self._set_cookies[name] = f"{name}={value}; {_ATTRIBUTES}{age}"


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
