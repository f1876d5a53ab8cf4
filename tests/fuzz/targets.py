"""What strangers can send, as functions of bytes: each fails if HashCart breaks a promise about its input.

They need no fuzzer: the corpus goes through them in `make test`, atheris looks for new inputs in `make fuzz`.
"""

import base64
import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, cast

import pytest
from pydantic import TypeAdapter

from hashcart.consumers import Delivery
from hashcart.domain.cart_hashtags import CartHashtags
from hashcart.domain.option_words import MARKS, MAX_WORD_LENGTH, MAX_WORDS
from hashcart.domain.parents import ParentPost
from hashcart.domain.posts import Link, Post
from hashcart.domain.product_links import MAX_LINE_ID_BYTES, ProductReference, StoreLinks, find_product
from hashcart.domain.summons import Bot
from hashcart.messages.cart_requests import AddRequested, ToParse
from hashcart.messages.posts import PostArrived
from hashcart.social.x.signature import sign
from hashcart.use_cases.parse_posts import ParsePosts
from hashcart.use_cases.receive_webhook import ReceiveWebhook
from tests.fakes.aws import aws_account
from tests.fakes.handlers import PAGES, Bundle, http_event
from tests.fakes.internet import Internet
from tests.fakes.secrets import secret
from tests.fuzz.shopper import SignedIn

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

type Target = Callable[[bytes], None]

CONSUMER_SECRET = "consumer-secret"
HASHTAGS = CartHashtags(("AmazonCart", "アマゾンポチ"))
BOT = Bot("900", "shopbot")
MAX_QUANTITY = 999
STORES = [
    StoreLinks("amazon"),
    StoreLinks("demo"),
    *(StoreLinks(name, frozenset({"shop.example"})) for name in ("shopify", "oscar", "generic")),
]
POST_MESSAGES: TypeAdapter[ToParse] = TypeAdapter(ToParse)
"""What `hashtag_parsing` takes from its queue."""


class _Queue:
    def __init__(self) -> None:
        self.bodies: list[str] = []

    def send_message_batch(self, **batch: Any) -> dict[str, Any]:
        self.bodies += [entry["MessageBody"] for entry in batch["Entries"]]
        return {"Successful": [{"Id": entry["Id"]} for entry in batch["Entries"]]}


def open_intake(_stack: ExitStack) -> Target:
    """Bodies and challenges of the webhook: signed, unsigned, in base64 or not, by the first character."""
    queue = _Queue()
    receive_webhook = ReceiveWebhook(
        secret(json.dumps({"consumer_secrets": [CONSUMER_SECRET]})), cast("SQSClient", queue), "queue", HASHTAGS, BOT
    )

    def intake(data: bytes) -> None:
        queue.bodies.clear()
        mode, body = data[:1], data[1:]
        signed = {"x-twitter-webhooks-signature": sign(CONSUMER_SECRET, body)}
        text = body.decode("utf-8", "replace")
        match mode:
            case b"c":
                event, allowed = http_event("GET", query={"crc_token": text}), {200, 400}
            case b"u":
                event, allowed = http_event("POST", body=text), {401}
            case b"h":
                header, _, rest = text.partition("\n")
                forged = {"x-twitter-webhooks-signature": header}
                event, allowed = http_event("POST", body=rest, headers=forged), {401}
            case b"r":
                event, allowed = http_event("POST", body=text, headers=signed, base64_encoded=True), {400, 401}
            case _:
                encoded = base64.b64encode(body).decode()
                event, allowed = http_event("POST", body=encoded, headers=signed, base64_encoded=True), {200, 400}
        status = receive_webhook(event).to_event()["statusCode"]
        assert status in allowed, status
        assert status == 200 or not queue.bodies
        for sent in queue.bodies:
            _parse([POST_MESSAGES.validate_json(sent)])

    return intake


def _parse(messages: list[ToParse]) -> list[AddRequested]:
    parse = ParsePosts(
        hashtags=HASHTAGS,
        bot=BOT,
        store=StoreLinks("demo"),
        parents_of=lambda ids: {post_id: ParentPost() for post_id in ids},
        unwind=dict.fromkeys,
        remember=lambda _id, _parent: None,
    )
    parsed = parse([Delivery(str(number), message, is_last=False) for number, message in enumerate(messages)])
    assert not parsed.failures, parsed.failures
    found = [request for requests in parsed.requests.values() for request in requests]
    return [request for request in found if isinstance(request, AddRequested)]


