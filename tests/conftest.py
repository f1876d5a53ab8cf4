"""Every test but the end-to-end ones runs without a network."""

import os

import pytest
from hypothesis import HealthCheck, settings
from pytest_socket import disable_socket, enable_socket

from tests.offline import OF_A_REAL_ACCOUNT, VARIABLES

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
    for name in OF_A_REAL_ACCOUNT:
        os.environ.pop(name, None)
    os.environ |= VARIABLES
