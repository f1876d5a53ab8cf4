"""A reply fills the customer's own basket in a real django-oscar shop: `make e2e STORE=oscar`."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from local.settings import OSCAR
from local.stack.outside import Machine, Running
from tests.end_to_end.conftest import ADA, DIETER, PATIENCE_SECONDS, QUINN, World, eventually

PASSWORD = "northwind"
SUBJECTS = {ADA: "ada", DIETER: "dieter", QUINN: "quinn"}
MUG, TEE, LAMP, LP, KETTLE, THROW, PLANTER = 11, 12, 13, 14, 16, 18, 19
TEE_BLUE_L = 27
# The schedule comes each minute, and a line that failed waits for one.
RECONCILED_SECONDS = 150


class Shop:
    """The shop as its customers, its warehouse and misfortune see it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.base_url = world.settings.shop_base_url
        self._started: list[Running] = []

    def basket(self, shopper: str) -> dict[int, int]:
        """The quantities in a customer's basket, by product."""
        with self.customer(shopper) as client:
            return {int(line["product"].rstrip("/").rpartition("/")[2]): line["quantity"] for line in lines(client)}

    def change(self, shopper: str, product: int, quantity: int) -> None:
        """A customer changes a quantity in the basket."""
        with self.customer(shopper) as client:
            line = next(line for line in lines(client) if line["product"].endswith(f"/{product}/"))
            if quantity:
                client.patch(line["url"], json={"quantity": quantity}).raise_for_status()
            else:
                client.delete(line["url"]).raise_for_status()

    def order(self, shopper: str) -> None:
        """A customer checks out."""
        address = {
            "country": f"{self.base_url}/api/countries/US/",
            "first_name": "Quinn",
            "last_name": "Hale",
            "line1": "1 Test Street",
            "line4": "Springfield",
            "state": "IL",
            "postcode": "62701",
        }
        with self.customer(shopper) as client:
            basket = client.get("/api/basket/").json()["url"]
            ordered = client.post("/api/checkout/", json={"basket": basket, "shipping_address": address})
            assert ordered.status_code == httpx.codes.OK, ordered.text

    def stock(self, product: int, number: int) -> None:
        """Somebody else buys, or the warehouse gets more."""
        with sqlite3.connect(self._world.settings.shop_dir / "shop.sqlite3", timeout=10) as database:
            database.execute(
                "UPDATE partner_stockrecord SET num_in_stock = ?, num_allocated = 0 WHERE product_id = ?",
                (number, product),
            )
        database.close()

    def fail_once(self, effect: str, when: str) -> None:
        """The next basket that HashCart changes is answered by nothing, `before` or `after` the shop has acted."""
        fault = {"effect": effect, "when": when}
        httpx.post(f"{self.base_url}/simulator/fault", json=fault, timeout=30).raise_for_status()

    def is_up(self) -> bool:
        try:
            return httpx.get(f"{self.base_url}/api/", timeout=5).is_success
        except httpx.HTTPError:
            return False

    def start_again(self) -> None:
        """After it was killed."""
        eventually(lambda: not self.is_up(), "end of the shop")
        running = Machine(self._world.settings).start_shop()
        assert running is not None
        self._started.append(running)

    def stop(self) -> None:
        while self._started:
            self._started.pop().stop()

    @contextmanager
    def customer(self, shopper: str) -> Iterator[httpx.Client]:
        """A signed-in customer's browser."""
        with httpx.Client(base_url=self.base_url, timeout=30) as client:
            client.post("/api/login/", json={"username": SUBJECTS[shopper], "password": PASSWORD}).raise_for_status()
            client.headers["X-CSRFToken"] = str(client.cookies.get("csrftoken"))
            yield client


