"""Everything behind urllib3, for tests: answers by address, and failures as urllib3 reports them."""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from urllib3 import HTTPResponse
from urllib3.exceptions import HTTPError


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    def json(self) -> Any:
        return json.loads(self.body)


type Answer = tuple[int, object] | tuple[int, object, dict[str, str]] | Exception
type Route = Callable[[Request], Answer]


@dataclass
class Internet:
    """Stands where `urllib3.PoolManager` stands; routes are `METHOD http://host/path`, without the query."""

    routes: dict[str, Route] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)

    def answer(self, route: str, *answers: Answer) -> None:
        """Give the answers one after the other; the last one stays."""
        waiting = list(answers)
        self.routes[route] = lambda _: waiting.pop(0) if len(waiting) > 1 else waiting[0]

    def reach(self, site: str, request: Request) -> Answer:
        """What a site answers."""
        return self.routes[f"{request.method} {site}{request.path}"](request)

    def __call__(self, **_: object) -> "Internet":
        return self

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        fields: Mapping[str, str] | None,
        body: bytes | None,
        redirect: bool,
        preload_content: bool,
    ) -> HTTPResponse:
        assert not redirect
        assert "user-agent" in headers
        parts = urlsplit(url)
        request = Request(method, parts.path, dict(parse_qsl(parts.query)) | dict(fields or {}), headers, body or b"")
        self.requests.append(request)
        answer = self.reach(f"{parts.scheme}://{parts.netloc}", request)
        if isinstance(answer, HTTPError):
            raise answer
        assert not isinstance(answer, Exception)
        status, content, *rest = answer
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        return HTTPResponse(
            io.BytesIO(raw), headers=rest[0] if rest else {}, status=status, preload_content=preload_content
        )
