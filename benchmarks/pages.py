"""How heavy the pages are and how soon their first byte comes: `make page-weight`.

It opens the pages of an embedded stack that runs, as a shopper who is signed in where a page wants one. Cold means that
the function's worker was thrown away before, so that Python starts anew; its network is this machine, not the internet.
"""

import gzip
import hashlib
import json
import re
import secrets
import statistics
import time
from dataclasses import dataclass
from urllib.parse import urljoin

import boto3
import httpx

from hashcart.domain.sessions import Session
from hashcart.pages.kit.browser import SESSION_COOKIE
from hashcart.storage.account_links import AccountLinks
from hashcart.storage.sessions import Sessions
from local.settings import LocalSettings, from_environment
from local.stack.environment import CREDENTIAL, REGION

SHOPPER = "222"
WARM_ROUNDS, COLD_ROUNDS = 15, 3
TIMEOUT_SECONDS = 30
"""The functions' time-out in template.yaml. Another one renews the worker; the last is that of the template again."""

PAGES = {
    "/": "CartPageFunction",
    "/cart": "CartPageFunction",
    "/activity": "CartPageFunction",
    "/link": "AccountLinkingFunction",
    "/account": "AccountLinkingFunction",
}
_ASSET = re.compile(r'(?:href|src)="(/static/[^"]+)"')


@dataclass(frozen=True)
class Stack:
    """The stack, and a browser's side of it."""

    settings: LocalSettings
    session: boto3.Session
    http: httpx.Client

    def first_byte_ms(self, path: str) -> float:
        """Milliseconds from the request to the first byte of the answer's body."""
        began = time.perf_counter()
        with self.http.stream("GET", path) as answer:
            answer.raise_for_status()
            next(answer.iter_raw())
            return (time.perf_counter() - began) * 1000

    def forget_worker(self, logical_id: str, timeout: int) -> None:
        """Make the function's next request a cold one."""
        functions = self.session.client("lambda", endpoint_url=self.settings.aws_endpoint_url)
        found = functions.list_functions()["Functions"]
        name = next(function["FunctionName"] for function in found if f"-{logical_id}-" in function["FunctionName"])
        functions.update_function_configuration(FunctionName=name, Timeout=timeout)
        version = functions.publish_version(FunctionName=name)["Version"]
        functions.update_alias(FunctionName=name, Name="live", FunctionVersion=version)


def open_stack() -> Stack:
    """The running stack, with a session of a seeded shopper."""
    settings = from_environment()
    outputs = json.loads(settings.outputs_file.read_text())
    session = boto3.Session(CREDENTIAL, CREDENTIAL, region_name=REGION)
    dynamodb = session.client("dynamodb", endpoint_url=settings.aws_endpoint_url)
    link = AccountLinks(dynamodb, outputs["AccountLinksTableName"]).of_profile(SHOPPER)
    if link is None:
        raise SystemExit("The shopper of the seed is not linked any more: make reset")
    secret, now_ms = secrets.token_urlsafe(32), time.time_ns() // 1_000_000
    key = hashlib.sha256(secret.encode()).hexdigest()
    Sessions(dynamodb, outputs["SessionsTableName"]).save(Session(key, now_ms, now_ms, link.shopper_id, "en"))
    headers = {"host": f"cart.localhost:{settings.cart_port}", "cookie": f"{SESSION_COOKIE}={secret}"}
    address = f"http://127.0.0.1:{settings.cart_port}"
    return Stack(settings, session, httpx.Client(base_url=address, headers=headers, timeout=30))


def weight(stack: Stack, path: str) -> tuple[int, int, int]:
    """Bytes of a page's HTML, of that compressed, and of what it loads from us on a first visit."""
    page = stack.http.get(path).raise_for_status()
    assets = {urljoin(path, found) for found in _ASSET.findall(page.text)}
    return (
        len(page.content),
        len(gzip.compress(page.content)),
        sum(len(stack.http.get(asset).raise_for_status().content) for asset in assets),
    )


def main() -> None:
    """Measure and print a table."""
    stack = open_stack()
    print(f"{'page':10} {'HTML':>8} {'gzipped':>8} {'style, pictures':>16} {'warm':>8} {'cold':>8}")
    for path, function in PAGES.items():
        html, compressed, assets = weight(stack, path)
        warm = statistics.median(stack.first_byte_ms(path) for _ in range(WARM_ROUNDS))
        cold = []
        for number in range(COLD_ROUNDS):
            stack.forget_worker(function, timeout=TIMEOUT_SECONDS - COLD_ROUNDS + 1 + number)
            cold.append(stack.first_byte_ms(path))
        sizes = f"{html:7} B {compressed:6} B {assets:14} B"
        print(f"{path:10} {sizes} {warm:5.0f} ms {statistics.median(cold):5.0f} ms")


if __name__ == "__main__":
    main()
