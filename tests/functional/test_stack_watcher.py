"""The live panel's view of a stack: outcomes and carts as its tables have them."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hashcart.domain.cart_lines import Kind, Operation, Snapshot
from hashcart.domain.outcomes import Code, Outcome, Version
from hashcart.domain.posts import order_key
from hashcart.observability import clock_ms
from hashcart.storage.activity import Activity
from hashcart.storage.carts import Carts
from local.stack_watcher import StackWatcher, sentence
from local.x_simulator.watcher import WatcherUnavailableError
from tests.fakes.account_links import ADA, tie
from tests.fakes.aws import Aws, aws_account
from tests.fakes.clock import post_id

MUG, KETTLE = "store.localhost#stoneware-mug#", "store.localhost#copper-kettle#"
OUTPUTS = {
    "AccountLinksTableName": "AccountLinksTable",
    "ActivityTableName": "ActivityTable",
    "CartsTableName": "CartsTable",
}


@pytest.fixture
def aws() -> Iterator[Aws]:
    with aws_account() as account:
        tie(account.dynamodb, replace(ADA, consented_at_ms=clock_ms() - 3_600_000))
        yield account


@pytest.fixture
def outputs_file(tmp_path: Path) -> Path:
    path = tmp_path / "outputs.json"
    path.write_text(json.dumps(OUTPUTS))
    return path


@pytest.fixture
def watcher(aws: Aws, outputs_file: Path) -> StackWatcher:
    return StackWatcher(outputs_file, "https://dynamodb.us-east-1.amazonaws.com")


def add(aws: Aws, post: str, line_id: str, kind: Kind, snapshot: Snapshot) -> None:
    """What a post leaves in a cart."""
    operation = Operation(kind, int(post), 2)
    carts = Carts(aws.dynamodb, OUTPUTS["CartsTableName"])
    carts.write_operation(ADA.shopper_id, line_id, order_key(post), operation, now_ms=clock_ms(), snapshot=snapshot)


def test_somebody_unlinked_has_nothing(watcher: StackWatcher) -> None:
    assert (watcher.is_linked("222"), watcher.is_linked("777")) == (True, False)
    assert watcher.outcome_of("777", post_id()) is None
    assert watcher.cart_of("777") is None
    assert not watcher.is_confirmed("777")


def test_an_outcome_is_told_with_its_line(aws: Aws, watcher: StackWatcher) -> None:
    post = post_id(1000, now_ms=clock_ms())
    assert watcher.outcome_of("222", post) is None
    rows = Activity(aws.dynamodb, OUTPUTS["ActivityTableName"])
    key = order_key(post)
    rows.record_version(ADA.shopper_id, key, Version(int(post), MUG, Kind.SET, 2), now_ms=clock_ms())
    add(aws, post, MUG, Kind.SET, Snapshot(title="Mug"))
    outcome = Outcome(Code.QUANTITY_SET, int(post), quantity=2)
    rows.store_outcome(ADA.shopper_id, key, outcome, now_ms=clock_ms())
    told = watcher.outcome_of("222", post)
    assert told is not None
    assert (told.code, told.line_title, told.quantity, told.final) == ("QUANTITY_SET", "Mug", 2, True)
    assert told.text == "The quantity is now 2."


def test_a_cart_has_what_is_in_it_and_what_is_wished(aws: Aws, watcher: StackWatcher) -> None:
    add(aws, post_id(2000, now_ms=clock_ms()), MUG, Kind.SET, Snapshot(title="Mug", price="12.50", currency="USD"))
    add(aws, post_id(1000, now_ms=clock_ms()), KETTLE, Kind.WISH, Snapshot())
    cart = watcher.cart_of("222")
    assert cart is not None
    lines = {line.title: (line.state, line.price) for line in cart.lines}
    assert lines == {"Mug": ("in_cart", "12.50 USD"), "copper-kettle": ("wished", None)}
    assert watcher.is_confirmed("222")


def test_a_reason_follows_the_outcome() -> None:
    assert sentence(Outcome(Code.UNDONE, 1, reason="edited")) == "Taken back. An edit dropped the hashtag."


@pytest.mark.parametrize("outputs", ["", "{}", "not JSON"])
def test_a_stack_that_is_not_there_yet_is_told(watcher: StackWatcher, outputs_file: Path, outputs: str) -> None:
    outputs_file.write_text(outputs)
    with pytest.raises(WatcherUnavailableError):
        watcher.is_linked("222")


def test_tables_that_cannot_be_read_are_told(aws: Aws, watcher: StackWatcher) -> None:
    for name in ("CartsTable", "ActivityTable"):
        aws.dynamodb.delete_table(TableName=name)
    with pytest.raises(WatcherUnavailableError):
        watcher.cart_of("222")
    with pytest.raises(WatcherUnavailableError):
        watcher.outcome_of("222", post_id())
    aws.dynamodb.delete_table(TableName="AccountLinksTable")
    with pytest.raises(WatcherUnavailableError):
        watcher.is_linked("222")
