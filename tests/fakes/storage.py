"""The tables in memory, with what DynamoDB promises of single writes and nothing more.

Each call is one atomic step. `faults` holds what the next calls raise before they have an effect: throttles, refusals.
"""

import json
import uuid
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from botocore.exceptions import ClientError

from hashcart.domain.account_links import (
    NOT_PUBLIC,
    PROTECTED,
    REVOKED,
    TOO_MANY,
    AccountLink,
    LinkSettings,
    LinkState,
    Shopper,
    StoreAccount,
)
from hashcart.domain.bot_tokens import BotToken
from hashcart.domain.cart_lines import CartLine, Confirmed, LineClick, LineWrite, Operation, Sent, Snapshot
from hashcart.domain.offers import Offer, OfferBook
from hashcart.domain.outcomes import REPLACEABLE, Outcome, PostRow, Version
from hashcart.domain.posts import key_time_ms
from hashcart.domain.recipients import COMPLAINED, Recipient
from hashcart.domain.store_carts import Adopt
from hashcart.domain.sweeps import SweepPosition
from hashcart.domain.webhooks import WebhookHealth
from hashcart.domain.x_spending import Purpose, Spending, Spent
from hashcart.storage.account_links import (
    UNLINKED_LIFE_MS,
    ContendedError,
    LinkGoneError,
    OtherProfileLinkedError,
    ProfileTakenError,
    ShopperGoneError,
)
from hashcart.storage.carts import FIRST_RETRY_MS, StaleRevisionError
from hashcart.storage.pending import PendingItem, PendingKind

type Step = Callable[[], None]


def throttle() -> ClientError:
    """What DynamoDB raises for a table that has too much to do."""
    return ClientError({"Error": {"Code": "ThrottlingException"}}, "UpdateItem")


class Faulty:
    def __init__(self) -> None:
        self.faults: deque[Exception] = deque()
        self.before_step: Step = lambda: None

    def _step(self) -> None:
        self.before_step()
        if self.faults:
            raise self.faults.popleft()


