"""The store's own cart of a shopper is brought to what the shopper's lines come to, and they to what happened in it.

The wanted quantity is set, never added, and read back. Before each sending the line notes what is on its way, so that
an answer that is lost, or overtaken by another delivery, is told from what the shopper did in the shop. Every write is
conditional on the line as it was read; whoever loses reads again. Nothing here raises for the store's sake: a line that
the store did not confirm stays in the index of unconfirmed lines, and `reconcile_carts` tries it again.
"""

import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from hashcart.domain.account_links import AccountLink, Shopper
from hashcart.domain.cart_lines import REFUSED, CartLine, Confirmed, Sent
from hashcart.domain.posts import key_time_ms
from hashcart.domain.product_links import ProductReference
from hashcart.domain.store_carts import Adopt, Agree, Held, Send, compare, confirmed, in_flight, limit
from hashcart.domain.store_carts import ordered as ordered_line
from hashcart.observability import report_failure
from hashcart.stores.protocol import (
    CartStore,
    Customer,
    Store,
    StoreCart,
    StoreRefusedError,
    StoreUnavailableError,
)

ROUNDS = 6
BUDGET_SECONDS = 8.0
SHORTEST_WAIT_MS = 60 * 1000
LONGEST_WAIT_MS = 6 * 60 * 60 * 1000
LIMIT_PER_SHARD = 25

STUCK_AFTER_FAILURES = 6
"""With the waits in between, a store has then not answered for half an hour."""


class CartLineStore(Protocol):
    """The lines."""

    def lines(self, shopper_id: str) -> list[CartLine]:
        """All lines of a shopper, read consistently."""

    def mark_sent(self, shopper_id: str, line: CartLine, sent: Sent, *, now_ms: int) -> CartLine | None:
        """Note what is about to be sent; None if the line is no longer as it was read."""

    def confirm(self, shopper_id: str, line: CartLine, confirmed: Confirmed) -> CartLine | None:
        """Note what the store's cart holds; None if the line is no longer as it was read."""

    def adopt(self, shopper_id: str, line: CartLine, adopted: Adopt, *, now_ms: int) -> CartLine | None:
        """Take what happened in the shop into the line; None if the line is no longer as it was read."""

    def postpone(self, shopper_id: str, line_id: str, *, due_ms: int) -> None:
        """Let an unconfirmed line wait."""

    def unconfirmed(self, now_ms: int, limit_per_shard: int) -> Iterator[str]:
        """The shoppers of lines that the store has to be asked about by now."""


class ShopperStore(Protocol):
    """Whose account at the store is whose."""

    def shopper(self, shopper_id: str, *, now_ms: int) -> Shopper | None:
        """What is kept of a store account; None once it is erased."""

    def current_link(self, x_user_id: str) -> AccountLink | None:
        """The link of an X profile as it is now."""

    def keep_store_cart(self, shopper_id: str, cart_id: str, *, previous: str | None) -> bool:
        """Keep the id of the cart at the store; False if another than `previous` is kept by now."""


class _ChangedMeanwhileError(Exception):
    """Another delivery, or the shopper in the shop, changed what was read: read again."""


@dataclass(slots=True)
class _Run:
    """One shopper's cart at work; `own` are the quantities that this run has sent, by line."""

    shopper_id: str
    customer: Customer
    cart: StoreCart
    own: Mapping[str, set[int]]

    def held(self, line_id: str) -> Held:
        """What the store's cart holds of a line."""
        return Held(self.cart.quantities.get(line_id, 0), self.cart.cart_id, self.cart.changed_ms.get(line_id))