def open_parser(_stack: ExitStack) -> Target:
    """The text of a reply, without entities, so that HashCart's own rules have to find hashtag, number and words."""

    def parser(data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        post = Post(
            "2092000000000000002",
            "2092000000000000002",
            "222",
            text=text,
            links=(Link("http://store.localhost:8401/products/mug"),),
            replied_to_id="2092000000000000001",
            replied_to_author_id="111",
        )
        for request in _parse([PostArrived(post)]):
            assert request.product == ProductReference("store.localhost", "mug")
            assert request.quantity is None or 1 <= request.quantity <= MAX_QUANTITY
            words = [word for word in request.option_words if word not in MARKS]
            assert len(words) <= MAX_WORDS
            assert all(0 < len(word) <= MAX_WORD_LENGTH for word in words), words

    return parser


def open_links(_stack: ExitStack) -> Target:
    """Links as people paste them."""

    def links(data: bytes) -> None:
        url = data.decode("utf-8", "surrogateescape")
        for store in STORES:
            found = find_product(url, store)
            if found is not None:
                assert ProductReference.from_line_id(found.line_id) == found
                assert len(found.line_id.encode()) <= MAX_LINE_ID_BYTES
                assert not store.hosts or found.marketplace in store.hosts

    return links


def open_pages(stack: ExitStack) -> Target:
    """Requests of a browser, written as in HTTP: a line with method and address, headers, an empty line, a body.

    `{signed-in}` in it stands for the cookies of a shopper, `{token}` for the token of that session's forms.
    """
    aws = stack.enter_context(aws_account())
    internet = Internet(defaultdict(lambda: lambda _: (503, {})))
    bundle = Bundle(aws, internet, stack.enter_context(pytest.MonkeyPatch.context()))
    shopper = SignedIn(aws)

    def pages(data: bytes) -> None:
        internet.requests.clear()
        answer = bundle.invoke(*_browser_event(shopper.filled_in(data), shopper.source_address))
        assert answer["statusCode"] < 500 or (answer["statusCode"] == 503 and internet.requests), answer["statusCode"]
        headers = answer["headers"]
        assert "default-src 'none'" in headers["content-security-policy"] or answer["statusCode"] < 400
        assert not any("\r" in value or "\n" in value for value in [*headers.values(), *answer["cookies"]])
        location = headers.get("location", "/")
        assert location.startswith(("/", PAGES, "http://")), location
        assert not location.startswith(("//", "/\\")), location

    # The cold starts belong to no input.
    for path in (b"/cart", b"/account"):
        pages(b"GET " + path + b"\ncookie: {signed-in}\n\n")
    return pages


def _browser_event(data: bytes, source_address: str) -> tuple[str, dict[str, Any]]:
    head, _, body = data.partition(b"\n\n")
    first, *lines = head.decode("utf-8", "replace").split("\n")
    method, _, address = first.partition(" ")
    path, _, query = address.partition("?")
    headers = _headers(lines)
    path = f"/{path.removeprefix('/')}"
    event: dict[str, Any] = {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {name: value for name, value in headers.items() if name != "cookie"},
        "requestContext": {
            "domainName": "cart.test",
            "http": {"method": method or "GET", "path": path, "sourceIp": source_address},
            "requestId": "request",
        },
        "isBase64Encoded": True,
        "body": base64.b64encode(body).decode(),
    }
    if "cookie" in headers:
        event["cookies"] = headers["cookie"].split("; ")
    return _function_of(path), event


def _headers(lines: list[str]) -> Mapping[str, str]:
    pairs = (line.partition(":") for line in lines)
    return {name.strip().lower(): value.strip() for name, _, value in pairs if name.strip()}


def _function_of(path: str) -> str:
    """As the routes of the API do."""
    first = path.split("/")[1]
    return "account_linking" if first in ("link", "account", "sign-out", "unsubscribe") else "cart_page"


OPENERS: Mapping[str, Callable[[ExitStack], Target]] = {
    "intake": open_intake,
    "parser": open_parser,
    "links": open_links,
    "pages": open_pages,
}
