"""Cart requests that end without a line, or not at once."""

from collections import deque
from dataclasses import replace

import pytest

from hashcart.consumers import Delivery
from hashcart.domain.account_links import (
    PAUSED_BY_SHOPPER,
    PROTECTED,
    SUSPENDED,
    TOO_MANY,
    AccountLink,
    EmailChoice,
    LinkState,
    Shopper,
)
from hashcart.domain.cart_lines import Snapshot, StoreState
from hashcart.domain.link_previews import LinkPreview
from hashcart.domain.outcomes import Code, Outcome
from hashcart.domain.posts import DAY_MS, PRIVATE, order_key
from hashcart.domain.product_links import ProductReference
from hashcart.domain.products import Product, Variant
from hashcart.messages.cart_requests import (
    X_UNAVAILABLE,
    AddRequested,
    CartRequest,
    HashtagDropped,
    StopRequested,
    UndoRequested,
)
from hashcart.messages.outcomes import OutcomeReached
from hashcart.messages.posts import AccessRevoked, PostDeleted, ProfileProtected, to_json
from hashcart.storage.pending import PendingKind
from hashcart.stores.protocol import StoreUnavailableError
from hashcart.use_cases.insert_lines import LONGEST_WAIT_MS, SHORTEST_WAIT_MS, InsertLines, ShopRules
from hashcart.use_cases.synchronise_cart import SynchroniseCart
from tests.fakes.clock import NOW_MS, Clock, post_id
from tests.fakes.storage import MemoryAccountLinks, MemoryActivity, MemoryCarts, MemoryPending
from tests.fakes.store_carts import Fault, MemoryCartStore, MemoryShoppers

MUG = ProductReference("store.localhost", "mug")
LINK = AccountLink(
    shopper_id="shopper-1",
    x_user_id="222",
    handle="ada_shops",
    marketplace="store.localhost",
    country="US",
    language="en",
    consented_at_ms=NOW_MS - 20 * DAY_MS,
    policy_version="1",
)
POST = post_id(1000)
ADD = AddRequested(POST, POST, "222", "1", MUG)


class Insertion:
    def __init__(self, link: AccountLink = LINK, *, reply_to_strangers: bool = False) -> None:
        self.clock = Clock()
        self.links = MemoryAccountLinks(link)
        self.rows = MemoryActivity()
        self.carts = MemoryCarts()
        self.pending = MemoryPending()
        self.store_is_down = False
        self.catalogue: dict[ProductReference, Product] = {}
        self.product = Product(title="Mug")
        self.insert_lines = InsertLines(
            links=self.links,
            rows=self.rows,
            carts=self.carts,
            pending=self.pending,
            product_of=self.product_of,
            rules=ShopRules(
                frozenset({"US"}), 10, reply_to_strangers=reply_to_strangers, sensitive_categories=("health",)
            ),
            clock_ms=self.clock,
        )

    def product_of(self, reference: ProductReference) -> Product | None:
        if self.store_is_down:
            raise StoreUnavailableError("503")
        return self.catalogue.get(reference, self.product)

    def __call__(self, request: CartRequest, *, is_last: bool = False) -> OutcomeReached | None:
        reached = self.insert_lines(Delivery("m", request, is_last))
        return reached[0] if reached else None

    def code(self, request: CartRequest) -> Code | None:
        reached = self(request)
        return reached.outcome.code if reached else None


@pytest.mark.parametrize(
    "request_",
    [
        replace(ADD, author_id="333"),
        replace(ADD, post_id=post_id(20 * DAY_MS + 1)),
        replace(ADD, post_id=post_id(14 * DAY_MS + 1)),
        replace(ADD, post_id=post_id(-3_600_000)),
        HashtagDropped(POST, POST, "333"),
        UndoRequested(POST, POST, "333", POST),
        PostDeleted(POST, "333"),
        PostDeleted(POST, "222"),
        AccessRevoked("333", NOW_MS),
        ProfileProtected("333", NOW_MS),
    ],
)
def test_what_changes_nothing_leaves_nothing(request_: CartRequest) -> None:
    insertion = Insertion()
    assert insertion(request_) is None
    assert (insertion.rows.rows, insertion.carts.stored) == ({}, {})


