"""Environments of the stack's processes: nothing of the developer's own AWS configuration gets in."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from local.settings import OSCAR_KEY, PROJECT_ROOT, LocalSettings

REGION = "us-east-1"
SHARED_CODE = PROJECT_ROOT / "layers" / "hashcart"
CREDENTIAL = "test"
_NO_DOCKER = "unix:///nonexistent"  # MiniStack removes containers of an engine that it finds; it is not to look


def client_environment(settings: LocalSettings, inherited: Mapping[str, str]) -> dict[str, str]:
    """For processes that call the emulator: SAM, the simulator, the end-to-end tests."""
    return {
        **_without(("AWS_", "PYTHON", "SAM_CLI_"), inherited),
        "PYTHONPATH": str(SHARED_CODE),
        "PATH": _with_own_tools(inherited.get("PATH", os.defpath)),
        "AWS_ACCESS_KEY_ID": CREDENTIAL,
        "AWS_SECRET_ACCESS_KEY": CREDENTIAL,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": settings.aws_endpoint_url,
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
        "SAM_CLI_TELEMETRY": "0",
        "HASHCART_X_PORT": str(settings.x_port),
        "HASHCART_STORE_PORT": str(settings.store_port),
        "HASHCART_CART_PORT": str(settings.cart_port),
        "HASHCART_MAIL_PORT": str(settings.mail_port),
        "HASHCART_SHOP_PORT": str(settings.shop_port),
        "HASHCART_STORE": settings.store,
        "HASHCART_AWS_PORT": str(settings.aws_port),
        "HASHCART_STATE_DIR": str(settings.state_dir),
    }


def emulator_environment(settings: LocalSettings, inherited: Mapping[str, str], state: Path) -> dict[str, str]:
    """For MiniStack, whose Lambda workers inherit it.

    `PYTHONPATH` must not reach the workers: they find what Lambda's runtime and the layers bring, and nothing else.
    What they send through SES goes by way of the inbox, which keeps a copy.
    """
    return {
        **_without(("AWS_", "PYTHON", "HASHCART_"), inherited),
        "AWS_ENDPOINT_URL_SESV2": settings.ses_endpoint_url,
        "GATEWAY_PORT": str(settings.aws_port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        "PERSIST_STATE": "1",
        "STATE_DIR": str(state / "services"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(state / "s3"),
        "AUTH": "true",
        "LAMBDA_EXECUTOR": "local",
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "DOCKER_HOST": _NO_DOCKER,
        "TMPDIR": str(state / "tmp"),
        "NO_PROXY": "127.0.0.1,localhost",
    }


def shop_environment(settings: LocalSettings, inherited: Mapping[str, str]) -> dict[str, str]:
    """For the Oscar shop, which has an environment of packages of its own."""
    return {
        **_without(("AWS_", "PYTHON", "HASHCART_", "DJANGO_"), inherited),
        "OSCAR_SHOP_PORT": str(settings.shop_port),
        "OSCAR_SHOP_STATE": str(settings.shop_dir),
        "OSCAR_SHOP_HASHCART_KEY": OSCAR_KEY,
        "PYTHONWARNINGS": "ignore",
    }


def _without(dropped: tuple[str, ...], inherited: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in inherited.items() if not name.startswith(dropped)}


def _with_own_tools(path: str) -> str:
    """`sam build` looks for a python3.13 with pip on PATH: this interpreter's environment has one."""
    return os.pathsep.join((str(Path(sys.executable).parent), path))
