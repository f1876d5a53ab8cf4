"""`make logs`: what a log group says, counted. Warnings and errors, unless a lower level is asked for.

Lines are counted by what they say: outcome and reason, or the type and the place of an error. The text of an exception
is not shown, as libraries quote their input there; nor are metrics, as what an alarm watches is logged at ERROR.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hashcart.domain.posts import is_post_id
from local.findings import Finding, Mark, good
from local.operations.stack import Stack, step, time_text

ACCESS_LOG = "http_api"
LOGS = (
    "account_linking",
    "cart_insertion",
    "cart_page",
    "cart_reconciliation",
    "email_feedback",
    "hashtag_parsing",
    ACCESS_LOG,
    "mention_sweep",
    "outcome_delivery",
    "webhook_intake",
)
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
OTHER_NAMES = {"WARN": "WARNING", "FATAL": "CRITICAL"}
"""Lambda's own names of two of the levels."""

MOST_LINES = 10_000
SERVER_ERRORS = 500
"""The first of the statuses that are the server's fault."""

REFUSALS = ("401", "429")

_REPORTED = " || ".join(f'$.record.status = "{status}"' for status in ("timeout", "error", "failure"))
TROUBLE = (
    '{ $.level = "WARN*" || $.level = "CRITICAL" || ($.level = "ERROR" && $.message != "metric") '
    f'|| $.errorType = "*" || $.status >= {SERVER_ERRORS} || {_REPORTED} }}'
)
"""Warnings and errors of a function, and pages that it could not make. Of a time-out only Lambda's report tells."""

TROUBLE_OF_THE_API = f'{{ $.status = "5*" || {" || ".join(f'$.status = "{status}"' for status in REFUSALS)} }}'

_FRAME = re.compile(r'File "([^"]+)", line (\d+)')
_LIBRARIES = ("/site-packages/", "/var/runtime/", "/var/lang/", "/opt/python/lib/")
_ERROR = re.compile(r"((?:\w+\.)*\w+(?:Error|Exception)): ?(.*)")
"""The last line of a traceback as plain text, which the emulator of AWS keeps line by line."""

_OF_AWS = re.compile(r"An error occurred \((\w+)\) when calling the (\w+) operation")
_OWN_WORDS = ("SettingError", "Runtime.", "Sandbox.")
"""Errors whose messages quote no input: a setting that is missing, and what Lambda itself says."""


@dataclass
class _Counted:
    """Lines that say the same."""

    level: str
    told: str
    count: int = 0
    first_ms: int = 0
    last_ms: int = 0
    post_id: str | None = None


@dataclass(frozen=True)
class Logs:
    """One log group of a stack. `now_ms` is in milliseconds of the Unix epoch."""

    stack: Stack
    name: str
    now_ms: Callable[[], int]

    def __call__(self, *, since_ms: int, level: str) -> Iterator[Finding]:
        """What it says since `since_ms` ago at `level` or above: the worst first, then the newest."""
        counted: dict[tuple[str, str], _Counted] = {}
        lines = 0
        with step("Logs"):
            trace: list[str] = []
            for at_ms, text in self._lines(since_ms, level):
                lines += 1
                line = read_line(text)
                read = _traced(text, trace) if line is None else self._read(line)
                if read is None or LEVELS.index(read[0]) < LEVELS.index(level):
                    continue
                found = counted.setdefault(read, _Counted(*read, first_ms=at_ms))
                found.count += 1
                found.last_ms = at_ms
                found.post_id = _post_id(line or {}) or found.post_id
        if not counted:
            yield good(self.name, f"nothing of level {level} or above since {time_text(self.now_ms() - since_ms)}")
        for found in sorted(counted.values(), key=lambda each: (-LEVELS.index(each.level), -each.last_ms)):
            yield _finding(found)
        if lines == MOST_LINES:
            yield Finding(Mark.NOTE, self.name, f"only the first {MOST_LINES} lines were read", "Ask for less: SINCE=…")

    def _lines(self, since_ms: int, level: str) -> Iterator[tuple[int, str]]:
        """The log group's lines, the oldest first."""
        pattern = TROUBLE_OF_THE_API if self.name == ACCESS_LOG else TROUBLE
        is_trouble = LEVELS.index(level) >= LEVELS.index("WARNING")
        pages = (
            self.stack.client("logs")
            .get_paginator("filter_log_events")
            .paginate(
                logGroupName=self.stack.log_group(self.name),
                startTime=self.now_ms() - since_ms,
                PaginationConfig={"MaxItems": MOST_LINES},
                **({"filterPattern": pattern} if is_trouble else {}),
            )
        )
        for page in pages:
            for event in page["events"]:
                yield event["timestamp"], event["message"]

    def _read(self, line: Mapping[str, Any]) -> tuple[str, str] | None:
        """The level of a line and what it says; None for a metric, and for what Lambda says of good invocations."""
        if "_aws" in line:
            return None
        if self.name == ACCESS_LOG:
            return _request(line)
        if "record" in line:
            return _report(line)
        level = str(line.get("level", "INFO")).upper()
        level = OTHER_NAMES.get(level, level)
        if isinstance(line.get("status"), int) and line["status"] >= SERVER_ERRORS:
            level = "ERROR"
        return (level if level in LEVELS else "INFO"), _said(line)


