"""What a cold start of each function must not load; `make cold-start` measures how long the rest takes."""

import os
import subprocess
import sys

import pytest

from benchmarks.cold_start import ENVIRONMENT, FUNCTIONS, ROOT
from benchmarks.cold_start import STORES as STORES_TO_MEASURE

PAGES = ("jinja2", "hashcart.pages")
SIGN_IN = ("joserfc", "hashcart.identity")
STORE_MODULES = ("amazon", "demo", "oscar", "product_page", "shopify")
OTHER_STORES = ("selectolax", *(f"hashcart.stores.{name}" for name in STORE_MODULES if name != "demo"))
STORES = ("hashcart.stores.demo", *OTHER_STORES)
X = ("hashcart.social.x.client", "hashcart.social.x.bot_session")
SHORT_LINKS = ("hashcart.short_links", "hashcart.public_web")
EMAILS = ("hashcart.emails",)
PYDANTIC = ("pydantic",)
PARSING = (*PYDANTIC, "hashcart.consumers")
CART_INSERTION = (*PAGES, *SIGN_IN, *X, *SHORT_LINKS, *EMAILS, *PYDANTIC)
NOT_LOADED = {
    "webhook_intake": (*PAGES, *SIGN_IN, *STORES, *X, *SHORT_LINKS, *EMAILS, *PARSING, "hashcart.storage"),
    "hashtag_parsing": (*PAGES, *SIGN_IN, *STORES, *EMAILS, *PYDANTIC),
    "cart_insertion": (*CART_INSERTION, *OTHER_STORES),
    "outcome_delivery": (*PAGES, *SIGN_IN, *STORES, *SHORT_LINKS, *PYDANTIC),
    "cart_reconciliation": (*PAGES, *SIGN_IN, *STORES, *X, *SHORT_LINKS, *EMAILS, *PARSING),
    "email_feedback": (*PAGES, *SIGN_IN, *STORES, *X, *SHORT_LINKS, *EMAILS, *PYDANTIC, "hashcart.domain.outcomes"),
    "mention_sweep": (*PAGES, *SIGN_IN, *STORES, *SHORT_LINKS, *EMAILS, *PARSING),
    "cart_page": (*SIGN_IN, *OTHER_STORES, *EMAILS),
    "account_linking": (*STORES, *SHORT_LINKS, *EMAILS),
}
NEEDED = {"cart_insertion": "hashcart.stores.demo", "account_linking": "joserfc", "cart_page": "jinja2"}


def loaded_by(function: str, **own: str) -> set[str]:
    """The modules of a new process that has loaded a function."""
    folders = [ROOT / "layers/hashcart", ROOT / "functions" / function]
    answer = subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", f"import sys, {function}; print(*sys.modules)"],
        env={**ENVIRONMENT, **own, "PYTHONPATH": os.pathsep.join(map(str, folders))},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(answer.stdout.split())


def test_every_function_is_held_to_something() -> None:
    assert NOT_LOADED.keys() == set(FUNCTIONS)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_cold_start_loads_only_what_its_function_needs(function: str) -> None:
    loaded = loaded_by(function)
    assert not loaded & set(NOT_LOADED[function])
    assert NEEDED.get(function, function) in loaded


@pytest.mark.parametrize("store", STORES_TO_MEASURE)
def test_no_store_brings_along_what_only_others_need(store: str) -> None:
    """The module of the store is loaded at once, and with it all that reads its answers, but for Amazon's catalogue."""
    module = {"generic": "product_page"}.get(store, store.split(maxsplit=1)[0])
    loaded = loaded_by("cart_insertion", **STORES_TO_MEASURE[store])
    assert f"hashcart.stores.{module}" in loaded
    others = {f"hashcart.stores.{name}" for name in STORE_MODULES if name != module}
    needed = {"hashcart.public_web"} if store == "generic" else set()
    assert not loaded & ({*CART_INSERTION, *others} - needed)
