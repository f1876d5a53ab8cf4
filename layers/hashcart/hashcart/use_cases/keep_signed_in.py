"""The bot stays signed in: its token is refreshed in time, whether or not anybody is answered."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from hashcart.domain.bot_tokens import BotToken
from hashcart.observability import report_failure
from hashcart.secrets import SecretUnavailableError
from hashcart.social.x.bot_session import BotNeverSignedInError, BotSignedOutError
from hashcart.social.x.client import XUnavailableError

MINUTE_MS = 60_000


class Session(Protocol):
    """The bot's access token."""

    def access_token(self) -> str:
        """A valid access token, refreshed if it is about to end."""


class TokenReader(Protocol):
    """Where the tokens are kept."""

    def read(self) -> BotToken | None:
        """The tokens."""


@dataclass(frozen=True, slots=True)
class BotHealth:
    """Whether the bot has to sign in again, and for how many minutes its last access token has ended."""

    is_signed_out: bool = False
    overdue_minutes: int = 0


@dataclass(frozen=True, slots=True)
class KeepSignedIn:
    """Each minute; the process remembers the token, so DynamoDB is asked only when that is about to end."""

    session: Session
    tokens: TokenReader
    clock_ms: Callable[[], int]

    def __call__(self) -> BotHealth:
        """Refresh the token if it is time. A bot that has never signed in is still to be set up: no trouble."""
        try:
            self.session.access_token()
        except BotNeverSignedInError:
            return BotHealth()
        except BotSignedOutError as error:
            report_failure(None, "bot_signed_out", error)
            return BotHealth(is_signed_out=True)
        except (XUnavailableError, SecretUnavailableError) as error:
            report_failure(None, "bot_not_refreshed", error)
            token = self.tokens.read()
            overdue_ms = 0 if token is None else self.clock_ms() - token.expires_at_ms
            return BotHealth(overdue_minutes=max(overdue_ms, 0) // MINUTE_MS)
        return BotHealth()
