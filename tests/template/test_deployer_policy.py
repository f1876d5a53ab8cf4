"""What the deployer may do is what the template's resources need, no more, and to this stack's resources alone."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from cfnlint.data import AdditionalSpecs  # type: ignore[import-untyped]
from cfnlint.helpers import load_resource  # type: ignore[import-untyped]
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]

from tests.template.deploying import EVERYTHING, deployed
from tests.template.loading import PROJECT_ROOT, Json, resources_of

FILES = sorted((PROJECT_ROOT / "deploy").glob("deployer-*-policy.json"))
STATEMENTS = [statement for path in FILES for statement in json.loads(path.read_text())["Statement"]]
RESOURCES = deployed(EVERYTHING)["Resources"]
TYPES = sorted({resource["Type"] for resource in RESOURCES.values()})
LARGEST_MANAGED_POLICY = 6144

# What CloudFormation's handlers call for properties that the template does not use.
NOT_USED = {
    "tables are not imported, replicated, streamed, read or shared": (
        r"dynamodb:(AssociateTableReplica|CreateTableReplica|DescribeImport|ImportTable|.*able\w*KinesisStreaming\w*"
        r"|UpdateKinesis\w*|BatchWriteItem|(Get|Put|Update|Delete)Item|Query|Scan|(Put|Delete)ResourcePolicy"
        r"|UpdateContributorInsights)|kinesis:.*|kms:ListAliases"
        r"|logs:(CreateLogStream|DescribeLogStreams|PutLogEvents)|s3:(GetObjectMetadata|ListBucket)"
    ),
    "functions have no network, file system, signature, capacity provider or concurrency of their own": (
        r"ec2:.*|elasticfilesystem:.*|s3files:.*|lambda:(\w*CodeSigningConfig|\w*CapacityProvider|PutFunctionConcurrency"
        r"|PutFunctionScalingConfig|(Put|Delete)ProvisionedConcurrencyConfig)"
    ),
    "logs are delivered nowhere else and have no indexes or protection of their own": (
        r"firehose:.*|s3:REST\.PUT\.OBJECT|logs:(PutBearerTokenAuthentication|PutLogGroupDeletionProtection"
        r"|(Put|Delete)DataProtectionPolicy|(Put|Delete)IndexPolicy|DeleteResourcePolicy)"
    ),
    "roles have neither managed policies nor boundaries": (
        r"iam:(AttachRolePolicy|DetachRolePolicy|\w*PermissionsBoundary)"
    ),
    "secrets are in one region, and nobody who deploys reads them": (
        r"secretsmanager:(GetSecretValue|ReplicateSecretToRegions|RemoveRegionsFromReplication)"
    ),
    "topics protect no data by policies": r"sns:PutDataProtectionPolicy",
    "e-mail is not archived, tracked, or sent by dedicated addresses": (
        r"ses:PutConfigurationSet(Archiving|Delivery|Tracking|Vdm)Options"
    ),
    "deployments are to Lambda": r"codedeploy:RegisterOnPremisesInstance",
}
# Read back by handlers although the template does not set it: without it they fail.
READ_ANYWAY = {"lambda:GetFunctionCodeSigningConfig"}

# What no handler names.
BESIDES = {
    "sam deploy makes, watches and applies a change set": {
        "cloudformation:CreateChangeSet",
        "cloudformation:DescribeChangeSet",
        "cloudformation:DescribeStackEvents",
        "cloudformation:DescribeStacks",
        "cloudformation:ExecuteChangeSet",
        "cloudformation:GetTemplateSummary",
    },
    "sam deploy uploads packages that are not there yet": {"s3:ListBucket", "s3:PutObject"},
    "an HTTP API that writes an access log sets up its delivery (API Gateway's guide)": {
        f"logs:{name}"
        for name in (
            "CreateLogDelivery",
            "DeleteLogDelivery",
            "GetLogDelivery",
            "ListLogDeliveries",
            "PutResourcePolicy",
            "UpdateLogDelivery",
        )
    },
    "records have no schema in CloudFormation's registry": {
        f"route53:{name}"
        for name in ("ChangeResourceRecordSets", "GetChange", "GetHostedZone", "ListResourceRecordSets")
    },
    "a secret under a customer key is encrypted for whoever makes it": {"kms:GenerateDataKey"},
    "the first domain name of an account makes API Gateway's own role": {"iam:CreateServiceLinkedRole"},
}
# Every action of IAM, and the kinds of resources that it can be limited to.
IAM_ACTIONS: Json = load_resource(AdditionalSpecs, "Policies.json")
# The API's handlers ask for these; IAM has POST and DELETE on /tags for the same.
OF_HANDLERS_ALONE = {"apigateway:TagResource", "apigateway:UntagResource"}
EVERY_RESOURCE = {
    "Mappings": "made without an ARN; the condition names the functions",
    "KeyOfTokensMade": "made without an ARN; the condition names the tag",
    "AccessLog": "log deliveries have no ARN",
    "WithoutArn": "IAM knows no resource for them",
}
NOT_NAMED_AFTER_THE_STACK = {
    "Artifacts": "one bucket of SAM's for all stacks",
    "Layers": "named by SAM after their logical ids",
    "MappingsRead": "random ids",
    "MappingsChanged": "random ids; the condition names the functions",
    "Secrets": "named by CloudFormation after their logical ids",
    "KeyOfTokensTagged": "random ids; the condition names the tag",
    "KeyOfTokens": "random ids; the condition names the tag",
    "KeyOfTheCustomer": "the customer's",
    "Api": "random ids",
    "DomainsOfApiGateway": "API Gateway's",
    "Records": "the zone's",
    "RecordsInSync": "random ids",
    "Settings": "random ids",
    "Email": "named by CloudFormation after their logical ids",
}
# By which properties CloudFormation would name a resource other than after the stack.
NAMES = {"FunctionName", "TableName", "QueueName", "TopicName", "AlarmName", "RoleName", "DeploymentGroupName"}


def granted() -> set[str]:
    return {action for statement in STATEMENTS for action in statement["Action"]}


def called(kind: str) -> set[str]:
    """What CloudFormation calls to make, read, change, tag and delete a resource of a type."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    handlers = {name: handler for name, handler in schema.get("handlers", {}).items() if name != "list"}
    actions = {action for handler in handlers.values() for action in handler["permissions"]}
    actions |= set((schema.get("tagging") or {}).get("permissions", []))
    return {re.sub("^s3:g", "s3:G", action) for action in actions}


