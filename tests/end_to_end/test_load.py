"""A small `make load`: every reply counts once while deliveries repeat and AWS throttles and drops connections.

Kills, and failures of X and the store, are left to the command: what they hold up comes again after minutes.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.load import Plan, Run
from tests.end_to_end.conftest import World

QUICK_FAULTS = frozenset({"duplicates", "bad-input", "poison", "throttles", "cuts"})


def test_no_reply_is_lost_or_counts_twice_while_aws_fails(world: World, tmp_path: Path) -> None:
    plan = Plan(150, QUICK_FAULTS, answers=3, longest_drain_seconds=240, longest_faulty_drain_seconds=6)
    run = Run(world.settings, plan)
    # In a thread of its own: the browser of other tests keeps an event loop running in this one.
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(run).result()
    result.write(tmp_path / "ledger.jsonl")
    assert result.is_right, result.table()
    assert result.faults["throttled"] > 0
    assert result.faults["cut"] > 0
