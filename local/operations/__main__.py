"""`make redrive` and the other commands of docs/operating.md."""

from __future__ import annotations

import argparse
import getpass
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from hashcart.http import HttpClient
from hashcart.observability import clock_ms, logger
from local.findings import CheckFailedError, Finding, Mark, good
from local.operations.dead_letters import QUEUES
from local.operations.filling import Filling
from local.operations.pauses import SOURCES, Pauses
from local.operations.redrive import Redrive, Wanted
from local.operations.rotations import SECRETS, Rotation
from local.operations.stack import Stack, connect, find_stack
from local.x_operations.deployment import Client

TRUE = ("yes", "true", "1")
FALSE = ("no", "false", "0")
MAX_LINE = 8192
UNITS_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}


@dataclass(frozen=True)
class Outside:
    """What a command has beside AWS: time, the network and the operator's terminal."""

    now_ms: Callable[[], int] = clock_ms
    sleep: Callable[[float], None] = time.sleep
    http: HttpClient = field(default_factory=HttpClient)
    ask: Callable[[str], str] = field(default_factory=lambda: _read_unseen)
    poll_seconds: int = 2


def run(
    arguments: Sequence[str],
    say: Callable[[str], object],
    *,
    client: Client | None = None,
    outside: Outside | None = None,
) -> int:
    """Carry a command out and tell each finding; 0 if all is well, 1 if something has to be mended."""
    options = _options(arguments)
    is_well = True
    for finding in _until_failure(options, client or connect(options.stack, options.region), outside or Outside()):
        say(str(finding))
        is_well = is_well and finding.mark is not Mark.BAD
    say("All is well." if is_well else "Mend what is marked ✗, and run the command again; nothing is done twice.")
    return 0 if is_well else 1


def _until_failure(options: argparse.Namespace, client: Client, outside: Outside) -> Iterator[Finding]:
    try:
        stack = find_stack(options.stack, client)
        yield good("Stack", f"{stack.name}")
        yield from options.open(options, stack, outside)
    except CheckFailedError as error:
        yield error.finding


def _redrive(options: argparse.Namespace, stack: Stack, outside: Outside) -> Iterator[Finding]:
    wanted = Wanted(options.reason, options.force, options.rate)
    return Redrive(stack, options.queue, wanted, options.dry_run, outside.now_ms, outside.sleep, outside.poll_seconds)()


def _pause(options: argparse.Namespace, stack: Stack, outside: Outside) -> Iterator[Finding]:
    return Pauses(stack, outside.now_ms, outside.sleep).pause(options.source, options.duration)


def _resume(options: argparse.Namespace, stack: Stack, outside: Outside) -> Iterator[Finding]:
    return Pauses(stack, outside.now_ms, outside.sleep).resume(options.source)


def _rotate(options: argparse.Namespace, stack: Stack, outside: Outside) -> Iterator[Finding]:
    rotation = Rotation(stack, options.secret, outside.http, outside.ask, outside.now_ms, outside.sleep)
    return rotation.finish(forced=options.force) if options.step == "finish" else rotation.start(options.field)


def _fill(_options: argparse.Namespace, stack: Stack, outside: Outside) -> Iterator[Finding]:
    return Filling(stack, outside.ask)()


def _read_unseen(prompt: str) -> str:
    """A value from the terminal, not shown, or the first line of standard input."""
    return getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline(MAX_LINE)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--stack", default="hashcart", help="name of the CloudFormation stack; local: the embedded one")
    common.add_argument("--region", help="region of the stack; else that of your AWS configuration")
    parser = argparse.ArgumentParser(prog="make", description="Mend a deployment of HashCart: docs/operating.md.")
    commands = parser.add_subparsers(required=True)

    redrive = commands.add_parser("redrive", parents=[common], help="send back what failed")
    redrive.add_argument("--queue", choices=sorted(QUEUES), required=True)
    redrive.add_argument("--reason", help="only what failed for this reason")
    redrive.add_argument("--dry-run", type=_flag, default=True, help="yes (default): only count; no: do it")
    redrive.add_argument("--force", type=_flag, default=False, help="yes: malformed messages too")
    redrive.add_argument("--rate", type=_positive, default=50, help="messages a second, at most")
    redrive.set_defaults(open=_redrive)

    pause = commands.add_parser("pause-source", parents=[common], help="stop a source of work for a while")
    pause.add_argument("--source", choices=SOURCES, required=True)
    pause.add_argument(
        "--for", dest="duration", type=_duration_ms, help="such as 90m, 12h, 3d: then it goes on by itself"
    )
    pause.set_defaults(open=_pause)

    resume = commands.add_parser("resume-source", parents=[common], help="let a source go on where it stopped")
    resume.add_argument("--source", choices=SOURCES, required=True)
    resume.set_defaults(open=_resume)

    rotate = commands.add_parser("rotate-secret", parents=[common], help="a new value for a secret")
    rotate.add_argument("--secret", choices=SECRETS, required=True)
    rotate.add_argument("--step", choices=("start", "finish"), default="start", help="finish: drop the old value")
    rotate.add_argument("--field", help="store-api: the field that changes")
    rotate.add_argument("--force", type=_flag, default=False, help="yes: finish although links in e-mails break")
    rotate.set_defaults(open=_rotate)

    fill = commands.add_parser("fill-secrets", parents=[common], help="ask for what the secrets of a new stack lack")
    fill.set_defaults(open=_fill)
    return parser.parse_args(arguments)


def _flag(text: str) -> bool:
    if text.lower() not in TRUE + FALSE:
        raise argparse.ArgumentTypeError("must be yes or no")
    return text.lower() in TRUE


def _duration_ms(text: str) -> int:
    number, unit = text[:-1], text[-1:]
    if unit not in UNITS_MS:
        raise argparse.ArgumentTypeError("must be a number of minutes, hours or days such as 90m, 12h, 3d")
    return _positive(number) * UNITS_MS[unit]


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError("must be a positive whole number")
    return int(text)


if __name__ == "__main__":  # pragma: no cover - `run` is what the tests run
    logger.setLevel("CRITICAL")
    sys.exit(run(sys.argv[1:], lambda line: print(line, flush=True)))
