"""What became of a post, as a function of the line that it asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from hashcart.domain.cart_lines import CHOSEN, REFUSED, CartLine, Kind, LineState, Operation, fold
from hashcart.domain.posts import OLDEST_POST_MS, X, id_of_key, key_time_ms
from hashcart.domain.product_links import ProductReference
from hashcart.domain.products import Product


class Code(StrEnum):
    """The outcomes that a shopper can meet."""

    ADDED = "ADDED"
    QUANTITY_SET = "QUANTITY_SET"
    ALREADY_IN_CART = "ALREADY_IN_CART"
    LIMIT_APPLIED = "LIMIT_APPLIED"
    CHOOSE_OPTIONS = "CHOOSE_OPTIONS"
    OUT_OF_STOCK = "OUT_OF_STOCK"
    NOT_AVAILABLE_HERE = "NOT_AVAILABLE_HERE"
    NO_PRODUCT = "NO_PRODUCT"
    NOT_LINKED = "NOT_LINKED"
    PAUSED = "PAUSED"
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE"
    UNDONE = "UNDONE"
    OVERTAKEN = "OVERTAKEN"


REPLACEABLE = frozenset({Code.STORE_UNAVAILABLE, Code.NOT_LINKED, Code.PAUSED, Code.CHOOSE_OPTIONS})
"""Outcomes of a moment that a later delivery of the same post may replace, once."""

IN_CART = frozenset({Code.ADDED, Code.QUANTITY_SET, Code.ALREADY_IN_CART, Code.LIMIT_APPLIED})
"""Outcomes after which the product lies in the cart."""

REASONS = frozenset(
    {"country", "digital", "edited", "marketplace", "no_link", "not_this_store", "parent_gone", "parent_protected"}
    | {"product_gone", "revoked", "protected", "shopper", "short_link_unavailable", "store", "undo", "undone"}
    | {"suspended", "velocity", "x_unavailable"}
)
"""The reasons that outcomes are counted under; any other counts as "other", so that metrics stay few."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one version of a post; `quantity` is what the line holds, `maximum` what it may hold."""

    code: Code
    version: int
    reason: str | None = None
    quantity: int | None = None
    maximum: int | None = None
    sensitive: bool = False

    @property
    def counted_reason(self) -> str:
        """The reason as metrics have it."""
        if self.reason is None:
            return "none"
        return self.reason if self.reason in REASONS else "other"


@dataclass(frozen=True, slots=True)
class Version:
    """What one version of a post asks for, decided once and kept: a line and an operation, or why there is none.

    `linked` is the product that the post links to, as a `line_id`, where there is no line for it. `reply_id` is the own
    reply that a click asks for, after it was offered.
    """

    id: int
    line_id: str | None = None
    kind: Kind = Kind.WITHDRAWN
    quantity: int | None = None
    maximum: int | None = None
    code: Code | None = None
    reason: str | None = None
    sensitive: bool = False
    linked: str | None = None
    parent_id: str | None = None
    parent_author_id: str | None = None
    reply_id: str | None = None

    @property
    def operation(self) -> Operation:
        """The operation that this version puts on its line."""
        return Operation(self.kind, self.id, self.quantity, post_id=self.parent_id or None)


@dataclass(frozen=True, slots=True)
class PostRow:
    """All that is stored of one post of a linked shopper; `first_key` leads from an edit to the post it edits."""

    order_key: str
    versions: Mapping[int, Version] = field(default_factory=dict)
    undone: bool = False
    first_key: str | None = None
    outcome: Outcome | None = None
    reply: Mapping[str, str | int] | None = None

    @property
    def newest(self) -> Version | None:
        """The version that counts."""
        return self.versions[max(self.versions)] if self.versions else None

    @property
    def simply_added(self) -> Outcome | None:
        """The outcome that is kept without being written, if the line says that this post began it; else None.

        So it is of a reply that asks for no more than there may be.
        """
        version = self.newest
        if version is None or version.kind not in (Kind.PLAIN, Kind.SET):
            return None
        quantity = version.quantity or 1
        if id_of_key(self.order_key)[0] != X or in_cart(quantity, version.maximum) < quantity:
            return None
        return Outcome(Code.ADDED, version.id, quantity=quantity, maximum=version.maximum, sensitive=version.sensitive)

    def has_begun(self, line: CartLine | None) -> bool:
        """Whether this post was the first to ask for the line, where no store's own cart has the last word."""
        return line is not None and line.begun_by == self.order_key and line.store_state is None

    def told(self, line: CartLine | None, now_ms: int) -> Outcome | None:
        """What became of the post, `line` being what its newest version asks for; None while it is being worked on.

        Lines go earlier than rows; by then no post that old is worked on any more. An outcome of the moment may be
        written after what came of the post in the end.
        """
        if self.outcome is None and now_ms - key_time_ms(self.order_key) > OLDEST_POST_MS:
            return self.simply_added
        if self.has_begun(line) and (self.outcome is None or self.outcome.code in REPLACEABLE):
            return self.simply_added or self.outcome
        return self.outcome

    def is_news(self, outcome: Outcome) -> bool:
        """Whether an outcome is not what a delivery before led to already."""
        kept = self.outcome
        if kept is None or kept.version < outcome.version:
            return True
        return kept.version == outcome.version and kept.code in REPLACEABLE and kept.code is not outcome.code

    def operations(self) -> list[tuple[str, Operation]]:
        """What each line that the post ever named must hold, the withdrawals first so that no moment shows two."""
        newest = self.newest
        if newest is None:
            return []
        lines = {version.line_id for version in self.versions.values() if version.line_id is not None}
        withdrawn = Operation(Kind.WITHDRAWN, newest.id)
        operations = [(line_id, withdrawn) for line_id in sorted(lines - {newest.line_id})]
        if newest.line_id is not None:
            operations.append((newest.line_id, newest.operation))
        return operations