class MemoryAccountLinks(Faulty):
    """Links, shoppers and accounts; a transaction is one step."""

    def __init__(self, *links: AccountLink) -> None:
        super().__init__()
        self.links = {link.x_user_id: link for link in links}
        self.accounts: dict[tuple[str, str], str] = {}
        self.shoppers: dict[str, Shopper] = {}
        self.expiries: dict[str, int] = {}
        self.erased: set[str] = set()
        self.stopped_by: dict[str, int] = {}
        for link in links:
            shopper = Shopper(link.shopper_id, "https://store.test", link.handle, link.x_user_id)
            self.shoppers[shopper.shopper_id] = shopper
            self.accounts[shopper.issuer, shopper.store_subject] = shopper.shopper_id

    def of_profile(self, x_user_id: str) -> AccountLink | None:
        self._step()
        return self.links.get(x_user_id)

    def current_link(self, x_user_id: str) -> AccountLink | None:
        self._step()
        return self.links.get(x_user_id)

    def shopper(self, shopper_id: str, *, now_ms: int) -> Shopper | None:
        self._step()
        return self._living(shopper_id, now_ms)

    def link_of_shopper(self, shopper_id: str, *, now_ms: int) -> AccountLink | None:
        self._step()
        shopper = self._living(shopper_id, now_ms)
        return self.links.get(shopper.x_user_id) if shopper is not None and shopper.x_user_id is not None else None

    def is_erased(self, shopper_id: str) -> bool:
        self._step()
        return shopper_id in self.erased

    def shopper_of(self, account: StoreAccount, *, now_ms: int) -> Shopper:
        self._step()
        key = (account.issuer, account.subject)
        shopper = self._living(self.accounts.get(key, ""), now_ms)
        if shopper is None:
            shopper = Shopper(uuid.uuid4().hex, account.issuer, account.subject)
            self.accounts[key] = shopper.shopper_id
            self.expiries[shopper.shopper_id] = now_ms + UNLINKED_LIFE_MS
        if shopper.shopper_id in self.expiries:
            self.expiries[shopper.shopper_id] = now_ms + UNLINKED_LIFE_MS
        return self._keep(replace(shopper, name=account.name))

    def link(self, link: AccountLink, *, email_address: str | None = None, now_ms: int) -> None:
        self._step()
        existing = self.links.get(link.x_user_id)
        if existing is not None and existing.shopper_id != link.shopper_id:
            raise ProfileTakenError(existing.shopper_id)
        self._tie(link, email_address, now_ms)

    def move(self, link: AccountLink, *, from_shopper_id: str, email_address: str | None = None, now_ms: int) -> None:
        self._step()
        existing = self.links.get(link.x_user_id)
        if self._living(link.shopper_id, now_ms) is None:
            raise ShopperGoneError
        if existing is None:
            raise ContendedError
        if existing.shopper_id == link.shopper_id:
            return
        if existing.shopper_id != from_shopper_id:
            raise ProfileTakenError(existing.shopper_id)
        self._tie(link, email_address, now_ms)
        old = self.shoppers[from_shopper_id]
        self._keep(replace(old, x_user_id=None, moved_handle=link.handle, moved_at_ms=now_ms))

    def unlink(self, shopper_id: str, x_user_id: str, *, now_ms: int) -> bool:
        self._step()
        if not self._are_tied(shopper_id, x_user_id):
            return False
        del self.links[x_user_id]
        shopper = self.shoppers[shopper_id]
        self._keep(replace(shopper, x_user_id=None, email_address=None, email_paused=None))
        return True

    def change_settings(
        self, shopper_id: str, x_user_id: str, settings: LinkSettings, *, email_address: str | None
    ) -> None:
        self._step()
        if not self._are_tied(shopper_id, x_user_id):
            raise LinkGoneError
        self.links[x_user_id] = replace(self.links[x_user_id], **asdict(settings))
        shopper = self.shoppers[shopper_id]
        paused = shopper.email_paused if email_address else None
        self._keep(replace(shopper, email_address=email_address, email_paused=paused))

    def pause(self, x_user_id: str, *, reason: str, at_ms: int) -> bool:
        self._step()
        link = self.links.get(x_user_id)
        if link is None or link.consented_at_ms >= at_ms:
            return False
        if link.state is not LinkState.ACTIVE and (reason != REVOKED or link.state_reason == REVOKED):
            return False
        protected = link.protected or reason == PROTECTED
        self.links[x_user_id] = replace(
            link, state=LinkState.PAUSED, state_reason=reason, state_since_ms=at_ms, protected=protected
        )
        return True

    def resume_public(self, x_user_id: str, *, seen_ms: int) -> bool:
        self._step()
        link = self.links.get(x_user_id)
        if link is None or link.state_reason not in NOT_PUBLIC or (link.state_since_ms or 0) >= seen_ms:
            return False
        self.links[x_user_id] = replace(
            link, state=LinkState.ACTIVE, state_reason=None, state_since_ms=None, protected=False
        )
        return True

    def pause_adding(self, link: AccountLink, *, adds_since_ms: int) -> bool:
        self._step()
        stored = self.links.get(link.x_user_id)
        if stored is None or stored.state is not LinkState.ACTIVE or stored.shopper_id != link.shopper_id:
            return False
        if stored.consented_at_ms != link.consented_at_ms or (stored.vouched_at_ms or 0) > adds_since_ms:
            return False
        self.links[link.x_user_id] = replace(
            stored, state=LinkState.PAUSED, state_reason=TOO_MANY, adds_since_ms=adds_since_ms
        )
        return True

    def vouch(self, shopper_id: str, x_user_id: str, *, now_ms: int) -> bool:
        self._step()
        link = self.links.get(x_user_id)
        if link is None or link.state_reason != TOO_MANY or link.shopper_id != shopper_id:
            return False
        self.links[x_user_id] = replace(link, state=LinkState.ACTIVE, state_reason=None, vouched_at_ms=now_ms)
        return True

    def stop_replies(self, x_user_id: str, *, post_id: str) -> bool:
        self._step()
        link = self.links.get(x_user_id)
        if link is None or int(post_id) <= self.stopped_by.get(x_user_id, 0):
            return False
        self.stopped_by[x_user_id] = int(post_id)
        self.links[x_user_id] = replace(link, public_replies=False)
        return True

    def pause_own(self, shopper_id: str, x_user_id: str, *, reason: str) -> bool:
        self._step()
        link = self.links.get(x_user_id)
        if link is None or link.state is not LinkState.ACTIVE or link.shopper_id != shopper_id:
            return False
        self.links[x_user_id] = replace(link, state=LinkState.PAUSED, state_reason=reason)
        return True

    def resume(self, shopper_id: str, x_user_id: str, *, reason: str) -> bool:
        self._step()
        link = self.links.get(x_user_id)
        if link is None or (link.shopper_id, link.state_reason) != (shopper_id, reason):
            return False
        protected = link.protected and reason != PROTECTED
        self.links[x_user_id] = replace(
            link, state=LinkState.ACTIVE, state_reason=None, state_since_ms=None, protected=protected
        )
        return True

    def resume_email(self, shopper_id: str) -> bool:
        self._step()
        shopper = self.shoppers.get(shopper_id)
        if shopper is None or shopper.email_address is None:
            return False
        self._keep(replace(shopper, email_paused=None))
        return True

    def erase(self, shopper_id: str, *, now_ms: int) -> str | None:
        self._step()
        shopper = self.shoppers.pop(shopper_id, None)
        if shopper is None:
            raise ShopperGoneError
        self.erased.add(shopper_id)
        self.accounts.pop((shopper.issuer, shopper.store_subject), None)
        if shopper.x_user_id is not None:
            del self.links[shopper.x_user_id]
        return shopper.x_user_id

    def items_of(self, shopper_id: str) -> dict[str, Any]:
        self._step()
        shopper = self.shoppers.get(shopper_id)
        return {} if shopper is None else {"shopper": asdict(shopper)}

    def _living(self, shopper_id: str, now_ms: int) -> Shopper | None:
        expiry = self.expiries.get(shopper_id)
        is_over = expiry is not None and expiry // 1000 * 1000 <= now_ms
        return None if is_over else self.shoppers.get(shopper_id)

    def _are_tied(self, shopper_id: str, x_user_id: str) -> bool:
        return x_user_id in self.links and self.links[x_user_id].shopper_id == shopper_id

    def _tie(self, link: AccountLink, email_address: str | None, now_ms: int) -> None:
        shopper = self._living(link.shopper_id, now_ms)
        if shopper is None:
            raise ShopperGoneError
        if shopper.x_user_id not in (None, link.x_user_id):
            raise OtherProfileLinkedError
        self.links[link.x_user_id] = link
        self.expiries.pop(link.shopper_id, None)
        self._keep(
            replace(
                shopper,
                x_user_id=link.x_user_id,
                email_address=email_address,
                email_paused=None,
                moved_handle=None,
                moved_at_ms=None,
            )
        )

    def _keep(self, shopper: Shopper) -> Shopper:
        self.shoppers[shopper.shopper_id] = shopper
        return shopper


