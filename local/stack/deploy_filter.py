"""The built template as the emulator of AWS takes it.

MiniStack 1.5 refuses CodeDeploy resources and alarms over metric math, and its SQS poller stops at a
`MaximumConcurrency` that comes from a parameter (it compares a number with text): these are left out. It enforces roles
but asks for SQS's batch calls under names of their own, which AWS does not know: there the single call's permission
covers the batch (Amazon SQS developer guide, "Amazon SQS API permissions"). It asks for `ses:SendEmail` without saying
which identity or sender: there the permission is one for all. Everything else is deployed as it is.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

Template = dict[str, Any]

_WITH_BATCH_CALL = ("sqs:SendMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility")


def adapted_to_the_emulator(template: Template) -> Template:
    """A copy of a SAM template that MiniStack deploys."""
    filtered = copy.deepcopy(template)
    resources: dict[str, Any] = filtered["Resources"]
    refused = {name for name, resource in resources.items() if _is_refused(resource)}
    filtered["Resources"] = {name: resource for name, resource in resources.items() if name not in refused}
    for resource in filtered["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            _relax_function(resource["Properties"])
        if resource["Type"] == "AWS::IAM::Role":
            for statement in _statements(resource["Properties"]):
                _name_batch_calls(statement)
                _widen_sending(statement)
    return filtered


def _is_refused(resource: dict[str, Any]) -> bool:
    if resource["Type"].startswith("AWS::CodeDeploy::"):
        return True
    return resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in resource["Properties"]


def _relax_function(properties: dict[str, Any]) -> None:
    properties.pop("DeploymentPreference", None)
    for event in properties.get("Events", {}).values():
        if event["Type"] == "SQS":
            event["Properties"].pop("ScalingConfig", None)


def _statements(role: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The statements of a role's policies, also those that a condition admits."""
    for policy in role.get("Policies", []):
        for statement in policy["PolicyDocument"]["Statement"]:
            yield statement["Fn::If"][1] if "Fn::If" in statement else statement


def _name_batch_calls(statement: dict[str, Any]) -> None:
    statement["Action"] += [f"{action}Batch" for action in statement["Action"] if action in _WITH_BATCH_CALL]


def _widen_sending(statement: dict[str, Any]) -> None:
    if statement["Action"] == ["ses:SendEmail"]:
        statement["Resource"] = "*"
        statement.pop("Condition", None)
