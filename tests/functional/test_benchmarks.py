"""Each benchmark still runs, and says what it should, on tiny sizes; `make bench` runs them in full."""

import math
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks import bill, cold_start, plots, viral_post
from benchmarks.__main__ import Report, main, report_throughput
from benchmarks.bill import Load
from benchmarks.metering import SCHEDULED, meter_replies, meter_schedules, size_of
from benchmarks.throughput import Step


def test_the_report_has_tables_targets_and_plots(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = main(["bill", "viral_post", "--quick"], tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert text in capsys.readouterr().out
    assert "| AWS bill, a million replies | ≤ $4.50 |" in text
    assert {what for what, *_ in report.verdicts} >= {"AWS bill, a million replies", "Calls of X for 20 replies"}
    assert ET.fromstring((tmp_path / "bill.svg").read_text()).tag.endswith("svg")  # noqa: S314 - we wrote it


def test_a_benchmark_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main(["speed"], tmp_path)


def test_a_plain_add_is_metered_to_the_call() -> None:
    usages = meter_replies(bill.PLAIN, 2, 1)
    insertion = usages["cart_insertion"]
    assert insertion.calls == {"dynamodb GetItem": 1, "dynamodb UpdateItem": 2, "sqs SendMessageBatch": 0.5}
    assert (insertion.write_units, insertion.read_units, insertion.invocations) == (2, 0.5, 0.5)
    assert usages["webhook_intake"].calls == {"sqs SendMessageBatch": 1}
    assert usages["webhook_intake"].log_bytes > 100
    assert meter_replies(bill.WITHOUT_HASHTAG, 1, 1).keys() == {"webhook_intake"}


def test_a_waking_without_work_reads_and_sends_nothing() -> None:
    usages = meter_schedules(1)
    assert set(usages) == set(SCHEDULED)
    assert not any("sqs" in call for usage in usages.values() for call in usage.calls)


@pytest.mark.parametrize(
    ("value", "size"),
    [({"S": "añb"}, 4), ({"N": "12345"}, 3), ({"BOOL": True}, 3), ({"M": {"ab": {"L": [{"S": "c"}]}}}, 9)],
)
def test_the_size_of_an_item_is_that_of_its_names_and_values(value: dict[str, object], size: int) -> None:
    assert size_of(value) == size


def test_a_window_fills_batches_as_far_as_messages_come() -> None:
    assert [Load(rate, window).batch for rate, window in ((1, 0), (50, 0), (5, 2), (50, 2))] == [1, 1, 2, 10]


def test_pollers_without_work_are_billed() -> None:
    idle = bill.polling_bill(Load(0, 0), seconds=bill.MONTH_SECONDS)["SQS"]
    assert math.isclose(idle, 4 * 5 / 20 * 30 * 86_400 * 0.40 / 1_000_000)


def test_the_viral_post_costs_one_call_of_x_however_many_reply() -> None:
    few, many = viral_post.simulate(50), viral_post.simulate(500)
    assert (few.added, many.added) == (50, 500)
    assert few.calls_of_x == many.calls_of_x == 1
    assert many.calls_of_the_store <= 6
    assert many.hottest_item_writes[1] <= 12


def test_throughput_is_reported_up_to_the_knee() -> None:
    report = Report()
    steps = [Step(1, 8, 8, 1.0, 300, 500, 0), Step(10, 80, 70, 5.0, 4000, 9000, 0)]
    report_throughput(report, steps)
    assert "| 10 | 80 | 70 | 5.0 | 4000 | 9000 | the knee |" in report.text()
    assert report.verdicts == [("Reply to cart line, embedded stack", "≤ 1 s", "300 ms", True)]
    assert "polyline" in report.plots["latency"]


def test_a_cold_start_is_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cold_start, "LAYERS", [tmp_path])
    assert 0 < cold_start.seconds("import json") < 60
    monkeypatch.setattr(cold_start, "LAYERS", [tmp_path / "missing"])
    with pytest.raises(SystemExit, match="not built"):
        main(["cold_start", "--quick"], tmp_path)


def test_a_bar_has_its_mark_at_the_limit() -> None:
    drawn = plots.bars("Cost <now>", {"a": 2.0, "b": 4.0}, unit="$", limits={"b": 1.0})
    assert drawn.count("<path") == 1
    assert "Cost &lt;now&gt;" in drawn