def lines(client: httpx.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(client.get("/api/basket/").json()["lines"]).json()
    return found


@pytest.fixture(autouse=True)
def _nothing_has_happened() -> None:
    """The tests of this file are one story: the shop remembers its baskets."""


@pytest.fixture(scope="module")
def shop(world: World) -> Iterator[Shop]:
    if world.settings.store != OSCAR:
        pytest.skip("needs the Oscar shop: make e2e STORE=oscar")
    shop = Shop(world)
    yield shop
    shop.stop()


def post_about(world: World, product: int) -> str:
    """The post whose first link leads to a product's page in the shop."""
    if product == PLANTER:
        return world.post("111", f"Herbs: {world.settings.shop_site_url}/catalogue/herb-planter_{PLANTER}/")
    posts = world.x.get("/simulator/posts").json()["posts"]
    return next(str(post["id"]) for post in posts if f"_{product}/" in post["text"])


def reply(world: World, author: str, text: str, product: int, seconds: float = PATIENCE_SECONDS) -> str:
    """Reply to the post about a product; returns the outcome's code."""
    return world.outcome(author, world.reply(author, text, post_about(world, product)), seconds).code


def test_a_shop_that_is_killed_in_the_middle_of_an_add_and_started_again(world: World, shop: Shop) -> None:
    """The last test sees what becomes of it: the schedule takes a minute or two."""
    shop.fail_once("kill", "after")
    assert reply(world, DIETER, "#AmazonCart x2", THROW) == "ADDED"
    shop.start_again()
    assert not world.watcher.is_confirmed(DIETER)


def test_a_reply_puts_the_product_into_the_real_basket(world: World, shop: Shop) -> None:
    assert reply(world, ADA, "#AmazonCart x2", MUG) == "ADDED"
    assert shop.basket(ADA)[MUG] == 2
    assert world.cart(ADA)["Stoneware mug, speckled"] == ("in_cart", 2)
    assert reply(world, ADA, "#AmazonCart x3", MUG) == "QUANTITY_SET"
    assert shop.basket(ADA)[MUG] == 3


def test_an_undo_takes_it_out_again(world: World, shop: Shop) -> None:
    post = world.reply(ADA, "#AmazonCart", post_about(world, THROW))
    assert world.outcome(ADA, post).code == "ADDED"
    assert shop.basket(ADA)[THROW] == 1
    undo = world.reply(ADA, "#undo", post)
    assert world.outcome(ADA, undo).code == "UNDONE"
    assert THROW not in shop.basket(ADA)


def test_over_stock_as_many_as_there_are(world: World, shop: Shop) -> None:
    assert reply(world, ADA, "#AmazonCart x9", LP) == "LIMIT_APPLIED"
    assert (shop.basket(ADA)[LP], world.cart(ADA)["Night Drive, LP"]) == (3, ("in_cart", 3))


def test_a_stock_that_shrank_since_the_page_was_read(world: World, shop: Shop) -> None:
    assert reply(world, ADA, "#AmazonCart", PLANTER) == "ADDED"
    shop.stock(PLANTER, 2)
    assert reply(world, ADA, "#AmazonCart x4", PLANTER) == "LIMIT_APPLIED"
    assert (shop.basket(ADA)[PLANTER], world.cart(ADA)["Terracotta herb planter"]) == (2, ("in_cart", 2))


def test_a_parent_product_waits_for_a_choice(world: World, shop: Shop) -> None:
    before = shop.basket(QUINN)
    assert reply(world, QUINN, "#AmazonCart", TEE) == "CHOOSE_OPTIONS"
    assert shop.basket(QUINN) == before


def test_words_choose_the_child(world: World, shop: Shop) -> None:
    assert reply(world, QUINN, "#AmazonCart size L blue", TEE) == "ADDED"
    assert shop.basket(QUINN)[TEE_BLUE_L] == 1


def test_sold_out_and_back(world: World, shop: Shop) -> None:
    assert reply(world, ADA, "#AmazonCart", LAMP) == "OUT_OF_STOCK"
    assert reply(world, QUINN, "#AmazonCart", KETTLE) == "ADDED"
    shop.stock(KETTLE, 0)
    assert reply(world, ADA, "#AmazonCart x2", KETTLE) == "OUT_OF_STOCK"
    assert KETTLE not in shop.basket(ADA)
    assert world.cart(ADA)["Copper stove kettle"] == ("wished", 2)
    shop.stock(KETTLE, 6)
    assert reply(world, ADA, "#AmazonCart", KETTLE) == "ADDED"
    assert (shop.basket(ADA)[KETTLE], world.cart(ADA)["Copper stove kettle"]) == (1, ("in_cart", 1))


def test_a_basket_that_is_changed_in_the_shop_meanwhile(world: World, shop: Shop) -> None:
    assert reply(world, QUINN, "#AmazonCart", MUG) == "ADDED"
    shop.change(QUINN, MUG, 4)
    assert reply(world, QUINN, "#AmazonCart", THROW) == "ADDED"
    assert (shop.basket(QUINN)[MUG], world.cart(QUINN)["Stoneware mug, speckled"]) == (4, ("in_cart", 4))
    shop.change(QUINN, MUG, 0)
    assert reply(world, QUINN, "#AmazonCart x2", MUG) == "ADDED"
    assert (shop.basket(QUINN)[MUG], world.cart(QUINN)["Stoneware mug, speckled"]) == (2, ("in_cart", 2))


def test_what_was_ordered_is_not_added_again(world: World, shop: Shop) -> None:
    shop.order(QUINN)
    assert shop.basket(QUINN) == {}
    assert reply(world, QUINN, "#AmazonCart", KETTLE) == "ADDED"
    assert shop.basket(QUINN) == {KETTLE: 1}
    assert set(world.cart(QUINN)) == {"Copper stove kettle", "Organic cotton tee"}


@pytest.mark.parametrize(("when", "quantity", "held"), [("before", 1, 3), ("after", 2, 2)])
def test_an_answer_that_is_cut_off(world: World, shop: Shop, when: str, quantity: int, held: int) -> None:
    shop.fail_once("cut", when)
    assert reply(world, ADA, f"#AmazonCart x{quantity}", MUG) == "QUANTITY_SET"
    assert shop.basket(ADA)[MUG] == held
    assert reply(world, ADA, "#AmazonCart", LP) == "ALREADY_IN_CART"
    assert shop.basket(ADA)[MUG] == quantity
    assert world.cart(ADA)["Stoneware mug, speckled"] == ("in_cart", quantity)


def test_the_schedule_finishes_what_the_killed_shop_left_open(world: World, shop: Shop) -> None:
    eventually(lambda: world.watcher.is_confirmed(DIETER), "confirmation", RECONCILED_SECONDS)
    assert (shop.basket(DIETER), world.cart(DIETER)["Washed linen throw"]) == ({THROW: 2}, ("in_cart", 2))
