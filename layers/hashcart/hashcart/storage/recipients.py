"""Table AccountLinks, as e-mail sees it: the address in the shopper's item, and whether it may be used.

Apart from `account_links`, because what sends e-mail needs nothing else of a shopper.
"""

from contextlib import suppress
from typing import TYPE_CHECKING

from hashcart.domain.recipients import COMPLAINED, Recipient
from hashcart.storage.table import ConditionFailedError, Table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class Recipients:
    """The e-mail addresses of shoppers. Nothing here brings back an item of somebody who has left."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._table = Table(client, table_name)

    def recipient(self, shopper_id: str) -> Recipient | None:
        """Where a shopper's e-mail goes, read consistently when one is to be sent. None if the shopper has left."""
        item = self._table.get(_key(shopper_id), consistent=True)
        if item is None:
            return None
        return Recipient(
            shopper_id=shopper_id,
            address=item.get("email_address"),
            paused=item.get("email_paused"),
            day=item.get("email_day", 0),
            sent=item.get("email_sent", 0),
        )

    def count_email(self, recipient: Recipient, *, day: int) -> None:
        """Count an e-mail about a problem on a day. The count is a brake, so a lost race costs nothing."""
        with suppress(ConditionFailedError):
            self._table.update(
                _key(recipient.shopper_id),
                "SET email_day = :day, email_sent = :sent",
                condition="attribute_exists(email_address)",
                values={":day": day, ":sent": recipient.sent_on(day) + 1},
            )

    def pause_email(self, shopper_id: str, *, reason: str, address: str | None = None) -> bool:
        """Send no more e-mail to a shopper, whose address still has to be `address` where one is given.

        A complaint is never made less of. False if there is nobody to pause, or the address is another one by now.
        """
        values = {":reason": reason, ":complained": COMPLAINED} | ({":address": address} if address else {})
        is_theirs = "email_address = :address" if address else "attribute_exists(email_address)"
        try:
            self._table.update(
                _key(shopper_id),
                "SET email_paused = :reason",
                condition=f"{is_theirs} AND (attribute_not_exists(email_paused) OR email_paused <> :complained)",
                values=values,
            )
        except ConditionFailedError as error:
            return error.item.get("email_paused") == COMPLAINED
        return True


def _key(shopper_id: str) -> dict[str, str]:
    return {"id": f"shopper#{shopper_id}"}
