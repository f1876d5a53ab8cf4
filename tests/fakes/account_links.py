"""Linked shoppers with ids that a test knows."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from hashcart.domain.account_links import AccountLink, StoreAccount
from hashcart.domain.bot_tokens import BotToken
from hashcart.observability import clock_ms
from hashcart.storage.account_links import AccountLinks
from hashcart.storage.bot_tokens import BotTokens
from tests.fakes.aws import Aws, aws_account

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ISSUER = "https://store.test"
TABLE = "AccountLinksTable"
ADA = AccountLink(
    shopper_id="shopper-ada_shops",
    x_user_id="222",
    handle="ada_shops",
    marketplace="store.localhost",
    country="US",
    language="en",
    consented_at_ms=0,
    policy_version="1",
    public_replies=True,
    undo_on_delete=True,
)


def tie(client: "DynamoDBClient", link: AccountLink, *, email_address: str | None = None) -> AccountLinks:
    """Link a profile with the store account whose subject is the handle."""
    links = AccountLinks(client, TABLE, new_id=lambda: link.shopper_id)
    links.shopper_of(StoreAccount(ISSUER, link.handle), now_ms=link.consented_at_ms)
    links.link(link, email_address=email_address, now_ms=link.consented_at_ms)
    return links


@contextmanager
def account_of_ada() -> Iterator[Aws]:
    """An account in which Ada linked a minute ago, and the bot is signed in."""
    with aws_account() as account:
        tie(account.dynamodb, replace(ADA, consented_at_ms=clock_ms() - 60_000))
        BotTokens(account.dynamodb, "BotTokensTable").save(
            BotToken("bot-access", "bot-refresh", clock_ms() + 7_200_000)
        )
        yield account
