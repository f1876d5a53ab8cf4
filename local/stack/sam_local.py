"""The good event of each function, run by `sam local invoke` in a container against the running stack."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import docker  # type: ignore[import-untyped]
from docker.errors import DockerException  # type: ignore[import-untyped]

from local.settings import PROJECT_ROOT, LocalSettings
from local.stack.console import StackError
from local.stack.deployment import BUILD_DIR, Deployment, overrides, sam
from local.stack.relay import DESKTOP_HOST

IMAGE_ARCHITECTURE = "x86_64"
_DOCKER_GATEWAY = "host-gateway"  # Docker's own word for the machine, where no address of it is known
_GOOD = "__good"

Invoke = Callable[[list[str]], "subprocess.CompletedProcess[str]"]


def sites(settings: LocalSettings) -> dict[str, str]:
    """Names of the sites by the address that functions call: each answers to its own name only, in a container too."""
    return {
        settings.x_api_base_url: "x.localhost",
        settings.store_base_url: "store.localhost",
        settings.shop_base_url: settings.marketplace,
    }


def docker_gateway() -> str:  # pragma: no cover - asks an engine
    """The address of this machine in Docker's bridge network.

    Raises:
        StackError: no Docker engine answers.
    """
    try:
        bridge = docker.from_env(timeout=5).networks.get("bridge")
    except DockerException as error:
        raise StackError(
            "No Docker engine answers, and `sam local invoke` runs functions in containers.",
            "Start Docker, or point DOCKER_HOST at an engine. Nothing else here needs one.",
        ) from error
    return gateway_of(bridge.attrs["IPAM"]["Config"][0])


def gateway_of(addresses: Mapping[str, str]) -> str:
    """The gateway of a Docker network: the first address of its subnet where the engine does not name one."""
    first = next(ip_network(addresses["Subnet"]).hosts())
    return addresses.get("Gateway", str(first))


def good_events(events: Path) -> list[tuple[str, Path]]:
    """Logical ids of functions, each with an event that it must accept."""
    return [(logical_id(path.name.split("__")[0]), path) for path in sorted(events.glob(f"*{_GOOD}*.json"))]


def logical_id(function: str) -> str:
    """`webhook_intake` is `WebhookIntakeFunction` in the template."""
    return "".join(word.capitalize() for word in function.split("_")) + "Function"


def failure_of(answer: Any) -> str | None:
    """Why the answer of a function is not one to a good event; None if it is."""
    if not isinstance(answer, dict):
        return None
    if "errorMessage" in answer or "errorType" in answer:
        return f"it raised {answer.get('errorType')}: {answer.get('errorMessage')}"
    if answer.get("batchItemFailures"):
        return f"it refused {len(answer['batchItemFailures'])} messages"
    if answer.get("statusCode", 200) != 200:  # noqa: PLR2004 - HTTP's own number
        return f"it answered {answer['statusCode']}: {answer.get('body')}"
    return None


def write_environment(deployment: Deployment, settings: LocalSettings, host: str) -> set[str]:
    """Write the deployed functions' variables as SAM's `--env-vars` file; returns the functions' logical ids.

    `host` is this machine as a container sees it.
    """
    names = {settings.aws_endpoint_url: host, **sites(settings)}
    seen_from_container = {base: base.replace("127.0.0.1", name) for base, name in names.items()}
    functions = deployment.functions()
    variables = {
        name: {key: seen_from_container.get(value, value) for key, value in deployment.variables(physical).items()}
        for name, physical in functions.items()
    }
    environment_file(settings).write_text(json.dumps(variables, indent=2))
    return set(functions)


def invoke_all(
    cases: Iterable[tuple[str, Path]],
    values: Mapping[str, str],
    environment_file: Path,
    *,
    hosts: Mapping[str, str],
    invoke: Invoke,
    say: Callable[[str], None],
) -> int:
    """Invoke each function with its event, in containers that know `hosts`; returns how many failed."""
    failed = 0
    for function, event in cases:
        done = invoke(_command(function, event, values, environment_file, hosts))
        failure = _failure(done)
        say(f"{'✓' if failure is None else '✗'} {function} < {event.name}")
        if failure is not None:
            failed += 1
            say(f"  {failure}\n{done.stderr}")
    return failed


def invoke_good_events(
    deployment: Deployment,
    settings: LocalSettings,
    *,
    host: str,
    events: Path,
    dated: Callable[[Path], Mapping[str, Any]],
    values: Mapping[str, str],
    invoke: Invoke,
    say: Callable[[str], None],
) -> int:
    """Invoke each deployed function with its good event as `dated` now; 1 if one fails, 0 otherwise.

    Raises:
        StackError: a function has no good event.
    """
    functions = write_environment(deployment, settings, host)
    cases = good_events(events)
    missing = functions - {function for function, _ in cases}
    if missing:
        raise StackError(f"No good event for {', '.join(sorted(missing))}.", "Add events/<function>__good.json.")
    fresh = [(function, _written(settings.state_dir / path.name, dated(path))) for function, path in cases]
    address = _DOCKER_GATEWAY if host == DESKTOP_HOST else host
    hosts = dict.fromkeys(sites(settings).values(), address)
    return min(1, invoke_all(fresh, values, environment_file(settings), hosts=hosts, invoke=invoke, say=say))


def _written(path: Path, event: Mapping[str, Any]) -> Path:
    path.write_text(json.dumps(event))
    return path


def _command(
    function: str, event: Path, values: Mapping[str, str], environment_file: Path, hosts: Mapping[str, str]
) -> list[str]:
    return sam(
        "local", "invoke", function,
        "--template-file", str(BUILD_DIR / "template.yaml"),
        "--event", str(event),
        "--env-vars", str(environment_file),
        "--skip-pull-image",
        *(argument for name, address in hosts.items() for argument in ("--add-host", f"{name}:{address}")),
        "--parameter-overrides", *overrides({**values, "Architecture": IMAGE_ARCHITECTURE}),
    )  # fmt: skip


def _failure(done: subprocess.CompletedProcess[str]) -> str | None:
    if done.returncode != 0:
        return f"sam local invoke ended with {done.returncode}"
    lines = done.stdout.strip().splitlines()
    try:
        return failure_of(json.loads(lines[-1]))
    except (IndexError, ValueError):
        return f"no answer in {done.stdout!r}"


def invoke_in_project(environment: Mapping[str, str]) -> Invoke:
    """Runs `sam` in the project's directory."""

    def invoke(command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - the stack's own command
            command,
            cwd=PROJECT_ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    return invoke


def environment_file(settings: LocalSettings) -> Path:
    """Where `--env-vars` comes from."""
    return settings.state_dir / "sam-local-variables.json"
