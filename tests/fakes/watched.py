"""A deployment whose metrics are gathered: what its functions log, what its metric filters make of that, and what AWS
itself says of functions, queues and the API.
"""

import json
import logging
from collections.abc import Mapping
from typing import Any

import pytest
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from hashcart.observability import clock_ms, logger
from local.events import EVENTS, fresh_event
from tests.fakes.aws import Aws, load_template, resources_of_type
from tests.fakes.cloudwatch import Datum, embedded, matches
from tests.fakes.handlers import Bundle
from tests.fakes.internet import Internet

STACK = "tested"
FUNCTIONS = {
    properties["Handler"].split(".")[0]: logical_id
    for logical_id, properties in resources_of_type("AWS::Serverless::Function").items()
}
"""Logical ids by the name that the tests run a function under."""

FILTERS = resources_of_type("AWS::Logs::MetricFilter")
API_LOG_GROUP = "HttpApiLogGroup"

AWS_METRICS = {
    "AWS/Lambda": ("FunctionName", {"Invocations", "Errors", "Throttles", "Duration", "ConcurrentExecutions"}),
    "AWS/SQS": (
        "QueueName",
        {"ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage", "NumberOfMessagesSent"}
        | {"NumberOfMessagesReceived", "NumberOfMessagesDeleted", "NumberOfEmptyReceives"},
    ),
    "AWS/ApiGateway": ("ApiId", {"Count", "4xx", "5xx", "Latency", "IntegrationLatency", "DataProcessed"}),
    "AWS/Logs": ("LogGroupName", {"IncomingBytes", "IncomingLogEvents"}),
    "AWS/DynamoDB": (
        "TableName",
        {"ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits", "ReadThrottleEvents", "WriteThrottleEvents"},
    ),
}
"""What the services publish, and by which dimension alone: their pages "… CloudWatch metrics and dimensions"."""


def physical(value: Any) -> str:
    """What a `Ref`, `Fn::GetAtt` or `Fn::Sub` of the template comes to in the tests."""
    if isinstance(value, str):
        return value
    if "Fn::Sub" in value:
        text: str = value["Fn::Sub"]
        return text.replace("${AWS::StackName}", STACK)
    named: str = value["Ref"] if "Ref" in value else value["Fn::GetAtt"][0]
    return next((name for name, logical_id in FUNCTIONS.items() if logical_id == named), named)


def metric_of(alarm: Mapping[str, Any]) -> tuple[str, str, frozenset[tuple[str, str]]]:
    """Which metric an alarm watches: namespace, name, dimensions."""
    dimensions = ((entry["Name"], physical(entry["Value"])) for entry in alarm.get("Dimensions", []))
    return physical(alarm["Namespace"]), alarm["MetricName"], frozenset(dimensions)


def aws_datum(namespace: str, name: str, resource: str, value: float) -> Datum:
    """A value as AWS publishes it of a resource."""
    dimension, names = AWS_METRICS[namespace]
    assert name in names, f"{namespace} has no metric {name}"
    return Datum(namespace, name, frozenset({(dimension, resource)}), value)