def test_a_plain_add_needs_no_write_for_its_outcome_however_often_it_comes() -> None:
    insertion = Insertion()
    for _ in range(2):
        reached = insertion(ADD)
        assert reached is not None
        assert (reached.outcome, reached.is_kept) == (Outcome(Code.ADDED, int(POST), quantity=1, maximum=10), True)
    later = post_id(10)
    insertion(replace(ADD, post_id=later, first_id=later, quantity=3))
    again = insertion(ADD)
    assert again is not None
    assert (again.outcome.code, again.is_kept) == (Code.ADDED, True)


@pytest.mark.parametrize(
    ("request_", "link"),
    [
        (replace(ADD, summoned=True), LINK),
        (replace(ADD, quantity=11), LINK),
        (replace(ADD, network=PRIVATE, shopper_id="shopper-1"), LINK),
        (ADD, replace(LINK, email=EmailChoice.EVERYTHING)),
    ],
)
def test_the_outcome_is_written_where_more_than_the_line_needs_it(request_: AddRequested, link: AccountLink) -> None:
    reached = Insertion(link)(request_)
    assert reached is not None
    assert not reached.is_kept


def test_the_outcome_is_written_where_the_line_was_there_or_another_outcome_was() -> None:
    insertion = Insertion()
    earlier = post_id(2000)
    insertion(replace(ADD, post_id=earlier, first_id=earlier))
    reached = insertion(ADD)
    assert reached is not None
    assert (reached.outcome.code, reached.is_kept) == (Code.ALREADY_IN_CART, False)
    insertion = Insertion()
    insertion.store_is_down = True
    down = insertion(ADD, is_last=True)
    assert down is not None
    insertion.rows.store_outcome("shopper-1", order_key(POST), down.outcome, now_ms=NOW_MS)
    insertion.store_is_down = False
    up = insertion(ADD)
    assert up is not None
    assert (up.outcome.code, up.is_kept) == (Code.ADDED, False)


def test_a_post_older_than_the_consent_counts_as_not_linked() -> None:
    insertion = Insertion(replace(LINK, consented_at_ms=NOW_MS), reply_to_strangers=True)
    assert insertion(ADD) is None
    summoned = insertion(replace(ADD, summoned=True))
    assert summoned is not None
    assert (summoned.outcome.code, summoned.shopper_id) == (Code.NOT_LINKED, None)
    assert insertion.rows.rows == {}


def test_what_was_added_privately_lands_under_a_key_of_its_own() -> None:
    insertion = Insertion()
    request = replace(ADD, network="private", shopper_id="shopper-1", parent_id="")
    reached = insertion(request)
    assert reached is not None
    assert (reached.outcome.code, reached.network, reached.summoned) == (Code.ADDED, "private", False)
    assert list(insertion.rows.rows) == [("shopper-1", order_key(POST, "private"))]
    assert reached.first_key == order_key(POST, "private")


def test_what_was_added_privately_never_fills_a_new_owners_cart() -> None:
    insertion = Insertion()
    assert insertion(replace(ADD, network="private", shopper_id="shopper-0")) is None
    assert (insertion.rows.rows, insertion.carts.stored) == ({}, {})


def test_an_operation_names_the_post_in_which_the_product_was_found() -> None:
    insertion = Insertion()
    insertion(ADD)
    (line,) = insertion.carts.stored.values()
    assert [operation.post_id for _, operation in line.standing()] == ["1"]


def test_a_paused_link_adds_nothing_now_and_everything_after() -> None:
    insertion = Insertion(replace(LINK, state=LinkState.PAUSED, state_reason="revoked"))
    reached = insertion(ADD)
    assert reached is not None
    assert (reached.outcome.code, reached.outcome.reason) == (Code.PAUSED, "revoked")
    assert insertion.rows.rows == {}
    insertion.links.links["222"] = LINK
    assert insertion.code(ADD) is Code.ADDED


def hidden(reason: str, since_ms: int) -> AccountLink:
    return replace(LINK, state=LinkState.PAUSED, state_reason=reason, state_since_ms=since_ms)


@pytest.mark.parametrize("reason", [PROTECTED, SUSPENDED])
def test_a_profile_that_is_not_public_is_paused_until_x_shows_a_younger_post(reason: str) -> None:
    insertion = Insertion(LINK if reason == PROTECTED else hidden(reason, NOW_MS - 500))
    if reason == PROTECTED:
        assert insertion(ProfileProtected("222", NOW_MS - 500)) is None
    reached = insertion(ADD)
    assert reached is not None
    assert (reached.outcome.code, reached.outcome.reason) == (Code.PAUSED, reason)
    younger = post_id(400)
    assert insertion.code(replace(ADD, post_id=younger, first_id=younger)) is Code.ADDED
    assert insertion.links.links["222"].state is LinkState.ACTIVE


