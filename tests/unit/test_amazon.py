"""Amazon: its catalogue for those who are let in, and the hand-off."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from urllib3.exceptions import ReadTimeoutError

from hashcart.domain.hand_offs import HandOffLine
from hashcart.domain.product_links import ProductReference
from hashcart.domain.products import Product
from hashcart.http import HttpClient
from hashcart.secrets import SecretUnavailableError
from hashcart.stores.amazon import PRODUCTS_A_FORM, AmazonStore, AssociateTags
from hashcart.stores.amazon_api import MISCONFIGURED_MS, NOT_ELIGIBLE_MS, OUT_OF_QUOTA_MS, PATIENCE_MS, CreatorsApi
from hashcart.stores.amazon_catalogue import AmazonCatalogue
from hashcart.stores.protocol import BatchStore, StoreUnavailableError
from tests.fakes.clock import Clock
from tests.fakes.creators_api import CREDENTIALS, CreatorsApiFake, item, listing
from tests.fakes.internet import Answer, Internet

KETTLE, LAMP, SHIRT, SHIRT_S, SHIRT_M = (f"B0000000{number:02}" for number in range(5))
NOT_ELIGIBLE = {"type": "AccessDeniedException", "message": "no", "reason": "AssociateNotEligible"}
NO_ROOM: dict[str, Any] = {"listings": []}


def of(asin: str, marketplace: str = "amazon.com") -> ProductReference:
    return ProductReference(marketplace, asin)


class SecretFake:
    """The secret; `value` may change, as in a rotation."""

    def __init__(self, value: dict[str, str] | None) -> None:
        self.value = value
        self.rereads = 0

    def text(self, name: str) -> str:
        if self.value is None or not self.value.get(name):
            raise SecretUnavailableError("nothing there")
        return self.value[name]

    def reread(self) -> None:
        self.rereads += 1


class Amazon:
    def __init__(self) -> None:
        self.clock = Clock()
        self.internet = Internet()
        self.api = CreatorsApiFake(self.internet, items={KETTLE: item(KETTLE), LAMP: item(LAMP)})
        self.secret = SecretFake(dict(CREDENTIALS))
        creators = CreatorsApi(HttpClient(self.internet), self.secret, self.clock)  # type: ignore[arg-type]
        self.creators = creators
        tags = AssociateTags.read(["shop-20", "amazon.co.uk=shop-21"], keeps_others=True)
        self.store = AmazonStore(tags, lambda: AmazonCatalogue(creators))

    def product(self, asin: str, **changes: Any) -> Product | None:
        if changes:
            self.api.items[asin] = item(asin, **changes)
        return self.store.product(of(asin))


@pytest.fixture
def amazon() -> Amazon:
    return Amazon()


def test_the_catalogue_tells_of_a_product(amazon: Amazon) -> None:
    assert amazon.product(KETTLE) == Product(
        title=f"Title of {KETTLE}",
        price="24.50",
        currency="USD",
        image_url=f"https://m.media-amazon.com/{KETTLE}.jpg",
        in_stock=True,
        max_quantity=3,
        category="Home > Kettles",
    )


def test_many_are_asked_for_at_once_ten_a_call_and_by_marketplace(amazon: Amazon) -> None:
    asins = [f"B00000{number:04}" for number in range(23)]
    amazon.api.items = {asin: item(asin) for asin in asins}
    references = [of(asin) for asin in asins] + [of(asins[0], "amazon.co.uk"), of(asins[0])]
    assert isinstance(amazon.store, BatchStore)
    found = amazon.store.products(references)
    assert {reference.product_id: product.title for reference, product in found.items() if product} == {
        asin: f"Title of {asin}" for asin in asins
    }
    sizes = [(call.headers["x-marketplace"], len(call.json()["itemIds"])) for call in amazon.api.calls]
    assert sizes == [("www.amazon.com", 10), ("www.amazon.com", 10), ("www.amazon.com", 3), ("www.amazon.co.uk", 1)]
    assert [call.json()["partnerTag"] for call in amazon.api.calls] == ["shop-20", "shop-20", "shop-20", "shop-21"]


@pytest.mark.parametrize(
    ("kind", "in_stock"),
    [
        ("IN_STOCK", True),
        ("IN_STOCK_SCARCE", True),
        ("AVAILABLE_DATE", True),
        ("LEADTIME", True),
        ("OUT_OF_STOCK", False),
        ("UNAVAILABLE", False),
        ("SOMETHING_NEW", None),
        (None, None),
    ],
)
def test_each_state_of_stock_is_understood(amazon: Amazon, kind: str | None, in_stock: bool | None) -> None:
    product = amazon.product(KETTLE, offersV2={"listings": [listing(kind)]})
    assert product is not None
    assert product.in_stock is in_stock


def test_the_buy_box_winner_counts(amazon: Amazon) -> None:
    listings = [listing(amount=9.99, isBuyBoxWinner=False), listing(amount=12)]
    product = amazon.product(KETTLE, offersV2={"listings": listings})
    assert product is not None
    assert product.price == "12.00"


@pytest.mark.parametrize(
    ("offer", "price"),
    [
        (listing(amount=2980, currency="JPY"), ("2980", "JPY")),
        (listing(violatesMAP=True), (None, None)),
        (listing(price=None), (None, None)),
        (listing(price={"money": {"amount": 5}}), (None, None)),
    ],
)
def test_a_price_is_decimal_text_or_not_shown(
    amazon: Amazon, offer: dict[str, Any], price: tuple[str | None, str | None]
) -> None:
    product = amazon.product(KETTLE, offersV2={"listings": [offer]})
    assert product is not None
    assert (product.price, product.currency) == price
    assert product.in_stock is True


@pytest.mark.parametrize(
    ("info", "sensitive", "digital"),
    [
        ({"productInfo": {"isAdultProduct": {"displayValue": True}}}, True, False),
        ({"classifications": {"productGroup": {"displayValue": "Digital Ebook Purchase"}}}, False, True),
        ({"classifications": {"binding": {"displayValue": "Audible Audiobook"}}}, False, True),
        ({"classifications": None, "productInfo": None, "title": None}, False, False),
    ],
)
def test_adult_and_digital_goods_are_told(amazon: Amazon, info: dict[str, Any], sensitive: bool, digital: bool) -> None:
    product = amazon.product(KETTLE, itemInfo=info)
    assert product is not None
    assert (product.sensitive, product.digital, product.title) == (sensitive, digital, None)


def shirt(asin: str, size: str, **changes: Any) -> dict[str, Any]:
    return item(
        asin, parentASIN=SHIRT, variationAttributes=[{"name": "Size", "value": size}, {"name": None}], **changes
    )


def test_a_parent_needs_a_choice_among_its_children(amazon: Amazon) -> None:
    amazon.api.items[SHIRT] = item(SHIRT, offersV2=None)
    sold_out = {"listings": [listing("OUT_OF_STOCK")]}
    amazon.api.children[SHIRT] = [shirt(SHIRT_S, "S"), shirt(SHIRT_M, "M", offersV2=sold_out, images=None)]
    product = amazon.product(SHIRT)
    assert product is not None
    assert (product.needs_options, product.in_stock) == (True, None)
    assert [(child.id, child.options, child.in_stock, child.image_url is None) for child in product.variants] == [
        (SHIRT_S, (("Size", "S"),), True, False),
        (SHIRT_M, (("Size", "M"),), False, True),
    ]
    assert product.variants[0].reference(of(SHIRT)) == of(SHIRT_S)


def test_a_child_is_a_product_that_names_its_parent(amazon: Amazon) -> None:
    amazon.api.items[SHIRT_S] = shirt(SHIRT_S, "S")
    product = amazon.product(SHIRT_S)
    assert product is not None
    assert (product.needs_options, product.parent_id, product.in_stock) == (False, SHIRT, True)
    amazon.api.items[SHIRT_S] = shirt(SHIRT_S, "S", offersV2=NO_ROOM)
    product = amazon.product(SHIRT_S)
    assert product is not None
    assert (product.needs_options, product.in_stock, len(amazon.api.calls)) == (False, False, 2)


def test_what_has_neither_offer_nor_children_is_sold_out(amazon: Amazon) -> None:
    product = amazon.product(LAMP, offersV2=NO_ROOM)
    assert product is not None
    assert (product.in_stock, product.needs_options) == (False, False)


def test_a_long_list_of_children_is_read_page_by_page_and_ends(amazon: Amazon) -> None:
    amazon.api.items[SHIRT] = item(SHIRT, offersV2=None)
    amazon.api.children[SHIRT] = [shirt(f"B0000001{number:02}", str(number)) for number in range(64)]
    product = amazon.product(SHIRT)
    assert product is not None
    assert len(product.variants) == 50


def test_a_throttle_while_options_are_read_leaves_those_that_were(amazon: Amazon) -> None:
    amazon.api.items[SHIRT] = item(SHIRT, offersV2=None)
    children = [shirt(f"B0000001{number:02}", str(number)) for number in range(25)]
    first_page = {"items": children[:10], "variationSummary": {"pageCount": 3}}
    amazon.api.instead = [
        (200, {"itemsResult": {"items": [amazon.api.items[SHIRT]]}}),
        (200, {"variationsResult": first_page}),
        (429, {}),
    ]
    product = amazon.product(SHIRT)
    assert product is not None
    assert len(product.variants) == 10


@pytest.mark.parametrize("answer", [(429, {}), (403, NOT_ELIGIBLE)], ids=["throttled", "not eligible"])
def test_a_parent_whose_options_are_unknown_is_asked_about_again(amazon: Amazon, answer: Answer) -> None:
    parent = item(SHIRT, offersV2=None)
    amazon.api.instead = [(200, {"itemsResult": {"items": [parent]}}), answer]
    with pytest.raises(StoreUnavailableError, match="options"):
        amazon.product(SHIRT)


@pytest.mark.parametrize("code", ["ItemNotFound", "InvalidItemId", "InvalidParameterValue"])
def test_an_error_for_one_item_leaves_the_others(amazon: Amazon, code: str) -> None:
    amazon.api.errors = {SHIRT: code, SHIRT_S: "ItemNotAccessible"}
    found = amazon.store.products([of(KETTLE), of(SHIRT), of(SHIRT_S), of(SHIRT_M)])
    assert found[of(SHIRT)] is None
    assert found[of(SHIRT_S)] == found[of(SHIRT_M)] == Product(), "Amazon keeps silent about them"
    assert found[of(KETTLE)] != Product()


def test_none_of_the_items_is_there(amazon: Amazon) -> None:
    assert amazon.product("B999999999") is None


def test_an_item_that_cannot_be_read_is_one_of_which_nothing_is_known(amazon: Amazon) -> None:
    odd = {"asin": LAMP, "offersV2": {"listings": "many"}}
    amazon.api.instead = [(200, {"itemsResult": {"items": [odd, "odd", item(KETTLE)]}, "errors": "odd"})]
    found = amazon.store.products([of(LAMP), of(KETTLE)])
    assert found[of(LAMP)] == Product()
    assert found[of(KETTLE)] != Product()


@pytest.mark.parametrize(
    ("answer", "wait_ms"),
    [
        ((403, NOT_ELIGIBLE), NOT_ELIGIBLE_MS),
        ((403, {}), NOT_ELIGIBLE_MS),
        ((400, {"reason": "InvalidPartnerTag"}), MISCONFIGURED_MS),
    ],
    ids=["not eligible", "forbidden", "wrong tag"],
)
def test_without_access_carts_go_on_without_titles_and_amazon_is_left_alone(
    amazon: Amazon, answer: Answer, wait_ms: int
) -> None:
    amazon.api.instead = [answer]
    assert amazon.product(KETTLE) == Product()
    amazon.clock.now_ms += wait_ms - 1
    assert amazon.product(KETTLE) == Product()
    assert len(amazon.api.calls) == 1
    amazon.clock.now_ms += 1
    assert amazon.product(KETTLE) != Product()


def test_a_throttle_is_waited_out_and_a_lasting_one_is_not(amazon: Amazon) -> None:
    amazon.api.instead = [(429, {})] * 3
    for _ in range(2):
        with pytest.raises(StoreUnavailableError, match="throttled"):
            amazon.product(KETTLE)
    amazon.clock.now_ms += PATIENCE_MS
    assert amazon.product(KETTLE) == Product()
    assert amazon.product(KETTLE) == Product()
    assert len(amazon.api.calls) == 3
    amazon.clock.now_ms += OUT_OF_QUOTA_MS
    assert amazon.product(KETTLE) != Product()


def test_throttles_far_apart_are_no_lasting_one(amazon: Amazon) -> None:
    for _ in range(2):
        amazon.api.instead = [(429, {})]
        with pytest.raises(StoreUnavailableError, match="throttled"):
            amazon.product(KETTLE)
        assert amazon.product(KETTLE) != Product()
        amazon.clock.now_ms += PATIENCE_MS


@pytest.mark.parametrize("answer", [(500, {}), (503, b"<html>"), (200, b"<html>"), ReadTimeoutError(None, "", "")])  # type: ignore[arg-type]
def test_no_usable_answer_means_amazon_is_unavailable(amazon: Amazon, answer: Answer) -> None:
    amazon.api.instead = [answer]
    with pytest.raises(StoreUnavailableError):
        amazon.product(KETTLE)


def test_a_token_serves_until_it_ends(amazon: Amazon) -> None:
    def tokens() -> int:
        return len(amazon.internet.requests) - len(amazon.api.calls)

    for _ in range(3):
        amazon.product(KETTLE)
    assert tokens() == 1
    amazon.clock.now_ms += 3_600_000
    amazon.product(KETTLE)
    assert tokens() == 2
    amazon.api.revoke_tokens()
    assert amazon.product(KETTLE) != Product()
    assert tokens() == 3


def test_older_credentials_are_cognitos(amazon: Amazon) -> None:
    amazon.secret.value = CREDENTIALS | {"version": "2.1"}
    assert amazon.product(KETTLE) != Product()


@pytest.mark.parametrize(
    "value",
    [None, {}, CREDENTIALS | {"version": "9.9"}, CREDENTIALS | {"credential_secret": "old"}],
    ids=["no secret", "empty", "unknown version", "wrong secret"],
)
def test_without_usable_credentials_carts_go_on(amazon: Amazon, value: dict[str, str] | None) -> None:
    amazon.secret.value = value
    assert amazon.product(KETTLE) == Product()
    amazon.secret.value = dict(CREDENTIALS)
    assert amazon.product(KETTLE) == Product()
    amazon.clock.now_ms += MISCONFIGURED_MS
    assert amazon.product(KETTLE) != Product()


@pytest.mark.parametrize("answer", [(503, {}), (429, {}), (200, b"odd")], ids=str)
def test_no_token_now_means_amazon_is_unavailable(amazon: Amazon, answer: Answer) -> None:
    amazon.internet.answer("POST https://api.amazon.com/auth/o2/token", answer)
    with pytest.raises(StoreUnavailableError):
        amazon.product(KETTLE)


def test_without_a_tag_for_a_marketplace_its_catalogue_is_not_asked(amazon: Amazon) -> None:
    store = AmazonStore(
        AssociateTags.read(["amazon.co.uk=shop-21"], keeps_others=True), lambda: AmazonCatalogue(amazon.creators)
    )
    assert store.product(of(KETTLE)) == Product()
    assert not amazon.internet.requests


# ------------------------------------------------------------------ Hand-off


def fields(url: str) -> dict[str, str]:
    assert urlsplit(url).path == "/gp/aws/cart/add.html"
    return {name: value for name, [value] in parse_qs(urlsplit(url).query).items()}


def test_each_associate_gets_a_form_and_the_merchant_the_rest(amazon: Amazon) -> None:
    lines = [
        HandOffLine(of(KETTLE), 2),
        HandOffLine(of(LAMP), 1, associate_tag="blog-20"),
        HandOffLine(of(SHIRT_S), 1),
    ]
    merchants, blogs = amazon.store.hand_off(lines)
    assert fields(merchants.url) == {
        "AssociateTag": "shop-20", "ASIN.1": KETTLE, "Quantity.1": "2", "ASIN.2": SHIRT_S, "Quantity.2": "1"
    }  # fmt: skip
    assert fields(blogs.url) == {"AssociateTag": "blog-20", "ASIN.1": LAMP, "Quantity.1": "1"}
    assert [*merchants.line_ids, *blogs.line_ids] == [of(KETTLE).line_id, of(SHIRT_S).line_id, of(LAMP).line_id]


@pytest.mark.parametrize(
    ("entries", "keeps_others", "marketplace", "tag"),
    [
        (["shop-20"], True, "amazon.com", "blog-20"),
        (["shop-20"], False, "amazon.com", "shop-20"),
        (["shop-20", "amazon.co.uk=shop-21"], False, "amazon.co.uk", "shop-21"),
        (["amazon.co.uk=shop-21"], False, "amazon.de", None),
        ([], True, "amazon.de", "blog-20"),
        ([], False, "amazon.de", None),
    ],
)
def test_the_original_tag_is_kept_or_replaced_as_configured(
    entries: list[str], keeps_others: bool, marketplace: str, tag: str | None
) -> None:
    store = AmazonStore(AssociateTags.read(entries, keeps_others=keeps_others))
    line = HandOffLine(of(KETTLE, marketplace), 1, associate_tag="blog-20")
    [hand_off] = store.hand_off([line])
    assert urlsplit(hand_off.url).hostname == f"www.{marketplace}"
    assert fields(hand_off.url).get("AssociateTag") == tag
    query = f"?tag={tag}" if tag else ""
    assert store.product_url(line) == f"https://www.{marketplace}/dp/{KETTLE}{query}"


def test_a_long_list_is_split_and_nothing_is_lost(amazon: Amazon) -> None:
    lines = [HandOffLine(of(f"B00000{number:04}"), 1) for number in range(2 * PRODUCTS_A_FORM + 1)]
    hand_offs = amazon.store.hand_off(lines)
    assert [len(hand_off.line_ids) for hand_off in hand_offs] == [PRODUCTS_A_FORM, PRODUCTS_A_FORM, 1]
    assert [line_id for hand_off in hand_offs for line_id in hand_off.line_ids] == [
        line.reference.line_id for line in lines
    ]
    assert all(len(hand_off.url) < 2000 for hand_off in hand_offs)


def test_one_product_on_two_lines_is_asked_for_once(amazon: Amazon) -> None:
    lines = [HandOffLine(of(KETTLE), 700), HandOffLine(of(KETTLE), 700)]
    [hand_off] = amazon.store.hand_off(lines)
    assert fields(hand_off.url)["Quantity.1"] == "999"
