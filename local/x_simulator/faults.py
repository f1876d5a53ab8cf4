"""Failures of X on demand, for tests of what must survive them."""

import asyncio
from dataclasses import dataclass
from http import HTTPStatus

from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from local.x_simulator.problems import PROBLEMS


@dataclass
class Fault:
    """The next `count` calls of `method` and `path` fail with `status`, after `delay` seconds.

    `after_effect` lets the call take effect first, as when an answer is lost on its way. `reset_in` is how many
    seconds ahead a 429 says its window ends; with None it comes without headers. With `cut` the connection ends in the
    middle of an answer that begins with `status`.
    """

    method: str
    path: str
    status: int
    count: int = 1
    delay: float = 0.0
    after_effect: bool = False
    reset_in: int | None = 60
    cut: bool = False

    async def response(self, now: float) -> Response:
        """The failure, in due time."""
        await asyncio.sleep(self.delay)
        if self.cut:
            return CutResponse(b'{"data":{"id":"20', self.status, media_type="application/json")
        if self.status == HTTPStatus.TOO_MANY_REQUESTS:
            body: dict[str, object] = {"errors": [{"code": 88, "message": "Rate limit exceeded"}]}
            return JSONResponse(body, self.status, self._limit_headers(now))
        title = HTTPStatus(self.status).phrase
        body = {"type": f"{PROBLEMS}internal-error", "title": title, "detail": title, "status": self.status}
        return JSONResponse(body, self.status, media_type="application/problem+json")

    def _limit_headers(self, now: float) -> dict[str, str]:
        if self.reset_in is None:
            return {}
        return {
            "x-rate-limit-limit": "1",
            "x-rate-limit-remaining": "0",
            "x-rate-limit-reset": str(int(now) + self.reset_in),
        }


class CutResponse(Response):
    """An answer that ends before its length: the server closes a connection whose answer it cannot complete."""

    MISSING = 100

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what there is, as if more followed."""
        del scope, receive
        self.headers["content-length"] = str(len(self.body) + self.MISSING)
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})


class Faults:
    """The failures that are still to come."""

    def __init__(self) -> None:
        self.pending: list[Fault] = []

    def take(self, method: str, path: str) -> Fault | None:
        """The failure that this call meets, if any."""
        for fault in self.pending:
            if fault.method == method and fault.path == path:
                fault.count -= 1
                if fault.count <= 0:
                    self.pending.remove(fault)
                return fault
        return None
