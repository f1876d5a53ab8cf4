"""Throughput and reply-to-cart latency of the embedded stack, at a rate that rises until it no longer keeps up.

`python -m local.stack exec python -m benchmarks.throughput FILE` starts a stack of its own and writes the results.
Deliveries are sent at their time whether or not the ones before are done, as X would; each is of another shopper. A
reply is in the cart when its line is in the table, which is looked at ten times a second.
"""

import json
import math
import statistics
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from benchmarks.metering import PARENT_POST, delivery
from hashcart.domain.account_links import StoreAccount
from hashcart.storage.account_links import AccountLinks
from local.settings import LocalSettings, from_environment
from local.stack.aws import connect
from tests.fakes.account_links import ADA
from tests.fakes.clock import post_id

RATES = (1, 2, 5, 10, 20, 40, 80)
STEP_SECONDS, DRAIN_SECONDS, LOOK_SECONDS = 8, 30, 0.1
SLOW_MS = 3_000
SENDERS = 16


@dataclass(frozen=True)
class Step:
    """What came of one rate."""

    offered: float
    """Replies a second, as sent."""

    replies: int
    added: int
    achieved: float
    """Lines a second, from the first delivery until the last line."""

    median_ms: float
    p95_ms: float
    refused: int
    """Deliveries that were not answered with 200."""

    @property
    def keeps_up(self) -> bool:
        """Whether every reply arrived, in reasonable time."""
        return self.added == self.replies and self.refused == 0 and self.p95_ms < SLOW_MS


class Stack:
    """The running stack, with shoppers who are linked before the load begins."""

    def __init__(self, settings: LocalSettings) -> None:
        outputs: dict[str, str] = json.loads(settings.outputs_file.read_text())
        self._clients = connect(settings)
        self._webhook = outputs["WebhookUrl"]
        self._carts = outputs["CartsTableName"]
        self._links_table = outputs["AccountLinksTableName"]
        self._http = httpx.Client(timeout=30)

    def link(self, users: list[str]) -> None:
        """Link shoppers whom nobody else knows."""
        now_ms = time.time_ns() // 1_000_000
        for user in users:
            shopper = f"load-{user}"
            links = AccountLinks(self._clients.dynamodb, self._links_table, new_id=partial(str, shopper))
            links.shopper_of(StoreAccount("https://load.test", user, "Load"), now_ms=now_ms)
            link = replace(
                ADA, shopper_id=shopper, x_user_id=user, handle=f"load_{user}", consented_at_ms=now_ms - 60_000
            )
            links.link(link, email_address=None, now_ms=now_ms)

    def reply(self, user: str, number: int) -> bool:
        """One delivery; whether it was taken."""
        now_ms = time.time_ns() // 1_000_000
        sent = delivery("#AmazonCart", user, post_id(0, number % 4096, now_ms), includes=[PARENT_POST])
        return (
            self._http.post(self._webhook, content=sent["body"], headers=sent["headers"]).status_code == httpx.codes.OK
        )

    def arrived(self) -> set[str]:
        """The shoppers who have a line."""
        pages = self._clients.dynamodb.get_paginator("scan").paginate(
            TableName=self._carts, ProjectionExpression="shopper_id"
        )
        return {item["shopper_id"]["S"] for page in pages for item in page["Items"]}


def run_step(stack: Stack, rate: float, seconds: float, first_user: int) -> Step:
    """Send at a rate for so long, and wait until everything has arrived."""
    users = [str(first_user + number) for number in range(max(1, round(rate * seconds)))]
    stack.link(users)
    sent_at: dict[str, float] = {}
    seen_at: dict[str, float] = {}
    is_over = threading.Event()

    def look() -> None:
        while not is_over.is_set():
            found = stack.arrived()
            now = time.monotonic()
            for user in users:
                if f"load-{user}" in found:
                    seen_at.setdefault(user, now)
            time.sleep(LOOK_SECONDS)

    def send(number: int, due: float) -> bool:
        time.sleep(max(0.0, due - time.monotonic()))
        sent_at[users[number]] = time.monotonic()
        return stack.reply(users[number], number)

    watcher = threading.Thread(target=look)
    watcher.start()
    began = time.monotonic()
    with ThreadPoolExecutor(SENDERS) as senders:
        taken = list(senders.map(send, range(len(users)), [began + number / rate for number in range(len(users))]))
    deadline = time.monotonic() + DRAIN_SECONDS
    while len(seen_at) < len(users) and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
    is_over.set()
    watcher.join()
    latencies = sorted((seen_at[user] - sent_at[user]) * 1000 for user in seen_at)
    elapsed = max(seen_at.values(), default=began + DRAIN_SECONDS) - began
    return Step(
        offered=rate,
        replies=len(users),
        added=len(seen_at),
        achieved=len(seen_at) / max(elapsed, seconds - 1 / rate),
        median_ms=statistics.median(latencies) if latencies else math.inf,
        p95_ms=latencies[int(len(latencies) * 0.95) - 1] if latencies else math.inf,
        refused=taken.count(False),
    )


def main(target: Path, rates: tuple[float, ...] = RATES, seconds: float = STEP_SECONDS) -> None:
    """Measure up to the first rate that the stack does not keep up with, which is written too."""
    stack = Stack(from_environment())
    run_step(stack, 1, 2, 8_000_000)  # the functions' cold starts
    steps = []
    for number, rate in enumerate(rates):
        steps.append(run_step(stack, rate, seconds, 9_000_000 + 100_000 * number))
        if not steps[-1].keeps_up:
            break
    measured: list[dict[str, Any]] = [asdict(step) for step in steps]
    target.write_text(json.dumps(measured))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
