"""The words beside a hashtag that may choose a size, a colour or the like, freed of everything else.

They leave `hashtag_parsing` in place of the post's text: folded, few and short.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence

from hashcart.domain.folding import MAX_LENGTH, fold
from hashcart.domain.hashtags import Span
from hashcart.domain.quantities import without_links_and_mentions

MAX_WORDS = 16
MAX_WORD_LENGTH = 40

END = "."
QUESTION = "?"
OMITTED = "…"
"""What stands among the words: the end of a sentence, that of a question, and words that were too many."""

MARKS = frozenset({END, QUESTION, OMITTED})

# Between letters they join what is one word or one size: don't, x-large, 10.5, 10,5, S/M, 32/34.
# Unicode counts ʼ as a letter.
_LETTERS = r"[^\W_ʼ]+"
_WORD = re.compile(rf"{_LETTERS}(?:(?:['’ʼ‐‑-]|(?<=\d)[.,](?=\d)|[/⁄]){_LETTERS})*")
_JOINERS_DROPPED = dict.fromkeys(map(ord, "'’ʼ‐‑-"))
_DECIMAL_COMMA = str.maketrans(",⁄", "./")
_MULTIPLICATION_SIGNS = str.maketrans("×✕✖", "xxx")

_JAPANESE_SCRIPTS = (("\u3041", "\u309f", "hiragana"), ("\u30a0", "\u30ff", "katakana"), ("\u3400", "\u9fff", "kanji"))


def option_words(text: str, start: int, end: int, ignorable: Sequence[Span] = ()) -> tuple[str, ...]:
    """The words on the line of the hashtag `text[start:end]`, or on the next line if it stands alone on its own.

    They are folded (`domain.folding`) and at most 16, the nearest. `ignorable` are the URLs and mentions that X found;
    they and other hashtags are left out. Marks among the words tell where sentences end.
    """
    plain = without_links_and_mentions(text, ignorable)
    before = plain[:start].rpartition("\n")[2]
    after, _, below = plain[end:].partition("\n")
    words_before, words_after = words_of(before[-MAX_LENGTH:]), words_of(after)
    if not words_before and not words_after:
        words_after = words_of(below.lstrip().partition("\n")[0])
    last = _shortened(words_after)
    room = MAX_WORDS - _count(last)
    first = tuple(reversed(_shortened(tuple(reversed(words_before)), room))) if room else ()
    return _tidy((*first, END, *last))


def words_of(text: str) -> tuple[str, ...]:
    """The folded words of a text, with a mark after each sentence but the last."""
    folded = fold(text).translate(_MULTIPLICATION_SIGNS)
    words: list[str] = []
    position = 0
    for match in _WORD.finditer(folded):
        words += _marks(folded[position : match.start()])
        words += _split_scripts(match[0].translate(_JOINERS_DROPPED).translate(_DECIMAL_COMMA))
        position = match.end()
    words += _marks(folded[position:])
    return _tidy(tuple(word[:MAX_WORD_LENGTH] for word in words))


def _marks(between: str) -> Iterator[str]:
    """Sentences end with a full stop and the like, at a spaced dash, at another hashtag and at a picture."""
    if "?" in between:
        yield QUESTION
    elif any(map(_ends_sentence, between)) or re.search(r"\s[-‐-―]+\s", between):
        yield END


def _ends_sentence(character: str) -> bool:
    return character in ".!;…。#" or (unicodedata.category(character)[0] == "S" and character not in "=+*|")


def _split_scripts(word: str) -> Iterator[str]:
    """Japanese writes without spaces; its words change where the script does."""
    start = 0
    for index in range(1, len(word)):
        if _script(word[index - 1]) != _script(word[index]):
            yield word[start:index]
            start = index
    yield word[start:]


def _script(character: str) -> str:
    if character == "々":
        return "kanji"
    return next((name for first, last, name in _JAPANESE_SCRIPTS if first <= character <= last), "")


def _shortened(words: tuple[str, ...], room: int = MAX_WORDS) -> tuple[str, ...]:
    for index, word in enumerate(words):
        room -= word not in MARKS
        if room < 0:
            return (*words[:index], OMITTED)
    return words


def _count(words: tuple[str, ...]) -> int:
    return sum(word not in MARKS for word in words)


def _tidy(words: tuple[str, ...]) -> tuple[str, ...]:
    """Without marks that end nothing."""
    kept: list[str] = []
    for word in words:
        if word != END or (kept and kept[-1] not in (END, QUESTION)):
            kept.append(word)
    return tuple(kept[:-1] if kept[-1:] == [END] else kept)
