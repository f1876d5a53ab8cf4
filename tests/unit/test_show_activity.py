"""The history that a shopper sees."""

from hashcart.domain.cart_lines import Kind, Operation, Snapshot
from hashcart.domain.link_previews import LinkPreview
from hashcart.domain.outcomes import Code, Outcome, Version
from hashcart.domain.parents import ParentPost
from hashcart.domain.posts import DAY_MS, order_key
from hashcart.domain.product_links import ProductReference
from hashcart.use_cases.show_activity import PAGE_SIZE, Entry, ShowActivity
from tests.fakes.clock import NOW_MS, Clock, post_id
from tests.fakes.storage import MemoryActivity, MemoryCarts

SHOPPER = "shopper-1"
MUG = ProductReference("store.localhost", "mug")
LAMP = ProductReference("store.localhost", "lamp")


class History:
    def __init__(self) -> None:
        self.rows = MemoryActivity()
        self.carts = MemoryCarts()
        self.parents: dict[str, ParentPost] = {}
        self.show = ShowActivity(
            self.rows, self.carts, lambda ids: {key: self.parents[key] for key in ids if key in self.parents}, Clock()
        )

    def add(self, ms_ago: int, version: Version | None = None, code: Code | None = Code.ADDED) -> str:
        key = order_key(post_id(ms_ago))
        if version is not None:
            self.rows.record_version(SHOPPER, key, version, now_ms=NOW_MS)
        if code is not None:
            self.rows.store_outcome(SHOPPER, key, Outcome(code, 1, quantity=1), now_ms=NOW_MS)
        return key

    def only(self) -> Entry:
        (entry,) = self.show(SHOPPER).entries
        return entry


def test_an_entry_tells_outcome_title_post_and_line() -> None:
    history = History()
    key = history.add(1000, Version(1, MUG.line_id, Kind.PLAIN, parent_id="7"))
    history.carts.write_operation(
        SHOPPER, MUG.line_id, key, Operation(Kind.PLAIN, 1), now_ms=NOW_MS, snapshot=Snapshot(title="Mug")
    )
    entry = history.only()
    assert (entry.title, entry.parent_id, entry.in_cart_line, entry.is_private) == ("Mug", "7", MUG.line_id, False)
    assert entry.reference == MUG
    assert (entry.post_id, entry.at_ms, entry.others) == (post_id(1000), NOW_MS - 1000, ())
    history.carts.mark_undone(SHOPPER, MUG.line_id, key)
    assert history.only().in_cart_line is None


def test_what_began_its_line_was_added_and_before_that_it_is_worked_on() -> None:
    history = History()
    key = history.add(1000, Version(1, MUG.line_id, Kind.PLAIN), code=None)
    assert history.only().outcome is None
    history.carts.write_operation(SHOPPER, MUG.line_id, key, Operation(Kind.PLAIN, 1), now_ms=NOW_MS)
    assert history.only().outcome == Outcome(Code.ADDED, 1, quantity=1)


def test_other_products_of_the_post_are_offered_with_their_titles() -> None:
    history = History()
    history.parents["7"] = ParentPost(products=(MUG, LAMP), previews=(LinkPreview("Mug"), LinkPreview("Arc lamp")))
    history.add(1000, Version(1, linked=MUG.line_id, code=Code.NOT_AVAILABLE_HERE, parent_id="7"))
    entry = history.only()
    assert (entry.title, [(other.reference, other.title) for other in entry.others]) == ("Mug", [(LAMP, "Arc lamp")])


def test_a_product_of_which_nothing_is_known_is_named_by_its_id() -> None:
    history = History()
    history.add(1000, Version(1, linked=MUG.line_id, code=Code.NOT_AVAILABLE_HERE))
    assert (history.only().title, history.only().reference) == ("mug", MUG)


def test_what_is_not_a_post_of_its_own_is_left_out() -> None:
    history = History()
    history.rows.mark_undone(SHOPPER, order_key(post_id(5)), now_ms=NOW_MS)
    history.rows.point_to_first(SHOPPER, order_key(post_id(6)), order_key(post_id(7)), now_ms=NOW_MS)
    history.add(91 * DAY_MS)
    history.add(4, Version(2), code=None)
    history.add(8, code=Code.UNDONE)
    history.add(9, Version(1, MUG.line_id, Kind.PLAIN), code=None)
    history.add(10, Version(1, code=Code.NO_PRODUCT), code=None)
    entries = history.show(SHOPPER).entries
    assert [entry.outcome.code if entry.outcome else None for entry in entries] == [Code.UNDONE, None, None]


def test_a_long_history_comes_in_pages() -> None:
    history = History()
    keys = [history.add(1000 * number) for number in range(PAGE_SIZE + 2)]
    first = history.show(SHOPPER)
    assert ([entry.key for entry in first.entries], first.older_than) == (keys[:PAGE_SIZE], keys[PAGE_SIZE - 1])
    rest = history.show(SHOPPER, first.older_than)
    assert ([entry.key for entry in rest.entries], rest.older_than) == (keys[PAGE_SIZE:], None)


def test_nothing_has_happened_yet() -> None:
    assert History().show(SHOPPER).entries == ()
