"""Any shop: what its product pages tell, and the address that fills its cart."""

import gzip
import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashcart.domain.hand_offs import HandOffLine
from hashcart.domain.product_links import ProductReference, StoreLinks, find_product
from hashcart.domain.products import Product
from hashcart.public_web import NoAnswerError, RefusedError
from hashcart.stores.hand_off_template import HandOffTemplate, TemplateError
from hashcart.stores.product_page import MAX_ITEMS, MAX_PAGE_BYTES, ProductPageStore
from hashcart.stores.protocol import StoreUnavailableError
from hashcart.stores.structured_data import Ids, PageProduct, read_page
from tests.fakes.product_pages import OFFER, WebFake, product_node, product_page

HOST = "shop.example"
PAGE = f"https://{HOST}/products/mug"
WOOCOMMERCE = "https://{host}/?add-to-cart={id}&quantity={quantity}"
PERMALINK = "https://{host}/cart/[{id}:{quantity}|,]"
MUG = ProductReference(HOST, "/products/mug")

NODE = product_node()


def read(*blocks: object, head: str = "", body: str = "", url: str = PAGE) -> PageProduct:
    found = read_page(product_page(*blocks, head=head, body=body), url)
    assert found is not None
    return found


# ------------------------------------------------------------------ JSON-LD


def test_a_product_in_json_ld() -> None:
    assert read(NODE) == PageProduct(
        Product(
            title="Stoneware & glaze mug",
            price="24.00",
            currency="EUR",
            image_url=f"https://{HOST}/images/mug.jpg",
            in_stock=True,
            category="Kitchen > Mugs",
        ),
        Ids("17", "MUG-1"),
    )


BREADCRUMB = {"@type": "BreadcrumbList", "name": "not a product"}
OTHER = {"@type": "Product", "name": "Another", "url": f"https://{HOST}/products/other", "offers": OFFER}


@pytest.mark.parametrize(
    "blocks",
    [
        [BREADCRUMB, NODE],
        [[BREADCRUMB, NODE]],
        [{"@graph": [BREADCRUMB, NODE]}],
        [{"@type": "WebPage", "mainEntity": NODE}],
        [{"@type": "ItemPage", "mainEntity": {"@graph": [NODE]}}],
        [NODE | {"@type": ["Product", "Book"]}],
        [NODE | {"@type": "http://schema.org/Product"}],
        [OTHER, NODE | {"url": PAGE + "/?utm_source=x"}],
        [OTHER, NODE | {"@id": "/products/mug#product"}],
        [{"@type": "Product", "name": "Without an offer"}, NODE],
        ["text", 5, None, [[[[[[[[[NODE]]]]]]]]], NODE],
    ],
)
def test_the_pages_product_is_found_wherever_it_stands(blocks: list[object]) -> None:
    assert read(*blocks).product.title == "Stoneware & glaze mug"


@pytest.mark.parametrize(
    "script",
    [
        "<!-- {} -->",
        "//<![CDATA[\n{}\n//]]>",
        "/*<![CDATA[*/ {} //]]>",
    ],
)
def test_json_ld_may_be_wrapped_as_scripts_once_were(script: str) -> None:
    markup = f'<script type="application/ld+json">{script.replace("{}", json.dumps(NODE))}</script>'
    found = read_page(markup, PAGE)
    assert found is not None


@pytest.mark.parametrize("broken", ["{", "", "[" * 5000, '{"@type": "Product", "name": "x",}', "null"])
def test_a_broken_block_spoils_no_other(broken: str) -> None:
    markup = f'<script type="application/ld+json">{broken}</script>' + product_page(NODE)
    found = read_page(markup, PAGE)
    assert found is not None
    assert found.product.price == "24.00"


@pytest.mark.parametrize(
    "markup",
    [
        "",
        "plain text",
        product_page(),
        product_page(BREADCRUMB),
        product_page({"@type": "Article"}),
        product_page({"name": "No type"}),
        "\x00<<<",
    ],
)
def test_what_is_no_product_page(markup: str) -> None:
    assert read_page(markup, PAGE) is None


