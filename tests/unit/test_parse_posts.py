"""From posts to cart requests."""

from collections.abc import Collection
from dataclasses import replace

import pytest

from hashcart.consumers import Delivery
from hashcart.domain.cart_hashtags import CartHashtags
from hashcart.domain.link_previews import LinkPreview
from hashcart.domain.parents import Availability, ParentPost, products_of
from hashcart.domain.posts import HashtagSpan, Link, Mention, Post, order_key
from hashcart.domain.product_links import ProductReference, StoreLinks
from hashcart.domain.summons import Bot
from hashcart.messages.cart_requests import (
    SHORT_LINK_UNAVAILABLE,
    X_UNAVAILABLE,
    AddRequested,
    CartRequest,
    HashtagDropped,
    StopRequested,
    ToParse,
    UndoRequested,
)
from hashcart.messages.posts import AccessRevoked, OfferTaken, PostArrived, PostDeleted, PostMessage, PrivateAdd
from hashcart.short_links import ShortLinks
from hashcart.social.x.client import Missing, RateLimitedError, XUnavailableError
from hashcart.use_cases.parents import NO_PRODUCT_FRESH_MS, PRODUCTS_FRESH_MS, UNREADABLE_FRESH_MS, Parents
from hashcart.use_cases.parse_posts import LinkUnresolvedError, ParentUnresolvedError, Parsed, ParsePosts
from hashcart.use_cases.unwind_links import UnwindLinks
from hashcart.use_cases.x_budget import XMeter
from tests.fakes.clock import Clock
from tests.fakes.sites import Sites, answer, redirect
from tests.fakes.storage import MemoryCache, MemoryCheckpoints

BOT = Bot("900", "shopbot")
DEMO = StoreLinks("demo", short_hosts=frozenset({"sho.rt"}))
MUG = ProductReference("store.localhost", "mug")
LAMP = ProductReference("store.localhost", "lamp")
MUG_LINK = Link("http://store.localhost:8401/products/mug")
LAMP_LINK = Link("http://store.localhost:8401/products/lamp")
ELSEWHERE = Link("https://example.com/products/mug")
PARENT = Post("1", "1", "111", links=(MUG_LINK,))
REPLY = Post("2", "2", "222", text="#AmazonCart", replied_to_id="1", replied_to_author_id="111")


class SecretStub:
    def text(self, name: str) -> str:
        assert name == "bearer_token"
        return "bearer"


class LookupFake:
    """X's lookup of posts."""

    def __init__(self, *posts: Post | tuple[str, Missing], error: Exception | None = None) -> None:
        self.posts_by_id = {post.id if isinstance(post, Post) else post[0]: post for post in posts}
        self.error = error
        self.calls: list[list[str]] = []

    def posts(self, ids: Collection[str], bearer_token: str) -> dict[str, Post | Missing]:
        assert bearer_token == "bearer"
        self.calls.append(list(ids))
        if self.error:
            raise self.error
        found = {post_id: self.posts_by_id.get(post_id, Missing.GONE) for post_id in ids}
        return {post_id: post if isinstance(post, Post | Missing) else post[1] for post_id, post in found.items()}


class Parsing:
    def __init__(self, lookup: LookupFake | None = None) -> None:
        self.lookup = lookup or LookupFake(PARENT)
        self.clock = Clock()
        self.cache = MemoryCache(self.clock)
        self.checkpoints = MemoryCheckpoints()
        self.sites = Sites()
        follower = ShortLinks(self.sites.web(), DEMO)
        self.unwind = UnwindLinks(follower, MemoryCache(self.clock), DEMO, sleep=self.clock.sleep)
        self.parents = Parents(
            self.lookup,
            SecretStub(),  # type: ignore[arg-type]
            self.cache,
            DEMO,
            BOT,
            self.unwind,
            XMeter(self.checkpoints, self.clock),
            sleep=self.clock.sleep,
        )
        hashtags = CartHashtags(["AmazonCart", "#アマゾンポチ"])
        self.parse = ParsePosts(hashtags, BOT, DEMO, self.parents.of, self.unwind, self.parents.remember)

    def __call__(self, *messages: ToParse, is_last: bool = False) -> Parsed:
        return self.parse([Delivery(str(number), message, is_last) for number, message in enumerate(messages)])

    def one(self, message: ToParse) -> CartRequest | None:
        parsed = self(message)
        assert not parsed.failures
        (requests,) = parsed.requests.values()
        return requests[0] if requests else None


