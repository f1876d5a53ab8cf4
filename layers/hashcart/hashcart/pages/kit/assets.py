"""Style and pictures: their names carry a hash of their content, so browsers may keep them for ever."""

import hashlib
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from hashcart.pages.kit.colours import Accent
from hashcart.pages.kit.errors import PageError
from hashcart.pages.kit.responses import FOREVER, Response
from hashcart.pages.kit.routes import Route, get
from hashcart.pages.kit.visitor import Visitor

DIRECTORY = Path(__file__).parents[1] / "static"
TYPES = {".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file to serve."""

    body: str
    content_type: str


class Assets:
    """Everything in `static/`, with the store's colour in place."""

    def __init__(self, accent: Accent) -> None:
        self._paths: dict[str, str] = {}
        self._assets: dict[str, Asset] = {}
        for file in sorted(DIRECTORY.iterdir()):
            body = _coloured(file.read_text(encoding="utf-8"), accent)
            digest = hashlib.sha256(body.encode()).hexdigest()[:12]
            served = f"{file.stem}.{digest}{file.suffix}"
            self._paths[file.name] = f"/static/{served}"
            self._assets[served] = Asset(body, TYPES[file.suffix])

    def path(self, name: str) -> str:
        """The address of a file of `static/`."""
        return self._paths[name]

    def routes(self) -> list[Route]:
        """Where they are served."""
        return [get("/static/{name}", self._serve, public=True)]

    def _serve(self, visitor: Visitor) -> Response:
        asset = self._assets.get(visitor.path["name"])
        if asset is None:
            raise PageError(HTTPStatus.NOT_FOUND, "common.not_found")
        return Response(body=asset.body, content_type=asset.content_type, headers={"cache-control": FOREVER})


def _coloured(text: str, accent: Accent) -> str:
    for name, colour in (
        ("ground", accent.ground),
        ("text-on-it", accent.text_on_it),
        ("on-light", accent.on_light),
        ("on-dark", accent.on_dark),
    ):
        text = text.replace(f"accent-{name}()", colour)
    return text
