"""Where the products that the posts show are sold: at the demo store, or at the Oscar shop."""

import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol
from urllib.parse import urlsplit

from local.demo_store.catalogue import PRODUCTS, UK, US
from local.settings import OSCAR, LocalSettings
from local.x_simulator.entities import Preview

OSCAR_CATALOGUE = Path(__file__).parent.parent / "oscar_shop" / "catalogue.json"
NOT_FOUND = Preview("Page not found", "Northwind has no such product.", status=404)
NO_SUCH_ID = 99


class Shelf(Protocol):
    """A shop."""

    @property
    def origins(self) -> tuple[str, ...]:
        """From where its pictures come."""

    def address(self, product: str, market: str) -> str:
        """The page of a product at a marketplace, "us" or "uk"."""

    def preview(self, url: str) -> Preview | None:
        """What its page shows; None if the page is not this shop's."""


@dataclass(frozen=True)
class DemoShelf:
    """The demo store, which has two marketplaces."""

    port: int

    @property
    def origins(self) -> tuple[str, ...]:
        """From where its pictures come."""
        return tuple(f"http://{host}:{self.port}" for host in (US, UK))

    def address(self, product: str, market: str) -> str:
        """The page of a product."""
        return f"http://{US if market == 'us' else UK}:{self.port}/products/{product}"

    def preview(self, url: str) -> Preview | None:
        """What its page shows."""
        parts = urlsplit(url)
        host = next((host for host in (US, UK) if parts.netloc.lower() == f"{host}:{self.port}"), None)
        path = PurePosixPath(parts.path)
        if host is None or path.parent != PurePosixPath("/products"):
            return None
        product = PRODUCTS.get(path.name)
        if product is None:
            return NOT_FOUND
        return Preview(
            product.title, product.summary, image_url=f"/pictures/{product.id}.svg", price=product.shown_price(host)
        )


@dataclass(frozen=True)
class OscarShelf:
    """The Oscar shop, which sells everywhere."""

    site_url: str

    @property
    def origins(self) -> tuple[str, ...]:
        """From where its pictures come."""
        return (self.site_url,)

    def address(self, product: str, market: str) -> str:  # noqa: ARG002 - it has one marketplace
        """The page of a product."""
        found = _products().get(product)
        return f"{self.site_url}/catalogue/{product}_{found['id'] if found else NO_SUCH_ID}/"

    def preview(self, url: str) -> Preview | None:
        """What its page shows."""
        site, _, page = url.partition("/catalogue/")
        if site.lower() != self.site_url or not page:
            return None
        slug = page.rstrip("/").rpartition("_")[0]
        found = _products().get(slug)
        if found is None:
            return NOT_FOUND
        return Preview(found["title"], found["summary"], image_url=f"/pictures/{slug}.svg", price=f"${found['price']}")


def shelf_of(settings: LocalSettings) -> Shelf:
    """The shop of the local world."""
    return OscarShelf(settings.shop_site_url) if settings.store == OSCAR else DemoShelf(settings.store_port)


def _products() -> dict[str, dict[str, Any]]:
    catalogue = json.loads(OSCAR_CATALOGUE.read_text())
    return {product["slug"]: product for product in catalogue["products"]}
