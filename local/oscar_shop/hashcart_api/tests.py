"""The app in the shop, over HTTP: `python -m django test --settings shop.settings`."""

from decimal import Decimal
from typing import Any

from django.contrib.auth import get_user_model
from django.test import TestCase, override_settings
from oscar.apps.catalogue.categories import create_from_breadcrumbs
from oscar.core.loading import get_model

Basket = get_model("basket", "Basket")
Order = get_model("order", "Order")
Partner = get_model("partner", "Partner")
Product = get_model("catalogue", "Product")
ProductAttribute = get_model("catalogue", "ProductAttribute")
ProductClass = get_model("catalogue", "ProductClass")
StockRecord = get_model("partner", "StockRecord")

KEYS = ["current-key", "previous-key", ""]


@override_settings(HASHCART_API_KEYS=KEYS, HASHCART_SUBJECT_FIELD="username")
class Shop(TestCase):
    """A mug of which there are five, and a tee in S."""

    def setUp(self) -> None:
        goods = ProductClass.objects.create(name="Goods", track_stock=True)
        ProductAttribute.objects.create(product_class=goods, code="size", name="Size", type="text")
        self.partner = Partner.objects.create(name="Us", code="us")
        self.mug = self.product("Mug", goods, stock=5)
        self.mug.categories.add(create_from_breadcrumbs("Kitchen > Mugs"))
        self.tee = self.product("Tee", goods, structure=Product.PARENT)
        self.small = Product(title="Tee S", structure=Product.CHILD, parent=self.tee)
        self.small.attr.size = "S"
        self.small.save()
        self.stock(self.small, 1)
        self.ada = get_user_model().objects.create_user("ada", "ada@example.com")

    def product(self, title: str, kind: Any, stock: int | None = None, structure: str = Product.STANDALONE) -> Any:
        product = Product.objects.create(title=title, product_class=kind, structure=structure)
        if stock is not None:
            self.stock(product, stock)
        return product

    def stock(self, product: Any, number: int) -> None:
        StockRecord.objects.create(
            product=product, partner=self.partner, partner_sku=product.pk, price=Decimal(9), num_in_stock=number
        )

    def read(self, query: str = "", key: str = "current-key", subject: str = "ada") -> Any:
        headers = {"X-HashCart-Key": key, "X-HashCart-Subject": subject}
        return self.client.get(f"/api/hashcart/basket/{query}", headers=headers)

    def put(self, product: Any, quantity: object, expected: object, basket: object = None) -> Any:
        return self.client.put(
            f"/api/hashcart/basket/products/{product.pk}/",
            {"quantity": quantity, "expected": expected, "basket": basket},
            "application/json",
            headers={"X-HashCart-Key": "current-key", "X-HashCart-Subject": "ada"},
        )

    def held(self, answer: Any) -> dict[int, int]:
        self.assertEqual(answer.status_code, 200, answer.content)
        return {line["product"]: line["quantity"] for line in answer.json()["lines"]}

    def basket(self) -> Any:
        return Basket.objects.get(owner=self.ada, status=Basket.OPEN)


class TestDoor(Shop):
    """Who may come in."""

    def test_either_key_opens(self) -> None:
        for key in ("current-key", "previous-key"):
            self.assertEqual(self.read(key=key).status_code, 200)

    def test_nothing_else_does(self) -> None:
        for key in ("", "current", "current-key ", "schlüssel"):
            self.assertEqual(self.read(key=key).status_code, 401)
            answer = self.client.get(f"/api/hashcart/products/{self.mug.pk}/", headers={"X-HashCart-Key": key})
            self.assertEqual(answer.status_code, 403)

    def test_a_shop_without_keys_is_closed(self) -> None:
        for keys in ([], [""]):
            with self.settings(HASHCART_API_KEYS=keys):
                self.assertEqual(self.read(key="").status_code, 401)

    def test_a_signed_in_customer_without_the_key_stays_outside(self) -> None:
        self.client.force_login(self.ada)
        self.assertEqual(self.client.get("/api/hashcart/basket/").status_code, 401)

    def test_an_unknown_or_closed_account_is_told_like_a_wrong_key(self) -> None:
        get_user_model().objects.create_user("ben", is_active=False)
        for subject in ("", "nobody", "ben"):
            answer = self.read(subject=subject)
            self.assertEqual((answer.status_code, answer.json()), (401, self.read(key="x").json()))

    def test_the_subject_may_be_the_primary_key(self) -> None:
        with self.settings(HASHCART_SUBJECT_FIELD="pk"):
            self.assertEqual(self.read(subject=str(self.ada.pk)).status_code, 200)
            self.assertEqual(self.read(subject="not-a-number").status_code, 401)


