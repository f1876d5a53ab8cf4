"""Processes of the embedded stack: they log, they end, and nothing of them is left."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.stack.console import StackError
from local.stack.processes import run_command, start_child
from local.stack.supervised import end_with_starter

SUPERVISED = Path(sys.modules["local.stack.supervised"].__file__ or "")
SLEEPS_IN_A_CHILD = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
child.wait()
"""
REFUSES_TO_END = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
"""


def wait_for_line(log: Path) -> str:
    for _ in range(400):
        if text := log.read_text():
            return text.strip()
        time.sleep(0.01)
    raise AssertionError(f"nothing in {log}")


def has_ended(pid: int) -> bool:
    for _ in range(400):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


def test_a_child_logs_to_its_file_and_takes_its_own_children_along(tmp_path: Path) -> None:
    child = start_child(
        "Sleeper", [sys.executable, "-c", SLEEPS_IN_A_CHILD], tmp_path / "logs" / "log", os.environ, tmp_path
    )
    grandchild = int(wait_for_line(child.log))
    assert child.is_running()
    child.stop()
    assert not child.is_running()
    assert has_ended(grandchild)


def test_a_child_that_does_not_end_is_killed(tmp_path: Path) -> None:
    child = start_child("Stubborn", [sys.executable, "-c", REFUSES_TO_END], tmp_path / "log", os.environ, tmp_path)
    wait_for_line(child.log)
    child.stop(grace_seconds=0.1)
    assert child.process.returncode == -signal.SIGKILL


def test_stopping_twice_is_harmless(tmp_path: Path) -> None:
    child = start_child("Short", [sys.executable, "-c", ""], tmp_path / "log", os.environ, tmp_path)
    child.stop()
    child.stop()
    assert not child.is_running()


def test_a_command_that_succeeds_says_nothing(tmp_path: Path) -> None:
    run_command([sys.executable, "-c", "print('done')"], tmp_path / "log", os.environ, tmp_path, "")
    assert (tmp_path / "log").read_text() == "done\n"


def test_a_command_that_fails_shows_its_last_lines_and_the_advice(tmp_path: Path) -> None:
    fails = "import sys; print('\\n'.join(f'line {n}' for n in range(40))); sys.exit(3)"
    with pytest.raises(StackError) as caught:
        run_command([sys.executable, "-c", fails], tmp_path / "log", os.environ, tmp_path, "Try again.")
    report = caught.value.report()
    assert "failed" in report.splitlines()[0]
    assert "Try again." in report
    assert "line 39" in report
    assert "line 5\n" not in report
    assert str(tmp_path / "log") in report


@pytest.fixture
def interruptible() -> Iterator[None]:
    """A shell has background commands ignore Ctrl-C, and the tests may be one."""
    earlier = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, earlier)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupted_command_ends(tmp_path: Path) -> None:
    log = tmp_path / "log"
    sleeps = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"

    def interrupt() -> None:
        """As soon as the command runs, so that the main thread waits for it and for nothing else."""
        while not log.exists() or not log.read_text().endswith("\n"):
            time.sleep(0.01)
        signal.pthread_kill(main_thread, signal.SIGINT)

    main_thread = threading.get_ident()
    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        run_command([sys.executable, "-c", sleeps], log, os.environ, tmp_path, "")
    assert has_ended(int(log.read_text()))


def test_a_supervised_process_notices_that_its_starter_is_gone() -> None:
    reader, writer = os.pipe()
    ended = threading.Event()
    end_with_starter(reader, ended.set)
    os.write(writer, b"still here")
    assert not ended.wait(0.05)
    os.close(writer)
    assert ended.wait(5)
    os.close(reader)


def test_a_supervised_module_runs_and_ends_with_its_starter(tmp_path: Path) -> None:
    (tmp_path / "a_module.py").write_text("import sys, time\nprint(sys.argv, flush=True)\ntime.sleep(60)\n")
    process = subprocess.Popen(  # noqa: S603 - this interpreter
        [sys.executable, str(SUPERVISED), "a_module", str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert b"a_module" in process.stdout.readline()
    process.stdin.close()
    assert process.wait(5) == -signal.SIGTERM
    process.stdout.close()
