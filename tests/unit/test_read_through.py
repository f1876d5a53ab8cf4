"""Trouble of the cache around a fetch: what was fetched is used, and others wait no longer than they must."""

from collections.abc import Collection

import pytest

from hashcart.use_cases.read_through import Fetched, read_through
from tests.fakes.clock import Clock
from tests.fakes.storage import MemoryCache, throttle

VALUES: Fetched = {"mug": ({"title": "Mug"}, 60_000), "tee": ({"title": "Tee"}, 60_000)}


class StoreDownError(Exception):
    """The store does not answer."""


class Shelf:
    """A cache of which some steps are refused, and a store that counts how often it is asked."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.cache = MemoryCache(self.clock)
        self.fetched: list[list[str]] = []
        self.is_down = False

    def read(self, *keys: str, refused: Collection[int] = ()) -> dict[str, str]:
        """The titles; `refused` are the numbers of the cache's steps that fail, the first of which reads."""
        step = iter(range(1, 100))

        def before_step() -> None:
            if next(step) in refused:
                raise throttle()

        self.cache.before_step = before_step
        found = read_through(
            self.cache, keys, self._fetch, transient=(StoreDownError,), sleep=self.clock.sleep, max_age_ms=None
        )
        return {key: value["title"] for key, value in found.items()}

    def _fetch(self, keys: Collection[str]) -> Fetched:
        self.fetched.append(list(keys))
        if self.is_down:
            raise StoreDownError
        return {key: VALUES[key] for key in keys}


def logged(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(vars(record)["outcome"], vars(record)["reason"]) for record in caplog.records]


def test_a_value_that_cannot_be_stored_is_used_and_its_lease_given_back(caplog: pytest.LogCaptureFixture) -> None:
    shelf = Shelf()
    # The first step reads, two take a lease, the fourth stores the mug.
    assert shelf.read("mug", "tee", refused=[4]) == {"mug": "Mug", "tee": "Tee"}
    assert logged(caplog) == [("not_cached", "ThrottlingException")]
    assert (shelf.cache.leases, shelf.cache.values) == ({}, {})
    assert shelf.read("mug") == {"mug": "Mug"}
    assert shelf.clock.slept == [], "nobody waits for a lease that nobody uses"


def test_what_was_stored_before_the_refusal_stays(caplog: pytest.LogCaptureFixture) -> None:
    shelf = Shelf()
    assert shelf.read("mug", "tee", refused=[5]) == {"mug": "Mug", "tee": "Tee"}
    assert len(logged(caplog)) == 1
    assert (list(shelf.cache.values), shelf.cache.leases) == (["mug"], {})
    assert shelf.read("mug", "tee") == {"mug": "Mug", "tee": "Tee"}
    assert shelf.fetched == [["mug", "tee"], ["tee"]]


def test_a_lease_that_cannot_be_given_back_either_fails_nothing_and_ends_by_itself(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shelf = Shelf()
    assert shelf.read("mug", refused=[3, 4]) == {"mug": "Mug"}
    assert logged(caplog) == [
        ("not_cached", "ThrottlingException"),
        ("lease_not_released", "ThrottlingException"),
    ]
    assert shelf.read("mug") == {}, "others wait, and then try again later"
    shelf.clock.now_ms += 15_000
    assert shelf.read("mug") == {"mug": "Mug"}


def test_a_lease_of_a_failed_fetch_that_cannot_be_given_back_fails_nothing(caplog: pytest.LogCaptureFixture) -> None:
    shelf = Shelf()
    shelf.is_down = True
    assert shelf.read("mug", refused=[3]) == {}
    assert logged(caplog) == [
        ("fetch_failed", "StoreDownError"),
        ("lease_not_released", "ThrottlingException"),
    ]


def test_a_cache_that_cannot_be_read_is_an_error_of_the_caller() -> None:
    shelf = Shelf()
    with pytest.raises(type(throttle())):
        shelf.read("mug", refused=[1])
    assert shelf.fetched == []
