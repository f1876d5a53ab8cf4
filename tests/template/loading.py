"""The template as written, and as AWS's SAM transform makes it."""

import copy
import re
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from samtranslator.translator.transform import transform  # type: ignore[import-untyped]
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

PROJECT_ROOT = Path(__file__).resolve().parents[2]

Json = dict[str, Any]

_NO_MANAGED_POLICIES = SimpleNamespace(load=dict)


@cache
def _parsed() -> Json:
    parsed: Json = yaml_parse((PROJECT_ROOT / "template.yaml").read_text())
    return parsed


def template() -> Json:
    """The template; the caller may change it."""
    return copy.deepcopy(_parsed())


def resources_of(kind: str, source: Json | None = None) -> Json:
    """Resources of a type, by logical id."""
    resources = (source or template())["Resources"]
    return {name: resource for name, resource in resources.items() if resource["Type"] == kind}


def transformed(package_of: Json | None = None, parameters: dict[str, str] | None = None) -> Json:
    """What SAM makes of the template; `package_of` maps logical ids of functions and layers to their uploaded code."""
    return copy.deepcopy(_transformed(tuple((package_of or {}).items()), tuple((parameters or {}).items())))


@cache
def _transformed(packages: tuple[tuple[str, str], ...], parameters: tuple[tuple[str, str], ...]) -> Json:
    package_of = dict(packages)
    source = template()
    for name, resource in source["Resources"].items():
        for key in ("CodeUri", "ContentUri"):
            if key in resource["Properties"]:
                resource["Properties"][key] = f"s3://artifacts/{package_of.get(name, name)}"
    result: Json = transform(source, dict(parameters), _NO_MANAGED_POLICIES)
    return result


def target(value: Any) -> str | None:
    """The logical id that a `Ref` or `Fn::GetAtt` names, or whose index a `Fn::Sub` names."""
    if not isinstance(value, dict):
        return None
    index = re.fullmatch(r"\$\{(\w+)\.Arn\}/index/\w+", str(value.get("Fn::Sub")))
    if index is not None:
        return index[1]
    if "Ref" in value:
        return str(value["Ref"])
    attribute = value.get("Fn::GetAtt")
    if attribute is None:
        return None
    return str(attribute.split(".")[0] if isinstance(attribute, str) else attribute[0])


def references(value: Any) -> set[str]:
    """Every name that a part of a template refers to, in `Ref`, `Fn::GetAtt`, `Fn::Sub` and conditions."""
    if isinstance(value, list):
        return set().union(*(references(entry) for entry in value))
    if not isinstance(value, dict):
        return set()
    found = {name for name in (target(value), value.get("Condition")) if isinstance(name, str)}
    if isinstance(value.get("Fn::If"), list):
        found.add(value["Fn::If"][0])
    if "Fn::Sub" in value:
        found |= {part.split("}")[0].split(".")[0] for part in str(value["Fn::Sub"]).split("${")[1:]}
    return found.union(*(references(entry) for entry in value.values()))


def documentation() -> str:
    """README and docs, all in one text."""
    documents = [PROJECT_ROOT / "README.md", *sorted((PROJECT_ROOT / "docs").glob("*.md"))]
    return "\n".join(path.read_text() for path in documents if path.is_file())
