"""Following short links: what is asked, what is never asked, and what is remembered."""

import ssl
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashcart.domain.posts import Link, Post
from hashcart.domain.product_links import StoreLinks
from hashcart.domain.short_links import MAX_SHORT_LINKS, awaits_links, short_address, short_links_of, unwound
from hashcart.domain.web_addresses import MAX_URL_LENGTH
from hashcart.public_web import NoAnswerError, RefusedError
from hashcart.short_links import MAX_HOPS, ShortLinks
from hashcart.use_cases.unwind_links import NO_TARGET_FRESH_MS, TARGET_FRESH_MS, UnwindLinks
from tests.fakes.clock import Clock
from tests.fakes.sites import Reply, Sites, answer, redirect
from tests.fakes.storage import MemoryCache

AMAZON = StoreLinks("amazon")
SHOP = StoreLinks("shopify", frozenset({"shop.example"}), frozenset({"sho.rt", "long.sho.rt"}))
PRODUCT = "https://www.amazon.com/dp/B08N5WRWNW?tag=ada-20"
TO_PRODUCT = redirect(PRODUCT)


def follow(sites: Sites, url: str = "https://amzn.to/abc", store: StoreLinks = AMAZON, seconds: float = 5.0) -> str:
    return ShortLinks(sites.web(), store).follow(url, deadline=time.monotonic() + seconds)


@pytest.mark.parametrize(
    ("url", "store", "asked"),
    [
        ("https://amzn.to/3abcDEF", AMAZON, "amzn.to/3abcDEF"),
        ("http://amzn.to/3abcDEF", AMAZON, "amzn.to/3abcDEF"),
        ("amzn.to/3abcDEF", AMAZON, "amzn.to/3abcDEF"),
        ("https://AMZN.TO/3abcDEF#x", AMAZON, "amzn.to/3abcDEF"),
        ("https://a.co/d/4xyz", AMAZON, "a.co/d/4xyz"),
        ("https://amzn.eu/d/4xyz?x=y", AMAZON, "amzn.eu/d/4xyz?x=y"),
        ("https://amzn.asia/d/4xyz", AMAZON, "amzn.asia/d/4xyz"),
        ("https://amzn.in/d/4xyz", AMAZON, "amzn.in/d/4xyz"),
        ("https://sho.rt/4xyz", SHOP, "sho.rt/4xyz"),
        ("https://amzn.to/", AMAZON, None),
        ("https://a.co/about", AMAZON, None),
        ("https://a.co/d/", AMAZON, None),
        ("https://amzn.to:8443/3abcDEF", AMAZON, None),
        ("https://user@amzn.to/3abcDEF", AMAZON, None),
        ("https://amzn.to.evil.test/3abcDEF", AMAZON, None),
        ("https://www.amzn.to/3abcDEF", AMAZON, None),
        ("https://bit.ly/3abcDEF", AMAZON, None),
        ("https://amzn.to/3abcDEF", SHOP, None),
        ("ftp://amzn.to/3abcDEF", AMAZON, None),
        ("", AMAZON, None),
    ],
)
def test_what_a_short_link_is(url: str, store: StoreLinks, asked: str | None) -> None:
    address = short_address(url, store)
    if address is None:
        assert asked is None
    else:
        assert address.scheme == "https"
        assert f"{address.host}{address.path}{'?' if address.query else ''}{address.query}" == asked


@given(st.text() | st.text().map(lambda text: f"https://amzn.to/{text}"))
def test_no_string_makes_the_question_fail(url: str) -> None:
    short_address(url, AMAZON)


def test_a_short_link_is_asked_once_and_its_product_never() -> None:
    sites = Sites()
    sites.site("amzn.to/abc", TO_PRODUCT)
    assert follow(sites) == PRODUCT
    assert sites.requests == ["HEAD amzn.to/abc"]
    assert sites.lookups == ["amzn.to"]


def test_a_shop_may_name_shorteners_of_its_own() -> None:
    sites = Sites()
    sites.site("sho.rt/mug", redirect("https://long.sho.rt/mug?x=y", 302))
    sites.site("long.sho.rt/mug?x=y", redirect("http://shop.example/products/mug?variant=7", 307))
    assert follow(sites, "http://sho.rt/mug", SHOP) == "http://shop.example/products/mug?variant=7"


@pytest.mark.parametrize("status", [400, 403, 404, 405, 500, 501, 200])
def test_a_shortener_that_does_not_answer_head_is_asked_for_the_page(status: int) -> None:
    sites = Sites()
    sites.site("amzn.to/abc", answer(status), TO_PRODUCT)
    assert follow(sites) == PRODUCT
    assert sites.requests == ["HEAD amzn.to/abc", "GET amzn.to/abc"]


