"""Outcomes, as functions of the product and of the line."""

from dataclasses import replace

import pytest

from hashcart.domain.cart_lines import KEPT_OPERATIONS, CartLine, Confirmed, Kind, Operation
from hashcart.domain.outcomes import Code, Outcome, PostRow, Version, decide, in_cart, outcome_of
from hashcart.domain.posts import DAY_MS, PRIVATE, order_key
from hashcart.domain.products import Product
from tests.fakes.clock import NOW_MS, post_id

LINE = "store.localhost#mug#"
POST = post_id(10_000)
KEY = order_key(POST)
ASKED = Version(int(POST), LINE, quantity=None)
MUG = Product(title="Mug", price="12.50", currency="USD", in_stock=True, marketplaces=("store.localhost",))


def decided(
    asked: Version = ASKED,
    product: Product | None = MUG,
    *,
    marketplace: str = "store.localhost",
    country_allowed: bool = True,
    own_maximum: int = 10,
    sensitive: bool = False,
) -> Version:
    return decide(
        asked,
        product,
        marketplace=marketplace,
        country_allowed=country_allowed,
        own_maximum=own_maximum,
        sensitive=sensitive,
    )


def outcome(version: Version, *others: tuple[int, Kind, int | None]) -> Outcome | None:
    """The outcome of `version` on a line with `others`, each some milliseconds before the post (after, if negative)."""
    operations = {order_key(post_id(10_000 + ms)): Operation(kind, 1, quantity) for ms, kind, quantity in others}
    row = PostRow(KEY, {version.id: version})
    return outcome_of(row, CartLine(LINE, operations | {KEY: version.operation}))


@pytest.mark.parametrize(
    ("product", "quantity", "kind"),
    [
        (MUG, None, Kind.PLAIN),
        (MUG, 3, Kind.SET),
        (replace(MUG, in_stock=None), None, Kind.PLAIN),
        (replace(MUG, in_stock=False), 2, Kind.WISH),
        (replace(MUG, max_quantity=0), None, Kind.WISH),
        (replace(MUG, needs_options=True, in_stock=False), 2, Kind.WAITING),
        (replace(MUG, marketplaces=()), None, Kind.PLAIN),
    ],
)
def test_the_product_decides_the_kind_of_operation(product: Product, quantity: int | None, kind: Kind) -> None:
    version = decided(replace(ASKED, quantity=quantity), product)
    assert (version.kind, version.quantity, version.line_id) == (kind, quantity, LINE)


@pytest.mark.parametrize(
    ("product", "allowed", "code", "reason"),
    [
        (None, True, Code.NO_PRODUCT, "product_gone"),
        (replace(MUG, digital=True), True, Code.NOT_AVAILABLE_HERE, "digital"),
        (MUG, False, Code.NOT_AVAILABLE_HERE, "country"),
        (replace(MUG, marketplaces=("uk.store.localhost",)), True, Code.NOT_AVAILABLE_HERE, "marketplace"),
    ],
)
def test_what_cannot_be_had_asks_for_no_line(product: Product | None, allowed: bool, code: Code, reason: str) -> None:
    version = decided(replace(ASKED, quantity=3), product, country_allowed=allowed)
    assert (version.line_id, version.quantity, version.code, version.reason) == (None, None, code, reason)
    assert version.linked == LINE
    assert outcome_of(PostRow(KEY, {version.id: version}), None) == Outcome(code, version.id, reason=reason)


def test_a_link_of_another_marketplace_counts_where_the_store_sells_the_product_here_too() -> None:
    sold_in_both = replace(MUG, marketplaces=("store.localhost", "uk.store.localhost"))
    version = decided(replace(ASKED, line_id="uk.store.localhost#mug#"), sold_in_both)
    assert version.line_id == LINE


@pytest.mark.parametrize(("store_maximum", "maximum"), [(None, 10), (3, 3), (50, 10), (0, 1)])
def test_the_smaller_maximum_holds(store_maximum: int | None, maximum: int) -> None:
    assert decided(product=replace(MUG, max_quantity=store_maximum)).maximum == maximum


