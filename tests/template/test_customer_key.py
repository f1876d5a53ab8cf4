"""With a key of the customer's all that is stored is encrypted with it, and all that works on it may use it."""

import json
from typing import Any

import pytest

from tests.template.deploying import EVERYTHING, REQUIRED, deployed
from tests.template.loading import PROJECT_ROOT, Json, resources_of, target

KEY = {"Ref": "CustomerKeyArn"}
PROPERTY_OF_TYPE = {
    "AWS::SQS::Queue": "KmsMasterKeyId",
    "AWS::SNS::Topic": "KmsMasterKeyId",
    "AWS::Logs::LogGroup": "KmsKeyId",
    "AWS::SecretsManager::Secret": "KmsKeyId",
}
POLICY = json.loads((PROJECT_ROOT / "deploy/customer-key-policy.json").read_text())
# To read and write what is encrypted; DynamoDB's are those of its guide on customer managed keys.
TO_USE = {"kms:Decrypt", "kms:GenerateDataKey"}
OF_TABLES = TO_USE | {
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:Encrypt",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
    "kms:DescribeKey",
}
WITH_KEY = deployed(EVERYTHING)["Resources"]
WITHOUT_KEY = deployed(REQUIRED)["Resources"]


def of_type(kind: str, resources: Json) -> Json:
    return resources_of(kind, {"Resources": resources})


def encryption(table: Json) -> Any:
    return table["Properties"].get("SSESpecification", {}).get("KMSMasterKeyId")


@pytest.mark.parametrize("kind", PROPERTY_OF_TYPE)
def test_the_key_encrypts_each(kind: str) -> None:
    name = PROPERTY_OF_TYPE[kind]
    assert {json.dumps(entry["Properties"].get(name)) for entry in of_type(kind, WITH_KEY).values()} == {
        json.dumps(KEY)
    }
    assert [entry for entry in of_type(kind, WITHOUT_KEY).values() if name in entry["Properties"]] == []


@pytest.mark.parametrize(("resources", "is_managed"), [(WITH_KEY, False), (WITHOUT_KEY, True)])
def test_a_queue_is_encrypted_with_that_key_or_else_with_sqs_own(resources: Json, *, is_managed: bool) -> None:
    queues = of_type("AWS::SQS::Queue", resources).values()
    assert {queue["Properties"]["SqsManagedSseEnabled"] for queue in queues} == {is_managed}


def test_the_key_encrypts_each_table_but_the_bots_tokens_which_have_one() -> None:
    tables = of_type("AWS::DynamoDB::Table", WITH_KEY)
    assert target(encryption(tables.pop("BotTokensTable"))) == "BotTokensKey"
    assert all(encryption(table) == KEY for table in tables.values())
    others = of_type("AWS::DynamoDB::Table", WITHOUT_KEY)
    assert [name for name, table in others.items() if encryption(table)] == ["BotTokensTable"]


def statements_of(role: Json) -> list[Json]:
    return [entry for policy in role["Properties"]["Policies"] for entry in policy["PolicyDocument"]["Statement"]]


def functions_roles() -> Json:
    functions = of_type("AWS::Lambda::Function", WITH_KEY).values()
    names = {target(function["Properties"]["Role"]) for function in functions}
    return {name: role for name, role in of_type("AWS::IAM::Role", WITH_KEY).items() if name in names}


@pytest.mark.parametrize("name", functions_roles())
def test_a_function_may_use_the_key_through_the_services_that_it_calls_and_no_other(name: str) -> None:
    statements = statements_of(functions_roles()[name])
    [grant] = [statement for statement in statements if statement["Resource"] == KEY]
    called = {action.split(":")[0] for entry in statements for action in entry["Action"]}
    services = called & {"dynamodb", "secretsmanager", "sqs"}
    through = grant["Condition"]["StringEquals"]["kms:ViaService"]
    assert [entry["Fn::Sub"].split(".")[0] for entry in through] == sorted(services)
    assert set(grant["Action"]) == (OF_TABLES if "dynamodb" in services else TO_USE)


def test_without_a_key_no_role_names_one() -> None:
    assert json.dumps(KEY) not in json.dumps(WITHOUT_KEY)


def granted_by_key() -> dict[str, set[str]]:
    grants: dict[str, set[str]] = {}
    for statement in POLICY["Statement"]:
        services = statement["Principal"].get("Service", [])
        for service in [services] if isinstance(services, str) else services:
            grants[service] = set(statement["Action"])
    return grants


def test_the_keys_own_policy_lets_in_the_services_that_no_role_stands_for() -> None:
    """Logs; alarms and SES, which publish to topics; SNS, which sends on to a queue."""
    grants = granted_by_key()
    assert set(grants) == {
        "logs.REGION.amazonaws.com",
        "cloudwatch.amazonaws.com",
        "ses.amazonaws.com",
        "sns.amazonaws.com",
    }
    assert grants.pop("logs.REGION.amazonaws.com") == OF_TABLES
    assert all(actions == TO_USE for actions in grants.values())


def test_the_keys_own_policy_names_the_stacks_log_groups() -> None:
    groups = of_type("AWS::Logs::LogGroup", WITH_KEY).values()
    assert all(
        group["Properties"]["LogGroupName"]["Fn::Sub"].startswith("/hashcart/${AWS::StackName}/") for group in groups
    )
    [condition] = [
        statement["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]
        for statement in POLICY["Statement"]
        if statement["Principal"].get("Service") == "logs.REGION.amazonaws.com"
    ]
    assert condition.endswith(":log-group:/hashcart/STACK/*")
