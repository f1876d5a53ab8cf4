"""samconfig.toml: three ways to deploy the one template."""

import tomllib
from typing import Any

import pytest

from tests.template.loading import PROJECT_ROOT, template


def config() -> dict[str, Any]:
    return tomllib.loads((PROJECT_ROOT / "samconfig.toml").read_text())


@pytest.mark.parametrize("environment", ["default", "local", "prod"])
def test_it_names_a_stack_and_may_create_roles(environment: str) -> None:
    deploy = config()[environment]["deploy"]["parameters"]
    assert deploy["stack_name"].startswith("hashcart")
    assert deploy["capabilities"] == "CAPABILITY_IAM"


def test_stacks_do_not_overwrite_each_other() -> None:
    names = [config()[name]["deploy"]["parameters"]["stack_name"] for name in ("default", "local", "prod")]
    assert len(set(names)) == 3


@pytest.mark.parametrize("environment", ["local", "prod"])
def test_it_asks_nothing_where_nobody_answers(environment: str) -> None:
    deploy = config()[environment]["deploy"]["parameters"]
    assert deploy["confirm_changeset"] is False
    assert deploy["fail_on_empty_changeset"] is False


def test_the_default_shows_what_will_change_first() -> None:
    assert config()["default"]["deploy"]["parameters"]["confirm_changeset"] is True


def test_roles_have_no_names_that_need_more_than_the_capability() -> None:
    roles = [entry for entry in template()["Resources"].values() if entry["Type"] == "AWS::IAM::Role"]
    assert [role for role in roles if "RoleName" in role["Properties"]] == []