def test_a_sensitive_product_marks_its_outcome() -> None:
    result = outcome(decided(sensitive=True))
    assert result is not None
    assert result.sensitive
    assert decided(product=replace(MUG, digital=True), sensitive=True).sensitive


@pytest.mark.parametrize(
    ("quantity", "others", "code", "in_the_cart"),
    [
        (None, [], Code.ADDED, 1),
        (3, [], Code.ADDED, 3),
        (None, [(5, Kind.PLAIN, None)], Code.ALREADY_IN_CART, 1),
        (None, [(5, Kind.SET, 4)], Code.ALREADY_IN_CART, 4),
        (3, [(5, Kind.PLAIN, None)], Code.QUANTITY_SET, 3),
        (50, [], Code.LIMIT_APPLIED, 10),
        (50, [(5, Kind.PLAIN, None)], Code.LIMIT_APPLIED, 10),
        (None, [(5, Kind.WISH, None)], Code.ADDED, 1),
        (None, [(5, Kind.SET, 4), (4, Kind.CLEAR, None)], Code.ADDED, 1),
        (None, [(-5, Kind.PLAIN, None)], Code.ADDED, 1),
        (None, [(-5, Kind.SET, 2)], Code.OVERTAKEN, 1),
        (None, [(-5, Kind.CLEAR, None)], Code.OVERTAKEN, 1),
    ],
)
def test_the_line_decides_the_outcome(
    quantity: int | None, others: list[tuple[int, Kind, int | None]], code: Code, in_the_cart: int
) -> None:
    result = outcome(decided(replace(ASKED, quantity=quantity)), *others)
    assert result is not None
    assert (result.code, result.quantity, result.maximum) == (code, in_the_cart, 10)


@pytest.mark.parametrize(
    ("product", "code"),
    [(replace(MUG, in_stock=False), Code.OUT_OF_STOCK), (replace(MUG, needs_options=True), Code.CHOOSE_OPTIONS)],
)
def test_wishes_and_choices_have_outcomes_of_their_own(product: Product, code: Code) -> None:
    result = outcome(decided(product=product))
    assert result is not None
    assert result.code is code


@pytest.mark.parametrize(("reason", "code"), [("chosen", Code.CHOOSE_OPTIONS), ("removed", Code.OVERTAKEN)])
def test_a_choice_does_not_overtake_the_post_that_waited_for_it(reason: str, code: Code) -> None:
    waiting = decided(product=replace(MUG, needs_options=True))
    click = f"{int(KEY[:13]) + 1}#click#form"
    line = CartLine(LINE, {KEY: waiting.operation, click: Operation(Kind.CLEAR, 1, reason=reason)})
    result = outcome_of(PostRow(KEY, {waiting.id: waiting}), line)
    assert result is not None
    assert result.code is code


def test_an_operation_pushed_out_of_the_line_is_overtaken() -> None:
    result = outcome(decided(), *((-ms, Kind.PLAIN, None) for ms in range(1, KEPT_OPERATIONS + 1)))
    assert result is not None
    assert result.code is Code.OVERTAKEN


def test_an_undone_post_is_undone() -> None:
    row = PostRow(KEY, {ASKED.id: decided()}, undone=True)
    result = outcome_of(row, CartLine(LINE, {KEY: decided().operation}, undone=frozenset({KEY})))
    assert result == Outcome(Code.UNDONE, ASKED.id, reason="undone")


def test_an_edit_that_drops_the_hashtag_takes_back() -> None:
    edit = Version(ASKED.id + 1)
    row = PostRow(KEY, {ASKED.id: decided(), edit.id: edit})
    assert row.operations() == [(LINE, Operation(Kind.WITHDRAWN, edit.id))]
    assert outcome_of(row, None) == Outcome(Code.UNDONE, edit.id, reason="edited")


def test_an_edit_that_never_asked_for_anything_has_no_outcome() -> None:
    assert outcome_of(PostRow(KEY, {1: Version(1)}), None) is None
    assert outcome_of(PostRow(KEY), None) is None
    assert PostRow(KEY).operations() == []


