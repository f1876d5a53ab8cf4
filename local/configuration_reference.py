"""`make configuration`: the tables of docs/configuration.md, made from template.yaml."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

from local.settings import PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs" / "configuration.md"
TEMPLATE = PROJECT_ROOT / "template.yaml"

MORE = {
    "Store": "[Stores](#stores)",
    "HandOffUrlTemplate": "[Any shop by its product pages](#any-shop-by-its-product-pages)",
    "SweepSearch": "[What finds posts](#what-finds-posts-and-what-x-bills-for-it)",
    "SignInKind": "[Sign-in](#sign-in)",
    "DomainName": "[A domain of your own](#a-domain-of-your-own)",
    "EmailSender": "[E-mail](#e-mail)",
    "AlarmEmail": "[Runbook](runbook.md)",
    "CustomerKeyArn": "[A key of your own](#a-key-of-your-own)",
}
"""Where the page, or another, has more than the parameter's description."""

type Json = Mapping[str, Any]


def read_template() -> Json:
    """template.yaml, its short forms written out."""
    parsed: Json = yaml_parse(TEMPLATE.read_text(encoding="utf-8"))
    return parsed


def with_tables(page: str, template: Json) -> str:
    """The page with the tables as the template has them now. Raises ValueError where it has no place for one."""
    for name, table in (("parameters", _parameters(template)), ("variables", _variables(template))):
        begin, end = f"<!-- {name}: made by `make configuration` -->\n", f"<!-- end of {name} -->\n"
        before, has_begin, rest = page.partition(begin)
        _, has_end, after = rest.partition(end)
        if not (has_begin and has_end):
            raise ValueError(f"the page has no place for {name}")
        page = before + begin + "\n".join(table) + "\n" + end + after
    return page


def _parameters(template: Json) -> Iterator[str]:
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    for group in groups:
        yield f"\n**{group['Label']['default']}**\n"
        yield "| Parameter | Default | Values | What it is |"
        yield "|---|---|---|---|"
        for name in group["Parameters"]:
            parameter = template["Parameters"][name]
            words = " ".join(filter(None, (_in_a_cell(parameter["Description"]), MORE.get(name))))
            yield f"| `{name}` | {_default(parameter)} | {_values(parameter)} | {words} |"
    yield ""


def _default(parameter: Json) -> str:
    if "Default" not in parameter:
        return "(required)"
    return f"`{parameter['Default']}`" if parameter["Default"] != "" else "empty"


def _values(parameter: Json) -> str:
    if "AllowedValues" in parameter:
        return ", ".join(f"`{value}`" if value != "" else "empty" for value in parameter["AllowedValues"])
    if "MinValue" in parameter:
        return f"{parameter['MinValue']:,} to {parameter['MaxValue']:,}"
    return _in_a_cell(parameter["ConstraintDescription"].removeprefix("must be "))


def _variables(template: Json) -> Iterator[str]:
    everywhere = template["Globals"]["Function"]["Environment"]["Variables"]
    readers: dict[str, list[str]] = {name: [] for name in everywhere}
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            variables = resource["Properties"]["Environment"]["Variables"]
            for name in variables:
                readers.setdefault(name, []).append(f"`{variables['POWERTOOLS_SERVICE_NAME']}`")
    functions = len(readers["POWERTOOLS_SERVICE_NAME"])
    yield "\n| Variable | Read by |"
    yield "|---|---|"
    for name, read_by in sorted(readers.items()):
        is_everywhere = name in everywhere or len(read_by) == functions
        yield f"| `{name}` | {'all' if is_everywhere else ', '.join(sorted(read_by))} |"
    yield ""


def _in_a_cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8"), read_template()), encoding="utf-8")
    print(f"{PAGE.relative_to(PROJECT_ROOT)} is as template.yaml has it.")