def test_a_pause_for_another_reason_is_not_ended_by_a_post() -> None:
    insertion = Insertion(hidden(PAUSED_BY_SHOPPER, NOW_MS - 5000))
    assert insertion.code(ADD) is Code.PAUSED


def test_who_is_not_public_still_adds_privately() -> None:
    insertion = Insertion(hidden(PROTECTED, NOW_MS - 5000))
    request = replace(ADD, network="private", shopper_id="shopper-1", parent_id="")
    assert insertion.code(request) is Code.ADDED
    assert insertion.links.links["222"].state is LinkState.PAUSED


def test_a_parent_that_x_could_not_show_is_decided_at_another_delivery() -> None:
    insertion = Insertion()
    unread = replace(ADD, reason=X_UNAVAILABLE)
    assert insertion.code(unread) is Code.STORE_UNAVAILABLE
    assert insertion.rows.rows == {}
    (waiting,) = insertion.pending.items
    assert (waiting.kind, waiting.message) == (PendingKind.CART_REQUEST, to_json(unread))
    assert insertion.code(ADD) is Code.ADDED


@pytest.mark.parametrize(
    ("age_ms", "wait_ms"),
    [(1000, SHORTEST_WAIT_MS), (10 * 60_000, 5 * 60_000), (10 * DAY_MS, LONGEST_WAIT_MS)],
)
def test_a_store_that_stays_down_is_asked_ever_less_often(age_ms: int, wait_ms: int) -> None:
    insertion = Insertion()
    insertion.store_is_down = True
    request = replace(ADD, post_id=post_id(age_ms), first_id=post_id(age_ms))
    with pytest.raises(StoreUnavailableError):
        insertion(request)
    reached = insertion(request, is_last=True)
    assert reached is not None
    assert reached.outcome.code is Code.STORE_UNAVAILABLE
    (waiting,) = insertion.pending.items
    assert waiting.due_ms - NOW_MS == wait_ms


def test_a_reply_without_a_product_says_why() -> None:
    reached = Insertion()(replace(ADD, product=None, reason="no_link", quantity=3))
    assert reached is not None
    assert (reached.outcome.code, reached.outcome.reason) == (Code.NO_PRODUCT, "no_link")


def test_a_country_that_the_store_does_not_serve() -> None:
    reached = Insertion(replace(LINK, country="GB"))(ADD)
    assert reached is not None
    assert (reached.outcome.code, reached.outcome.reason) == (Code.NOT_AVAILABLE_HERE, "country")


def test_a_link_to_another_marketplace_is_kept_for_the_activity() -> None:
    insertion = Insertion()
    elsewhere = ProductReference("uk.store.localhost", "mug")
    reached = insertion(replace(ADD, product=elsewhere, quantity=2))
    assert reached is not None
    assert (reached.outcome.code, reached.outcome.reason) == (Code.NOT_AVAILABLE_HERE, "marketplace")
    [row] = insertion.rows.rows.values()
    assert row.versions[int(POST)].linked == elsewhere.line_id
    assert insertion.carts.stored == {}


def test_a_product_of_another_marketplace_is_looked_up_in_the_shoppers_own() -> None:
    insertion = Insertion()
    elsewhere = ProductReference("uk.store.localhost", "mug")
    both = ("store.localhost", "uk.store.localhost")
    insertion.catalogue = {
        elsewhere: Product("Mug", "15.00", "GBP", marketplaces=both),
        MUG: Product("Mug", "18.00", "USD", max_quantity=2, marketplaces=both),
    }
    assert insertion.code(replace(ADD, product=elsewhere)) is Code.ADDED
    [line] = insertion.carts.stored.values()
    assert (line.line_id, line.snapshot.price, line.snapshot.currency) == (MUG.line_id, "18.00", "USD")


def test_a_product_that_is_gone_in_the_shoppers_marketplace_is_not_available_there() -> None:
    insertion = Insertion()
    elsewhere = ProductReference("uk.store.localhost", "mug")
    known = {elsewhere: Product("Mug", marketplaces=("store.localhost", "uk.store.localhost"))}
    insertion.insert_lines = replace(insertion.insert_lines, product_of=known.get)
    assert insertion.code(replace(ADD, product=elsewhere)) is Code.NOT_AVAILABLE_HERE