class MemoryActivity(Faulty):
    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[tuple[str, str], PostRow] = {}
        self.replaced: set[tuple[str, str]] = set()
        self.outcome_at_ms: dict[tuple[str, str], int] = {}
        self.emails: dict[tuple[str, str], dict[str, Any]] = {}

    def row(self, shopper_id: str, key: str) -> PostRow | None:
        self._step()
        return self.rows.get((shopper_id, key))

    def recent(self, shopper_id: str, *, before_key: str | None, limit: int) -> list[PostRow]:
        self._step()
        keys = sorted((key for owner, key in self.rows if owner == shopper_id), reverse=True)
        return [self.rows[shopper_id, key] for key in keys if before_key is None or key < before_key][:limit]

    def record_version(self, shopper_id: str, key: str, version: Version, *, now_ms: int) -> PostRow:
        self._step()
        row = self._row(shopper_id, key)
        return self._put(shopper_id, replace(row, versions={version.id: version, **row.versions}))

    def mark_undone(self, shopper_id: str, key: str, *, now_ms: int) -> PostRow:
        self._step()
        return self._put(shopper_id, replace(self._row(shopper_id, key), undone=True))

    def point_to_first(self, shopper_id: str, key: str, first_key: str, *, now_ms: int) -> PostRow:
        self._step()
        return self._put(shopper_id, replace(self._row(shopper_id, key), first_key=first_key))

    def store_outcome(self, shopper_id: str, key: str, outcome: Outcome, *, now_ms: int, life_ms: int = 0) -> Outcome:
        self._step()
        row = self._row(shopper_id, key)
        kept = row.outcome
        if kept is not None and kept.version >= outcome.version:
            if (
                kept.code not in REPLACEABLE
                or kept.version != outcome.version
                or kept.code == outcome.code
                or (shopper_id, key) in self.replaced
            ):
                return kept
            self.replaced.add((shopper_id, key))
        self._put(shopper_id, replace(row, outcome=outcome))
        self.outcome_at_ms[shopper_id, key] = now_ms
        return outcome

    def between(self, shopper_id: str, start_ms: int, end_ms: int) -> list[PostRow]:
        self._step()
        owned = [row for (owner, _), row in sorted(self.rows.items()) if owner == shopper_id]
        return [row for row in owned if start_ms <= key_time_ms(row.order_key) < end_ms]

    def outcomes_between(self, shopper_id: str, start_ms: int, end_ms: int) -> list[PostRow]:
        self._step()
        keys = sorted(key for key, at_ms in self.outcome_at_ms.items() if start_ms <= at_ms < end_ms)
        return [self.rows[key] for key in keys if key[0] == shopper_id]

    def claim_email(self, shopper_id: str, key: str, *, now_ms: int) -> Mapping[str, Any] | None:
        self._step()
        existing = self.emails.get((shopper_id, key))
        if existing is None:
            self.emails[shopper_id, key] = {"claimed_at_ms": now_ms}
        return existing

    def record_email(self, shopper_id: str, key: str, *, claimed_at_ms: int, result: str) -> None:
        self._step()
        self.emails[shopper_id, key] = {"claimed_at_ms": claimed_at_ms, "result": result}

    def release_email(self, shopper_id: str, key: str) -> None:
        self._step()
        self.emails.pop((shopper_id, key), None)

    def claim_reply(self, shopper_id: str, key: str, *, now_ms: int) -> Mapping[str, Any] | None:
        self._step()
        row = self._row(shopper_id, key)
        if row.reply is not None:
            return row.reply
        self._put(shopper_id, replace(row, reply={"claimed_at_ms": now_ms}))
        return None

    def renew_claim(self, shopper_id: str, key: str, *, seen_ms: int, now_ms: int) -> bool:
        self._step()
        row = self._row(shopper_id, key)
        if row.reply is None or row.reply.get("claimed_at_ms") != seen_ms or "result" in row.reply:
            return False
        self._put(shopper_id, replace(row, reply={"claimed_at_ms": now_ms}))
        return True

    def record_reply(self, shopper_id: str, key: str, *, claimed_at_ms: int, result: str, reply_id: str | None) -> None:
        self._step()
        record: dict[str, str | int] = {"claimed_at_ms": claimed_at_ms, "result": result}
        if reply_id is not None:
            record["id"] = reply_id
        self._put(shopper_id, replace(self._row(shopper_id, key), reply=record))

    def release_reply(self, shopper_id: str, key: str) -> None:
        self._step()
        self._put(shopper_id, replace(self._row(shopper_id, key), reply=None))

    def items_of(self, shopper_id: str) -> list[dict[str, Any]]:
        self._step()
        return [asdict(row) for (owner, _), row in self.rows.items() if owner == shopper_id]

    def erase(self, shopper_id: str) -> None:
        self._step()
        self.rows = {key: row for key, row in self.rows.items() if key[0] != shopper_id}

    def _row(self, shopper_id: str, key: str) -> PostRow:
        return self.rows.get((shopper_id, key), PostRow(key))

    def _put(self, shopper_id: str, row: PostRow) -> PostRow:
        self.rows[shopper_id, row.order_key] = row
        return row


