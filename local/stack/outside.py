"""What starting the stack does to the machine: processes, ports, files and calls. `stack` says in which order."""

from __future__ import annotations

import http.client
import importlib
import json
import os
import shutil
import sys
import sysconfig
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from importlib.metadata import version
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from local.settings import APP_BEARER_TOKEN, OSCAR, PROJECT_ROOT, LocalSettings
from local.stack import deployment, locks
from local.stack.aws import connect
from local.stack.console import StackError
from local.stack.environment import SHARED_CODE, client_environment, emulator_environment, shop_environment
from local.stack.fingerprint import fingerprint
from local.stack.ports import check_ports
from local.stack.processes import Child, start_child

LAMBDA_PYTHON = PROJECT_ROOT / ".venv" / "lambda-runtime" / "bin" / "python"
OSCAR_SHOP = PROJECT_ROOT / "local" / "oscar_shop"
OSCAR_PYTHON = PROJECT_ROOT / ".venv" / "oscar" / "bin" / "python"
_SUPERVISED = Path(__file__).with_name("supervised.py")
_PRIVATE = "private"


class Running(Protocol):
    """A process of the stack."""

    @property
    def name(self) -> str: ...

    @property
    def log(self) -> Path: ...

    def is_running(self) -> bool: ...

    def stop(self) -> None: ...


class Outside(Protocol):
    """The machine, as `EmbeddedStack` needs it."""

    def check_ports(self) -> None: ...

    def source_fingerprint(self) -> str: ...

    def saved_world(self) -> str | None:
        """The `current_world` that saved the state; None without a state."""

    def current_world(self) -> str:
        """The emulator's version and the addresses that state, such as links in posts, depends on."""

    def forget(self) -> None:
        """Delete the state of the emulator and of the sites."""

    def start_emulator(self) -> Running: ...

    def deployed_fingerprint(self) -> str | None:
        """What is deployed; None if it is not whole."""

    def alone(self, say: Callable[[str], None]) -> AbstractContextManager[None]:
        """The folder of what is built, for this start alone; says for whom it waits."""

    def build(self) -> None: ...

    def deploy(self) -> dict[str, str]:
        """Returns the outputs."""

    def outputs(self) -> dict[str, str]: ...

    def seed(self, outputs: Mapping[str, str]) -> None: ...

    def remember(self, fingerprint: str) -> None: ...

    def start_sites(self) -> Running: ...

    def start_shop(self) -> Running | None:
        """The Oscar shop, where it is the store."""

    def register_webhook(self, url: str) -> None: ...

    def subscribe(self) -> None: ...

    def sign_bot_in(self, outputs: Mapping[str, str]) -> None: ...

    def warm(self, webhook_url: str) -> None:
        """Load the functions: X waits only three seconds for the answer to its challenge."""


