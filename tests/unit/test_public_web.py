"""Requests to hosts that a stranger's link leads to: where they go, and where they never go."""

import socket
import ssl
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashcart.domain.web_addresses import WebAddress, read_address
from hashcart.public_web import MAX_HEAD_BYTES, NoAnswerError, PublicWeb, RefusedError, addresses_of, connect, is_public
from tests.fakes.sites import PUBLIC, Sites, answer, redirect


def address(url: str) -> WebAddress:
    found = read_address(url)
    assert found is not None
    return found


PAGE = address("https://pages.example/a?b=c")


def soon(seconds: float = 5.0) -> float:
    return time.monotonic() + seconds


def test_an_answer_is_its_status_its_headers_and_no_body() -> None:
    sites = Sites()
    sites.site("pages.example/a?b=c", redirect("/elsewhere"))
    found = sites.web().ask("HEAD", PAGE, deadline=soon())
    assert (found.status, found.headers["location"], found.body) == (301, "/elsewhere", b"")
    assert sites.connections == [PUBLIC]
    assert "cookie" not in sites.heads[0].lower()
    assert "\r\nuser-agent: HashCart" in sites.heads[0]


def test_a_body_is_read_where_one_is_wanted_and_no_longer_than_wanted() -> None:
    sites = Sites()
    sites.site("pages.example/a?b=c", answer(200, b"x" * 100))
    assert sites.web().ask("GET", PAGE, deadline=soon(), max_bytes=100).body == b"x" * 100
    with pytest.raises(RefusedError, match="too long"):
        sites.web().ask("GET", PAGE, deadline=soon(), max_bytes=99)


def test_a_target_is_sent_as_ascii_without_its_fragment() -> None:
    sites = Sites()
    sites.site("pages.example/%E3%82%AB%20x?q=%C3%A9%25", answer(200))
    sites.web().ask("HEAD", address("https://pages.example/カ x?q=é%25#f"), deadline=soon())
    sites.site("pages.example/", answer(200))
    sites.web().ask("HEAD", address("https://pages.example"), deadline=soon())
    assert [request.split("/", 1)[1] for request in sites.requests] == ["%E3%82%AB%20x?q=%C3%A9%25", ""]


@pytest.mark.parametrize("url", ["http://pages.example/", "https://pages.example:8443/", "http://pages.example:443/"])
def test_only_https_on_its_own_port_is_spoken(url: str) -> None:
    sites = Sites()
    with pytest.raises(RefusedError):
        sites.web().ask("HEAD", address(url), deadline=soon())
    assert sites.lookups == []


PRIVATE = [
    "10.0.0.1", "172.16.0.1", "192.168.1.1", "127.0.0.1", "0.1.2.3", "169.254.169.254", "169.254.170.2", "100.64.0.1",
    "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0",
    "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
    "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b::10.0.0.1", "64:ff9b:1::1", "2002:a00:1::",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2", "100::1", "", "pages.example", "1.2.3", "0x7f000001",
]  # fmt: skip


@pytest.mark.parametrize("private", PRIVATE)
def test_no_address_but_a_public_one_is_asked(private: str) -> None:
    assert not is_public(private)
    for found in ([private], [PUBLIC, private], [private, PUBLIC]):
        sites = Sites()
        sites.addresses["pages.example"] = [found]
        with pytest.raises(RefusedError, match="public"):
            sites.web().ask("HEAD", PAGE, deadline=soon())
        assert sites.connections == []


@pytest.mark.parametrize(
    "public", [PUBLIC, "8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2600:9000::1"]
)
def test_public_addresses_are_asked(public: str) -> None:
    assert is_public(public)
    sites = Sites()
    sites.addresses["pages.example"] = [[public]]
    sites.site("pages.example/a?b=c", answer(200))
    assert sites.web().ask("HEAD", PAGE, deadline=soon()).status == 200


@given(
    st.ip_addresses(network="10.0.0.0/8") | st.ip_addresses(network="fc00::/7") | st.ip_addresses(network="fe80::/10")
)
def test_private_networks_are_private_throughout(private: object) -> None:
    assert not is_public(str(private))


@given(st.text())
def test_no_string_makes_the_check_fail(text: str) -> None:
    is_public(text)


def test_a_name_that_changes_its_address_is_asked_only_at_the_one_that_was_checked() -> None:
    sites = Sites()
    sites.addresses["pages.example"] = [[PUBLIC], ["169.254.169.254"]]
    sites.site("pages.example/a?b=c", answer(200))
    sites.web().ask("HEAD", PAGE, deadline=soon())
    assert (sites.lookups, sites.connections) == (["pages.example"], [PUBLIC])
    with pytest.raises(RefusedError):
        sites.web().ask("HEAD", PAGE, deadline=soon())
    assert sites.connections == [PUBLIC]


