"""Northwind, a django-oscar shop on this machine. Its secrets protect nothing: it listens on 127.0.0.1 only."""

import os
from pathlib import Path

from oscar import INSTALLED_APPS as OSCAR_APPS
from oscar.defaults import *  # noqa: F403 - the way that django-oscar documents

HERE = Path(__file__).resolve().parent.parent
STATE = Path(os.environ.get("OSCAR_SHOP_STATE", str(HERE / "state")))

SECRET_KEY = "northwind-on-this-machine"  # noqa: S105
DEBUG = True
ALLOWED_HOSTS = ["shop.localhost", "127.0.0.1", "localhost"]
ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
SITE_ID = 1
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": STATE / "shop.sqlite3",
        "ATOMIC_REQUESTS": True,
        # SQLite has no row locks: whoever is going to write takes its turn at the beginning.
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 10},
    }
}

INSTALLED_APPS = [*OSCAR_APPS, "sorl.thumbnail", "rest_framework", "oscarapi", "hashcart_api"]
MIDDLEWARE = [
    "shop.faults.Faults",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "oscarapi.middleware.ApiBasketMiddleWare",
    "django.contrib.flatpages.middleware.FlatpageFallbackMiddleware",
]
AUTHENTICATION_BACKENDS = [
    "oscar.apps.customer.auth_backends.EmailBackend",
    "django.contrib.auth.backends.ModelBackend",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [HERE / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "oscar.apps.search.context_processors.search_form",
                "oscar.apps.checkout.context_processors.checkout",
                "oscar.apps.communication.notifications.context_processors.notifications",
                "oscar.core.context_processors.metadata",
            ]
        },
    }
]
HAYSTACK_CONNECTIONS = {"default": {"ENGINE": "haystack.backends.simple_backend.SimpleEngine"}}
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"

STATIC_URL = "/static/"
STATICFILES_DIRS = [HERE / "static"]
MEDIA_URL = "/media/"
MEDIA_ROOT = STATE / "media"

OSCAR_SHOP_NAME = "Northwind"
OSCAR_SHOP_TAGLINE = "Things that last"
OSCAR_DEFAULT_CURRENCY = "USD"
OSCARAPI_BLOCK_ADMIN_API_ACCESS = True

# The app for HashCart: the keys that it may come with, and the field of the user that holds the subject.
HASHCART_API_KEYS = [os.environ.get("OSCAR_SHOP_HASHCART_KEY", "")]
HASHCART_SUBJECT_FIELD = "username"
