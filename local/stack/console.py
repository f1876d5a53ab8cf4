"""What a person reads while the stack starts."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


class StackError(Exception):
    """Something that a person can mend: what is wrong, what to do, and where to read more."""

    def __init__(self, problem: str, advice: str, log: Path | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.advice = advice
        self.log = log

    def report(self) -> str:
        """The whole message, several lines."""
        lines = [f"✗ {self.problem}", *(f"  {line}" for line in self.advice.splitlines())]
        if self.log is not None:
            lines.append(f"  Log: {self.log}")
        return "\n".join(lines)


class Progress:
    """Numbered steps with the seconds that each took."""

    def __init__(self, total: int, out: TextIO = sys.stdout, clock: Callable[[], float] = time.monotonic) -> None:
        self._total = total
        self._out = out
        self._clock = clock
        self._number = 0
        self._began = clock()

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Show a step while it runs, and its seconds when it is done."""
        self._number += 1
        self._write(f"[{self._number}/{self._total}] {title:<54}")
        began = self._clock()
        try:
            yield
        except BaseException:
            self._write("stopped\n")
            raise
        self._write(f"{self._clock() - began:5.1f} s\n")

    def skip(self, title: str) -> None:
        """Show a step that is not needed this time."""
        self._number += 1
        self._write(f"[{self._number}/{self._total}] {title:<54}   kept\n")

    def say(self, text: str) -> None:
        """Show a line of its own."""
        self._write(f"{text}\n")

    def seconds(self) -> float:
        """Seconds since the first step could begin."""
        return self._clock() - self._began

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()
