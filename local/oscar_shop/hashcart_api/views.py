"""The catalogue as HashCart wants it, and the basket of one customer: read it, or set a product's quantity in it.

Adding goes through django-oscar-api's own `AddProductView`, so its rules and signals are the shop's.
"""

from typing import Any

from django.db import transaction
from django.shortcuts import get_object_or_404
from oscar.core.loading import get_class, get_model
from oscarapi.basket import operations
from oscarapi.views.basket import AddProductView
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hashcart_api.authentication import CustomerByServiceKey, HasServiceKey
from hashcart_api.serializers import WantedQuantitySerializer, basket_document, product_document

Basket = get_model("basket", "Basket")
Product = get_model("catalogue", "Product")
Selector = get_class("partner.strategy", "Selector")


class ProductView(APIView):
    """GET: a public product with price, stock, categories and children; 404."""

    authentication_classes = ()
    permission_classes = (HasServiceKey,)

    def get(self, request: Request, pk: int) -> Response:
        """The product."""
        product = get_object_or_404(Product.objects.public(), pk=pk)
        return Response(product_document(product, Selector().strategy(request=request)))


class BasketView(APIView):
    """GET: the customer's open basket; `?basket=` is the one that was open before."""

    authentication_classes = (CustomerByServiceKey,)

    def get(self, request: Request) -> Response:
        """The basket; 409 while the one asked for is being paid."""
        return answer(request, request.query_params.get("basket"))


class BasketProductView(AddProductView):
    """PUT {"quantity", "expected", "basket"}: make the basket hold so many of a product, and answer with the basket.

    Nothing is set if the basket holds another quantity than expected, or if the one named is not open any more: the
    answer tells. 406 {"reason"} if the shop does not sell so many; 409 while the basket is being paid.
    """

    authentication_classes = (CustomerByServiceKey,)

    @transaction.atomic
    def put(self, request: Request, pk: int) -> Response:
        """Set the quantity."""
        wanted = WantedQuantitySerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        asked = wanted.validated_data
        product = get_object_or_404(Product, pk=pk)
        basket = open_basket(request)
        held = sum(line.quantity for line in lines_of(basket, product))
        is_meant = asked.get("basket") in (None, basket.pk) and held == asked["expected"]
        if is_meant and asked["quantity"] > held:
            more = asked["quantity"] - held
            allowed, reason = self.validate(basket, product, more, [])
            if not allowed:
                return Response({"reason": reason}, status=status.HTTP_406_NOT_ACCEPTABLE)
            basket.add_product(product, quantity=more)
        elif is_meant:
            take_out(basket, product, held - asked["quantity"])
        return answer(request, asked.get("basket"))


def open_basket(request: Request) -> Any:
    """The customer's open basket, locked for this transaction, with the customer's prices."""
    basket = Basket.objects.select_for_update().get(pk=operations.get_user_basket(request.user).pk)
    basket.strategy = Selector().strategy(request=request, user=request.user)
    return basket


def answer(request: Request, asked: object) -> Response:
    """The open basket, and what became of the one that was asked for."""
    before = Basket.objects.filter(pk=asked, owner=request.user).first() if str(asked or "").isdigit() else None
    ordered = before is not None and (before.status == Basket.SUBMITTED or before.order_set.exists())
    if before is not None and before.status == Basket.FROZEN and not ordered:
        return Response({"reason": "the basket is being paid"}, status=status.HTTP_409_CONFLICT)
    return Response(basket_document(open_basket(request), ordered=ordered))


def lines_of(basket: Any, product: Any) -> list[Any]:
    """The lines with a product: one for each choice of its options, the oldest first."""
    return list(basket.lines.filter(product=product).order_by("pk"))


def take_out(basket: Any, product: Any, number: int) -> None:
    """Take some of a product out of the basket, from the newest line first."""
    for line in reversed(lines_of(basket, product)):
        taken = min(number, line.quantity)
        number -= taken
        line.quantity -= taken
        if line.quantity:
            line.save()
        else:
            line.delete()
