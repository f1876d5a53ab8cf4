"""Run a module as a program that ends when whoever started it ends, even by kill -9.

The starter holds the other end of standard input. Usage: `python supervised.py MODULE SEARCH_PATH`. The search path
is appended, so that the interpreter's own packages win.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
from collections.abc import Callable


def end_with_starter(stdin: int, end: Callable[[], None]) -> threading.Thread:
    """Call `end` once the other end of a pipe, given by its file descriptor, closes.

    The descriptor and not `sys.stdin`: a thread inside its buffer keeps the interpreter from shutting down.
    """

    def wait() -> None:
        while os.read(stdin, 1):
            pass
        end()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def main(module: str, search_path: str) -> None:  # pragma: no cover - replaces a process's program; tested as one
    """Run the module in this process."""
    end_with_starter(sys.stdin.fileno(), lambda: os.kill(os.getpid(), signal.SIGTERM))
    sys.path.append(search_path)
    sys.argv = [module]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":  # pragma: no cover - see `main`
    main(sys.argv[1], sys.argv[2])
