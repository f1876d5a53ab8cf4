"""What holds data survives a mistake: of an operator, of a deployment, of the code."""

import pytest

from tests.template.loading import resources_of, target, template

TABLES = sorted(resources_of("AWS::DynamoDB::Table"))
KEPT = [*TABLES, *resources_of("AWS::SecretsManager::Secret"), *resources_of("AWS::KMS::Key")]
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
}


@pytest.mark.parametrize("name", KEPT)
def test_it_is_kept_when_the_stack_is_deleted(name: str) -> None:
    resource = template()["Resources"][name]
    assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize("name", TABLES)
def test_it_can_be_restored_to_a_point_in_time(name: str) -> None:
    recovery = template()["Resources"][name]["Properties"]["PointInTimeRecoverySpecification"]
    assert recovery["PointInTimeRecoveryEnabled"] is True


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
