"""Every command that the documentation tells to run is there, and every page and place that it leads to."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.template.deploying import parameter_values
from tests.template.loading import PROJECT_ROOT, Json, template

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


def guides_values() -> dict[str, str]:
    """What the guide appends to samconfig.toml."""
    guide = (PROJECT_ROOT / "docs" / "deploy.md").read_text()
    (block,) = re.findall(r"^```toml\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)
    appended = tomllib.loads((PROJECT_ROOT / "samconfig.toml").read_text() + "\n" + block)
    overrides = appended["default"]["deploy"]["parameters"]["parameter_overrides"]
    return {name: str(value) for name, value in overrides.items()}


def test_the_guides_values_are_what_the_template_takes() -> None:
    known, values = template()["Parameters"], guides_values()
    assert {name for name, parameter in known.items() if "Default" not in parameter} <= set(values) <= set(known)
    for name, value in values.items():
        parameter = known[name]
        assert re.search(parameter.get("AllowedPattern", ""), value), name
        assert value in parameter.get("AllowedValues", [value]), name
        assert float(parameter.get("MinValue", 0)) <= float(value if "MinValue" in parameter else 0), name


@pytest.mark.parametrize("rule", template()["Rules"])
def test_the_guides_values_keep_each_rule(rule: str) -> None:
    assert asserted(template()["Rules"][rule], parameter_values(guides_values()))


def test_a_rule_is_broken_without_what_it_asks_for() -> None:
    values = parameter_values(guides_values()) | {"StoreBaseUrl": ""}
    assert not asserted(template()["Rules"]["ShopifyHasAnAddress"], values)


def asserted(rule: Json, values: dict[str, str]) -> bool:
    """Whether parameters keep one of the template's rules."""
    if not holds(rule["RuleCondition"], values):
        return True
    return all(holds(assertion["Assert"], values) for assertion in rule["Assertions"])


def holds(condition: Json, values: dict[str, str]) -> bool:
    [(function, arguments)] = condition.items()
    if function == "Fn::Not":
        return not holds(arguments[0], values)
    first, second = (values[part["Ref"]] if isinstance(part, dict) else part for part in arguments)
    return {"Fn::Equals": first == second, "Fn::Contains": second in first}[function]


def test_the_outputs_that_the_guide_names_are_there() -> None:
    assert "PagesUrl" in template()["Outputs"]
