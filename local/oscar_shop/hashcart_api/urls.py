"""To be included under `api/hashcart/`."""

from django.urls import path

from hashcart_api.views import BasketProductView, BasketView, ProductView

urlpatterns = [
    path("products/<int:pk>/", ProductView.as_view(), name="hashcart-product"),
    path("basket/", BasketView.as_view(), name="hashcart-basket"),
    path("basket/products/<int:pk>/", BasketProductView.as_view(), name="hashcart-basket-product"),
]
