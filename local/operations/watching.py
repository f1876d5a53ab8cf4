"""`make alarms` and `make queues`: what rings, and what waits where."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from local.findings import Finding, Mark, good
from local.operations.dead_letters import QUEUES
from local.operations.pauses import PAUSABLE_QUEUES
from local.operations.stack import Stack, step, time_text

_ENTRY = re.compile(r"Runbook: (docs/runbook\.md#\w+)$")
_NEVER_EVALUATED = "Unchecked"
"""How CloudWatch's reason for the state of an alarm begins that it has not evaluated yet."""

_COUNTS = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed")
_SOURCES = {queue: source for source, queue in PAUSABLE_QUEUES.items()}


@dataclass(frozen=True)
class Alarms:
    """The alarms of a stack."""

    stack: Stack

    def __call__(self) -> Iterator[Finding]:
        """Those that ring now, the newest first, each with its entry in the runbook."""
        with step("Alarms"):
            paginator = self.stack.client("cloudwatch").get_paginator("describe_alarms")
            pages = paginator.paginate(AlarmNamePrefix=f"{self.stack.name}-", AlarmTypes=["MetricAlarm"])
            alarms = [alarm for page in pages for alarm in page["MetricAlarms"]]
        ringing = [alarm for alarm in alarms if _rings(alarm)]
        for alarm in sorted(ringing, key=lambda each: each["StateUpdatedTimestamp"], reverse=True):
            entry = _ENTRY.search(alarm.get("AlarmDescription", ""))
            since = time_text(int(alarm["StateUpdatedTimestamp"].timestamp() * 1000))
            name = alarm["AlarmName"].removeprefix(f"{self.stack.name}-").rpartition("-")[0]
            mend = entry[1] if entry else "docs/runbook.md"
            yield Finding(Mark.NOTE, name, f"rings since {since}: {alarm.get('StateReason', '')}", mend)
        yield good("Alarms", f"{len(ringing)} of {len(alarms)} ring")


def _rings(alarm: Mapping[str, Any]) -> bool:
    if alarm["StateValue"] == "INSUFFICIENT_DATA":
        tells = bool(alarm.get("InsufficientDataActions"))
        return tells and not alarm.get("StateReason", "").startswith(_NEVER_EVALUATED)
    return bool(alarm["StateValue"] == "ALARM")


@dataclass(frozen=True)
class Queues:
    """The queues of a stack."""

    stack: Stack

    def __call__(self) -> Iterator[Finding]:
        """How many messages wait in each, whether its function reads them, and how many have been given up."""
        for name, queue in QUEUES.items():
            with step(name):
                attributes = self._attributes(f"{queue.prefix}QueueUrl")
                dead = sum(_counts(self._attributes(f"{queue.prefix}DeadLetterQueueUrl")))
                states = self._states(attributes["QueueArn"])
            waiting, in_work, delayed = _counts(attributes)
            told = f"{waiting} wait, {in_work} in work or coming again, {delayed} delayed; {dead} dead letters"
            if states != ["Enabled"]:
                source = (
                    f"make resume-source SOURCE={_SOURCES[name]}" if name in _SOURCES else "Deploy the stack again."
                )
                told += f"; {queue.function} does not read it ({', '.join(states) or 'no mapping'})"
                yield Finding(Mark.NOTE, name, told, source)
            elif dead:
                yield Finding(Mark.NOTE, name, told, f"make redrive QUEUE={name}")
            else:
                yield good(name, told)

    def _attributes(self, output: str) -> Mapping[str, str]:
        url = self.stack.output(output)
        answer = self.stack.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn", *_COUNTS])
        attributes: Mapping[str, str] = answer["Attributes"]
        return attributes

    def _states(self, arn: str) -> list[str]:
        found = self.stack.client("lambda").list_event_source_mappings(EventSourceArn=arn)["EventSourceMappings"]
        return [mapping["State"] for mapping in found]


def _counts(attributes: Mapping[str, str]) -> list[int]:
    return [int(attributes[name]) for name in _COUNTS]
