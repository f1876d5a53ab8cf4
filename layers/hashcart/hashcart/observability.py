"""One structured log line a post: its id, the outcome and the reason; never a token, an e-mail address or a text."""

import time

from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

logger = Logger()


def report(post_id: str | None, outcome: str, reason: str | None = None, **numbers: int) -> None:
    """Log what became of a post."""
    logger.info("post", extra={"post_id": post_id, "outcome": outcome, "reason": reason, **numbers})


def report_failure(post_id: str | None, outcome: str, error: BaseException) -> None:
    """Log a failure that will be tried again, by its type alone: the messages of libraries may quote their input."""
    reason = type(error).__name__
    if isinstance(error, ClientError):
        reason = str(error.response["Error"].get("Code", reason))
    logger.warning("post", extra={"post_id": post_id, "outcome": outcome, "reason": reason})


def clock_ms() -> int:
    """Now, in milliseconds of the Unix epoch."""
    return time.time_ns() // 1_000_000