class TestCatalogue(Shop):
    """What the catalogue says."""

    def get(self, pk: int) -> Any:
        return self.client.get(f"/api/hashcart/products/{pk}/", headers={"X-HashCart-Key": "current-key"})

    def test_a_product(self) -> None:
        document = self.get(self.mug.pk).json()
        self.assertEqual(document["title"], "Mug")
        self.assertEqual(document["categories"], ["Kitchen > Mugs"])
        self.assertEqual(document["price"]["incl_tax"], "9.00")
        self.assertEqual(document["availability"]["num_available"], 5)
        self.assertEqual((document["parent"], document["children"], document["image"]), (None, [], None))

    def test_a_parent_with_its_children(self) -> None:
        document = self.get(self.tee.pk).json()
        self.assertEqual(document["structure"], "parent")
        [child] = document["children"]
        self.assertEqual((child["id"], child["attributes"]), (self.small.pk, [{"name": "Size", "value": "S"}]))

    def test_a_child_names_its_parent(self) -> None:
        self.assertEqual(self.get(self.small.pk).json()["parent"], self.tee.pk)

    def test_what_is_not_public_is_not_there(self) -> None:
        Product.objects.filter(pk=self.mug.pk).update(is_public=False)
        self.assertEqual(self.get(self.mug.pk).status_code, 404)
        self.assertEqual(self.get(10**9).status_code, 404)


class TestBasket(Shop):
    """What becomes of the basket."""

    def test_a_quantity_is_set_up_and_down_and_to_nothing(self) -> None:
        for quantity, expected in ((2, 0), (5, 2), (1, 5), (0, 1), (0, 0)):
            held = self.held(self.put(self.mug, quantity, expected))
            self.assertEqual(held, {self.mug.pk: quantity} if quantity else {})

    def test_it_is_the_basket_that_the_customer_sees(self) -> None:
        self.put(self.mug, 2, 0)
        self.client.force_login(self.ada)
        lines = self.client.get(self.client.get("/api/basket/").json()["lines"]).json()
        self.assertEqual([line["quantity"] for line in lines], [2])

    def test_another_quantity_than_expected_stays(self) -> None:
        self.put(self.mug, 2, 0)
        self.assertEqual(self.held(self.put(self.mug, 4, 1)), {self.mug.pk: 2})

    def test_more_than_the_stock_is_refused_with_oscars_reason(self) -> None:
        answer = self.put(self.mug, 6, 0)
        self.assertEqual((answer.status_code, answer.json()), (406, {"reason": "a maximum of 5 can be bought"}))
        self.assertEqual(self.held(self.read()), {})

    def test_a_parent_cannot_be_bought(self) -> None:
        self.assertEqual(self.put(self.tee, 1, 0).status_code, 406)

    def test_an_unknown_product_is_not_found(self) -> None:
        self.assertEqual(self.put(Product(pk=10**9), 1, 0).status_code, 404)

    def test_a_malformed_wish_is_a_bad_request(self) -> None:
        for quantity, expected, basket in ((-1, 0, None), (10**6, 0, None), ("x", 0, None), (1, None, None), (1, 0, 0)):
            self.assertEqual(self.put(self.mug, quantity, expected, basket).status_code, 400)

    def test_lines_with_other_options_count_and_the_newest_goes_first(self) -> None:
        self.put(self.mug, 2, 0)
        first = self.basket().lines.get()
        first.pk, first.line_reference = None, "engraved"
        first.save()
        self.assertEqual(self.held(self.read()), {self.mug.pk: 4})
        self.assertEqual(self.held(self.put(self.mug, 1, 4)), {self.mug.pk: 1})
        self.assertNotEqual(self.basket().lines.get().line_reference, "engraved")

    def test_an_ordered_basket_is_told_and_never_filled_again(self) -> None:
        self.put(self.mug, 2, 0)
        before = self.basket()
        before.submit()
        answer = self.put(self.mug, 3, 0, before.pk).json()
        self.assertEqual((answer["ordered"], answer["lines"]), (True, []))
        self.assertNotEqual(answer["basket"], before.pk)
        self.assertTrue(self.read(f"?basket={before.pk}").json()["ordered"])
        self.assertFalse(self.read(f"?basket={answer['basket']}").json()["ordered"])

    def test_a_basket_that_is_being_paid_is_left_alone(self) -> None:
        self.put(self.mug, 2, 0)
        before = self.basket()
        before.freeze()
        self.assertEqual(self.put(self.mug, 3, 2, before.pk).status_code, 409)
        self.assertEqual(self.read(f"?basket={before.pk}").status_code, 409)
        self.assertEqual(before.lines.get().quantity, 2)

    def test_an_order_whose_payment_is_not_settled_counts_as_one(self) -> None:
        """django-oscar-api leaves the basket of an order frozen."""
        self.put(self.mug, 2, 0)
        before = self.basket()
        before.freeze()
        Order.objects.create(number="1", basket=before, user=self.ada, total_incl_tax=18, total_excl_tax=18)
        self.assertTrue(self.read(f"?basket={before.pk}").json()["ordered"])

    def test_somebody_elses_basket_or_nonsense_is_no_order(self) -> None:
        other = Basket.objects.create(owner=get_user_model().objects.create_user("ben"), status=Basket.SUBMITTED)
        for asked in (other.pk, "", "x", "-1", "9" * 30):
            self.assertFalse(self.read(f"?basket={asked}").json()["ordered"])
