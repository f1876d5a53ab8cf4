"""`make back-up` and `make restore`: what was lost comes back, nothing is overwritten, and who has left stays away."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from hashcart.domain.account_links import AccountLink, EmailChoice, LinkSettings
from hashcart.domain.cart_lines import Kind, Operation
from hashcart.domain.posts import DAY_MS, order_key
from hashcart.observability import clock_ms
from hashcart.storage.account_links import AccountLinks
from hashcart.storage.activity import Activity
from hashcart.storage.carts import Carts
from hashcart.storage.offers import Offers
from hashcart.storage.pending import Pending, PendingItem, PendingKind
from hashcart.storage.post_events import PostEvents
from hashcart.storage.sessions import Sessions
from hashcart.use_cases.leave import Leave, ShopperTables
from local.operations.__main__ import run
from local.operations.restores import TABLES
from tests.fakes.account_links import tie
from tests.fakes.aws import Aws, aws_account
from tests.fakes.clock import post_id
from tests.fakes.deployed import Deployed, refused

NAMES = ("AccountLinksTable", "CartsTable", "ActivityTable", "PendingTable")
MUG, LAMP = "store.localhost#mug#", "store.localhost#lamp#"
PEOPLE = {"ada": "222", "ben": "333", "carol": "444"}


class World:
    """A stack with three shoppers, each with a mug in the cart."""

    def __init__(self, aws: Aws) -> None:
        self.aws = aws
        self.operate = Deployed(aws, clock_ms())
        self.links = AccountLinks(aws.dynamodb, "AccountLinksTable", departures_table="DeparturesTable")
        self.carts = Carts(aws.dynamodb, "CartsTable")
        self.activity = Activity(aws.dynamodb, "ActivityTable")
        self.pending = Pending(aws.dynamodb, "PendingTable")
        self.sessions = Sessions(aws.dynamodb, "SessionsTable")
        for name, x_user_id in PEOPLE.items():
            link = AccountLink(name, x_user_id, name, "store.localhost", "US", "en", self.now_ms - DAY_MS, "1")
            tie(aws.dynamodb, link, email_address=f"{name}@example.com")
            self.add(name, MUG, 1)
            self.wait(PendingKind.CART_REQUEST, x_user_id)
            self.wait(PendingKind.OUTCOME, x_user_id)

    @property
    def now_ms(self) -> int:
        return self.operate.clock.now_ms

    def add(self, shopper_id: str, line_id: str, quantity: int) -> None:
        own_id = post_id(quantity, now_ms=self.now_ms)
        key = order_key(own_id)
        self.carts.write_operation(
            shopper_id, line_id, key, Operation(Kind.SET, int(own_id), quantity), now_ms=self.now_ms
        )
        self.activity.mark_undone(shopper_id, key, now_ms=self.now_ms)

    def wait(self, kind: PendingKind, author_id: str) -> None:
        message = json.dumps({"kind": "add", "author_id": author_id, "post_id": post_id(now_ms=self.now_ms)})
        self.pending.put(PendingItem(kind, f"{author_id}-post", self.now_ms, message))

    def leave(self) -> None:
        """Ada is erased, Ben unlinks, Carol makes it three mugs."""
        self.operate.clock.now_ms += 60_000
        tables = ShopperTables(
            links=self.links,
            carts=self.carts,
            activity=self.activity,
            sessions=self.sessions,
            offers=Offers(self.aws.dynamodb, "SessionsTable"),
            pending=self.pending,
        )
        Leave(tables, self.operate.clock).erase("ada")
        self.links.unlink("ben", "333", now_ms=self.now_ms)
        self.add("carol", MUG, 3)

    def lose(self, *tables: str) -> None:
        """Everything in these tables is gone."""
        for table in tables:
            schema = self.aws.dynamodb.describe_table(TableName=table)["Table"]["KeySchema"]
            for item in self.aws.dynamodb.scan(TableName=table)["Items"]:
                key = {key["AttributeName"]: item[key["AttributeName"]] for key in schema}
                self.aws.dynamodb.delete_item(TableName=table, Key=key)

    def restore(self, *more: str) -> tuple[int, str]:
        return self.operate("restore", "--dry-run", "no", *more)

    def quantities(self) -> dict[str, int]:
        found = {name: self.carts.line(name, MUG).state().quantity for name in PEOPLE}
        return {name: quantity for name, quantity in found.items() if quantity}

    def stored_of(self, shopper_id: str) -> list[str]:
        """Every stored item that names a shopper, but markers and notes of who left."""
        found = [
            json.dumps(item)
            for table in (*NAMES, "SessionsTable")
            for item in self.aws.dynamodb.scan(TableName=table)["Items"]
        ]
        return [text for text in found if shopper_id in text and "erased_at_ms" not in text and "erasure" not in text]


@pytest.fixture
def world() -> Iterator[World]:
    with aws_account() as aws:
        yield World(aws)


def test_a_dry_run_changes_nothing(world: World) -> None:
    assert world.operate("back-up", "--name", "before")[0] == 0
    world.lose("CartsTable")
    status, said = world.operate("restore", "--backup", "before")
    assert (status, "Carts: would come from a backup" in said, "First make pause-source" in said) == (0, True, True)
    assert world.quantities() == {}
    assert len(world.aws.dynamodb.list_tables()["TableNames"]) == 10


def test_what_was_lost_comes_back_but_nobody_who_has_left(world: World) -> None:
    world.operate("back-up", "--name", "before")
    world.leave()
    world.lose(*NAMES)
    status, said = world.restore("--backup", "before")
    assert status == 0, said
    assert world.quantities() == {"ben": 1, "carol": 1}
    assert world.links.shopper("ada", now_ms=world.now_ms) is None
    assert world.stored_of("ada") == []
    assert world.links.current_link("222") is None
    ben = world.links.shopper("ben", now_ms=world.now_ms)
    assert ben is not None
    assert (ben.x_user_id, ben.email_address, world.links.current_link("333")) == (None, None, None)
    carol = world.links.link_of_shopper("carol", now_ms=world.now_ms)
    assert carol is not None
    assert carol.x_user_id == "444"
    assert "1 known, 0 had come back" in said
    assert len(world.aws.dynamodb.list_tables()["TableNames"]) == 10


def test_of_what_waits_only_requests_of_linked_people_come_back(world: World) -> None:
    world.operate("back-up", "--name", "before")
    world.leave()
    world.lose(*NAMES)
    world.restore("--backup", "before")
    due = [item.post_id for item in world.pending.due(PendingKind.CART_REQUEST, world.now_ms, 10)]
    assert due == ["444-post"]
    assert list(world.pending.due(PendingKind.OUTCOME, world.now_ms, 10)) == []


def test_nothing_newer_is_overwritten_and_again_changes_nothing(world: World) -> None:
    world.operate("back-up", "--name", "before")
    world.leave()
    before = [world.aws.dynamodb.scan(TableName=table)["Items"] for table in NAMES[:3]]
    for _ in range(2):
        status, said = world.restore("--backup", "before")
        assert status == 0
        assert "Carts: 0 came back, 2 there already, 1 stay away" in said
        assert [world.aws.dynamodb.scan(TableName=table)["Items"] for table in NAMES[:3]] == before
    assert world.quantities() == {"ben": 1, "carol": 3}


def test_account_links_that_are_lost_wholly_are_made_anew(world: World) -> None:
    world.operate.parameters["DeletionProtection"] = "true"
    world.operate("back-up", "--name", "before")
    world.leave()
    world.aws.dynamodb.delete_table(TableName="AccountLinksTable")
    status, said = world.restore("--tables", "AccountLinks")
    assert status == 0, said
    assert "AccountLinks: the table AccountLinksTable is gone, and will be made anew" in said
    table = world.aws.dynamodb.describe_table(TableName="AccountLinksTable")["Table"]
    assert (table["KeySchema"], table["DeletionProtectionEnabled"]) == (
        [{"AttributeName": "id", "KeyType": "HASH"}],
        True,
    )
    ttl = world.aws.dynamodb.describe_time_to_live(TableName="AccountLinksTable")["TimeToLiveDescription"]
    assert ttl == {"AttributeName": "expires_at", "TimeToLiveStatus": "ENABLED"}
    assert (world.links.current_link("222"), world.links.current_link("333")) == (None, None)
    assert world.links.current_link("444") is not None
    assert world.stored_of("ada") == []


def test_a_table_that_is_made_anew_has_its_indexes_and_the_customers_key(world: World) -> None:
    world.operate.parameters["CustomerKeyArn"] = "arn:aws:kms:us-east-1:123456789012:key/own"
    world.operate("back-up", "--name", "before")
    world.aws.dynamodb.delete_table(TableName="CartsTable")
    assert world.restore("--tables", "Carts")[0] == 0
    table = world.aws.dynamodb.describe_table(TableName="CartsTable")["Table"]
    assert table["SSEDescription"]["KMSMasterKeyArn"].endswith("key/own")
    assert world.quantities() == {"ada": 1, "ben": 1, "carol": 1}
    assert [index["IndexName"] for index in table.get("GlobalSecondaryIndexes", [])] == ["unconfirmed"]


def test_a_moment_is_restored_by_point_in_time_recovery(world: World) -> None:
    asked: list[Any] = []
    world.aws.dynamodb.meta.events.register(
        "provide-client-params.dynamodb.RestoreTableToPointInTime", lambda params, **_: asked.append(params)
    )
    for name in (*NAMES, "DeparturesTable"):
        world.aws.dynamodb.update_continuous_backups(
            TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
    world.operate.clock.now_ms = clock_ms() + 120_000
    moment = datetime.fromtimestamp(clock_ms() // 1000, UTC)
    status, said = world.restore("--at", moment.isoformat(), "--tables", "Carts")
    assert (status, "Carts: 0 came back, 3 there already" in said) == (1, False), "before the recovery began"
    assert "CartsTable can be restored from" in said
    assert world.restore("--tables", "Carts,AccountLinks")[0] == 0
    assert [params["SourceTableName"] for params in asked] == ["AccountLinksTable", "CartsTable"]
    assert all(params["UseLatestRestorableTime"] for params in asked)


def test_a_moment_within_the_window_is_asked_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime.fromtimestamp(world.now_ms // 1000, UTC)
    window = {
        "PointInTimeRecoveryStatus": "ENABLED",
        "EarliestRestorableDateTime": datetime(2026, 1, 1, tzinfo=UTC),
        "LatestRestorableDateTime": now,
    }
    answer = {"ContinuousBackupsDescription": {"PointInTimeRecoveryDescription": window}}
    monkeypatch.setattr(world.aws.dynamodb, "describe_continuous_backups", lambda **_: answer)
    asked: list[Any] = []
    world.aws.dynamodb.meta.events.register(
        "provide-client-params.dynamodb.RestoreTableToPointInTime", lambda params, **_: asked.append(params)
    )
    moment = "2026-02-03T04:05:06Z"
    world.lose("CartsTable")
    assert world.restore("--at", moment, "--tables", "Carts")[0] == 0
    assert asked[0]["RestoreDateTime"] == datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
    assert asked[0]["TargetTableName"] == "CartsTable-restored-20260203T040506Z"


def test_an_interrupted_restore_goes_on(world: World) -> None:
    world.operate("back-up", "--name", "before")
    world.lose("CartsTable")
    world.operate.fail("dynamodb", "delete_table", refused("LimitExceededException"))
    assert world.restore("--backup", "before", "--tables", "Carts")[0] == 1
    assert "CartsTable-restored-before" in world.aws.dynamodb.list_tables()["TableNames"]
    world.operate.failures.clear()
    status, said = world.restore("--backup", "before", "--tables", "Carts")
    assert (status, "Carts: 0 came back, 3 there already" in said) == (0, True)
    assert "CartsTable-restored-before" not in world.aws.dynamodb.list_tables()["TableNames"]


def test_a_copy_that_takes_long_is_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.operate("back-up", "--name", "before")
    describe = world.aws.dynamodb.describe_table

    def slow(*, TableName: str) -> Any:  # noqa: N803 - DynamoDB's own name
        answer: Any = describe(TableName=TableName)
        if "restored" in TableName:
            answer["Table"]["TableStatus"] = "CREATING"
        return answer

    monkeypatch.setattr(world.aws.dynamodb, "describe_table", slow)
    status, said = world.restore("--backup", "before", "--tables", "Carts")
    assert (status, "not done with it after two hours" in said) == (1, True)
    monkeypatch.undo()
    assert world.restore("--backup", "before", "--tables", "Carts")[0] == 0


def test_who_was_erased_is_erased_again_after_any_other_restore(world: World) -> None:
    saved = [(table, item) for table in NAMES for item in world.aws.dynamodb.scan(TableName=table)["Items"]]
    world.leave()
    for table, item in saved:
        world.aws.dynamodb.put_item(TableName=table, Item=item)
    message = json.dumps({"kind": "digest", "shopper_id": "ada"})
    world.pending.put(PendingItem(PendingKind.DIGEST, "ada", world.now_ms, message))
    assert world.links.shopper("ada", now_ms=world.now_ms) is not None
    status, said = world.operate("restore", "--erasures-only", "yes")
    assert (status, "1 known, 1 had come back and were erased again" in said) == (0, True)
    assert world.stored_of("ada") == []
    assert "1 known, 0 had come back" in world.operate("restore", "--erasures-only", "yes")[1]
    assert world.quantities() == {"ben": 1, "carol": 1}


def test_an_account_that_keeps_changing_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.leave()
    link = AccountLink("ada", "222", "ada", "store.localhost", "US", "en", world.now_ms, "1")
    world.lose("AccountLinksTable")
    tie(world.aws.dynamodb, replace(link, shopper_id="ada"))
    monkeypatch.setattr(
        world.aws.dynamodb,
        "transact_write_items",
        lambda **_: (_ for _ in ()).throw(cancelled()),
    )
    status, said = world.operate("restore", "--erasures-only", "yes")
    assert (status, "keeps changing" in said) == (1, True)


def cancelled() -> Exception:
    error = refused("TransactionCanceledException")
    error.response["CancellationReasons"] = [{"Code": "ConditionalCheckFailed"}]
    return error


def test_without_a_backup_it_says_so(world: World) -> None:
    status, said = world.operate("restore", "--backup", "missing", "--tables", "Carts")
    assert (status, "there is no backup of CartsTable called missing" in said) == (1, True)
    status, said = world.operate("restore", "--tables", "Carts")
    assert (status, "has no point-in-time recovery" in said) == (1, True)


def test_a_backup_of_which_departures_are_forgotten_is_not_restored(world: World) -> None:
    world.operate("back-up", "--name", "before")
    world.operate.clock.now_ms += 91 * DAY_MS
    status, said = world.restore("--backup", "before")
    assert (status, "who has left since is no longer known" in said) == (1, True)


def test_without_departures_nothing_is_restored(world: World) -> None:
    world.operate("back-up", "--name", "before")
    del world.operate.outputs["DeparturesTableName"]
    assert world.restore("--backup", "before", "--tables", "AccountLinks")[0] == 1


@pytest.mark.parametrize("call", ["describe_table", "scan"])
def test_what_aws_refuses_is_told(call: str, world: World) -> None:
    world.operate("back-up", "--name", "before")
    world.operate.fail("dynamodb", call, refused("AccessDeniedException"))
    if call == "scan":
        world.operate.failures.clear()
        world.operate.fail("dynamodb", "put_item", refused("AccessDeniedException"))
    status, said = world.restore("--backup", "before")
    assert (status, "lacks a permission" in said) == (1, True)


@pytest.mark.parametrize(
    "wrong", [["--at", "yesterday"], ["--at", "2026-11-24T17:00:00"], ["--tables", "Products"], ["--backup", "a b"]]
)
def test_a_wrong_option_is_refused(wrong: list[str]) -> None:
    with pytest.raises(SystemExit):
        run(["restore", *wrong], print)


def test_every_table_with_shoppers_is_restored_or_has_a_reason() -> None:
    assert TABLES == ("Departures", "AccountLinks", "Carts", "Activity", "Pending")


def test_what_x_has_to_tell_comes_back_with_its_link(world: World) -> None:
    settings = LinkSettings(
        public_replies=False,
        quiet=False,
        undo_on_delete=False,
        email=EmailChoice.NOTHING,
        marketplace="store.localhost",
        country="US",
        language="en",
        post_events_since_ms=world.now_ms,
        post_events_policy="1",
    )
    for name, x_user_id in PEOPLE.items():
        world.links.change_settings(name, x_user_id, settings, email_address=None)
    world.operate("back-up", "--name", "before")
    world.leave()
    world.lose(*NAMES)
    status, said = world.restore("--backup", "before")
    assert status == 0, said
    wishes = PostEvents(world.aws.dynamodb, "AccountLinksTable")
    assert [wishes.of_profile(x_user_id) is not None for x_user_id in PEOPLE.values()] == [False, False, True]
