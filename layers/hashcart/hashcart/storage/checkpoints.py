"""Table Checkpoints: how far a repeated work has come, and who is at it."""

import calendar
import time
from typing import TYPE_CHECKING

from hashcart.domain.sweeps import SweepPosition
from hashcart.domain.webhooks import WebhookHealth
from hashcart.domain.x_spending import Purpose, Spending, Spent
from hashcart.storage.table import ConditionFailedError, Table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SPENDING_KEPT_SECONDS = 40 * 24 * 3600


class Checkpoints:
    """Positions (`sweep#<source>`), pauses (`paused#<source>`), what is known of webhooks (`webhook#<id>`), leases
    (`lease#<work>`) and what is spent at X (`budget#<UTC day>`).
    """

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._table = Table(client, table_name)

    def position(self, source: str) -> SweepPosition | None:
        """How far a source has been read, read consistently; None before the first time."""
        item = self._table.get({"name": f"sweep#{source}"}, consistent=True)
        if item is None:
            return None
        return SweepPosition(
            newest_id=item["newest_id"],
            round_newest_id=item.get("round_newest_id"),
            resume_below_id=item.get("resume_below_id"),
            seen=tuple(item["seen"]),
            wait_until_ms=item["wait_until_ms"],
            counted_day=item.get("counted_day", ""),
            reserved_day=item.get("reserved_day", ""),
        )

    def save(self, source: str, position: SweepPosition) -> None:
        """Keep how far a source has been read. Only who holds the lease may."""
        self._table.put(
            {
                "name": f"sweep#{source}",
                "newest_id": position.newest_id,
                "round_newest_id": position.round_newest_id,
                "resume_below_id": position.resume_below_id,
                "seen": list(position.seen),
                "wait_until_ms": position.wait_until_ms,
                "counted_day": position.counted_day,
                "reserved_day": position.reserved_day,
            }
        )

    def pause(self, source: str, *, now_ms: int, until_ms: int) -> None:
        """Let nobody read a source before `until_ms`, or before it is resumed."""
        self._table.put({"name": f"paused#{source}", "paused_at_ms": now_ms, "until_ms": until_ms})

    def resume(self, source: str) -> None:
        """End a pause; nothing where there is none."""
        self._table.delete({"name": f"paused#{source}"})

    def paused_until_ms(self, source: str, *, now_ms: int) -> int | None:
        """When a pause of a source ends by itself; None if it is not paused."""
        item = self._table.get({"name": f"paused#{source}"}, consistent=True)
        return int(item["until_ms"]) if item is not None and item["until_ms"] > now_ms else None

    def webhook(self, webhook_id: str) -> WebhookHealth:
        """What is known of a webhook, read consistently."""
        item = self._table.get({"name": f"webhook#{webhook_id}"}, consistent=True) or {}
        return WebhookHealth(item.get("valid_at_ms"), item.get("gap_from_ms"))

    def save_webhook(self, webhook_id: str, health: WebhookHealth) -> None:
        """Keep what is known of a webhook."""
        self._table.put(
            {
                "name": f"webhook#{webhook_id}",
                "valid_at_ms": health.valid_at_ms,
                "gap_from_ms": health.gap_from_ms,
            }
        )

    def take_lease(self, work: str, *, now_ms: int, lease_ms: int) -> bool:
        """Whether this caller is the one to do `work` now; the lease ends by itself after `lease_ms`."""
        try:
            self._table.update(
                {"name": f"lease#{work}"},
                "SET lease_until_ms = :until",
                condition="attribute_not_exists(lease_until_ms) OR lease_until_ms <= :now",
                values={":until": now_ms + lease_ms, ":now": now_ms},
            )
        except ConditionFailedError:
            return False
        return True

    def rest(self, work: str, *, until_ms: int) -> None:
        """Let nobody do `work` before a moment. Only who holds its lease may."""
        self._table.update({"name": f"lease#{work}"}, "SET lease_until_ms = :until", values={":until": until_ms})

    def release(self, work: str) -> None:
        """End a lease before its time."""
        self._table.update({"name": f"lease#{work}"}, "REMOVE lease_until_ms")

    def spend(self, day: str, purpose: Purpose, units: int, *, limit: int | None = None) -> bool:
        """Add units to what is spent on a day; False, and no change, where the total would pass `limit`.

        `limit` is in millionths of a US dollar. A negative number of units takes back.
        """
        money = units * purpose.price
        values: dict[str, object] = {":money": money, ":units": units, ":expires_at": _kept_until(day)}
        if limit is not None:
            values[":room"] = limit - money
            if limit < money:
                return False
        try:
            self._table.update(
                {"name": f"budget#{day}"},
                "SET expires_at = :expires_at ADD spent :money, #money :money, #units :units",
                condition="attribute_not_exists(spent) OR spent <= :room" if limit is not None else None,
                names={"#money": f"money_{purpose}", "#units": f"units_{purpose}"},
                values=values,
            )
        except ConditionFailedError:
            return False
        return True

    def spending(self, day: str) -> Spending:
        """What a day has cost so far."""
        item = self._table.get({"name": f"budget#{day}"}, consistent=False) or {}
        by_purpose = {
            purpose: Spent(item[f"units_{purpose}"], item[f"money_{purpose}"])
            for purpose in Purpose
            if f"units_{purpose}" in item
        }
        return Spending(item.get("spent", 0), by_purpose)


def _kept_until(day: str) -> int:
    return calendar.timegm(time.strptime(day, "%Y-%m-%d")) + SPENDING_KEPT_SECONDS
