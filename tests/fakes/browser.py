"""A browser for the functions behind the pages: it keeps cookies, follows redirects and posts forms."""

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

from tests.fakes.handlers import PAGES

type Invoke = Callable[[str, dict[str, Any]], dict[str, Any]]

ACCOUNT_LINKING_PATHS = re.compile(r"/(?:link|account|sign-out|unsubscribe)(?:/.*)?")


@dataclass(frozen=True)
class Page:
    """An answer."""

    url: str
    status: int
    headers: Mapping[str, str]
    cookies: list[str]
    body: str

    @property
    def html(self) -> LexborHTMLParser:
        return LexborHTMLParser(self.body)

    @property
    def text(self) -> str:
        """The words of the main part, or of an answer without one."""
        main = self.html.css_first("main") or self.html.body
        return "" if main is None else re.sub(r"\s+", " ", main.text()).strip()

    def form(self, action: str) -> LexborNode:
        found = [node for node in self.html.css("form") if (node.attributes.get("action") or "").startswith(action)]
        assert found, f"no form leads to {action} in {self.text}"
        return found[0]


@dataclass
class FakeBrowser:
    """Sends what Chromium sends, as API Gateway hands it on."""

    invoke: Invoke
    language: str = "en"
    address: str = "203.0.113.7"
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, *, follow: bool = True, headers: Mapping[str, str] | None = None) -> Page:
        """Open an address; redirects are followed as long as they stay with us."""
        page = self.request("GET", path, headers={"sec-fetch-site": "none", **(headers or {})})
        return self._followed(page) if follow else page

    def submit(self, page: Page, action: str, *, follow: bool = True, **fields: str | list[str] | None) -> Page:
        """Press a form's button, with the fields as they are in the page or as given; None leaves a field out."""
        form = page.form(action)
        values: dict[str, Any] = {}
        for node in form.css("input, select, textarea"):
            self._read_field(node, values)
        values = {name: value for name, value in (values | fields).items() if value is not None}
        return self.post(unescape(form.attributes["action"] or ""), values, follow=follow)

    def post(
        self, path: str, fields: Mapping[str, Any], *, follow: bool = True, headers: Mapping[str, str] | None = None
    ) -> Page:
        """Post fields to an address."""
        own = {
            "origin": PAGES,
            "sec-fetch-site": "same-origin",
            "content-type": "application/x-www-form-urlencoded",
        }
        page = self.request(
            "POST", path, body=urlencode(fields, doseq=True).encode(), headers=own | dict(headers or {})
        )
        return self._followed(page) if follow else page

    def request(
        self, method: str, path: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Page:
        """One request and its answer; cookies are kept."""
        parts = urlsplit(path)
        event = {
            "version": "2.0",
            "routeKey": f"ANY {parts.path}",
            "rawPath": parts.path,
            "rawQueryString": parts.query,
            "headers": {"accept-language": self.language, "host": urlsplit(PAGES).netloc, **(headers or {})},
            "requestContext": {
                "domainName": urlsplit(PAGES).netloc,
                "http": {"method": method, "path": parts.path, "sourceIp": self.address},
                "requestId": "request",
            },
            "isBase64Encoded": body is not None,
        }
        if self.cookies:
            event["cookies"] = [f"{name}={value}" for name, value in self.cookies.items()]
        if body is not None:
            event["body"] = base64.b64encode(body).decode()
        function = "account_linking" if ACCOUNT_LINKING_PATHS.fullmatch(parts.path) else "cart_page"
        answer = self.invoke(function, event)
        for cookie in answer["cookies"]:
            self._keep(cookie)
        text = answer["body"] if not answer["isBase64Encoded"] else base64.b64decode(answer["body"]).decode()
        return Page(path, answer["statusCode"], answer["headers"], answer["cookies"], text)

    def _followed(self, page: Page) -> Page:
        for _ in range(5):
            location = page.headers.get("location")
            if location is None:
                return page
            target = urljoin(PAGES + page.url, location)
            if not target.startswith(PAGES):
                return page
            page = self.request("GET", target.removeprefix(PAGES), headers={"sec-fetch-site": "same-origin"})
        raise AssertionError(f"redirects without an end at {page.url}")

    def _keep(self, cookie: str) -> None:
        pair, *attributes = cookie.split("; ")
        name, _, value = pair.partition("=")
        assert name.startswith("__Host-")
        assert {"Path=/", "Secure", "HttpOnly", "SameSite=Lax"} <= set(attributes)
        if "Max-Age=0" in attributes:
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value

    def _read_field(self, node: LexborNode, values: dict[str, Any]) -> None:
        attributes = node.attributes
        name = attributes.get("name")
        if name is None:
            return
        if node.tag == "select":
            chosen = node.css_first("option[selected]") or node.css_first("option")
            values[name] = "" if chosen is None else chosen.attributes.get("value") or chosen.text().strip()
        elif node.tag == "textarea":
            values[name] = node.text()
        elif attributes.get("type") in ("checkbox", "radio"):
            if "checked" in attributes:
                values.setdefault(name, []).append(attributes.get("value") or "on")
        else:
            values.setdefault(name, []).append(attributes.get("value") or "")
