"""What fuzzing has found worth keeping goes through intake, parser, links and pages, and so do its neighbours."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.__main__ import TARGETS
from tests.fuzz.corpus import CORPUS, minimised, read_corpus
from tests.fuzz.targets import OPENERS, Target


@pytest.fixture(scope="module")
def targets() -> Iterator[dict[str, Target]]:
    with ExitStack() as stack:
        yield {name: opened(stack) for name, opened in OPENERS.items()}


@pytest.mark.parametrize("name", OPENERS)
def test_the_corpus(name: str, targets: dict[str, Target]) -> None:
    for data in read_corpus(name):
        targets[name](data)


def test_each_target_has_a_corpus_and_is_fuzzed() -> None:
    assert set(TARGETS) == set(OPENERS) == {path.stem for path in CORPUS.iterdir()}


@st.composite
def neighbours(draw: st.DrawFn, corpus: list[bytes]) -> bytes:
    """The beginning of one input, something else, and the end of another."""
    first, second = draw(st.sampled_from(corpus)), draw(st.sampled_from(corpus))
    begin, end = draw(st.integers(0, len(first))), draw(st.integers(0, len(second)))
    return first[:begin] + draw(st.binary(max_size=8)) + second[end:]


@pytest.mark.parametrize("name", OPENERS)
def test_neighbours_of_the_corpus(name: str, targets: dict[str, Target]) -> None:
    @given(neighbours(read_corpus(name)))
    def holds(data: bytes) -> None:
        targets[name](data)

    holds()


def test_only_inputs_that_reach_something_new_are_kept(targets: dict[str, Target]) -> None:
    nothing, more_of_nothing, found = b"nothing", b"nothing else is here", b"#AmazonCart x3"
    assert minimised(targets["parser"], [more_of_nothing, found, nothing, found]) == [nothing, found]
