"""A short link from the Posts queue to the cart request, with the system's look-up, TLS and connection."""

import socket
from typing import Any

import pytest

from hashcart.domain.posts import Link, Post
from hashcart.messages.posts import PostArrived, to_json
from hashcart.observability import clock_ms
from tests.fakes.aws import aws_account
from tests.fakes.clock import post_id
from tests.fakes.handlers import Bundle, sqs_event
from tests.fakes.internet import Internet
from tests.fakes.sites import PUBLIC, Sites, answer, certificate, redirect


@pytest.fixture
def sites(monkeypatch: pytest.MonkeyPatch) -> Sites:
    sites = Sites()

    def create_connection(where: tuple[str, int], timeout: float) -> socket.socket:
        assert where == (PUBLIC, 443)
        return sites.connect(where[0], timeout)

    def getaddrinfo(host: str, port: int, type: socket.SocketKind) -> list[Any]:
        return [(socket.AF_INET, type, 6, "", (PUBLIC, port))]

    monkeypatch.setenv("SSL_CERT_FILE", certificate())
    monkeypatch.setattr(socket, "create_connection", create_connection)
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return sites


def batch(*urls: str) -> dict[str, Any]:
    """Replies to posts with one link each, as the Posts queue delivers them."""
    now_ms = clock_ms()
    bodies = []
    for number, url in enumerate(urls):
        parent_id, reply_id = post_id(1000, number, now_ms), post_id(0, number, now_ms)
        parent = Post(parent_id, parent_id, "111", links=(Link(url),))
        reply = Post(reply_id, reply_id, "222", "#AmazonCart", replied_to_id=parent_id)
        bodies.append(to_json(PostArrived(reply, parent)))
    return sqs_event(*bodies)


def test_short_links_become_products_and_are_asked_once(sites: Sites, monkeypatch: pytest.MonkeyPatch) -> None:
    sites.site("amzn.to/abc", redirect("https://www.amazon.com/dp/B08N5WRWNW?tag=ada-20"))
    sites.site("a.co/d/dead", answer(404))
    sites.site("amzn.eu/d/down", answer(503))
    links = ["http://amzn.to/abc", "https://a.co/d/dead", "https://amzn.eu/d/down", "https://amzn.to/abc"]
    with aws_account() as aws:
        bundle = Bundle(aws, Internet(), monkeypatch, STORE="amazon")
        failed = bundle.invoke("hashtag_parsing", batch(*links))
        requests = aws.received("CartRequestsQueue")
        bundle.restart()
        bundle.invoke("hashtag_parsing", batch("https://amzn.to/abc"))
        again = aws.received("CartRequestsQueue")
    assert failed == {"batchItemFailures": [{"itemIdentifier": "message-2"}]}
    assert [request["product"] and request["product"]["product_id"] for request in requests] == [
        "B08N5WRWNW",
        None,
        "B08N5WRWNW",
    ]
    assert requests[0]["preview"]["associate_tag"] == "ada-20"
    assert requests[1]["reason"] == "not_this_store"
    assert [request["product"]["marketplace"] for request in again] == ["amazon.com"]
    assert sites.requests.count("HEAD amzn.to/abc") == 1