@pytest.mark.parametrize(
    ("availability", "in_stock"),
    [
        ("https://schema.org/InStock", True),
        ("http://schema.org/LimitedAvailability", True),
        ("PreOrder", True),
        ("schema:BackOrder", True),
        ("in stock", True),
        ("https://schema.org/OutOfStock", False),
        ("SoldOut", False),
        ("https://schema.org/Discontinued/", False),
        ("InStoreOnly", False),
        (["https://schema.org/OutOfStock"], False),
        ("https://schema.org/Reserved", None),
        (5, None),
        (None, None),
    ],
)
def test_each_way_to_say_what_is_in_stock(availability: object, in_stock: bool | None) -> None:
    assert read(NODE | {"offers": OFFER | {"availability": availability}}).product.in_stock is in_stock


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        (24, "24"),
        (24.5, "24.5"),
        ("24.00", "24.00"),
        ("1234.5", "1234.5"),
        ("1.500", "1.500"),
        ("1,234.50", "1234.50"),
        ("1.234,50 €", "1234.50"),
        ("€ 24,00", "24.00"),
        ("24,5", "24.5"),
        ("1,234", "1234"),
        ("1.234.567", "1234567"),
        ("1'234.50", "1234.50"),
        ("1\u00a0234,50", "1234.50"),
        (",50", None),
        ("-5", None),
        ("free", None),
        (True, None),
        (None, None),
        ({"value": 5}, None),
    ],
)
def test_a_price_is_read_as_people_and_machines_write_it(price: object, expected: str | None) -> None:
    product = read(NODE | {"offers": OFFER | {"price": price}}).product
    assert product.price == ("50" if price == ",50" else expected)
    assert product.currency == "EUR"


@pytest.mark.parametrize(
    ("offers", "price", "needs_options"),
    [
        ({"@type": "AggregateOffer", "lowPrice": 20, "highPrice": 20, "priceCurrency": "EUR"}, "20", False),
        ({"@type": "AggregateOffer", "lowPrice": 20, "highPrice": 30, "priceCurrency": "EUR"}, None, True),
        ({"@type": "AggregateOffer", "lowPrice": 20, "priceCurrency": "EUR"}, "20", False),
        ({"@type": "AggregateOffer", "lowPrice": 20, "highPrice": 30, "offers": [OFFER, "odd"]}, "24.00", False),
        ({"priceSpecification": {"price": "19.90", "priceCurrency": "EUR"}}, "19.90", False),
        ({"priceSpecification": [{"price": "19.90"}], "priceCurrency": "EUR"}, "19.90", False),
        ([OFFER | {"availability": "SoldOut", "price": 5}, OFFER], "24.00", False),
        ([OFFER | {"availability": "SoldOut", "price": 5}], "5", False),
        (None, None, False),
        ("odd", None, False),
    ],
)
def test_each_shape_of_offer(offers: object, price: str | None, needs_options: bool) -> None:
    product = read(NODE | {"offers": offers}).product
    assert (product.price, product.needs_options) == (price, needs_options)


@pytest.mark.parametrize(
    ("changes", "most"),
    [
        ({"eligibleQuantity": {"maxValue": 3}}, 3),
        ({"inventoryLevel": {"value": 5.0}, "eligibleQuantity": {"maxValue": 9}}, 5),
        ({"inventoryLevel": {"value": "many"}}, None),
        ({"inventoryLevel": {"value": -1}}, None),
    ],
)
def test_the_most_of_one(changes: dict[str, Any], most: int | None) -> None:
    assert read(NODE | {"offers": OFFER | changes}).product.max_quantity == most


