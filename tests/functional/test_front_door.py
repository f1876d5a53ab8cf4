"""http://cart.localhost leads to the deployed API, with cookies both ways."""

import asyncio
import json
from pathlib import Path

import httpx
import pytest

from local.front_door import Forward, FrontDoor


def ask(outputs: Path, forward: Forward, host: str = "cart.localhost:8402", **request: object) -> httpx.Response:
    async def call() -> httpx.Response:
        transport = httpx.ASGITransport(FrontDoor(outputs, "http://127.0.0.1:4566", forward))
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
            return await client.request(**request)  # type: ignore[arg-type]

    return asyncio.run(call())


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    path = tmp_path / "outputs.json"
    path.write_text(json.dumps({"HttpApiId": "abc123"}))
    return path


def test_a_request_and_its_answer_go_through_as_they_are(outputs: Path) -> None:
    passed_on: list[httpx.Request] = []

    async def forward(request: httpx.Request) -> httpx.Response:
        passed_on.append(request)
        cookies = [("set-cookie", "__Host-a=1; Path=/; Secure"), ("set-cookie", "__Host-b=2; Path=/; Secure")]
        return httpx.Response(303, headers=[*cookies, ("location", "/cart?x=%2F")], content=b"moved")

    answer = ask(
        outputs,
        forward,
        method="POST",
        url="/cart/a%20b?c=%26&d=e",
        content=b"csrf_token=x",
        headers={"cookie": "__Host-hashcart=s", "origin": "http://cart.localhost:8402"},
    )
    [request] = passed_on
    assert str(request.url) == "http://127.0.0.1:4566/_aws/execute-api/abc123/$default/cart/a%20b?c=%26&d=e"
    assert (request.method, request.content) == ("POST", b"csrf_token=x")
    assert request.headers["cookie"] == "__Host-hashcart=s"
    assert request.headers["origin"] == "http://cart.localhost:8402"
    assert (answer.status_code, answer.headers["location"], answer.content) == (303, "/cart?x=%2F", b"moved")
    assert [value.split("=")[0] for value in answer.headers.get_list("set-cookie")] == ["__Host-a", "__Host-b"]


def test_other_names_are_not_served(outputs: Path) -> None:
    async def forward(_: httpx.Request) -> httpx.Response:
        raise AssertionError

    assert ask(outputs, forward, host="evil.example", method="GET", url="/").status_code == 421


def test_a_stack_that_does_not_answer_is_said_to(outputs: Path, tmp_path: Path) -> None:
    async def forward(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    assert ask(outputs, forward, method="GET", url="/").status_code == 502
    assert ask(tmp_path / "none.json", forward, method="GET", url="/").status_code == 502
