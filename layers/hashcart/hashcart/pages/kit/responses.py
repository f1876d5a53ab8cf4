"""Answers to a browser, and the headers that all of them carry."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

HTML = "text/html; charset=utf-8"
NO_STORE = "no-store"
FOREVER = "public, max-age=31536000, immutable"

_SECURITY_HEADERS = {
    "strict-transport-security": "max-age=63072000; includeSubDomains",
    "x-content-type-options": "nosniff",
    # `no-referrer` would make browsers send `Origin: null` with our own forms.
    "referrer-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(), interest-cohort=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


@dataclass(slots=True)
class Response:
    """An answer. `form_targets` are origins that a form of this page may lead to, beside our own and the usual ones."""

    status: int = HTTPStatus.OK
    body: str | bytes = ""
    content_type: str = HTML
    headers: dict[str, str] = field(default_factory=dict)
    cookies: list[str] = field(default_factory=list)
    form_targets: Sequence[str] = ()

    def to_event(self, *, with_body: bool = True) -> dict[str, Any]:
        """The answer as API Gateway takes it (payload format 2.0)."""
        is_text = isinstance(self.body, str)
        body = self.body if isinstance(self.body, str) else base64.b64encode(self.body).decode()
        return {
            "statusCode": int(self.status),
            "headers": {"content-type": self.content_type, "cache-control": NO_STORE, **self.headers},
            "cookies": self.cookies,
            "body": body if with_body else "",
            "isBase64Encoded": not is_text,
        }


def security_headers(*, image_origins: Iterable[str], form_targets: Iterable[str]) -> Mapping[str, str]:
    """Headers of every answer: nothing inline, nothing from elsewhere but pictures, no frame, no sniffing.

    Chromium applies `form-action` to the redirects that follow a form, too.
    """
    policy = (
        "default-src 'none'",
        "style-src 'self'",
        " ".join(("img-src 'self'", *dict.fromkeys(image_origins))),
        " ".join(("form-action 'self'", *dict.fromkeys(form_targets))),
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
    return _SECURITY_HEADERS | {"content-security-policy": "; ".join(policy)}
