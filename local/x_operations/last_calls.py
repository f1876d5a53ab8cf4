"""When X last called the webhook, from the API's access log: the one place that knows, and that nobody has to write."""

from __future__ import annotations

import itertools
from typing import Any

from botocore.exceptions import ClientError

DELIVERY, CHALLENGE = "POST /webhooks/x", "GET /webhooks/x"
MINUTE_MS = 60_000
WINDOWS_MS = (5 * MINUTE_MS, 60 * MINUTE_MS, 24 * 60 * MINUTE_MS, 7 * 24 * 60 * MINUTE_MS)
"""A log is searched from its oldest line on, so the last minutes are asked about first."""

PAGES = 50


def last_call(logs: Any, stack_name: str, route: str, now_ms: int) -> int | None:
    """When a route was last called and answered with 200, in milliseconds of the Unix epoch.

    None if not in a week, or if there is no log, as in the embedded stack. Raises what boto3's client raises.
    """
    paginator = logs.get_paginator("filter_log_events")
    for window_ms in WINDOWS_MS:
        pages = paginator.paginate(
            logGroupName=f"/hashcart/{stack_name}/http_api",
            startTime=now_ms - window_ms,
            filterPattern=f'{{ $.route = "{route}" && $.status = "200" }}',
        )
        try:
            times = [event["timestamp"] for page in itertools.islice(pages, PAGES) for event in page["events"]]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return None
            raise
        if times:
            return int(max(times))
    return None
