"""What holds data survives a mistake: of an operator, of a deployment, of the code."""

import pytest

from tests.template.deploying import REQUIRED, deployed
from tests.template.loading import resources_of, target, template

TABLES = sorted(resources_of("AWS::DynamoDB::Table"))
CACHES = {"PostProductsTable", "ProductsTable"}
KEYS = {
    "AccountLinksTable": ["id"],
    "CartsTable": ["shopper_id", "line_id"],
    "ActivityTable": ["shopper_id", "order_key"],
    "PostProductsTable": ["post_id"],
    "ProductsTable": ["product"],
    "PendingTable": ["shard", "due"],
    "BotTokensTable": ["name"],
    "SessionsTable": ["id"],
    "CheckpointsTable": ["name"],
    "DeparturesTable": ["shopper_id"],
}


@pytest.mark.parametrize("choice", ["true", "false"])
def test_what_cannot_be_fetched_anew_can_be_restored_to_a_point_in_time(choice: str) -> None:
    tables = resources_of("AWS::DynamoDB::Table", deployed({**REQUIRED, "PointInTimeRecovery": choice}))
    recovery = {name: table["Properties"].get("PointInTimeRecoverySpecification") for name, table in tables.items()}
    expected = {"PointInTimeRecoveryEnabled": choice == "true"}
    assert recovery == {name: None if name in CACHES else expected for name in TABLES}


@pytest.mark.parametrize("choice", ["true", "false"])
def test_tables_are_protected_from_deletion_until_the_operator_says_otherwise(choice: str) -> None:
    tables = resources_of("AWS::DynamoDB::Table", deployed({**REQUIRED, "DeletionProtection": choice}))
    protected = [table["Properties"]["DeletionProtectionEnabled"] for table in tables.values()]
    assert set(protected) == {choice == "true"}


def test_tables_are_protected_and_can_be_restored_by_default() -> None:
    parameters = template()["Parameters"]
    assert {parameters[name]["Default"] for name in ("DeletionProtection", "PointInTimeRecovery")} == {"true"}


@pytest.mark.parametrize("name", TABLES)
def test_items_expire(name: str) -> None:
    expiry = template()["Resources"][name]["Properties"]["TimeToLiveSpecification"]
    assert expiry == {"AttributeName": "expires_at", "Enabled": True}


@pytest.mark.parametrize("name", TABLES)
def test_it_is_paid_by_the_request(name: str) -> None:
    assert template()["Resources"][name]["Properties"]["BillingMode"] == "PAY_PER_REQUEST"


@pytest.mark.parametrize("name", TABLES)
def test_its_key_is_the_designs(name: str) -> None:
    schema = template()["Resources"][name]["Properties"]["KeySchema"]
    assert [part["AttributeName"] for part in schema] == KEYS[name]


def test_the_bots_tokens_are_encrypted_with_a_key_of_their_own() -> None:
    encryption = template()["Resources"]["BotTokensTable"]["Properties"]["SSESpecification"]
    assert target(encryption["KMSMasterKeyId"]) == "BotTokensKey"
    assert template()["Resources"]["BotTokensKey"]["Properties"]["EnableKeyRotation"] is True