@pytest.mark.parametrize(
    ("changes", "head", "sensitive", "digital"),
    [
        ({"hasAdultConsideration": "https://schema.org/SexualContentConsideration"}, "", True, False),
        ({"isFamilyFriendly": False}, "", True, False),
        ({}, '<meta name="rating" content="adult">', True, False),
        ({}, '<meta name="rating" content="general">', False, False),
        ({"bookFormat": "https://schema.org/EBook"}, "", False, True),
        ({"@type": ["Product", "SoftwareApplication"]}, "", False, True),
        ({"offers": OFFER | {"availableDeliveryMethod": "DeliveryModeDirectDownload"}}, "", False, True),
    ],
)
def test_adult_and_digital_goods_are_told(changes: dict[str, Any], head: str, sensitive: bool, digital: bool) -> None:
    product = read(NODE | changes, head=head).product
    assert (product.sensitive, product.digital) == (sensitive, digital)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("https://cdn.example/a.jpg", "https://cdn.example/a.jpg"),
        ({"@type": "ImageObject", "url": "//cdn.example/a.jpg"}, "https://cdn.example/a.jpg"),
        ([{"contentUrl": "a.jpg"}], f"https://{HOST}/products/a.jpg"),
        (["http://cdn.example/a.jpg", "https://cdn.example/b.jpg"], "https://cdn.example/b.jpg"),
        ("javascript:alert(1)", "https://cdn.example/og.jpg"),
        ("https://[", "https://cdn.example/og.jpg"),
        ("https://cdn.example/" + "a" * 3000, "https://cdn.example/og.jpg"),
        (None, "https://cdn.example/og.jpg"),
    ],
)
def test_a_picture_is_an_https_address(image: object, expected: str) -> None:
    head = '<meta property="og:image" content="https://cdn.example/og.jpg">'
    assert read(NODE | {"image": image}, head=head).product.image_url == expected


# ------------------------------------------------------------------ Variants


def variant(size: str, number: int, **offer: object) -> dict[str, Any]:
    return {
        "@type": "Product",
        "name": f"Tee - {size} / Blue",
        "size": size,
        "color": {"name": "Blue"},
        "sku": f"TEE-{size}",
        "offers": {**OFFER, "url": f"{PAGE}?variant={number}", **offer},
    }


GROUP = {
    "@context": "https://schema.org/",
    "@type": "ProductGroup",
    "name": "Tee",
    "variesBy": ["https://schema.org/size", "https://schema.org/color"],
    "hasVariant": [variant("S", 11, availability="OutOfStock"), variant("M", 12, price=26)],
}


def test_a_group_of_variants() -> None:
    found = read(NODE, GROUP)
    assert (found.product.title, found.product.needs_options, found.product.in_stock) == ("Tee", True, True)
    assert [(each.options, each.price, each.in_stock) for each in found.product.variants] == [
        ((("size", "S"), ("color", "Blue")), "24.00", False),
        ((("size", "M"), ("color", "Blue")), "26", True),
    ]
    assert found.variant_ids == (Ids("11", "TEE-S"), Ids("12", "TEE-M"))


@pytest.mark.parametrize(
    ("first", "second", "in_stock"),
    [("OutOfStock", "SoldOut", False), ("OutOfStock", None, None), ("InStock", "OutOfStock", True)],
)
def test_a_group_is_in_stock_if_one_of_it_is(first: str, second: str | None, in_stock: bool | None) -> None:
    variants = [variant("S", 11, availability=first), variant("M", 12, availability=second)]
    assert read(GROUP | {"hasVariant": variants}).product.in_stock is in_stock


@pytest.mark.parametrize(
    ("changes", "options"),
    [
        ({"additionalProperty": [{"name": "Länge", "value": "32"}], "size": None, "color": None}, (("Länge", "32"),)),
        ({}, (("size", "M"),)),
        ({"size": None, "name": "Tee – Extra Large"}, (("option", "Extra Large"),)),
        ({"size": None, "name": "Tee"}, ()),
    ],
)
def test_options_are_found_without_being_announced(
    changes: dict[str, Any], options: tuple[tuple[str, str], ...]
) -> None:
    group = GROUP | {"variesBy": None, "hasVariant": [variant("S", 11), variant("M", 12) | {"color": None} | changes]}
    assert read(group).product.variants[1].options == options


