"""What e-mails say. Every language has the same keys and the same placeholders; a test holds them to it.

`subject.*` never names a product: subjects show on lock screens. `problem.*` says what became of a reply, `reason.*` why,
`next.*` what to do about it; `digest.*` follows a product's title in a list. Products are never named inside a sentence.
"""

from collections.abc import Mapping
from importlib import import_module

from hashcart.domain.replies import DEFAULT_LANGUAGE

LANGUAGES = ("en", "fr", "es", "de", "ja")


def texts_in(language: str) -> tuple[str, Mapping[str, str]]:
    """The language that is spoken to a shopper who reads `language`, and its texts; English where we do not speak it."""
    spoken = language.split("-", 1)[0].lower()
    if spoken not in LANGUAGES:
        spoken = DEFAULT_LANGUAGE
    texts: Mapping[str, str] = import_module(f"{__name__}.{spoken}").TEXTS
    return spoken, texts