def test_the_page_itself_is_not_read() -> None:
    def long(secure: ssl.SSLSocket) -> None:
        secure.sendall(b"HTTP/1.1 301 Moved\r\nLocation: " + PRODUCT.encode() + b"\r\nContent-Length: 1000000\r\n\r\nx")
        secure.recv(1)  # ends when the other side has had enough

    sites = Sites()
    sites.site("amzn.to/abc", answer(405), long)
    started = time.monotonic()
    assert follow(sites) == PRODUCT
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/dp/x", None),
        ("//www.amazon.com/dp/B08N5WRWNW", "https://www.amazon.com/dp/B08N5WRWNW"),
        ("https://www.amazon.co.jp/カメラ/dp/B08N5WRWNW", "https://www.amazon.co.jp/カメラ/dp/B08N5WRWNW"),
        ("http://www.amazon.com/dp/B08N5WRWNW", "http://www.amazon.com/dp/B08N5WRWNW"),
        ("https://www.amazon.com/s?k=mug", None),
        ("https://evil.test/dp/B08N5WRWNW", None),
        ("https://amazon.com.evil.test/dp/B08N5WRWNW", None),
        ("https://amazon.com@evil.test/dp/B08N5WRWNW", None),
        ("http://amzn.to/other", None),
        ("https://bit.ly/other", None),
        ("https://amzn.to:8443/other", None),
        ("https://169.254.169.254/latest/meta-data/", None),
        ("http://127.0.0.1:9001/", None),
        ("file:///etc/passwd", None),
        ("javascript:alert(1)", None),
        ("https://[::1/x", None),
        ("https://[", None),
        ("#", None),
        ("https://www.amazon.com/dp/B08N5WRWNW?" + "x" * MAX_URL_LENGTH, None),
    ],
)
def test_where_a_hop_may_lead(location: str, target: str | None) -> None:
    sites = Sites()
    sites.site("amzn.to/abc", redirect(location))
    sites.site("amzn.to/dp/x", answer(404))
    if target is not None:
        assert follow(sites) == target
    else:
        with pytest.raises(RefusedError):
            follow(sites)
    assert set(sites.lookups) == {"amzn.to"}


def test_a_relative_hop_stays_at_its_host() -> None:
    sites = Sites()
    sites.site("amzn.to/abc", redirect("def?x=y"))
    sites.site("amzn.to/def?x=y", TO_PRODUCT)
    assert follow(sites) == PRODUCT


def test_links_that_lead_on_are_followed_for_five_hops() -> None:
    sites = Sites()
    for hop in range(1, MAX_HOPS):
        sites.site(f"amzn.to/{hop}", redirect(f"https://amzn.to/{hop + 1}"))
    sites.site(f"amzn.to/{MAX_HOPS}", TO_PRODUCT)
    sites.site("amzn.to/0", redirect("https://amzn.to/1"))
    assert follow(sites, "https://amzn.to/1") == PRODUCT
    assert len(sites.requests) == MAX_HOPS
    with pytest.raises(RefusedError, match="on and on"):
        follow(sites, "https://amzn.to/0")
    assert len(sites.requests) == 2 * MAX_HOPS


def test_a_circle_is_left_at_once() -> None:
    sites = Sites()
    sites.site("amzn.to/abc", redirect("https://a.co/d/x"))
    sites.site("a.co/d/x", redirect("http://AMZN.to/abc".replace("http:", "https:")))
    with pytest.raises(RefusedError, match="circle"):
        follow(sites)
    assert len(sites.requests) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451, 204, 200, 304])
def test_what_will_not_change_is_refused(status: int) -> None:
    sites = Sites()
    sites.site("amzn.to/abc", answer(status))
    with pytest.raises(RefusedError, match=str(status)):
        follow(sites)


def test_a_redirect_without_an_address_is_refused() -> None:
    sites = Sites()
    sites.site("amzn.to/abc", b"HTTP/1.1 301 Moved\r\n\r\n")
    with pytest.raises(RefusedError):
        follow(sites)


@pytest.mark.parametrize(
    "reply", [answer(408), answer(425), answer(429), answer(500), answer(503), b"", b"nonsense\r\n\r\n"]
)
def test_what_may_change_is_not_decided(reply: Reply) -> None:
    sites = Sites()
    sites.site("amzn.to/abc", reply)
    with pytest.raises(NoAnswerError):
        follow(sites)


@pytest.mark.parametrize("private", ["10.0.0.1", "fd00:ec2::254", "169.254.169.254", "::ffff:127.0.0.1"])
def test_a_shortener_with_a_private_address_is_not_asked(private: str) -> None:
    sites = Sites()
    sites.site("amzn.to/abc", redirect("https://amzn.to/def"))
    sites.addresses["amzn.to"] = [["93.184.215.14"], [private]]
    with pytest.raises(RefusedError, match="public"):
        follow(sites)
    assert sites.requests == ["HEAD amzn.to/abc"]


