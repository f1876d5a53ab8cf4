"""Products, asked of the store at most once while fresh, however many people want one."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from hashcart.domain.product_links import ProductReference
from hashcart.domain.products import Product, Variant
from hashcart.observability import report_failure
from hashcart.stores.protocol import BatchStore, Store, StoreUnavailableError
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
        found = self._read([reference], max_age_ms)
        key = reference.line_id
        if key not in found:
            raise StoreUnavailableError("the product could not be fetched")
        return None if found[key].get("gone") else _from_map(found[key])

    def prefetch(self, references: Sequence[ProductReference]) -> None:
        """Fetch what a batch will ask for in one call, where the store can; what fails is asked for once more."""
        if len(references) > 1 and isinstance(self._store, BatchStore):
            try:
                self._read(references)
            except Exception as error:  # noqa: BLE001 - each item of the batch meets the same trouble by itself
                report_failure(None, "prefetch_failed", error)

    def _read(
        self, references: Sequence[ProductReference], max_age_ms: int | None = None
    ) -> dict[str, Mapping[str, Any]]:
        by_key = {reference.line_id: reference for reference in references}

        def fetch(keys: Collection[str]) -> Fetched:
            if self._seconds() < self._down_until:
                raise StoreUnavailableError("the store was down a moment ago")
            try:
                found = self._ask([by_key[key] for key in keys])
            except StoreUnavailableError:
                self._down_until = self._seconds() + PAUSE_SECONDS
                raise
            return {reference.line_id: _to_entry(product) for reference, product in found.items()}

        return read_through(
            self._cache,
            list(by_key),
            fetch,
            transient=(StoreUnavailableError,),
            sleep=self._sleep,
            max_age_ms=max_age_ms,
        )

    def _ask(self, references: Sequence[ProductReference]) -> Mapping[ProductReference, Product | None]:
        if len(references) > 1 and isinstance(self._store, BatchStore):
            return self._store.products(references)
        return {reference: self._store.product(reference) for reference in references}


def _to_entry(product: Product | None) -> tuple[Mapping[str, Any], int]:
    return ({"gone": True}, GONE_FRESH_MS) if product is None else (_to_map(product), FOUND_FRESH_MS)


def _to_map(product: Product) -> dict[str, Any]:
    return {name: value for name, value in asdict(product).items() if value is not None}


def _from_map(stored: Mapping[str, Any]) -> Product:
    variants = tuple(_variant_from_map(variant) for variant in stored.get("variants", ()))
    return Product(**(dict(stored) | {"marketplaces": tuple(stored.get("marketplaces", ())), "variants": variants}))


def _variant_from_map(stored: Mapping[str, Any]) -> Variant:
    options = tuple((name, value) for name, value in stored.get("options", ()))
    return Variant(**(dict(stored) | {"options": options}))