class Machine:  # pragma: no cover - sockets and long-running processes; every start of the stack runs it
    """This machine."""

    def __init__(self, settings: LocalSettings) -> None:
        self._settings = settings
        self._state = settings.state_dir / "aws"
        self._world_file = self._state / "world"
        self._environment = client_environment(settings, os.environ)
        self._clients = connect(settings)
        local = deployment.local_deploy_settings()
        self._bucket: str = local["s3_bucket"]
        self._deployment = deployment.Deployment(self._clients, local["stack_name"])
        self._values = deployment.parameter_values(settings, deployment.host_architecture())

    def check_ports(self) -> None:
        check_ports(self._settings)

    def source_fingerprint(self) -> str:
        return fingerprint(PROJECT_ROOT, (self.current_world(), *deployment.overrides(self._values)))

    def saved_world(self) -> str | None:
        if not self._state.is_dir():
            return None
        return self._world_file.read_text() if self._world_file.is_file() else "unknown"

    def current_world(self) -> str:
        settings = self._settings
        ports = (
            settings.aws_port,
            settings.x_port,
            settings.store_port,
            settings.cart_port,
            settings.mail_port,
            settings.shop_port,
        )
        return f"MiniStack {version('ministack')} on {', '.join(map(str, ports))} for {settings.store}"

    def forget(self) -> None:
        forget(self._settings.state_dir)

    def start_emulator(self) -> Running:
        shutil.rmtree(self._state / "tmp", ignore_errors=True)
        (self._state / "tmp").mkdir(parents=True)
        self._world_file.write_text(self.current_world())
        child = start_child(
            "MiniStack (the emulator of AWS)",
            [str(LAMBDA_PYTHON), str(_SUPERVISED), "ministack", sysconfig.get_path("purelib")],
            self._settings.state_dir / "ministack.log",
            emulator_environment(self._settings, os.environ, self._state),
            self._state,
        )
        wait_until(child, lambda: _get(self._settings.aws_port, "/_ministack/health") == http.client.OK)
        return child

    def deployed_fingerprint(self) -> str | None:
        deployed = deployment.remembered_fingerprint(self._clients.secretsmanager)
        return deployed if deployed and self._deployment.is_whole() else None

    def alone(self, say: Callable[[str], None]) -> AbstractContextManager[None]:
        return locks.only_build(say)

    def build(self) -> None:
        deployment.build(self._values, self._environment, self._settings.state_dir / "sam-build.log")

    def deploy(self) -> dict[str, str]:
        self._clients.s3.create_bucket(Bucket=self._bucket)
        template = deployment.filtered_template()
        log = self._settings.state_dir / "sam-deploy.log"
        deployment.deploy(template, self._values, self._environment, log)
        self._deployment.create_routes()
        return self.outputs()

    def outputs(self) -> dict[str, str]:
        outputs = self._deployment.outputs()
        outputs["WebhookUrl"] = (
            f"{self._settings.aws_endpoint_url}/_aws/execute-api/{outputs['HttpApiId']}/$default/webhooks/x"
        )
        self._settings.outputs_file.write_text(json.dumps(outputs, indent=2))
        return outputs

    def seed(self, outputs: Mapping[str, str]) -> None:
        sys.path.append(str(SHARED_CODE))
        importlib.import_module("local.seed").seed(
            outputs, self._settings.aws_endpoint_url, self._settings.store_base_url, self._settings.marketplace
        )

    def remember(self, fingerprint: str) -> None:
        deployment.remember_fingerprint(self._clients.secretsmanager, fingerprint)

    def start_sites(self) -> Running:
        child = start_child(
            "The simulator of X, the demo store, the pages' front door and the inbox",
            [sys.executable, str(_SUPERVISED), "local.sites", str(PROJECT_ROOT)],
            self._settings.state_dir / "sites.log",
            self._environment,
            PROJECT_ROOT,
        )
        settings = self._settings
        for port in (settings.x_port, settings.store_port, settings.cart_port, settings.mail_port):
            wait_until(child, lambda port=port: _get(port, "/") is not None)  # type: ignore[misc]
        return child

    def start_shop(self) -> Running | None:
        if self._settings.store != OSCAR:
            return None
        child = start_child(
            "The Oscar shop",
            [str(OSCAR_PYTHON), str(_SUPERVISED), "serve", str(OSCAR_SHOP)],
            self._settings.state_dir / "shop.log",
            shop_environment(self._settings, os.environ),
            OSCAR_SHOP,
        )
        wait_until(child, lambda: _get(self._settings.shop_port, "/api/") is not None, attempts=900)
        return child

    def register_webhook(self, url: str) -> None:
        status, answer = _post(f"{self._settings.x_api_base_url}/2/webhooks", {"url": url}, APP_BEARER_TOKEN)
        if status >= http.client.BAD_REQUEST:
            raise StackError(
                f"The simulator of X refused the webhook {url}: {status} {answer}",
                "The function webhook_intake must answer X's challenge; its output is in the log.",
                self._settings.state_dir / "ministack.log",
            )

    def subscribe(self) -> None:
        self._deployment.invoke("MentionSweepFunction")

    def sign_bot_in(self, outputs: Mapping[str, str]) -> None:
        sys.path.append(str(SHARED_CODE))
        local_seed = importlib.import_module("local.seed")
        local_seed.sign_bot_in_once(outputs, self._settings.aws_endpoint_url, self._settings.x_api_base_url)

    def warm(self, webhook_url: str) -> None:
        api = urlsplit(webhook_url).path.removesuffix("/webhooks/x")
        addresses = [f"{api}{path}" for path in ("/webhooks/x", "/", "/link/erased")]
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda path: _get(self._settings.aws_port, path, timeout=30), addresses))
        self._deployment.warm()


def forget(state_dir: Path) -> None:
    """Delete a stack's state, but neither its logs and locks nor the private stacks of tests."""
    for path in state_dir.glob("*"):
        if path.is_dir() and path.name != _PRIVATE:
            shutil.rmtree(path)
        elif path.is_file() and path.suffix not in (".log", locks.SUFFIX):
            path.unlink()


def private_settings(settings: LocalSettings) -> LocalSettings:
    """Ports and state of a stack of its own, so that a developer's carts survive the tests."""
    return LocalSettings(
        x_port=settings.x_port + 10000,
        store_port=settings.store_port + 10000,
        cart_port=settings.cart_port + 10000,
        mail_port=settings.mail_port + 10000,
        shop_port=settings.shop_port + 10000,
        store=settings.store,
        aws_port=settings.aws_port + 10000,
        state_dir=settings.state_dir / _PRIVATE,
    )


def wait_until(
    child: Child,
    is_ready: Callable[[], bool],
    sleep: Callable[[float], None] = time.sleep,
    attempts: int = 300,
) -> None:
    """Wait until a process is ready.

    Raises:
        StackError: it ended, or is not ready within a minute; it is stopped then.
    """
    for _ in range(attempts):
        if not child.is_running():
            break
        if is_ready():
            return
        sleep(0.2)
    child.stop()
    raise StackError(f"{child.name} did not start.", "Its log says why; `make reset` starts from nothing.", child.log)


def _get(port: int, path: str, timeout: float = 2) -> int | None:  # pragma: no cover - opens a socket
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _post(url: str, body: object, bearer: str) -> tuple[int, str]:  # pragma: no cover - opens a socket
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    try:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {bearer}"}
        connection.request("POST", parts.path, json.dumps(body), headers)
        response = connection.getresponse()
        return response.status, response.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return http.client.BAD_GATEWAY, repr(error)
    finally:
        connection.close()
