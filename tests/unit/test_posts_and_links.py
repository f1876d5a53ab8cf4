"""Ids, times and product links."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashcart.domain.account_links import AccountLink, LinkState
from hashcart.domain.bot_tokens import BotToken
from hashcart.domain.link_previews import LinkPreview, associate_tag, preview_of
from hashcart.domain.posts import (
    DAY_MS,
    Link,
    id_of_key,
    is_from_the_future,
    is_post_id,
    is_too_old,
    order_key,
    posted_at_ms,
    private_id,
)
from hashcart.domain.product_links import MAX_URL_LENGTH, ProductReference, find_product
from tests.fakes.clock import NOW_MS, post_id


def test_a_snowflake_tells_its_time() -> None:
    assert posted_at_ms("2090000000000000002") == 1_787_129_804_979
    assert order_key("2090000000000000002") == "1787129804979#x#2090000000000000002"


def test_what_nobody_posted_orders_among_posts() -> None:
    private = private_id(NOW_MS, 2**22 + 7)
    assert (is_post_id(private), posted_at_ms(private)) == (True, NOW_MS)
    assert post_id(1) < private < post_id(-1)
    assert id_of_key(order_key(private, "private")) == ("private", private)


@pytest.mark.parametrize("text", ["", "-1", "1.0", "１２", "9223372036854775808", "99999999999999999999", "1 ", "0x1"])
def test_what_is_no_post_id(text: str) -> None:
    assert not is_post_id(text)


def test_the_largest_post_id() -> None:
    assert is_post_id("9223372036854775807")


def test_posts_are_acted_upon_for_14_days_and_not_before_their_time() -> None:
    assert not is_too_old(post_id(14 * DAY_MS), NOW_MS)
    assert is_too_old(post_id(14 * DAY_MS + 1), NOW_MS)
    assert not is_from_the_future(post_id(-600_000), NOW_MS)
    assert is_from_the_future(post_id(-600_001), NOW_MS)


@pytest.mark.parametrize(
    ("url", "marketplace", "product"),
    [
        ("https://www.amazon.com/dp/B08N5WRWNW", "amazon.com", "B08N5WRWNW"),
        ("https://www.amazon.co.uk/Some-Title/dp/b08n5wrwnw/ref=sr_1_1?keywords=x", "amazon.co.uk", "B08N5WRWNW"),
        ("http://amazon.de/dp/012345678x", "amazon.de", "012345678X"),
        ("https://smile.amazon.com/dp/0123456789?tag=a-20#reviews", "amazon.com", "0123456789"),
        ("https://m.amazon.co.jp/%E3%82%AB/dp/B08N5WRWNW", "amazon.co.jp", "B08N5WRWNW"),
        ("HTTPS://WWW.AMAZON.COM./dp/B08N5WRWNW", "amazon.com", "B08N5WRWNW"),
        ("https://www.amazon.com/dp/B08N5WRWNW%3FSubscriptionId=1", "amazon.com", "B08N5WRWNW"),
    ],
)
def test_amazon_product_links(url: str, marketplace: str, product: str) -> None:
    assert find_product(url, "amazon") == ProductReference(marketplace, product)


@pytest.mark.parametrize(
    "url",
    [
        "https://amazon.com.evil.test/dp/B08N5WRWNW",
        "https://example.com/dp/B08N5WRWNW",
        "https://evilamazon.com/dp/B08N5WRWNW",
        "https://music.amazon.com/dp/B08N5WRWNW",
        "https://amazon.com@evil.test/dp/B08N5WRWNW",
        "https://user@amazon.com/dp/B08N5WRWNW",
        "https://www.amazon.com/dp/B08N5WRWNWX",
        "https://www.amazon.com/dp/short",
        "https://www.amazon.com/s?k=/dp/B08N5WRWNW",
        "ftp://amazon.com/dp/B08N5WRWNW",
        "amazon.com/dp/B08N5WRWNW",
        "https://[amazon.com/dp/B08N5WRWNW",
        "https://www.amazon.com/dp/B08N5WRWNW?" + "x" * MAX_URL_LENGTH,
        "",
    ],
)
def test_what_is_no_amazon_product_link(url: str) -> None:
    assert find_product(url, "amazon") is None


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://store.localhost:8401/products/mug", ProductReference("store.localhost", "mug")),
        ("http://store.localhost/products/tee/?variant=tee-s", ProductReference("store.localhost", "tee", "tee-s")),
        ("http://uk.store.localhost:8401/products/kettle", ProductReference("uk.store.localhost", "kettle")),
        ("http://store.localhost/products/tee?variant=NOT%20ONE", ProductReference("store.localhost", "tee")),
        (
            "http://store.localhost/products/tee?" + "a=1&" * 60 + "variant=s",
            ProductReference("store.localhost", "tee"),
        ),
        ("http://store.localhost.evil.test/products/mug", None),
        ("http://store.localhost/products/", None),
        ("http://store.localhost/products/a/b", None),
        ("http://store.localhost/products/MUG", None),
        ("http://other.localhost/products/mug", None),
    ],
)
def test_demo_store_links(url: str, expected: ProductReference | None) -> None:
    assert find_product(url, "demo") == expected


def test_a_store_that_does_not_exist_has_no_products() -> None:
    assert find_product("https://www.amazon.com/dp/B08N5WRWNW", "nowhere") is None


@given(st.text() | st.text().map(lambda text: f"https://www.amazon.com/{text}"), st.sampled_from(["amazon", "demo"]))
def test_no_string_makes_the_search_fail(url: str, store: str) -> None:
    find_product(url, store)


@pytest.mark.parametrize(
    ("url", "tag"),
    [
        ("https://www.amazon.com/dp/B08N5WRWNW?th=1&tag=blog-20", "blog-20"),
        ("https://www.amazon.com/dp/B08N5WRWNW?AssociateTag=blog-20", "blog-20"),
        ("https://www.amazon.com/dp/B08N5WRWNW?tag=%3Cscript%3E&tag=blog-21", "blog-21"),
        ("https://www.amazon.com/dp/B08N5WRWNW?tag=" + "a" * 65, None),
        ("https://www.amazon.com/dp/B08N5WRWNW?" + "a=1&" * 60 + "tag=blog-20", None),
        ("https://www.amazon.com/dp/B08N5WRWNW?tag=blog-20&" + "x" * MAX_URL_LENGTH, None),
        ("https://[www.amazon.com/dp/B08N5WRWNW?tag=blog-20", None),
        ("https://www.amazon.com/dp/B08N5WRWNW", None),
    ],
)
def test_a_link_names_its_associate(url: str, tag: str | None) -> None:
    assert associate_tag(url) == tag


def test_only_amazon_has_associates() -> None:
    link = Link("http://store.localhost/products/mug?tag=blog-20", title="Mug")
    assert preview_of(link, link.expanded_url, "demo") == LinkPreview("Mug")


def test_a_line_id_leads_back_to_its_product() -> None:
    reference = ProductReference("store.localhost", "tee", "tee-s")
    assert ProductReference.from_line_id(reference.line_id) == reference


def test_an_erased_link_covers_nothing_and_a_paused_one_what_came_after_its_consent() -> None:
    link = AccountLink("s", "222", "ada", "amazon.com", "US", "en", consented_at_ms=5, policy_version="1")
    assert link.covers(5)
    assert not link.covers(4)
    erased = AccountLink("s", "222", "ada", "amazon.com", "US", "en", 5, "1", state=LinkState.ERASED)
    assert not erased.covers(9)


def test_a_token_does_not_show_itself() -> None:
    assert "access" not in repr(BotToken("access", "refresh", 5)).replace("expires_at_ms", "")