class MemoryOffers(Faulty):
    def __init__(self) -> None:
        super().__init__()
        self.books: dict[str, OfferBook] = {}

    def read(self, shopper_id: str, *, now_ms: int) -> OfferBook:
        self._step()
        return self.books.get(shopper_id, OfferBook())

    def begin(self, shopper_id: str, consented_at_ms: int, *, now_ms: int) -> bool:
        self._step()
        book = self.books.get(shopper_id, OfferBook())
        if book.consented_at_ms == consented_at_ms:
            return False
        self.books[shopper_id] = OfferBook(consented_at_ms, now_ms, answers=book.answers)
        return True

    def keep(
        self,
        shopper_id: str,
        consented_at_ms: int,
        found: Sequence[Offer] | None,
        *,
        trouble: str | None = None,
        now_ms: int,
    ) -> None:
        self._step()
        book = self.books[shopper_id]
        if book.consented_at_ms == consented_at_ms:
            offered = book.found if found is None else tuple(found)
            self.books[shopper_id] = replace(book, looked_at_ms=now_ms, trouble=trouble, found=offered)

    def answer(self, shopper_id: str, first_id: str, answer: str, *, now_ms: int) -> str:
        self._step()
        book = self.books.get(shopper_id, OfferBook())
        answers = {first_id: answer} | book.answers
        self.books[shopper_id] = replace(book, answers=answers)
        return answers[first_id]

    def items_of(self, shopper_id: str) -> list[dict[str, Any]]:
        self._step()
        return [asdict(self.books[shopper_id])] if shopper_id in self.books else []

    def erase(self, shopper_id: str) -> None:
        self._step()
        self.books.pop(shopper_id, None)


