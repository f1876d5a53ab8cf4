"""Every test but the end-to-end ones runs without a network."""

import os

import pytest
from hypothesis import HealthCheck, settings
from pytest_socket import disable_socket, enable_socket

patient = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
settings.register_profile("quick", patient, max_examples=25)
settings.register_profile("usual", patient, max_examples=100)
settings.register_profile("thorough", patient, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    if "end_to_end" in item.path.parts:
        enable_socket()
    else:
        disable_socket(allow_unix_socket=True)


def pytest_configure() -> None:
    """A test must never reach a real account, whatever the developer's shell is signed in to."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"):
        os.environ.pop(name, None)
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "METRICS_NAMESPACE": "HashCart/tested",
        "AWS_LAMBDA_FUNCTION_NAME": "function",
    }
