"""Which product a link leads to: a corpus, and whatever strangers may write."""

import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hashcart.domain.amazon_links import MARKETPLACES
from hashcart.domain.product_links import (
    MAX_LINE_ID_BYTES,
    ProductReference,
    StoreLinks,
    associate_tag,
    find_product,
)
from hashcart.domain.web_addresses import MAX_URL_LENGTH

GENERIC = StoreLinks.of("generic", ("shop.example", "www.store.example"))
STORES: dict[str, str | StoreLinks] = {name: name for name in ("amazon", "shopify", "oscar", "demo")}
STORES["generic"] = GENERIC

CORPUS = [
    tuple(line.split("\t"))
    for line in (Path(__file__).parent.parent / "data" / "product_links.tsv").read_text(encoding="utf-8").split("\n")
    if line and not line.startswith("#")
]
LINKS = [link for _, link, expected in CORPUS if expected != "-"]

PIECES = (
    "https://", "http:", "//", "/", "\\", "www.", "m.", "amazon.com", "amazon.co.jp", "amzn.com", "shop.example",
    "@", ":", "store.localhost", ":443", ".", "。", "[", "]", "::1", "/dp/", "/gp/product/", "B08N5WRWNW",
    "/products/", "xn--", "/catalogue/", "mug_1", "/collections/", "/-/en", "/customer-reviews/", "?", "&", "=",
    "#", "%", "%2F", "%3F", "%FF", "%252F", "%00", "url=", "location=", "path=", "/sspa/click",
    "/gp/redirect.html", "/exec/obidos/redirect", "asin=", "variant=", "\ud800", "\x00", "\u202e", "ſ", "\u212a",
    "\n", " ", "ß",
)  # fmt: skip
ADDRESSES = st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=12).map("".join)


def test_the_corpus_is_large() -> None:
    assert len(CORPUS) >= 400
    assert len(set(CORPUS)) == len(CORPUS)


@pytest.mark.parametrize(("store", "link", "expected"), CORPUS)
def test_the_corpus(store: str, link: str, expected: str) -> None:
    found = find_product(link, STORES[store])
    assert (found.line_id if found else "-") == expected


@pytest.mark.parametrize("store", ["amazon", "shopify", "oscar", "demo", "generic", "nowhere", ""])
@given(url=ADDRESSES | st.text())
@example(url="https://\u2100.example/products/x")
@example(url="https://[::ffff:1.2.3.4%25x]/dp/B08N5WRWNW")
@example(url="https://www.amazon.com:\u0661/dp/B08N5WRWNW")
def test_no_string_makes_the_search_fail(store: str, url: str) -> None:
    for links in (store, StoreLinks(store, frozenset({"shop.example"}))):
        found = find_product(url, links)
        if found is not None:
            assert ProductReference.from_line_id(found.line_id) == found
            assert len(found.line_id.encode()) <= MAX_LINE_ID_BYTES
    tag = associate_tag(url)
    assert tag is None or tag.isascii()


@given(url=ADDRESSES | st.sampled_from(LINKS))
def test_an_amazon_product_is_of_a_marketplace_and_well_formed(url: str) -> None:
    found = find_product(url, "amazon")
    if found is not None:
        assert found.marketplace in MARKETPLACES
        assert found.product_id == found.product_id.upper()
        assert found.product_id.isascii()
        assert found.product_id.isalnum()
        assert len(found.product_id) == 10


HOSTS = [("amazon", "www.amazon.co.uk", "/dp/B08N5WRWNW"), ("demo", "store.localhost", "/products/mug")]
HOSTS += [("generic", "shop.example", "/p/1"), ("shopify", "shop.example", "/products/mug")]
HOSTS += [("oscar", "shop.example", "/catalogue/mug_1/")]


