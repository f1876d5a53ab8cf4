"""Product pages of a shop, and the internet that they are on."""

import json

from hashcart.domain.web_addresses import WebAddress
from hashcart.http import Answer
from hashcart.stores.product_page import MAX_PAGE_BYTES

OFFER = {"@type": "Offer", "price": "24.00", "priceCurrency": "EUR", "availability": "https://schema.org/InStock"}


def product_node(**changes: object) -> dict[str, object]:
    """A product as a shop's template writes it in JSON-LD."""
    return {
        "@context": "https://schema.org/",
        "@type": "Product",
        "name": "Stoneware &amp; glaze  mug",
        "image": ["/images/mug.jpg"],
        "sku": "MUG-1",
        "productID": "17",
        "category": "Kitchen > Mugs",
        "offers": OFFER,
        **changes,
    }


def product_page(*blocks: object, head: str = "", body: str = "") -> str:
    """A page with blocks of JSON-LD in it."""
    scripts = "".join(f'<script type="application/ld+json">{json.dumps(block)}</script>' for block in blocks)
    return f"<!doctype html><html><head><title>Shop</title>{head}{scripts}</head><body>{body}</body></html>"


class WebFake:
    """Stands where `PublicWeb` stands: answers by address; what is not there is an error of the test."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer | Exception] = {}
        self.asked: list[str] = []

    def put(self, address: str, body: bytes | str, status: int = 200, **headers: str) -> None:
        raw = body.encode() if isinstance(body, str) else body
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers[address] = Answer(status, {"content-type": "text/html; charset=utf-8"} | named, raw)

    def ask(self, method: str, address: WebAddress, *, deadline: float, max_bytes: int) -> Answer:
        assert (method, address.scheme, address.port, max_bytes) == ("GET", "https", None, MAX_PAGE_BYTES)
        url = f"{address.host}{address.path}" + (f"?{address.query}" if address.query else "")
        self.asked.append(url)
        answer = self.answers[url]
        if isinstance(answer, Exception):
            raise answer
        return answer
