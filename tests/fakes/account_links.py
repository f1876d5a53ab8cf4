"""Linked shoppers with ids that a test knows."""

from typing import TYPE_CHECKING

from hashcart.domain.account_links import AccountLink, StoreAccount
from hashcart.storage.account_links import AccountLinks

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ISSUER = "https://store.test"
TABLE = "AccountLinksTable"


def tie(client: "DynamoDBClient", link: AccountLink, *, email_address: str | None = None) -> AccountLinks:
    """Link a profile with the store account whose subject is the handle."""
    links = AccountLinks(client, TABLE, new_id=lambda: link.shopper_id)
    links.shopper_of(StoreAccount(ISSUER, link.handle), now_ms=link.consented_at_ms)
    links.link(link, email_address=email_address, now_ms=link.consented_at_ms)
    return links
