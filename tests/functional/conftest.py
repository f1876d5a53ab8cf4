"""An account of AWS with the template's tables and queues, and the operator's commands on a stack in it."""

from collections.abc import Iterator

import pytest

from tests.fakes.aws import Aws, aws_account
from tests.fakes.clock import NOW_MS
from tests.fakes.deployed import Deployed


@pytest.fixture
def aws() -> Iterator[Aws]:
    with aws_account() as account:
        yield account


@pytest.fixture
def operate(aws: Aws) -> Deployed:
    return Deployed(aws, NOW_MS)
