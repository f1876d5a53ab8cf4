"""Table BotTokens: the bot's access token and its rotating refresh token."""

from typing import TYPE_CHECKING

from hashcart.domain.bot_tokens import BotToken
from hashcart.storage.table import ConditionFailedError, Table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

BOT = {"name": "bot"}
REFRESH_LEASE_MS = 30_000


class BotTokens:
    """The one token item. A refresh token works once, so refreshing is done under a lease taken before the call."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._table = Table(client, table_name)

    def read(self) -> BotToken | None:
        """The tokens, read consistently; None until the bot has signed in."""
        item = self._table.get(BOT, consistent=True)
        if item is None:
            return None
        return BotToken(item["access_token"], item["refresh_token"], item["expires_at_ms"], item.get("lost_at_ms"))

    def save(self, token: BotToken) -> None:
        """Keep new tokens and end the lease."""
        self._table.update(
            BOT,
            "SET access_token = :access, refresh_token = :refresh, expires_at_ms = :expires"
            " REMOVE lease_until_ms, lost_at_ms",
            values={":access": token.access_token, ":refresh": token.refresh_token, ":expires": token.expires_at_ms},
        )

    def take_lease(self, token: BotToken, *, now_ms: int) -> bool:
        """Whether this caller is the one to spend the refresh token of `token` now."""
        try:
            self._table.update(
                BOT,
                "SET lease_until_ms = :until",
                condition=(
                    "refresh_token = :refresh AND (attribute_not_exists(lease_until_ms) OR lease_until_ms < :now)"
                ),
                values={":until": now_ms + REFRESH_LEASE_MS, ":now": now_ms, ":refresh": token.refresh_token},
            )
        except ConditionFailedError:
            return False
        return True

    def mark_lost(self, token: BotToken, *, now_ms: int) -> None:
        """Note that X has refused the refresh token of `token`, unless another has taken its place."""
        try:
            self._table.update(
                BOT,
                "SET lost_at_ms = :now",
                condition="refresh_token = :refresh",
                values={":now": now_ms, ":refresh": token.refresh_token},
            )
        except ConditionFailedError:
            return