@pytest.mark.parametrize(
    ("product", "own_categories", "sensitive"),
    [
        (Product("Tea"), (), False),
        (Product("Tea", sensitive=True), (), True),
        (Product("Tea", category="Books > HEALTH"), (), True),
        (Product("Tea", category="Grocery"), (), False),
        (Product("Tea", category="Épicerie"), ("epicerie",), True),
    ],
)
def test_the_store_the_merchant_or_the_shopper_makes_a_product_sensitive(
    product: Product, own_categories: tuple[str, ...], sensitive: bool
) -> None:
    insertion = Insertion(replace(LINK, sensitive_categories=own_categories))
    insertion.catalogue = {MUG: product}
    reached = insertion(ADD)
    assert reached is not None
    [line] = insertion.carts.stored.values()
    assert (reached.outcome.sensitive, line.snapshot.sensitive) == (sensitive, sensitive)
    assert line.snapshot.category == product.category


TEE = ProductReference("store.localhost", "tee")
SIZES = (Variant("tee-m", (("size", "M"),)), Variant("tee-l", (("size", "L"),)))


def tee_shop(*, large_in_stock: bool = True) -> Insertion:
    insertion = Insertion()
    insertion.catalogue = {
        TEE: Product("Tee", needs_options=True, variants=SIZES),
        replace(TEE, variant_id="tee-l"): Product("Tee, L", "34.00", "USD", in_stock=large_in_stock, max_quantity=2),
    }
    return insertion


def test_words_put_the_variant_in_the_cart_with_its_own_price_and_maximum() -> None:
    insertion = tee_shop()
    reached = insertion(replace(ADD, product=TEE, quantity=3, option_words=("size", "l")))
    assert reached is not None
    assert (reached.outcome.code, reached.outcome.quantity) == (Code.LIMIT_APPLIED, 2)
    [line] = insertion.carts.stored.values()
    assert (line.line_id, line.snapshot.title, line.snapshot.price) == ("store.localhost#tee#tee-l", "Tee, L", "34.00")


def test_a_variant_that_is_sold_out_is_a_wish_of_its_own() -> None:
    insertion = tee_shop(large_in_stock=False)
    assert insertion.code(replace(ADD, product=TEE, option_words=("l",))) is Code.OUT_OF_STOCK
    [line] = insertion.carts.stored.values()
    assert (line.line_id, line.state().wished) == ("store.localhost#tee#tee-l", 1)


def test_words_that_are_not_clear_leave_the_choice_and_the_quantity() -> None:
    insertion = tee_shop()
    unclear = replace(ADD, product=TEE, quantity=2, option_words=("l", "or", "m"))
    assert insertion.code(unclear) is Code.CHOOSE_OPTIONS
    [line] = insertion.carts.stored.values()
    assert (line.line_id, line.state().waiting) == (TEE.line_id, 2)


def test_a_redelivery_keeps_the_variant_that_was_chosen_first() -> None:
    insertion = tee_shop()
    request = replace(ADD, product=TEE, option_words=("l",))
    assert insertion.code(request) is Code.ADDED
    insertion.catalogue[TEE] = Product("Tee", needs_options=True, variants=SIZES[:1])
    assert insertion.code(request) is Code.ADDED
    assert [line.line_id for line in insertion.carts.stored.values()] == ["store.localhost#tee#tee-l"]


def test_an_undo_reaches_an_edit_that_comes_after_it() -> None:
    insertion = Insertion()
    edit = post_id(500)
    undo = post_id(100)
    assert insertion.code(UndoRequested(undo, undo, "222", edit)) is Code.UNDONE
    assert insertion.code(replace(ADD, post_id=edit)) is Code.UNDONE
    assert insertion.code(ADD) is Code.UNDONE
    assert all(line.state().is_empty for line in insertion.carts.stored.values())


def test_an_edit_that_never_asked_for_anything_is_noted_without_an_outcome() -> None:
    insertion = Insertion()
    assert insertion(HashtagDropped(post_id(500), POST, "222")) is None
    assert insertion.code(ADD) is Code.UNDONE


def test_the_snapshot_is_that_of_the_version_that_counts() -> None:
    insertion = Insertion()
    insertion(ADD)
    (line,) = insertion.carts.stored.values()
    assert (line.snapshot.title, line.snapshot.max_quantity, line.snapshot.priced_at_ms) == ("Mug", 10, None)


