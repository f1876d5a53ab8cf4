"""`make alarms` and `make queues`: what rings, and what waits where."""

from typing import Any

import boto3
import pytest

from local.operations.dead_letters import QUEUES
from tests.fakes.aws import REGION
from tests.fakes.deployed import Deployed, refused

# ---------------------------------------------------------------- Alarms


def alarm(operate: Deployed, name: str, state: str, reason: str = "Threshold Crossed", **more: Any) -> None:
    client = boto3.client("cloudwatch", region_name=REGION)
    client.put_metric_alarm(
        AlarmName=name,
        AlarmDescription=f"It is in trouble. Runbook: docs/runbook.md#{name.split('-')[-2].lower()}",
        Namespace="AWS/Lambda",
        MetricName="Errors",
        Statistic="Sum",
        Period=300,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
        **more,
    )
    client.set_alarm_state(AlarmName=name, StateValue=state, StateReason=reason)


def test_what_rings_is_told_with_its_entry(operate: Deployed) -> None:
    alarm(operate, f"{operate.name}-CartPageErrorsAlarm-1A2B", "ALARM")
    alarm(operate, f"{operate.name}-CartPageThrottlesAlarm-1A2B", "OK")
    alarm(operate, "another-stack-CartPageErrorsAlarm-1A2B", "ALARM")
    status, said = operate("alarms")
    assert status == 0
    assert "! CartPageErrorsAlarm: rings since 20" in said
    assert "UTC: Threshold Crossed\n    → docs/runbook.md#cartpageerrorsalarm" in said
    assert "Alarms: 1 of 2 ring" in said


def test_an_alarm_without_an_entry_leads_to_the_runbook(operate: Deployed) -> None:
    name = f"{operate.name}-Own-1A2B"
    alarm(operate, name, "ALARM")
    boto3.client("cloudwatch", region_name=REGION).put_metric_alarm(
        AlarmName=name,
        Namespace="N",
        MetricName="M",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="LessThanThreshold",
    )
    boto3.client("cloudwatch", region_name=REGION).set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="r")
    assert "→ docs/runbook.md\n" in operate("alarms")[1]


@pytest.mark.parametrize(
    ("tells", "reason", "rings"),
    [(True, "no datapoints", 1), (True, "Unchecked: Initial alarm creation", 0), (False, "no datapoints", 0)],
)
def test_an_alarm_that_tells_of_missing_data_rings_by_it(
    operate: Deployed, tells: bool, reason: str, rings: int
) -> None:
    actions = {"InsufficientDataActions": ["arn:aws:sns:us-east-1:123456789012:t"]} if tells else {}
    alarm(operate, f"{operate.name}-WebhookSilentAlarm-1A2B", "INSUFFICIENT_DATA", reason, **actions)
    assert f"{rings} of 1 ring" in operate("alarms")[1]


def test_alarms_that_cannot_be_read(operate: Deployed) -> None:
    operate.fail("cloudwatch", "get_paginator", refused("AccessDeniedException"))
    status, said = operate("alarms")
    assert (status, "deploy/operator-policy.json" in said) == (1, True)


# ---------------------------------------------------------------- Queues


def test_queues_that_are_worked_off(operate: Deployed) -> None:
    status, said = operate("queues")
    assert status == 0
    for name in QUEUES:
        assert f"✓ {name}: 0 wait, 0 in work or coming again, 0 delayed; 0 dead letters" in said


def test_what_waits_and_what_was_given_up(operate: Deployed) -> None:
    sqs, urls = operate.aws.sqs, operate.aws.queue_urls
    for number in range(3):
        sqs.send_message(QueueUrl=urls["OutcomesQueue"], MessageBody=f"{number}")
    sqs.receive_message(QueueUrl=urls["OutcomesQueue"], MaxNumberOfMessages=1, VisibilityTimeout=60)
    sqs.send_message(QueueUrl=urls["PostsDeadLetterQueue"], MessageBody="{}")
    _, said = operate("queues")
    assert "✓ outcomes: 2 wait, 1 in work or coming again, 0 delayed; 0 dead letters" in said
    assert (
        "! posts: 0 wait, 0 in work or coming again, 0 delayed; 1 dead letters\n    → make redrive QUEUE=posts" in said
    )


def test_a_queue_that_nobody_reads(operate: Deployed) -> None:
    operate.mappings.enabled["CartRequestsQueue"] = False
    operate.mappings.missing.add("EmailFeedbackQueue")
    _, said = operate("queues")
    assert "cart_insertion does not read it (Disabled)\n    → make resume-source SOURCE=cart-requests" in said
    assert "email_feedback does not read it (no mapping)\n    → Deploy the stack again." in said


def test_queues_that_cannot_be_read(operate: Deployed) -> None:
    operate.fail("sqs", "get_queue_attributes", refused("ThrottlingException"))
    status, said = operate("queues")
    assert (status, "AWS refuses (ThrottlingException)" in said) == (1, True)
