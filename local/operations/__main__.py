"""`make redrive` and the other commands of docs/operating.md."""

from __future__ import annotations

import argparse
import getpass
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from hashcart.domain.posts import is_post_id
from hashcart.http import HttpClient
from hashcart.observability import clock_ms, logger
from local.findings import CheckFailedError, Finding, Mark, good
from local.operations.dead_letters import QUEUES
from local.operations.filling import Filling
from local.operations.logs import LEVELS, LOGS, Logs
from local.operations.look_up import LookUp
from local.operations.pauses import SOURCES, Pauses
from local.operations.redrive import Discard, Redrive, Wanted
from local.operations.restores import LATEST, TABLES, Restore, Source
from local.operations.rotations import SECRETS, Rotation
from local.operations.stack import Stack, connect, find_stack
from local.operations.watching import Alarms, Queues
from local.x_operations.deployment import Client

TRUE = ("yes", "true", "1")
FALSE = ("no", "false", "0")
MAX_LINE = 8192
BACKUP_NAME = re.compile(r"[A-Za-z0-9-]{3,60}")
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


def _discard(options: argparse.Namespace, stack: Stack, outside: Outside) -> Iterator[Finding]:
    return Discard(stack, options.queue, options.reason, options.dry_run, outside.poll_seconds)()


def _pause(options: argparse.Namespace, stack: Stack, outside: Outside) -> Iterator[Finding]:
    return Pauses(stack, outside.now_ms, outside.sleep).pause(options.source, options.duration)


def _resume(options: argparse.Namespace, stack: Stack, outside: Outside) -> Iterator[Finding]:
    return Pauses(stack, outside.now_ms, outside.sleep).resume(options.source)


def _look_up(options: argparse.Namespace, stack: Stack, outside: Outside) -> Iterator[Finding]:
    look_up = LookUp(stack, options.post, outside.http, outside.now_ms, outside.poll_seconds)
    return look_up(author_id=options.author, days=options.days)


def _logs(options: argparse.Namespace, stack: Stack, outside: Outside) -> Iterator[Finding]:
    return Logs(stack, options.log, outside.now_ms)(since_ms=options.since, level=options.level)


def _alarms(_options: argparse.Namespace, stack: Stack, _outside: Outside) -> Iterator[Finding]:
    return Alarms(stack)()


def _queues(_options: argparse.Namespace, stack: Stack, _outside: Outside) -> Iterator[Finding]:
    return Queues(stack)()


def _back_up(options: argparse.Namespace, stack: Stack, outside: Outside) -> Iterator[Finding]:
    return Restore(stack, outside.now_ms, outside.sleep).back_up(options.name)


def _restore(options: argparse.Namespace, stack: Stack, outside: Outside) -> Iterator[Finding]:
    restore = Restore(stack, outside.now_ms, outside.sleep)
    if options.erasures_only:
        return restore.erase_again()
    return restore(Source(options.at, options.backup), options.tables, dry_run=options.dry_run)


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

    discard = commands.add_parser("discard", parents=[common], help="remove dead letters of one reason for good")
    discard.add_argument("--queue", choices=sorted(QUEUES), required=True)
    discard.add_argument("--reason", type=_word, required=True, help="such as malformed, as redrive tells it")
    discard.add_argument("--dry-run", type=_flag, default=True, help="yes (default): only count; no: do it")
    discard.set_defaults(open=_discard)

    look_up = commands.add_parser("look-up", parents=[common], help="the way of a post")
    look_up.add_argument("--post", type=_post_id, required=True)
    look_up.add_argument("--author", type=_post_id, help="numeric id of the author; else X is asked")
    look_up.add_argument("--days", type=_positive, default=3, help="days of logs after the post")
    look_up.set_defaults(open=_look_up)

    _add_watching(commands, common)

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

    back_up = commands.add_parser("back-up", parents=[common], help="make a backup of what restore brings back")
    back_up.add_argument("--name", type=_backup_name, required=True)
    back_up.set_defaults(open=_back_up)

    restore = commands.add_parser("restore", parents=[common], help="bring back what tables have lost")
    restore.add_argument("--at", type=_moment_ms, default=None, help="latest (default), or 2026-11-24T17:00:00Z")
    restore.add_argument("--backup", type=_backup_name, help="name of a backup, in place of a moment")
    restore.add_argument("--tables", type=_tables, default=TABLES, help=f"some of {','.join(TABLES)}")
    restore.add_argument("--dry-run", type=_flag, default=True, help="yes (default): only say what would be done")
    restore.add_argument("--erasures-only", type=_flag, default=False, help="yes: only erase again who was erased")
    restore.set_defaults(open=_restore)
    return parser.parse_args(arguments)


def _add_watching(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    logs = commands.add_parser("logs", parents=[common], help="what a log group says, counted")
    logs.add_argument("--log", choices=LOGS, required=True)
    logs.add_argument(
        "--since", type=_duration_ms, default=UNITS_MS["h"], help="such as 90m, 12h, 3d; an hour if not given"
    )
    logs.add_argument("--level", choices=LEVELS, default="WARNING", help="the lowest level that counts")
    logs.set_defaults(open=_logs)

    alarms = commands.add_parser("alarms", parents=[common], help="which alarms ring")
    alarms.set_defaults(open=_alarms)

    queues = commands.add_parser("queues", parents=[common], help="what waits in the queues")
    queues.set_defaults(open=_queues)


def _flag(text: str) -> bool:
    if text.lower() not in TRUE + FALSE:
        raise argparse.ArgumentTypeError("must be yes or no")
    return text.lower() in TRUE


def _duration_ms(text: str) -> int:
    number, unit = text[:-1], text[-1:]
    if unit not in UNITS_MS:
        raise argparse.ArgumentTypeError("must be a number of minutes, hours or days such as 90m, 12h, 3d")
    return _positive(number) * UNITS_MS[unit]


def _moment_ms(text: str) -> int | None:
    if text == LATEST:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise argparse.ArgumentTypeError("must be latest, or a time such as 2026-11-24T17:00:00Z")
    return int(moment.timestamp() * 1000)


def _tables(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if not set(names) <= set(TABLES):
        raise argparse.ArgumentTypeError(f"must be some of {','.join(TABLES)}")
    return names


def _post_id(text: str) -> str:
    if not is_post_id(text):
        raise argparse.ArgumentTypeError("must be a number, as at the end of a post's address")
    return text


def _backup_name(text: str) -> str:
    if not BACKUP_NAME.fullmatch(text):
        raise argparse.ArgumentTypeError("must be 3 to 60 letters, digits and hyphens")
    return text


def _word(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("must be one of the reasons that redrive tells")
    return text


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError("must be a positive whole number")
    return int(text)


if __name__ == "__main__":  # pragma: no cover - `run` is what the tests run
    logger.setLevel("CRITICAL")
    sys.exit(run(sys.argv[1:], lambda line: print(line, flush=True)))
