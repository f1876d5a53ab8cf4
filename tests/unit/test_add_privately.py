"""What a shopper pastes on the cart page, on its way to the queue."""

import json

import pytest

from hashcart.domain.account_links import AccountLink
from hashcart.domain.outcomes import Code, Outcome
from hashcart.domain.post_links import MAX_PASTED, pasted_url, post_id_of
from hashcart.domain.posts import id_of_key, key_time_ms
from hashcart.use_cases.add_privately import WAIT_SECONDS, WAITS, AddPrivately
from tests.fakes.clock import NOW_MS, Clock
from tests.fakes.storage import MemoryActivity

LINK = AccountLink("shopper-1", "222", "ada_shops", "store.localhost", "US", "en", 0, "1")


@pytest.mark.parametrize(
    ("url", "post"),
    [
        ("https://x.com/ada/status/2090000000000000001", "2090000000000000001"),
        ("https://www.x.com/ada/status/2090000000000000001?s=20&t=abc", "2090000000000000001"),
        ("https://twitter.com/ada/statuses/12", "12"),
        ("https://mobile.twitter.com/ada/status/12/photo/1", "12"),
        ("https://m.twitter.com/ada/status/12#top", "12"),
        ("HTTPS://X.COM/i/web/status/12", "12"),
        ("https://x.com/i/status/12", "12"),
        ("http://x.localhost:8400/i/web/status/12", "12"),
        ("https://x.com/ada", None),
        ("https://x.com/ada/status/", None),
        ("https://x.com/ada/status/12a", None),
        ("https://x.com/ada/status/9999999999999999999", None),
        ("https://x.com.evil.test/ada/status/12", None),
        ("https://evil.test/x.com/status/12", None),
        ("ftp://x.com/ada/status/12", None),
        ("https://[x.com/ada/status/12", None),
        ("http://x.localhost:1/i/web/status/12", None),
    ],
)
def test_which_post_a_link_leads_to(url: str, post: str | None) -> None:
    assert post_id_of(url, {"x.localhost:8400"}) == post


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("  https://a.test/products/mug \n", "https://a.test/products/mug"),
        ("A mug! https://a.test/mug?x=1 via app", "https://a.test/mug?x=1"),
        ("x.com/ada/status/12", "https://x.com/ada/status/12"),
        ("a.test:8401/products/mug", "https://a.test:8401/products/mug"),
        ("a mug", None),
        ("javascript:alert(1)", None),
        ("", None),
        ("https://a.test/" + "a" * MAX_PASTED, None),
    ],
)
def test_the_link_in_what_was_pasted(text: str, url: str | None) -> None:
    assert pasted_url(text) == url


class Adding:
    def __init__(self, outcome_after: int | None = 2) -> None:
        self.clock = Clock()
        self.rows = MemoryActivity()
        self.sent: list[dict[str, object]] = []
        self.outcome_after = outcome_after
        self.add = AddPrivately(
            lambda body: self.sent.append(json.loads(body)), self.rows, (), lambda: 7, self.clock, self._sleep
        )

    def _sleep(self, seconds: float) -> None:
        self.clock.sleep(seconds)
        if len(self.clock.slept) == self.outcome_after:
            key = f"{NOW_MS:013d}#private#{self.sent[0]['id']}"
            self.rows.store_outcome("shopper-1", key, Outcome(Code.ADDED, 1), now_ms=NOW_MS)


def test_a_product_link_goes_to_the_queue_and_the_outcome_is_waited_for() -> None:
    adding = Adding()
    added = adding.add(LINK, "https://a.test/products/mug", 3, "size L")
    assert added is not None
    assert (key_time_ms(added.key), id_of_key(added.key)[0]) == (NOW_MS, "private")
    assert added.row is not None
    assert added.row.outcome == Outcome(Code.ADDED, 1)
    (message,) = adding.sent
    assert (message["shopper_id"], message["author_id"], message["url"]) == (
        "shopper-1",
        "222",
        "https://a.test/products/mug",
    )
    assert (message["quantity"], message["options"], message["parent_id"]) == (3, "size L", "")


def test_a_post_link_names_the_post() -> None:
    adding = Adding()
    adding.add(LINK, "x.com/ada/status/12")
    assert (adding.sent[0]["parent_id"], adding.sent[0]["url"]) == ("12", "")


def test_a_product_of_a_post_names_both() -> None:
    adding = Adding()
    adding.add(LINK, "https://a.test/products/mug", found_in="12")
    assert (adding.sent[0]["parent_id"], adding.sent[0]["url"]) == ("12", "https://a.test/products/mug")


def test_the_page_does_not_wait_for_ever() -> None:
    adding = Adding(outcome_after=None)
    added = adding.add(LINK, "https://a.test/products/mug")
    assert added is not None
    assert (added.row, adding.clock.slept) == (None, [WAIT_SECONDS] * WAITS)


def test_what_is_no_link_goes_nowhere() -> None:
    adding = Adding()
    assert adding.add(LINK, "a mug, please") is None
    assert adding.sent == []