@dataclass(frozen=True, slots=True)
class SynchroniseCart:
    """Brings one shopper's cart at the store and the shopper's lines together."""

    store: CartStore
    carts: CartLineStore
    shoppers: ShopperStore
    clock_ms: Callable[[], int]
    seconds: Callable[[], float] = time.monotonic
    new_id: Callable[[], str] = field(default=lambda: uuid.uuid4().hex)

    def __call__(self, shopper_id: str, *, ip_address: str | None = None) -> Mapping[str, CartLine]:
        """The shopper's lines (by `line_id`) as they are then, those unconfirmed that the store did not answer for.

        `ip_address` is that of the shopper's browser, where a page of theirs is what asks.
        """
        own: Mapping[str, set[int]] = defaultdict(set)
        until = self.seconds() + BUDGET_SECONDS
        try:
            for _ in range(ROUNDS):
                if self.seconds() > until:
                    break
                try:
                    return self._round(shopper_id, own, until, ip_address)
                except _ChangedMeanwhileError:
                    continue
        except StoreUnavailableError as error:
            report_failure(None, "store_cart_unconfirmed", error)
        return self._postpone(shopper_id)

    def _round(
        self, shopper_id: str, own: Mapping[str, set[int]], until: float, ip_address: str | None
    ) -> Mapping[str, CartLine]:
        shopper = self.shoppers.shopper(shopper_id, now_ms=self.clock_ms())
        if shopper is None or not shopper.store_subject:
            raise StoreUnavailableError("no account at the store is known")
        lines = self.carts.lines(shopper_id)
        customer = self._customer(shopper, lines, ip_address)
        run = _Run(shopper_id, customer, self.store.read_cart(customer), own)
        if run.cart.ordered:
            self._note_order(run, lines)
        self._keep_cart(run)
        settled = {}
        for line in lines:
            if self.seconds() > until:
                raise StoreUnavailableError("no time is left")
            settled[line.line_id] = self._settle(run, line)
        return settled

    def _customer(self, shopper: Shopper, lines: list[CartLine], ip_address: str | None) -> Customer:
        """The shopper, as the store is asked for: prices and texts are those of the shopper's country and language."""
        link = None if shopper.x_user_id is None else self.shoppers.current_link(shopper.x_user_id)
        return Customer(
            shopper.store_subject,
            shopper.store_cart_id,
            country=None if link is None else link.country,
            language=None if link is None else link.language,
            ip_address=ip_address,
            cart_used_ms=_last_used_ms(lines, shopper.store_cart_id),
        )

    def _settle(self, run: _Run, line: CartLine) -> CartLine:
        held = run.held(line.line_id)
        step = compare(line, held, run.own[line.line_id], self.clock_ms())
        match step:
            case Agree():
                return self._confirm(run, line, held) if line.unconfirmed else line
            case Adopt():
                return self._settle(run, self._adopt(run, line, step))
            case Send():
                return self._send(run, line, held, step.quantity)

    def _send(self, run: _Run, line: CartLine, held: Held, quantity: int) -> CartLine:
        flying = in_flight(line, held.cart_id, quantity)
        sent = Sent(self.new_id(), flying, line.newest_key, held.cart_id)
        marked = _unless_changed(self.carts.mark_sent(run.shopper_id, line, sent, now_ms=self.clock_ms()))
        reference = ProductReference.from_line_id(line.line_id)
        try:
            run.cart = self.store.set_quantity(run.customer, reference, quantity, expected=held.quantity)
        except StoreRefusedError as error:
            report_failure(None, "store_cart_refused", error)
            return self._settle(run, self._adopt(run, marked, limit(marked, held, REFUSED)))
        if run.cart.ordered:
            self._unmark(run, line, marked)
            raise _ChangedMeanwhileError
        run.own[line.line_id].add(quantity)
        self._keep_cart(run)
        if run.cart.cart_id != held.cart_id:
            raise _ChangedMeanwhileError
        return self._read_back(run, marked, held, quantity)

    def _unmark(self, run: _Run, before: CartLine, marked: CartLine) -> None:
        """Note that a sending to a cart that had been ordered by then put nothing into it."""
        earlier = before.sent or Sent("", (), None, run.customer.cart_id)
        self.carts.mark_sent(run.shopper_id, marked, replace(earlier, id=self.new_id()), now_ms=self.clock_ms())

    def _read_back(self, run: _Run, line: CartLine, before: Held, quantity: int) -> CartLine:
        """Tell from what the store's cart holds after a sending what the store made of it."""
        now = run.held(line.line_id)
        if now.quantity == quantity:
            return self._confirm(run, line, now)
        took_nothing = now.quantity == before.quantity
        took_a_part = now.quantity < quantity and now.quantity not in in_flight(line, now.cart_id, quantity)
        if took_nothing or took_a_part:
            return self._settle(run, self._adopt(run, line, limit(line, now)))
        raise _ChangedMeanwhileError

    def _confirm(self, run: _Run, line: CartLine, held: Held) -> CartLine:
        return _unless_changed(self.carts.confirm(run.shopper_id, line, confirmed(line, held)))

    def _adopt(self, run: _Run, line: CartLine, adopted: Adopt) -> CartLine:
        return _unless_changed(self.carts.adopt(run.shopper_id, line, adopted, now_ms=self.clock_ms()))

    def _note_order(self, run: _Run, lines: list[CartLine]) -> None:
        """Clear what was ordered, before the successor's id is kept: a crash in between finds the order again."""
        for line in lines:
            adopted = ordered_line(line, run.customer.cart_id, run.cart.cart_id)
            if adopted is not None:
                self._adopt(run, line, adopted)
        self._keep_cart(run)
        raise _ChangedMeanwhileError

    def _keep_cart(self, run: _Run) -> None:
        new, old = run.cart.cart_id, run.customer.cart_id
        if new is None or new == old:
            return
        if not self.shoppers.keep_store_cart(run.shopper_id, new, previous=old):
            raise _ChangedMeanwhileError
        run.customer = replace(run.customer, cart_id=new, cart_used_ms=None)

    def _postpone(self, shopper_id: str) -> Mapping[str, CartLine]:
        now_ms = self.clock_ms()
        for line in self.carts.lines(shopper_id):
            if line.unconfirmed:
                wait_ms = min(SHORTEST_WAIT_MS << min(line.failures, 16), LONGEST_WAIT_MS)
                self.carts.postpone(shopper_id, line.line_id, due_ms=now_ms + wait_ms)
        return {line.line_id: line for line in self.carts.lines(shopper_id)}


