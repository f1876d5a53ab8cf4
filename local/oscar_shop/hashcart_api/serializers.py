"""What HashCart reads and sends."""

from typing import Any

from oscar.core.loading import get_model
from oscarapi.utils.loading import get_api_class
from rest_framework import serializers

Basket = get_model("basket", "Basket")
PriceSerializer = get_api_class("serializers.checkout", "PriceSerializer")
AvailabilitySerializer = get_api_class("serializers.product", "AvailabilitySerializer")
MAX_QUANTITY = 9999


class WantedQuantitySerializer(serializers.Serializer):
    """How many of a product a basket shall hold, and what it was seen to hold: nothing is set if that is not so."""

    quantity = serializers.IntegerField(min_value=0, max_value=MAX_QUANTITY)
    expected = serializers.IntegerField(min_value=0, max_value=MAX_QUANTITY)
    basket = serializers.IntegerField(min_value=1, required=False, allow_null=True)


def product_document(product: Any, strategy: Any) -> dict[str, Any]:
    """A product with price, stock and categories, and its children in the same way."""
    children = product.children.public().order_by("pk") if product.is_parent else ()
    return _one(product, strategy) | {
        "parent": product.parent_id,
        "categories": [category.full_name for category in product.get_categories()],
        "requires_shipping": product.is_shipping_required,
        "children": [
            _one(child, strategy)
            | {
                "attributes": [
                    {"name": value.attribute.name, "value": value.value_as_text}
                    for value in child.get_attribute_values()
                ]
            }
            for child in children
        ],
    }


def basket_document(basket: Any, *, ordered: bool) -> dict[str, Any]:
    """The open basket; `ordered` says that the one asked for was completed by an order."""
    lines: dict[int, dict[str, int]] = {}
    for line in basket.all_lines():
        changed_ms = int(line.date_updated.timestamp() * 1000)
        seen = lines.setdefault(line.product_id, {"product": line.product_id, "quantity": 0, "changed_ms": 0})
        seen["quantity"] += line.quantity
        seen["changed_ms"] = max(seen["changed_ms"], changed_ms)
    return {"basket": basket.pk, "ordered": ordered, "lines": list(lines.values())}


def _one(product: Any, strategy: Any) -> dict[str, Any]:
    info = strategy.fetch_for_parent(product) if product.is_parent else strategy.fetch_for_product(product)
    image = product.get_all_images().first()
    return {
        "id": product.pk,
        "title": product.get_title(),
        "structure": product.structure,
        "image": None if image is None else image.original.url,
        "price": PriceSerializer(info.price).data,
        "availability": AvailabilitySerializer(info.availability).data,
    }
