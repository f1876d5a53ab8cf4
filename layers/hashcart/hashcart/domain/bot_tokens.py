"""The tokens of the account that answers."""

from dataclasses import dataclass

EARLY_REFRESH_MS = 5 * 60 * 1000


@dataclass(frozen=True, slots=True, repr=False)
class BotToken:
    """An access token that ends at `expires_at_ms`, and the refresh token that works once to get the next pair.

    At `lost_at_ms` X has refused that refresh token, and so all that came from the same sign-in.
    """

    access_token: str
    refresh_token: str
    expires_at_ms: int
    lost_at_ms: int | None = None

    def is_fresh(self, now_ms: int) -> bool:
        """Whether the access token will still be valid for the next minutes."""
        return self.expires_at_ms - EARLY_REFRESH_MS > now_ms

    def __repr__(self) -> str:
        return f"BotToken(expires_at_ms={self.expires_at_ms})"