def add(request: CartRequest | None) -> AddRequested:
    assert isinstance(request, AddRequested)
    return request


def test_a_reply_asks_for_the_parents_product() -> None:
    request = add(Parsing().one(PostArrived(REPLY, PARENT)))
    expected = AddRequested("2", "2", "222", "1", MUG, parent_author_id="111", preview=LinkPreview())
    assert request == expected


def test_what_the_link_tells_of_the_product_goes_along_and_stays_with_the_parents_products() -> None:
    preview = LinkPreview("A mug", "https://pbs.twimg.com/card_img/1.jpg")
    parent = replace(PARENT, links=(replace(MUG_LINK, title=preview.title, image_url=preview.image_url), LAMP_LINK))
    parsing = Parsing(LookupFake(parent))
    assert add(Parsing().one(PostArrived(REPLY, parent))).preview == preview
    for message in (PostArrived(REPLY), PostArrived(REPLY), PostArrived(REPLY, parent)):
        assert add(parsing.one(message)).preview == preview
    assert len(parsing.lookup.calls) == 1
    own = replace(REPLY, links=parent.links)
    assert add(parsing.one(PostArrived(own, replace(PARENT, links=())))).preview == preview


def test_the_associate_is_the_one_whose_link_it_was() -> None:
    url = "https://www.amazon.com/dp/B08N5WRWNW?tag=blog-20"
    post = Post("1", "1", "111", links=(Link("https://amzn.to/x", url), Link(url.replace("blog", "other"))))
    assert products_of(post, StoreLinks("amazon")) == {
        ProductReference("amazon.com", "B08N5WRWNW"): LinkPreview(associate_tag="blog-20")
    }


@pytest.mark.parametrize(
    ("parent", "reply_links", "product", "reason"),
    [
        (replace(PARENT, links=(LAMP_LINK, MUG_LINK)), (), LAMP, None),
        (replace(PARENT, links=(ELSEWHERE, MUG_LINK)), (LAMP_LINK,), MUG, None),
        (replace(PARENT, links=(ELSEWHERE,)), (LAMP_LINK,), LAMP, None),
        (replace(PARENT, links=(Link("https://sho.rt/1", MUG_LINK.expanded_url),)), (), MUG, None),
        (replace(PARENT, links=()), (), None, "no_link"),
        (replace(PARENT, links=(ELSEWHERE,)), (), None, "not_this_store"),
        (replace(PARENT, links=()), (ELSEWHERE,), None, "not_this_store"),
    ],
)
def test_the_first_product_link_of_the_parent_wins_then_the_replys_own(
    parent: Post, reply_links: tuple[Link, ...], product: ProductReference | None, reason: str | None
) -> None:
    request = add(Parsing().one(PostArrived(replace(REPLY, links=reply_links), parent)))
    assert (request.product, request.reason) == (product, reason)


def test_the_words_beside_the_hashtag_go_along_without_links_and_mentions() -> None:
    text = "Nobody needs to know\n@shopbot #AmazonCart x2 Größe L t.example/1"
    end = len(text)
    links = (replace(LAMP_LINK, start=end - len("t.example/1"), end=end),)
    request = add(Parsing().one(PostArrived(replace(REPLY, text=text, links=links), PARENT)))
    assert (request.quantity, request.option_words) == (2, ("x2", "grosse", "l"))
    edit = replace(REPLY, text="nothing", is_edit=True)
    assert isinstance(Parsing().one(PostArrived(edit, PARENT)), HashtagDropped)


@pytest.mark.parametrize(
    ("missing", "reason"), [(Missing.GONE, "parent_gone"), (Missing.PROTECTED, "parent_protected")]
)
def test_a_parent_that_cannot_be_read_names_no_product(missing: Missing, reason: str) -> None:
    request = add(Parsing(LookupFake(("1", missing))).one(PostArrived(REPLY)))
    assert (request.product, request.reason) == (None, reason)


def test_a_reply_to_an_unreadable_parent_may_name_its_own_product() -> None:
    request = add(Parsing(LookupFake()).one(PostArrived(replace(REPLY, links=(LAMP_LINK,)))))
    assert request.product == LAMP


