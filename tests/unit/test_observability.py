"""Metrics as log lines: one a batch and set of dimensions, at a level that fits who watches them."""

import pytest

from hashcart.observability import MAX_VALUES, Tally, report_metric


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
