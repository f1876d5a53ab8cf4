"""`make bench`: every benchmark, as Markdown tables and plots beside the targets.

`python -m benchmarks [cold_start] [adds] [bill] [throughput] [viral_post] [--quick]` runs some or all. The tables are
printed and written to `.local/benchmarks/report.md`, the plots beside it; `--quick` proves that each still runs.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import bill, cold_start, plots, viral_post
from benchmarks.metering import Usage, meter_replies
from benchmarks.throughput import Step

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".local/benchmarks"
INTAKE_LIMIT, WORKER_LIMIT = 1.15, 1.5
# The browser's functions have no target: a page needs its templates and its sign-in.
WITHOUT_TARGET = ("account_linking", "cart_page", cold_start.FLOOR_NAME)
BILL_LIMIT = 4.50
LATENCY_LIMIT_MS = 1_000


@dataclass
class Report:
    """What is printed, written and drawn."""

    sections: list[str] = field(default_factory=list)
    plots: dict[str, str] = field(default_factory=dict)
    verdicts: list[tuple[str, str, str, bool]] = field(default_factory=list)
    """Targets: what, the target, the result, whether it is met."""

    def table(self, title: str, head: Sequence[str], rows: Iterable[Sequence[object]], note: str = "") -> None:
        """Add a table."""
        lines = [f"### {title}", "", *([note, ""] if note else []), _row(head), _row(["---"] * len(head))]
        self.sections.append("\n".join([*lines, *map(_row, rows)]))

    def judge(self, what: str, target: str, result: str, *, met: bool) -> None:
        """Add a target with its result."""
        self.verdicts.append((what, target, result, met))

    def text(self) -> str:
        """The whole as Markdown."""
        machine = f"{platform.machine()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}"
        began = f"{time.strftime('%Y-%m-%d %H:%M')} UTC, Python {platform.python_version()}, {machine}"
        judged = Report()
        judged.table(
            "Targets",
            ("", "Target", "Result", ""),
            [(what, target, result, "met" if met else "**missed**") for what, target, result, met in self.verdicts],
        )
        return "\n\n".join([began, *judged.sections, *self.sections]) + "\n"


def run_cold_start(report: Report, *, quick: bool) -> None:
    """How long each function takes to load, beside boto3 alone."""
    if not cold_start.LAYERS[0].is_dir():
        raise SystemExit("The layers are not built: make bench builds them.")
    medians = cold_start.measure(1 if quick else cold_start.ROUNDS)
    floor = medians[cold_start.FLOOR_NAME]
    ratios = {name: median / floor for name, median in medians.items()}
    limits = {name: _cold_start_limit(name) for name in ratios if name not in WITHOUT_TARGET}
    report.table(
        "Cold start",
        ("", "ms", "of boto3's clients", "Target"),
        [(name, f"{medians[name] * 1000:.0f}", f"{ratio:.2f}", limits.get(name, "")) for name, ratio in ratios.items()],
    )
    report.plots["cold_start"] = plots.bars("Cold start, boto3's two clients = 1", ratios, unit="x", limits=limits)
    for name, limit in limits.items():
        report.judge(f"Cold start of {name}", f"≤ {limit} x", f"{ratios[name]:.2f} x", met=ratios[name] <= limit)


def _cold_start_limit(name: str) -> float:
    return INTAKE_LIMIT if name == "webhook_intake" else WORKER_LIMIT


def run_adds(report: Report, *, quick: bool) -> None:
    """AWS calls and bytes for one add with warm caches."""
    batches = 1 if quick else 4
    for title, text, batch in (
        ("An add, alone", bill.PLAIN, 1),
        ("An add in a batch of ten", bill.PLAIN, 10),
        ("An add with a public answer, alone", bill.ANSWERED, 1),
    ):
        usages = meter_replies(text, batch, batches)
        report.table(title, _USAGE_HEAD, [_usage_row(name, usage) for name, usage in usages.items()])
        if batch == 1 and text == bill.PLAIN:
            insertion = usages["cart_insertion"].calls
            reads, writes = insertion["dynamodb GetItem"], insertion["dynamodb UpdateItem"]
            found = f"{reads:g} and {writes:g}"
            report.judge("DynamoDB of a plain add (cart_insertion)", "1 read, 2 writes", found, met=found == "1 and 2")


_USAGE_HEAD = ("Function", "AWS calls", "Sent B", "Received B", "Writes", "Reads", "Log B", "Processor ms")


def _usage_row(name: str, usage: Usage) -> tuple[str, ...]:
    calls = ", ".join(f"{count:g} {call}" for call, count in usage.calls.items())
    units = (f"{usage.write_units:g}", f"{usage.read_units:g}", f"{usage.log_bytes:.0f}", f"{usage.processor_ms:.1f}")
    return name, calls, f"{usage.sent_bytes:.0f}", f"{usage.received_bytes:.0f}", *units


def run_bill(report: Report, *, quick: bool) -> None:
    """What AWS bills."""
    bills = bill.measure(batches=1 if quick else 4)
    dated = (
        f"Prices of {bill.PRICES['date']}, {bill.PRICES['region']}, without free tiers (`benchmarks/aws_prices.toml`)."
    )
    for title, own in (("A million deliveries", bills.per_million), ("A month", bills.per_month)):
        services = sorted({service for single in own.values() for service in single})
        report.table(
            f"{title}, in dollars",
            ("", *own),
            [
                *(
                    (service, *(bill.dollars(single.get(service, 0)) for single in own.values()))
                    for service in services
                ),
                ("**Sum**", *(f"**{single.total():.2f}**" for single in own.values())),
            ],
            dated,
        )
    sums = {name: single.total() for name, single in bills.per_million.items()}
    limits = {bill.TARGET: BILL_LIMIT}
    report.plots["bill"] = plots.bars("Dollars for a million deliveries", sums, unit="$", limits=limits)
    found = sums[bill.TARGET]
    report.judge("AWS bill, a million replies", f"≤ ${BILL_LIMIT:.2f}", f"${found:.2f}", met=found <= BILL_LIMIT)


def run_throughput(report: Report, *, quick: bool) -> None:
    """Rate and latency on an embedded stack of its own; `--quick` leaves it out, as it takes a minute to start."""
    if quick:
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    measured = FOLDER / "throughput.json"
    command = [
        sys.executable,
        "-m",
        "local.stack",
        "exec",
        sys.executable,
        "-m",
        "benchmarks.throughput",
        str(measured),
    ]
    subprocess.run(command, cwd=ROOT, check=True)  # noqa: S603 - our own command
    report_throughput(report, [Step(**step) for step in json.loads(measured.read_text())])


def report_throughput(report: Report, steps: Sequence[Step]) -> None:
    """The table and the plot of what was measured."""
    report.table(
        "Throughput of the embedded stack",
        ("Replies a second", "Sent", "In carts", "Lines a second", "Median ms", "95 % ms", ""),
        [
            (f"{step.offered:g}", step.replies, step.added, f"{step.achieved:.1f}", f"{step.median_ms:.0f}",
             f"{step.p95_ms:.0f}", "" if step.keeps_up else "the knee")
            for step in steps
        ],
    )  # fmt: skip
    latencies = [(step.offered, step.median_ms) for step in steps]
    report.plots["latency"] = plots.curve("Reply to cart", latencies, across="replies a second", up="median ms")
    met = steps[0].median_ms <= LATENCY_LIMIT_MS
    report.judge("Reply to cart line, embedded stack", "≤ 1 s", f"{steps[0].median_ms:.0f} ms", met=met)


def run_viral_post(report: Report, *, quick: bool) -> None:
    """How calls and hot keys grow with the replies to one post."""
    growths = [viral_post.simulate(replies) for replies in ((10, 20) if quick else (1_000, 10_000, 100_000))]
    report.table(
        "A viral post within an hour, 20 workers",
        ("Replies", "Added", "Calls of X", "of the store", "Reads", "Writes", "Most reads of an item", "Most writes"),
        [
            (grown.replies, grown.added, grown.calls_of_x, grown.calls_of_the_store, grown.reads, grown.writes,
             _hottest(grown.hottest_item_reads), _hottest(grown.hottest_item_writes))
            for grown in growths
        ],
    )  # fmt: skip
    last = growths[-1]
    is_flat = last.calls_of_x == growths[0].calls_of_x == 1
    report.judge(f"Calls of X for {last.replies:,} replies", "1", str(last.calls_of_x), met=is_flat)


def _hottest(item: tuple[str, int]) -> str:
    return f"{item[1]} ({item[0]})"


BENCHMARKS: Mapping[str, Callable[..., None]] = {
    "cold_start": run_cold_start,
    "adds": run_adds,
    "bill": run_bill,
    "viral_post": run_viral_post,
    "throughput": run_throughput,
}


def _row(cells: Iterable[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def main(arguments: Sequence[str], folder: Path = FOLDER) -> Report:
    """Run the chosen benchmarks."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="benchmark", help=", ".join(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that everything still runs")
    chosen = parser.parse_args(arguments)
    unknown = set(chosen.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    report = Report()
    for name in chosen.names or BENCHMARKS:
        print(f"{name} …", file=sys.stderr)
        BENCHMARKS[name](report, quick=chosen.quick)
    folder.mkdir(parents=True, exist_ok=True)
    for name, drawn in report.plots.items():
        (folder / f"{name}.svg").write_text(drawn)
    text = report.text()
    (folder / "report.md").write_text(text)
    print(text)
    return report


if __name__ == "__main__":
    main(sys.argv[1:])