def test_time_is_limited_over_all_hops() -> None:
    def slow(secure: ssl.SSLSocket) -> None:
        time.sleep(0.1)
        secure.sendall(redirect("https://amzn.to/other"))

    sites = Sites()
    sites.site("amzn.to/abc", slow)
    sites.site("amzn.to/other", lambda secure: time.sleep(0.2))
    started = time.monotonic()
    with pytest.raises(NoAnswerError):
        follow(sites, seconds=0.15)
    assert time.monotonic() - started < 1


def test_a_batch_tells_what_leads_nowhere_from_what_may_change() -> None:
    sites = Sites()
    sites.site("amzn.to/good", TO_PRODUCT)
    sites.site("amzn.to/dead", answer(404))
    sites.site("amzn.to/down", answer(503))
    urls = [f"https://amzn.to/{name}" for name in ("good", "dead", "down")]
    followed = ShortLinks(sites.web(), AMAZON).follow_all([*urls, "https://example.com/x"])
    assert followed == {urls[0]: PRODUCT, urls[1]: None, "https://example.com/x": None}


def unwinding(sites: Sites, clock: Clock) -> UnwindLinks:
    return UnwindLinks(ShortLinks(sites.web(), AMAZON), MemoryCache(clock), AMAZON, sleep=clock.sleep)


@pytest.mark.parametrize(
    ("reply", "target", "fresh_ms"), [(TO_PRODUCT, PRODUCT, TARGET_FRESH_MS), (answer(404), None, NO_TARGET_FRESH_MS)]
)
def test_what_was_found_is_remembered(reply: Reply, target: str | None, fresh_ms: int) -> None:
    sites, clock = Sites(), Clock()
    sites.site("amzn.to/abc", reply)
    unwind = unwinding(sites, clock)
    urls = ["https://amzn.to/abc", "http://amzn.to/abc#x", "amzn.to/abc", "https://example.com/"]
    assert unwind(urls) == dict.fromkeys(urls[:3], target)
    asked = len(sites.requests)
    clock.now_ms += fresh_ms - 1
    unwind(urls)
    assert len(sites.requests) == asked
    clock.now_ms += 1
    unwind(urls)
    assert len(sites.requests) == 2 * asked


def test_what_could_not_be_asked_is_not_remembered() -> None:
    sites, clock = Sites(), Clock()
    sites.site("amzn.to/abc", answer(503))
    unwind = unwinding(sites, clock)
    assert unwind(["https://amzn.to/abc"]) == {}
    sites.site("amzn.to/abc", TO_PRODUCT)
    assert unwind(["https://amzn.to/abc"]) == {"https://amzn.to/abc": PRODUCT}


def test_without_short_links_nothing_is_asked() -> None:
    unwind = unwinding(Sites(), Clock())
    assert isinstance(unwind.cache, MemoryCache)
    unwind.cache.faults.append(RuntimeError("not to be read"))
    assert unwind([]) == unwind(["https://example.com/"]) == {}


SHORT, OTHER, DIRECT = Link("https://amzn.to/a"), Link("https://a.co/d/b"), Link(PRODUCT)


def post(*links: Link) -> Post:
    return Post("1", "1", "111", links=links)


def test_which_links_of_a_post_have_to_be_followed() -> None:
    assert short_links_of(post(SHORT, DIRECT, OTHER, SHORT, Link("https://example.com/")), AMAZON) == [
        "https://amzn.to/a",
        "https://a.co/d/b",
    ]
    assert short_links_of(post(Link("https://amzn.to/a", PRODUCT)), AMAZON) == []
    assert short_links_of(post(Link("https://example.com/", "https://amzn.to/a")), AMAZON) == ["https://amzn.to/a"]
    assert short_links_of(post(Link("https://amzn.to/a", "https://example.com/")), AMAZON) == []


def test_few_links_of_a_post_are_followed_and_the_others_are_not_waited_for() -> None:
    many = post(*(Link(f"https://amzn.to/{number}") for number in range(10)))
    first = short_links_of(many, AMAZON)
    assert first == [f"https://amzn.to/{number}" for number in range(MAX_SHORT_LINKS)]
    followed = unwound(many, dict.fromkeys(first))
    assert short_links_of(followed, AMAZON) == []
    assert not awaits_links(followed, AMAZON)


def test_the_first_product_is_waited_for() -> None:
    assert awaits_links(post(SHORT, DIRECT), AMAZON)
    assert not awaits_links(post(DIRECT, SHORT), AMAZON)
    assert not awaits_links(post(Link("https://example.com/")), AMAZON)
    dead = unwound(post(SHORT, OTHER), {"https://amzn.to/a": None})
    assert awaits_links(dead, AMAZON)
    known = unwound(dead, {"https://a.co/d/b": PRODUCT})
    assert not awaits_links(known, AMAZON)
    assert known.links == (replace(SHORT, followed=True), replace(OTHER, unwound_url=PRODUCT, followed=True))
