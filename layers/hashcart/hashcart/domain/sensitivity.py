"""Which products nothing is said about: never in public, discreetly on the pages and in e-mail."""

import re
from collections.abc import Iterable

from hashcart.domain.folding import fold

# A category may come as a path: "Books > Health", "Books/Health", "Health, Household".
_PATH_SEPARATORS = re.compile(r"[>›»/|→,]")


def is_sensitive(category: str | None, *, flagged: bool, categories: Iterable[str]) -> bool:
    """Whether a product is sensitive: its store says so, or its category is one of the merchant's or the shopper's.

    Case, accents and width do not matter. `category` may be a path: then one of its steps is enough, or several in a
    row where an entry of `categories` is a path itself.
    """
    if flagged:
        return True
    path = _path(category or "")
    return any(_contains(path, wanted) for wanted in map(_path, categories))


def _path(category: str) -> list[str]:
    return [step for step in map(str.strip, _PATH_SEPARATORS.split(fold(category))) if step]


def _contains(path: list[str], wanted: list[str]) -> bool:
    starts = range(len(path) - len(wanted) + 1)
    return bool(wanted) and any(path[start : start + len(wanted)] == wanted for start in starts)
