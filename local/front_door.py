"""The pages under a name of their own: http://cart.localhost:<port> leads to the deployed API.

Cookies belong to a name, whatever the port, so the pages must not share `127.0.0.1` with anything. The address, method,
headers and body go through as they are; MiniStack finds the API by the path that it is asked for.
"""

import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path

import httpx
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

HOST = "cart.localhost"
SECONDS = 30
NOT_PASSED_ON = frozenset({"host", "connection", "content-length", "transfer-encoding", "accept-encoding"})

Forward = Callable[[httpx.Request], Awaitable[httpx.Response]]


class FrontDoor:
    """Hands requests on to the API whose id the stack's outputs name."""

    def __init__(self, outputs_file: Path, aws_endpoint_url: str, forward: Forward | None = None) -> None:
        self._outputs_file = outputs_file
        self._endpoint = aws_endpoint_url
        client = httpx.AsyncClient(trust_env=False, timeout=SECONDS)
        self._forward = forward or client.send

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await (await self._answer(Request(scope, receive)))(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.url.hostname != HOST:
            return PlainTextResponse("This host name is not served here.", HTTPStatus.MISDIRECTED_REQUEST)
        try:
            api_id = json.loads(self._outputs_file.read_text())["HttpApiId"]
            answer = await self._forward(self._passed_on(request, api_id, await request.body()))
        except (OSError, ValueError, KeyError, httpx.HTTPError) as error:
            return PlainTextResponse(f"The stack does not answer: {type(error).__name__}.", HTTPStatus.BAD_GATEWAY)
        response = Response(answer.content, answer.status_code)
        response.raw_headers = [
            (name.lower(), value)
            for name, value in answer.headers.raw
            if name.lower().decode() not in NOT_PASSED_ON | {"content-encoding"}
        ]
        response.headers["content-length"] = str(len(answer.content))
        return response

    def _passed_on(self, request: Request, api_id: str, body: bytes) -> httpx.Request:
        path = request.scope["raw_path"].decode("ascii")
        query = request.scope["query_string"].decode("ascii")
        url = f"{self._endpoint}/_aws/execute-api/{api_id}/$default{path}{'?' if query else ''}{query}"
        headers = [(name, value) for name, value in Headers(scope=request.scope).items() if name not in NOT_PASSED_ON]
        return httpx.Request(request.method, url, headers=headers, content=body)
