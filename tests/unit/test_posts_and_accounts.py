"""Ids, times and account links."""

import pytest

from hashcart.domain.account_links import AccountLink
from hashcart.domain.bot_tokens import BotToken
from hashcart.domain.link_previews import LinkPreview, preview_of
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
from hashcart.domain.product_links import StoreLinks
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


def test_only_amazon_has_associates() -> None:
    link = Link("http://store.localhost/products/mug?tag=blog-20", title="Mug")
    assert preview_of(link, link.expanded_url, StoreLinks("demo")) == LinkPreview("Mug")


def test_a_link_covers_what_came_after_its_consent() -> None:
    link = AccountLink("s", "222", "ada", "amazon.com", "US", "en", consented_at_ms=5, policy_version="1")
    assert link.covers(5)
    assert not link.covers(4)


def test_a_token_does_not_show_itself() -> None:
    assert "access" not in repr(BotToken("access", "refresh", 5)).replace("expires_at_ms", "")
