"""Leaving: everything that is stored about a shopper as one document, and its removal.

An erase retires the `shopper_id` first, in one transaction with the link and the store account. From then on every
read of the link or of the shopper says that there is nobody, and nothing new begins. What had read the link just
before may still write for some seconds, under an id that nobody has any more; so all is removed once again after 15
minutes, which is longer than anything runs. A message that waits longer, or is redriven later, finds no link, or a link
whose consent is younger than its post.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from hashcart.domain.account_links import Shopper
from hashcart.domain.posts import posted_at_ms
from hashcart.messages.erasures import ErasureDue
from hashcart.messages.posts import to_json
from hashcart.observability import logger, report_failure
from hashcart.storage.account_links import ShopperGoneError
from hashcart.storage.pending import PendingItem, PendingKind

SETTLES_MS = 15 * 60 * 1000


class AccountLinkStore(Protocol):
    """Who is who."""

    def shopper(self, shopper_id: str, *, now_ms: int) -> Shopper | None:
        """The shopper; None for one who has gone."""

    def erase(self, shopper_id: str, *, now_ms: int) -> str | None:
        """Retire the shopper's id, and forget account and link."""

    def is_erased(self, shopper_id: str) -> bool:
        """Whether the shopper has been erased."""

    def items_of(self, shopper_id: str) -> dict[str, Any]:
        """Everything stored about a shopper."""


class ShopperRows(Protocol):
    """A table with a shopper's rows: cart lines, activity, sessions, offers."""

    def items_of(self, shopper_id: str) -> list[dict[str, Any]]:
        """Everything stored for a shopper, as it is stored."""

    def erase(self, shopper_id: str) -> None:
        """Remove everything stored for a shopper."""


class PendingStore(Protocol):
    """What waits."""

    def put(self, item: PendingItem) -> None:
        """Keep a message until it is due."""

    def remove(self, item: PendingItem) -> None:
        """Forget a message."""

    def waiting(self, is_wanted: Callable[[Mapping[str, Any]], bool]) -> list[PendingItem]:
        """The items whose message is wanted, due or not."""


@dataclass(frozen=True, slots=True)
class ShopperTables:
    """All tables that hold something of a shopper."""

    links: AccountLinkStore
    carts: ShopperRows
    activity: ShopperRows
    sessions: ShopperRows
    offers: ShopperRows
    pending: PendingStore

    def sweep(self, erased: ErasureDue) -> None:
        """Remove everything but the marker of an erased shopper."""
        for rows in (self.carts, self.activity, self.sessions, self.offers):
            rows.erase(erased.shopper_id)
        for item in self.pending.waiting(lambda message: _is_about(message, erased)):
            self.pending.remove(item)


@dataclass(frozen=True, slots=True)
class Leave:
    """What a signed-in shopper does to know what is stored, or to have it removed."""

    tables: ShopperTables
    clock_ms: Callable[[], int]

    def export(self, shopper_id: str) -> dict[str, Any]:
        """Everything stored about a shopper, as a document that can be JSON. Raises ShopperGoneError.

        It has the names that `docs/privacy.md` explains.
        """
        account = self.tables.links.items_of(shopper_id)
        if not account:
            raise ShopperGoneError
        profile = account.get("link", {}).get("x_user_id")
        now_ms = self.clock_ms()
        about = ErasureDue(shopper_id, profile, now_ms)
        waiting = self.tables.pending.waiting(lambda message: _is_about(message, about))
        return {
            "exported_at_ms": now_ms,
            **account,
            "carts": self.tables.carts.items_of(shopper_id),
            "activity": self.tables.activity.items_of(shopper_id),
            "pending": [{"due_ms": item.due_ms, "message": json.loads(item.message)} for item in waiting],
            "sessions": self.tables.sessions.items_of(shopper_id),
            "offers": self.tables.offers.items_of(shopper_id),
        }

    def erase(self, shopper_id: str) -> None:
        """Forget a shopper: at once, and what was in flight 15 minutes later.

        Raises ShopperGoneError, ContendedError.
        """
        now_ms = self.clock_ms()
        shopper = self.tables.links.shopper(shopper_id, now_ms=now_ms)
        if shopper is None:
            raise ShopperGoneError
        # Before the erase, as a crash after it must not leave rows that nobody can reach any more.
        erased = ErasureDue(shopper_id, shopper.x_user_id, now_ms)
        self.tables.pending.put(PendingItem(PendingKind.ERASURE, shopper_id, now_ms + SETTLES_MS, to_json(erased)))
        self.tables.links.erase(shopper_id, now_ms=now_ms)
        logger.info("erased a shopper")
        try:
            self.tables.sweep(erased)
        except Exception as error:  # noqa: BLE001 - the shopper is gone; what is left goes in 15 minutes
            report_failure(None, "erase_unfinished", error)


@dataclass(frozen=True, slots=True)
class FinishErasure:
    """Removes what was written while a shopper was being erased."""

    tables: ShopperTables

    def __call__(self, erased: ErasureDue) -> None:
        """Sweep once more; nothing if the erase itself did not happen, as the shopper was told then."""
        if self.tables.links.is_erased(erased.shopper_id):
            self.tables.sweep(erased)


def _is_about(message: Mapping[str, Any], erased: ErasureDue) -> bool:
    """Whether a waiting message is the shopper's: not one of the profile's next owner, and not the erasure itself."""
    if message.get("kind") == PendingKind.ERASURE:
        return False
    if message.get("shopper_id") is not None:
        return bool(message["shopper_id"] == erased.shopper_id)
    is_of_profile = erased.x_user_id is not None and message.get("author_id") == erased.x_user_id
    return is_of_profile and posted_at_ms(str(message.get("post_id"))) <= erased.erased_at_ms