@pytest.mark.parametrize(
    ("product", "title", "image_url"),
    [
        (Product(), "As X saw it", "https://pbs.twimg.com/card_img/1.jpg"),
        (Product("Mug", image_url="https://shop.example/mug.jpg", item_id="7"), "Mug", "https://shop.example/mug.jpg"),
    ],
)
def test_the_link_tells_of_the_product_what_the_store_does_not(product: Product, title: str, image_url: str) -> None:
    insertion = Insertion()
    insertion.product = product
    preview = LinkPreview("As X saw it", "https://pbs.twimg.com/card_img/1.jpg", "blog-20")
    assert insertion.code(replace(ADD, preview=preview)) == Code.ADDED
    [line] = insertion.carts.lines("shopper-1")
    assert line.snapshot == Snapshot(
        title, image_url=image_url, max_quantity=10, associate_tag="blog-20", item_id=product.item_id
    )


class TestAStoreWithACart:
    """The store's own cart is asked after the lines are written, and its trouble is not the message's."""

    def world(self, store: MemoryCartStore) -> tuple[InsertLines, MemoryCarts]:
        carts = MemoryCarts(has_store_cart=True)
        shoppers = MemoryShoppers(Shopper("shopper-1", "https://shop.test", "customer-7"))
        insert_lines = InsertLines(
            links=MemoryAccountLinks(LINK),
            rows=MemoryActivity(),
            carts=carts,
            pending=MemoryPending(),
            product_of=lambda _: Product(title="Mug"),
            rules=ShopRules(frozenset({"US"}), own_maximum=10),
            clock_ms=Clock(),
            synchronise=SynchroniseCart(store, carts, shoppers, Clock()),
        )
        return insert_lines, carts

    def code(self, insert_lines: InsertLines, request: CartRequest) -> Code:
        [reached] = insert_lines(Delivery("m", request, is_last=False))
        return reached.outcome.code

    def test_the_product_is_in_the_stores_cart(self) -> None:
        store = MemoryCartStore()
        insert_lines, _ = self.world(store)
        assert self.code(insert_lines, replace(ADD, quantity=2)) is Code.ADDED
        assert store.held(MUG.line_id) == 2

    @pytest.mark.parametrize(("stock", "code", "quantity"), [(2, Code.LIMIT_APPLIED, 2), (0, Code.OUT_OF_STOCK, 0)])
    def test_what_the_store_does_not_take_is_told(self, stock: int, code: Code, quantity: int) -> None:
        insert_lines, _ = self.world(MemoryCartStore(stock={MUG.line_id: stock}))
        [reached] = insert_lines(Delivery("m", replace(ADD, quantity=5), is_last=False))
        assert (reached.outcome.code, reached.outcome.quantity) == (code, quantity)

    def test_so_is_what_it_never_takes(self) -> None:
        insert_lines, _ = self.world(MemoryCartStore(faults=deque([Fault.NONE, Fault.REFUSED])))
        assert self.code(insert_lines, ADD) is Code.NO_PRODUCT

    def test_a_store_that_does_not_answer_leaves_the_line_unconfirmed(self) -> None:
        store = MemoryCartStore(faults=deque([Fault.NONE, Fault.AFTER_ACTING]))
        insert_lines, carts = self.world(store)
        assert self.code(insert_lines, ADD) is Code.ADDED
        [line] = carts.lines("shopper-1")
        assert line.store_state is StoreState.UNREACHABLE

    def test_a_confirmed_line_asks_the_store_nothing_when_the_message_comes_again(self) -> None:
        store = MemoryCartStore()
        insert_lines, _ = self.world(store)
        self.code(insert_lines, ADD)
        store.faults = deque([Fault.BEFORE_ACTING])
        assert self.code(insert_lines, ADD) is Code.ADDED
        assert store.faults

    def test_an_undo_takes_it_out(self) -> None:
        store = MemoryCartStore()
        insert_lines, _ = self.world(store)
        self.code(insert_lines, ADD)
        undo = post_id(500)
        assert self.code(insert_lines, UndoRequested(undo, undo, "222", POST)) is Code.UNDONE
        assert store.held(MUG.line_id) == 0


OLD_REPLY = post_id(3 * 3_600_000)
CLICK = post_id(500)
TAKEN = replace(
    ADD, post_id=CLICK, first_id=CLICK, network="offer", shopper_id="shopper-1", reply_id=OLD_REPLY, quantity=2
)
JUST_LINKED = replace(LINK, consented_at_ms=NOW_MS - 60_000)


