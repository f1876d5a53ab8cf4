"""The storage modules against moto, and the in-memory fakes against the same expectations.

A fake that behaves otherwise than DynamoDB would make every unit test worthless, so both sides run each test.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from itertools import islice

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from hashcart.domain.account_links import TOO_MANY, AccountLink, LinkState
from hashcart.domain.bot_tokens import BotToken
from hashcart.domain.cart_lines import KEPT_OPERATIONS, CartLine, Kind, LineClick, LineWrite, Operation, Snapshot
from hashcart.domain.offers import DECLINED, Offer, OfferBook
from hashcart.domain.outcomes import Code, Outcome, Version
from hashcart.domain.posts import DAY_MS, order_key
from hashcart.domain.recipients import Recipient
from hashcart.domain.sessions import ABSOLUTE_MS, Session
from hashcart.domain.sweeps import SweepPosition
from hashcart.domain.webhooks import WebhookHealth
from hashcart.domain.x_prices import POST_READ, SUMMONED_REPLY
from hashcart.domain.x_spending import Purpose, Spending, Spent
from hashcart.storage.account_links import AccountLinks
from hashcart.storage.activity import ROW_LIFE_MS, Activity
from hashcart.storage.bot_tokens import BotTokens
from hashcart.storage.carts import ITEM_LIFE_MS, Carts, StaleRevisionError
from hashcart.storage.checkpoints import Checkpoints
from hashcart.storage.leased_cache import MAX_REMEMBERED, Entry, LeasedCache
from hashcart.storage.offers import Offers
from hashcart.storage.pending import SHARDS, Pending, PendingItem, PendingKind
from hashcart.storage.recipients import Recipients
from hashcart.storage.sessions import Sessions
from hashcart.storage.table import Table, ThrottledError, to_item
from hashcart.use_cases.read_through import read_through
from tests.fakes.account_links import tie
from tests.fakes.aws import Aws, aws_account
from tests.fakes.clock import NOW_MS, Clock, post_id
from tests.fakes.storage import (
    MemoryAccountLinks,
    MemoryActivity,
    MemoryBotTokens,
    MemoryCache,
    MemoryCarts,
    MemoryCheckpoints,
    MemoryOffers,
    MemoryPending,
    MemoryRecipients,
)

SHOPPER = "shopper-1"
LINE = "store.localhost#mug#"
LINK = AccountLink(
    shopper_id=SHOPPER,
    x_user_id="222",
    handle="ada_shops",
    marketplace="store.localhost",
    country="US",
    language="en",
    consented_at_ms=NOW_MS - DAY_MS,
    policy_version="1",
)


@dataclass
class Stores:
    carts: Carts | MemoryCarts
    rows: Activity | MemoryActivity
    links: AccountLinks | MemoryAccountLinks
    pending: Pending | MemoryPending
    tokens: BotTokens | MemoryBotTokens
    cache: LeasedCache | MemoryCache
    checkpoints: Checkpoints | MemoryCheckpoints
    offers: Offers | MemoryOffers
    clock: Clock
    aws: Aws | None = None


@pytest.fixture(params=["dynamodb", "memory"])
def stores(request: pytest.FixtureRequest) -> Iterator[Stores]:
    clock = Clock()
    if request.param == "memory":
        yield Stores(
            MemoryCarts(),
            MemoryActivity(),
            MemoryAccountLinks(LINK),
            MemoryPending(),
            MemoryBotTokens(BotToken("access", "refresh", NOW_MS)),
            MemoryCache(clock),
            MemoryCheckpoints(),
            MemoryOffers(),
            clock,
        )
        return
    with aws_account() as aws:
        links = tie(aws.dynamodb, LINK)
        tokens = BotTokens(aws.dynamodb, "BotTokensTable")
        tokens.save(BotToken("access", "refresh", NOW_MS))
        yield Stores(
            Carts(aws.dynamodb, "CartsTable"),
            Activity(aws.dynamodb, "ActivityTable"),
            links,
            Pending(aws.dynamodb, "PendingTable"),
            tokens,
            LeasedCache(aws.dynamodb, "ProductsTable", "product", clock_ms=clock),
            Checkpoints(aws.dynamodb, "CheckpointsTable"),
            Offers(aws.dynamodb, "SessionsTable"),
            clock,
            aws,
        )


KEY = order_key(post_id())


def test_an_operation_is_written_once_and_newer_versions_replace_it(stores: Stores) -> None:
    write = stores.carts.write_operation
    snapshot = Snapshot(title="Mug", price="12.50", currency="USD", priced_at_ms=NOW_MS, max_quantity=5)
    first = write(SHOPPER, LINE, KEY, Operation(Kind.SET, 5, 2), now_ms=NOW_MS, snapshot=snapshot)
    assert first == LineWrite(
        CartLine(LINE, {KEY: Operation(Kind.SET, 5, 2)}, revision=1, begun_by=KEY, snapshot=snapshot), has_changed=True
    )
    again = write(SHOPPER, LINE, KEY, Operation(Kind.SET, 5, 9), now_ms=NOW_MS)
    assert again == LineWrite(first.line, has_changed=False)
    newer = write(SHOPPER, LINE, KEY, Operation(Kind.WITHDRAWN, 6), now_ms=NOW_MS)
    assert (newer.line.operations[KEY].kind, newer.line.revision, newer.line.snapshot) == (Kind.WITHDRAWN, 2, snapshot)
    older = write(SHOPPER, LINE, KEY, Operation(Kind.SET, 5, 2), now_ms=NOW_MS)
    assert older == LineWrite(newer.line, has_changed=False)


def test_a_line_was_begun_by_what_came_first_however_old_it_is(stores: Stores) -> None:
    write = stores.carts.write_operation
    write(SHOPPER, LINE, KEY, Operation(Kind.PLAIN, 1), now_ms=NOW_MS)
    earlier = order_key(post_id(60_000))
    assert write(SHOPPER, LINE, earlier, Operation(Kind.SET, 1, 2), now_ms=NOW_MS).line.begun_by == KEY
    _, together = stores.carts.click_together(SHOPPER, chosen((2, 0)), now_ms=NOW_MS)
    assert together.begun_by == f"{NOW_MS + 1}#click#form-1"


def test_an_undone_mark_is_written_once(stores: Stores) -> None:
    stores.carts.write_operation(SHOPPER, LINE, KEY, Operation(Kind.PLAIN, 1), now_ms=NOW_MS)
    marked = stores.carts.mark_undone(SHOPPER, LINE, KEY)
    assert (marked.undone, marked.revision, marked.state().quantity) == (frozenset({KEY}), 2, 0)
    assert stores.carts.mark_undone(SHOPPER, LINE, KEY) == marked


def fill(stores: Stores, keys: list[str]) -> None:
    """Put a plain operation under each key, in DynamoDB by one write as 64 take seconds."""
    if stores.aws is None:
        for key in keys:
            stores.carts.write_operation(SHOPPER, LINE, key, Operation(Kind.PLAIN, 1), now_ms=NOW_MS)
        return
    item = {"shopper_id": SHOPPER, "line_id": LINE, "revision": len(keys)} | {
        key: {"k": "plain", "v": 1} for key in keys
    }
    stores.aws.dynamodb.put_item(TableName="CartsTable", Item=to_item(item))


def test_a_line_keeps_its_64_newest_operations(stores: Stores) -> None:
    keys = [order_key(post_id(1000 * number)) for number in range(KEPT_OPERATIONS + 2)]
    fill(stores, keys[:-2])
    stores.carts.mark_undone(SHOPPER, LINE, keys[-3])
    for key in keys[-2:]:
        stores.carts.write_operation(SHOPPER, LINE, key, Operation(Kind.PLAIN, 1), now_ms=NOW_MS)
    newer = order_key(post_id(-1000))
    stores.carts.write_operation(SHOPPER, LINE, newer, Operation(Kind.SET, 1, 3), now_ms=NOW_MS)
    (line,) = stores.carts.lines(SHOPPER)
    assert set(line.operations) == {newer, *keys[:-3]}
    assert line.undone == frozenset()
    assert line.state().quantity == 3


def test_a_click_wins_only_on_the_revision_that_its_page_showed(stores: Stores) -> None:
    line = stores.carts.write_operation(SHOPPER, LINE, KEY, Operation(Kind.PLAIN, 1), now_ms=NOW_MS).line
    clear, key = Operation(Kind.CLEAR, 1, reason="removed"), f"{NOW_MS + 1}#click#form-1"
    cleared = stores.carts.click(SHOPPER, LINE, key, clear, revision=line.revision, now_ms=NOW_MS)
    assert cleared.operations[key] == clear
    sent_twice = f"{NOW_MS + 50}#click#form-1"
    again = stores.carts.click(SHOPPER, LINE, sent_twice, clear, revision=line.revision, now_ms=NOW_MS)
    assert again == cleared
    with pytest.raises(StaleRevisionError) as stale:
        stores.carts.click(SHOPPER, LINE, f"{NOW_MS + 9}#click#form-2", clear, revision=line.revision, now_ms=NOW_MS)
    assert stale.value.line == cleared


CHOSEN = "store.localhost#tee#tee-l"


def chosen(revisions: tuple[int, int] = (1, 0), form: str = "form-1") -> list[LineClick]:
    key = f"{NOW_MS + 1}#click#{form}"
    operation = Operation(Kind.SET, 1, 2, post_id="1", chosen_from=LINE)
    return [
        LineClick(LINE, key, Operation(Kind.CLEAR, 1, reason="chosen"), revisions[0]),
        LineClick(CHOSEN, key, operation, revisions[1], Snapshot(title="Tee, L")),
    ]


def test_a_click_on_two_lines_changes_both_or_none(stores: Stores) -> None:
    stores.carts.write_operation(SHOPPER, LINE, KEY, Operation(Kind.WAITING, 1, 2), now_ms=NOW_MS)
    together = stores.carts.click_together
    lines = together(SHOPPER, chosen(), now_ms=NOW_MS)
    assert [(line.state().quantity, line.state().waiting, line.revision) for line in lines] == [(0, 0, 2), (2, 0, 1)]
    assert lines[1].snapshot.title == "Tee, L"
    assert together(SHOPPER, chosen(), now_ms=NOW_MS + 5) == lines
    with pytest.raises(StaleRevisionError) as stale:
        together(SHOPPER, chosen((1, 1), "form-2"), now_ms=NOW_MS)
    assert stale.value.line == lines[0]
    with pytest.raises(StaleRevisionError):
        together(SHOPPER, chosen((2, 0), "form-2"), now_ms=NOW_MS)
    assert [stores.carts.line(SHOPPER, line_id) for line_id in (LINE, CHOSEN)] == lines


def test_a_line_that_is_not_there_is_empty(stores: Stores) -> None:
    assert stores.carts.line(SHOPPER, LINE) == CartLine(LINE)


def test_the_lines_of_one_shopper_are_theirs_alone(stores: Stores) -> None:
    stores.carts.write_operation(SHOPPER, LINE, KEY, Operation(Kind.PLAIN, 1), now_ms=NOW_MS)
    stores.carts.write_operation("shopper-2", LINE, KEY, Operation(Kind.PLAIN, 1), now_ms=NOW_MS)
    assert [line.line_id for line in stores.carts.lines(SHOPPER)] == [LINE]
    assert stores.carts.lines("shopper-3") == []


def test_the_first_decision_of_a_version_stands(stores: Stores) -> None:
    version = Version(5, LINE, Kind.SET, quantity=2, maximum=9, sensitive=True, parent_id="1", parent_author_id="2")
    row = stores.rows.record_version(SHOPPER, KEY, version, now_ms=NOW_MS)
    assert (row.versions, row.undone, row.newest) == ({5: version}, False, version)
    other = Version(5, "store.localhost#lamp#", Kind.PLAIN)
    assert stores.rows.record_version(SHOPPER, KEY, other, now_ms=NOW_MS) == row
    refused = Version(6, code=Code.NO_PRODUCT, reason="no_link")
    assert stores.rows.record_version(SHOPPER, KEY, refused, now_ms=NOW_MS).newest == refused


def test_an_undo_may_come_before_its_add(stores: Stores) -> None:
    assert stores.rows.row(SHOPPER, KEY) is None
    assert stores.rows.mark_undone(SHOPPER, KEY, now_ms=NOW_MS).undone
    assert stores.rows.record_version(SHOPPER, KEY, Version(5, LINE, Kind.PLAIN), now_ms=NOW_MS).undone
    row = stores.rows.row(SHOPPER, KEY)
    assert row is not None
    assert row.undone


def test_rows_come_newest_first_and_in_pages(stores: Stores) -> None:
    keys = [order_key(post_id(1000 * number), network) for number, network in enumerate(("private", "x", "x"))]
    for key in keys:
        stores.rows.record_version(SHOPPER, key, Version(5, LINE, Kind.PLAIN), now_ms=NOW_MS)
    stores.rows.record_version("shopper-2", KEY, Version(5, LINE, Kind.PLAIN), now_ms=NOW_MS)
    first = stores.rows.recent(SHOPPER, before_key=None, limit=2)
    assert [row.order_key for row in first] == keys[:2]
    assert [row.order_key for row in stores.rows.recent(SHOPPER, before_key=keys[1], limit=2)] == keys[2:]


def test_an_edit_leads_to_the_post_it_edits(stores: Stores) -> None:
    edit_key = order_key(post_id(-1000))
    stores.rows.mark_undone(SHOPPER, edit_key, now_ms=NOW_MS)
    row = stores.rows.point_to_first(SHOPPER, edit_key, KEY, now_ms=NOW_MS)
    assert (row.first_key, row.undone) == (KEY, True)


def test_the_first_outcome_is_kept(stores: Stores) -> None:
    added = Outcome(Code.ADDED, 5, quantity=1, maximum=10)
    assert stores.rows.store_outcome(SHOPPER, KEY, added, now_ms=NOW_MS) == added
    later = Outcome(Code.ALREADY_IN_CART, 5, quantity=1)
    assert stores.rows.store_outcome(SHOPPER, KEY, later, now_ms=NOW_MS) == added
    row = stores.rows.row(SHOPPER, KEY)
    assert row is not None
    assert row.outcome == added


def test_a_newer_version_has_an_outcome_of_its_own(stores: Stores) -> None:
    stores.rows.store_outcome(SHOPPER, KEY, Outcome(Code.ADDED, 5), now_ms=NOW_MS)
    edited = Outcome(Code.UNDONE, 6, reason="edited")
    assert stores.rows.store_outcome(SHOPPER, KEY, edited, now_ms=NOW_MS) == edited
    assert stores.rows.store_outcome(SHOPPER, KEY, Outcome(Code.ADDED, 5), now_ms=NOW_MS) == edited


def test_an_outcome_of_the_moment_is_replaced_once(stores: Stores) -> None:
    def store(code: Code) -> Code:
        return stores.rows.store_outcome(SHOPPER, KEY, Outcome(code, 5), now_ms=NOW_MS).code

    assert store(Code.STORE_UNAVAILABLE) is Code.STORE_UNAVAILABLE
    assert store(Code.STORE_UNAVAILABLE) is Code.STORE_UNAVAILABLE
    assert store(Code.CHOOSE_OPTIONS) is Code.CHOOSE_OPTIONS
    assert store(Code.ADDED) is Code.CHOOSE_OPTIONS


def test_a_reply_is_claimed_once_and_recorded(stores: Stores) -> None:
    rows = stores.rows
    assert rows.claim_reply(SHOPPER, KEY, now_ms=NOW_MS) is None
    assert rows.claim_reply(SHOPPER, KEY, now_ms=NOW_MS + 5) == {"claimed_at_ms": NOW_MS}
    assert not rows.renew_claim(SHOPPER, KEY, seen_ms=NOW_MS - 1, now_ms=NOW_MS + 5)
    assert rows.renew_claim(SHOPPER, KEY, seen_ms=NOW_MS, now_ms=NOW_MS + 5)
    rows.record_reply(SHOPPER, KEY, claimed_at_ms=NOW_MS + 5, result="sent", reply_id="77")
    assert not rows.renew_claim(SHOPPER, KEY, seen_ms=NOW_MS + 5, now_ms=NOW_MS + 9)
    record = {"claimed_at_ms": NOW_MS + 5, "result": "sent", "id": "77"}
    assert rows.claim_reply(SHOPPER, KEY, now_ms=NOW_MS) == record
    rows.record_reply(SHOPPER, KEY, claimed_at_ms=NOW_MS, result="refused", reply_id=None)
    assert rows.claim_reply(SHOPPER, KEY, now_ms=NOW_MS) == {"claimed_at_ms": NOW_MS, "result": "refused"}


def test_a_released_reply_can_be_claimed_again(stores: Stores) -> None:
    stores.rows.claim_reply(SHOPPER, KEY, now_ms=NOW_MS)
    stores.rows.release_reply(SHOPPER, KEY)
    assert stores.rows.claim_reply(SHOPPER, KEY, now_ms=NOW_MS) is None


def test_a_link_is_found_by_its_profile_and_paused_only_by_what_came_after_it(stores: Stores) -> None:
    assert stores.links.of_profile("222") == LINK
    assert stores.links.of_profile("333") is None
    assert not stores.links.pause("333", reason="revoked", at_ms=NOW_MS)
    assert not stores.links.pause("222", reason="revoked", at_ms=LINK.consented_at_ms)
    assert stores.links.pause("222", reason="revoked", at_ms=NOW_MS)
    paused = stores.links.of_profile("222")
    assert paused is not None
    assert (paused.state, paused.state_reason) == (LinkState.PAUSED, "revoked")


def test_pending_messages_come_when_they_are_due_and_stay_until_removed(stores: Stores) -> None:
    later = PendingItem(PendingKind.OUTCOME, post_id(), NOW_MS + 1, "{}")
    now = PendingItem(PendingKind.OUTCOME, post_id(5), NOW_MS, '{"a":1}')
    request = PendingItem(PendingKind.CART_REQUEST, post_id(5), NOW_MS, "{}")
    for item in (later, now, now, request):
        stores.pending.put(item)
    assert list(stores.pending.due(PendingKind.OUTCOME, NOW_MS, 10)) == [now]
    assert list(stores.pending.due(PendingKind.CART_REQUEST, NOW_MS, 10)) == [request]
    stores.pending.remove(now)
    assert list(stores.pending.due(PendingKind.OUTCOME, NOW_MS, 10)) == []
    assert list(stores.pending.due(PendingKind.OUTCOME, NOW_MS + 1, 10)) == [later]


def test_the_bots_refresh_token_is_spent_under_a_lease(stores: Stores) -> None:
    token = stores.tokens.read()
    assert token == BotToken("access", "refresh", NOW_MS)
    assert stores.tokens.take_lease(token, now_ms=NOW_MS)
    assert not stores.tokens.take_lease(token, now_ms=NOW_MS + 1000)
    assert stores.tokens.take_lease(token, now_ms=NOW_MS + 40_000)
    renewed = BotToken("access-2", "refresh-2", NOW_MS + 7_200_000)
    stores.tokens.save(renewed)
    assert stores.tokens.read() == renewed
    assert not stores.tokens.take_lease(token, now_ms=NOW_MS + 90_000)
    assert stores.tokens.take_lease(renewed, now_ms=NOW_MS)


def test_one_reader_at_a_time_fetches_into_the_cache(stores: Stores) -> None:
    cache, clock = stores.cache, stores.clock
    assert cache.read(["mug"]) == {}
    assert cache.take_lease("mug")
    assert not cache.take_lease("mug")
    cache.release("mug")
    assert cache.take_lease("mug")
    cache.store("mug", {"title": "Mug", "tags": ["a"]}, fresh_ms=1000)
    assert cache.read(["mug", "lamp"]) == {"mug": {"title": "Mug", "tags": ["a"]}}
    assert not cache.take_lease("mug")
    clock.now_ms += 1000
    assert cache.read(["mug"]) == {}
    assert cache.take_lease("mug")
    clock.now_ms += 15_001
    assert cache.take_lease("mug")


def expiry(aws: Aws, table: str, key: dict[str, str]) -> int:
    item = aws.dynamodb.get_item(TableName=table, Key={name: {"S": value} for name, value in key.items()})["Item"]
    return int(item["expires_at"]["N"])


def test_items_outlive_what_they_hold_and_then_expire(aws: Aws) -> None:
    carts, rows = Carts(aws.dynamodb, "CartsTable"), Activity(aws.dynamodb, "ActivityTable")
    line = carts.write_operation(SHOPPER, LINE, KEY, Operation(Kind.PLAIN, 1), now_ms=NOW_MS).line
    key = {"shopper_id": SHOPPER, "line_id": LINE}
    assert expiry(aws, "CartsTable", key) == (NOW_MS + ITEM_LIFE_MS) // 1000
    clear = Operation(Kind.CLEAR, 1, reason="removed")
    carts.click(SHOPPER, LINE, f"{NOW_MS + 1}#click#f", clear, revision=line.revision, now_ms=NOW_MS)
    assert expiry(aws, "CartsTable", key) == (NOW_MS + 1 + 30 * DAY_MS) // 1000
    rows.record_version(SHOPPER, KEY, Version(5), now_ms=NOW_MS)
    assert expiry(aws, "ActivityTable", {"shopper_id": SHOPPER, "order_key": KEY}) == (NOW_MS + ROW_LIFE_MS) // 1000


def test_an_outcome_that_another_delivery_replaced_meanwhile_is_the_others(aws: Aws) -> None:
    rows = Activity(aws.dynamodb, "ActivityTable")
    rows.store_outcome(SHOPPER, KEY, Outcome(Code.STORE_UNAVAILABLE, 5), now_ms=NOW_MS)
    kept = {"code": "STORE_UNAVAILABLE", "version": 5, "sensitive": False}
    rows.store_outcome(SHOPPER, KEY, Outcome(Code.ADDED, 5), now_ms=NOW_MS)
    assert rows._replace_outcome(SHOPPER, KEY, kept, Outcome(Code.OUT_OF_STOCK, 5), now_ms=5).code is Code.ADDED


def test_a_message_whose_effect_must_not_happen_twice_is_taken_once(stores: Stores) -> None:
    item = PendingItem(PendingKind.NOTICE, "shopper-1#linked", NOW_MS, "{}")
    assert not stores.pending.claim(item, now_ms=NOW_MS), "it is not there"
    stores.pending.put(item)
    assert [stores.pending.claim(item, now_ms=NOW_MS) for _ in range(2)] == [True, False]
    assert list(stores.pending.due(PendingKind.NOTICE, NOW_MS, 10)) == [item]
    stores.pending.remove(item)
    assert list(stores.pending.due(PendingKind.NOTICE, NOW_MS, 10)) == []


def test_an_e_mail_is_claimed_apart_from_the_reply(stores: Stores) -> None:
    rows = stores.rows
    assert rows.claim_reply(SHOPPER, KEY, now_ms=NOW_MS) is None
    assert rows.claim_email(SHOPPER, KEY, now_ms=NOW_MS) is None
    assert rows.claim_email(SHOPPER, KEY, now_ms=NOW_MS + 5) == {"claimed_at_ms": NOW_MS}
    rows.release_email(SHOPPER, KEY)
    assert rows.claim_email(SHOPPER, KEY, now_ms=NOW_MS + 5) is None
    rows.record_email(SHOPPER, KEY, claimed_at_ms=NOW_MS + 5, result="sent")
    assert rows.claim_email(SHOPPER, KEY, now_ms=NOW_MS + 9) == {"claimed_at_ms": NOW_MS + 5, "result": "sent"}


def test_outcomes_are_found_by_when_they_were_kept(stores: Stores) -> None:
    rows = stores.rows
    early, late = (order_key(post_id(number * DAY_MS)) for number in (5, 1))
    rows.store_outcome(SHOPPER, early, Outcome(Code.STORE_UNAVAILABLE, 1), now_ms=NOW_MS - DAY_MS)
    rows.store_outcome(SHOPPER, late, Outcome(Code.ADDED, 1), now_ms=NOW_MS - 1)
    rows.store_outcome("shopper-2", late, Outcome(Code.ADDED, 1), now_ms=NOW_MS)
    assert [row.order_key for row in rows.outcomes_between(SHOPPER, NOW_MS - DAY_MS, NOW_MS)] == [early, late]
    assert [row.order_key for row in rows.outcomes_between(SHOPPER, NOW_MS - 1, NOW_MS)] == [late]
    rows.store_outcome(SHOPPER, early, Outcome(Code.ADDED, 1), now_ms=NOW_MS - 1)
    rows.store_outcome(SHOPPER, late, Outcome(Code.ALREADY_IN_CART, 1), now_ms=NOW_MS)
    assert [row.order_key for row in rows.outcomes_between(SHOPPER, NOW_MS - 1, NOW_MS)] == [early, late]


@pytest.fixture(params=["dynamodb", "memory"])
def recipients(request: pytest.FixtureRequest) -> Iterator[Recipients | MemoryRecipients]:
    if request.param == "memory":
        yield MemoryRecipients(Recipient("shopper-1", "ada@mail.example"), Recipient("shopper-2"))
        return
    with aws_account() as aws:
        table = Table(aws.dynamodb, "AccountLinksTable")
        table.put({"id": "shopper#shopper-1", "email_address": "ada@mail.example", "issuer": "i"})
        table.put({"id": "shopper#shopper-2", "issuer": "i"})
        yield Recipients(aws.dynamodb, "AccountLinksTable")


def test_e_mail_goes_to_the_address_of_the_moment(recipients: Recipients | MemoryRecipients) -> None:
    assert recipients.recipient("shopper-1") == Recipient("shopper-1", "ada@mail.example")
    assert recipients.recipient("shopper-2") == Recipient("shopper-2")
    assert recipients.recipient("shopper-3") is None


def test_e_mails_of_a_day_are_counted(recipients: Recipients | MemoryRecipients) -> None:
    for _ in range(2):
        ada = recipients.recipient("shopper-1")
        assert ada is not None
        recipients.count_email(ada, day=7)
    recipients.count_email(Recipient("shopper-3", "eve@mail.example"), day=7)
    ada = recipients.recipient("shopper-1")
    assert ada is not None
    assert (ada.sent_on(7), ada.sent_on(8)) == (2, 0)
    assert recipients.recipient("shopper-3") is None, "counting brings nobody back"


def test_e_mail_is_paused_for_the_address_that_it_is_about(recipients: Recipients | MemoryRecipients) -> None:
    pause = recipients.pause_email
    assert not pause("shopper-1", reason="bounced", address="old@mail.example")
    assert not pause("shopper-2", reason="unsubscribed")
    assert not pause("shopper-3", reason="unsubscribed")
    assert recipients.recipient("shopper-3") is None
    assert pause("shopper-1", reason="bounced", address="ada@mail.example")
    assert pause("shopper-1", reason="complained", address="ada@mail.example")
    assert pause("shopper-1", reason="unsubscribed"), "a complaint is not made less of"
    ada = recipients.recipient("shopper-1")
    assert ada is not None
    assert ada.paused == "complained"


def test_pending_spreads_over_all_shards(aws: Aws) -> None:
    pending = Pending(aws.dynamodb, "PendingTable")
    for number in range(60):
        pending.put(PendingItem(PendingKind.OUTCOME, post_id(number), NOW_MS, "{}"))
    items = aws.dynamodb.scan(TableName="PendingTable")["Items"]
    assert len({item["shard"]["S"] for item in items}) == SHARDS
    first_pages = islice(pending.due(PendingKind.OUTCOME, NOW_MS, 1), SHARDS)
    assert len({int.from_bytes(sha256(item.post_id.encode()).digest()[:2]) % SHARDS for item in first_pages}) == SHARDS
    assert len(set(pending.due(PendingKind.OUTCOME, NOW_MS, 2))) == 60


def test_what_is_due_may_be_removed_and_postponed_while_it_is_read(aws: Aws) -> None:
    pending = Pending(aws.dynamodb, "PendingTable")
    for number in range(60):
        pending.put(PendingItem(PendingKind.NOTICE, post_id(number), NOW_MS, "{}"))
    seen = set()
    for item in pending.due(PendingKind.NOTICE, NOW_MS, 3):
        assert item.post_id not in seen
        seen.add(item.post_id)
        pending.put(replace(item, due_ms=NOW_MS + 1))
        pending.remove(item)
    assert len(seen) == 60


def test_a_reader_may_want_a_value_younger_than_a_fresh_one(stores: Stores) -> None:
    stores.cache.store("mug", {"title": "Mug"}, fresh_ms=60_000)
    stores.clock.now_ms += 10_000
    assert stores.cache.read(["mug"], max_age_ms=10_001) == {"mug": {"title": "Mug"}}
    assert not stores.cache.take_lease("mug", max_age_ms=10_001)
    assert stores.cache.read(["mug"], max_age_ms=10_000) == {}
    assert stores.cache.take_lease("mug", max_age_ms=10_000)
    assert not stores.cache.take_lease("mug", max_age_ms=10_000)
    assert stores.cache.read(["mug"]) == {"mug": {"title": "Mug"}}, "others read on meanwhile"
    stores.cache.release("mug")
    assert not stores.cache.take_lease("mug")


def test_the_process_remembers_fresh_entries_without_asking_dynamodb(aws: Aws) -> None:
    clock = Clock()
    cache = LeasedCache(aws.dynamodb, "ProductsTable", "product", clock_ms=clock)
    for number in range(MAX_REMEMBERED + 1):
        cache._remember(f"p{number}", Entry({}, clock.now_ms, clock.now_ms + 1))
    cache.store("mug", {"title": "Mug"}, fresh_ms=60_000)
    aws.dynamodb.delete_table(TableName="ProductsTable")
    assert cache.read(["mug"]) == {"mug": {"title": "Mug"}}


@pytest.mark.parametrize(
    "code", ["ProvisionedThroughputExceededException", "ThrottlingException", "InternalServerError"]
)
def test_a_value_that_dynamodb_refuses_is_used_and_fetched_by_the_next_process(aws: Aws, code: str) -> None:
    clock = Clock()

    def read(cache: LeasedCache) -> Mapping[str, object]:
        fetched = {"mug": ({"title": "Mug"}, 60_000)}
        return read_through(cache, ["mug"], lambda _: fetched, transient=(), sleep=clock.sleep)

    def refuse(**_: object) -> None:
        raise ClientError({"Error": {"Code": code}}, "PutItem")

    cache = LeasedCache(aws.dynamodb, "ProductsTable", "product", clock_ms=clock)
    aws.dynamodb.meta.events.register("before-call.dynamodb.PutItem", refuse)
    assert read(cache) == {"mug": {"title": "Mug"}}
    aws.dynamodb.meta.events.unregister("before-call.dynamodb.PutItem", refuse)
    assert read(cache) == {"mug": {"title": "Mug"}}, "remembered by the process"
    another = LeasedCache(aws.dynamodb, "ProductsTable", "product", clock_ms=clock)
    assert another.read(["mug"]) == {}
    assert read(another) == {"mug": {"title": "Mug"}}
    assert clock.slept == [], "the lease was given back"
    assert another.read(["mug"]) == {"mug": {"title": "Mug"}}


def test_a_throttle_is_an_error_not_a_refusal(aws: Aws) -> None:
    with Stubber(aws.dynamodb) as stub:
        stub.add_client_error("update_item", "ProvisionedThroughputExceededException")
        with pytest.raises(ClientError):
            Table(aws.dynamodb, "CartsTable").update({"a": "b"}, "REMOVE c")


def test_keys_left_unread_are_asked_for_again_and_then_reported(aws: Aws) -> None:
    unread = {"Responses": {}, "UnprocessedKeys": {"ProductsTable": {"Keys": [{"product": {"S": "mug"}}]}}}
    read = {"Responses": {"ProductsTable": [{"product": {"S": "mug"}}]}, "UnprocessedKeys": {}}
    with Stubber(aws.dynamodb) as stub:
        stub.add_response("batch_get_item", unread)
        stub.add_response("batch_get_item", read)
        assert Table(aws.dynamodb, "ProductsTable").get_batch([{"product": "mug"}]) == [{"product": "mug"}]
        for _ in range(3):
            stub.add_response("batch_get_item", unread)
        with pytest.raises(ThrottledError):
            Table(aws.dynamodb, "ProductsTable").get_batch([{"product": "mug"}])


def cancelled(*codes: str) -> dict[str, object]:
    return {"CancellationReasons": [{"Code": code} for code in codes]}


def test_a_transaction_in_the_way_of_another_is_tried_again(aws: Aws) -> None:
    carts = Carts(aws.dynamodb, "CartsTable")
    error = "TransactionCanceledException"
    with Stubber(aws.dynamodb) as stub:
        for _ in range(3):
            stub.add_client_error(
                "transact_write_items", error, modeled_fields=cancelled("None", "TransactionConflict")
            )
        with pytest.raises(ThrottledError):
            carts.click_together(SHOPPER, chosen(), now_ms=NOW_MS)
        stub.add_client_error("transact_write_items", "InternalServerError")
        with pytest.raises(ClientError):
            carts.click_together(SHOPPER, chosen(), now_ms=NOW_MS)


def test_everything_stored_for_a_shopper_is_found_and_removed(aws: Aws) -> None:
    carts, rows = Carts(aws.dynamodb, "CartsTable"), Activity(aws.dynamodb, "ActivityTable")
    for shopper_id in (SHOPPER, "shopper-2"):
        for number in range(30):
            key = order_key(post_id(1000 * number))
            rows.mark_undone(shopper_id, key, now_ms=NOW_MS)
        carts.write_operation(shopper_id, LINE, KEY, Operation(Kind.PLAIN, 1), now_ms=NOW_MS)
    assert [item["line_id"] for item in carts.items_of(SHOPPER)] == [LINE]
    assert len(rows.items_of(SHOPPER)) == 30
    carts.erase(SHOPPER)
    rows.erase(SHOPPER)
    rows.erase(SHOPPER)
    assert (carts.items_of(SHOPPER), rows.items_of(SHOPPER)) == ([], [])
    assert (len(carts.items_of("shopper-2")), len(rows.items_of("shopper-2"))) == (1, 30)


def test_the_sessions_of_a_shopper_are_found_and_ended_in_all_browsers(aws: Aws) -> None:
    sessions = Sessions(aws.dynamodb, "SessionsTable")
    for key, shopper_id in (("a", SHOPPER), ("b", SHOPPER), ("c", "shopper-2"), ("d", None)):
        sessions.save(Session(key, NOW_MS, NOW_MS, shopper_id))
    sessions.delete("b")
    assert [item["id"] for item in sessions.items_of(SHOPPER)] == ["session#a"]
    sessions.erase(SHOPPER)
    sessions.erase(SHOPPER)
    assert sessions.items_of(SHOPPER) == []
    assert sessions.read("a", now_ms=NOW_MS) is None
    assert sessions.read("c", now_ms=NOW_MS) is not None
    assert expiry(aws, "SessionsTable", {"id": "shopper#shopper-2"}) == (NOW_MS + ABSOLUTE_MS) // 1000


def test_waiting_messages_are_found_by_what_they_say(stores: Stores) -> None:
    mine = PendingItem(PendingKind.NOTICE, "n", NOW_MS + 9, '{"shopper_id":"shopper-1"}')
    others = PendingItem(PendingKind.OUTCOME, post_id(), NOW_MS, '{"shopper_id":"shopper-2"}')
    for item in (mine, others):
        stores.pending.put(item)
    assert stores.pending.waiting(lambda message: message["shopper_id"] == SHOPPER) == [mine]


def test_items_left_in_a_batch_are_removed_or_reported(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hashcart.storage.table.time.sleep", lambda _: None)
    left = {"UnprocessedItems": {"CartsTable": [{"DeleteRequest": {"Key": {"id": {"S": "a"}}}}]}}
    with Stubber(aws.dynamodb) as stub:
        stub.add_response("batch_write_item", left)
        stub.add_response("batch_write_item", {"UnprocessedItems": {}})
        Table(aws.dynamodb, "CartsTable").delete_batch([{"id": "a"}])
        for _ in range(5):
            stub.add_response("batch_write_item", left)
        with pytest.raises(ThrottledError):
            Table(aws.dynamodb, "CartsTable").delete_batch([{"id": "a"}])


def test_a_position_is_read_as_it_was_kept(stores: Stores) -> None:
    checkpoints = stores.checkpoints
    assert checkpoints.position("mentions") is None
    begun = SweepPosition.beginning(NOW_MS)
    half_way = begun.after_page([post_id(1000), post_id(2000)]).waiting_until(NOW_MS + 1)
    for position in (begun, half_way, half_way.awaiting_page("2026-11-24"), half_way.after_round("2026-11-24")):
        checkpoints.save("mentions", position)
        assert checkpoints.position("mentions") == position
    assert checkpoints.position("search") is None


def test_one_caller_has_the_lease_until_it_is_over(stores: Stores) -> None:
    take = stores.checkpoints.take_lease
    assert take("sweep", now_ms=NOW_MS, lease_ms=60_000)
    assert not take("sweep", now_ms=NOW_MS + 59_999, lease_ms=60_000)
    assert take("other", now_ms=NOW_MS, lease_ms=60_000)
    assert take("sweep", now_ms=NOW_MS + 60_000, lease_ms=60_000)
    stores.checkpoints.release("sweep")
    assert take("sweep", now_ms=NOW_MS + 60_001, lease_ms=60_000)


def test_what_is_known_of_a_webhook_is_read_as_it_was_kept(stores: Stores) -> None:
    checkpoints = stores.checkpoints
    assert checkpoints.webhook("1") == WebhookHealth()
    for health in (WebhookHealth(NOW_MS), WebhookHealth(NOW_MS, NOW_MS), WebhookHealth(None, NOW_MS)):
        checkpoints.save_webhook("1", health)
        assert checkpoints.webhook("1") == health
    assert checkpoints.webhook("2") == WebhookHealth()


def test_spending_is_added_up_within_its_limit(stores: Stores) -> None:
    checkpoints, day = stores.checkpoints, "2026-11-24"
    assert checkpoints.spending(day) == Spending()
    assert not checkpoints.spend(day, Purpose.SWEEPS, 3, limit=2 * POST_READ)
    assert checkpoints.spend(day, Purpose.SWEEPS, 3, limit=3 * POST_READ)
    assert not checkpoints.spend(day, Purpose.REPLIES, 1, limit=3 * POST_READ)
    assert checkpoints.spend(day, Purpose.PARENTS, 1)
    assert checkpoints.spend(day, Purpose.SWEEPS, -2)
    assert checkpoints.spend(day, Purpose.REPLIES, 1, limit=2 * POST_READ + SUMMONED_REPLY)
    spent = {
        Purpose.SWEEPS: Spent(1, POST_READ),
        Purpose.PARENTS: Spent(1, POST_READ),
        Purpose.REPLIES: Spent(1, SUMMONED_REPLY),
    }
    assert checkpoints.spending(day) == Spending(2 * POST_READ + SUMMONED_REPLY, spent)
    assert checkpoints.spending("2026-11-25") == Spending()


def test_what_a_day_has_cost_is_kept_for_forty_days(aws: Aws) -> None:
    Checkpoints(aws.dynamodb, "CheckpointsTable").spend("2026-11-24", Purpose.SWEEPS, 1)
    (item,) = aws.dynamodb.scan(TableName="CheckpointsTable")["Items"]
    assert datetime.fromtimestamp(int(item["expires_at"]["N"]), UTC) == datetime(2027, 1, 3, tzinfo=UTC)


def test_offers_are_looked_for_once_a_link_and_answered_once(stores: Stores) -> None:
    offers, one = stores.offers, Offer(post_id(), post_id(), "1", LINE, 2)
    assert offers.read(SHOPPER, now_ms=NOW_MS) == OfferBook()
    assert [offers.begin(SHOPPER, 5, now_ms=NOW_MS) for _ in range(2)] == [True, False]
    offers.keep(SHOPPER, 5, [one], now_ms=NOW_MS)
    assert [offers.answer(SHOPPER, one.first_id, answer, now_ms=NOW_MS) for answer in (DECLINED, "9")] == [DECLINED] * 2
    offers.keep(SHOPPER, 5, None, trouble="x_unavailable", now_ms=NOW_MS + 1)
    kept = offers.read(SHOPPER, now_ms=NOW_MS + 1)
    assert kept == OfferBook(5, NOW_MS + 1, "x_unavailable", (one,), {one.first_id: DECLINED})
    offers.keep(SHOPPER, 5, [one], now_ms=NOW_MS + 2)
    assert offers.read(SHOPPER, now_ms=NOW_MS + 2).trouble is None


def test_what_was_found_for_an_earlier_link_is_forgotten_with_it(stores: Stores) -> None:
    offers, one = stores.offers, Offer(post_id(), post_id(), "1")
    offers.begin(SHOPPER, 5, now_ms=NOW_MS)
    offers.keep(SHOPPER, 5, [one], now_ms=NOW_MS)
    assert offers.begin(SHOPPER, 6, now_ms=NOW_MS)
    offers.keep(SHOPPER, 5, [one], now_ms=NOW_MS)
    assert offers.read(SHOPPER, now_ms=NOW_MS).found == ()
    assert len(offers.items_of(SHOPPER)) == 1
    offers.erase(SHOPPER)
    assert (offers.items_of(SHOPPER), offers.read(SHOPPER, now_ms=NOW_MS)) == ([], OfferBook())


def test_offers_are_over_when_they_expire(stores: Stores) -> None:
    if stores.aws is None:
        pytest.skip("the fake keeps them for ever")
    stores.offers.begin(SHOPPER, 5, now_ms=NOW_MS)
    assert stores.offers.read(SHOPPER, now_ms=NOW_MS + 14 * DAY_MS) == OfferBook()
    assert stores.offers.begin(SHOPPER, 5, now_ms=NOW_MS + 14 * DAY_MS) is False


def test_rows_between_two_moments(stores: Stores) -> None:
    keys = [order_key(post_id(ago_ms)) for ago_ms in (3000, 2000, 1000)]
    for key in keys:
        stores.rows.mark_undone(SHOPPER, key, now_ms=NOW_MS)
    found = stores.rows.between(SHOPPER, NOW_MS - 2000, NOW_MS - 1000)
    assert [row.order_key for row in found] == keys[1:2]


def test_adding_is_paused_once_and_not_for_what_was_vouched_for(stores: Stores) -> None:
    links, since_ms = stores.links, NOW_MS - 3_600_000
    assert not links.pause_adding(replace(LINK, shopper_id="other"), adds_since_ms=since_ms)
    assert not links.pause_adding(replace(LINK, consented_at_ms=1), adds_since_ms=since_ms)
    assert [links.pause_adding(LINK, adds_since_ms=since_ms) for _ in range(2)] == [True, False]
    paused = links.current_link("222")
    assert paused is not None
    assert (paused.state, paused.state_reason, paused.adds_since_ms) == (LinkState.PAUSED, TOO_MANY, since_ms)
    assert not links.vouch("other", "222", now_ms=NOW_MS)
    assert [links.vouch(SHOPPER, "222", now_ms=NOW_MS) for _ in range(2)] == [True, False]
    vouched = links.current_link("222")
    assert vouched is not None
    assert (vouched.state, vouched.state_reason, vouched.trusted_since_ms) == (LinkState.ACTIVE, None, NOW_MS)
    assert not links.pause_adding(LINK, adds_since_ms=since_ms)
    assert links.pause_adding(LINK, adds_since_ms=NOW_MS)