def test_an_edit_moves_the_post_to_another_line_and_leaves_the_first_before() -> None:
    edit = replace(decided(), id=ASKED.id + 1, line_id="store.localhost#lamp#")
    row = PostRow(KEY, {ASKED.id: decided(), edit.id: edit})
    assert row.operations() == [
        (LINE, Operation(Kind.WITHDRAWN, edit.id)),
        ("store.localhost#lamp#", Operation(Kind.PLAIN, edit.id)),
    ]


@pytest.mark.parametrize(("asked", "maximum", "expected"), [(5, None, 5), (5, 3, 3), (2, 3, 2)])
def test_maxima_apply_on_reading(asked: int, maximum: int | None, expected: int) -> None:
    assert in_cart(asked, maximum) == expected


BEGUN = CartLine(LINE, {KEY: Operation(Kind.PLAIN, int(POST))}, begun_by=KEY)
ROW = PostRow(KEY, {int(POST): replace(ASKED, kind=Kind.PLAIN, maximum=5)})
SIMPLY_ADDED = Outcome(Code.ADDED, int(POST), quantity=1, maximum=5)


def test_who_began_a_line_added_it_whatever_came_later() -> None:
    later = {order_key(post_id(0)): Operation(Kind.SET, 1, 3), order_key(post_id(20_000)): Operation(Kind.SET, 1, 2)}
    assert outcome_of(ROW, replace(BEGUN, operations={**BEGUN.operations, **later})) == SIMPLY_ADDED
    assert outcome_of(replace(ROW, undone=True), BEGUN) == Outcome(Code.UNDONE, int(POST), reason="undone")


def test_a_stores_own_cart_has_the_last_word() -> None:
    limit = {order_key(post_id(9_000)): Operation(Kind.LIMIT, 1, 0)}
    sent = replace(BEGUN, unconfirmed=True)
    assert ROW.told(sent, NOW_MS) is None
    sold_out = outcome_of(ROW, replace(sent, operations={**BEGUN.operations, **limit}))
    assert sold_out is not None
    assert sold_out.code is Code.OUT_OF_STOCK
    assert not ROW.has_begun(replace(BEGUN, confirmed=Confirmed(1, 1)))


@pytest.mark.parametrize(
    "row",
    [
        PostRow(KEY),
        PostRow(KEY, {1: Version(1, LINE, Kind.WAITING)}),
        PostRow(KEY, {1: Version(1, LINE, Kind.WISH)}),
        PostRow(KEY, {1: Version(1, LINE, Kind.SET, 6, 5)}),
        PostRow(KEY, {1: Version(1, LINE, Kind.PLAIN), 2: Version(2)}),
        PostRow(order_key(POST, PRIVATE), {1: Version(1, LINE, Kind.PLAIN)}),
    ],
)
def test_nothing_else_goes_unwritten(row: PostRow) -> None:
    assert row.simply_added is None
    assert row.told(replace(BEGUN, begun_by=row.order_key), NOW_MS) is None


def test_a_row_tells_the_outcome_that_was_written_or_else_what_its_line_says() -> None:
    assert ROW.told(BEGUN, NOW_MS) == SIMPLY_ADDED
    assert ROW.told(replace(BEGUN, begun_by="another"), NOW_MS) is None
    assert ROW.told(None, NOW_MS) is None
    assert ROW.told(None, NOW_MS + 15 * DAY_MS) == SIMPLY_ADDED
    limited = Outcome(Code.LIMIT_APPLIED, int(POST), quantity=2)
    assert replace(ROW, outcome=limited).told(BEGUN, NOW_MS) == limited


def test_an_outcome_of_the_moment_that_is_written_late_hides_nothing() -> None:
    row = replace(ROW, outcome=Outcome(Code.STORE_UNAVAILABLE, int(POST), reason="store"))
    assert row.told(BEGUN, NOW_MS) == SIMPLY_ADDED
    assert row.told(None, NOW_MS) == row.outcome
    waiting = PostRow(KEY, {1: Version(1, LINE, Kind.WAITING)}, outcome=Outcome(Code.CHOOSE_OPTIONS, 1))
    assert waiting.told(BEGUN, NOW_MS) == waiting.outcome