def test_a_host_that_is_not_the_one_of_its_certificate_is_not_asked() -> None:
    sites = Sites()
    with pytest.raises(RefusedError, match="certificate"):
        sites.web().ask("HEAD", address("https://evil.test/"), deadline=soon())
    assert sites.requests == []


def test_the_next_address_of_a_host_is_tried_where_one_does_not_answer() -> None:
    sites = Sites()
    sites.addresses["pages.example"] = [["2600:9000::1", PUBLIC]]
    sites.unreachable = {"2600:9000::1"}
    sites.site("pages.example/a?b=c", answer(200))
    assert sites.web().ask("HEAD", PAGE, deadline=soon()).status == 200
    sites.unreachable.add(PUBLIC)
    with pytest.raises(NoAnswerError, match="ConnectionRefusedError"):
        sites.web().ask("HEAD", PAGE, deadline=soon())


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (socket.gaierror(socket.EAI_NONAME, "unknown"), RefusedError),
        (socket.gaierror(socket.EAI_AGAIN, "later"), NoAnswerError),
        (OSError("no network"), NoAnswerError),
    ],
)
def test_a_host_that_cannot_be_found(error: OSError, raised: type[Exception]) -> None:
    sites = Sites()
    sites.addresses["pages.example"] = [error]
    with pytest.raises(raised):
        sites.web().ask("HEAD", PAGE, deadline=soon())


def test_a_host_without_addresses_is_refused() -> None:
    sites = Sites()
    sites.addresses["pages.example"] = [[]]
    with pytest.raises(RefusedError):
        sites.web().ask("HEAD", PAGE, deadline=soon())


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"HTTP/1.1",
        b"hello\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 301 Moved\r\nLocation: /" + b"x" * MAX_HEAD_BYTES + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_no_proper_answer_is_none(reply: bytes) -> None:
    sites = Sites()
    sites.site("pages.example/a?b=c", reply)
    with pytest.raises(NoAnswerError):
        sites.web().ask("GET", PAGE, deadline=soon(), max_bytes=10)


def test_a_body_that_never_ends_is_not_read_to_its_end() -> None:
    def endless(secure: ssl.SSLSocket) -> None:
        secure.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            secure.sendall(b"1\r\nx\r\n" * 1000)

    sites = Sites()
    sites.site("pages.example/a?b=c", endless)
    with pytest.raises((RefusedError, NoAnswerError)):
        sites.web().ask("GET", PAGE, deadline=soon(), max_bytes=100_000)
    assert sites.web().ask("GET", PAGE, deadline=soon()).body == b""


def test_an_answer_that_drips_ends_with_the_time_for_it() -> None:
    def dripping(secure: ssl.SSLSocket) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nx: " + b"y" * 1000:
            secure.sendall(bytes([byte]))
            time.sleep(0.01)

    sites = Sites()
    sites.site("pages.example/a?b=c", dripping)
    started = time.monotonic()
    with pytest.raises(NoAnswerError, match="TimeoutError"):
        sites.web().ask("HEAD", PAGE, deadline=soon(0.15))
    assert time.monotonic() - started < 1.0


def test_after_its_time_nothing_is_begun() -> None:
    sites = Sites()
    with pytest.raises(NoAnswerError, match="TimeoutError"):
        sites.web().ask("HEAD", PAGE, deadline=time.monotonic() - 1)
    assert sites.connections == []


def test_a_host_that_speaks_no_tls_is_left() -> None:
    ours, theirs = socket.socketpair()
    theirs.sendall(b"HTTP/1.1 301 Moved\r\nLocation: https://evil.test/\r\n\r\n")
    web = PublicWeb(addresses_of=lambda _: [PUBLIC], connect=lambda *_: ours)
    with pytest.raises(NoAnswerError, match="SSL"):
        web.ask("HEAD", PAGE, deadline=soon())
    assert ours.fileno() == -1
    theirs.close()


def test_a_look_up_is_the_systems_and_a_connection_goes_to_the_port_of_https(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (PUBLIC, 443))] * 2
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, port, type: found)
    assert addresses_of("pages.example") == [PUBLIC]
    ours, theirs = socket.socketpair()
    made = {((PUBLIC, 443), 2.0): ours}
    monkeypatch.setattr(socket, "create_connection", lambda where, timeout: made.pop((where, timeout)))
    assert connect(PUBLIC, 2.0) is ours
    ours.close()
    theirs.close()
