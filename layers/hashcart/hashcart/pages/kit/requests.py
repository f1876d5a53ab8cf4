"""One request of a browser, as API Gateway hands it over (payload format 2.0)."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from hashcart.pages.kit.errors import PageError

MAX_BODY_BYTES = 16 * 1024
MAX_FIELDS = 100
MAX_COOKIES = 50
FORM_TYPE = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Request:
    """A request; header names are in lower case, of a repeated query field the last one counts."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    cookies: Mapping[str, str]
    body: bytes
    source_address: str
    domain_name: str

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> "Request":
        """Read the event. Whatever a browser can send is read without an error."""
        headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        http = event["requestContext"]["http"]
        # API Gateway lists cookies apart; what stands in for it may leave them in their header.
        cookies = event.get("cookies") or headers.get("cookie", "").split(";")
        return cls(
            method=http["method"],
            path=event["rawPath"] or "/",
            query=_fields(event.get("rawQueryString", "")),
            headers=headers,
            cookies=dict(_cookie(cookie) for cookie in cookies[:MAX_COOKIES]),
            body=_body(event),
            source_address=http.get("sourceIp", ""),
            domain_name=event["requestContext"].get("domainName", ""),
        )

    @property
    def is_reading(self) -> bool:
        """Whether it changes nothing."""
        return self.method in ("GET", "HEAD")

    def form(self) -> dict[str, list[str]]:
        """The fields of a form, each with all its values. Raises PageError if it is none, or too large."""
        if len(self.body) > MAX_BODY_BYTES:
            raise PageError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "common.too_large")
        if self.headers.get("content-type", "").split(";")[0].strip().lower() != FORM_TYPE:
            raise PageError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "common.bad_form", reason="content type")
        fields: dict[str, list[str]] = {}
        try:
            pairs = parse_qsl(
                self.body.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict"
            )
        except ValueError:
            raise PageError(HTTPStatus.BAD_REQUEST, "common.bad_form", reason="not form-encoded") from None
        for name, value in pairs:
            fields.setdefault(name, []).append(value)
        return fields


def _fields(query: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(query, keep_blank_values=True, max_num_fields=MAX_FIELDS))
    except ValueError:
        return {}


def _cookie(pair: str) -> tuple[str, str]:
    name, _, value = pair.partition("=")
    return name.strip(), value.strip()


def _body(event: Mapping[str, Any]) -> bytes:
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(body).encode()
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        return b""
