"""Texts made comparable: without case, accents, width and superfluous spaces."""

import unicodedata

MAX_LENGTH = 500
"""Characters that are looked at; normalising a long row of combining marks takes quadratic time."""

# The voicing marks of kana make other letters, as が and か; all else that combines is an accent.
_VOICING_MARKS = frozenset("\u3099\u309a")


def fold(text: str) -> str:
    """The form in which names and words compare equal: `Größe` and `GROSSE`, `Ｌ` and `l`, `Café` and `cafe`."""
    decomposed = unicodedata.normalize("NFKD", text[:MAX_LENGTH]).casefold()
    decomposed = unicodedata.normalize("NFKD", decomposed)
    kept = (mark for mark in decomposed if mark in _VOICING_MARKS or not unicodedata.combining(mark))
    return " ".join(unicodedata.normalize("NFC", "".join(kept)).split())
