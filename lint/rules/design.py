"""What the design asks of queues, functions, roles, log groups, alarms and tables, as rules of cfn-lint.

They see the template as SAM has transformed it, and hold in each scenario of its conditions. `docs/design.md` has the
reasons; decision 15 those of the queues. A resource that is rightly different says so in its own metadata, with a
comment: `Metadata: {cfn-lint: {config: {ignore_checks: [E9501]}}}`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from cfnlint.rules import CloudFormationLintRule, RuleMatch  # type: ignore[import-untyped]

FIVE_RECEIVES = 5
TIME_OUTS_OF_VISIBILITY = 6
TWO_WEEKS = 14 * 24 * 3600
DEAD_LETTER_METRIC = "ApproximateNumberOfMessagesVisible"
AGE_METRIC = "ApproximateAgeOfOldestMessage"

type Resources = dict[str, dict[str, Any]]


def scenarios(value: Any) -> Iterator[Any]:
    """A part of a template for each way in which the conditions that it names may turn out, without `Fn::If`."""
    names = sorted(set(_conditions(value)))
    for outcome in itertools.product((True, False), repeat=len(names)):
        yield _decided(value, dict(zip(names, outcome, strict=True)))


def _conditions(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for entry in value:
            yield from _conditions(entry)
    elif isinstance(value, dict):
        if "Fn::If" in value:
            yield str(value["Fn::If"][0])
        for entry in value.values():
            yield from _conditions(entry)


def _decided(value: Any, outcome: dict[str, bool]) -> Any:
    if isinstance(value, list):
        return [entry for entry in (_decided(part, outcome) for part in value) if not _is_no_value(entry)]
    if not isinstance(value, dict):
        return value
    if "Fn::If" in value:
        name, yes, no = value["Fn::If"]
        return _decided(yes if outcome[str(name)] else no, outcome)
    parts = {key: _decided(part, outcome) for key, part in value.items()}
    return {key: part for key, part in parts.items() if not _is_no_value(part)}


def _is_no_value(value: Any) -> bool:
    return bool(value == {"Ref": "AWS::NoValue"})


def target(value: Any) -> str | None:
    """The logical id that a `Ref` or `Fn::GetAtt` names."""
    if not isinstance(value, dict):
        return None
    if "Ref" in value:
        return str(value["Ref"])
    attribute = value.get("Fn::GetAtt")
    if attribute is None:
        return None
    return str(attribute.split(".")[0] if isinstance(attribute, str) else attribute[0])


def properties(resource: dict[str, Any]) -> dict[str, Any]:
    """A resource's properties, none being an empty mapping."""
    found: dict[str, Any] = resource.get("Properties") or {}
    return found


def as_list(value: Any) -> list[Any]:
    """IAM takes one entry in place of a list."""
    return value if isinstance(value, list) else [value]


def dead_letter_queues(cfn: Any) -> set[str]:
    """The queues to which others send what fails."""
    queues: Resources = cfn.get_resources("AWS::SQS::Queue")
    redrives = [properties(queue).get("RedrivePolicy") or {} for queue in queues.values()]
    return {name for name in (target(redrive.get("deadLetterTargetArn")) for redrive in redrives) if name}


def queue_mappings(cfn: Any) -> Iterator[tuple[str, dict[str, Any], str | None, str | None]]:
    """Event source mappings of queues: their id, properties, and the logical ids of queue and function."""
    mappings: Resources = cfn.get_resources("AWS::Lambda::EventSourceMapping")
    queues: Resources = cfn.get_resources("AWS::SQS::Queue")
    for name, mapping in mappings.items():
        found = properties(mapping)
        queue = target(found.get("EventSourceArn"))
        if queue in queues:
            yield name, found, queue, target(found.get("FunctionName"))


def functions(cfn: Any) -> Resources:
    """The template's functions."""
    found: Resources = cfn.get_resources("AWS::Lambda::Function")
    return found


