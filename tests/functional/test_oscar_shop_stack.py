"""The local world with a django-oscar shop as its store: `make start STORE=oscar`."""

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from hashcart.domain.product_links import StoreLinks, find_product
from local.demo_store.customers import CUSTOMERS
from local.settings import OSCAR, OSCAR_KEY, PROJECT_ROOT, LocalSettings, from_environment
from local.stack import deployment
from local.stack.console import StackError
from local.stack.environment import client_environment, shop_environment
from local.stack.outside import private_settings
from local.stack.ports import check_ports
from local.x_simulator.database import open_database
from local.x_simulator.entities import Preview
from local.x_simulator.seed import OTHER_SITE, Previews, plant
from local.x_simulator.shelves import NOT_FOUND, DemoShelf, shelf_of
from local.x_simulator.timeline import Timeline
from tests.template.loading import template

SETTINGS = LocalSettings(x_port=8400, store_port=8401, aws_port=4566, state_dir=Path("/state"), store=OSCAR)
CATALOGUE = json.loads((PROJECT_ROOT / "local" / "oscar_shop" / "catalogue.json").read_text())
SITE = "http://shop.localhost:8404"


def test_the_store_is_chosen_by_a_variable() -> None:
    assert from_environment({"HASHCART_STORE": "oscar", "HASHCART_SHOP_PORT": "9"}).shop_site_url.endswith(":9")
    assert from_environment({}).shop_site_url == "http://store.localhost:8401"
    with pytest.raises(ValueError, match="magento"):
        from_environment({"HASHCART_STORE": "magento"})


@pytest.mark.parametrize("value", ["many", "", "0", "65536", "-1", "٣"])
def test_a_wrong_port_is_named(value: str) -> None:
    with pytest.raises(ValueError, match=f"HASHCART_CART_PORT={value} is no port"):
        from_environment({"HASHCART_CART_PORT": value})


def test_the_template_gets_what_the_shop_needs() -> None:
    values = deployment.parameter_values(SETTINGS, "x86_64")
    assert set(values) <= set(template()["Parameters"])
    assert (values["Store"], values["StoreHosts"], values["StoreSiteUrl"]) == ("oscar", "shop.localhost", SITE)
    assert values["StoreBaseUrl"] == "http://127.0.0.1:8404"
    assert values["SensitiveCategories"] == "Health"


def test_its_port_must_be_free_only_where_it_is_used() -> None:
    with pytest.raises(StackError, match="Port 8404"):
        check_ports(SETTINGS, free=lambda port: port != 8404)
    check_ports(replace(SETTINGS, store="demo"), free=lambda port: port != 8404)


def test_the_shop_has_the_key_and_a_place_but_nothing_of_aws() -> None:
    environment = shop_environment(
        SETTINGS, {"AWS_PROFILE": "mine", "PYTHONPATH": "x", "DJANGO_DEBUG": "1", "HOME": "/h"}
    )
    assert environment == {
        "HOME": "/h",
        "OSCAR_SHOP_PORT": "8404",
        "OSCAR_SHOP_STATE": "/state/shop",
        "OSCAR_SHOP_HASHCART_KEY": OSCAR_KEY,
        "PYTHONWARNINGS": "ignore",
    }


def test_the_tests_have_a_shop_of_their_own() -> None:
    private = private_settings(SETTINGS)
    assert (private.store, private.shop_port) == (OSCAR, 18404)
    assert private.shop_dir.is_relative_to(SETTINGS.state_dir / "private")
    assert from_environment(client_environment(private, {})).shop_site_url == private.shop_site_url


def test_its_customers_are_those_of_the_sign_in() -> None:
    people = {entry["subject"]: (entry["name"], entry["email"]) for entry in CATALOGUE["customers"]}
    assert people == {subject: (customer.name, customer.email) for subject, customer in CUSTOMERS.items()}


def test_the_posts_link_to_its_products(tmp_path: Path) -> None:
    with closing(open_database(tmp_path / "x.sqlite3")) as database:
        timeline = Timeline(database)
        plant(timeline, 1_795_000_000, shelf_of(SETTINGS))
        texts = [post.source for post in timeline.roots()]
    known = {str(product["id"]) for product in CATALOGUE["products"]}
    assert "{" not in " ".join(texts)
    links = StoreLinks.of("oscar", ("shop.localhost",))
    found = [find_product(word, links) for text in texts for word in text.split() if word.startswith(SITE)]
    assert {reference.product_id for reference in found if reference is not None} - known == {"99"}
    assert all(reference is not None and reference.marketplace == "shop.localhost" for reference in found)


def test_previews_are_of_its_pages() -> None:
    previews = Previews(shelf_of(SETTINGS))
    mug = Preview(
        "Stoneware mug, speckled",
        "Thrown by hand, 350 ml, a handle for the whole hand.",
        image_url="/pictures/stoneware-mug.svg",
        price="$18.00",
    )
    assert previews(f"{SITE}/catalogue/stoneware-mug_11/") == mug
    assert previews(f"{SITE}/catalogue/walnut-radio_99/") == NOT_FOUND
    assert previews(f"{SITE}/basket/") is None
    assert previews("http://elsewhere.localhost/catalogue/stoneware-mug_11/") is None
    assert previews(OTHER_SITE) is not None


def test_the_demo_store_is_still_the_default() -> None:
    assert shelf_of(replace(SETTINGS, store="demo")) == DemoShelf(8401)
    assert shelf_of(SETTINGS).origins == (SITE,)
