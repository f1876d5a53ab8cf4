"""The tests' own CloudWatch, held to the examples of the user guides."""

from typing import Any

import pytest

from tests.fakes.cloudwatch import ALARM, INSUFFICIENT_DATA, OK, Datum, embedded, matches, state

LINE = {"outcome": "a", "status": "503", "count": 3, "deep": {"er": "x"}, "none": None, "text": "a = b"}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ('{ $.outcome = "a" }', True),
        ('{ $.outcome = "b" }', False),
        ('{ $.outcome != "b" }', True),
        ("{ $.outcome = a }", True),
        ('{ $.missing = "a" }', False),
        ('{ $.missing != "a" }', False),
        ('{ $.none = "a" }', False),
        ('{ $.status = "5*" }', True),
        ('{ $.status = "4*" }', False),
        ('{ $.status = "*3" }', True),
        ('{ $.status = "503" }', True),
        ("{ $.status > 500 }", False),
        ("{ $.count = 3 }", True),
        ('{ $.count = "3" }', False),
        ("{ $.count >= 3 }", True),
        ("{ $.count < 3 }", False),
        ('{ $.deep.er = "x" }', True),
        ('{ $.deep = "x" }', False),
        ('{ $.text = "a = b" }', True),
        ('{ ($.outcome = "a") && ($.status = "4*") }', False),
        ('{ ($.outcome = "a") && ($.status = "5*") }', True),
        ('{ $.outcome = "b" || $.count = 3 }', True),
        ('{ ($.outcome = "b" || $.count = 3) && $.deep.er = "y" }', False),
    ],
)
def test_a_filter_pattern_takes_lines_as_the_guide_says(pattern: str, expected: bool) -> None:
    assert matches(pattern, LINE) is expected


@pytest.mark.parametrize(
    "pattern",
    ["ERROR", "{ }", "{ $.a }", "{ $.a = }", '{ ($.a = "b" }', '{ $.a = "b" ) }', "{ $.a = %x% }", '{ $.a "b" "c" }'],
)
def test_a_pattern_that_is_not_understood_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        matches(pattern, LINE)


def test_a_line_in_the_embedded_metric_format_is_metrics() -> None:
    directive = {"Namespace": "n", "Dimensions": [["F"], []], "Metrics": [{"Name": "A"}, {"Name": "B"}]}
    line = {"_aws": {"Timestamp": 1, "CloudWatchMetrics": [directive]}, "F": "f", "A": 2, "B": [3, 4]}
    own = frozenset({("F", "f")})
    assert embedded(line) == [
        *(Datum("n", name, own, value) for name, value in (("A", 2), ("B", 3), ("B", 4))),
        *(Datum("n", name, frozenset(), value) for name, value in (("A", 2), ("B", 3), ("B", 4))),
    ]
    assert embedded(LINE) == []


@pytest.mark.parametrize("broken", [{"A": "2"}, {"A": True}, {"A": [1] * 101}, {"F": ""}, {"F": 1}])
def test_a_line_that_cloudwatch_would_drop_is_refused(broken: dict[str, Any]) -> None:
    directive = {"Namespace": "n", "Dimensions": [["F"]], "Metrics": [{"Name": "A"}]}
    line = {"_aws": {"Timestamp": 1, "CloudWatchMetrics": [directive]}, "F": "f", "A": 2}
    with pytest.raises(AssertionError):
        embedded(line | broken)


def alarm(**changes: object) -> dict[str, Any]:
    return {
        "Statistic": "Sum",
        "EvaluationPeriods": 3,
        "Threshold": 5,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "periods", "expected"),
    [
        ({}, [[6], [6], [6]], ALARM),
        ({}, [[6], [5], [6]], OK),
        ({}, [[3, 3], [6], [2, 4]], ALARM),
        ({"Statistic": "Maximum"}, [[3, 3], [6], [2, 4]], OK),
        ({"Statistic": "Average"}, [[5, 7], [6], [6]], ALARM),
        ({"Statistic": "Minimum"}, [[5, 7], [6], [6]], OK),
        ({"Statistic": "SampleCount"}, [[1] * 6] * 3, ALARM),
        ({"DatapointsToAlarm": 1}, [[0], [6], [0]], ALARM),
        ({}, [[6], [], [6]], OK),
        ({}, [], OK),
        ({"TreatMissingData": "breaching"}, [[6], [], [6]], ALARM),
        ({"TreatMissingData": "missing"}, [], INSUFFICIENT_DATA),
        ({"TreatMissingData": "missing"}, [[6], [6], [6], []], ALARM),
        ({"TreatMissingData": "missing"}, [[6], [6], [6], [], [], [], [], []], INSUFFICIENT_DATA),
        ({"ComparisonOperator": "LessThanThreshold", "TreatMissingData": "breaching"}, [[4]] * 3, ALARM),
        ({"ComparisonOperator": "LessThanOrEqualToThreshold"}, [[5]] * 3, ALARM),
        ({"ComparisonOperator": "GreaterThanOrEqualToThreshold"}, [[5]] * 3, ALARM),
    ],
)
def test_an_alarm_is_evaluated_as_the_guide_says(
    changes: dict[str, object], periods: list[list[float]], expected: str
) -> None:
    assert state(alarm(**changes), periods) == expected
