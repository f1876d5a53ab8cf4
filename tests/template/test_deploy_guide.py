"""Every command that the documentation tells to run is there, and every page and place that it leads to."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.template.loading import PROJECT_ROOT, template

PAGES = [PROJECT_ROOT / "README.md", *sorted((PROJECT_ROOT / "docs").rglob("*.md"))]
TARGETS = set(re.findall(r"^([a-z][a-z0-9-]*):", (PROJECT_ROOT / "Makefile").read_text(), re.MULTILINE))


def anchors(page: Path) -> set[str]:
    """The places of a page, as GitHub names its headings."""
    headings = re.findall(
        r"^#+ (.*)$", re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL), re.MULTILINE
    )
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
            if not re.match(r"https?:", target):
                yield page, target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_make_command_is_a_target(page: Path) -> None:
    named = set(re.findall(r"(?:^|`)make ([a-z][a-z0-9-]*)", page.read_text(), re.MULTILINE))
    assert named <= TARGETS


@pytest.mark.parametrize(("page", "target"), list(links()), ids=lambda value: getattr(value, "name", value))
def test_each_link_leads_somewhere(page: Path, target: str) -> None:
    file, _, anchor = target.partition("#")
    leads_to = (page.parent / file).resolve() if file else page
    assert leads_to.exists()
    assert not anchor or anchor in anchors(leads_to)


def test_the_guide_names_parameters_and_outputs_that_there_are() -> None:
    guide = (PROJECT_ROOT / "docs" / "deploy.md").read_text()
    table = guide.split("| Parameter | For example |")[1].split("\n\n")[0]
    known = {*template()["Parameters"], *template()["Outputs"]}
    cells = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    assert cells
    assert {name for cell in cells for name in re.findall(r"`(\w+)`", cell)} <= known
    assert "PagesUrl" in known