class Watched:
    """All functions in one account, at `log_level`."""

    def __init__(self, aws: Aws, monkeypatch: pytest.MonkeyPatch, log_level: str = "ERROR", **overrides: str) -> None:
        self.aws = aws
        self.internet = Internet()
        self._monkeypatch = monkeypatch
        monkeypatch.setenv("METRICS_NAMESPACE", f"HashCart/{STACK}")
        self.bundle = Bundle(aws, self.internet, monkeypatch, **overrides)
        self.data: list[Datum] = []
        self.lines: list[dict[str, Any]] = []
        self._log_group = ""
        self._gatherer = _Gatherer(self, log_level)

    def __enter__(self) -> "Watched":
        logging.getLogger(logger.name).addHandler(self._gatherer)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger(logger.name).removeHandler(self._gatherer)

    def redeploy(self, **overrides: str) -> None:
        """Run the functions with other settings from now on."""
        self.bundle = Bundle(self.aws, self.internet, self._monkeypatch, **overrides)

    def event(self, name: str) -> dict[str, Any]:
        """A file of `events/`, made now."""
        return fresh_event(EVENTS / f"{name}.json", clock_ms())

    def run(self, function: str, event: dict[str, Any] | None = None) -> dict[str, Any] | None:
        """One invocation, of the function's good event if none is given; None if the function raises."""
        properties = resources_of_type("AWS::Serverless::Function")[FUNCTIONS[function]]
        self._log_group = properties["LoggingConfig"]["LogGroup"]["Ref"]
        answer = None
        try:
            answer = self.bundle.invoke(function, self.event(f"{function}__good") if event is None else event)
        except Exception:  # noqa: BLE001 - as Lambda counts it
            answer = None
        self.data.append(aws_datum("AWS/Lambda", "Invocations", function, 1))
        self.data.append(aws_datum("AWS/Lambda", "Errors", function, int(answer is None)))
        return answer

    def request(self, function: str, event: dict[str, Any]) -> int:
        """A request to the API; returns the status of its answer."""
        answer = self.run(function, event)
        status = 500 if answer is None else int(answer["statusCode"])
        self.data.append(aws_datum("AWS/ApiGateway", "Count", "HttpApi", 1))
        for kind in ("4xx", "5xx"):
            self.data.append(aws_datum("AWS/ApiGateway", kind, "HttpApi", int(str(status)[0] == kind[0])))
        self._log_group = API_LOG_GROUP
        self.take(json.loads(access_log_line({"routeKey": event["routeKey"], "status": str(status)})))
        return status

    def queues(self, *, oldest_seconds: int = 0) -> None:
        """What AWS says each minute of each queue, if its oldest message is that old."""
        for name, url in self.aws.queue_urls.items():
            attributes = self.aws.sqs.get_queue_attributes(
                QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"]
            )["Attributes"]
            waiting = int(attributes["ApproximateNumberOfMessages"])
            self.data.append(aws_datum("AWS/SQS", "ApproximateNumberOfMessagesVisible", name, waiting))
            age = oldest_seconds if waiting else 0
            self.data.append(aws_datum("AWS/SQS", "ApproximateAgeOfOldestMessage", name, age))

    def take(self, line: dict[str, Any]) -> None:
        """What CloudWatch makes of a line in the log group at hand."""
        self.lines.append(line)
        self.data += embedded(line)
        for properties in FILTERS.values():
            if properties["LogGroupName"]["Ref"] == self._log_group and matches(properties["FilterPattern"], line):
                self.data += [
                    Datum(
                        physical(made["MetricNamespace"]), made["MetricName"], frozenset(), float(made["MetricValue"])
                    )
                    for made in properties["MetricTransformations"]
                ]

    def values(self, metric: tuple[str, str, frozenset[tuple[str, str]]]) -> list[float]:
        """The values of a metric since this was asked for last; forgets those of the others too."""
        found = [datum.value for datum in self.data if (datum.namespace, datum.name, datum.dimensions) == metric]
        self.data.clear()
        return found


class _Gatherer(logging.Handler):
    """Takes the lines that Lambda would send to CloudWatch at a log level."""

    def __init__(self, watched: Watched, log_level: str) -> None:
        super().__init__(log_level)
        self._watched = watched
        self.setFormatter(LambdaPowertoolsFormatter(use_rfc3339=True))

    def emit(self, record: logging.LogRecord) -> None:
        self._watched.take(json.loads(self.format(record)))


def access_log_line(context: Mapping[str, str]) -> str:
    """The line that API Gateway writes in the template's format, with a dash for what `context` does not have."""
    line: str = load_template()["Resources"]["HttpApi"]["Properties"]["AccessLogSettings"]["Format"]
    for name in json.loads(line).values():
        line = line.replace(f'"{name}"', json.dumps(context.get(name.removeprefix("$context."), "-")))
    return line
