"""Products, asked of the store at most once while fresh, however many people want one."""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from typing import Any

from hashcart.domain.product_links import ProductReference
from hashcart.domain.products import Product, Variant
from hashcart.stores.protocol import Store, StoreUnavailableError
from hashcart.use_cases.read_through import Cache, Fetched, read_through

FOUND_FRESH_MS = 10 * 60 * 1000
GONE_FRESH_MS = 5 * 60 * 1000

# A store that hangs costs one time-out a batch, not one an item.
PAUSE_SECONDS = 1.5


class Catalogue:
    """A store behind a leased cache."""

    def __init__(
        self,
        store: Store,
        cache: Cache,
        *,
        sleep: Callable[[float], None] = time.sleep,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._cache = cache
        self._sleep = sleep
        self._seconds = seconds
        self._down_until = 0.0

    def product(self, reference: ProductReference, *, max_age_ms: int | None = None) -> Product | None:
        """The product, minutes old at most, or `max_age_ms`; None if the store does not have it.

        Raises StoreUnavailableError.
        """
        key = reference.line_id

        def fetch(_: Collection[str]) -> Fetched:
            if self._seconds() < self._down_until:
                raise StoreUnavailableError("the store was down a moment ago")
            try:
                product = self._store.product(reference)
            except StoreUnavailableError:
                self._down_until = self._seconds() + PAUSE_SECONDS
                raise
            if product is None:
                return {key: ({"gone": True}, GONE_FRESH_MS)}
            return {key: (_to_map(product), FOUND_FRESH_MS)}

        found = read_through(
            self._cache, [key], fetch, transient=(StoreUnavailableError,), sleep=self._sleep, max_age_ms=max_age_ms
        )
        if key not in found:
            raise StoreUnavailableError("the product could not be fetched")
        return None if found[key].get("gone") else _from_map(found[key])


def _to_map(product: Product) -> dict[str, Any]:
    return {name: value for name, value in asdict(product).items() if value is not None}


def _from_map(stored: Mapping[str, Any]) -> Product:
    variants = tuple(_variant_from_map(variant) for variant in stored.get("variants", ()))
    return Product(**(dict(stored) | {"marketplaces": tuple(stored.get("marketplaces", ())), "variants": variants}))


def _variant_from_map(stored: Mapping[str, Any]) -> Variant:
    options = tuple((name, value) for name, value in stored.get("options", ()))
    return Variant(**(dict(stored) | {"options": options}))
