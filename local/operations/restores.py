"""`make restore`: what a table has lost comes back from a backup, and who has left stays away.

A table of a stack cannot be exchanged for another one, so a backup is restored under a name of its own, and what the
live table lacks is copied back: each item under the condition that it is not there, so that nothing newer is
overwritten, and the whole can be interrupted and repeated. Who was erased or unlinked after the backup is known from
the table Departures, which is apart from those that are restored.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from hashcart.storage.account_links import (
    DEPARTURE_LIFE_MS,
    AccountLinks,
    ContendedError,
    ShopperGoneError,
    account_key,
)
from hashcart.storage.activity import Activity
from hashcart.storage.carts import Carts
from hashcart.storage.offers import Offers
from hashcart.storage.pending import Pending, PendingKind
from hashcart.storage.post_events import KEY_PREFIX
from hashcart.storage.sessions import Sessions
from hashcart.storage.table import from_item
from hashcart.use_cases.leave import ShopperRows
from local.findings import Finding, Mark, failed, good
from local.operations.stack import Stack, step, time_text

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

DEPARTURES = "Departures"
TABLES = (DEPARTURES, "AccountLinks", "Carts", "Activity", "Pending")
"""What is restored, in this order: who is there decides what else comes back.

Not the caches, which fill by themselves; not Sessions, as who has signed out must stay so; not BotTokens, whose
refresh tokens work once; not Checkpoints, as the sweeps begin by themselves.
"""

LATEST = "latest"
LOOKS = 720
LOOK_SECONDS = 10.0
NO_BACKUP = "make back-up NAME=… makes one; AWS does when a table with point-in-time recovery is deleted."
COMES_BACK, IS_THERE, STAYS_AWAY = "came back", "there already", "stay away (of people who have left, or expired)"

type Item = Mapping[str, Any]


@dataclass(frozen=True)
class Source:
    """What to restore from: a moment (`at_ms`, None: the latest possible), or on-demand backups of one name."""

    at_ms: int | None = None
    backup: str | None = None

    @property
    def suffix(self) -> str:
        """Names the copies, so that an interrupted run finds its own again."""
        if self.backup is not None or self.at_ms is None:
            return self.backup or LATEST
        return f"{datetime.fromtimestamp(self.at_ms / 1000, UTC):%Y%m%dT%H%M%SZ}"


@dataclass(frozen=True)
class Plan:
    """A table to restore: its live name, the copy's, and the backup (its ARN) or else a moment as of which it is."""

    name: str
    live: str
    copy: str
    is_lost: bool
    as_of_ms: int
    backup_arn: str | None
    is_latest: bool = False


