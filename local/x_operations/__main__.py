"""`make x-setup`, `make x-status`, `make x-teardown`: see README.md, “Deploy”."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence

from hashcart.http import HttpClient
from hashcart.observability import clock_ms, logger
from hashcart.storage.bot_tokens import BotTokens
from hashcart.storage.checkpoints import Checkpoints
from local.findings import Finding, Mark, good
from local.operations.pauses import Pauses
from local.operations.stack import connect, find_stack
from local.settings import SETUP_REDIRECT_URI
from local.x_operations.api import XAdministration
from local.x_operations.deployment import Client, read_keys
from local.x_operations.last_calls import last_call
from local.x_operations.operator import Operator, findings_of
from local.x_operations.redirects import BrowserRedirects, Redirects


def run(
    arguments: Sequence[str],
    say: Callable[[str], object],
    *,
    client: Client | None = None,
    http: HttpClient | None = None,
    redirects: Redirects | None = None,
    now_ms: Callable[[], int] = clock_ms,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Carry a command out and tell each finding; 0 if all is well, 1 if something has to be mended."""
    options = _options(arguments)
    is_well = True
    steps = _steps(
        options,
        client or connect(options.stack, options.region),
        http=http or HttpClient(),
        redirects=redirects or BrowserRedirects(options.redirect),
        now_ms=now_ms,
        sleep=sleep,
    )
    for finding in findings_of(steps):
        say(str(finding))
        is_well = is_well and finding.mark is not Mark.BAD
    say("All is well." if is_well else "Mend what is marked ✗, and run the command again; nothing is done twice.")
    return 0 if is_well else 1


def _steps(
    options: argparse.Namespace,
    client: Client,
    *,
    http: HttpClient,
    redirects: Redirects,
    now_ms: Callable[[], int],
    sleep: Callable[[float], None],
) -> Iterator[Finding]:
    stack = find_stack(options.stack, client)
    deployment = stack.deployment
    yield good("Stack", f"{options.stack}: bot {deployment.bot}, webhook {deployment.webhook_url}")
    keys = read_keys(deployment, client)
    yield good("Secrets", "consumer secret, bearer token and OAuth client are there")
    operator = Operator(
        deployment,
        keys,
        http,
        BotTokens(client("dynamodb"), deployment.outputs["BotTokensTableName"]),
        redirects,
        Checkpoints(client("dynamodb"), stack.output("CheckpointsTableName")),
        lambda route: last_call(client("logs"), deployment.name, route, now_ms()),
        now_ms,
        sleep,
        XAdministration(http, deployment.parameters["XApiBaseUrl"], keys.bearer_token, now_ms, user_keys=keys.user),
    )
    match options.command:
        case "setup":
            yield from operator.set_up()
        case "status":
            yield from operator.status()
            yield from Pauses(stack, now_ms, sleep).told()
        case _:
            yield from operator.tear_down(options.webhook)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make x-…", description="Set HashCart up at X.")
    parser.add_argument("command", choices=("setup", "status", "teardown"))
    parser.add_argument("--stack", default="hashcart", help="name of the CloudFormation stack; local: the embedded one")
    parser.add_argument("--region", help="region of the stack; else that of your AWS configuration")
    parser.add_argument(
        "--redirect", default=SETUP_REDIRECT_URI, help="redirect URI of the bot's sign-in, as X knows it"
    )
    parser.add_argument("--webhook", help="teardown: id of another webhook of the app")
    return parser.parse_args(arguments)


if __name__ == "__main__":  # pragma: no cover - `run` is what the tests run
    logger.setLevel("CRITICAL")
    sys.exit(run(sys.argv[1:], lambda line: print(line, flush=True)))