@pytest.mark.parametrize(
    ("text", "hashtags", "quantity"),
    [
        ("#AmazonCart x3", None, 3),
        ("3x #AmazonCart", None, 3),
        ("#AmazonCart", None, None),
        ("#AmazonCart 2 days left!", None, None),
        ("🛒 #AmazonCart ×4", (HashtagSpan("AmazonCart", 2, 13),), 4),
        ("🛒 #AmazonCart ×4", (HashtagSpan("AmazonCart", 3, 14),), 4),
        ("＃アマゾンポチ x2", (HashtagSpan("アマゾンポチ", 0, 7),), 2),
        ("no such text", (HashtagSpan("AmazonCart", 0, 11),), None),
    ],
)
def test_the_quantity_stands_beside_the_hashtag(
    text: str, hashtags: tuple[HashtagSpan, ...] | None, quantity: int | None
) -> None:
    request = add(Parsing().one(PostArrived(replace(REPLY, text=text, hashtags=hashtags), PARENT)))
    assert request.quantity == quantity


def test_links_and_mentions_are_no_words_after_a_number() -> None:
    reply = replace(
        REPLY,
        text="#AmazonCart 2 @shopbot ignored-link",
        mentions=(Mention("900", "shopbot", 14, 22),),
        links=(Link("https://example.com", None, 23, 35),),
    )
    request = add(Parsing().one(PostArrived(reply, PARENT)))
    assert (request.quantity, request.summoned) == (2, True)


def test_one_call_looks_up_the_parents_of_a_whole_batch() -> None:
    parsing = Parsing(LookupFake(PARENT, replace(PARENT, id="3", first_id="3", links=(LAMP_LINK,))))
    other = replace(REPLY, id="4", first_id="4", replied_to_id="3")
    again = replace(REPLY, id="5", first_id="5")
    parsed = parsing(PostArrived(REPLY), PostArrived(other), PostArrived(again))
    assert parsing.lookup.calls == [["1", "3"]]
    assert [add(requests[0]).product for requests in parsed.requests.values()] == [MUG, LAMP, MUG]
    parsing(PostArrived(REPLY))
    assert len(parsing.lookup.calls) == 1


@pytest.mark.parametrize(
    ("lookup", "fresh_ms"),
    [
        (LookupFake(PARENT), PRODUCTS_FRESH_MS),
        (LookupFake(replace(PARENT, links=())), NO_PRODUCT_FRESH_MS),
        (LookupFake(), UNREADABLE_FRESH_MS),
    ],
)
def test_what_a_parent_links_to_is_remembered_as_long_as_it_is_likely_to_stay(
    lookup: LookupFake, fresh_ms: int
) -> None:
    parsing = Parsing(lookup)
    parsing(PostArrived(REPLY))
    parsing.clock.now_ms += fresh_ms - 1
    parsing(PostArrived(REPLY))
    assert len(lookup.calls) == 1
    parsing.clock.now_ms += 1
    parsing(PostArrived(REPLY))
    assert len(lookup.calls) == 2


@pytest.mark.parametrize("error", [XUnavailableError("500"), RateLimitedError(5)])
def test_trouble_at_x_fails_only_the_posts_that_need_x_and_is_not_remembered(error: Exception) -> None:
    parsing = Parsing(LookupFake(PARENT, error=error))
    parsed = parsing(PostArrived(REPLY), PostArrived(replace(REPLY, id="9", first_id="9"), PARENT))
    assert list(parsed.failures) == ["0"]
    assert isinstance(parsed.failures["0"], ParentUnresolvedError)
    assert add(parsed.requests["1"][0]).product == MUG
    parsing.lookup.error = None
    assert add(parsing.one(PostArrived(REPLY))).product == MUG


def test_trouble_with_the_cache_fails_only_the_posts_that_need_it() -> None:
    parsing = Parsing()
    parsing.cache.faults.append(RuntimeError("throttled"))
    parsed = parsing(PostArrived(REPLY), PostArrived(replace(REPLY, id="9", first_id="9"), PARENT))
    assert list(parsed.failures) == ["0"]
    assert parsed.requests["0"] == []
    assert add(parsed.requests["1"][0]).product == MUG


