"""Each alarm watches a metric that somebody publishes. `test_alarms_ring.py` shows that it is moved."""

import pytest

from tests.fakes.watched import AWS_METRICS
from tests.template.loading import resources_of, target, template
from tests.template.test_functions import handler_file, imported_files

TYPE_OF_DIMENSION = {
    "QueueName": "AWS::SQS::Queue",
    "FunctionName": "AWS::Serverless::Function",
    "ApiId": "AWS::Serverless::HttpApi",
}
OWN_NAMESPACE = {"Fn::Sub": "HashCart/${AWS::StackName}"}
ALARMS = resources_of("AWS::CloudWatch::Alarm")
OF_AWS = sorted(name for name, alarm in ALARMS.items() if alarm["Properties"]["Namespace"] != OWN_NAMESPACE)
FILTERS = {
    transformation["MetricName"]: resource["Properties"]
    for resource in resources_of("AWS::Logs::MetricFilter").values()
    for transformation in resource["Properties"]["MetricTransformations"]
}
OF_LOGS = sorted(name for name, alarm in ALARMS.items() if alarm["Properties"]["MetricName"] in FILTERS)
OF_METRIC_LINES = sorted(set(ALARMS) - set(OF_AWS) - set(OF_LOGS))
SILENT = "WebhookSilentAlarm"


@pytest.mark.parametrize("name", OF_AWS)
def test_its_metric_exists(name: str) -> None:
    alarm = ALARMS[name]["Properties"]
    dimension, metrics = AWS_METRICS[alarm["Namespace"]]
    assert alarm["MetricName"] in metrics
    assert [entry["Name"] for entry in alarm["Dimensions"]] == [dimension]


@pytest.mark.parametrize("name", OF_AWS)
def test_its_dimension_is_a_resource_of_the_template(name: str) -> None:
    [dimension] = ALARMS[name]["Properties"]["Dimensions"]
    resource = template()["Resources"][str(target(dimension["Value"]))]
    assert resource["Type"] == TYPE_OF_DIMENSION[dimension["Name"]]


@pytest.mark.parametrize("name", OF_LOGS)
def test_its_metric_is_counted_from_a_log_of_the_stack(name: str) -> None:
    alarm = ALARMS[name]["Properties"]
    found = FILTERS[alarm["MetricName"]]
    [transformation] = found["MetricTransformations"]
    assert (transformation["MetricNamespace"], transformation["MetricValue"]) == (OWN_NAMESPACE, "1")
    assert "Dimensions" not in alarm
    assert "Dimensions" not in transformation
    assert template()["Resources"][str(target(found["LogGroupName"]))]["Type"] == "AWS::Logs::LogGroup"


@pytest.mark.parametrize("name", OF_METRIC_LINES)
def test_its_metric_is_one_that_its_function_reports(name: str) -> None:
    alarm = ALARMS[name]["Properties"]
    [dimension] = alarm["Dimensions"]
    assert dimension["Name"] == "FunctionName"
    files = imported_files(handler_file(str(target(dimension["Value"]))))
    assert any(f'"{alarm["MetricName"]}"' in file.read_text() for file in files)


@pytest.mark.parametrize("name", sorted(ALARMS))
def test_it_tells_somebody_what_to_do(name: str) -> None:
    alarm = template()["Resources"][name]["Properties"]
    assert alarm["AlarmDescription"]
    condition, topics, _ = alarm["AlarmActions"]["Fn::If"]
    assert condition == "HasAlarmEmail"
    assert [target(topic) for topic in topics] == ["AlarmTopic"]


@pytest.mark.parametrize("name", sorted(ALARMS))
def test_silence_is_told_only_where_it_is_the_trouble(name: str) -> None:
    alarm = ALARMS[name]["Properties"]
    assert alarm["TreatMissingData"] == ("missing" if name == SILENT else "notBreaching")
    assert ("InsufficientDataActions" in alarm) is (name == SILENT)