def without_one_of_their_own(cfn: Any, kind: str, reference: Callable[[dict[str, Any]], Any]) -> list[str]:
    """The functions whose `reference` leads to no resource of this kind in the template, or to one that others have."""
    users: dict[str | None, list[str]] = {}
    for name, function in functions(cfn).items():
        users.setdefault(target(reference(properties(function))), []).append(name)
    existing = cfn.get_resources(kind)
    return [name for used, names in users.items() for name in names if used not in existing or len(names) > 1]


def match(resource: str, message: str, *path: str) -> RuleMatch:
    """What a rule has to say about a resource."""
    return RuleMatch(["Resources", resource, *path], f"{resource}: {message}")


class QueueKeepsDeadLetters(CloudFormationLintRule):  # type: ignore[misc]
    """What fails five times is kept for two weeks."""

    id = "E9101"
    shortdesc = "A queue gives up after five receives, and its dead letters are kept for 14 days"
    description = "Decision 15. Fewer receives lose messages to a short outage; after more, nobody looks for them."
    tags = ("resources", "sqs")

    def match(self, cfn: Any) -> list[RuleMatch]:
        matches = []
        dead_letters = dead_letter_queues(cfn)
        for name, queue in cfn.get_resources("AWS::SQS::Queue").items():
            found = properties(queue)
            if name in dead_letters:
                if found.get("MessageRetentionPeriod") != TWO_WEEKS:
                    matches.append(match(name, f"a dead-letter queue keeps messages for {TWO_WEEKS} seconds"))
            elif (found.get("RedrivePolicy") or {}).get("maxReceiveCount") != FIVE_RECEIVES:
                matches.append(match(name, "a queue has a RedrivePolicy with a maxReceiveCount of 5"))
        return matches


class QueueOutlastsItsFunction(CloudFormationLintRule):  # type: ignore[misc]
    """A message stays hidden six times as long as its function may run."""

    id = "E9102"
    shortdesc = "A queue's visibility time-out is at least six times its function's time-out"
    description = "AWS Lambda's guide: otherwise a throttled batch comes back while it is being worked on."
    tags = ("resources", "sqs", "lambda")

    def match(self, cfn: Any) -> list[RuleMatch]:
        matches = []
        queues = cfn.get_resources("AWS::SQS::Queue")
        for _, _, queue, function in queue_mappings(cfn):
            visibility = properties(queues[queue]).get("VisibilityTimeout", 30)
            time_out = properties(functions(cfn).get(function or "", {})).get("Timeout", 3)
            if visibility < TIME_OUTS_OF_VISIBILITY * time_out:
                matches.append(
                    match(str(queue), f"{visibility} s are less than six times the {time_out} s of {function}")
                )
        return matches


class QueueIsEncrypted(CloudFormationLintRule):  # type: ignore[misc]
    """Messages are encrypted at rest, whatever the conditions."""

    id = "E9103"
    shortdesc = "A queue is encrypted, by SQS's own key or another"
    description = "Posts are in queues on their way (decision 7). Exactly one of the two kinds of encryption may be on."
    tags = ("resources", "sqs")

    def match(self, cfn: Any) -> list[RuleMatch]:
        return [
            match(name, "either SqsManagedSseEnabled or a KmsMasterKeyId, in each scenario")
            for name, queue in cfn.get_resources("AWS::SQS::Queue").items()
            if any(
                (found.get("SqsManagedSseEnabled") is True) == ("KmsMasterKeyId" in found)
                for found in scenarios(properties(queue))
            )
        ]


class QueueIsReadInParts(CloudFormationLintRule):  # type: ignore[misc]
    """One bad message fails alone, and the queue limits how many functions read it."""

    id = "E9104"
    shortdesc = "A queue's mapping reports failed items and limits concurrency, and its function reserves none"
    description = (
        "Decision 15. Reserved concurrency throttles the poller, which then moves good messages to the dead letters."
    )
    tags = ("resources", "sqs", "lambda")

    def match(self, cfn: Any) -> list[RuleMatch]:
        matches = []
        for name, mapping, _, function in queue_mappings(cfn):
            if "ReportBatchItemFailures" not in (mapping.get("FunctionResponseTypes") or []):
                matches.append(match(name, "FunctionResponseTypes has no ReportBatchItemFailures"))
            if "MaximumConcurrency" not in (mapping.get("ScalingConfig") or {}):
                matches.append(match(name, "ScalingConfig has no MaximumConcurrency"))
            if "ReservedConcurrentExecutions" in properties(functions(cfn).get(function or "", {})):
                matches.append(match(str(function), "a function that reads a queue reserves no concurrency"))
        return matches