def test_variants_may_be_named_by_their_ids_alone() -> None:
    nodes = [variant(size, number) | {"@id": f"#{size}"} for size, number in (("S", 11), ("M", 12))]
    group = GROUP | {"hasVariant": [{"@id": "#S"}, {"@id": "#M"}]}
    assert read({"@graph": [group, *nodes]}).variant_ids == (Ids("11", "TEE-S"), Ids("12", "TEE-M"))


def test_a_variants_page_that_names_its_group() -> None:
    found = read(variant("M", 12) | {"isVariantOf": GROUP})
    assert found.product.needs_options


def test_offers_with_ids_of_their_own_are_variants() -> None:
    offers = [OFFER | {"name": f"Mug {size}", "sku": f"MUG-{size}"} for size in ("S", "L")]
    found = read(NODE | {"name": "Mug", "offers": offers})
    assert [each.options for each in found.product.variants] == [(("option", "S"),), (("option", "L"),)]
    assert [ids.sku for ids in found.variant_ids] == ["MUG-S", "MUG-L"]


def test_a_group_of_one_is_a_product() -> None:
    found = read(GROUP | {"hasVariant": [variant("M", 12)]})
    assert (found.product.needs_options, found.product.price, found.ids) == (False, "24.00", Ids("12", "TEE-M"))


# ------------------------------------------------------------------ Open Graph, forms


META = {
    "og:type": "product",
    "og:title": "Mug",
    "og:image": "/mug.jpg",
    "product:price:amount": "24,00",
    "product:price:currency": "eur",
    "product:availability": "in stock",
    "product:retailer_item_id": "MUG-1",
}


def metas(**changes: str | None) -> str:
    names = META | {name.replace("__", ":"): value for name, value in changes.items()}
    return "".join(f'<meta property="{name}" content="{value}">' for name, value in names.items() if value is not None)


def test_a_product_in_open_graph() -> None:
    assert read(head=metas()) == PageProduct(
        Product("Mug", "24.00", "EUR", f"https://{HOST}/mug.jpg", in_stock=True), Ids(None, "MUG-1")
    )


@pytest.mark.parametrize(
    ("changes", "price"),
    [
        ({"og__type": "website"}, "24.00"),
        ({"product__price__currency": None}, None),
        ({"product__price__amount": None}, None),
        ({"product__price__amount": None, "og__price__amount": "5.50"}, "5.50"),
    ],
)
def test_open_graph_may_be_incomplete(changes: dict[str, str | None], price: str | None) -> None:
    product = read(head=metas(**changes)).product
    assert (product.price, product.currency) == (price, "EUR" if price else None)


@pytest.mark.parametrize(
    "changes", [{"og__title": None}, {"og__type": "article", "product__price__amount": None}], ids=str
)
def test_open_graph_of_something_else(changes: dict[str, str | None]) -> None:
    assert read_page(product_page(head=metas(**changes)), PAGE) is None


@pytest.mark.parametrize(
    ("markup", "number"),
    [
        ('<button name="add-to-cart" value="123">Add</button>', "123"),
        ('<input type="hidden" name="add-to-cart" value="123">', "123"),
        ('<link rel="shortlink" href="https://shop.example/?p=456">', "456"),
        ('<button name="add-to-cart" value="">Add</button>', "17"),
        ('<button name="add-to-cart" value="x1">Add</button>', "17"),
        ('<link rel="shortlink" href="https://[">', "17"),
    ],
)
def test_the_number_of_woocommerces_form_wins(markup: str, number: str) -> None:
    assert read(NODE, body=markup).ids.number == number


