"""The resources that a deployment with given parameters has, as CloudFormation would make them of the template.

`python -m tests.template.deploying` prints the deployment with every option on, for checkers that decide no conditions.
"""

import json
import logging
import os
import sys
from collections.abc import Mapping
from typing import Any

from tests.template.loading import Json, target, template, transformed

REQUIRED = {"BotUserId": "900", "BotUsername": "shopbot"}
EVERYTHING = {
    **REQUIRED,
    "AlarmEmail": "ops@shop.example.com",
    "EmailSender": "cart@shop.example.com",
    "DomainName": "cart.shop.example.com",
    "CertificateArn": "arn:aws:acm:eu-west-1:123456789012:certificate/0b6d4d3c-2f6f-4c57-9a5c-4c6f5a3f3a11",
    "HostedZoneId": "Z1D633PJN98FT9",
    "DefaultEndpoint": "off",
    "GradualDeployment": "Canary10Percent10Minutes",
    "SnapStart": "true",
    "CustomerKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/1f3b1d4e-6c1b-4a55-9b1c-0f3a1f0e7d11",
}
"""A deployment that uses each option."""

_NO_VALUE = {"Ref": "AWS::NoValue"}


def parameter_values(chosen: Mapping[str, str]) -> dict[str, str]:
    """The defaults of the template's parameters, under what was chosen."""
    defaults = {name: str(entry["Default"]) for name, entry in template()["Parameters"].items() if "Default" in entry}
    return {**defaults, **chosen}


def deployed(chosen: Mapping[str, str], package_of: Json | None = None) -> Json:
    """The transformed template for some parameters, with every condition decided."""
    values = parameter_values(chosen)
    source = transformed(package_of, values)
    conditions = source["Conditions"]
    decided = {name: _holds(condition, conditions, values) for name, condition in conditions.items()}
    result: Json = {}
    for section in ("Resources", "Outputs"):
        result[section] = {
            name: _decide({key: part for key, part in entry.items() if key != "Condition"}, decided)
            for name, entry in source[section].items()
            if "Condition" not in entry or decided[entry["Condition"]]
        }
    return {**source, **result}


def _holds(condition: Json, conditions: Json, values: Mapping[str, str]) -> bool:
    [(function, arguments)] = condition.items()
    if function == "Condition":
        return _holds(conditions[arguments], conditions, values)
    if function == "Fn::Equals":
        left, right = (values[str(target(part))] if isinstance(part, dict) else str(part) for part in arguments)
        return left == right
    parts = [_holds(part, conditions, values) for part in arguments]
    return {"Fn::Not": lambda: not parts[0], "Fn::And": lambda: all(parts), "Fn::Or": lambda: any(parts)}[function]()


def _decide(value: Any, decided: Mapping[str, bool]) -> Any:
    """A part of a template without `Fn::If`, and without what is then `AWS::NoValue`."""
    if isinstance(value, list):
        return [entry for entry in (_decide(part, decided) for part in value) if entry != _NO_VALUE]
    if not isinstance(value, dict):
        return value
    if "Fn::If" in value:
        name, yes, no = value["Fn::If"]
        return _decide(yes if decided[name] else no, decided)
    parts = {key: _decide(part, decided) for key, part in value.items()}
    return {key: part for key, part in parts.items() if part != _NO_VALUE}


def for_checkers(chosen: Mapping[str, str]) -> Json:
    """A deployment as a template by itself, whose parameters' defaults are what was chosen."""
    source = deployed(chosen)
    parameters = {name: {**source["Parameters"][name], "Default": chosen[name]} for name in chosen}
    return {
        "AWSTemplateFormatVersion": source["AWSTemplateFormatVersion"],
        "Parameters": {**source["Parameters"], **parameters},
        "Resources": source["Resources"],
        "Outputs": source["Outputs"],
    }


if __name__ == "__main__":
    logging.disable(logging.WARNING)  # SAM's about its own feature flags
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    json.dump(for_checkers(EVERYTHING), sys.stdout, indent=1)
