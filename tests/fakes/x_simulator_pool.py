"""X's API as urllib3 sees it: the simulator in process."""

from typing import Any

from tests.fakes.internet import Answer, Internet, Request
from tests.fakes.x_simulator_world import BASE, World


class SimulatorPool(Internet):
    """An internet in which X is the simulator, and everything else the world's webhook."""

    def __init__(self, x: World) -> None:
        super().__init__()
        self._x = x
        self.failures: dict[str, list[Answer | BaseException]] = {}
        """What a call (`METHOD /path`) gets before the simulator is asked."""

    @property
    def calls(self) -> list[str]:
        """All calls, each as `METHOD /path`."""
        return [request.name for request in self.requests]

    @property
    def bodies(self) -> list[Any]:
        """The documents that were sent."""
        sent = (request for request in self.requests if "json" in request.headers.get("content-type", ""))
        return [request.json() for request in sent]

    def reach(self, site: str, request: Request) -> Answer:
        """The failure that waits for the call, else what the simulator or the webhook answers."""
        failures = self.failures.get(request.name)
        if failures:
            failure = failures.pop(0)
            if isinstance(failure, BaseException):
                raise failure
            return failure
        if site != BASE:
            answer = self._x.endpoint.crc(request.query["crc_token"])
        else:
            answer = self._x.client.request(
                request.method,
                f"{BASE}{request.path}",
                headers=dict(request.headers),
                params=dict(request.query),
                content=request.body,
            )
        return answer.status_code, answer.content, dict(answer.headers)
