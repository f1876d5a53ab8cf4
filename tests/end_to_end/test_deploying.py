"""What docs/deploy.md tells to do after `sam deploy`, done to the stack that the tests have deployed."""

import json
import subprocess

from local.settings import PROJECT_ROOT
from local.stack.aws import connect
from tests.end_to_end.conftest import World

CLIENT = ("client_id", "client_secret")


def make(*arguments: str, typed: str = "") -> str:
    """Run a target against the embedded stack; what it said."""
    finished = subprocess.run(  # noqa: S603
        ["/usr/bin/make", "--no-print-directory", *arguments, "STACK=local"],
        cwd=PROJECT_ROOT,
        input=typed,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def test_a_secret_without_a_value_is_filled(world: World) -> None:
    manager = connect(world.settings).secretsmanager
    arn = json.loads(world.settings.outputs_file.read_text())["StoreSignInSecretArn"]
    held = json.loads(manager.get_secret_value(SecretId=arn)["SecretString"])
    manager.put_secret_value(SecretId=arn, SecretString="{}")
    said = make("fill-secrets", typed="".join(f"{held[name]}\n" for name in CLIENT))
    assert "store-sign-in: written" in said
    assert json.loads(manager.get_secret_value(SecretId=arn)["SecretString"]) == held
    assert "has its value" in make("fill-secrets").split("store-sign-in")[1]
