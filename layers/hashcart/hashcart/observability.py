"""One structured log line a post: its id, the outcome and the reason; never a token, an e-mail address or a text.

Metrics are log lines too, in CloudWatch's embedded metric format, in a namespace of the stack. What an alarm watches is
logged at the level ERROR, so that no `LogLevel` keeps it from the alarm; what only the dashboard shows, at INFO.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from aws_lambda_powertools.logging.types import LogRecord
from botocore.exceptions import ClientError

from hashcart.settings import text


class LogLines(LambdaPowertoolsFormatter):
    """Powertools' lines without what each line of a log group repeats: a third of what the logs of a post cost."""

    REPEATED: Final = frozenset({"function_name", "function_arn", "function_memory_size"})

    def serialize(self, log: LogRecord) -> str:
        """One line of JSON."""
        line: str = super().serialize({name: value for name, value in log.items() if name not in self.REPEATED})
        return line


# Lambda takes a line whose time is not in RFC 3339 for INFO, and drops it where `LogLevel` is higher.
logger = Logger(logger_formatter=LogLines(use_rfc3339=True), location=None)

MAX_VALUES: Final = 100
"""The most values of a metric that CloudWatch reads from one line."""


def report(post_id: str | None, outcome: str, reason: str | None = None, **numbers: int) -> None:
    """Log what became of a post."""
    logger.info("post", extra={"post_id": post_id, "outcome": outcome, "reason": reason, **numbers})


def report_failure(post_id: str | None, outcome: str, error: BaseException) -> None:
    """Log a failure that will be tried again."""
    logger.warning("post", extra={"post_id": post_id, "outcome": outcome, "reason": failure_of(error)})


def report_metric(function_name: str, name: str, count: int) -> None:
    """Log a number that an alarm watches, as a metric of the function."""
    _log_metrics(logger.error, {"FunctionName": function_name}, {name: count})


def this_function() -> str:
    """The name under which Lambda runs this function."""
    return text("AWS_LAMBDA_FUNCTION_NAME")


class Tally:
    """Numbers of one invocation, logged together when it ends: a batch costs a line or two, not some for each post.

    They are metrics of the function, or of the `dimensions` that they are counted under. The values of dimensions must
    come from short lists: each combination is a metric of its own, which AWS bills by the month.
    """

    def __init__(self) -> None:
        self._alarmed: Counter[str] = Counter()
        self._counted: dict[tuple[tuple[str, str], ...], Counter[str]] = defaultdict(Counter)
        self._measured: dict[str, list[int]] = defaultdict(list)

    def alarm(self, name: str) -> None:
        """Count something that an alarm watches."""
        self._alarmed[name] += 1

    def count(self, name: str, number: int = 1, **dimensions: str) -> None:
        """Count something that the dashboard shows."""
        self._counted[tuple(dimensions.items())][name] += number

    def measure(self, name: str, value: int) -> None:
        """Note a value of which the dashboard shows percentiles; of more than 100 in a batch, the first 100 do."""
        if len(self._measured[name]) < MAX_VALUES:
            self._measured[name].append(value)

    def log(self) -> None:
        """Log what was counted since the last time."""
        own: dict[str, int | list[int]] = {**self._counted.pop((), {}), **self._measured}
        if own:
            _log_metrics(logger.info, {"FunctionName": this_function()}, own)
        for dimensions, numbers in self._counted.items():
            _log_metrics(logger.info, dict(dimensions), numbers)
        if self._alarmed:
            _log_metrics(logger.error, {"FunctionName": this_function()}, dict(self._alarmed))
        for kept in (self._alarmed, self._counted, self._measured):
            kept.clear()


def _log_metrics(
    log: Callable[..., None], dimensions: Mapping[str, str], numbers: Mapping[str, int | Sequence[int]]
) -> None:
    directive = {
        "Namespace": text("METRICS_NAMESPACE"),
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": name} for name in numbers],
    }
    embedded = {"Timestamp": clock_ms(), "CloudWatchMetrics": [directive]}
    log("metric", extra={"_aws": embedded, **dimensions, **numbers})


def failure_of(error: BaseException) -> str:
    """A failure by its type alone, or by AWS's code: the messages of libraries may quote their input."""
    name = type(error).__name__
    return str(error.response["Error"].get("Code", name)) if isinstance(error, ClientError) else name


def clock_ms() -> int:
    """Now, in milliseconds of the Unix epoch."""
    return time.time_ns() // 1_000_000
