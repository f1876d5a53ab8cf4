"""Each alarm watches a metric that AWS publishes, of a resource of the template."""

import pytest

from tests.template.loading import resources_of, target, template

# Metrics and their dimension, from the services' pages about CloudWatch metrics.
PUBLISHED = {
    "AWS/SQS": ("QueueName", {"ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"}),
    "AWS/Lambda": ("FunctionName", {"Errors", "Throttles", "Duration", "Invocations"}),
    "AWS/ApiGateway": ("ApiId", {"5xx", "4xx", "Count", "Latency", "IntegrationLatency"}),
}
TYPE_OF_DIMENSION = {
    "QueueName": "AWS::SQS::Queue",
    "FunctionName": "AWS::Serverless::Function",
    "ApiId": "AWS::Serverless::HttpApi",
}
ALARMS = sorted(resources_of("AWS::CloudWatch::Alarm"))


@pytest.mark.parametrize("name", ALARMS)
def test_its_metric_exists(name: str) -> None:
    alarm = template()["Resources"][name]["Properties"]
    dimension, metrics = PUBLISHED[alarm["Namespace"]]
    assert alarm["MetricName"] in metrics
    assert [entry["Name"] for entry in alarm["Dimensions"]] == [dimension]


@pytest.mark.parametrize("name", ALARMS)
def test_its_dimension_is_a_resource_of_the_template(name: str) -> None:
    [dimension] = template()["Resources"][name]["Properties"]["Dimensions"]
    resource = template()["Resources"][str(target(dimension["Value"]))]
    assert resource["Type"] == TYPE_OF_DIMENSION[dimension["Name"]]


@pytest.mark.parametrize("name", ALARMS)
def test_it_tells_somebody_what_to_do(name: str) -> None:
    alarm = template()["Resources"][name]["Properties"]
    assert alarm["AlarmDescription"]
    condition, topics, _ = alarm["AlarmActions"]["Fn::If"]
    assert condition == "HasAlarmEmail"
    assert [target(topic) for topic in topics] == ["AlarmTopic"]


@pytest.mark.parametrize("name", ALARMS)
def test_silence_is_no_alarm(name: str) -> None:
    assert template()["Resources"][name]["Properties"]["TreatMissingData"] == "notBreaching"
