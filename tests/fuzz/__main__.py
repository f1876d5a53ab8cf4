"""Look for inputs that break a promise: `python -m tests.fuzz SECONDS [--keep] [TARGET …]` (or `make fuzz`).

Every target runs for that long in a process of its own, two at a time. With --keep the corpus takes in what reached
something new, minimised. What fails is written to `.fuzz/`, with the command that repeats it.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fuzz.corpus import read_corpus
from tests.offline import OF_A_REAL_ACCOUNT, VARIABLES

FINDINGS = Path(".fuzz")
TARGETS = ("intake", "parser", "links", "pages")
LONGEST_INPUT = 2_000
SECONDS_FOR_ONE_INPUT = 5
"""Far more than linear time takes; libFuzzer reports what takes longer."""


def fuzz(target: str, seconds: int, *, keep: bool) -> bool:
    """Whether nothing was found."""
    with tempfile.TemporaryDirectory() as directory:
        corpus = Path(directory)
        for number, data in enumerate(read_corpus(target)):
            (corpus / f"kept-{number}").write_bytes(data)
        finished = _libfuzzer(target, corpus, seconds)
        print(_summary(target, finished), flush=True)
        if finished.returncode:
            print(finished.stderr[-4_000:])
            print(f"Repeat it with make's PYTHONPATH: python -m tests.fuzz.with_atheris {target} {FINDINGS}/{target}-…")
        elif keep:
            print(_python("-m", "tests.fuzz.keep", target, str(corpus)).stdout.strip())
    return finished.returncode == 0


def _libfuzzer(target: str, corpus: Path, seconds: int) -> subprocess.CompletedProcess[str]:
    FINDINGS.mkdir(exist_ok=True)
    options = (
        f"-max_total_time={seconds}",
        f"-max_len={LONGEST_INPUT}",
        f"-timeout={SECONDS_FOR_ONE_INPUT}",
        f"-artifact_prefix={FINDINGS}/{target}-",
        "-print_final_stats=1",
    )
    return _python("-m", "tests.fuzz.with_atheris", target, str(corpus), *options)


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    environment = {name: value for name, value in os.environ.items() if name not in OF_A_REAL_ACCOUNT} | VARIABLES
    return subprocess.run(  # noqa: S603
        command, capture_output=True, text=True, errors="replace", check=False, env=environment
    )


def _summary(target: str, finished: subprocess.CompletedProcess[str]) -> str:
    stats = dict(line[6:].split(": ") for line in finished.stderr.splitlines() if line.startswith("stat::"))
    executions = stats.get("number_of_executed_units", "?").strip()
    return f"{target}: {'nothing found' if finished.returncode == 0 else 'FAILED'} in {executions} inputs"


def main() -> int:
    """The command's exit status."""
    arguments = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    arguments.add_argument("seconds", type=int)
    arguments.add_argument("targets", nargs="*", default=TARGETS)
    arguments.add_argument("--keep", action="store_true", help="take what is new into the corpus")
    chosen = arguments.parse_args()
    with ThreadPoolExecutor(2) as pool:
        fine = list(pool.map(lambda target: fuzz(target, chosen.seconds, keep=chosen.keep), chosen.targets))
    return 0 if all(fine) else 1


if __name__ == "__main__":
    raise SystemExit(main())
