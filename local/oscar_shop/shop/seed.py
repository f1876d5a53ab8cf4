"""What the shop sells, and to whom: `catalogue.json`, once."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.sites.models import Site
from django.core.files import File
from django.db import transaction
from oscar.apps.catalogue.categories import create_from_breadcrumbs
from oscar.core.loading import get_model

HERE = Path(__file__).resolve().parent.parent
PASSWORD = "northwind"  # noqa: S105 - of everybody, on this machine

Country = get_model("address", "Country")
Partner = get_model("partner", "Partner")
Product = get_model("catalogue", "Product")
ProductAttribute = get_model("catalogue", "ProductAttribute")
ProductClass = get_model("catalogue", "ProductClass")
ProductImage = get_model("catalogue", "ProductImage")
StockRecord = get_model("partner", "StockRecord")


@transaction.atomic
def seed() -> None:
    """Fill an empty shop."""
    if Product.objects.exists():
        return
    catalogue = json.loads((HERE / "catalogue.json").read_text())
    Site.objects.update(name="Northwind", domain="shop.localhost")
    Country.objects.create(
        iso_3166_1_a2="US", iso_3166_1_a3="USA", printable_name="United States", name="UNITED STATES"
    )
    classes = {
        name: ProductClass.objects.create(name=name, requires_shipping=shipped, track_stock=shipped)
        for name, shipped in (("Goods", True), ("Downloads", False), ("Clothes", True))
    }
    for code in ("size", "colour"):
        ProductAttribute.objects.create(product_class=classes["Clothes"], code=code, name=code.title(), type="text")
    partner = Partner.objects.create(name="Northwind", code="northwind")
    for entry in catalogue["products"]:
        _product(entry, classes, partner)
    users = get_user_model().objects
    for customer in catalogue["customers"]:
        first, last = customer["name"].split()
        users.create_user(customer["subject"], customer["email"], PASSWORD, first_name=first, last_name=last)
    users.create_superuser("merchant", "merchant@example.com", PASSWORD)


def _product(entry: dict[str, Any], classes: dict[str, Any], partner: Any) -> None:
    variants = entry.get("variants", ())
    kind = "Clothes" if variants else "Goods" if entry["stock"] is not None else "Downloads"
    product = Product.objects.create(
        id=entry["id"],
        title=entry["title"],
        slug=entry["slug"],
        upc=entry["slug"],
        description=f"<p>{entry['summary']}</p><p>{entry['details']}</p>",
        product_class=classes[kind],
        structure=Product.PARENT if variants else Product.STANDALONE,
    )
    product.categories.add(create_from_breadcrumbs(entry["category"]))
    with (HERE / "pictures" / f"{entry['slug']}.png").open("rb") as picture:
        ProductImage.objects.create(product=product, original=File(picture, f"{entry['slug']}.png"))
    if not variants:
        _stock(product, partner, entry["price"], entry["stock"])
    for variant in variants:
        child = Product(
            id=variant["id"],
            parent=product,
            title=f"{entry['title']}, {variant['colour']}, {variant['size']}",
            slug=f"{entry['slug']}-{variant['colour']}-{variant['size']}".lower(),
            upc=f"{entry['slug']}-{variant['colour']}-{variant['size']}".lower(),
            structure=Product.CHILD,
        )
        child.attr.size = variant["size"]
        child.attr.colour = variant["colour"]
        child.save()
        _stock(child, partner, entry["price"], variant["stock"])


def _stock(product: Any, partner: Any, price: str, number: int | None) -> None:
    StockRecord.objects.create(
        product=product,
        partner=partner,
        partner_sku=product.upc,
        price_currency="USD",
        price=Decimal(price),
        num_in_stock=number,
    )
