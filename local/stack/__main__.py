"""`python -m local.stack start | reset | build | exec COMMAND… | sam-local`; the Makefile runs it."""

from __future__ import annotations

import argparse
import importlib
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType

from local.settings import PROJECT_ROOT, LocalSettings, from_environment
from local.stack import deployment, sam_local
from local.stack.aws import connect
from local.stack.console import Progress, StackError
from local.stack.deployment import Deployment, host_architecture, local_deploy_settings, parameter_values
from local.stack.environment import SHARED_CODE, client_environment
from local.stack.locks import only_build, only_stack
from local.stack.outside import Machine, forget, private_settings
from local.stack.relay import relayed
from local.stack.stack import INTERRUPTED, STEPS, EmbeddedStack, with_stack

Command = Callable[[LocalSettings, list[str]], int]
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def start(settings: LocalSettings, _arguments: list[str]) -> int:  # pragma: no cover - runs until Ctrl-C
    """Start the stack and keep it until Ctrl-C."""

    def wait(stack: EmbeddedStack, progress: Progress) -> int:
        progress.say(
            f"\nReady after {progress.seconds():.0f} s.\n"
            f"  X, to reply on:       {settings.x_url}\n"
            f"  The shopper's pages:  {settings.cart_site_url}/\n"
            f"  The demo store:       {settings.store_site_url}/\n"
            f"  The shoppers' e-mail: {settings.mail_site_url}/\n"
            "Ctrl-C ends everything and keeps the carts; `make reset` forgets them."
        )
        stack.wait()
        return 0

    with only_stack(settings, "`make start`"):
        status = _run(settings, wait)
    return 0 if status == INTERRUPTED else status


def execute(settings: LocalSettings, arguments: list[str]) -> int:  # pragma: no cover - the end-to-end tests start so
    """Run a command against a stack of its own, started from nothing; returns the command's exit status."""
    return _with_private_stack(
        settings,
        f"`{Path(arguments[0]).name} {shlex.join(arguments[1:])}`",
        lambda _private: subprocess.run(arguments, check=False).returncode,  # noqa: S603 - the developer's command
    )


def reset(settings: LocalSettings, _arguments: list[str]) -> int:
    """Forget carts, posts and the deployment."""
    with only_stack(settings, "`make reset`"):
        forget(settings.state_dir)
    print("Forgotten: carts, posts and the local deployment. `make start` begins anew.")
    return 0


def build(settings: LocalSettings, _arguments: list[str]) -> int:  # pragma: no cover - `sam build`, for the benchmarks
    """Build functions and layers for this machine, without deploying them."""
    log = settings.state_dir / "sam-build.log"
    with only_build(print):
        deployment.build({"Architecture": host_architecture()}, client_environment(settings, os.environ), log)
    return 0


def invoke_good_events(settings: LocalSettings, _arguments: list[str]) -> int:  # pragma: no cover - runs containers
    """Invoke each function's good event in a container, against the running stack or one of its own."""
    gateway = sam_local.docker_gateway()
    sys.path.append(str(SHARED_CODE))
    fresh_event = importlib.import_module("local.events").fresh_event

    def invoke(running: LocalSettings) -> int:
        invocation = sam_local.invoke_in_project(client_environment(running, os.environ))
        values = parameter_values(running, host_architecture())
        ports = (running.aws_port, running.x_port, running.store_port, running.shop_port)
        with relayed(gateway, ports) as host:
            return sam_local.invoke_good_events(
                _deployment(running),
                running,
                host=host,
                events=PROJECT_ROOT / "events",
                dated=lambda path: fresh_event(path, time.time_ns() // 1_000_000),
                values=values,
                invoke=invocation,
                say=print,
            )

    if _deployment(settings).is_whole():
        return invoke(settings)
    print("No stack runs: starting one for this.")
    return _with_private_stack(settings, "`make sam-local`", invoke)


COMMANDS: dict[str, Command] = {
    "start": start,
    "reset": reset,
    "build": build,
    "exec": execute,
    "sam-local": invoke_good_events,
}


def main(arguments: list[str], commands: Mapping[str, Command], environ: Mapping[str, str]) -> int:
    """Run one command; a `StackError` becomes one message and status 1."""
    parser = argparse.ArgumentParser(prog="python -m local.stack", description=__doc__)
    parser.add_argument("command", choices=sorted(commands))
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    chosen = parser.parse_args(arguments)
    try:
        return commands[chosen.command](_settings(environ), chosen.arguments)
    except StackError as error:
        print(error.report(), file=sys.stderr)
        return 1


def _settings(environ: Mapping[str, str]) -> LocalSettings:
    try:
        return from_environment(environ)
    except ValueError as error:
        raise StackError(f"A setting is wrong: {error}.", "Look at the HASHCART_… variables, and at STORE=.") from error


def _deployment(settings: LocalSettings) -> Deployment:  # pragma: no cover - see `invoke_good_events`
    return Deployment(connect(settings), local_deploy_settings()["stack_name"])


def _with_private_stack(
    settings: LocalSettings, what: str, use: Callable[[LocalSettings], int]
) -> int:  # pragma: no cover - see `execute`
    private = private_settings(settings)
    with only_stack(private, what):
        forget(private.state_dir)
        return _run(private, lambda _stack, _progress: use(private))


def _run(
    settings: LocalSettings, use: Callable[[EmbeddedStack, Progress], int]
) -> int:  # pragma: no cover - replaces this process's environment and signal handlers
    environment = client_environment(settings, os.environ)
    os.environ.clear()
    os.environ.update(environment)

    def end(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    def ignore_signals() -> None:
        """A second Ctrl-C must not keep MiniStack from saving its state."""
        for number in _ENDING:
            signal.signal(number, signal.SIG_IGN)

    for number in _ENDING:
        signal.signal(number, end)
    progress = Progress(STEPS)
    stack = EmbeddedStack(Machine(settings), progress)
    return with_stack(stack, progress, lambda: use(stack, progress), ignore_signals)


if __name__ == "__main__":  # pragma: no cover - the program
    sys.exit(main(sys.argv[1:], COMMANDS, os.environ))
