"""Any order, repetition and interleaving of replies, edits and undos around accepted clicks gives the same cart."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from hashcart.consumers import Delivery
from hashcart.domain.account_links import AccountLink
from hashcart.domain.cart_lines import EMPTY, CartLine, Kind, LineClick, LineState, Operation, fold
from hashcart.domain.outcomes import Outcome, PostRow
from hashcart.domain.posts import DAY_MS, order_key
from hashcart.domain.product_links import ProductReference
from hashcart.domain.products import Product
from hashcart.messages.cart_requests import AddRequested, CartRequest, HashtagDropped, UndoRequested
from hashcart.messages.posts import PostDeleted
from hashcart.use_cases.insert_lines import InsertLines, ShopRules
from tests.fakes.clock import NOW_MS, Clock, post_id
from tests.fakes.interleaving import Interleaving
from tests.fakes.storage import MemoryAccountLinks, MemoryActivity, MemoryCarts, MemoryPending

MARKETPLACE = "store.localhost"
PRODUCTS = ("mug", "lamp")
SHOPPER = "shopper-1"
LINK = AccountLink(
    shopper_id=SHOPPER,
    x_user_id="222",
    handle="ada_shops",
    marketplace=MARKETPLACE,
    country="US",
    language="en",
    consented_at_ms=NOW_MS - DAY_MS,
    policy_version="1",
    undo_on_delete=True,
)
SECOND = 1000


@dataclass(frozen=True)
class Ask:
    """What one version of a post asks for; no product means that the hashtag is gone."""

    product: str | None
    quantity: int | None


@dataclass(frozen=True)
class Click:
    """An accepted click: on one line, or on two together as the choice of an option is."""

    operations: tuple[tuple[str, Operation], ...]
    ms_ago: int

    @property
    def key(self) -> str:
        return f"{NOW_MS - self.ms_ago:013d}#click#form-{self.ms_ago}"


@dataclass(frozen=True)
class Story:
    """Posts (each the list of its versions), the posts taken back (of which version, and how), and the clicks."""

    posts: tuple[tuple[Ask, ...], ...]
    undos: tuple[tuple[int, int, bool], ...]
    clicks: tuple[Click, ...]

    def version_id(self, post: int, version: int) -> str:
        return post_id(600 * SECOND - post * 60 * SECOND - version * 7 * SECOND)

    def key(self, post: int) -> str:
        return order_key(self.version_id(post, 0))

    def requests(self) -> list[CartRequest]:
        requests: list[CartRequest] = []
        for post, versions in enumerate(self.posts):
            for version, ask in enumerate(versions):
                requests.append(self._request(post, version, ask))
        for number, (post, version, deleted) in enumerate(self.undos):
            target = self.version_id(post, version)
            undo = post_id(20 * SECOND - number * SECOND)
            requests.append(PostDeleted(target, "222") if deleted else UndoRequested(undo, undo, "222", target))
        return requests

    def expected(self) -> dict[str, LineState]:
        """What the cart must be, computed from the story alone."""
        undone = {post for post, _, _ in self.undos}
        states: dict[str, LineState] = {}
        for product in PRODUCTS:
            operations = [
                (click.key, operation)
                for click in self.clicks
                for clicked, operation in click.operations
                if clicked == product
            ]
            for post, versions in enumerate(self.posts):
                newest = versions[-1]
                if newest.product == product and post not in undone:
                    kind = Kind.PLAIN if newest.quantity is None else Kind.SET
                    operations.append((self.key(post), Operation(kind, 1, newest.quantity)))
            states[product] = fold(sorted(operations, key=lambda entry: entry[0]))
        return {product: state for product, state in states.items() if state != EMPTY}

    def _request(self, post: int, version: int, ask: Ask) -> CartRequest:
        version_id, first_id = self.version_id(post, version), self.version_id(post, 0)
        if ask.product is None:
            return HashtagDropped(version_id, first_id, "222")
        product = ProductReference(MARKETPLACE, ask.product)
        return AddRequested(version_id, first_id, "222", "1", product, quantity=ask.quantity)


@dataclass
class World:
    carts: MemoryCarts = field(default_factory=MemoryCarts)
    rows: MemoryActivity = field(default_factory=MemoryActivity)

    def __post_init__(self) -> None:
        self.insert_lines = InsertLines(
            links=MemoryAccountLinks(LINK),
            rows=self.rows,
            carts=self.carts,
            pending=MemoryPending(),
            product_of=lambda _: Product(title="A product"),
            rules=ShopRules(frozenset({"US"}), own_maximum=10),
            clock_ms=Clock(),
        )

    def deliver(self, request: CartRequest) -> None:
        for reached in self.insert_lines(Delivery("m", request, is_last=False)):
            if not reached.is_kept:
                self.rows.store_outcome(SHOPPER, reached.first_key, reached.outcome, now_ms=NOW_MS)

    def posts(self) -> dict[str, PostRow]:
        return {key: row for (_, key), row in self.rows.rows.items() if row.first_key is None and row.versions}

    def told(self, row: PostRow) -> Outcome | None:
        line_id = row.newest.line_id if row.newest is not None else None
        return row.told(self.carts.stored.get((SHOPPER, line_id or "")), NOW_MS)

    def click(self, click: Click) -> None:
        clicks = []
        for product, operation in click.operations:
            line_id = ProductReference(MARKETPLACE, product).line_id
            line = self.carts.stored.get((SHOPPER, line_id), CartLine(line_id))
            if click.key not in line.operations:
                clicks.append(LineClick(line_id, click.key, operation, line.revision))
        if clicks:
            self.carts.click_together(SHOPPER, clicks, now_ms=NOW_MS)

    def cart(self) -> dict[str, LineState]:
        states = {line.line_id.split("#")[1]: line.state(NOW_MS) for line in self.carts.stored.values()}
        return {product: state for product, state in states.items() if state != EMPTY}

    def assert_no_post_is_on_two_lines(self) -> None:
        keys = [key for line in self.carts.stored.values() for key, _ in line.standing() if "#x#" in key]
        assert len(keys) == len(set(keys))


asks = st.builds(Ask, st.sampled_from(PRODUCTS), st.one_of(st.none(), st.integers(1, 5)))
dropped = st.just(Ask(None, None))
click_operations = st.one_of(
    st.builds(Operation, st.just(Kind.SET), st.just(1), st.integers(1, 5)),
    st.builds(Operation, st.sampled_from((Kind.WAITING, Kind.WISH)), st.just(1), st.integers(1, 5)),
    st.builds(Operation, st.just(Kind.CLEAR), st.just(1), st.integers(1, 5), st.just("handed_over")),
    st.just(Operation(Kind.CLEAR, 1, reason="removed")),
)
chosen = st.builds(
    Operation, st.sampled_from((Kind.SET, Kind.PLAIN)), st.just(1), st.integers(1, 5), chosen_from=st.just("mug")
)
clicked = st.one_of(
    st.tuples(st.tuples(st.sampled_from(PRODUCTS), click_operations)),
    st.tuples(
        st.tuples(st.just("mug"), st.just(Operation(Kind.CLEAR, 1, reason="chosen"))),
        st.tuples(st.just("lamp"), chosen),
    ),
    st.tuples(*(st.tuples(st.just(product), click_operations) for product in PRODUCTS)),
)


@st.composite
def stories(draw: st.DrawFn) -> Story:
    posts = draw(
        st.lists(
            st.tuples(asks, st.lists(st.one_of(asks, dropped), max_size=2)).map(lambda parts: (parts[0], *parts[1])),
            min_size=1,
            max_size=3,
        )
    )
    undos = draw(
        st.lists(
            st.integers(0, len(posts) - 1).flatmap(
                lambda post: st.tuples(st.just(post), st.integers(0, len(posts[post]) - 1), st.booleans())
            ),
            max_size=2,
        )
    )
    moments = draw(st.lists(st.integers(30, 700), max_size=3, unique=True))
    clicks = [Click(draw(clicked), moment * SECOND + 3) for moment in moments]
    return Story(tuple(posts), tuple(undos), tuple(clicks))


@st.composite
def stories_with_deliveries(draw: st.DrawFn) -> tuple[Story, Sequence[CartRequest | Click]]:
    """A story, and its events in some order, each at least once and some of them again."""
    story = draw(stories())
    events: list[CartRequest | Click] = [*story.requests(), *story.clicks]
    again = draw(st.lists(st.sampled_from(events), max_size=4))
    return story, draw(st.permutations([*events, *again]))


@given(stories_with_deliveries())
def test_any_order_and_repetition_gives_the_same_cart(drawn: tuple[Story, Sequence[CartRequest | Click]]) -> None:
    story, events = drawn
    world = World()
    for event in events:
        world.click(event) if isinstance(event, Click) else world.deliver(event)
        world.assert_no_post_is_on_two_lines()
    assert world.cart() == story.expected()


@given(stories_with_deliveries())
def test_a_post_keeps_the_outcome_that_was_told_first(drawn: tuple[Story, Sequence[CartRequest | Click]]) -> None:
    """Until an edit or an undo changes what it asks for; however little of it is written down."""
    story, events = drawn
    world = World()
    told: dict[tuple[str, int], Outcome] = {}
    for event in [*events, *events]:
        world.click(event) if isinstance(event, Click) else world.deliver(event)
        for key, row in world.posts().items():
            outcome = world.told(row)
            if outcome is not None and row.newest is not None and not row.undone:
                assert told.setdefault((key, row.newest.id), outcome) == outcome
    keys = {story.key(post) for post in range(len(story.posts))}
    assert {key for key, row in world.posts().items() if world.told(row) is not None} >= keys


@given(stories_with_deliveries(), st.lists(st.integers(0, 7), max_size=60))
def test_any_interleaving_of_concurrent_deliveries_gives_the_same_cart(
    drawn: tuple[Story, Sequence[CartRequest | Click]], choices: list[int]
) -> None:
    story, events = drawn
    world = World()
    for event in events:
        if isinstance(event, Click):
            world.click(event)
    interleaving = Interleaving()
    world.carts.before_step = world.rows.before_step = interleaving.step
    requests = [event for event in events if not isinstance(event, Click)]
    interleaving.run(
        [lambda request=request: world.deliver(request) for request in requests],  # type: ignore[misc]
        iter(choices),
        world.assert_no_post_is_on_two_lines,
    )
    assert world.cart() == story.expected()