class MemoryCarts(Faulty):
    def __init__(self, *, has_store_cart: bool = False) -> None:
        super().__init__()
        self.stored: dict[tuple[str, str], CartLine] = {}
        self._has_store_cart = has_store_cart
        self._due_ms: dict[tuple[str, str], int] = {}

    def write_operation(
        self,
        shopper_id: str,
        line_id: str,
        key: str,
        operation: Operation,
        *,
        now_ms: int,
        snapshot: Snapshot | None = None,
    ) -> LineWrite:
        self._step()
        line = self._line(shopper_id, line_id)
        existing = line.operations.get(key)
        if existing is not None and existing.version >= operation.version:
            return LineWrite(line, has_changed=False)
        changed = replace(_with(line, key, operation), snapshot=snapshot or line.snapshot)
        return LineWrite(self._put(shopper_id, changed, due_ms=now_ms + FIRST_RETRY_MS), has_changed=True)

    def mark_undone(self, shopper_id: str, line_id: str, key: str) -> CartLine:
        self._step()
        line = self._line(shopper_id, line_id)
        if key in line.undone:
            return line
        due_ms = key_time_ms(key) + FIRST_RETRY_MS
        return self._put(shopper_id, replace(line, undone=line.undone | {key}), due_ms=due_ms)

    def click(
        self, shopper_id: str, line_id: str, key: str, operation: Operation, *, revision: int, now_ms: int
    ) -> CartLine:
        self._step()
        line = self._line(shopper_id, line_id)
        if any(existing.split("#", 1)[1] == key.split("#", 1)[1] for existing in line.operations):
            return line
        if line.revision != revision:
            raise StaleRevisionError(line)
        clicked = _with(line, key, operation)
        return self._put(shopper_id, clicked, due_ms=now_ms + FIRST_RETRY_MS)

    def click_together(self, shopper_id: str, clicks: Sequence[LineClick], *, now_ms: int) -> list[CartLine]:
        self._step()
        lines = [self._line(shopper_id, click.line_id) for click in clicks]
        if any(line.revision != click.revision for line, click in zip(lines, clicks, strict=True)):
            for line, click in zip(lines, clicks, strict=True):
                if all(existing.split("#", 1)[1] != click.key.split("#", 1)[1] for existing in line.operations):
                    raise StaleRevisionError(line)
            return lines
        return [
            self._put(
                shopper_id,
                replace(_with(line, click.key, click.operation), snapshot=click.snapshot or line.snapshot),
                due_ms=now_ms + FIRST_RETRY_MS,
            )
            for line, click in zip(lines, clicks, strict=True)
        ]

    def line(self, shopper_id: str, line_id: str) -> CartLine:
        self._step()
        return self._line(shopper_id, line_id)

    def lines(self, shopper_id: str) -> list[CartLine]:
        self._step()
        return [line for (owner, _), line in sorted(self.stored.items()) if owner == shopper_id]

    def unconfirmed(self, now_ms: int, limit_per_shard: int) -> Iterator[str]:
        self._step()
        due = sorted((self._due_ms[key], key) for key, line in self.stored.items() if line.unconfirmed)
        return iter([shopper_id for due_ms, (shopper_id, _) in due if due_ms <= now_ms][:limit_per_shard])

    def mark_sent(self, shopper_id: str, line: CartLine, sent: Sent, *, now_ms: int) -> CartLine | None:
        self._step()
        if not self._is_unchanged(shopper_id, line):
            return None
        stored = self._line(shopper_id, line.line_id)
        return self._keep(shopper_id, replace(stored, sent=sent, unconfirmed=True), now_ms + FIRST_RETRY_MS)

    def confirm(self, shopper_id: str, line: CartLine, confirmed: Confirmed) -> CartLine | None:
        self._step()
        if not self._is_unchanged(shopper_id, line):
            return None
        stored = self._line(shopper_id, line.line_id)
        return self._keep(shopper_id, replace(stored, confirmed=confirmed, sent=None, unconfirmed=False, failures=0), 0)

    def adopt(self, shopper_id: str, line: CartLine, adopted: Adopt, *, now_ms: int) -> CartLine | None:
        self._step()
        if not self._is_unchanged(shopper_id, line):
            return None
        stored = self._line(shopper_id, line.line_id)
        changed = replace(
            _with(stored, adopted.key, adopted.operation),
            revision=stored.revision + 1,
            confirmed=adopted.confirmed,
            sent=None,
            unconfirmed=True,
        )
        return self._keep(shopper_id, changed, now_ms + FIRST_RETRY_MS)

    def postpone(self, shopper_id: str, line_id: str, *, due_ms: int) -> None:
        self._step()
        line = self._line(shopper_id, line_id)
        if line.unconfirmed:
            self._keep(shopper_id, replace(line, failures=line.failures + 1), due_ms)

    def _is_unchanged(self, shopper_id: str, line: CartLine) -> bool:
        stored = self._line(shopper_id, line.line_id)
        return (stored.revision, stored.sent and stored.sent.id) == (line.revision, line.sent and line.sent.id)

    def _keep(self, shopper_id: str, line: CartLine, due_ms: int) -> CartLine:
        self.stored[shopper_id, line.line_id] = line
        self._due_ms[shopper_id, line.line_id] = due_ms
        return line

    def items_of(self, shopper_id: str) -> list[dict[str, Any]]:
        self._step()
        return [asdict(line) for (owner, _), line in self.stored.items() if owner == shopper_id]

    def erase(self, shopper_id: str) -> None:
        self._step()
        self.stored = {key: line for key, line in self.stored.items() if key[0] != shopper_id}

    def _line(self, shopper_id: str, line_id: str) -> CartLine:
        return self.stored.get((shopper_id, line_id), CartLine(line_id))

    def _put(self, shopper_id: str, line: CartLine, due_ms: int) -> CartLine:
        excess = frozenset(line.excess_keys)
        line = replace(
            line,
            operations={key: operation for key, operation in line.operations.items() if key not in excess},
            undone=line.undone - excess,
            revision=line.revision + 1,
            unconfirmed=line.unconfirmed or self._has_store_cart,
        )
        return self._keep(shopper_id, line, due_ms)