def _request(line: Mapping[str, Any]) -> tuple[str, str]:
    status = str(line.get("status"))
    why = next(
        (f": {line[name]}" for name in ("integrationError", "error") if line.get(name) not in (None, "", "-")), ""
    )
    told = f"{line.get('route')} was answered with {status}{why}"
    if status.isdigit() and int(status) >= SERVER_ERRORS:
        return "ERROR", told
    return ("WARNING" if status in REFUSALS else "INFO"), told


def _report(line: Mapping[str, Any]) -> tuple[str, str] | None:
    record = line["record"]
    status = record.get("status") if isinstance(record, Mapping) else None
    if status in (None, "success"):
        return None
    why = f" ({record['errorType']})" if record.get("errorType") else ""
    return "ERROR", f"Lambda reports {status}{why} of {line.get('type')}"


def _said(line: Mapping[str, Any]) -> str:
    error = line.get("errorType") or line.get("exception_name")
    if error:
        trace = line.get("stackTrace") or line.get("exception") or ""
        return _error(str(error), str(line.get("errorMessage", trace)), trace if isinstance(trace, list) else [trace])
    said = line.get("outcome") or line.get("message")
    if line.get("source"):
        said = f"{said} of {line['source']}"
    if "route" in line:
        said = f"{said}: {line['route']} was answered with {line.get('status')}"
    return f"{said}: {line['reason']}" if line.get("reason") else f"{said}"


def _traced(text: str, trace: list[str]) -> tuple[str, str] | None:
    """An error in plain text, at the last line of its traceback; `trace` keeps the lines before it."""
    found = _ERROR.fullmatch(text.strip())
    if text.startswith("Traceback"):
        trace.clear()
    if found is None:
        trace.append(text)
        return None
    told = _error(found[1].rpartition(".")[2], found[2], trace)
    trace.clear()
    return "ERROR", told


def _error(name: str, message: str, trace: Sequence[object]) -> str:
    """An error by its type, by what AWS calls it, and by the last line of ours that led to it."""
    of_aws = _OF_AWS.search(message)
    why = f" ({of_aws[1]} of {of_aws[2]})" if of_aws else f" ({message})" if name.startswith(_OWN_WORDS) else ""
    frames = _FRAME.findall("\n".join(map(str, trace)))
    own = [frame for frame in frames if not any(part in frame[0] for part in _LIBRARIES)] or frames
    place = f" at {'/'.join(own[-1][0].split('/')[-2:])}:{own[-1][1]}" if own else ""
    return f"{name}{why}{place}"


def _finding(found: _Counted) -> Finding:
    is_trouble = LEVELS.index(found.level) >= LEVELS.index("WARNING")
    when = time_text(found.last_ms)
    if found.count > 1:
        when = f"from {time_text(found.first_ms)} to {when}"
    mend = f"make look-up POST={found.post_id}" if found.post_id and is_trouble else None
    return Finding(Mark.NOTE if is_trouble else Mark.GOOD, found.level, f"{found.count} × {found.told}, {when}", mend)


def _post_id(line: Mapping[str, Any]) -> str | None:
    post_id = line.get("post_id")
    return post_id if isinstance(post_id, str) and is_post_id(post_id) else None


def read_line(text: str) -> Mapping[str, Any] | None:
    """A structured log line; None for plain text."""
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) else None