@given(st.sampled_from(HOSTS), st.integers(0, 20), st.characters() | st.sampled_from(".-@:/\\。．%#?"), st.booleans())
def test_a_host_with_one_character_more_or_another_one_is_another_host(
    shop: tuple[str, str, str], position: int, character: str, replaces: bool
) -> None:
    store, host, path = shop
    position = min(position, len(host) - 1)
    other = host[:position] + character + host[position + replaces :]
    links = StoreLinks(store, frozenset({host}))
    found = find_product(f"https://{other}{path}", links)
    if found is not None:  # the same name in other letters, or without what browsers drop
        seen = other.lower().translate(dict.fromkeys(map(ord, "\t\n\r"))).strip().removesuffix(".")
        same_shop = {host, f"{host}:443", f"{host}:", f"www.{host}"} | {
            host.replace("www.", prefix) for prefix in ("", "m.")
        }
        assert seen in same_shop or other.split("/")[0].split("?")[0].split("#")[0].lower() in same_shop


def test_what_a_link_of_a_product_leads_to_stays_what_it_is() -> None:
    for store, _, expected in CORPUS:
        if store == "generic" and expected != "-":
            reference = ProductReference.from_line_id(expected)
            assert find_product(f"https://{reference.marketplace}{reference.product_id}", GENERIC) == reference


def test_a_link_that_no_network_would_take_is_not_read() -> None:
    assert find_product("https://www.amazon.com/dp/B08N5WRWNW?".ljust(MAX_URL_LENGTH, "x"), "amazon") is not None
    assert find_product("https://www.amazon.com/dp/B08N5WRWNW?".ljust(MAX_URL_LENGTH + 1, "x"), "amazon") is None


HOSTILE = [
    "https://www.amazon.com/" + "a/" * 2000,
    "https://www.amazon.com/" + "dp/" * 1300,
    "https://www.amazon.com" + "/B08N5WRWNW" * 370,
    "https://www.amazon.com/customer-reviews" + "/R123456789" * 360,
    "https://www.amazon.com/sspa/click?url=" + "%25" * 1300,
    "https://www.amazon.com/sspa/click?" + "url=/sspa/click%3F" * 220,
    "https://www.amazon.com/x?" + "a&" * 2000,
    "https://www.amazon.com/" + "%" * 4000,
    "a." * 2040 + "@",
    "." * 4090,
    "https://" + "a." * 2040 + "/",
    "https://" + "é." * 2040 + "/",
    "https://" + "[" * 4000,
    "https://shop.example/products/" + "é" * 4000,
    "https://shop.example/catalogue/" + "_1" * 2000 + "x",
    "https://shop.example/" + "?" * 4000,
]


@pytest.mark.parametrize("store", [*STORES])
def test_hostile_links_take_no_time(store: str) -> None:
    started = time.process_time()
    for url in HOSTILE:
        find_product(url, STORES[store])
        associate_tag(url)
    assert time.process_time() - started < len(HOSTILE) * 0.02


@pytest.mark.parametrize("unit", ["a", "/dp/", "%25", ".", "é"])
def test_the_length_of_a_string_does_not_matter_past_the_longest_link(unit: str) -> None:
    url = "https://www.amazon.com/" + unit * 1_000_000
    started = time.process_time()
    for _ in range(100):
        assert find_product(url, "amazon") is None
    assert time.process_time() - started < 0.1


@given(st.text(), st.text(), st.text())
@example("shop.example", "/a#b%23%2523", "gid://shopify/ProductVariant/1#x%")
def test_a_line_id_leads_back_to_its_product(marketplace: str, product_id: str, variant_id: str) -> None:
    reference = ProductReference(marketplace, product_id, variant_id)
    assert reference.line_id.count("#") == 2
    assert ProductReference.from_line_id(reference.line_id) == reference


