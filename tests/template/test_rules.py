"""The rules of cfn-lint that hold the design: each catches what it is for, and lets the rest be."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from cfnlint.rules import CloudFormationLintRule  # type: ignore[import-untyped]
from cfnlint.template import Template  # type: ignore[import-untyped]

from lint.rules import design
from tests.template.loading import Json, documentation

RETAINED = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
CHOICE = {"Fn::If": ["IsChosen", True, False]}
GOOD: Json = {
    "Queue": {
        "Type": "AWS::SQS::Queue",
        "Properties": {
            "SqsManagedSseEnabled": {"Fn::If": ["HasKey", False, True]},
            "KmsMasterKeyId": {"Fn::If": ["HasKey", {"Ref": "Key"}, {"Ref": "AWS::NoValue"}]},
            "VisibilityTimeout": 180,
            "RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": ["DeadLetters", "Arn"]}, "maxReceiveCount": 5},
        },
    },
    "DeadLetters": {
        "Type": "AWS::SQS::Queue",
        "Properties": {"SqsManagedSseEnabled": True, "MessageRetentionPeriod": 1209600},
    },
    "Mapping": {
        "Type": "AWS::Lambda::EventSourceMapping",
        "Properties": {
            "EventSourceArn": {"Fn::GetAtt": "Queue.Arn"},
            "FunctionName": {"Ref": "Function"},
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "ScalingConfig": {"MaximumConcurrency": 20},
        },
    },
    "Function": {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Description": "Works",
            "Timeout": 30,
            "MemorySize": 512,
            "Architectures": ["arm64"],
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
            "LoggingConfig": {"LogGroup": {"Ref": "LogGroup"}, "LogFormat": "JSON"},
        },
    },
    "Role": {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "Policies": [
                {
                    "PolicyDocument": {
                        "Statement": [
                            {"Action": ["sqs:SendMessage"], "Resource": {"Fn::GetAtt": ["Queue", "Arn"]}},
                            {
                                "Fn::If": [
                                    "HasKey",
                                    {"Action": "kms:Decrypt", "Resource": "arn"},
                                    {"Ref": "AWS::NoValue"},
                                ]
                            },
                        ]
                    }
                }
            ]
        },
    },
    "LogGroup": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 30}},
    "AgeAlarm": {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmDescription": "Messages wait",
            "AlarmActions": [{"Ref": "Topic"}],
            "TreatMissingData": "notBreaching",
            "MetricName": "ApproximateAgeOfOldestMessage",
            "Dimensions": [{"Name": "QueueName", "Value": {"Fn::GetAtt": ["Queue", "QueueName"]}}],
        },
    },
    "DepthAlarm": {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmDescription": "Messages failed",
            "AlarmActions": [{"Ref": "Topic"}],
            "TreatMissingData": "notBreaching",
            "MetricName": "ApproximateNumberOfMessagesVisible",
            "Dimensions": [{"Name": "QueueName", "Value": {"Fn::GetAtt": ["DeadLetters", "QueueName"]}}],
        },
    },
    "Table": {
        "Type": "AWS::DynamoDB::Table",
        **RETAINED,
        "Properties": {
            "DeletionProtectionEnabled": CHOICE,
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": CHOICE},
        },
    },
    "Secret": {"Type": "AWS::SecretsManager::Secret", **RETAINED},
    "Key": {"Type": "AWS::KMS::Key", **RETAINED, "Properties": {}},
}
_CLASSES: list[Any] = [rule for rule in vars(design).values() if isinstance(rule, type)]
RULES: dict[str, Any] = {
    rule.id: rule
    for rule in _CLASSES
    if issubclass(rule, CloudFormationLintRule) and rule is not CloudFormationLintRule
}


def findings(rule: str, resources: Json) -> list[str]:
    """The resources that a rule finds fault with, in the order of the template."""
    source = {"Resources": resources, "Conditions": {}}
    return [match.path[1] for match in RULES[rule]().match(Template("template.yaml", source, ["us-east-1"]))]


def put(value: Any, *path: str) -> Callable[[Json], None]:
    """Sets a property of a resource."""

    def change(resources: Json) -> None:
        holder = resources[path[0]].setdefault("Properties", {})
        for key in path[1:-1]:
            holder = holder[key]
        holder[path[-1]] = value

    return change


def drop(*path: str) -> Callable[[Json], None]:
    """Removes a resource, or a property of one."""

    def change(resources: Json) -> None:
        if len(path) == 1:
            del resources[path[0]]
        else:
            del resources[path[0]]["Properties"][path[1]]

    return change


def keep_not(name: str, policy: str) -> Callable[[Json], None]:
    def change(resources: Json) -> None:
        del resources[name][policy]

    return change


def allow(statement: Json) -> Callable[[Json], None]:
    """Adds a statement to the role's policy."""

    def change(resources: Json) -> None:
        resources["Role"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"].append(statement)

    return change


def share(*parts: str) -> Callable[[Json], None]:
    """A second function that has the first one's role, or its log group."""

    def change(resources: Json) -> None:
        other = copy.deepcopy(resources["Function"])
        resources["OtherRole"] = copy.deepcopy(resources["Role"])
        resources["OtherLogGroup"] = copy.deepcopy(resources["LogGroup"])
        if "Role" not in parts:
            other["Properties"]["Role"] = {"Fn::GetAtt": ["OtherRole", "Arn"]}
        if "LogGroup" not in parts:
            other["Properties"]["LoggingConfig"]["LogGroup"] = {"Ref": "OtherLogGroup"}
        resources["Other"] = other

    return change


BAD = [
    ("E9101", put(4, "Queue", "RedrivePolicy", "maxReceiveCount"), ["Queue"]),
    ("E9101", put(345600, "DeadLetters", "MessageRetentionPeriod"), ["DeadLetters"]),
    ("E9101", drop("Queue", "RedrivePolicy"), ["Queue", "DeadLetters"]),
    ("E9102", put(179, "Queue", "VisibilityTimeout"), ["Queue"]),
    ("E9102", put(31, "Function", "Timeout"), ["Queue"]),
    ("E9102", drop("Queue", "VisibilityTimeout"), ["Queue"]),
    ("E9103", put(False, "DeadLetters", "SqsManagedSseEnabled"), ["DeadLetters"]),
    ("E9103", drop("Queue", "KmsMasterKeyId"), ["Queue"]),
    ("E9103", put(True, "Queue", "SqsManagedSseEnabled"), ["Queue"]),
    ("E9104", drop("Mapping", "FunctionResponseTypes"), ["Mapping"]),
    ("E9104", put({}, "Mapping", "ScalingConfig"), ["Mapping"]),
    ("E9104", put(5, "Function", "ReservedConcurrentExecutions"), ["Function"]),
    ("E9105", drop("AgeAlarm"), ["Queue"]),
    ("E9105", drop("DepthAlarm"), ["DeadLetters"]),
    ("E9105", put("NumberOfMessagesSent", "AgeAlarm", "MetricName"), ["Queue"]),
    ("E9201", share("Role"), ["Function", "Other"]),
    ("E9201", put("arn:aws:iam::123456789012:role/admin", "Function", "Role"), ["Function"]),
    ("E9202", put(["arn:aws:iam::aws:policy/AdministratorAccess"], "Role", "ManagedPolicyArns"), ["Role"]),
    ("E9202", allow({"Action": "sqs:*", "Resource": "arn"}), ["Role"]),
    ("E9202", allow({"Action": ["sqs:SendMessage"], "Resource": ["arn", "*"]}), ["Role"]),
    ("E9202", allow({"Fn::If": ["HasKey", {"Ref": "AWS::NoValue"}, {"Action": "*", "Resource": "arn"}]}), ["Role"]),
    ("E9202", allow({"NotAction": "iam:PassRole", "Resource": "arn"}), ["Role"]),
    ("E9301", share("LogGroup"), ["Function", "Other"]),
    ("E9301", drop("Function", "LoggingConfig"), ["Function", "Function"]),
    ("E9301", put("Text", "Function", "LoggingConfig", "LogFormat"), ["Function"]),
    ("E9301", put("/aws/lambda/x", "Function", "LoggingConfig", "LogGroup"), ["Function"]),
    ("E9302", drop("LogGroup", "RetentionInDays"), ["LogGroup"]),
    *[
        ("E9401", drop("Function", name), ["Function"])
        for name in ("Timeout", "MemorySize", "Architectures", "Description")
    ],
    *[
        ("E9501", drop("AgeAlarm", name), ["AgeAlarm"])
        for name in ("AlarmDescription", "AlarmActions", "TreatMissingData")
    ],
    ("E9501", put([], "AgeAlarm", "AlarmActions"), ["AgeAlarm"]),
    *[("E9601", keep_not(name, "DeletionPolicy"), [name]) for name in ("Table", "Secret", "Key")],
    ("E9601", keep_not("Table", "UpdateReplacePolicy"), ["Table"]),
    ("E9602", drop("Table", "DeletionProtectionEnabled"), ["Table"]),
    ("E9602", put({"Fn::If": ["IsChosen", False, False]}, "Table", "DeletionProtectionEnabled"), ["Table"]),
    ("E9603", drop("Table", "PointInTimeRecoverySpecification"), ["Table"]),
    ("E9603", put({"PointInTimeRecoveryEnabled": False}, "Table", "PointInTimeRecoverySpecification"), ["Table"]),
]


@pytest.mark.parametrize("rule", RULES)
def test_it_lets_a_good_template_be(rule: str) -> None:
    assert findings(rule, GOOD) == []


@pytest.mark.parametrize(("rule", "change", "found"), BAD)
def test_it_catches_what_it_is_for(rule: str, change: Callable[[Json], None], found: list[str]) -> None:
    resources = copy.deepcopy(GOOD)
    change(resources)
    assert findings(rule, resources) == found


def test_two_functions_with_roles_and_log_groups_of_their_own_are_fine() -> None:
    resources = copy.deepcopy(GOOD)
    share()(resources)
    assert [name for rule in RULES for name in findings(rule, resources)] == []


def test_each_rule_is_shown_to_catch_something() -> None:
    assert {rule for rule, _, _ in BAD} == set(RULES)


@pytest.mark.parametrize("rule", RULES)
def test_it_is_documented(rule: str) -> None:
    assert f"`{rule}`" in documentation()


@pytest.mark.parametrize("rule", RULES)
def test_a_finding_says_what_is_wrong_and_where(rule: str) -> None:
    for wanted, change, _ in BAD:
        if wanted == rule:
            resources = copy.deepcopy(GOOD)
            change(resources)
            source = {"Resources": resources, "Conditions": {}}
            for match in RULES[rule]().match(Template("template.yaml", source, ["us-east-1"])):
                assert match.path[0] == "Resources"
                assert match.message.startswith(f"{match.path[1]}: ")
