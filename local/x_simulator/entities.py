"""What X finds in a text: URLs, which it replaces by t.co links, mentions and hashtags.

Spans count code points, end exclusive, as X's API v2 does. The rules are twitter-text's, as far as a demo needs them.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_URL = re.compile(r"https?://[^\s<>\"、。「」]+")
_URL_TRAILER = ".,!?;:)'…"
_MENTION = re.compile(r"(?<![A-Za-z0-9_!@#$%&*/])@([A-Za-z0-9_]{1,15})(?![A-Za-z0-9_@])")
_HASH = re.compile(r"[#＃]")
_HASHTAG_SPECIALS = "_\u200c\u200d\ua67e\u05be\u05f3\u05f4\uff5e\u301c\u309b\u309c\u30a0\u30fb\u3003\u0f0b\u0f0c\u00b7"

MAX_DISPLAY_URL = 32


@dataclass(frozen=True)
class Preview:
    """What X's crawler found behind a URL."""

    title: str
    description: str
    status: int = 200
    unwound_url: str | None = None
    image_url: str | None = None
    price: str | None = None


Previewer = Callable[[str], Preview | None]
"""Looks behind a URL; None for a page that no crawler reached."""


@dataclass(frozen=True)
class RenderedText:
    """A text as X publishes it, with its entities."""

    text: str
    entities: dict[str, Any]


def find_urls(text: str) -> list[str]:
    """The URLs of a text, in order."""
    return [match.group().rstrip(_URL_TRAILER) for match in _URL.finditer(text)]


def find_mentions(text: str) -> list[tuple[str, int, int]]:
    """User names mentioned in a text, without `@`, and where they stand."""
    return [(match[1], match.start(), match.end()) for match in _MENTION.finditer(text)]


def find_hashtags(text: str) -> list[tuple[str, int, int]]:
    """Hashtags of a text, without `#`, and where they stand."""
    return list(_hashtags(text))


def _hashtags(text: str) -> Iterator[tuple[str, int, int]]:
    for match in _HASH.finditer(text):
        start, end = match.start(), match.end()
        while end < len(text) and _is_hashtag_character(text[end]):
            end += 1
        tag = text[match.end() : end]
        before, after = text[:start], text[end:]
        starts_apart = not before or not (_is_hashtag_character(before[-1]) or before[-1] == "&")
        ends_apart = not after.startswith(("#", "＃", "://"))
        if starts_apart and ends_apart and any(unicodedata.category(letter)[0] in "LM" for letter in tag):
            yield tag, start, end


def _is_hashtag_character(letter: str) -> bool:
    category = unicodedata.category(letter)
    return category[0] in "LM" or category == "Nd" or letter in _HASHTAG_SPECIALS


def short_url(post_id: int, url: str) -> str:
    """The t.co link that stands for a URL of a post."""
    digest = hashlib.sha256(f"{post_id} {url}".encode()).hexdigest()
    return f"https://t.co/{digest[:10]}"


def display_url(url: str) -> str:
    """A URL as X's client shows it: no scheme, shortened."""
    shown = re.sub(r"^https?://(www\.)?", "", url).rstrip("/")
    return shown if len(shown) <= MAX_DISPLAY_URL else shown[: MAX_DISPLAY_URL - 1] + "…"


def domain_of(url: str) -> str:
    """The host that a card names."""
    return (urlsplit(url).hostname or "").removeprefix("www.")


def render(post_id: int, source: str, user_ids: Mapping[str, str], preview: Previewer) -> RenderedText:
    """Publish `source`: its URLs as t.co links, and the entities of the result.

    `user_ids` maps lower-case user names to ids; other mentions are plain text.
    """
    text, urls = _with_short_urls(post_id, source, preview)
    masked = text
    for url in urls:
        masked = masked[: url["start"]] + "/" * (url["end"] - url["start"]) + masked[url["end"] :]
    entities: dict[str, Any] = {
        "hashtags": [{"start": start, "end": end, "tag": tag} for tag, start, end in find_hashtags(masked)],
        "mentions": [
            {"start": start, "end": end, "username": username, "id": user_ids[username.lower()]}
            for username, start, end in find_mentions(masked)
            if username.lower() in user_ids
        ],
        "urls": urls,
    }
    return RenderedText(text, {kind: found for kind, found in entities.items() if found})


def clip(entities: Mapping[str, Any], end: int) -> dict[str, Any]:
    """The entities that lie wholly before `end`."""
    kept = {kind: [entry for entry in found if entry["end"] <= end] for kind, found in entities.items()}
    return {kind: found for kind, found in kept.items() if found}


def _with_short_urls(post_id: int, source: str, preview: Previewer) -> tuple[str, list[dict[str, Any]]]:
    text, position, urls = "", 0, []
    for match in _URL.finditer(source):
        url = match.group().rstrip(_URL_TRAILER)
        text += source[position : match.start()]
        position = match.start() + len(url)
        short = short_url(post_id, url)
        urls.append(_url_entity(url, short, len(text), preview(url)))
        text += short
    return text + source[position:], urls


def _url_entity(url: str, short: str, start: int, found: Preview | None) -> dict[str, Any]:
    entity: dict[str, Any] = {
        "start": start,
        "end": start + len(short),
        "url": short,
        "expanded_url": url,
        "display_url": display_url(url),
    }
    if found is not None:
        entity |= {
            "status": found.status,
            "title": found.title,
            "description": found.description,
            "unwound_url": found.unwound_url or url,
        }
    return entity
