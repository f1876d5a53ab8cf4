"""One DynamoDB table with plain Python values; the modules beside this one know what the items mean."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

BATCH_GET_ATTEMPTS = 3
TRANSACTION_ATTEMPTS = 3
CONDITION_FAILED = "ConditionalCheckFailed"
MAX_BATCH_GET = 100

_SERIALIZER = TypeSerializer()
_DESERIALIZER = TypeDeserializer()


class ConditionFailedError(Exception):
    """A conditional write found that its condition does not hold; `item` is what is there, empty if nothing is."""

    def __init__(self, item: Mapping[str, Any]) -> None:
        super().__init__("the condition does not hold")
        self.item = item


class ThrottledError(Exception):
    """DynamoDB left keys of a batch unread."""


@dataclass(frozen=True, slots=True)
class Update:
    """A conditional change of one item."""

    key: Mapping[str, str]
    expression: str
    condition: str
    names: Mapping[str, str]
    values: Mapping[str, object]


class Table:
    """A table, by its name."""

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        self._client = client
        self.name = name

    def get(self, key: Mapping[str, str], *, consistent: bool) -> dict[str, Any] | None:
        """One item."""
        answer = self._client.get_item(TableName=self.name, Key=to_item(key), ConsistentRead=consistent)
        return from_item(answer["Item"]) if "Item" in answer else None

    def get_batch(self, keys: list[dict[str, str]]) -> list[dict[str, Any]]:
        """The items that exist, read eventually consistently. Raises ThrottledError if some stay unread."""
        items: list[dict[str, Any]] = []
        for start in range(0, len(keys), MAX_BATCH_GET):
            items += self._get_batch([to_item(key) for key in keys[start : start + MAX_BATCH_GET]])
        return items

    def put(self, item: Mapping[str, object]) -> None:
        """Write a whole item."""
        self._client.put_item(TableName=self.name, Item=to_item(item))

    def update(
        self,
        key: Mapping[str, str],
        expression: str,
        *,
        condition: str | None = None,
        names: Mapping[str, str] | None = None,
        values: Mapping[str, object] | None = None,
    ) -> dict[str, Any]:
        """Change an item and return all of it as it is then. Raises ConditionFailedError."""
        optional: dict[str, Any] = {
            "ConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": to_item(values) if values else None,
        }
        try:
            answer = self._client.update_item(
                TableName=self.name,
                Key=to_item(key),
                UpdateExpression=expression,
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **without_none(optional),
            )
        except ClientError as error:
            if error.response["Error"].get("Code") != "ConditionalCheckFailedException":
                raise
            item: Mapping[str, Any] = error.response.get("Item", {})  # type: ignore[assignment]  # not in the stubs
            raise ConditionFailedError(from_item(item)) from None
        return from_item(answer["Attributes"])

    def update_together(self, updates: Sequence[Update]) -> None:
        """Change several items, or none of them if any condition does not hold: then raises ConditionFailedError.

        Raises ThrottledError if other writes to the items stay in the way.
        """
        actions: list[Any] = [
            {
                "Update": {
                    "TableName": self.name,
                    "Key": to_item(update.key),
                    "UpdateExpression": update.expression,
                    "ConditionExpression": update.condition,
                    "ExpressionAttributeNames": update.names,
                    "ExpressionAttributeValues": to_item(update.values),
                }
            }
            for update in updates
        ]
        for _ in range(TRANSACTION_ATTEMPTS):
            try:
                self._client.transact_write_items(TransactItems=actions)
            except ClientError as error:
                if CONDITION_FAILED in _cancellations(error):
                    raise ConditionFailedError({}) from None
            else:
                return
        raise ThrottledError(self.name)

    def delete(self, key: Mapping[str, str]) -> None:
        """Remove an item."""
        self._client.delete_item(TableName=self.name, Key=to_item(key))

    def query(
        self,
        condition: str,
        values: Mapping[str, object],
        *,
        names: Mapping[str, str] | None = None,
        consistent: bool = False,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> Iterator[dict[str, Any]]:
        """The items of one hash key in the order of their range keys, `limit` at most."""
        optional: dict[str, Any] = without_none({"ExpressionAttributeNames": names})
        pages = self._client.get_paginator("query").paginate(
            TableName=self.name,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=to_item(values),
            ConsistentRead=consistent,
            ScanIndexForward=not newest_first,
            PaginationConfig={} if limit is None else {"MaxItems": limit},
            **optional,
        )
        return (from_item(item) for page in pages for item in page["Items"])

    def _get_batch(self, keys: list[dict[str, "AttributeValueTypeDef"]]) -> list[dict[str, Any]]:
        requested: dict[str, Any] = {self.name: {"Keys": keys}}
        items: list[dict[str, Any]] = []
        for _ in range(BATCH_GET_ATTEMPTS):
            answer = self._client.batch_get_item(RequestItems=requested)
            items += map(from_item, answer["Responses"].get(self.name, []))
            requested = answer["UnprocessedKeys"]
            if not requested:
                return items
        raise ThrottledError(self.name)


def _cancellations(error: ClientError) -> set[str]:
    """Why a transaction was cancelled, one code an item. Raises the error if it was not."""
    if error.response["Error"].get("Code") != "TransactionCanceledException":
        raise error
    reasons: list[dict[str, str]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]  # not in the stubs
    return {reason.get("Code", "") for reason in reasons}


def to_item(plain: Mapping[str, object]) -> dict[str, "AttributeValueTypeDef"]:
    """A whole item as attribute values, without its None values."""
    return {name: _SERIALIZER.serialize(value) for name, value in plain.items() if value is not None}


def from_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """A whole item as plain values; numbers are int, as HashCart stores no others."""
    return {name: _plain(_DESERIALIZER.deserialize(value)) for name, value in item.items()}


def without_none(plain: Mapping[str, Any]) -> dict[str, Any]:
    """A map without the entries that say nothing."""
    return {name: value for name, value in plain.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value)
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value