def synchroniser(
    store: Store, carts: CartLineStore, shoppers: ShopperStore, clock_ms: Callable[[], int]
) -> SynchroniseCart | None:
    """What fills the shoppers' carts at `store`; None for a store without carts that HashCart may fill."""
    return SynchroniseCart(store, carts, shoppers, clock_ms) if isinstance(store, CartStore) else None


@dataclass(frozen=True, slots=True)
class Reconciled:
    """How many carts were asked about, and how many of their lines the store has not confirmed for long."""

    carts: int
    stuck_lines: int


def reconcile_carts(
    carts: CartLineStore,
    synchronise: Callable[[str], Mapping[str, CartLine]],
    *,
    now_ms: int,
    has_time: Callable[[], bool],
) -> Reconciled:
    """Synchronise the carts that have lines due, while there is time. What fails comes again."""
    done = stuck = 0
    for shopper_id in dict.fromkeys(carts.unconfirmed(now_ms, LIMIT_PER_SHARD)):
        if not has_time():
            break
        try:
            lines = synchronise(shopper_id).values()
        except Exception as error:  # noqa: BLE001 - one cart that fails must not hold the others up
            report_failure(None, "store_cart_failed", error)
            continue
        done += 1
        stuck += sum(line.unconfirmed and line.failures >= STUCK_AFTER_FAILURES for line in lines)
    return Reconciled(done, stuck)


def _last_used_ms(lines: list[CartLine], cart_id: str | None) -> int | None:
    """When the store's cart was last brought up to date, by the newest operation that it confirmed."""
    parts = [line.confirmed for line in lines if line.confirmed is not None and line.confirmed.cart_id == cart_id]
    return max((key_time_ms(part.key) for part in parts if part.key is not None), default=None)


def _unless_changed(line: CartLine | None) -> CartLine:
    if line is None:
        raise _ChangedMeanwhileError
    return line
