"""How far a source has been read: nothing is lost wherever the reading stops, and little is read twice."""

from hypothesis import given
from hypothesis import strategies as st

from hashcart.domain.posts import DAY_MS
from hashcart.domain.sweeps import LONGEST_ABSENCE_MS, MOST_REMEMBERED, OVERLAP_MS, SweepPosition
from tests.fakes.clock import NOW_MS, post_id

MINUTE = 60_000


def test_a_round_begins_ten_minutes_before_the_newest_post_seen() -> None:
    position = SweepPosition.beginning(NOW_MS).after_page([post_id(-MINUTE), post_id(0)]).after_round("2026-11-24")
    assert position.newest_id == post_id(-MINUTE)
    assert position.since_id(NOW_MS + 2 * MINUTE) == post_id(OVERLAP_MS - MINUTE)


def test_a_source_is_first_read_from_ten_minutes_ago() -> None:
    assert SweepPosition.beginning(NOW_MS).since_id(NOW_MS) == post_id(OVERLAP_MS)


def test_a_position_of_long_ago_is_brought_into_the_days_that_x_searches() -> None:
    position = SweepPosition(post_id(20 * DAY_MS))
    assert position.since_id(NOW_MS) == post_id(LONGEST_ABSENCE_MS)


def test_an_empty_page_changes_nothing() -> None:
    position = SweepPosition.beginning(NOW_MS)
    assert position.after_page([]) == position
    assert position.after_page([]).after_round("") == position


def test_a_round_that_stops_goes_on_below_what_it_has_read() -> None:
    position = SweepPosition.beginning(NOW_MS - 5 * MINUTE).after_page([post_id(2 * MINUTE), post_id(MINUTE)])
    assert (position.round_newest_id, position.resume_below_id) == (post_id(MINUTE), post_id(2 * MINUTE))
    assert position.newest_id == post_id(5 * MINUTE)
    ended = position.after_page([post_id(4 * MINUTE)]).after_round("2026-11-24")
    assert (ended.newest_id, ended.round_newest_id, ended.resume_below_id) == (post_id(MINUTE), None, None)


def test_ids_are_remembered_for_ten_minutes_and_never_too_many() -> None:
    position = SweepPosition.beginning(NOW_MS - DAY_MS).after_page([post_id(OVERLAP_MS + 1), post_id(OVERLAP_MS)])
    later = position.after_round("2026-11-24").after_page([post_id(0)])
    assert later.seen == (post_id(OVERLAP_MS), post_id(0))
    burst = later.after_page(post_id(0, sequence=number) for number in range(MOST_REMEMBERED + 5))
    assert len(burst.seen) == MOST_REMEMBERED
    assert burst.seen[-1] == post_id(0, sequence=MOST_REMEMBERED + 4)


@given(st.lists(st.lists(st.integers(0, 9 * MINUTE), max_size=5), max_size=5))
def test_the_newest_post_never_goes_back(pages: list[list[int]]) -> None:
    position = SweepPosition.beginning(NOW_MS)
    for page in pages:
        moved = position.after_page(map(post_id, page)).after_round("2026-11-24")
        assert int(moved.newest_id) >= int(position.newest_id)
        assert moved.wait_until_ms == 0
        position = moved