def _with(line: CartLine, key: str, operation: Operation) -> CartLine:
    return replace(line, operations={**line.operations, key: operation}, begun_by=line.begun_by or key)


class MemoryRecipients(Faulty):
    def __init__(self, *recipients: Recipient) -> None:
        super().__init__()
        self.recipients = {recipient.shopper_id: recipient for recipient in recipients}

    def recipient(self, shopper_id: str) -> Recipient | None:
        self._step()
        return self.recipients.get(shopper_id)

    def count_email(self, recipient: Recipient, *, day: int) -> None:
        self._step()
        current = self.recipients.get(recipient.shopper_id)
        if current is not None and current.address is not None:
            self.recipients[recipient.shopper_id] = replace(current, day=day, sent=recipient.sent_on(day) + 1)

    def pause_email(self, shopper_id: str, *, reason: str, address: str | None = None) -> bool:
        self._step()
        current = self.recipients.get(shopper_id)
        if current is None or current.address is None or address not in (None, current.address):
            return False
        if current.paused != COMPLAINED:
            self.recipients[shopper_id] = replace(current, paused=reason)
        return True


class MemoryPending(Faulty):
    def __init__(self) -> None:
        super().__init__()
        self.items: list[PendingItem] = []
        self.claimed: list[PendingItem] = []

    def put(self, item: PendingItem) -> None:
        self._step()
        if item not in self.items:
            self.items.append(item)

    def due(self, kind: PendingKind, now_ms: int, page_size: int) -> Iterator[PendingItem]:
        self._step()
        due = [item for item in self.items if item.kind is kind and item.due_ms <= now_ms]
        return iter(sorted(due, key=lambda item: item.due_ms))

    def waiting(self, is_wanted: Callable[[Mapping[str, Any]], bool]) -> list[PendingItem]:
        self._step()
        return [item for item in self.items if is_wanted(json.loads(item.message))]

    def claim(self, item: PendingItem, *, now_ms: int) -> bool:
        self._step()
        if item not in self.items or item in self.claimed:
            return False
        self.claimed.append(item)
        return True

    def remove(self, item: PendingItem) -> None:
        self._step()
        self.items.remove(item)


