"""docs/runbook.md says of each alarm what it means, what to look at and what to run."""

import re

import pytest

from local.operations.dead_letters import QUEUES
from local.operations.logs import LEVELS, LOGS
from local.operations.pauses import SOURCES
from local.operations.rotations import SECRETS
from tests.template.loading import PROJECT_ROOT, resources_of, template

ALARMS = resources_of("AWS::CloudWatch::Alarm")
RUNBOOK = (PROJECT_ROOT / "docs/runbook.md").read_text()
ENTRIES = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", RUNBOOK, re.MULTILINE | re.DOTALL))


def test_every_alarm_has_an_entry_in_the_runbook() -> None:
    assert sorted(set(ALARMS) - set(ENTRIES)) == [], "add `## <LogicalIdOfTheAlarm>` to docs/runbook.md"


def test_every_entry_of_the_runbook_is_of_an_alarm() -> None:
    assert sorted(set(ENTRIES) - set(ALARMS)) == [], "docs/runbook.md has entries without an alarm in template.yaml"


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_an_entry_says_what_it_means_what_to_look_at_and_what_to_run(name: str) -> None:
    assert re.findall(r"^\*\*([\w ]+)\.\*\* \S", ENTRIES[name], re.MULTILINE) == ["Means", "Look at", "Run"]


@pytest.mark.parametrize("name", sorted(ALARMS))
def test_an_alarm_leads_to_its_entry(name: str) -> None:
    link = f"Runbook: docs/runbook.md#{name.lower()}"
    assert re.search(rf"[.?] {re.escape(link)}$", ALARMS[name]["Properties"]["AlarmDescription"]), (
        f"let the alarm's description end with: {link}"
    )


BLOCKS = re.findall(r"^```sh\n(.*?)^```", RUNBOOK, re.MULTILINE | re.DOTALL)
COMMANDS = sorted({line.split(" #")[0].strip() for block in BLOCKS for line in block.splitlines()})
MAKEFILE = (PROJECT_ROOT / "Makefile").read_text()
AWS_COMMANDS = ("aws lambda get-account-settings --query AccountLimit.ConcurrentExecutions",)
ONCE_A_SHELL = "export STACK=hashcart AWS_DEFAULT_REGION=us-east-1"
VALUES = {"LOG": set(LOGS), "QUEUE": set(QUEUES), "SOURCE": set(SOURCES), "SECRET": set(SECRETS), "LEVEL": set(LEVELS)}
"""What the commands take for these of their variables."""


TRIED = (PROJECT_ROOT / "docs/checks.md").read_text().partition("\n## The runbook, tried\n")[2].partition("\n## ")[0]
ROWS = re.findall(r"^\| `(\w+)` \|(.*)\|$", TRIED, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_runbook_is_one_that_there_is(command: str) -> None:
    if not command.startswith("make "):
        assert command in (*AWS_COMMANDS, ONCE_A_SHELL), f"a command that nobody has looked at: {command}"
        return
    target, *arguments = command.removeprefix("make ").split(" ")
    assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), f"no target of the Makefile: {target}"
    given = dict(argument.split("=", 1) for argument in arguments)
    assert all(re.search(rf"\$\((?:if \$\()?{name}\)|\b{name}\b[ ?]*=", MAKEFILE) for name in given)
    assert all(value in VALUES.get(name, {value}) for name, value in given.items())


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_runbook_can_be_pasted_as_it_stands(command: str) -> None:
    assert not re.search(r"[<>…|]", command)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"make ([a-z][a-z-]+)", RUNBOOK))))
def test_a_target_named_in_the_runbook_is_one(name: str) -> None:
    assert re.search(rf"^{name}:", MAKEFILE, re.MULTILINE)


def test_log_groups_in_the_runbook_are_those_of_the_stack() -> None:
    groups = {
        group["Properties"]["LogGroupName"]["Fn::Sub"].replace("${AWS::StackName}", "<stack>")
        for group in resources_of("AWS::Logs::LogGroup").values()
    }
    named = {match.rstrip(".") for match in re.findall(r"/hashcart/<stack>/[\w.]+", RUNBOOK)}
    assert named <= groups, f"no log groups of the template: {sorted(named - groups)}"


def test_queues_secrets_and_parameters_in_the_runbook_are_those_of_the_stack() -> None:
    source = template()
    names = set(
        re.findall(
            r"(?:`|of )([A-Z]\w+(?:Queue|Secret|Table|Posts|Search|Budget|Concurrency|Hashtags|Email))\b", RUNBOOK
        )
    )
    unknown = sorted(names - set(source["Resources"]) - set(source["Parameters"]))
    assert unknown == [], f"neither resources nor parameters of template.yaml: {unknown}"


def test_log_names_in_the_runbook_are_those_of_make_logs() -> None:
    assert set(re.findall(r"\bLOG=([a-z_]+)", RUNBOOK)) <= set(LOGS)


def test_every_alarm_was_tried() -> None:
    assert [name for name, _ in ROWS] == list(ENTRIES), (
        "docs/checks.md has a row of each entry of the runbook, in its order"
    )


@pytest.mark.parametrize(("name", "cells"), ROWS)
def test_a_row_says_how_it_rang_what_ended_it_and_what_was_not_seen(name: str, cells: str) -> None:
    told = [cell.strip() for cell in cells.split(" | ")]
    assert len(told) == 3
    assert all(told)