@pytest.mark.parametrize(
    ("changes", "ids"),
    [
        ({"productID": None}, Ids(None, "MUG-1")),
        ({"productID": None, "url": f"{PAGE}?variant=9"}, Ids("9", "MUG-1")),
        ({"productID": None, "url": "https://["}, Ids(None, "MUG-1")),
        ({"sku": None, "gtin13": "4006381333931"}, Ids("17", "4006381333931")),
        ({"sku": 5}, Ids("17", "5")),
        ({"sku": "a\nb", "mpn": True, "productID": "x" * 101}, Ids()),
    ],
)
def test_ids_are_short_and_printable(changes: dict[str, Any], ids: Ids) -> None:
    assert read(NODE | changes).ids == ids


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from([*NODE, *OFFER, *GROUP, "@id", "@graph", "url", "size", "lowPrice", "highPrice", "sku"]),
            inner,
            max_size=6,
        )
    ),
    max_leaves=25,
)


@given(json_values, json_values)
def test_no_page_makes_reading_fail(block: object, offers: object) -> None:
    read_page(product_page(block, {"@type": "Product", "offers": offers, "hasVariant": block}), PAGE)


@given(st.text(), st.text(max_size=30))
def test_no_markup_or_address_makes_reading_fail(markup: str, path: str) -> None:
    read_page(markup + product_page(NODE), f"https://{HOST}/{path}")


# ------------------------------------------------------------------ The store


@pytest.fixture
def web() -> WebFake:
    web = WebFake()
    web.put("shop.example/products/mug", product_page(NODE))
    return web


def store(web: WebFake, template: str | None = WOOCOMMERCE, *hosts: str) -> ProductPageStore:
    links = StoreLinks.of("generic", hosts or (HOST,))
    return ProductPageStore(web, links, HandOffTemplate.read(template) if template else None)  # type: ignore[arg-type]


def test_a_link_to_a_page_is_a_product_of_the_shop(web: WebFake) -> None:
    reference = find_product("https://www.shop.example/products/mug?utm_source=x", StoreLinks.of("generic", (HOST,)))
    assert reference == MUG
    product = store(web).product(reference)
    assert product is not None
    assert (product.title, product.item_id, product.marketplaces) == ("Stoneware & glaze mug", "17", (HOST,))


@pytest.mark.parametrize(
    "reference",
    [
        ProductReference("elsewhere.example", "/products/mug"),
        ProductReference("[", "/"),
        ProductReference(HOST, "@evil.test/"),
    ],
    ids=str,
)
def test_no_other_host_is_ever_asked(web: WebFake, reference: ProductReference) -> None:
    assert store(web).product(reference) is None
    assert web.asked == []


@pytest.mark.parametrize("status", [404, 410])
def test_a_page_that_is_gone(web: WebFake, status: int) -> None:
    web.put("shop.example/products/mug", "", status)
    assert store(web).product(MUG) is None


@pytest.mark.parametrize("kind", ["application/pdf", "", "application/json"])
def test_what_is_no_page_is_not_read(web: WebFake, kind: str) -> None:
    web.put("shop.example/products/mug", product_page(NODE), content_type=kind)
    assert store(web).product(MUG) is None


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_page_may_lead_to_another_of_the_shop(web: WebFake, status: int) -> None:
    web.put("shop.example/products/mug", "", status, location="http://www.shop.example/fr/products/mug")
    web.put("www.shop.example/fr/products/mug", product_page(NODE))
    assert store(web).product(MUG) is not None


@pytest.mark.parametrize(
    "location", ["https://elsewhere.example/", "https://127.0.0.1/", "ftp://shop.example/", "https://["]
)
def test_a_page_may_not_lead_elsewhere(web: WebFake, location: str) -> None:
    web.put("shop.example/products/mug", "", 302, location=location)
    assert store(web).product(MUG) is None
    assert len(web.asked) == 1


def test_redirects_end(web: WebFake) -> None:
    web.put("shop.example/products/mug", "", 302, location="/products/mug")
    with pytest.raises(StoreUnavailableError, match="redirects"):
        store(web).product(MUG)
    assert len(web.asked) == 4


