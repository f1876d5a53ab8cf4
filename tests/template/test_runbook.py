"""docs/runbook.md says of each alarm what it means, what to look at and what to run."""

import re

import pytest

from tests.template.loading import PROJECT_ROOT, resources_of

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