def test_a_reader_waits_for_the_one_who_fetches() -> None:
    parsing = Parsing()
    assert parsing.cache.take_lease("1")
    assert list(parsing(PostArrived(REPLY)).failures) == ["0"]
    assert len(parsing.clock.slept) == 15
    parsing.cache.store(
        "1",
        {"availability": "readable", "involves_bot": False, "has_links": True, "products": []},
        fresh_ms=100_000,
    )
    assert add(parsing.one(PostArrived(REPLY))).reason == "not_this_store"


def test_the_last_receive_tells_the_shopper_and_still_fails() -> None:
    parsing = Parsing(LookupFake(error=XUnavailableError("500")))
    parsed = parsing(PostArrived(REPLY), is_last=True)
    assert list(parsed.failures) == ["0"]
    assert add(parsed.requests["0"][0]).reason == X_UNAVAILABLE
    undo = replace(REPLY, text="#undo", replied_to_author_id="900")
    assert parsing(PostArrived(undo), is_last=True).requests == {"0": []}


@pytest.mark.parametrize(
    "post",
    [
        replace(REPLY, replied_to_id=None),
        replace(REPLY, is_repost=True),
        replace(REPLY, text="@shopbot hello"),
    ],
)
def test_plain_posts_reposts_and_mere_mentions_ask_for_nothing(post: Post) -> None:
    parsing = Parsing()
    assert parsing.one(PostArrived(post)) is None
    assert parsing.lookup.calls == []


def test_an_edit_without_the_hashtag_drops_it() -> None:
    edit = replace(REPLY, id="7", text="never mind", is_edit=True)
    assert Parsing().one(PostArrived(edit)) == HashtagDropped("7", "2", "222")


UNDO = replace(REPLY, id="8", first_id="8", text="#UNDO please", replied_to_id="2", replied_to_author_id="222")


def test_undo_is_meant_for_ones_own_reply() -> None:
    assert Parsing().one(PostArrived(UNDO)) == UndoRequested("8", "8", "222", "2")
    own = Post("2", "2", "222")
    assert Parsing().one(PostArrived(replace(UNDO, replied_to_author_id=None), own)) is not None


def test_undo_may_answer_the_bots_answer() -> None:
    answer = Post("5", "5", "900", replied_to_id="2")
    to_bot = replace(UNDO, replied_to_id="5", replied_to_author_id="900")
    assert Parsing().one(PostArrived(to_bot, answer)) == UndoRequested("8", "8", "222", "2")
    looked_up = Parsing(LookupFake(answer))
    assert looked_up.one(PostArrived(to_bot)) == UndoRequested("8", "8", "222", "2")
    assert looked_up.lookup.calls == [["5"]]
    assert Parsing(LookupFake()).one(PostArrived(to_bot)) is None
    failed = Parsing(LookupFake(error=XUnavailableError("500")))(PostArrived(to_bot))
    assert list(failed.failures) == ["0"]


def test_nobody_undoes_anothers_reply() -> None:
    assert Parsing().one(PostArrived(replace(UNDO, replied_to_author_id="111"))) is None
    assert Parsing().one(PostArrived(replace(UNDO, replied_to_author_id=None), PARENT)) is None


@pytest.mark.parametrize("message", [PostDeleted("2", "222"), AccessRevoked("222", 5)])
def test_deletes_and_revocations_pass_through(message: PostMessage) -> None:
    assert Parsing().one(message) == message


def test_an_edit_into_an_undo_of_something_else_drops_the_hashtag() -> None:
    edit = replace(REPLY, id="7", text="#undo", is_edit=True)
    assert Parsing().one(PostArrived(edit)) == HashtagDropped("7", "2", "222")


def test_an_undo_that_does_not_say_whom_it_answers_is_looked_up() -> None:
    unsaid = replace(UNDO, replied_to_author_id=None)
    assert Parsing(LookupFake(REPLY)).one(PostArrived(unsaid)) == UndoRequested("8", "8", "222", "2")


def test_an_unreadable_parent_is_no_summons_and_no_product() -> None:
    assert ParentPost(Availability.GONE).products == ()


PRIVATE_ADD = PrivateAdd("5", "shopper-1", "222", quantity=2)