class QueueIsWatched(CloudFormationLintRule):  # type: ignore[misc]
    """An alarm rings for each queue that is not read, and for each dead letter."""

    id = "E9105"
    shortdesc = "A queue has an alarm on the age of its oldest message, dead letters one on their number"
    description = "Decision 15."
    tags = ("resources", "sqs", "cloudwatch")

    def match(self, cfn: Any) -> list[RuleMatch]:
        watched = {
            (target(dimension["Value"]), found.get("MetricName"))
            for found in map(properties, cfn.get_resources("AWS::CloudWatch::Alarm").values())
            for dimension in found.get("Dimensions") or []
        }
        dead_letters = dead_letter_queues(cfn)
        wanted = {
            name: DEAD_LETTER_METRIC if name in dead_letters else AGE_METRIC
            for name in cfn.get_resources("AWS::SQS::Queue")
        }
        return [
            match(name, f"no alarm watches its {metric}")
            for name, metric in wanted.items()
            if (name, metric) not in watched
        ]


class FunctionHasARoleOfItsOwn(CloudFormationLintRule):  # type: ignore[misc]
    """What one function may do no other may by accident."""

    id = "E9201"
    shortdesc = "Each function has a role of the template to itself"
    description = "A shared role grants each function what the others need."
    tags = ("resources", "iam", "lambda")

    def match(self, cfn: Any) -> list[RuleMatch]:
        return [
            match(name, "a function has a role of its own, which is a resource of the template")
            for name in without_one_of_their_own(cfn, "AWS::IAM::Role", lambda function: function.get("Role"))
        ]


class RoleIsNarrow(CloudFormationLintRule):  # type: ignore[misc]
    """A role names what it may do and to what."""

    id = "E9202"
    shortdesc = "A role has no managed policy, and no wildcard for an action or for all resources"
    description = "Everything that HashCart calls has an ARN, so that there is nothing for which `*` would be needed."
    tags = ("resources", "iam")

    def match(self, cfn: Any) -> list[RuleMatch]:
        return [
            match(name, reason)
            for name, role in cfn.get_resources("AWS::IAM::Role").items()
            for reason in dict.fromkeys(_too_wide(properties(role)))
        ]


def _too_wide(role: dict[str, Any]) -> Iterator[str]:
    if role.get("ManagedPolicyArns"):
        yield "a managed policy may more than is needed, and changes by itself"
    for found in scenarios(role.get("Policies") or []):
        for statement in (entry for policy in found for entry in as_list(policy["PolicyDocument"]["Statement"])):
            if any("*" in str(action) for action in as_list(statement.get("Action", "*"))):
                yield "an action is a wildcard"
            if "*" in as_list(statement.get("Resource", "*")):
                yield "the resource is every resource"


class FunctionLogsToAGroupOfItsOwn(CloudFormationLintRule):  # type: ignore[misc]
    """A log group that the template makes first; Lambda would make one that never forgets."""

    id = "E9301"
    shortdesc = "Each function logs JSON to a log group of the template that no other function has"
    description = "The reference also makes CloudFormation create the group before the function."
    tags = ("resources", "logs", "lambda")

    def match(self, cfn: Any) -> list[RuleMatch]:
        of_other_forms = [
            match(name, "LoggingConfig has no LogFormat of JSON")
            for name, function in functions(cfn).items()
            if _logging(properties(function)).get("LogFormat") != "JSON"
        ]
        return of_other_forms + [
            match(name, "LoggingConfig refers to no log group of its own")
            for name in without_one_of_their_own(
                cfn, "AWS::Logs::LogGroup", lambda function: _logging(function).get("LogGroup")
            )
        ]


def _logging(function: dict[str, Any]) -> dict[str, Any]:
    return function.get("LoggingConfig") or {}


