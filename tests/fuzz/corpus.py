"""The corpus: inputs that once reached something new, a JSON string a line, each character a byte (Latin-1)."""

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

CORPUS = Path(__file__).parent / "corpus"
OWN_CODE = "/hashcart/"

type Step = tuple[CodeType, int, int]
"""From one line of a function to another."""


def read_corpus(target: str) -> list[bytes]:
    """The kept inputs of a target."""
    lines = (CORPUS / f"{target}.jsonl").read_text(encoding="ascii").splitlines()
    return [json.loads(line).encode("latin-1") for line in lines]


def write_corpus(target: str, inputs: Iterable[bytes]) -> int:
    """Keep these inputs, shortest first; returns how many there are."""
    kept = sorted(set(inputs), key=lambda data: (len(data), data))
    lines = [json.dumps(data.decode("latin-1")) + "\n" for data in kept]
    (CORPUS / f"{target}.jsonl").write_text("".join(lines), encoding="ascii")
    return len(kept)


def minimised(run: Callable[[bytes], None], inputs: Iterable[bytes]) -> list[bytes]:
    """The inputs, shortest first, each of which takes a step in HashCart's code that none before it takes."""
    taken: set[Step] = set()
    kept = []
    for data in sorted(set(inputs), key=lambda data: (len(data), data)):
        steps = _steps(run, data)
        if steps - taken:
            taken |= steps
            kept.append(data)
    return kept


def _steps(run: Callable[[bytes], None], data: bytes) -> set[Step]:
    steps: set[Step] = set()

    def follow(frame: FrameType, _event: str, _argument: object) -> Any:
        if OWN_CODE not in frame.f_code.co_filename:
            return None
        code, last = frame.f_code, 0

        def line(frame: FrameType, event: str, _argument: object) -> Any:
            nonlocal last
            if event == "line":
                steps.add((code, last, frame.f_lineno))
                last = frame.f_lineno
            return line

        return line

    # Whatever measures coverage goes on afterwards.
    others = sys.gettrace()
    sys.settrace(follow)
    try:
        run(data)
    finally:
        sys.settrace(others)
    return steps
