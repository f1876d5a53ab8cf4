"""What AWS bills, from metered calls and the dated prices of `aws_prices.toml`.

Measured: calls, DynamoDB units, log bytes, processor time. Assumed, and written down in that file: how long a call of
AWS takes, how event-source pollers ask, how many workers are warm. Free tiers are left out.
"""

import math
import tomllib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.metering import Usage, meter_replies, meter_schedules
from tests.fakes.aws import load_template, resources_of_type
from tests.fakes.watched import access_log_line

PRICES: dict[str, Any] = tomllib.loads((Path(__file__).parent / "aws_prices.toml").read_text())
ASSUMED: dict[str, float] = PRICES["assumptions"]
MILLION = 1_000_000
GB = 1024**3
MONTH_SECONDS = 30 * 24 * 60 * 60
PLAIN, ANSWERED, WITHOUT_HASHTAG = "#AmazonCart", "@shopbot #AmazonCart", "what a fine mug"
MOST_OF_A_BATCH = 10
SERVED = {
    "requestId": "JKJaXmPLvHcESHA=",
    "routeKey": "POST /webhooks/x",
    "status": "200",
    "responseLatency": "38",
    "integrationLatency": "34",
    "integration.integrationStatus": "200",
}
"""What API Gateway writes of a delivery in its access log."""


class Bill(dict[str, float]):
    """Dollars by service."""

    def total(self) -> float:
        """The sum."""
        return sum(self.values())

    def times(self, factor: float) -> "Bill":
        """The same bill for more."""
        return Bill({service: dollars * factor for service, dollars in self.items()})

    def plus(self, other: Mapping[str, float]) -> "Bill":
        """Both bills together."""
        return Bill({service: self.get(service, 0) + other.get(service, 0) for service in {**self, **other}})


@dataclass(frozen=True)
class Load:
    """Replies a second, and the batching window that the deployment has chosen for them."""

    rate: float
    window_seconds: int

    @property
    def batch(self) -> int:
        """Messages in a batch: what comes to one poller within the window."""
        collected = self.rate * self.window_seconds / ASSUMED["pollers"]
        return max(1, min(MOST_OF_A_BATCH, round(collected)))


def function_bill(usage: Usage, *, megabytes: int, price_of_gb_seconds: float) -> Bill:
    """What the function's own part costs: Lambda, DynamoDB, log lines, secrets and the SQS requests that it makes."""
    calls: dict[str, float] = defaultdict(float)
    for name, count in usage.calls.items():
        calls[name.partition(" ")[0]] += count
    waiting_ms = sum(count * ASSUMED[f"{service}_ms"] for service, count in calls.items())
    share = megabytes / ASSUMED["megabytes_of_one_processor"]
    seconds = (usage.processor_ms / share + waiting_ms) / 1000
    log_bytes = usage.log_bytes + usage.log_lines * ASSUMED["log_line_overhead_bytes"]
    dynamodb, cloudwatch = PRICES["dynamodb"], PRICES["cloudwatch"]
    return Bill(
        {
            "Lambda requests": usage.invocations * PRICES["lambda"]["requests_million"] / MILLION,
            "Lambda GB-seconds": seconds * megabytes / 1024 * price_of_gb_seconds / MILLION,
            "DynamoDB writes": usage.write_units * dynamodb["write_units_million"] / MILLION,
            "DynamoDB reads": usage.read_units * dynamodb["read_units_million"] / MILLION,
            "SQS": calls["sqs"] * PRICES["sqs"]["requests_million"] / MILLION,
            "CloudWatch Logs": log_bytes * (cloudwatch["logs_ingested_gb"] + cloudwatch["logs_stored_gb_month"]) / GB,
            "Secrets Manager": calls["secretsmanager"] * PRICES["secrets_manager"]["requests_million"] / MILLION,
        }
    )


def replies_bill(usages: Mapping[str, Usage]) -> Bill:
    """What one reply costs in the functions and in API Gateway, and what SQS takes for deleting its messages.

    What the pollers of the queues ask for is `polling_bill`.
    """
    bill = Bill()
    for name, usage in usages.items():
        bill = bill.plus(_of_function(name, usage))
        if name != "webhook_intake":
            bill["SQS"] += usage.invocations * PRICES["sqs"]["requests_million"] / MILLION
    cloudwatch = PRICES["cloudwatch"]
    access_log = len(access_log_line(SERVED)) + ASSUMED["log_line_overhead_bytes"]
    return bill.plus(
        {
            "API Gateway": PRICES["api_gateway"]["http_api_requests_million"] / MILLION,
            "CloudWatch Logs": access_log * (cloudwatch["logs_ingested_gb"] + cloudwatch["logs_stored_gb_month"]) / GB,
            "Data transfer": ASSUMED["answer_header_bytes"] * PRICES["data_transfer"]["out_gb"] / GB,
        }
    )


