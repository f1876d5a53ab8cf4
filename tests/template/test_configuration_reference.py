"""docs/configuration.md has the tables that `make configuration` makes of the template."""

import re

import pytest

from local.configuration_reference import MORE, PAGE, read_template, with_tables
from tests.template.loading import template


def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def test_the_page_is_what_the_template_says() -> None:
    assert page() == with_tables(page(), read_template()), "run `make configuration`"


def test_a_changed_template_changes_the_page() -> None:
    changed = template()
    changed["Parameters"]["MaxQuantity"] |= {"Default": 12, "Description": "Most | pieces."}
    changed["Resources"]["CartPageFunction"]["Properties"]["Environment"]["Variables"]["NEW_ONE"] = "x"
    made = with_tables(page(), changed)
    assert "| `MaxQuantity` | `12` | 1 to 999 | Most \\| pieces. |" in made
    assert "| `NEW_ONE` | `cart_page` |" in made


def test_a_page_without_a_place_for_the_tables_is_refused() -> None:
    with pytest.raises(ValueError, match="parameters"):
        with_tables("# Configuration\n", read_template())


def test_each_parameter_stands_there_once_with_its_default() -> None:
    for name in template()["Parameters"]:
        assert len(re.findall(rf"^\| `{name}` \| (?:`|empty|\(required)", page(), re.MULTILINE)) == 1


def test_what_leads_to_more_leads_somewhere() -> None:
    headings = {
        "#" + re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", page(), re.MULTILINE)
    }
    targets = {re.search(r"\((.*)\)", link)[1] for link in MORE.values()}  # type: ignore[index]
    assert {target for target in targets if target.startswith("#")} <= headings
    assert all((PAGE.parent / target).is_file() for target in targets if not target.startswith("#"))
    assert set(MORE) <= set(template()["Parameters"])