class MemoryCache(Faulty):
    def __init__(self, clock_ms: Callable[[], int], lease_ms: int = 15_000) -> None:
        super().__init__()
        self._clock_ms = clock_ms
        self._lease_ms = lease_ms
        self.values: dict[str, tuple[Mapping[str, Any], int]] = {}
        self.stored_at_ms: dict[str, int] = {}
        self.leases: dict[str, int] = {}

    def read(self, keys: Collection[str], *, max_age_ms: int | None = None) -> dict[str, Mapping[str, Any]]:
        self._step()
        return {key: self.values[key][0] for key in keys if self._serves(key, max_age_ms)}

    def take_lease(self, key: str, *, max_age_ms: int | None = None) -> bool:
        self._step()
        now_ms = self._clock_ms()
        if self.leases.get(key, 0) > now_ms or self._serves(key, max_age_ms):
            return False
        self.leases[key] = now_ms + self._lease_ms
        return True

    def release(self, key: str) -> None:
        self._step()
        self.leases.pop(key, None)

    def store(self, key: str, value: Mapping[str, Any], *, fresh_ms: int) -> None:
        self._step()
        self.values[key] = (value, self._clock_ms() + fresh_ms)
        self.stored_at_ms[key] = self._clock_ms()
        self.leases.pop(key, None)

    def _serves(self, key: str, max_age_ms: int | None) -> bool:
        now_ms = self._clock_ms()
        is_fresh = key in self.values and self.values[key][1] > now_ms
        return is_fresh and (max_age_ms is None or self.stored_at_ms.get(key, 0) > now_ms - max_age_ms)


