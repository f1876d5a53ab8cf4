"""The fold: what a line comes to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashcart.domain.cart_lines import (
    EMPTY,
    KEPT_OPERATIONS,
    LIFE_AFTER_ADD_MS,
    LIFE_AFTER_CLEAR_MS,
    CartLine,
    Kind,
    LineState,
    Operation,
    fold,
)
from hashcart.domain.posts import click_key, key_time_ms, order_key
from tests.fakes.clock import NOW_MS, post_id


def line(*operations: tuple[Kind, int | None], undone: tuple[int, ...] = (), age_ms: int = 0) -> CartLine:
    """A line with one operation a second, the first `age_ms` before now."""
    keys = [order_key(post_id(age_ms - 1000 * number)) for number in range(len(operations))]
    return CartLine(
        "store.localhost#mug#",
        {key: Operation(kind, 1, quantity) for key, (kind, quantity) in zip(keys, operations, strict=True)},
        undone=frozenset(keys[number] for number in undone),
    )


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ([], EMPTY),
        ([(Kind.PLAIN, None)], LineState(quantity=1)),
        ([(Kind.PLAIN, None), (Kind.PLAIN, None)], LineState(quantity=1)),
        ([(Kind.SET, 3)], LineState(quantity=3)),
        ([(Kind.SET, 3), (Kind.PLAIN, None)], LineState(quantity=3)),
        ([(Kind.PLAIN, None), (Kind.SET, 3)], LineState(quantity=3)),
        ([(Kind.SET, 3), (Kind.CLEAR, None)], EMPTY),
        ([(Kind.SET, 3), (Kind.CLEAR, None), (Kind.PLAIN, None)], LineState(quantity=1)),
        ([(Kind.WISH, None)], LineState(wished=1)),
        ([(Kind.WISH, 4), (Kind.WISH, None)], LineState(wished=4)),
        ([(Kind.WISH, 4), (Kind.PLAIN, None)], LineState(quantity=1)),
        ([(Kind.SET, 2), (Kind.WISH, 4)], LineState(quantity=2)),
        ([(Kind.WAITING, 2)], LineState(waiting=2)),
        ([(Kind.WAITING, 2), (Kind.WAITING, None)], LineState(waiting=2)),
        ([(Kind.WAITING, None), (Kind.CLEAR, None)], EMPTY),
        ([(Kind.SET, 2), (Kind.WAITING, None)], LineState(quantity=2)),
        ([(Kind.PLAIN, None), (Kind.WITHDRAWN, None)], LineState(quantity=1)),
    ],
)
def test_operations_fold_to_a_state(operations: list[tuple[Kind, int | None]], expected: LineState) -> None:
    assert line(*operations).state() == expected


def test_an_undone_operation_is_as_if_it_had_never_been() -> None:
    assert line((Kind.PLAIN, None), (Kind.SET, 5), undone=(1,)).state() == LineState(quantity=1)
    assert line((Kind.PLAIN, None), undone=(0,)).state() == EMPTY


def test_a_line_ends_400_days_after_its_last_operation() -> None:
    old = line((Kind.SET, 2))
    newest = key_time_ms(old.newest_key or "")
    assert old.state(newest + LIFE_AFTER_ADD_MS).quantity == 2
    assert old.state(newest + LIFE_AFTER_ADD_MS + 1) == EMPTY
    assert old.expires_at_ms() == newest + LIFE_AFTER_ADD_MS


def test_a_plain_operation_on_an_expired_line_begins_anew() -> None:
    old, new = order_key(post_id(LIFE_AFTER_ADD_MS + 5)), order_key(post_id(0))
    operations = {old: Operation(Kind.SET, 1, 7), new: Operation(Kind.PLAIN, 2)}
    assert CartLine("m#p#", operations).state() == LineState(quantity=1)


def test_an_emptied_line_ends_30_days_after_its_last_operation() -> None:
    cleared = line((Kind.SET, 2), (Kind.CLEAR, None))
    assert cleared.expires_at_ms() == key_time_ms(cleared.newest_key or "") + LIFE_AFTER_CLEAR_MS


def test_a_line_without_operations_is_over() -> None:
    assert CartLine("m#p#").expires_at_ms() == 0
    assert CartLine("m#p#").newest_key is None


def test_only_the_newest_64_operations_count() -> None:
    operations = [(Kind.SET, 9)] + [(Kind.PLAIN, None)] * KEPT_OPERATIONS
    full = line(*operations, age_ms=1000 * len(operations))
    assert full.state() == LineState(quantity=1)
    assert full.excess_keys == [min(full.operations)]


@given(st.permutations(range(70)))
def test_the_fold_reads_operations_in_key_order_whatever_order_they_came_in(order: list[int]) -> None:
    keys = [order_key(post_id(1000 * number)) for number in range(70)]
    operations = {key: Operation(Kind.SET if number % 3 else Kind.CLEAR, 1, number) for number, key in enumerate(keys)}
    shuffled = {keys[number]: operations[keys[number]] for number in order}
    assert CartLine("m#p#", shuffled).state() == CartLine("m#p#", operations).state()


def test_a_click_comes_after_all_that_its_page_showed() -> None:
    newest = order_key(post_id(-60_000))
    assert click_key(NOW_MS, newest, "form") == f"{NOW_MS + 60_001:013d}#click#form"
    assert click_key(NOW_MS, None, "form") == f"{NOW_MS:013d}#click#form"
    assert click_key(NOW_MS, order_key(post_id(5000)), "form") == f"{NOW_MS:013d}#click#form"


def test_folding_nothing_gives_nothing() -> None:
    assert fold([], NOW_MS) == EMPTY
