"""X's API as urllib3 sees it: the simulator in process."""

import io
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from urllib3.response import HTTPResponse

from tests.fakes.x_simulator_world import BASE, World


class SimulatorPool:
    """Stands where `urllib3.PoolManager` stands: X is the simulator, the webhook the world's endpoint."""

    def __init__(self, x: World) -> None:
        self._x = x
        self.calls: list[str] = []
        self.bodies: list[Any] = []
        self.failures: dict[str, list[tuple[int, Any] | BaseException]] = {}
        """What a call (`METHOD /path`) gets before the simulator is asked."""

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
        path = urlsplit(url).path
        if (headers.get("content-type") or "").startswith("application/json"):
            self.bodies.append(json.loads(body or b""))
        self.calls.append(f"{method} {path}")
        failures = self.failures.get(f"{method} {path}")
        if failures:
            failure = failures.pop(0)
            if isinstance(failure, BaseException):
                raise failure
            return _response(
                failure[0], failure[1] if isinstance(failure[1], bytes) else json.dumps(failure[1]).encode(), {}
            )
        if url.startswith(BASE):
            answer = self._x.client.request(method, url, headers=dict(headers), params=fields, content=body)
        else:
            answer = self._x.endpoint.crc((fields or {})["crc_token"])
        return _response(answer.status_code, answer.content, dict(answer.headers))


def _response(status: int, content: bytes, headers: Mapping[str, str]) -> HTTPResponse:
    return HTTPResponse(io.BytesIO(content), headers=dict(headers), status=status, preload_content=False)