@dataclass
class Departed:
    """Who has left, by `shopper_id`, and when."""

    erased_ms: dict[str, int] = field(default_factory=dict)
    unlinked_ms: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Restore:
    """Restores tables of a stack. `now_ms` is in milliseconds of the Unix epoch."""

    stack: Stack
    now_ms: Callable[[], int]
    sleep: Callable[[float], None]

    def __call__(self, source: Source, tables: tuple[str, ...], *, dry_run: bool) -> Iterator[Finding]:
        """Bring back what the tables lack, then erase again who had been erased."""
        with step("Restore"):
            plans = [self._plan(name, source) for name in TABLES if name in tables]
        for plan in plans:
            yield good(plan.name, f"would come from {_origin(plan)}" if dry_run else f"comes from {_origin(plan)}")
            if plan.is_lost:
                yield Finding(Mark.NOTE, plan.name, f"the table {plan.live} is gone, and will be made anew")
        if dry_run:
            advice = "First make pause-source SOURCE=webhook, then DRY_RUN=no, then resume it."
            yield Finding(Mark.NOTE, "Dry run", "nothing was changed", advice)
            return
        for plan in plans:
            with step(plan.name):
                self._make_copy(plan)
        for plan in plans:
            with step(plan.name):
                made_ms = _to_ms(self._wait_for(plan.copy)["CreationDateTime"])
                # The copy may be of an earlier run, which was interrupted.
                counts = self._bring_back(replace(plan, as_of_ms=min(plan.as_of_ms, made_ms)))
                self._dynamodb.delete_table(TableName=plan.copy)
            told = ", ".join(f"{counts[what]} {what}" for what in (COMES_BACK, IS_THERE, STAYS_AWAY))
            yield good(plan.name, told)
        yield from self.erase_again()

    def back_up(self, name: str) -> Iterator[Finding]:
        """Make an on-demand backup of each table that can be restored."""
        for table in TABLES:
            with step(table):
                self._dynamodb.create_backup(TableName=self._live(table), BackupName=f"{name}")
            yield good(table, f"backed up as {name}")

    def erase_again(self) -> Iterator[Finding]:
        """Erase whoever is noted as erased, wherever a backup was restored by other means; again is no harm."""
        with step("Erasures"):
            departed = self._departed()
            links = AccountLinks(self._dynamodb, self._live("AccountLinks"))
            rows: list[ShopperRows] = [
                Carts(self._dynamodb, self._live("Carts")),
                Activity(self._dynamodb, self._live("Activity")),
                Sessions(self._dynamodb, self._live("Sessions")),
                Offers(self._dynamodb, self._live("Sessions")),
            ]
            again = sum(_erase(links, shopper_id, at_ms) for shopper_id, at_ms in departed.erased_ms.items())
            for shopper_id in departed.erased_ms:
                for table in rows:
                    table.erase(shopper_id)
            pending = Pending(self._dynamodb, self._live("Pending"))
            waiting = pending.waiting(
                lambda message: (
                    message.get("kind") != PendingKind.ERASURE and message.get("shopper_id") in departed.erased_ms
                )
            )
            for item in waiting:
                pending.remove(item)
        yield good("Erasures", f"{len(departed.erased_ms)} known, {again} had come back and were erased again")

    # -------------------------------------------------------------- Where from

    def _plan(self, name: str, source: Source) -> Plan:
        live = self._live(name)
        is_lost = not self._exists(live)
        copy = f"{live}-restored-{source.suffix}"
        if source.backup is None and not is_lost:
            as_of_ms = self._moment(live, source.at_ms)
            return Plan(name, live, copy, is_lost, as_of_ms, None, is_latest=source.at_ms is None)
        found = self._backups(live, source.backup)
        if not found:
            called = f" called {source.backup}" if source.backup else ""
            raise failed(name, f"there is no backup of {live}{called}", NO_BACKUP)
        newest = max(found, key=lambda summary: summary["BackupCreationDateTime"])
        as_of_ms = _to_ms(newest["BackupCreationDateTime"])
        if as_of_ms < self.now_ms() - DEPARTURE_LIFE_MS:
            did = f"the backup is of {time_text(as_of_ms)}: who has left since is no longer known"
            raise failed(name, did, "Take a newer one.")
        return Plan(name, live, copy, is_lost, as_of_ms, newest["BackupArn"])

    def _moment(self, live: str, at_ms: int | None) -> int:
        answer = self._dynamodb.describe_continuous_backups(TableName=live)["ContinuousBackupsDescription"]
        recovery = answer.get("PointInTimeRecoveryDescription", {})
        if recovery.get("PointInTimeRecoveryStatus") != "ENABLED":
            advice = "Restore a backup: BACKUP=…, from make back-up."
            raise failed("Restore", f"{live} has no point-in-time recovery", advice)
        earliest_ms = _to_ms(recovery["EarliestRestorableDateTime"]) if "EarliestRestorableDateTime" in recovery else 0
        latest_ms = (
            _to_ms(recovery["LatestRestorableDateTime"]) if "LatestRestorableDateTime" in recovery else self.now_ms()
        )
        if at_ms is not None and not earliest_ms <= at_ms <= latest_ms:
            window = f"from {time_text(earliest_ms)} to {time_text(latest_ms)}"
            raise failed("Restore", f"{live} can be restored {window}", "Choose AT in between, or AT=latest.")
        return latest_ms if at_ms is None else at_ms

    def _backups(self, live: str, name: str | None) -> list[Mapping[str, Any]]:
        """Backups of a table: those of a name, or those that AWS made when it was deleted and all others."""
        pages = self._dynamodb.get_paginator("list_backups").paginate(TableName=live, BackupType="ALL")
        found = [summary for page in pages for summary in page["BackupSummaries"]]
        return [dict(summary) for summary in found if name in (None, summary["BackupName"])]

    # -------------------------------------------------------------- The copy

    def _make_copy(self, plan: Plan) -> None:
        """Begin to restore, unless an interrupted run already has."""
        if self._exists(plan.copy):
            return
        key = self.stack.deployment.parameters.get("CustomerKeyArn", "")
        encryption: dict[str, Any] = (
            {"SSESpecificationOverride": {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}} if key else {}
        )
        if plan.backup_arn is not None:
            self._dynamodb.restore_table_from_backup(TargetTableName=plan.copy, BackupArn=plan.backup_arn, **encryption)
            return
        moment: dict[str, Any] = (
            {"UseLatestRestorableTime": True}
            if plan.is_latest
            else {"RestoreDateTime": datetime.fromtimestamp(plan.as_of_ms / 1000, UTC)}
        )
        self._dynamodb.restore_table_to_point_in_time(
            SourceTableName=plan.live, TargetTableName=plan.copy, **moment, **encryption
        )

    def _wait_for(self, table: str) -> Mapping[str, Any]:
        for _ in range(LOOKS):
            found: Mapping[str, Any] = self._dynamodb.describe_table(TableName=table)["Table"]
            if found["TableStatus"] == "ACTIVE":
                return found
            self.sleep(LOOK_SECONDS)
        raise failed(table, "AWS is not done with it after two hours", "Run this again: it goes on.")

    def _make_anew(self, plan: Plan) -> None:
        """The live table under its old name, as CloudFormation knows it, with what no restored table has by itself."""
        model = self._wait_for(plan.copy)
        indexes = [
            {name: index[name] for name in ("IndexName", "KeySchema", "Projection")}
            for index in model.get("GlobalSecondaryIndexes", [])
        ]
        key = self.stack.deployment.parameters.get("CustomerKeyArn", "")
        optional: dict[str, Any] = {"GlobalSecondaryIndexes": indexes} if indexes else {}
        if key:
            optional["SSESpecification"] = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}
        if self.stack.deployment.parameters.get("DeletionProtection") == "true":
            optional["DeletionProtectionEnabled"] = True
        self._dynamodb.create_table(
            TableName=plan.live,
            KeySchema=model["KeySchema"],
            AttributeDefinitions=model["AttributeDefinitions"],
            BillingMode="PAY_PER_REQUEST",
            **optional,
        )
        self._wait_for(plan.live)
        self._dynamodb.update_time_to_live(
            TableName=plan.live, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"}
        )
        self._dynamodb.update_continuous_backups(
            TableName=plan.live, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )

    # -------------------------------------------------------------- Bringing back

    def _bring_back(self, plan: Plan) -> Counter[str]:
        if plan.is_lost and not self._exists(plan.live):
            self._make_anew(plan)
        counts: Counter[str] = Counter()
        if plan.name == "AccountLinks":
            # The shoppers first: who is there decides which links and accounts come back.
            departed = self._departed()
            self._copy(plan, counts, _is_shopper, lambda item: _without_what_ended(item, departed, plan.as_of_ms))
            self._copy(plan, counts, lambda item: not (_is_shopper(item) or _is_wish(item)), self._link_or_account)
            self._copy(plan, counts, _is_wish, self._wish_of_a_link)
            return counts
        keep = {DEPARTURES: lambda item: item, "Pending": self._waiting}.get(plan.name, self._of_a_shopper)
        self._copy(plan, counts, lambda _: True, keep)
        return counts

    def _copy(
        self,
        plan: Plan,
        counts: Counter[str],
        is_of_this_pass: Callable[[Item], bool],
        keep: Callable[[Item], Item | None],
    ) -> None:
        hash_name = self._dynamodb.describe_table(TableName=plan.live)["Table"]["KeySchema"][0]["AttributeName"]
        for page in self._dynamodb.get_paginator("scan").paginate(TableName=plan.copy):
            for stored in page["Items"]:
                item = from_item(stored)
                if not is_of_this_pass(item):
                    continue
                kept = None if _has_expired(item, self.now_ms()) else keep(item)
                if kept is None:
                    counts[STAYS_AWAY] += 1
                    continue
                whole = {name: value for name, value in stored.items() if name in kept}
                counts[COMES_BACK if self._put_if_missing(plan.live, whole, hash_name) else IS_THERE] += 1

    def _put_if_missing(self, table: str, item: Mapping[str, Any], hash_name: str) -> bool:
        try:
            self._dynamodb.put_item(
                TableName=table,
                Item=dict(item),
                ConditionExpression="attribute_not_exists(#key)",
                ExpressionAttributeNames={"#key": hash_name},
            )
        except ClientError as error:
            if error.response["Error"].get("Code") != "ConditionalCheckFailedException":
                raise
            return False
        return True

    def _link_or_account(self, item: Item) -> Item | None:
        """A link or an account whose shopper is there and names it: what was ended since is not tied again."""
        shopper = self._shopper(item["shopper_id"])
        if shopper is None:
            return None
        if str(item["id"]).startswith("x#"):
            return item if item["id"] == f"x#{shopper.get('x_user_id')}" else None
        return item if {"id": item["id"]} == account_key(shopper["issuer"], shopper["store_subject"]) else None

    def _wish_of_a_link(self, item: Item) -> Item | None:
        """What X has to tell of a profile, if its link is there and wants it; what X has is compared each hour."""
        links = AccountLinks(self._dynamodb, self._live("AccountLinks"))
        link = links.current_link(str(item["id"]).removeprefix(KEY_PREFIX))
        return item if link is not None and link.post_events_since_ms is not None else None

    def _of_a_shopper(self, item: Item) -> Item | None:
        """A line or a post's row of a shopper who is there. What is kept of strangers, for two days, is not needed."""
        return None if self._shopper(item["shopper_id"]) is None else item

    def _waiting(self, item: Item) -> Item | None:
        """Cart requests of people who are linked, and erasures: both may happen twice. Answers and e-mails may not."""
        kind = str(item["shard"]).split("#", 1)[0]
        if kind == PendingKind.ERASURE:
            return item
        author_id = json.loads(item["message"]).get("author_id")
        links = AccountLinks(self._dynamodb, self._live("AccountLinks"))
        is_wanted = kind == PendingKind.CART_REQUEST and author_id and links.current_link(author_id) is not None
        return item if is_wanted else None

    def _shopper(self, shopper_id: str) -> Item | None:
        """The shopper as stored now; None for one who has left."""
        answer = self._dynamodb.get_item(
            TableName=self._live("AccountLinks"), Key={"id": {"S": f"shopper#{shopper_id}"}}, ConsistentRead=True
        )
        item = from_item(answer.get("Item", {}))
        return item if "issuer" in item else None

    def _departed(self) -> Departed:
        departed = Departed()
        for page in self._dynamodb.get_paginator("scan").paginate(
            TableName=self._live(DEPARTURES), ConsistentRead=True
        ):
            for item in map(from_item, page["Items"]):
                if "erased_at_ms" in item:
                    departed.erased_ms[item["shopper_id"]] = item["erased_at_ms"]
                if "unlinked_at_ms" in item:
                    departed.unlinked_ms[item["shopper_id"]] = item["unlinked_at_ms"]
        return departed

    def _exists(self, table: str) -> bool:
        try:
            self._dynamodb.describe_table(TableName=table)
        except ClientError as error:
            if error.response["Error"].get("Code") != "ResourceNotFoundException":
                raise
            return False
        return True

    def _live(self, name: str) -> str:
        return self.stack.output(f"{name}TableName")

    @property
    def _dynamodb(self) -> DynamoDBClient:
        client: DynamoDBClient = self.stack.client("dynamodb")
        return client


