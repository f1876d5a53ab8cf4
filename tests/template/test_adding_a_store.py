"""docs/adding-a-store.md names what there is."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs/adding-a-store.md").read_text()
CODE = "\n".join(path.read_text() for path in sorted((ROOT / "layers/hashcart/hashcart").rglob("*.py")))
QUOTED = sorted(set(re.findall(r"`([^`\n]+)`", GUIDE)))
FILES = [name for name in QUOTED if "/" in name and "://" not in name and " " not in name]
CODE_NAME = re.compile(r"[A-Za-z_]+|[A-Z][A-Za-z]+\.[a-z_]+")
NAMES = [part for name in QUOTED if CODE_NAME.fullmatch(name) for part in name.split(".")]
ELSEWHERE = {"fullmatch", "generic", "expected"}


@pytest.mark.parametrize("name", FILES)
def test_each_file_is_there(name: str) -> None:
    assert (ROOT / name).is_file()


@pytest.mark.parametrize("name", sorted(set(NAMES) - ELSEWHERE))
def test_each_name_is_in_the_code(name: str) -> None:
    assert re.search(rf"\b(class|def) {name}\b|\b{name}:|{name} =", CODE) or name == "Store"


@pytest.mark.parametrize("target", sorted(set(re.findall(r"`make ([a-z0-9-]+)", GUIDE))))
def test_each_make_target_is_there(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([a-z-]+\.md)\)", GUIDE))))
def test_each_link_leads_to_a_page(link: str) -> None:
    assert (ROOT / "docs" / link).is_file()
