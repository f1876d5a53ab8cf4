"""`cart_insertion` with each kind of store that it can be deployed for: settings, secrets and calls fit together."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from urllib3.exceptions import ProtocolError

from hashcart.domain.account_links import AccountLink
from hashcart.domain.cart_lines import Snapshot, StoreState
from hashcart.domain.link_previews import LinkPreview
from hashcart.domain.product_links import ProductReference
from hashcart.messages.cart_requests import AddRequested
from hashcart.messages.posts import to_json
from hashcart.observability import clock_ms
from hashcart.storage.carts import Carts
from hashcart.use_cases.synchronise_cart import STUCK_AFTER_FAILURES
from tests.fakes.account_links import tie
from tests.fakes.aws import Aws, aws_account
from tests.fakes.clock import post_id
from tests.fakes.creators_api import CREDENTIALS, CreatorsApiFake, item
from tests.fakes.handlers import Bundle, sqs_event
from tests.fakes.internet import Internet
from tests.fakes.shopify import SHOP, ShopifyFake, product, variant

OSCAR_MUG = {
    "id": 11,
    "title": "Stoneware mug",
    "structure": "standalone",
    "price": {"currency": "USD", "incl_tax": "18.00"},
    "availability": {"is_available_to_buy": True, "num_available": 5},
}
KETTLE, LAMP = (ProductReference("amazon.com", asin) for asin in ("B08N5WRWNW", "B000000001"))


@pytest.fixture
def aws() -> Iterator[Aws]:
    with aws_account() as account:
        link = AccountLink("shopper-1", "222", "ada", "amazon.com", "US", "en", clock_ms() - 60_000, "1")
        tie(account.dynamodb, link)
        yield account


def request(product: ProductReference, number: int) -> AddRequested:
    post = post_id(0, number, clock_ms())
    preview = LinkPreview("As X saw it", "https://pbs.twimg.com/1.jpg", "blog-20")
    return AddRequested(post, post, "222", "1", product, preview=preview)


def insert(bundle: Bundle, *requests: AddRequested) -> dict[str, Snapshot]:
    answer = bundle.invoke("cart_insertion", sqs_event(*map(to_json, requests)))
    assert answer == {"batchItemFailures": []}
    lines = Carts(bundle.aws.dynamodb, "CartsTable").lines("shopper-1")
    return {line.line_id: replace(line.snapshot, priced_at_ms=None) for line in lines}


def test_amazon_without_its_catalogue_shows_what_the_post_does(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshots = insert(Bundle(aws, Internet(), monkeypatch, STORE="amazon"), request(KETTLE, 1))
    assert snapshots == {
        KETTLE.line_id: Snapshot(
            "As X saw it", image_url="https://pbs.twimg.com/1.jpg", max_quantity=10, associate_tag="blog-20"
        )
    }


def test_amazons_catalogue_is_asked_once_for_a_batch(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    internet = Internet()
    api = CreatorsApiFake(internet, {asin: item(asin) for asin in (KETTLE.product_id, LAMP.product_id)})
    arn = aws.create_secret("creators-api", CREDENTIALS)
    bundle = Bundle(aws, internet, monkeypatch, STORE="amazon", ASSOCIATE_TAGS="shop-20", STORE_API_SECRET_ARN=arn)
    snapshots = insert(bundle, request(KETTLE, 1), request(LAMP, 2))
    assert len(api.calls) == 1
    assert {snapshot.title for snapshot in snapshots.values()} == {"Title of B08N5WRWNW", "Title of B000000001"}
    assert {(snapshot.price, snapshot.currency) for snapshot in snapshots.values()} == {("24.50", "USD")}


def test_amazon_with_an_empty_secret_goes_on_without_its_catalogue(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = Bundle(aws, Internet(), monkeypatch, STORE="amazon", ASSOCIATE_TAGS="shop-20")
    snapshots = insert(bundle, request(KETTLE, 1))
    assert snapshots[KETTLE.line_id].title == "As X saw it"


def test_shopify_is_asked_at_its_own_address(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    tie(aws.dynamodb, AccountLink("shopper-2", "333", "bo", "shop.example", "FR", "fr", clock_ms() - 60_000, "1"))
    internet = Internet()
    shop = ShopifyFake(internet, {"mug": product("mug", variant(1))})
    overrides = {"STORE": "shopify", "STORE_HOSTS": "Shop.example", "STORE_BASE_URL": SHOP, "ALLOWED_COUNTRIES": "*"}
    bundle = Bundle(aws, internet, monkeypatch, **overrides)
    mug = ProductReference("shop.example", "mug")
    answer = bundle.invoke("cart_insertion", sqs_event(to_json(replace(request(mug, 1), author_id="333"))))
    assert answer == {"batchItemFailures": []}
    [line] = Carts(aws.dynamodb, "CartsTable").lines("shopper-2")
    assert line.snapshot.title == "Mug"
    [cart_id] = shop.carts
    assert shop.quantities(cart_id) == {"1": 1}
    assert (line.confirmed.quantity, line.confirmed.cart_id) == (1, cart_id) if line.confirmed else False


def test_oscar_has_the_product_in_the_customers_basket(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And where its answer is lost, `cart_reconciliation` asks again, and tells when that has no end."""
    tie(aws.dynamodb, AccountLink("shopper-3", "444", "cy", "shop.example", "US", "en", clock_ms() - 60_000, "1"))
    api = "http://shop.test/api/hashcart"
    mug = ProductReference("shop.example", "11")
    line = {"product": 11, "quantity": 2, "changed_ms": 1}
    internet = Internet()
    internet.answer(f"GET {api}/products/11/", (200, OSCAR_MUG))
    internet.answer(f"GET {api}/basket/", (200, {"basket": 7, "ordered": False, "lines": []}))
    internet.answer(
        f"PUT {api}/basket/products/11/",
        ProtocolError("cut off"),
        ProtocolError("cut off"),
        (200, {"basket": 7, "ordered": False, "lines": [line]}),
    )
    bundle = Bundle(
        aws,
        internet,
        monkeypatch,
        STORE="oscar",
        STORE_HOSTS="shop.example",
        STORE_BASE_URL="http://shop.test",
        STORE_SITE_URL="https://shop.example",
        STORE_API_SECRET_ARN=aws.create_secret("shop", {"key": "service-key"}),
    )
    asked = replace(request(mug, 3), author_id="444", quantity=2)
    assert bundle.invoke("cart_insertion", sqs_event(to_json(asked))) == {"batchItemFailures": []}
    [outcome] = aws.received("OutcomesQueue")
    assert outcome["outcome"]["code"] == "ADDED"
    carts = Carts(aws.dynamodb, "CartsTable")
    [unconfirmed] = carts.lines("shopper-3")
    assert (unconfirmed.store_state, unconfirmed.failures) == (StoreState.UNREACHABLE, 1)
    assert bundle.invoke("cart_reconciliation", {})["synchronised"] == 0
    assert not any(hasattr(record, "StuckCartLines") for record in caplog.records)
    for _ in range(STUCK_AFTER_FAILURES - 2):
        carts.postpone("shopper-3", mug.line_id, due_ms=clock_ms())
    bundle.restart()
    assert bundle.invoke("cart_reconciliation", {})["synchronised"] == 1
    [metric] = [vars(record) for record in caplog.records if hasattr(record, "StuckCartLines")]
    assert (metric["StuckCartLines"], metric["FunctionName"], metric["levelname"]) == (
        1,
        "cart_reconciliation",
        "ERROR",
    )
    [described] = metric["_aws"]["CloudWatchMetrics"]
    assert described == {
        "Namespace": "HashCart/tested",
        "Dimensions": [["FunctionName"]],
        "Metrics": [{"Name": "StuckCartLines"}],
    }
    carts.postpone("shopper-3", mug.line_id, due_ms=clock_ms())
    bundle.restart()
    assert bundle.invoke("cart_reconciliation", {})["synchronised"] == 1
    [confirmed] = carts.lines("shopper-3")
    assert confirmed.store_state is StoreState.CONFIRMED
    keys = {sent.headers["x-hashcart-key"] for sent in internet.requests}
    assert keys == {"service-key"}