def is_used(action: str) -> bool:
    return action in READ_ANYWAY or not any(re.fullmatch(pattern, action) for pattern in NOT_USED.values())


def resources_in(statement: Json) -> Iterator[str]:
    found: Any = statement["Resource"]
    yield from [found] if isinstance(found, str) else found


@pytest.mark.parametrize("kind", TYPES)
def test_each_type_of_resource_can_be_made_read_changed_tagged_and_deleted(kind: str) -> None:
    assert {action for action in called(kind) if is_used(action)} - granted() == set()


def test_nothing_may_be_done_that_no_resource_needs() -> None:
    needed = {action for kind in TYPES for action in called(kind) if is_used(action)}
    assert granted() - needed - set().union(*BESIDES.values()) == set()


@pytest.mark.parametrize("reason", BESIDES)
def test_what_is_needed_besides_is_granted(reason: str) -> None:
    assert BESIDES[reason] <= granted()


@pytest.mark.parametrize("reason", NOT_USED)
def test_what_is_left_out_would_be_called_otherwise(reason: str) -> None:
    everything = {action for kind in TYPES for action in called(kind)}
    assert [action for action in everything if re.fullmatch(NOT_USED[reason], action)]


def test_no_action_is_a_wildcard() -> None:
    assert [action for action in granted() if "*" in action] == []


