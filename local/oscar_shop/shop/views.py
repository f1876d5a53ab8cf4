"""The shelf: Oscar's own browsing needs a search engine, which a shop of nine products can do without."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.views.generic import ListView
from oscar.core.loading import get_model

Category = get_model("catalogue", "Category")
Product = get_model("catalogue", "Product")


class Shelf(ListView):
    """All products, or those of a category and of what is below it."""

    template_name = "shop/shelf.html"
    context_object_name = "products"

    def get_queryset(self) -> Any:
        """What stands on the shelf."""
        products = Product.objects.browsable().order_by("pk")
        if "pk" not in self.kwargs:
            return products
        category = get_object_or_404(Category, pk=self.kwargs["pk"])
        self.extra_context = {"category": category}
        return products.filter(categories__in=category.get_descendants_and_self())
