"""Outbound HTTP: every call has a time-out, a bounded answer and a user agent, and nothing is followed elsewhere."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import urllib3
from urllib3.exceptions import HTTPError
from urllib3.util import Retry, Timeout

USER_AGENT = "HashCart (+https://github.com/hashcart/hashcart)"
TIMEOUT = Timeout(connect=2.0, read=5.0, total=6.0)
ANSWER_SECONDS = 6.0
MAX_ANSWER_BYTES = 2 * 1024 * 1024
PIECE_BYTES = 64 * 1024

# A failed connection has had no effect, so it alone is tried again here; everything else is the caller's to decide.
CONNECT_RETRY = Retry(total=1, connect=1, read=0, redirect=0, status=0, other=0, backoff_factor=0.2)


class UnreachableError(Exception):
    """The other side did not answer in time, or not with HTTP, or with more than is reasonable."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON. Raises UnreachableError if it is not, as with an error page of something in between."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise UnreachableError("the answer is not JSON") from error


class HttpClient:
    """A connection pool; one a process."""

    def __init__(self, pool: "urllib3.PoolManager | None" = None) -> None:
        self._pool = pool or urllib3.PoolManager(retries=CONNECT_RETRY, timeout=TIMEOUT)

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """One call; `fields` go into the query. Raises UnreachableError when there is no complete answer."""
        try:
            response = self._pool.request(
                method,
                url,
                headers={"user-agent": USER_AGENT, "accept": "application/json", **(headers or {})},
                fields=fields,
                body=body,
                redirect=False,
                preload_content=False,
            )
            content = self._content(response, time.monotonic() + ANSWER_SECONDS)
        except HTTPError as error:
            raise UnreachableError(type(error).__name__) from error
        return Answer(response.status, {name.lower(): value for name, value in response.headers.items()}, content)

    def _content(self, response: "urllib3.BaseHTTPResponse", deadline: float) -> bytes:
        """The body, in pieces: urllib3's time-outs hold for each piece, so an answer that drips would never end."""
        content = b""
        while piece := response.read1(PIECE_BYTES, decode_content=True):
            content += piece
            if len(content) > MAX_ANSWER_BYTES or time.monotonic() > deadline:
                response.close()
                raise UnreachableError("the answer is too long or too slow")
        response.release_conn()
        return content
