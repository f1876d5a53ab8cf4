"""One structured log line a post: its id, the outcome and the reason; never a token, an e-mail address or a text."""

import time

from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

from hashcart.settings import text

logger = Logger()


def report(post_id: str | None, outcome: str, reason: str | None = None, **numbers: int) -> None:
    """Log what became of a post."""
    logger.info("post", extra={"post_id": post_id, "outcome": outcome, "reason": reason, **numbers})


def report_failure(post_id: str | None, outcome: str, error: BaseException) -> None:
    """Log a failure that will be tried again."""
    logger.warning("post", extra={"post_id": post_id, "outcome": outcome, "reason": failure_of(error)})


def report_metric(function_name: str, name: str, count: int) -> None:
    """Log a number for CloudWatch to take as a metric of the function, by its embedded metric format.

    It is logged as an error, so that no log level keeps it from the alarm that watches it.
    """
    metric = {"Namespace": text("METRICS_NAMESPACE"), "Dimensions": [["FunctionName"]], "Metrics": [{"Name": name}]}
    embedded = {"Timestamp": clock_ms(), "CloudWatchMetrics": [metric]}
    logger.error("metric", extra={"_aws": embedded, "FunctionName": function_name, name: count})


def failure_of(error: BaseException) -> str:
    """A failure by its type alone, or by AWS's code: the messages of libraries may quote their input."""
    name = type(error).__name__
    return str(error.response["Error"].get("Code", name)) if isinstance(error, ClientError) else name


def clock_ms() -> int:
    """Now, in milliseconds of the Unix epoch."""
    return time.time_ns() // 1_000_000