def test_a_product_link_that_was_pasted_needs_no_lookup() -> None:
    parsing = Parsing()
    request = parsing.one(replace(PRIVATE_ADD, url=MUG_LINK.expanded_url))
    assert isinstance(request, AddRequested)
    assert (request.product, request.quantity, request.parent_id) == (MUG, 2, "")
    assert (request.network, request.shopper_id, request.summoned) == ("private", "shopper-1", False)
    assert request.option_words == ()
    chosen = parsing.one(replace(PRIVATE_ADD, url=MUG_LINK.expanded_url, options="Größe L, blau"))
    assert isinstance(chosen, AddRequested)
    assert chosen.option_words == ("grosse", "l", "blau")
    found_in = parsing.one(replace(PRIVATE_ADD, url=MUG_LINK.expanded_url, parent_id="9"))
    assert isinstance(found_in, AddRequested)
    assert (found_in.product, found_in.parent_id) == (MUG, "9")
    assert parsing.lookup.calls == []


def test_a_post_link_that_was_pasted_is_read_like_a_parent_post() -> None:
    parsing = Parsing()
    request = parsing.one(replace(PRIVATE_ADD, parent_id="1"))
    assert isinstance(request, AddRequested)
    assert (request.product, request.parent_id, request.parent_author_id) == (MUG, "1", "111")
    gone = parsing.one(replace(PRIVATE_ADD, parent_id="404"))
    assert isinstance(gone, AddRequested)
    assert (gone.product, gone.reason) == (None, "parent_gone")


def test_a_pasted_link_to_another_site() -> None:
    request = Parsing().one(replace(PRIVATE_ADD, url=ELSEWHERE.expanded_url))
    assert isinstance(request, AddRequested)
    assert (request.product, request.reason) == (None, "not_this_store")


def test_a_pasted_post_that_x_cannot_tell_of_now_comes_again_and_then_says_so() -> None:
    parsing = Parsing(LookupFake(error=XUnavailableError("503")))
    message = replace(PRIVATE_ADD, parent_id="1")
    parsed = parsing(message)
    assert (list(parsed.failures), parsed.requests["0"]) == (["0"], [])
    (request,) = parsing(message, is_last=True).requests["0"]
    assert isinstance(request, AddRequested)
    assert (request.reason, request.network, request.shopper_id) == (X_UNAVAILABLE, "private", "shopper-1")


def test_what_the_reply_itself_tells_is_kept_until_its_parent_can_be_read() -> None:
    parsing = Parsing(LookupFake(PARENT, error=XUnavailableError("500")))
    reply = replace(REPLY, text="#AmazonCart x3 size L", links=(LAMP_LINK,))
    waiting = add(parsing(PostArrived(reply), is_last=True).requests["0"][0])
    assert (waiting.product, waiting.quantity, waiting.reason) == (LAMP, 3, X_UNAVAILABLE)
    again = parsing(waiting, is_last=True)
    assert list(again.failures) == ["0"]
    assert again.requests["0"] == [waiting]
    assert parsing(waiting).requests["0"] == []
    parsing.lookup.error = None
    assert add(parsing.one(waiting)) == add(parsing.one(PostArrived(reply)))


@pytest.mark.parametrize(
    ("parent", "own", "product", "reason"),
    [
        (replace(PARENT, links=()), LAMP, LAMP, None),
        (replace(PARENT, links=()), None, None, "no_link"),
        (("1", Missing.GONE), None, None, "parent_gone"),
        (("1", Missing.GONE), LAMP, LAMP, None),
    ],
)
def test_a_reply_that_is_read_again_ends_as_if_it_had_just_come(
    parent: Post | tuple[str, Missing],
    own: ProductReference | None,
    product: ProductReference | None,
    reason: str | None,
) -> None:
    waiting = AddRequested("2", "2", "222", "1", own, reason=X_UNAVAILABLE)
    request = add(Parsing(LookupFake(parent)).one(waiting))
    assert (request.product, request.reason) == (product, reason)


def test_a_private_add_waits_for_its_post_as_a_reply_does() -> None:
    parsing = Parsing(LookupFake(PARENT, error=XUnavailableError("500")))
    message = PrivateAdd("7", "ada", "222", parent_id="1", quantity=2)
    waiting = add(parsing(message, is_last=True).requests["0"][0])
    parsing.lookup.error = None
    request = add(parsing.one(waiting))
    assert (request.product, request.quantity, request.shopper_id, request.network) == (MUG, 2, "ada", "private")


SHORT = Link("http://sho.rt/mug")
TO_MUG = redirect(MUG_LINK.expanded_url)


