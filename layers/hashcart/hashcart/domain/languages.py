"""The languages that shoppers read."""

DEFAULT_LANGUAGE = "en"
LANGUAGES = {"en": "English", "fr": "Français", "es": "Español", "de": "Deutsch", "ja": "日本語"}
"""Languages by their ISO 639-1 code, each with its own name for itself."""

MAX_ACCEPTED = 20


def known_language(tag: str | None) -> str | None:
    """The language of a tag such as `de-AT`; None if there are no texts in it."""
    language = (tag or "").strip().split("-", 1)[0].lower()
    return language if language in LANGUAGES else None


def accepted_language(header: str) -> str | None:
    """The first language of an `Accept-Language` header, by its weights (RFC 9110, section 12.5.4), that we have."""
    weighted = [_weighted(part) for part in header.split(",")[:MAX_ACCEPTED]]
    wanted = sorted((entry for entry in weighted if entry[1] > 0), key=lambda entry: -entry[1])
    return next((language for tag, _ in wanted if (language := known_language(tag))), None)


def _weighted(part: str) -> tuple[str, float]:
    tag, _, parameter = part.partition(";")
    name, _, weight = parameter.partition("=")
    if name.strip().lower() != "q":
        return tag, 1.0
    try:
        return tag, float(weight)
    except ValueError:
        return tag, 0.0
