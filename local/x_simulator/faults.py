"""Failures of X on demand, for tests of what must survive them."""

import asyncio
from dataclasses import dataclass
from http import HTTPStatus

from starlette.responses import JSONResponse, Response

from local.x_simulator.problems import PROBLEMS


@dataclass
class Fault:
    """The next `count` calls of `method` and `path` fail with `status`, after `delay` seconds.

    `after_effect` lets the call take effect first, as when an answer is lost on its way. `reset_in` is how many
    seconds ahead a 429 says its window ends.
    """

    method: str
    path: str
    status: int
    count: int = 1
    delay: float = 0.0
    after_effect: bool = False
    reset_in: int = 60

    async def response(self, now: float) -> Response:
        """The failure, in due time."""
        await asyncio.sleep(self.delay)
        if self.status == HTTPStatus.TOO_MANY_REQUESTS:
            headers = {
                "x-rate-limit-limit": "1",
                "x-rate-limit-remaining": "0",
                "x-rate-limit-reset": str(int(now) + self.reset_in),
            }
            return JSONResponse({"errors": [{"code": 88, "message": "Rate limit exceeded"}]}, self.status, headers)
        title = HTTPStatus(self.status).phrase
        body = {"type": f"{PROBLEMS}internal-error", "title": title, "detail": title, "status": self.status}
        return JSONResponse(body, self.status, media_type="application/problem+json")


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