def polling_bill(load: Load, *, seconds: float) -> Bill:
    """What the pollers of all queues ask for: a receive or two for each batch, and their waiting without work."""
    busy_queues, queues = 3, _mappings()
    batches = load.rate / load.batch
    receives = batches * (ASSUMED["receives_a_window"] if load.window_seconds else 1)
    waiting = ASSUMED["pollers"] / ASSUMED["long_poll_seconds"]
    a_second = busy_queues * (receives + max(0.0, waiting - batches)) + (queues - busy_queues) * waiting
    return Bill({"SQS": a_second * seconds * PRICES["sqs"]["requests_million"] / MILLION})


def standing_bill(schedules: Mapping[str, Usage]) -> Bill:
    """A month without a single delivery: schedules, pollers, alarms, secrets, keys."""
    bill = polling_bill(Load(0, 0), seconds=MONTH_SECONDS)
    for name, usage in schedules.items():
        bill = bill.plus(_of_function(name, usage).times(MONTH_SECONDS / 60))
    cloudwatch = PRICES["cloudwatch"]
    metrics = len(resources_of_type("AWS::Logs::MetricFilter"))
    secrets = len(resources_of_type("AWS::SecretsManager::Secret"))
    reads = secrets * ASSUMED["warm_workers_of_a_function"] * MONTH_SECONDS / 300
    return bill.plus(
        {
            "CloudWatch alarms": len(resources_of_type("AWS::CloudWatch::Alarm")) * cloudwatch["alarm_month"],
            "CloudWatch metrics": metrics * cloudwatch["custom_metric_month"],
            "CloudWatch dashboard": len(resources_of_type("AWS::CloudWatch::Dashboard"))
            * cloudwatch["dashboard_month"],
            "KMS": len(resources_of_type("AWS::KMS::Key")) * PRICES["kms"]["key_month"],
            "Secrets Manager": secrets * PRICES["secrets_manager"]["secret_month"]
            + reads * PRICES["secrets_manager"]["requests_million"] / MILLION,
        }
    )


@dataclass(frozen=True)
class Bills:
    """The bills of the benchmark, in dollars."""

    per_million: dict[str, Bill]
    """For a million deliveries, by what they are and how they come; without what stands there anyway."""

    per_month: dict[str, Bill]
    """A month of each load, with what stands there anyway."""


BUSY, BUSY_WITH_WINDOW = Load(50, 0), Load(50, 2)
TARGET = "replies, 50 a second, window 2 s"


def measure(*, batches: int = 4) -> Bills:
    """Meter everything and make out the bills."""
    standing = standing_bill(meter_schedules(batches))
    plain = {batch: replies_bill(meter_replies(PLAIN, batch, batches)) for batch in (1, MOST_OF_A_BATCH)}
    answered = replies_bill(meter_replies(ANSWERED, MOST_OF_A_BATCH, batches))
    dropped = replies_bill(meter_replies(WITHOUT_HASHTAG, 1, batches))
    pages = {load: polling_bill(load, seconds=MILLION / load.rate) for load in (Load(1, 0), BUSY, BUSY_WITH_WINDOW)}
    per_million = {
        "replies, 1 a second": plain[1].times(MILLION).plus(pages[Load(1, 0)]),
        "replies, 50 a second": plain[BUSY.batch].times(MILLION).plus(pages[BUSY]),
        TARGET: plain[BUSY_WITH_WINDOW.batch].times(MILLION).plus(pages[BUSY_WITH_WINDOW]),
        "replies with a public answer, window 2 s": answered.times(MILLION).plus(pages[BUSY_WITH_WINDOW]),
        "deliveries without hashtag": dropped.times(MILLION),
    }
    idle_polling = polling_bill(Load(0, 0), seconds=MONTH_SECONDS)
    without_polling = standing.plus(idle_polling.times(-1))

    def month(name: str, rate: float) -> Bill:
        return without_polling.plus(per_million[name].times(rate * MONTH_SECONDS / MILLION))

    per_month = {
        "idle": standing,
        "1 a second": month("replies, 1 a second", 1),
        "50 a second, window 2 s": month(TARGET, BUSY_WITH_WINDOW.rate),
        "50 a second without hashtag": standing.plus(dropped.times(50 * MONTH_SECONDS)),
    }
    return Bills(per_million, per_month)


def _of_function(name: str, usage: Usage) -> Bill:
    template = load_template()
    logical_id = "".join(part.capitalize() for part in name.split("_")) + "Function"
    own = template["Resources"][logical_id]["Properties"].get("MemorySize")
    megabytes = own or template["Globals"]["Function"]["MemorySize"]
    return function_bill(
        usage, megabytes=int(megabytes), price_of_gb_seconds=PRICES["lambda"]["gb_seconds_million_arm64"]
    )


def _mappings() -> int:
    functions = resources_of_type("AWS::Serverless::Function").values()
    return sum(event["Type"] == "SQS" for own in functions for event in own.get("Events", {}).values())


def dollars(amount: float) -> str:
    """An amount for a table; what is less than a cent is told as such."""
    return f"{amount:.2f}" if amount == 0 or not math.isclose(round(amount, 2), 0) else "< 0.01"
