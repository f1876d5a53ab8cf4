"""Table AccountLinks: which X profile belongs to which store account."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from hashcart.domain.account_links import AccountLink, EmailChoice, LinkState
from hashcart.storage.table import ConditionFailedError, Table, to_item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class AccountLinks:
    """Account links, stored under the profile (`x#222`) and under the shopper (`shopper#…`)."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._client = client
        self._table = Table(client, table_name)

    def of_profile(self, x_user_id: str) -> AccountLink | None:
        """The link of an X profile, read eventually consistently: the one read of a plain add."""
        item = self._table.get({"id": _profile_key(x_user_id)}, consistent=False)
        return None if item is None else _link_from_item(item)

    def link(self, account_link: AccountLink) -> None:
        """Tie the profile to the shopper in one transaction over both items."""
        shopper = {
            "id": f"shopper#{account_link.shopper_id}",
            "profile": _profile_key(account_link.x_user_id),
        }
        items = ({"id": _profile_key(account_link.x_user_id)} | asdict(account_link), shopper)
        self._client.transact_write_items(
            TransactItems=[{"Put": {"TableName": self._table.name, "Item": to_item(item)}} for item in items]
        )

    def pause(self, x_user_id: str, *, reason: str, at_ms: int) -> bool:
        """Pause a link that was made before `at_ms`. False if there is none to pause."""
        try:
            self._table.update(
                {"id": _profile_key(x_user_id)},
                "SET #state = :paused, state_reason = :reason",
                condition="#state = :active AND consented_at_ms < :at",
                names={"#state": "state"},
                values={
                    ":paused": LinkState.PAUSED.value,
                    ":active": LinkState.ACTIVE.value,
                    ":reason": reason,
                    ":at": at_ms,
                },
            )
        except ConditionFailedError:
            return False
        return True


def _profile_key(x_user_id: str) -> str:
    return f"x#{x_user_id}"


def _link_from_item(item: Mapping[str, Any]) -> AccountLink:
    fields = {name: value for name, value in item.items() if name != "id"}
    return AccountLink(
        **(
            fields
            | {
                "state": LinkState(item["state"]),
                "email": EmailChoice(item.get("email", EmailChoice.NOTHING)),
                "sensitive_categories": tuple(item.get("sensitive_categories", ())),
            }
        )
    )
