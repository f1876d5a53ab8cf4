"""One stack for each state directory, and one build at a time for the folder.

The system gives a lock back however its process ends, so none is ever left over. The files stay: if one were deleted
while it is locked, the next process would lock another.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from local.settings import PROJECT_ROOT, LocalSettings
from local.stack.console import StackError

SUFFIX = ".lock"
BUILD_LOCK = PROJECT_ROOT / ".local" / f"build{SUFFIX}"


@contextmanager
def only_stack(settings: LocalSettings, what: str) -> Iterator[None]:
    """Have the state directory alone; `what` is the command that the next one is told of.

    Raises:
        StackError: another process has it.
    """
    with _opened(settings.state_dir / f"stack{SUFFIX}") as file:
        if not _is_taken(file):
            holder = _holder(file)
            raise StackError(
                f"Another {holder['what']} is running in this folder, PID {holder['pid']}.",
                f"Stop it (Ctrl-C where it runs), or use it at {holder['url']}",
            )
        _note(file, {"pid": str(os.getpid()), "what": what, "url": settings.x_url})
        yield


@contextmanager
def only_build(say: Callable[[str], None], path: Path = BUILD_LOCK) -> Iterator[None]:
    """Build, and deploy what was built, while nobody else does; waits for whoever is at it."""
    with _opened(path) as file:
        if not _is_taken(file):
            say(f"      Waiting: another process is building in this folder, PID {_holder(file)['pid']}.")
            fcntl.flock(file, fcntl.LOCK_EX)
        _note(file, {"pid": str(os.getpid())})
        yield


def _opened(path: Path) -> TextIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("a+")


def _is_taken(file: TextIO) -> bool:
    """Whether the lock is ours now."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _note(file: TextIO, holder: Mapping[str, str]) -> None:
    file.truncate(0)
    file.write(json.dumps(holder))
    file.flush()


def _holder(file: TextIO) -> Mapping[str, str]:
    """What the holder says of itself; it may be just about to."""
    file.seek(0)
    text = file.read()
    return defaultdict(lambda: "unknown", json.loads(text) if text else {})
