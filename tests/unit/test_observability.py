"""Metrics as log lines: one a batch and set of dimensions, at a level that fits who watches them."""

import io
import json
import re

import pytest

from hashcart.observability import MAX_VALUES, LogLines, Tally, logger, report, report_metric
from tests.fakes.handlers import Context


def metrics(caplog: pytest.LogCaptureFixture) -> list[tuple[str, list[str], dict[str, object]]]:
    """Level, dimensions and values of each line logged."""
    found = []
    for record in caplog.records:
        fields = vars(record)
        [directive] = fields["_aws"]["CloudWatchMetrics"]
        [dimensions] = directive["Dimensions"]
        values = {metric["Name"]: fields[metric["Name"]] for metric in directive["Metrics"]}
        found.append((record.levelname, [fields[name] for name in dimensions], values))
    return found


def test_what_an_alarm_watches_is_logged_at_once_and_at_every_level(caplog: pytest.LogCaptureFixture) -> None:
    report_metric("sweep", "Lost", 3)
    assert metrics(caplog) == [("ERROR", ["sweep"], {"Lost": 3})]


def test_a_batch_is_a_line_for_each_set_of_dimensions(caplog: pytest.LogCaptureFixture) -> None:
    tally = Tally()
    for number in range(3):
        tally.count("Replies")
        tally.count("Outcomes", Outcome="ADDED", Reason="none")
        tally.measure("Milliseconds", number)
    tally.count("Outcomes", Outcome="NO_PRODUCT", Reason="no_link")
    tally.alarm("Stale")
    tally.alarm("Stale")
    tally.log()
    assert metrics(caplog) == [
        ("INFO", ["function"], {"Replies": 3, "Milliseconds": [0, 1, 2]}),
        ("INFO", ["ADDED", "none"], {"Outcomes": 3}),
        ("INFO", ["NO_PRODUCT", "no_link"], {"Outcomes": 1}),
        ("ERROR", ["function"], {"Stale": 2}),
    ]


def test_what_was_logged_is_not_logged_again_and_nothing_is_no_line(caplog: pytest.LogCaptureFixture) -> None:
    tally = Tally()
    tally.count("Replies")
    tally.log()
    tally.log()
    Tally().log()
    assert len(caplog.records) == 1


def test_a_line_has_no_more_values_than_cloudwatch_reads(caplog: pytest.LogCaptureFixture) -> None:
    tally = Tally()
    for number in range(MAX_VALUES + 1):
        tally.measure("Milliseconds", number)
    tally.log()
    assert metrics(caplog) == [("INFO", ["function"], {"Milliseconds": list(range(MAX_VALUES))})]


def test_a_line_leaves_out_what_its_log_group_says(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", written)

    @logger.inject_lambda_context
    def handler(_event: object, _context: object) -> None:
        report("77", "parsed")

    handler({}, Context())
    line = json.loads(written.getvalue())
    assert line["post_id"] == "77"
    assert {"function_request_id", "cold_start", "level", "service"} <= line.keys()
    assert not line.keys() & {*LogLines.REPEATED, "location"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)", line["timestamp"])