@pytest.mark.parametrize("error", [NoAnswerError("TimeoutError"), RefusedError("not a public address")])
def test_no_answer_means_the_shop_is_unavailable(web: WebFake, error: Exception) -> None:
    web.answers["shop.example/products/mug"] = error
    with pytest.raises(StoreUnavailableError):
        store(web).product(MUG)


@pytest.mark.parametrize("status", [403, 429, 500, 503])
def test_no_page_now_means_the_shop_is_unavailable(web: WebFake, status: int) -> None:
    web.put("shop.example/products/mug", "", status)
    with pytest.raises(StoreUnavailableError, match=str(status)):
        store(web).product(MUG)


@pytest.mark.parametrize(
    ("packing", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("identity", lambda body: body)]
)
def test_a_packed_page_is_unpacked(web: WebFake, packing: str, pack: Any) -> None:
    web.put("shop.example/products/mug", pack(product_page(NODE).encode()), content_encoding=packing)
    assert store(web).product(MUG) is not None


def test_a_packed_page_is_no_bomb(web: WebFake) -> None:
    bomb = gzip.compress(product_page(NODE).encode() + b" " * (2 * MAX_PAGE_BYTES))
    web.put("shop.example/products/mug", bomb, content_encoding="gzip")
    assert store(web).product(MUG) is not None


@pytest.mark.parametrize("packing", ["gzip", "br"])
def test_what_cannot_be_unpacked_is_no_answer(web: WebFake, packing: str) -> None:
    web.put("shop.example/products/mug", b"odd", content_encoding=packing)
    with pytest.raises(StoreUnavailableError):
        store(web).product(MUG)


@pytest.mark.parametrize(
    ("charset", "kind", "head"),
    [
        ("latin-1", "text/html; charset=ISO-8859-1", ""),
        ("shift_jis", 'text/html;charset="Shift_JIS"', ""),
        ("latin-1", "text/html", '<meta charset="latin1">'),
        ("utf-8", "text/html", ""),
        ("utf-8", "text/html; charset=no-such-charset", ""),
        ("utf-8", "text/html; charset=base64", ""),
    ],
)
def test_a_page_is_read_in_its_charset(web: WebFake, charset: str, kind: str, head: str) -> None:
    name = "カップ" if charset == "shift_jis" else "Café"
    markup = (
        head
        + product_page()
        + f'<meta property="og:type" content="product"><meta property="og:title" content="{name}">'
    )
    web.put("shop.example/products/mug", markup.encode(charset), content_type=kind)
    product = store(web).product(MUG)
    assert product is not None
    assert product.title == name


@pytest.mark.parametrize("template", [WOOCOMMERCE, PERMALINK])
def test_variants_are_chosen_by_id_or_by_the_pages_address(web: WebFake, template: str) -> None:
    web.put("shop.example/products/tee", product_page(GROUP))
    web.put("shop.example/products/tee?variant=12", product_page(GROUP))
    web.put("shop.example/products/tee?variant=99", product_page(GROUP))
    shop = store(web, template)
    parent = shop.product(ProductReference(HOST, "/products/tee"))
    assert parent is not None
    assert [each.id for each in parent.variants] == ["11", "12"]
    for reference in (
        ProductReference(HOST, "/products/tee", "12"),
        ProductReference(HOST, "/products/tee?variant=12"),
    ):
        chosen = shop.product(reference)
        assert chosen is not None
        assert (chosen.needs_options, chosen.item_id, chosen.price, chosen.variants) == (False, "12", "26", ())
    assert shop.product(ProductReference(HOST, "/products/tee", "99")) is None
    unknown = shop.product(ProductReference(HOST, "/products/tee?variant=99"))
    assert unknown is not None
    assert unknown.needs_options


