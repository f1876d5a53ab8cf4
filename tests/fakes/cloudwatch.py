"""What CloudWatch makes of log lines and of alarms: filter patterns, the embedded metric format, evaluation.

After the Amazon CloudWatch Logs user guide ("Filter pattern syntax for metric filters", "Specification: Embedded metric
format") and the Amazon CloudWatch user guide ("Configuring how CloudWatch alarms treat missing data").
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]

OK, ALARM, INSUFFICIENT_DATA = "OK", "ALARM", "INSUFFICIENT_DATA"
LOOKS_BACK_FURTHER = 2
"""Periods beyond the evaluated ones in which CloudWatch looks for data before it says that there is none."""

MAX_DIMENSIONS, MAX_VALUES, MAX_METRICS = 30, 100, 100

_TOKEN = re.compile(r'\s*(\(|\)|&&|\|\||!=|>=|<=|=|>|<|\$(?:\.[A-Za-z0-9_]+)+|"[^"]*"|[-\w.*]+)')
_ORDER: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}
_COMPARES: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
_STATISTICS: dict[str, Callable[[Sequence[float]], float]] = {
    "Sum": sum,
    "Maximum": max,
    "Minimum": min,
    "Average": lambda values: sum(values) / len(values),
    "SampleCount": len,
}


@dataclass(frozen=True)
class Datum:
    """One value of a metric."""

    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]]
    value: float


def matches(pattern: str, line: Json) -> bool:
    """Whether a JSON filter pattern takes a log line. Raises ValueError for a pattern that it does not understand."""
    inner = re.fullmatch(r"\{(.*)\}", pattern.strip(), re.DOTALL)
    if inner is None:
        raise ValueError(f"not a JSON filter pattern: {pattern}")
    tokens = _TOKEN.findall(inner[1])
    if "".join(tokens) != re.sub(r"\s+(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)", "", inner[1]):
        raise ValueError(f"not understood: {pattern}")
    found = _either(tokens, line)
    if tokens:
        raise ValueError(f"not understood from {tokens[0]} on: {pattern}")
    return found


def _either(tokens: list[str], line: Json) -> bool:
    found = _both(tokens, line)
    while tokens and tokens[0] == "||":
        tokens.pop(0)
        found = _both(tokens, line) or found
    return found


def _both(tokens: list[str], line: Json) -> bool:
    found = _term(tokens, line)
    while tokens and tokens[0] == "&&":
        tokens.pop(0)
        found = _term(tokens, line) and found
    return found


def _term(tokens: list[str], line: Json) -> bool:
    if len(tokens) >= 3 and tokens[0] == "(":
        tokens.pop(0)
        found = _either(tokens, line)
        if not tokens or tokens.pop(0) != ")":
            raise ValueError("a bracket is not closed")
        return found
    if len(tokens) < 3 or not tokens[0].startswith("$") or tokens[1] not in (*_ORDER, "=", "!="):
        raise ValueError(f"no comparison: {tokens}")
    selector, comparison, wanted = tokens.pop(0), tokens.pop(0), tokens.pop(0)
    return _compare(_selected(selector, line), comparison, wanted)


def _selected(selector: str, line: Json) -> Any:
    value: Any = line
    for name in selector.split(".")[1:]:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _compare(value: Any, comparison: str, wanted: str) -> bool:
    if value is None or isinstance(value, (Mapping, list)):
        return False
    if comparison in _ORDER:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and _ORDER[comparison](value, float(wanted))
    if isinstance(value, str):
        literal = wanted[1:-1] if wanted.startswith('"') else wanted
        is_equal = re.fullmatch(".*".join(map(re.escape, literal.split("*"))), value) is not None
    else:
        is_equal = not wanted.startswith('"') and float(wanted) == float(value)
    return is_equal is (comparison == "=")


def embedded(line: Json) -> list[Datum]:
    """The metrics of a line in the embedded metric format; raises AssertionError where CloudWatch would drop it."""
    metadata = line.get("_aws")
    if metadata is None:
        return []
    assert isinstance(metadata["Timestamp"], int)
    return [datum for directive in metadata["CloudWatchMetrics"] for datum in _of_directive(directive, line)]


def _of_directive(directive: Json, line: Json) -> list[Datum]:
    assert 1 <= len(directive["Namespace"]) <= 255
    assert directive["Dimensions"], "EMF wants at least one set of dimensions, even if it is empty"
    assert 1 <= len(directive["Metrics"]) <= MAX_METRICS
    data = []
    for names in directive["Dimensions"]:
        assert len(names) <= MAX_DIMENSIONS
        assert all(isinstance(line[name], str) and line[name] for name in names), "a dimension's value is a string"
        dimensions = frozenset((name, line[name]) for name in names)
        for metric in directive["Metrics"]:
            values = line[metric["Name"]] if isinstance(line[metric["Name"]], list) else [line[metric["Name"]]]
            assert 1 <= len(values) <= MAX_VALUES
            assert all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
            data += [Datum(directive["Namespace"], metric["Name"], dimensions, value) for value in values]
    return data


def state(alarm: Json, periods: Sequence[Sequence[float]]) -> str:
    """The state of an alarm after the periods, the oldest first; each holds the values of the metric in it.

    `alarm` are the properties of a CloudFormation resource.
    """
    statistic = _STATISTICS[alarm["Statistic"]]
    evaluated = int(alarm["EvaluationPeriods"])
    wanted = int(alarm.get("DatapointsToAlarm", evaluated))
    treatment = alarm["TreatMissingData"]
    absent: list[float | None] = [None] * (evaluated + LOOKS_BACK_FURTHER)
    points = absent + [statistic(values) if values else None for values in periods]
    present = [point for point in points[-(evaluated + LOOKS_BACK_FURTHER) :] if point is not None]
    if treatment == "missing":
        if not present:
            return INSUFFICIENT_DATA
        considered: list[float | None] = list(present[-evaluated:])
    else:
        considered = points[-evaluated:]
    breaching = [treatment == "breaching" if point is None else _breaches(alarm, point) for point in considered]
    return ALARM if sum(breaching) >= wanted else OK


def _breaches(alarm: Json, point: float) -> bool:
    return _COMPARES[alarm["ComparisonOperator"]](point, float(alarm["Threshold"]))
