"""How the queues hang together; cfn-lint's own rules (lint/rules) hold what decision 15 asks of each."""

import pytest

from tests.template.loading import Json, resources_of, target, template


def is_dead_letter(name: str) -> bool:
    return name.endswith("DeadLetterQueue")


QUEUES = sorted(resources_of("AWS::SQS::Queue"))
SOURCES = [name for name in QUEUES if not is_dead_letter(name)]
DEAD_LETTERS = [name for name in QUEUES if is_dead_letter(name)]


def consumers_of(queue: str) -> list[tuple[Json, Json]]:
    """Functions and their events that read a queue."""
    return [
        (function["Properties"], event["Properties"])
        for function in resources_of("AWS::Serverless::Function").values()
        for event in function["Properties"]["Events"].values()
        if event["Type"] == "SQS" and target(event["Properties"]["Queue"]) == queue
    ]


def test_there_are_queues() -> None:
    assert SOURCES == ["CartRequestsQueue", "EmailFeedbackQueue", "OutcomesQueue", "PostsQueue"]
    assert len(DEAD_LETTERS) == len(SOURCES)


@pytest.mark.parametrize("name", SOURCES)
def test_what_fails_goes_to_a_dead_letter_queue_of_its_own(name: str) -> None:
    redrive = template()["Resources"][name]["Properties"]["RedrivePolicy"]
    assert target(redrive["deadLetterTargetArn"]) == name.replace("Queue", "DeadLetterQueue")


@pytest.mark.parametrize("name", SOURCES)
def test_one_function_reads_it(name: str) -> None:
    assert len(consumers_of(name)) == 1


@pytest.mark.parametrize("name", SOURCES)
def test_the_operator_chooses_how_many_batches_are_at_work(name: str) -> None:
    [(_, event)] = consumers_of(name)
    assert target(event["ScalingConfig"]["MaximumConcurrency"]) == "WorkerConcurrency"


@pytest.mark.parametrize("name", SOURCES)
def test_the_operator_chooses_how_many_messages_come_at_once(name: str) -> None:
    [(_, event)] = consumers_of(name)
    assert target(event["BatchSize"]) == "BatchSize"


def test_only_the_feedback_topic_sends_to_the_feedback_queue_and_only_ses_to_the_topic() -> None:
    resources = template()["Resources"]
    assert [name for name, entry in resources.items() if entry["Type"] == "AWS::SQS::QueuePolicy"] == [
        "EmailFeedbackQueuePolicy"
    ]
    [to_queue] = resources["EmailFeedbackQueuePolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (to_queue["Principal"], to_queue["Action"]) == ({"Service": "sns.amazonaws.com"}, "sqs:SendMessage")
    assert target(to_queue["Condition"]["ArnEquals"]["aws:SourceArn"]) == "EmailFeedbackTopic"
    [to_topic] = resources["EmailFeedbackTopicPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (to_topic["Principal"], to_topic["Action"]) == ({"Service": "ses.amazonaws.com"}, "sns:Publish")
    assert set(to_topic["Condition"]["StringEquals"]) == {"AWS:SourceAccount", "AWS:SourceArn"}
    subscription = resources["EmailFeedbackSubscription"]["Properties"]
    assert subscription["RawMessageDelivery"] is True
    assert target(subscription["Endpoint"]) == "EmailFeedbackQueue"


def test_ses_publishes_bounces_and_complaints_of_our_e_mail() -> None:
    destination = template()["Resources"]["EmailFeedbackDestination"]["Properties"]
    assert target(destination["ConfigurationSetName"]) == "EmailConfigurationSet"
    assert destination["EventDestination"]["MatchingEventTypes"] == ["bounce", "complaint"]
    assert target(destination["EventDestination"]["SnsDestination"]["TopicARN"]) == "EmailFeedbackTopic"


def test_without_a_sender_nobody_pays_for_asking_about_feedback() -> None:
    [(_, event)] = consumers_of("EmailFeedbackQueue")
    assert event["Enabled"] == {"Fn::If": ["HasEmailSender", True, False]}