class MemoryBotTokens(Faulty):
    def __init__(self, token: BotToken | None = None) -> None:
        super().__init__()
        self.token = token
        self.leased_until_ms = 0

    def read(self) -> BotToken | None:
        self._step()
        return self.token

    def save(self, token: BotToken) -> None:
        self._step()
        self.token = token
        self.leased_until_ms = 0

    def take_lease(self, token: BotToken, *, now_ms: int) -> bool:
        self._step()
        if self.token != token or self.leased_until_ms > now_ms:
            return False
        self.leased_until_ms = now_ms + 30_000
        return True

    def mark_lost(self, token: BotToken, *, now_ms: int) -> None:
        self._step()
        if self.token is not None and self.token.refresh_token == token.refresh_token:
            self.token = replace(self.token, lost_at_ms=now_ms)


class MemoryCheckpoints(Faulty):
    def __init__(self) -> None:
        super().__init__()
        self.positions: dict[str, SweepPosition] = {}
        self.leases: dict[str, int] = {}
        self.webhooks: dict[str, WebhookHealth] = {}
        self.pauses: dict[str, int] = {}
        self.spent: dict[str, Counter[Purpose]] = {}

    def spend(self, day: str, purpose: Purpose, units: int, *, limit: int | None = None) -> bool:
        self._step()
        if limit is not None and self.spending(day).total + units * purpose.price > limit:
            return False
        self.spent.setdefault(day, Counter())[purpose] += units
        return True

    def spending(self, day: str) -> Spending:
        of_day = self.spent.get(day, Counter())
        by_purpose = {purpose: Spent(units, units * purpose.price) for purpose, units in of_day.items()}
        return Spending(sum(each.money for each in by_purpose.values()), by_purpose)

    def paused_until_ms(self, source: str, *, now_ms: int) -> int | None:
        self._step()
        until_ms = self.pauses.get(source, 0)
        return until_ms if until_ms > now_ms else None

    def webhook(self, webhook_id: str) -> WebhookHealth:
        self._step()
        return self.webhooks.get(webhook_id, WebhookHealth())

    def save_webhook(self, webhook_id: str, health: WebhookHealth) -> None:
        self._step()
        self.webhooks[webhook_id] = health

    def position(self, source: str) -> SweepPosition | None:
        self._step()
        return self.positions.get(source)

    def save(self, source: str, position: SweepPosition) -> None:
        self._step()
        self.positions[source] = position

    def take_lease(self, work: str, *, now_ms: int, lease_ms: int) -> bool:
        self._step()
        if self.leases.get(work, 0) > now_ms:
            return False
        self.leases[work] = now_ms + lease_ms
        return True

    def rest(self, work: str, *, until_ms: int) -> None:
        self._step()
        self.leases[work] = until_ms

    def release(self, work: str) -> None:
        self._step()
        self.leases.pop(work, None)


class MemorySessions(Faulty):
    """The sessions that belong to shoppers, as leaving sees them."""

    def __init__(self) -> None:
        super().__init__()
        self.stored: dict[str, list[dict[str, Any]]] = {}

    def items_of(self, shopper_id: str) -> list[dict[str, Any]]:
        self._step()
        return self.stored.get(shopper_id, [])

    def erase(self, shopper_id: str) -> None:
        self._step()
        self.stored.pop(shopper_id, None)
