"""Whatever can become of a post has words on the activity page, and so has every answer to "Why not?"."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from hashcart.domain.languages import LANGUAGES
from hashcart.domain.outcomes import Code
from hashcart.domain.parents import Availability
from hashcart.domain.why_not import Why
from hashcart.messages.cart_requests import SHORT_LINK_UNAVAILABLE, X_UNAVAILABLE
from hashcart.pages.kit.texts import DIRECTORY, Texts
from hashcart.use_cases.check_again import Stock
from hashcart.use_cases.explain_reply import Unexplained

HASHCART = DIRECTORY.parents[1]

# Who makes outcomes: what these are given or give back as a reason ends in a post's row.
MAKERS = {"Outcome", "Version", "AddRequested", "_refused", "_momentary", "_keep_trying", "pause", "replace"}
JUDGES = {"_refusal", "why_no_product"}
UNNAMED = {"_refused", "_momentary", "_keep_trying"}


def reasons_in(source: str) -> Iterator[str]:
    """The texts that a module uses as reasons of outcomes."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and _name(node.func) in MAKERS:
            named = [keyword.value for keyword in node.keywords if keyword.arg == "reason"]
            for value in named + (node.args[2:] if _name(node.func) in UNNAMED else []):
                yield from _texts(value)
        if isinstance(node, ast.FunctionDef) and node.name in JUDGES:
            for returned in ast.walk(node):
                if isinstance(returned, ast.Return) and returned.value is not None:
                    yield from _texts(returned.value)


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _texts(value: ast.expr) -> Iterator[str]:
    if isinstance(value, ast.IfExp):
        yield from _texts(value.body)
        yield from _texts(value.orelse)
    elif isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield value.value


def reasons() -> set[str]:
    modules = [path for layer in ("domain", "use_cases") for path in (HASHCART / layer).glob("*.py")]
    found = {reason for path in modules for reason in reasons_in(Path(path).read_text())}
    return found | {Availability.GONE, Availability.PROTECTED, X_UNAVAILABLE, SHORT_LINK_UNAVAILABLE}


def test_reasons_are_found_where_they_are_made() -> None:
    assert {"digital", "country", "no_link", "not_this_store", "product_gone", "edited", "undo", "store"} <= reasons()
    assert set(reasons_in('Outcome(Code.X, 1, reason="a" if b else "c")\ndef _refusal():\n    return "d"')) == {
        "a",
        "c",
        "d",
    }


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_each_outcome_and_each_reason_has_words(language: str) -> None:
    texts = Texts(language)
    named = [f"outcomes.{code.lower()}" for code in Code]
    named += [f"outcomes.reason_{reason}" for reason in reasons() if reason not in LINE_REASONS]
    named += [f"activity.why_{why}" for why in Why] + [f"activity.{unexplained}" for unexplained in Unexplained]
    named += [f"cart.stock_{stock}" for stock in Stock]
    assert [key for key in named if not texts.has(key)] == []


# Why a line was emptied; no post's row has them.
LINE_REASONS = {"removed", "handed_over", "ordered", "chosen", "done", "refused"}
