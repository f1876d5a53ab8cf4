"""Jinja2 templates with what all of them see."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from hashcart.domain.formats import date, date_time, money
from hashcart.domain.languages import LANGUAGES
from hashcart.pages.kit.assets import Assets
from hashcart.pages.kit.visitor import Visitor

TEMPLATES = Path(__file__).parents[1] / "templates"


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """What the pages say of the store and of who runs this deployment; empty texts are left out."""

    name: str
    operator_name: str
    operator_url: str
    privacy_url: str
    hashtags: tuple[str, ...]
    bot_username: str


class Renderer:
    """Renders a template for a visitor."""

    def __init__(self, store: StoreFacts, assets: Assets) -> None:
        self._everywhere = {"store": store, "link": link, "asset": assets.path, "languages": LANGUAGES}

    def page(self, template: str, visitor: Visitor, context: Mapping[str, object]) -> str:
        """The page's HTML."""
        language = visitor.language
        shared: dict[str, Any] = {
            "visitor": visitor,
            "language": language,
            "t": visitor.texts,
            "money": partial(money, language=language),
            "date": partial(date, language=language),
            "date_time": partial(date_time, language=language),
            "notice": _notice(visitor),
        }
        return _templates().get_template(template).render(self._everywhere | shared | dict(context))


@cache
def _templates() -> Environment:
    """The templates, each compiled when it is first used in a process."""
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def link(url: str, text: str) -> Markup:
    """A link to another site, to stand inside a text."""
    return Markup('<a href="{}" rel="noopener">{}</a>').format(url, text)


def _notice(visitor: Visitor) -> Markup | None:
    left = visitor.browser.take_notice()
    if left is None or not visitor.texts.has(left[0]):
        return None
    try:
        return visitor.texts(left[0], **left[1])
    except (KeyError, IndexError):
        return None
