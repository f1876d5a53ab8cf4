"""Misfortune, for tests and demonstrations: the next basket that HashCart changes is answered by nothing."""

import json
import os
import signal
from collections.abc import Callable, Iterator

from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse

PATH = "/simulator/fault"


class Faults:
    """Middleware. POST {"effect": "cut" or "kill", "when": "before" or "after"} the shop acts."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response
        self._waiting: list[tuple[str, str]] = []

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, or let it happen."""
        if request.path == PATH and request.method == "POST":
            fault = json.loads(request.body)
            self._waiting.append((fault["effect"], fault["when"]))
            return JsonResponse({"waiting": len(self._waiting)})
        if not (request.method == "PUT" and request.path.startswith("/api/hashcart/") and self._waiting):
            return self._get_response(request)
        effect, when = self._waiting.pop(0)
        _ = request.body  # read, so that a connection that stays open begins with the next request
        if when == "after":
            self._get_response(request)
        if effect == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        cut = StreamingHttpResponse(_cut_off(), content_type="application/json")
        cut["Content-Length"] = "1000"
        return cut


def _cut_off() -> Iterator[bytes]:
    yield b'{"basket": '
    raise ConnectionResetError("cut off")
