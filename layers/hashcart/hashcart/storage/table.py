"""One DynamoDB table with plain Python values; the modules beside this one know what the items mean."""

import time
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
CONDITION_FAILED = "ConditionalCheckFailed"
MAX_BATCH_GET = 100
BATCH_DELETE_ATTEMPTS = 5
MAX_BATCH_DELETE = 25
TRANSACTION_ATTEMPTS = 3
CONFLICT_SECONDS = 0.05

_SERIALIZER = TypeSerializer()
_DESERIALIZER = TypeDeserializer()


class ConditionFailedError(Exception):
    """A conditional write found that its condition does not hold; `item` is what is there, empty if nothing is."""

    def __init__(self, item: Mapping[str, Any]) -> None:
        super().__init__("the condition does not hold")
        self.item = item


class TransactionRefusedError(Exception):
    """A transaction had no effect, as a condition of it does not hold.

    `failed` holds one entry a write: what is there where its condition failed (empty if nothing is), else None.
    """

    def __init__(self, failed: Sequence[Mapping[str, Any] | None]) -> None:
        super().__init__("a condition of the transaction does not hold")
        self.failed = failed


class ThrottledError(Exception):
    """DynamoDB left a part of a batch undone, or others hold what a transaction is about."""


@dataclass(frozen=True, slots=True)
class Write:
    """One write of a transaction: `Put` with an `item`, or `Update` (with an `expression`), `Delete`, `ConditionCheck`.

    The last three are about a `key`. It may be in another `table` than the transaction's own.
    """

    action: str
    item: Mapping[str, object] | None = None
    key: Mapping[str, str] | None = None
    expression: str | None = None
    condition: str | None = None
    names: Mapping[str, str] | None = None
    values: Mapping[str, object] | None = None
    table: str | None = None

    def to_request(self, table_name: str) -> dict[str, dict[str, Any]]:
        """What DynamoDB's TransactWriteItems takes."""
        request: dict[str, Any] = {
            "TableName": self.table or table_name,
            "Item": to_item(self.item) if self.item else None,
            "Key": to_item(self.key) if self.key else None,
            "UpdateExpression": self.expression,
            "ConditionExpression": self.condition,
            "ExpressionAttributeNames": self.names,
            "ExpressionAttributeValues": to_item(self.values) if self.values else None,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        return {self.action: without_none(request)}


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

    def delete(self, key: Mapping[str, str]) -> None:
        """Remove an item."""
        self._client.delete_item(TableName=self.name, Key=to_item(key))

    def delete_batch(self, keys: Sequence[Mapping[str, str]]) -> None:
        """Remove items; those that are not there are no error. Raises ThrottledError if some may be left."""
        for start in range(0, len(keys), MAX_BATCH_DELETE):
            self._delete_batch([to_item(key) for key in keys[start : start + MAX_BATCH_DELETE]])

    def transact(self, *writes: Write) -> None:
        """Do all the writes or none. Raises TransactionRefusedError, and ThrottledError while others are at it."""
        for attempt in range(TRANSACTION_ATTEMPTS):
            time.sleep(CONFLICT_SECONDS * attempt)
            try:
                self._client.transact_write_items(
                    TransactItems=[write.to_request(self.name) for write in writes]  # type: ignore[misc]
                )
            except ClientError as error:
                if error.response["Error"].get("Code") != "TransactionCanceledException":
                    raise
                reasons: list[dict[str, Any]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]
            else:
                return
            if any(reason.get("Code") == CONDITION_FAILED for reason in reasons):
                raise TransactionRefusedError([_found(reason) for reason in reasons])
        raise ThrottledError(self.name)

    def query(
        self,
        condition: str,
        values: Mapping[str, object],
        *,
        names: Mapping[str, str] | None = None,
        consistent: bool = False,
        limit: int | None = None,
        page_size: int | None = None,
        newest_first: bool = False,
        index: str | None = None,
    ) -> Iterator[dict[str, Any]]:
        """The items of one hash key, of the table or an `index`, in the order of their range keys, `limit` at most.

        They are read as they are asked for, `page_size` in one call.
        """
        optional: dict[str, Any] = without_none({"ExpressionAttributeNames": names, "IndexName": index})
        pages = self._client.get_paginator("query").paginate(
            TableName=self.name,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=to_item(values),
            ConsistentRead=consistent,
            ScanIndexForward=not newest_first,
            PaginationConfig=without_none({"MaxItems": limit, "PageSize": page_size}),  # type: ignore[arg-type]
            **optional,
        )
        return (from_item(item) for page in pages for item in page["Items"])

    def _delete_batch(self, keys: "list[dict[str, AttributeValueTypeDef]]") -> None:
        requested: dict[str, Any] = {self.name: [{"DeleteRequest": {"Key": key}} for key in keys]}
        for attempt in range(BATCH_DELETE_ATTEMPTS):
            time.sleep(CONFLICT_SECONDS * attempt)
            requested = self._client.batch_write_item(RequestItems=requested)["UnprocessedItems"]
            if not requested:
                return
        raise ThrottledError(self.name)

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


def to_item(plain: Mapping[str, object]) -> dict[str, "AttributeValueTypeDef"]:
    """A whole item as attribute values, without its None values."""
    return {name: _SERIALIZER.serialize(value) for name, value in plain.items() if value is not None}


def from_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """A whole item as plain values; numbers are int, as HashCart stores no others."""
    return {name: _plain(_DESERIALIZER.deserialize(value)) for name, value in item.items()}


def _found(reason: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return from_item(reason.get("Item", {})) if reason.get("Code") == CONDITION_FAILED else None


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
