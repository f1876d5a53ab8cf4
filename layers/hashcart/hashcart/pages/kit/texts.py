"""Texts in the visitor's language, from `texts/<language>/<area>.toml`."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from markupsafe import Markup, escape

DIRECTORY = Path(__file__).parents[1] / "texts"

type Text = str | Mapping[str, str]


class Texts:
    """Called with a key (area and name) and the placeholders, which are escaped unless they are Markup."""

    def __init__(self, language: str) -> None:
        self.language = language

    def __call__(self, key: str, /, **values: object) -> Markup:
        """A text."""
        text = self._find(key)
        if not isinstance(text, str):
            raise KeyError(f"{key} depends on a number")
        return escape(text).format(**values)

    def count(self, key: str, count: int, /, **values: object) -> Markup:
        """A text that depends on a number, which it may show as `{count}`."""
        text = self._find(key)
        if isinstance(text, str):
            raise KeyError(f"{key} depends on no number")
        return escape(text[plural_form(self.language, count)]).format(count=count, **values)

    def has(self, key: str) -> bool:
        """Whether there is a text under a key that came from outside."""
        area, _, name = key.partition(".")
        return area in areas() and isinstance(_area(self.language, area).get(name), str)

    def _find(self, key: str) -> Text:
        area, _, name = key.partition(".")
        return _area(self.language, area)[name]


def plural_form(language: str, count: int) -> str:
    """`one` or `other`, by the rules of Unicode's CLDR for whole numbers."""
    match language:
        case "ja":
            return "other"
        case "fr":
            return "one" if count in (0, 1) else "other"
        case _:
            return "one" if count == 1 else "other"


@cache
def areas() -> frozenset[str]:
    """The names of the text files."""
    return frozenset(path.stem for path in (DIRECTORY / "en").glob("*.toml"))


@cache
def _area(language: str, area: str) -> Mapping[str, Text]:
    return tomllib.loads((DIRECTORY / language / f"{area}.toml").read_text(encoding="utf-8"))
