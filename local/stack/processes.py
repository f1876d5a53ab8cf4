"""Processes that the stack starts, each in a process group of its own so that nothing of it is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local.stack.console import StackError

LAST_LINES = 12


@dataclass(frozen=True)
class Child:
    """A process that runs until it is stopped."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def stop(self, grace_seconds: float = 15.0) -> None:
        """Ask it to end and wait; then end what is left of its group."""
        self.process.terminate()
        try:
            self.process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            pass
        finally:
            _kill_group(self.process.pid)
            self.process.wait()
            if self.process.stdin is not None:
                self.process.stdin.close()


def start_child(name: str, command: Sequence[str], log: Path, env: Mapping[str, str], cwd: Path) -> Child:
    """Start a process that logs to a file and holds a pipe as standard input (see `supervised`)."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603 - the stack's own commands
            command,
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=cwd,
            start_new_session=True,
        )
    return Child(name, process, log)


def run_command(command: Sequence[str], log: Path, env: Mapping[str, str], cwd: Path, advice: str) -> None:
    """Run a command to its end, its output in a log file.

    Raises:
        StackError: it failed; the message shows its last lines.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603 - the stack's own commands
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=cwd,
            start_new_session=True,
        )
        try:
            status = process.wait()
        except BaseException:
            _kill_group(process.pid)
            process.wait()
            raise
    if status != 0:
        tail = "\n".join(log.read_text(errors="replace").rstrip().splitlines()[-LAST_LINES:])
        raise StackError(f"`{Path(command[0]).name} {command[1]}` failed.", f"{advice}\n{tail}", log)


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
