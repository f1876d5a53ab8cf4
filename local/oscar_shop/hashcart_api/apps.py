"""The Django app that lets HashCart fill customers' baskets."""

from django.apps import AppConfig


class HashCartApiConfig(AppConfig):
    """Its configuration; there are no models."""

    name = "hashcart_api"
    verbose_name = "HashCart"
