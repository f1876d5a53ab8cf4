"""docs/privacy.md names everything that is stored about a shopper."""

import re
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from hashcart.domain.account_links import AccountLink, EmailChoice, Shopper, StoreAccount
from hashcart.domain.cart_lines import Confirmed, Kind, Operation, Sent, Snapshot
from hashcart.domain.offers import DECLINED, Offer
from hashcart.domain.outcomes import Code, Outcome, Version
from hashcart.domain.posts import order_key
from hashcart.domain.product_links import ProductReference
from hashcart.domain.sessions import Session
from hashcart.messages.cart_requests import AddRequested
from hashcart.messages.digests import DigestDue
from hashcart.messages.notices import AccountNotice, NoticeKind
from hashcart.messages.outcomes import OutcomeReached
from hashcart.messages.posts import to_json
from hashcart.storage.account_links import AccountLinks
from hashcart.storage.activity import Activity
from hashcart.storage.carts import Carts
from hashcart.storage.offers import Offers
from hashcart.storage.pending import Pending, PendingItem, PendingKind
from hashcart.storage.sessions import Sessions
from hashcart.use_cases.leave import Leave, ShopperTables
from tests.fakes.aws import Aws, aws_account, load_template, resources_of_type
from tests.fakes.clock import NOW_MS, post_id

PAGE = (Path(__file__).parents[2] / "docs" / "privacy.md").read_text()
DOCUMENTED = {word for span in re.findall(r"`([^`]+)`", PAGE) for word in re.findall(r"\w+", span)}
POST = post_id()
KEY = order_key(POST)
LINE = "store.localhost#mug#"
PATTERNS = (r"\d{13}#\w+#\w+!?", r"v\d+", r"answer#\d+")


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with aws_account() as account:
        yield account


@pytest.fixture(scope="module")
def export(aws: Aws) -> dict[str, Any]:
    """Everything that can be stored, stored once."""
    client = aws.dynamodb
    links = AccountLinks(client, "AccountLinksTable")
    carts = Carts(client, "CartsTable", has_store_cart=True)
    rows = Activity(client, "ActivityTable")
    sessions = Sessions(client, "SessionsTable")
    pending = Pending(client, "PendingTable")
    offers = Offers(client, "SessionsTable")
    me = links.shopper_of(StoreAccount("https://store.test", "ada", "Ada"), now_ms=NOW_MS).shopper_id
    link = AccountLink(
        me, "222", "ada_shops", "store.localhost", "US", "en", NOW_MS, "1", email=EmailChoice.EVERYTHING,
        avatar_url="https://pbs.twimg.com/a.png", sensitive_categories=("health",),
        post_events_since_ms=NOW_MS, post_events_policy="1",
    )  # fmt: skip
    links.link(link, email_address="ada@example.com", now_ms=NOW_MS)
    links.pause_adding(link, adds_since_ms=NOW_MS)
    links.vouch(me, "222", now_ms=NOW_MS)
    links.pause("222", reason="revoked", at_ms=NOW_MS + 1)
    links.stop_replies("222", post_id=POST)
    snapshot = Snapshot("Mug", "1.00", "USD", "https://a.b/c", NOW_MS, 5, True, "health", "tag-20")
    operation = Operation(Kind.SET, 1, 2, "removed", POST, LINE)
    line = carts.write_operation(me, LINE, KEY, operation, now_ms=NOW_MS, snapshot=snapshot).line
    carts.mark_undone(me, LINE, KEY)
    version = Version(
        int(POST), LINE, Kind.SET, 1, 5, code=Code.ADDED, reason="r", sensitive=True, linked=LINE, parent_id="1",
        parent_author_id="2", reply_id="3",
    )  # fmt: skip
    rows.record_version(me, KEY, version, now_ms=NOW_MS)
    rows.mark_undone(me, KEY, now_ms=NOW_MS)
    rows.point_to_first(me, KEY, KEY, now_ms=NOW_MS)
    outcome = Outcome(Code.ADDED, 5, "r", 1, 5, sensitive=True)
    rows.store_outcome(me, KEY, replace(outcome, code=Code.STORE_UNAVAILABLE), now_ms=NOW_MS)
    rows.store_outcome(me, KEY, outcome, now_ms=NOW_MS)
    rows.record_reply(me, KEY, claimed_at_ms=NOW_MS, result="sent", reply_id="9")
    rows.record_email(me, KEY, claimed_at_ms=NOW_MS, result="sent")
    product = ProductReference("store.localhost", "mug")
    for kind, message in (
        (PendingKind.CART_REQUEST, AddRequested(POST, POST, "222", "1", product)),
        (PendingKind.OUTCOME, OutcomeReached(POST, POST, "222", me, outcome)),
        (PendingKind.NOTICE, AccountNotice(NoticeKind.LINKED, me, "ada_shops", "en", NOW_MS)),
        (PendingKind.DIGEST, DigestDue(me, "222", NOW_MS)),
    ):
        pending.put(PendingItem(kind, POST, NOW_MS, to_json(message)))
    sessions.save(Session("hash", NOW_MS, NOW_MS, me, "en"))
    offers.begin(me, NOW_MS, now_ms=NOW_MS)
    offers.keep(me, NOW_MS, [Offer(POST, POST, "1", LINE, 2)], now_ms=NOW_MS)
    offers.keep(me, NOW_MS, None, trouble="x_unavailable", now_ms=NOW_MS)
    offers.answer(me, POST, DECLINED, now_ms=NOW_MS)
    assert line.revision
    return Leave(ShopperTables(links, carts, rows, sessions, offers, pending), lambda: NOW_MS).export(me)


def names_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from names_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from names_in(inner)


def test_an_export_has_a_part_for_each_table(export: dict[str, Any]) -> None:
    empty = [name for name, part in export.items() if not part]
    assert empty == []
    assert set(export) == {
        "exported_at_ms", "shopper", "account", "link", "post_events", "carts", "activity", "pending", "sessions",
        "offers",
    }  # fmt: skip
    assert len(export["pending"]) == 4


def test_each_name_in_an_export_is_explained(export: dict[str, Any]) -> None:
    patterned = re.compile("|".join(PATTERNS))
    names = {name for name in names_in(export) if not patterned.fullmatch(name)}
    assert sorted(names - DOCUMENTED) == []


@pytest.mark.parametrize(
    "stored",
    [
        AccountLink, Shopper, Snapshot, Sent, Confirmed, Version, Outcome, AddRequested, OutcomeReached, AccountNotice,
        DigestDue, Offer,
    ],
)  # fmt: skip
def test_each_field_that_may_be_stored_is_explained(stored: type[Any]) -> None:
    assert [field.name for field in fields(stored) if field.name not in DOCUMENTED] == []


def test_what_ages_out_elsewhere_is_named_with_the_templates_days() -> None:
    retention = {
        properties["MessageRetentionPeriod"] // 86_400: name
        for name, properties in resources_of_type("AWS::SQS::Queue").items()
    }
    assert set(retention) == {4, 14}
    assert {f"| {days} days |" in PAGE for days in (4, 14, 35)} == {True}
    assert f"({load_template()['Parameters']['LogRetentionDays']['Default']} days)" in PAGE
