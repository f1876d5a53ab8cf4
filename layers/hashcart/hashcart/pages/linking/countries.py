"""Countries by name, as a reader of the language looks for them."""

import unicodedata
from collections.abc import Iterable

from hashcart.pages.kit.texts import Texts


def named_countries(texts: Texts, codes: Iterable[str]) -> list[tuple[str, str]]:
    """Name and code of countries (ISO 3166-1 alpha-2), by their names; one without a name goes by its code."""
    named = ((str(texts(f"countries.{code}")) if texts.has(f"countries.{code}") else code, code) for code in codes)
    return sorted(named, key=lambda country: _without_accents(country[0]))


def _without_accents(name: str) -> str:
    return "".join(letter for letter in unicodedata.normalize("NFD", name) if not unicodedata.combining(letter))