def test_a_short_link_of_the_parent_leads_to_its_product() -> None:
    parsing = Parsing(LookupFake(replace(PARENT, links=(SHORT,))))
    parsing.sites.site("sho.rt/mug", TO_MUG)
    included = PostArrived(replace(REPLY, id="9", first_id="9"), replace(PARENT, links=(SHORT, LAMP_LINK)))
    parsed = parsing(PostArrived(REPLY), included)
    assert [add(requests[0]).product for requests in parsed.requests.values()] == [MUG, MUG]
    assert parsing.sites.requests == ["HEAD sho.rt/mug"]


def test_a_short_link_of_the_reply_counts_where_the_parent_names_no_product() -> None:
    parsing = Parsing()
    parsing.sites.site("sho.rt/mug", TO_MUG)
    reply = replace(REPLY, links=(SHORT,))
    assert add(parsing.one(PostArrived(reply, replace(PARENT, links=())))).product == MUG
    assert add(parsing.one(PostArrived(reply, replace(PARENT, links=(LAMP_LINK,))))).product == LAMP


def test_a_short_link_that_a_shopper_pastes_leads_to_its_product() -> None:
    parsing = Parsing()
    parsing.sites.site("sho.rt/mug", TO_MUG)
    assert add(parsing.one(PrivateAdd("7", "ada", "222", url=SHORT.expanded_url))).product == MUG


def test_a_short_link_that_is_dead_names_no_product() -> None:
    parsing = Parsing(LookupFake(replace(PARENT, links=(SHORT,))))
    parsing.sites.site("sho.rt/mug", answer(404))
    request = add(parsing.one(PostArrived(REPLY)))
    assert (request.product, request.reason) == (None, "not_this_store")
    beside = add(parsing.one(PostArrived(REPLY, replace(PARENT, links=(SHORT, LAMP_LINK)))))
    assert beside.product == LAMP
    own = replace(REPLY, links=(SHORT,))
    assert add(parsing.one(PostArrived(own, replace(PARENT, links=())))).reason == "not_this_store"
    assert add(parsing.one(PrivateAdd("7", "ada", "222", url=SHORT.expanded_url))).reason == "not_this_store"


@pytest.mark.parametrize("parent", [None, replace(PARENT, links=(SHORT, LAMP_LINK))])
def test_a_short_link_that_does_not_answer_is_asked_again(parent: Post | None) -> None:
    parsing = Parsing(LookupFake(replace(PARENT, links=(SHORT, LAMP_LINK))))
    parsing.sites.site("sho.rt/mug", answer(503))
    ready = PostArrived(replace(REPLY, id="9", first_id="9"), PARENT)
    parsed = parsing(PostArrived(REPLY, parent), ready)
    assert isinstance(parsed.failures["0"], ParentUnresolvedError)
    assert list(parsed.failures) == ["0"]
    parsing.sites.site("sho.rt/mug", TO_MUG)
    assert add(parsing.one(PostArrived(REPLY, parent))).product == MUG


def test_a_link_after_a_product_is_not_waited_for() -> None:
    parsing = Parsing(LookupFake(replace(PARENT, links=(LAMP_LINK, SHORT))))
    parsing.sites.site("sho.rt/mug", answer(503))
    assert add(parsing.one(PostArrived(REPLY))).product == LAMP
    assert add(parsing.one(PostArrived(REPLY, replace(PARENT, links=(LAMP_LINK, SHORT))))).product == LAMP
    assert add(parsing.one(PostArrived(replace(REPLY, links=(SHORT,)), PARENT))).product == MUG


@pytest.mark.parametrize(
    "message",
    [
        PostArrived(replace(REPLY, links=(SHORT,)), replace(PARENT, links=())),
        PrivateAdd("2", "ada", "222", url="sho.rt/mug"),
    ],
)
def test_the_last_receive_says_that_a_short_link_does_not_answer(message: PostMessage) -> None:
    parsing = Parsing()
    parsing.sites.site("sho.rt/mug", answer(503))
    parsed = parsing(message, is_last=True)
    assert isinstance(parsed.failures["0"], LinkUnresolvedError)
    assert add(parsed.requests["0"][0]).reason == SHORT_LINK_UNAVAILABLE


