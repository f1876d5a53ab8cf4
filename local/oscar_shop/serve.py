"""Prepares the shop and serves it on 127.0.0.1: `python serve.py`, with `OSCAR_SHOP_PORT` and `OSCAR_SHOP_STATE`."""

import os
from pathlib import Path

import django
from django.core.management import call_command


def main() -> None:
    """Migrate, seed, serve until the process is ended."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    Path(os.environ["OSCAR_SHOP_STATE"]).mkdir(parents=True, exist_ok=True)
    django.setup()
    call_command("migrate", verbosity=0)
    from shop.seed import seed  # noqa: PLC0415 - needs Django set up

    seed()
    call_command("runserver", f"127.0.0.1:{os.environ['OSCAR_SHOP_PORT']}", use_reloader=False)


if __name__ == "__main__":
    main()