def test_an_offer_that_was_taken_is_added_once_and_names_its_reply() -> None:
    insertion = Insertion(JUST_LINKED)
    assert [insertion.code(TAKEN), insertion.code(TAKEN)] == [Code.ADDED, Code.ADDED]
    (line,) = insertion.carts.stored.values()
    assert (line.state().quantity, list(line.operations)) == (2, [order_key(CLICK, "offer")])
    row = insertion.rows.rows["shopper-1", order_key(CLICK, "offer")]
    assert [version.reply_id for version in row.versions.values()] == [OLD_REPLY]


def test_the_same_reply_found_by_a_sweep_later_adds_nothing() -> None:
    insertion = Insertion(JUST_LINKED)
    insertion(TAKEN)
    assert insertion(replace(ADD, post_id=OLD_REPLY, first_id=OLD_REPLY, quantity=2)) is None
    (line,) = insertion.carts.stored.values()
    assert line.state().quantity == 2


@pytest.mark.parametrize("undo_comes_first", [True, False])
def test_undoing_the_reply_undoes_what_its_offer_added(*, undo_comes_first: bool) -> None:
    insertion = Insertion(JUST_LINKED)
    undo = UndoRequested(post_id(100), post_id(100), "222", OLD_REPLY)
    for request in (undo, TAKEN) if undo_comes_first else (TAKEN, undo):
        insertion(request)
    (line,) = insertion.carts.stored.values()
    assert line.state().is_empty


def test_an_offer_of_a_profile_that_moved_adds_nothing() -> None:
    insertion = Insertion(replace(JUST_LINKED, shopper_id="shopper-2"))
    assert insertion(TAKEN) is None
    assert insertion.rows.rows == {}


ASKED = replace(LINK, state=LinkState.PAUSED, state_reason=TOO_MANY, adds_since_ms=NOW_MS - 3_600_000)


def test_what_comes_while_the_shopper_is_asked_is_noted_and_stays_so_whatever_comes_again() -> None:
    insertion = Insertion(ASKED)
    reached = insertion(replace(ADD, quantity=2))
    assert reached is not None
    assert (reached.outcome.code, reached.outcome.reason) == (Code.PAUSED, TOO_MANY)
    assert insertion.links.vouch("shopper-1", "222", now_ms=NOW_MS)
    assert insertion.code(replace(ADD, quantity=2)) is Code.PAUSED
    assert insertion.carts.stored == {}
    (row,) = insertion.rows.rows.values()
    assert row.newest is not None
    assert (row.newest.linked, row.newest.quantity) == (MUG.line_id, 2)
    later = post_id(10)
    assert insertion.code(replace(ADD, post_id=later, first_id=later)) is Code.ADDED


def test_what_was_added_before_the_question_stays_added_when_it_comes_again_or_is_edited() -> None:
    insertion = Insertion()
    insertion(ADD)
    insertion.links.links["222"] = ASKED
    assert insertion.code(ADD) is Code.ADDED
    assert insertion.code(replace(ADD, post_id=post_id(900), quantity=3)) is Code.PAUSED
    (line,) = insertion.carts.stored.values()
    assert line.state().quantity == 1


def test_a_post_that_names_no_product_is_paused_like_any_other() -> None:
    insertion = Insertion(ASKED)
    assert insertion.code(replace(ADD, product=None, reason=X_UNAVAILABLE)) is Code.PAUSED
    assert not insertion.pending.items


def test_a_click_adds_while_the_shopper_is_asked_but_not_while_paused_otherwise() -> None:
    click = replace(ADD, network="private", shopper_id="shopper-1")
    assert Insertion(ASKED).code(click) is Code.ADDED
    assert Insertion(replace(ASKED, state_reason="shopper")).code(click) is Code.PAUSED


def test_stop_turns_the_answers_off_and_a_redelivery_does_not_do_so_again() -> None:
    insertion = Insertion(replace(LINK, public_replies=True))
    stop = StopRequested(POST, "222")
    assert insertion(stop) is None
    assert not insertion.links.links["222"].public_replies
    insertion.links.links["222"] = replace(LINK, public_replies=True)
    assert insertion(stop) is None
    assert insertion.links.links["222"].public_replies
    assert insertion(StopRequested(post_id(0), "222")) is None
    assert not insertion.links.links["222"].public_replies


def test_stop_of_somebody_else_or_from_before_the_consent_changes_nothing() -> None:
    insertion = Insertion(replace(LINK, public_replies=True, consented_at_ms=NOW_MS - 500))
    insertion(StopRequested(POST, "222"))
    insertion(StopRequested(POST, "333"))
    assert insertion.links.links["222"].public_replies