@pytest.mark.parametrize(
    "post",
    [
        replace(REPLY, links=(SHORT,), is_repost=True),
        replace(REPLY, links=(SHORT,), replied_to_id=None),
        replace(REPLY, links=(SHORT,), text="no hashtag"),
        replace(REPLY, links=(SHORT,), text="#undo", replied_to_author_id="222"),
    ],
)
def test_the_links_of_a_post_that_asks_for_nothing_are_not_followed(post: Post) -> None:
    parsing = Parsing()
    parsing(PostArrived(post, replace(PARENT, links=(SHORT,))), PostDeleted("2", "222"))
    assert parsing.sites.requests == []


def test_trouble_with_the_cache_of_short_links_fails_only_the_posts_that_have_some() -> None:
    parsing = Parsing()
    assert isinstance(parsing.unwind.cache, MemoryCache)
    parsing.unwind.cache.faults.append(RuntimeError("throttled"))
    parsed = parsing(PostArrived(REPLY, replace(PARENT, links=(SHORT,))), PostArrived(REPLY, PARENT))
    assert list(parsed.failures) == ["0"]


def test_a_parent_with_more_products_that_came_along_is_remembered_for_the_rest_of_them() -> None:
    parsing = Parsing()
    both = replace(PARENT, links=(MUG_LINK, LAMP_LINK))
    parsing.one(PostArrived(REPLY, parent=both))
    assert parsing.parents.known(["1"])["1"].products == (MUG, LAMP)
    parsing.cache.faults.append(ConnectionError())
    assert isinstance(parsing.one(PostArrived(REPLY, parent=both)), AddRequested)
    one = Parsing()
    one.one(PostArrived(REPLY, parent=PARENT))
    assert one.parents.known(["1"]) == {}


OFFER = OfferTaken("9", "shopper-1", replace(REPLY, text="#AmazonCart x3 size M"))


def test_an_offer_that_was_taken_is_judged_as_a_reply_and_keeps_the_key_of_the_click() -> None:
    parsing = Parsing()
    parsing.lookup.posts_by_id["1"] = replace(PARENT, links=(MUG_LINK, LAMP_LINK))
    request = add(parsing.one(OFFER))
    as_reply = add(parsing.one(PostArrived(OFFER.post)))
    assert request == replace(
        as_reply, post_id="9", first_id="9", network="offer", shopper_id="shopper-1", reply_id="2", summoned=False
    )
    assert (request.product, request.quantity, request.option_words[:1]) == (MUG, 3, ("x3",))
    assert (request.first_key.split("#")[1:], request.other_key) == (["offer", "9"], order_key("2"))


def test_an_offer_follows_its_own_short_link_and_asks_for_nothing_without_the_hashtag() -> None:
    parsing = Parsing(LookupFake(replace(PARENT, links=())))
    parsing.sites.site("sho.rt/mug", TO_MUG)
    assert add(parsing.one(replace(OFFER, post=replace(REPLY, links=(SHORT,))))).product == MUG
    assert parsing.one(replace(OFFER, post=replace(REPLY, text="no more"))) is None


def test_an_offer_whose_parent_cannot_be_read_comes_again_and_in_the_end_waits() -> None:
    parsing = Parsing(LookupFake(PARENT, error=XUnavailableError("503")))
    first = parsing(OFFER)
    assert (first.requests["0"], type(first.failures["0"])) == ([], ParentUnresolvedError)
    (last,) = parsing(OFFER, is_last=True).requests["0"]
    kept = add(last)
    assert (kept.reason, kept.network, kept.shopper_id, kept.reply_id) == (X_UNAVAILABLE, "offer", "shopper-1", "2")
    parsing.lookup.error = None
    assert add(parsing.one(kept)) == replace(
        kept, reason=None, product=MUG, parent_author_id="111", preview=LinkPreview()
    )


def test_stop_asks_for_no_more_answers_and_needs_no_lookup() -> None:
    mention = Mention("900", "shopbot", 0, 8)
    stop = Post(
        "2", "2", "222", text="@shopbot やめて！", mentions=(mention,), replied_to_id="1", replied_to_author_id="900"
    )
    parsing = Parsing()
    assert parsing.one(PostArrived(stop)) == StopRequested("2", "222")
    assert parsing.lookup.calls == []
    edited = parsing(PostArrived(replace(stop, id="3", is_edit=True))).requests["0"]
    assert edited == [HashtagDropped("3", "2", "222"), StopRequested("3", "222")]