def decide(
    asked: Version,
    product: Product | None,
    *,
    marketplace: str,
    country_allowed: bool,
    own_maximum: int,
    sensitive: bool = False,
) -> Version:
    """Complete what was `asked` (a line and perhaps a quantity) by what the store says of the product.

    The line lies in the shopper's own `marketplace`, where the store sells the product there. `sensitive` is the
    verdict of `is_sensitive` on the product.
    """
    if product is None:
        return _refused(asked, Code.NO_PRODUCT, "product_gone")
    reference = ProductReference.from_line_id(asked.line_id or "##")
    refusal = _refusal(product, country_allowed, marketplace in (product.marketplaces or (reference.marketplace,)))
    if refusal is not None:
        return replace(_refused(asked, Code.NOT_AVAILABLE_HERE, refusal), sensitive=sensitive)
    return replace(
        asked,
        line_id=replace(reference, marketplace=marketplace).line_id,
        kind=_kind(asked.quantity, product),
        maximum=max(1, product.limit(own_maximum)),
        sensitive=sensitive,
    )


def _refusal(product: Product, country_allowed: bool, sold_here: bool) -> str | None:
    if product.digital:
        return "digital"
    if not country_allowed:
        return "country"
    return None if sold_here else "marketplace"


def _kind(quantity: int | None, product: Product) -> Kind:
    if product.needs_options:
        return Kind.WAITING
    if product.is_sold_out:
        return Kind.WISH
    return Kind.PLAIN if quantity is None else Kind.SET


def _refused(asked: Version, code: Code, reason: str) -> Version:
    return replace(
        asked,
        line_id=None,
        kind=Kind.WITHDRAWN,
        quantity=None,
        maximum=None,
        code=code,
        reason=reason,
        linked=asked.line_id,
    )


def outcome_of(row: PostRow, line: CartLine | None) -> Outcome | None:
    """What became of the post, from its row and the line that its newest version asks for.

    None if there is nothing to tell: an edit that never asked for anything.
    """
    version = row.newest
    if version is None:
        return None
    if row.undone:
        return Outcome(Code.UNDONE, version.id, reason="undone", sensitive=version.sensitive)
    if version.code is not None:
        return Outcome(version.code, version.id, reason=version.reason, sensitive=version.sensitive)
    if version.line_id is None or line is None:
        withdrew = any(earlier.line_id is not None for earlier in row.versions.values())
        return Outcome(Code.UNDONE, version.id, reason="edited") if withdrew else None
    if row.has_begun(line) and row.simply_added is not None:
        return row.simply_added
    return _line_outcome(row.order_key, version, line)


def _line_outcome(key: str, version: Version, line: CartLine) -> Outcome:
    standing = line.standing()
    before = fold([entry for entry in standing if entry[0] < key])
    after = fold([entry for entry in standing if entry[0] <= key])
    later = [entry for entry in standing if entry[0] > key]
    is_kept = any(standing_key == key for standing_key, _ in standing)
    overtaken = not is_kept or any(_decides_quantity(operation) for _, operation in later)
    if not overtaken and later and later[0][1].kind is Kind.LIMIT:
        return _limited_outcome(version, later[0][1], fold([entry for entry in standing if entry[0] <= later[0][0]]))
    return Outcome(
        code=Code.OVERTAKEN if overtaken else _line_code(version, before),
        version=version.id,
        quantity=in_cart(after.quantity, version.maximum),
        maximum=version.maximum,
        sensitive=version.sensitive,
    )


def _decides_quantity(operation: Operation) -> bool:
    """Whether a later operation leaves nothing to say of the earlier ones; a choice answers what they ask."""
    return operation.kind is Kind.SET or (operation.kind is Kind.CLEAR and operation.reason != CHOSEN)


def _limited_outcome(version: Version, limit: Operation, state: LineState) -> Outcome:
    """The outcome of what a store's own cart did not take in full."""
    if limit.reason == REFUSED and not state.quantity:
        return Outcome(Code.NO_PRODUCT, version.id, reason="product_gone", sensitive=version.sensitive)
    return Outcome(
        code=Code.LIMIT_APPLIED if state.quantity else Code.OUT_OF_STOCK,
        version=version.id,
        quantity=state.quantity,
        maximum=limit.quantity if state.quantity else version.maximum,
        sensitive=version.sensitive,
    )


def _line_code(version: Version, before: LineState) -> Code:
    if version.kind is Kind.WISH:
        return Code.OUT_OF_STOCK
    if version.kind is Kind.WAITING:
        return Code.CHOOSE_OPTIONS
    if version.quantity is not None and version.maximum is not None and version.quantity > version.maximum:
        return Code.LIMIT_APPLIED
    if before.quantity == 0:
        return Code.ADDED
    return Code.ALREADY_IN_CART if version.kind is Kind.PLAIN else Code.QUANTITY_SET


def in_cart(asked: int, maximum: int | None) -> int:
    """What was asked, held to the maximum."""
    return asked if maximum is None else min(asked, maximum)