def test_items_may_be_named_by_their_sku(web: WebFake) -> None:
    web.put("shop.example/products/tee", product_page(GROUP))
    shop = store(web, "https://{host}/basket?sku={sku}&n={quantity}")
    found = shop.product(ProductReference(HOST, "/products/tee"))
    assert found is not None
    assert [each.id for each in found.variants] == ["TEE-S", "TEE-M"]
    mug = shop.product(MUG)
    assert mug is not None
    assert mug.item_id == "MUG-1"


def test_options_without_ids_are_chosen_in_the_shop(web: WebFake) -> None:
    variants = [{"@type": "Product", "name": name, "offers": OFFER} for name in ("S", "M")]
    web.put("shop.example/products/tee", product_page(GROUP | {"hasVariant": variants}))
    found = store(web).product(ProductReference(HOST, "/products/tee"))
    assert found is not None
    assert (found.needs_options, found.variants, found.item_id) == (True, (), None)


# ------------------------------------------------------------------ Hand-off


def line(number: int, quantity: int = 1, item_id: str | None = "") -> HandOffLine:
    return HandOffLine(ProductReference(HOST, f"/p/{number}"), quantity, item_id=item_id or None)


def test_woocommerce_takes_one_product_an_address(web: WebFake) -> None:
    lines = [line(1, 2, "11"), HandOffLine(ProductReference(HOST, "/p/2", "22"), 3), line(3)]
    assert [(hand_off.url, len(hand_off.line_ids)) for hand_off in store(web).hand_off(lines)] == [
        (f"https://{HOST}/?add-to-cart=11&quantity=2", 1),
        (f"https://{HOST}/?add-to-cart=22&quantity=3", 1),
        (f"https://{HOST}/p/3", 1),
    ]


def test_a_cart_permalink_takes_them_all(web: WebFake) -> None:
    lines = [line(1, 2, "11"), line(2, 1, "a b/&"), line(3)]
    together, alone = store(web, PERMALINK).hand_off(lines)
    assert together.url == f"https://{HOST}/cart/11:2,a%20b%2F%26:1"
    assert together.line_ids == (lines[0].reference.line_id, lines[1].reference.line_id)
    assert alone.url == f"https://{HOST}/p/3"


def test_a_long_list_is_split(web: WebFake) -> None:
    lines = [line(number, 1, str(number)) for number in range(MAX_ITEMS + 1)]
    assert [len(part.line_ids) for part in store(web, PERMALINK).hand_off(lines)] == [MAX_ITEMS, 1]


def test_without_a_template_each_page_is_opened(web: WebFake) -> None:
    assert [part.url for part in store(web, None).hand_off([line(1, 1, "11")])] == [f"https://{HOST}/p/1"]
    assert store(web, None).hand_off([]) == []


@pytest.mark.parametrize(
    "template",
    [
        "https://{host}/add?item={sku}&n={quantity}",
        "https://basket.shop.example/add/[{sku}x{quantity}|+]?from=x",
        "https://{host}/cart/[{id}:{quantity}|,]",
    ],
)
def test_good_templates(template: str) -> None:
    read = HandOffTemplate.read(template)
    assert read.address(HOST, [("a", 1)]).startswith("https://")
    assert read.uses_sku == ("{sku}" in template)


@pytest.mark.parametrize(
    "template",
    [
        "",
        "https://{host}/cart",
        "https://{host}/cart/{id}",
        "https://{host}/cart/{quantity}",
        "https://{host}/cart/{id}/{sku}/{quantity}",
        "https://{host}/cart/{id}:{quantity}/{unknown}",
        "http://{host}/cart/{id}:{quantity}",
        "javascript:alert({id},{quantity})",
        "//{host}/{id}/{quantity}",
        "https:///{id}/{quantity}",
        "https://{host}/[{id}|,]/{quantity}",
        "https://{host}/[{id}:{quantity}|,]/[{id}:{quantity}|,]",
        "https://{host}/{id}:{quantity}/{",
        "https://{host}/{id}:{quantity}/" + "x" * 500,
    ],
)
def test_bad_templates(template: str) -> None:
    with pytest.raises(TemplateError):
        HandOffTemplate.read(template)