def _origin(plan: Plan) -> str:
    kind = "point-in-time recovery" if plan.backup_arn is None else "a backup"
    return f"{kind}, as of {time_text(plan.as_of_ms)}"


def _erase(links: AccountLinks, shopper_id: str, at_ms: int) -> bool:
    """Whether the shopper had come back, and is erased again."""
    try:
        links.erase(shopper_id, now_ms=at_ms)
    except ShopperGoneError:
        return False
    except ContendedError as error:
        raise failed("Erasures", "a shopper's account keeps changing", "Run this again in a minute.") from error
    return True


def _is_shopper(item: Item) -> bool:
    return str(item["id"]).startswith("shopper#")


def _is_wish(item: Item) -> bool:
    return str(item["id"]).startswith(KEY_PREFIX)


def _without_what_ended(item: Item, departed: Departed, as_of_ms: int) -> Item | None:
    """A shopper who was not erased, without a link that was ended after the backup."""
    shopper_id = str(item["id"]).removeprefix("shopper#")
    if shopper_id in departed.erased_ms:
        return None
    if departed.unlinked_ms.get(shopper_id, 0) < as_of_ms:
        return item
    return {name: value for name, value in item.items() if name not in ("x_user_id", "email_address", "email_paused")}


def _has_expired(item: Item, now_ms: int) -> bool:
    return "expires_at" in item and item["expires_at"] * 1000 <= now_ms


def _to_ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
