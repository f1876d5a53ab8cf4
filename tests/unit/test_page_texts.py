"""Every language says the same: the same keys, the same placeholders, the forms that its numbers need."""

import re
import tomllib
from pathlib import Path
from string import Formatter

import pytest
from markupsafe import Markup

from hashcart.domain.languages import LANGUAGES
from hashcart.pages.kit.texts import DIRECTORY, Texts, areas, plural_form

PAGES = DIRECTORY.parent
OTHERS = sorted(set(LANGUAGES) - {"en"})
FORMS = {language: {"other"} if language == "ja" else {"one", "other"} for language in LANGUAGES}
CALLED = re.compile(
    r"""\bt(?:\.count)?\(\s*"([a-z_]+\.[a-z0-9_]+)"(?!\s*~)|\btexts(?:\.count)?\(\s*"([a-z_]+\.[a-z0-9_]+)\""""
)
NAMED = re.compile(r"""(?:notice|holds)=\"([a-z_]+\.[a-z0-9_]+)\"""")
SHOWN_BY_STATUS = re.compile(r"""PageError\([^"]*?\"([a-z_]+\.[a-z0-9_]+)\"""")


def texts(language: str, area: str) -> dict[str, str | dict[str, str]]:
    return tomllib.loads((DIRECTORY / language / f"{area}.toml").read_text(encoding="utf-8"))


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def forms(text: str | dict[str, str]) -> list[str]:
    return [text] if isinstance(text, str) else list(text.values())


def test_there_are_areas() -> None:
    assert {"common", "home"} <= areas()
    for language in LANGUAGES:
        assert {path.stem for path in (DIRECTORY / language).glob("*.toml")} == areas()


@pytest.mark.parametrize("area", sorted(areas()))
@pytest.mark.parametrize("language", OTHERS)
def test_keys_and_placeholders_are_those_of_english(language: str, area: str) -> None:
    english, own = texts("en", area), texts(language, area)
    assert set(own) == set(english)
    for key, text in english.items():
        wanted = set().union(*map(placeholders, forms(text)))
        assert set().union(*map(placeholders, forms(own[key]))) == wanted, key
        assert isinstance(text, str) == isinstance(own[key], str), key


@pytest.mark.parametrize("area", sorted(areas()))
@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_texts_are_complete(language: str, area: str) -> None:
    for key, text in texts(language, area).items():
        assert all(form.strip() == form and form for form in forms(text)), key
        assert all("" not in placeholders(form) and "<" not in form for form in forms(text)), key
        if not isinstance(text, str):
            assert set(text) == FORMS[language], key


def test_every_text_that_the_pages_name_exists() -> None:
    english = Texts("en")
    for path in [*PAGES.rglob("*.py"), *PAGES.rglob("*.html")]:
        source = path.read_text() if path != PAGES / "kit" / "__init__.py" else ""
        named = {key for found in CALLED.findall(source) for key in found if key} | set(NAMED.findall(source))
        named |= {f"{key}_{part}" for key in SHOWN_BY_STATUS.findall(source) for part in ("title", "text")}
        for key in named:
            area, _, name = key.partition(".")
            assert name in texts("en", area), f"{Path(path).name} names {key}"
    assert english.has("common.cart")


def test_placeholders_are_escaped() -> None:
    english = Texts("en")
    assert english("common.run_by", operator="<b>") == "Run by &lt;b&gt;."
    assert english("common.run_by", operator=Markup("<b>x</b>")) == "Run by <b>x</b>."


@pytest.mark.parametrize(
    ("language", "forms"),
    [("en", ["other", "one", "other"]), ("fr", ["one", "one", "other"]), ("ja", ["other"] * 3)],
)
def test_forms_of_numbers(language: str, forms: list[str]) -> None:
    assert [plural_form(language, count) for count in (0, 1, 2)] == forms


def test_keys_from_outside_are_looked_up_safely() -> None:
    assert [Texts("de").has(key) for key in ("common.cart", "common.none", "../x.cart", "", "common")] == [
        True,
        False,
        False,
        False,
        False,
    ]


def test_a_text_with_forms_is_asked_for_with_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "hashcart.pages.kit.texts._area",
        lambda *_: {"lines": {"one": "{count} line", "other": "{count} lines"}, "a": "b"},
    )
    english = Texts("en")
    assert [english.count("x.lines", count) for count in (1, 2)] == ["1 line", "2 lines"]
    with pytest.raises(KeyError):
        english("x.lines")
    with pytest.raises(KeyError):
        english.count("x.a", 1)
    assert not english.has("x.lines")
