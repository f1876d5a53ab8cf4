"""How long each handler takes to load, beside the floor that boto3 sets: `make cold-start`.

It loads the layers as `sam build` made them, in an environment that holds what Lambda's runtime holds. Each measurement
is a process of its own, as a cold start is; rounds alternate between the floor and the handlers, so that whatever else
the machine does falls on all alike. Medians are shown.
"""

import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
LAYERS = [ROOT / ".aws-sam/build" / layer / "python" for layer in ("BaseLayer", "SignInLayer", "HashCartLayer")]
PYTHON = ROOT / ".venv/lambda-runtime/bin/python"
ROUNDS = 15

FLOOR = """
import boto3
boto3.client("sqs")
boto3.client("secretsmanager")
"""
FLOOR_NAME = "boto3 SQS + Secrets Manager"
FUNCTIONS = sorted(path.name for path in (ROOT / "functions").iterdir() if (path / f"{path.name}.py").is_file())
VARIABLES = re.findall(r"^ {10}([A-Z][A-Z0-9_]*):", (ROOT / "template.yaml").read_text(), re.MULTILINE)
ADDRESSES = [name for name in VARIABLES if name.endswith("_URL") and not name.endswith("QUEUE_URL")]

ENVIRONMENT = {
    **dict.fromkeys(VARIABLES, "x"),
    **dict.fromkeys([*ADDRESSES, "SIGN_IN_ISSUER"], "https://example.com"),
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "AWS_DEFAULT_REGION": "us-east-1",
    "STORE": "demo",
    **dict.fromkeys(
        ("MAX_QUANTITY", "MAX_ADDS_PER_HOUR", "LOG_RETENTION_DAYS", "X_DAILY_BUDGET", "X_SUBSCRIPTION_LIMIT"), "10"
    ),
    **dict.fromkeys(
        (
            "REPLY_TO_STRANGERS",
            "KEEP_ASSOCIATE_TAGS",
            "DELETES_ARRIVE",
            "SWEEP_MENTIONS",
            "SWEEP_SEARCH",
            "X_SUBSCRIPTIONS",
        ),
        "true",
    ),
    "SIGN_IN_KIND": "oidc",
    "ACCENT_COLOR": "#3b4cc0",
    "IMAGE_ORIGINS": "",
    "HAND_OFF_URL_TEMPLATE": "",
}
STORES = {
    "amazon": {"STORE": "amazon", "ASSOCIATE_TAGS": ""},
    "amazon with its catalogue": {"STORE": "amazon", "ASSOCIATE_TAGS": "shop-20"},
    **{name: {"STORE": name} for name in ("shopify", "oscar", "generic", "demo")},
}
"""What `cart_insertion` is measured with, a row each."""


def seconds(code: str, **own: str) -> float:
    """The time from the first line of `code` to its last, in a new interpreter."""
    timed = f"import time; started = time.perf_counter()\n{code}\nprint(time.perf_counter() - started)"
    folders = [*LAYERS, *(ROOT / "functions" / name for name in FUNCTIONS)]
    environment = {"PYTHONPATH": os.pathsep.join(map(str, folders)), **ENVIRONMENT}
    output = subprocess.run(  # noqa: S603 - our own interpreter and code
        [PYTHON, "-c", timed], env=environment | own, capture_output=True, text=True, check=True
    ).stdout
    return float(output.splitlines()[-1])


def measure(rounds: int = ROUNDS) -> dict[str, float]:
    """Median seconds by what is loaded, the floor first."""
    rows: dict[str, tuple[str, dict[str, str]]] = {FLOOR_NAME: (FLOOR, {})}
    rows |= {name: (f"import {name}", {}) for name in FUNCTIONS}
    rows |= {f"cart_insertion, {name}": ("import cart_insertion", own) for name, own in STORES.items()}
    times: dict[str, list[float]] = {name: [] for name in rows}
    for code, own in rows.values():
        seconds(code, **own)  # warms the disk cache and writes the byte code, which a layer has too
    for _ in range(rounds):
        for name, (code, own) in rows.items():
            times[name].append(seconds(code, **own))
    return {name: statistics.median(measured) for name, measured in times.items()}


def main() -> None:
    """Measure and print a table."""
    medians = measure()
    floor = medians[FLOOR_NAME]
    print(f"{time.strftime('%Y-%m-%d')}, Python {sys.version.split()[0]}, median of {ROUNDS}")
    for name, median in medians.items():
        print(f"{name:41} {median * 1000:7.0f} ms  {median / floor:5.2f} x")


if __name__ == "__main__":
    main()