def test_every_resource_stands_only_where_there_is_no_arn() -> None:
    assert {statement["Sid"] for statement in STATEMENTS if "*" in list(resources_in(statement))} == set(EVERY_RESOURCE)


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda entry: str(entry["Sid"]))
def test_an_action_is_limited_to_resources_exactly_where_iam_can_do_that(statement: Json) -> None:
    for action in set(statement["Action"]) - OF_HANDLERS_ALONE:
        service, name = action.split(":")
        known = IAM_ACTIONS[service]["Actions"][name.lower()]
        assert bool(known.get("Resources")) == (statement["Resource"] != "*"), action


def test_everything_else_is_named_after_the_stack_where_it_can_be() -> None:
    elsewhere = {
        statement["Sid"]
        for statement in STATEMENTS
        if not all(
            "STACK" in arn or "aws-sam-cli-managed-default" in arn or ":transform/" in arn or "CodeDeployDefault" in arn
            for arn in resources_in(statement)
        )
        or statement["Sid"] == "Artifacts"
    }
    assert elsewhere == set(EVERY_RESOURCE) | set(NOT_NAMED_AFTER_THE_STACK)


def test_the_template_leaves_naming_to_cloudformation() -> None:
    own = ("AWS::Lambda::Function", "AWS::IAM::Role", "AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::SNS::Topic")
    for kind in (*own, "AWS::CloudWatch::Alarm", "AWS::CodeDeploy::DeploymentGroup"):
        found = resources_of(kind, {"Resources": RESOURCES})
        assert [name for name, resource in found.items() if NAMES & set(resource.get("Properties", {}))] == []


def statement(sid: str) -> Json:
    [found] = [entry for entry in STATEMENTS if entry["Sid"] == sid]
    return dict(found)


def test_secrets_and_layers_are_named_by_their_logical_ids() -> None:
    secrets = [f"secret:{name}-*" for name in resources_of("AWS::SecretsManager::Secret", {"Resources": RESOURCES})]
    assert sorted(arn.split("ACCOUNT:")[1] for arn in resources_in(statement("Secrets"))) == sorted(secrets)
    layers = {
        resource["Properties"]["LayerName"] for resource in RESOURCES.values() if "LayerVersion" in resource["Type"]
    }
    assert {arn.split("layer:")[1].removesuffix(":*") for arn in resources_in(statement("Layers"))} == layers


def test_log_groups_are_named_after_the_stack() -> None:
    groups = resources_of("AWS::Logs::LogGroup", {"Resources": RESOURCES}).values()
    names = {group["Properties"]["LogGroupName"]["Fn::Sub"] for group in groups}
    assert all(name.startswith("/hashcart/${AWS::StackName}/") for name in names)


def test_roles_are_passed_to_the_services_that_the_template_gives_them_to_and_no_other() -> None:
    roles = resources_of("AWS::IAM::Role", {"Resources": RESOURCES}).values()
    services = {
        entry["Principal"]["Service"]
        for role in roles
        for entry in role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    }
    passing = [entry for entry in STATEMENTS if "iam:PassRole" in entry["Action"]]
    assert [entry["Action"] for entry in passing] == [["iam:PassRole"]]
    assert set(passing[0]["Condition"]["StringEquals"]["iam:PassedToService"]) == services


def test_the_key_of_the_bots_tokens_has_the_tag_that_the_policy_asks_for() -> None:
    assert RESOURCES["BotTokensKey"]["Properties"]["Tags"] == [{"Key": "hashcart", "Value": {"Ref": "AWS::StackName"}}]
    assert statement("KeyOfTokens")["Condition"] == {"StringEquals": {"aws:ResourceTag/hashcart": "STACK"}}
    for sid in ("KeyOfTokensMade", "KeyOfTokensTagged"):
        assert statement(sid)["Condition"] == {"StringEquals": {"aws:RequestTag/hashcart": "STACK"}}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.name))
def test_it_is_small_enough_for_a_managed_policy(path: Any) -> None:
    written = json.dumps(json.loads(path.read_text()), separators=(",", ":"))
    assert len(written) + 200 <= LARGEST_MANAGED_POLICY
