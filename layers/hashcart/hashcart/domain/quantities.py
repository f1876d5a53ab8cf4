"""The quantity that a shopper writes beside a hashtag.

Nothing is guessed: whatever can be read in two ways, or is no whole number from 1 to 999, is no quantity.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from hashcart.domain.hashtags import Span, extract_hashtags_with_indices, url_spans

MAX_DIGITS = 3
"""More pieces than 999 are a typing error or a model number, never an order."""

_UNREADABLE = 0
_MULTIPLICATION_SIGNS = "xX×✕✖"
_MULTIPLIED = re.compile(rf"\s*[{_MULTIPLICATION_SIGNS}]\s*(?P<before>[-+−–.,/]?)(?P<digits>\d+)")
_BARE_NUMBER = re.compile(rf"\s+(?P<digits>\d+)\s*[{_MULTIPLICATION_SIGNS}]?")
_NUMBER_GOES_ON = re.compile(rf"\s++[{_MULTIPLICATION_SIGNS}]?\s*+\d")
_MENTION = re.compile("(?<![A-Za-z0-9_])[@＠][A-Za-z0-9_]{1,20}")

# They join a number to what stands before or after it: 2.5, 1,000, 1/2, 3-4, 12:30, x3-pack.
_JOINERS = frozenset(".,'’:/\\-‐‑–−⁄∕·٫٬@")
_JOINERS_OF_NUMBERS_ONLY = frozenset(",:'’·٫٬")
_CATEGORIES_OF_WORDS = ("L", "M", "N", "Sc", "Co")
_UNITS_AND_OPERATORS = frozenset("%‰‱°′″+*^=_<>±#&×✕✖")

# One character for one, so that positions stay valid: full-width forms become ASCII, the invisible becomes a space.
_PLAIN_FULL_WIDTH = {full_width: full_width - 0xFEE0 for full_width in range(0xFF01, 0xFF5F)}
_INVISIBLE = (0x061C, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFE0E, 0xFE0F, 0xFEFF)
_KEYCAP = 0x20E3
_PLAIN = _PLAIN_FULL_WIDTH | dict.fromkeys((*_INVISIBLE, _KEYCAP), " ")


def quantity_beside(text: str, start: int, end: int, ignorable: Sequence[Span] = ()) -> int | None:
    """The quantity at the hashtag `text[start:end]`, from 1 to 999, or None.

    It is multiplied (`#AmazonCart x3`, `×3`, `3x #AmazonCart`) or bare (`#AmazonCart 3`). A bare one counts only if
    nothing but links, mentions and punctuation follows. `ignorable` are the URLs and mentions that X found. They count
    as spaces, as do those that the text itself shows. Two different quantities, or one that is zero, negative,
    fractional or huge, are none.
    """
    plain = without_links_and_mentions(text, ignorable)
    quantities = {_quantity_before(plain[:start]), _quantity_after(plain[end:])} - {None}
    return (quantities.pop() or None) if len(quantities) == 1 else None


def without_links_and_mentions(text: str, ignorable: Sequence[Span] = ()) -> str:
    """`text` with spaces in place of URLs and mentions, `#` in place of hashtags, and full-width forms as ASCII.

    Positions stay valid. `ignorable` are the URLs and mentions that X found, beside those that the text itself shows.
    """
    plain = _overwritten(text.translate(_PLAIN), [*ignorable, *_urls_and_mentions(text)], " ")
    return _overwritten(plain, ((hashtag.start, hashtag.end) for hashtag in extract_hashtags_with_indices(text)), "#")


def _urls_and_mentions(text: str) -> list[Span]:
    return url_spans(text) + [mention.span() for mention in _MENTION.finditer(text)]


def _overwritten(text: str, spans: Iterable[Span], filler: str) -> str:
    pieces: list[str] = []
    position = 0
    for span_start, end in sorted(spans):
        start = max(span_start, position)
        if end > start:
            pieces += (text[position:start], filler * (min(end, len(text)) - start))
            position = end
    return "".join(pieces) + text[position:]


def _quantity_before(text: str) -> int | None:
    factor = text.rstrip()
    if not factor.endswith(tuple(_MULTIPLICATION_SIGNS)):
        return None
    number = factor[:-1].rstrip()
    start = next((index for index in range(len(number), 0, -1) if not number[index - 1].isdecimal()), 0)
    if start == len(number):
        return None
    return _quantity(number[start:]) if _may_precede_number(number[:start]) else _UNREADABLE


def _quantity_after(text: str) -> int | None:
    if multiplied := _MULTIPLIED.match(text):
        readable = not multiplied["before"] and _may_follow_number(text[multiplied.end() :])
        return _quantity(multiplied["digits"]) if readable else _UNREADABLE
    bare = _BARE_NUMBER.match(text)
    if bare and all(map(_is_punctuation, text[bare.end() :])):
        return _quantity(bare["digits"])
    return None


def _quantity(digits: str) -> int:
    return int(digits) if len(digits) <= MAX_DIGITS else _UNREADABLE


def _may_precede_number(before: str) -> bool:
    character = before[-1:]
    if character.isspace():
        return not before.rstrip().rstrip(_MULTIPLICATION_SIGNS).rstrip()[-1:].isdecimal()
    return not (character in _JOINERS or _belongs_to_number(character))


def _may_follow_number(after: str) -> bool:
    character, rest = after[:1], after[1:2]
    if character.isspace():
        return not _NUMBER_GOES_ON.match(after)
    if character in _JOINERS:
        return not (rest.isdecimal() if character in _JOINERS_OF_NUMBERS_ONLY else rest.isalnum())
    return not _belongs_to_number(character)


def _is_punctuation(character: str) -> bool:
    return unicodedata.category(character)[0] in "PZC" and not _belongs_to_number(character)


def _belongs_to_number(character: str) -> bool:
    """Words, numbers, units and operators do; spaces, punctuation and pictures stand for themselves."""
    category = unicodedata.category(character or " ")
    return character in _UNITS_AND_OPERATORS or category.startswith(_CATEGORIES_OF_WORDS)
