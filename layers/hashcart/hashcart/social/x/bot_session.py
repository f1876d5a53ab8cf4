"""The bot's access token, refreshed by one caller at a time."""

import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Protocol

from hashcart.domain.bot_tokens import BotToken
from hashcart.http import Answer, UnreachableError
from hashcart.secrets import Secret
from hashcart.social.x.client import XApi, XUnavailableError

WAIT_SECONDS = 0.3
WAITS = 10
REFUSALS = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED)
LOST = "X no longer takes the refresh token"


class BotSignedOutError(Exception):
    """The bot has no usable tokens: it has to sign in again before it can answer."""


class BotNeverSignedInError(BotSignedOutError):
    """The bot has not been set up yet."""


class TokenStore(Protocol):
    """Where the tokens are kept."""

    def read(self) -> BotToken | None:
        """The tokens, or None before the first sign-in."""

    def save(self, token: BotToken) -> None:
        """Keep new tokens."""

    def take_lease(self, token: BotToken, *, now_ms: int) -> bool:
        """Whether this caller may spend the refresh token of `token`."""

    def mark_lost(self, token: BotToken, *, now_ms: int) -> None:
        """Note that X has refused the refresh token of `token`."""


class BotSession:
    """Hands out a valid access token. A refresh token works once, so the lease is taken before it is spent."""

    def __init__(
        self,
        api: XApi,
        tokens: TokenStore,
        client_secret: Secret,
        *,
        clock_ms: Callable[[], int],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._api = api
        self._tokens = tokens
        self._client_secret = client_secret
        self._clock_ms = clock_ms
        self._sleep = sleep
        self._token: BotToken | None = None
        self._rejected: str | None = None

    def access_token(self) -> str:
        """A valid access token. Raises BotSignedOutError, XUnavailableError, SecretUnavailableError."""
        if self._token is None or not self._token.is_fresh(self._clock_ms()):
            self._token = self._fresh_token()
        return self._token.access_token

    def forget(self) -> None:
        """Never use the remembered token again, as X has rejected it: the next call refreshes it before its time."""
        if self._token is not None:
            self._rejected = self._token.access_token
        self._token = None

    def _fresh_token(self) -> BotToken:
        for _ in range(WAITS):
            token = self._tokens.read()
            if token is None:
                raise BotNeverSignedInError("the bot has never signed in")
            if token.is_fresh(self._clock_ms()) and token.access_token != self._rejected:
                return token
            if token.lost_at_ms is not None:
                raise BotSignedOutError(LOST)
            if self._tokens.take_lease(token, now_ms=self._clock_ms()):
                return self._refreshed(token)
            self._sleep(WAIT_SECONDS)
        raise XUnavailableError("another caller is refreshing the tokens")

    def _refreshed(self, token: BotToken) -> BotToken:
        answer = self._refresh(token)
        if answer.status in REFUSALS and self._client_secret.has_changed():
            answer = self._refresh(token)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            raise BotSignedOutError("X does not take the client's secret")
        if answer.status == HTTPStatus.BAD_REQUEST:
            self._tokens.mark_lost(token, now_ms=self._clock_ms())
            raise BotSignedOutError(LOST)
        if answer.status != HTTPStatus.OK:
            raise XUnavailableError(f"status {answer.status}")
        renewed = _read_tokens(answer, self._clock_ms())
        self._tokens.save(renewed)
        return renewed

    def _refresh(self, token: BotToken) -> Answer:
        client_id, client_secret = self._client_secret.text("client_id"), self._client_secret.text("client_secret")
        return self._api.refresh(token.refresh_token, client_id, client_secret)


def _read_tokens(answer: Answer, now_ms: int) -> BotToken:
    """X's answer to a refresh (RFC 6749, section 5.1). Raises XUnavailableError for what is none."""
    try:
        document = answer.json()
    except UnreachableError as error:
        raise XUnavailableError(str(error)) from error
    match document:
        case {"access_token": str(access), "refresh_token": str(refresh), "expires_in": int(seconds)} if (
            access and refresh and seconds > 0
        ):
            return BotToken(access, refresh, now_ms + seconds * 1000)
    raise XUnavailableError("the answer holds no tokens")