class LogsExpire(CloudFormationLintRule):  # type: ignore[misc]
    """Logs are not kept for ever."""

    id = "E9302"
    shortdesc = "Each log group has a retention"
    description = "Without one CloudWatch Logs keeps, and bills, every line for ever."
    tags = ("resources", "logs")

    def match(self, cfn: Any) -> list[RuleMatch]:
        return [
            match(name, "RetentionInDays is missing")
            for name, group in cfn.get_resources("AWS::Logs::LogGroup").items()
            if "RetentionInDays" not in properties(group)
        ]


class FunctionIsSpecified(CloudFormationLintRule):  # type: ignore[misc]
    """What Lambda's defaults would choose is chosen here."""

    id = "E9401"
    shortdesc = "Each function says its time-out, memory, processor and what it is for"
    description = "Lambda's defaults are three seconds, 128 MB and x86_64: too short, slow and dear."
    tags = ("resources", "lambda")

    def match(self, cfn: Any) -> list[RuleMatch]:
        return [
            match(name, f"{wanted} is missing")
            for name, function in functions(cfn).items()
            for wanted in ("Timeout", "MemorySize", "Architectures", "Description")
            if wanted not in properties(function)
        ]


class AlarmTellsSomebody(CloudFormationLintRule):  # type: ignore[misc]
    """An alarm says what it means, tells somebody, and knows what silence means."""

    id = "E9501"
    shortdesc = "Each alarm has a description, an action and a treatment of missing data"
    description = "Without TreatMissingData an alarm on a rare metric ends in INSUFFICIENT_DATA."
    tags = ("resources", "cloudwatch")

    def match(self, cfn: Any) -> list[RuleMatch]:
        return [
            match(name, f"{wanted} is missing")
            for name, alarm in cfn.get_resources("AWS::CloudWatch::Alarm").items()
            for wanted in ("AlarmDescription", "AlarmActions", "TreatMissingData")
            if not properties(alarm).get(wanted)
        ]


class DataIsKept(CloudFormationLintRule):  # type: ignore[misc]
    """Neither deleting the stack nor a change that replaces a resource deletes data."""

    id = "E9601"
    shortdesc = "Tables, secrets and keys are retained"
    description = "A stack is deleted by one command."
    tags = ("resources", "dynamodb", "secretsmanager", "kms")

    def match(self, cfn: Any) -> list[RuleMatch]:
        kinds = ("AWS::DynamoDB::Table", "AWS::SecretsManager::Secret", "AWS::KMS::Key")
        return [
            match(name, f"{policy} is not Retain")
            for name, resource in cfn.get_resources(list(kinds)).items()
            for policy in ("DeletionPolicy", "UpdateReplacePolicy")
            if resource.get(policy) != "Retain"
        ]


class TableIsProtected(CloudFormationLintRule):  # type: ignore[misc]
    """A table can be protected from deletion."""

    id = "E9602"
    shortdesc = "A table has deletion protection, if the operator does not turn it off"
    description = "It costs nothing."
    tags = ("resources", "dynamodb")

    def match(self, cfn: Any) -> list[RuleMatch]:
        return [
            match(name, "DeletionProtectionEnabled is true in no scenario")
            for name, table in cfn.get_resources("AWS::DynamoDB::Table").items()
            if not any(found.get("DeletionProtectionEnabled") is True for found in scenarios(properties(table)))
        ]


class TableCanBeRestored(CloudFormationLintRule):  # type: ignore[misc]
    """A table can be restored to any second of the last 35 days."""

    id = "E9603"
    shortdesc = "A table has point-in-time recovery, if the operator does not turn it off"
    description = "A cache, which is fetched anew, may do without and says so."
    tags = ("resources", "dynamodb")

    def match(self, cfn: Any) -> list[RuleMatch]:
        return [
            match(name, "PointInTimeRecoveryEnabled is true in no scenario")
            for name, table in cfn.get_resources("AWS::DynamoDB::Table").items()
            if not any(_recovers(found) for found in scenarios(properties(table)))
        ]


def _recovers(table: dict[str, Any]) -> bool:
    return (table.get("PointInTimeRecoverySpecification") or {}).get("PointInTimeRecoveryEnabled") is True