@pytest.mark.parametrize(
    ("store", "url", "marketplace"),
    [
        ("shopify", "https://shop.example/products/mug", "shop.example"),
        ("shopify", "https://www.shop.example/products/mug", "shop.example"),
        ("shopify", "https://store.example/products/mug", "www.store.example"),
        ("shopify", "https://other.example/products/mug", None),
        ("shopify", "https://my.shop.example/products/mug", None),
        ("oscar", "https://SHOP.example./catalogue/mug_1/", "shop.example"),
        ("oscar", "https://other.example/catalogue/mug_1/", None),
        ("oscar", "http://127.0.0.1:8401/catalogue/mug_1/", None),
    ],
)
def test_a_shop_with_configured_hosts_has_no_others(store: str, url: str, marketplace: str | None) -> None:
    found = find_product(url, StoreLinks.of(store, ("Shop.Example", "www.store.example")))
    assert (found.marketplace if found else None) == marketplace


def test_product_pages_of_any_host_are_nobodys() -> None:
    assert find_product("https://shop.example/p/1", "generic") is None


@pytest.mark.parametrize("store", ["shopify", "oscar", "generic"])
@pytest.mark.parametrize(
    "hosts", [(), ("shop.example", ""), ("https://shop.example",), ("shop example",), ("shop。example",)]
)
def test_a_shop_is_configured_with_the_names_of_its_hosts(store: str, hosts: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="host"):
        StoreLinks.of(store, hosts)


def test_stores_whose_hosts_are_known_need_no_configuration() -> None:
    assert StoreLinks.of("amazon") == StoreLinks("amazon")


AMAZON = "https://www.amazon.com"


@pytest.mark.parametrize(
    ("url", "tag"),
    [
        (f"{AMAZON}/dp/B08N5WRWNW?tag=ada-20", "ada-20"),
        (f"{AMAZON}/dp/B08N5WRWNW?linkCode=x&amp;tag=ada_blog-21", "ada_blog-21"),
        (f"{AMAZON}/gp/aws/cart/add.html?AssociateTag=ada-20&ASIN.1=B08N5WRWNW", "ada-20"),
        (f"{AMAZON}/dp/B00015007W%3FSubscriptionId%3D1%26tag%3Dada-20%26linkCode%3Dxm2", "ada-20"),
        (f"{AMAZON}/exec/obidos/ASIN/0385602642/ada-20", "ada-20"),
        (f"{AMAZON}/exec/obidos/ASIN/0385602642/ref=nosim/ada-20/104-2703352-0145515", "ada-20"),
        (f"{AMAZON}/gp/redirect.html?location=%2Fdp%2FB08N5WRWNW%3Ftag%3Dinner-20&tag=outer-20", "inner-20"),
        (f"{AMAZON}/gp/redirect.html?location=%2Fdp%2FB08N5WRWNW&tag=outer-20", "outer-20"),
        (f"{AMAZON}/exec/obidos/redirect?tag=ada-20%26path=ASIN/0762309717", "ada-20"),
        (f"{AMAZON}/dp/B08N5WRWNW?tag=%3Cscript%3E&tag=blog-21", "blog-21"),
        (f"{AMAZON}/dp/B08N5WRWNW?" + "a=1&" * 101 + "tag=blog-20", None),
        (f"{AMAZON}/exec/obidos/ASIN/0385602642/202-0443038-0326228", None),
        ("https://[www.amazon.com/dp/B08N5WRWNW?tag=blog-20", None),
        (f"{AMAZON}/dp/B08N5WRWNW", None),
        (f"{AMAZON}/dp/B08N5WRWNW?tag=", None),
        (f"{AMAZON}/dp/B08N5WRWNW?tag=<script>-20", None),
        (f"{AMAZON}/dp/B08N5WRWNW?tag={'a' * 70}-20", None),
        (f"{AMAZON}/gp/redirect.html?location=https://evil.test/&tag=ada-20", None),
        ("https://evil.test/dp/B08N5WRWNW?tag=ada-20", None),
        ("no link", None),
    ],
)
def test_whom_a_link_credits(url: str, tag: str | None) -> None:
    assert associate_tag(url) == tag
