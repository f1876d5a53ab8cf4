"""The demo store's pages and its catalogue API."""

from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates
from starlette.types import ASGIApp

from hashcart.domain.sign_in import STORE_CALLBACK_PATH
from local.demo_store.baskets import Baskets
from local.demo_store.catalogue import MARKETPLACES, PRODUCTS, UK, US, Marketplace, Product
from local.demo_store.openid import Client, OpenIdProvider
from local.settings import STORE_CLIENT_ID, STORE_CLIENT_SECRET
from local.x_simulator.guard import LoopbackGuard

HERE = Path(__file__).parent
PICTURES = HERE / "pictures"
TEMPLATES = Jinja2Templates(HERE / "templates")
HOSTS = (US, UK, "127.0.0.1", "localhost")
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "cross-origin",
}


@dataclass
class Shutter:
    """Whether the store is taken down."""

    down: bool = False


class DemoStore:
    """The shop. The host name of a request selects the marketplace; other names see the first one."""

    def __init__(self, port: int, cart_site_url: str = "http://cart.localhost:8402") -> None:
        self._port = port
        self._shutter = Shutter()
        self._baskets = Baskets(self._page)
        self.sign_in = OpenIdProvider(
            f"http://127.0.0.1:{port}",
            f"http://{US}:{port}",
            Client(STORE_CLIENT_ID, STORE_CLIENT_SECRET, (cart_site_url + STORE_CALLBACK_PATH,)),
            self._page,
        )

    def app(self) -> ASGIApp:
        """The web application."""
        routes = [
            Route("/", self._front_page),
            Route("/products/{product_id}", self._product_page),
            Route("/api/products/{product_id}", self._product),
            *self.sign_in.routes(),
            *self._baskets.routes(),
            Route("/simulator/down", self._take_down, methods=["GET", "POST"]),
            Mount("/images", StaticFiles(directory=PICTURES)),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ]
        handlers: dict[Any, Any] = {HTTPException: self._error_page}
        return LoopbackGuard(Starlette(routes=routes, exception_handlers=handlers), HOSTS, HEADERS)

    async def _front_page(self, request: Request) -> Response:
        self._refuse_when_down()
        marketplace = _marketplace(request)
        sold = [product for product in PRODUCTS.values() if marketplace.host in product.prices]
        return self._page(request, "shelf.html", {"products": sold})

    async def _product_page(self, request: Request) -> Response:
        self._refuse_when_down()
        product = PRODUCTS.get(request.path_params["product_id"])
        if product is None:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        wanted = request.query_params.get("variant")
        chosen = next((variant for variant in product.variants if variant.id == wanted), None)
        return self._page(request, "product.html", {"product": product, "chosen": chosen, "stock": _stock(product)})

    async def _product(self, request: Request) -> Response:
        """Catalogue API: 200 with the product, 404, or 503 while the store is down."""
        if self._shutter.down:
            return JSONResponse({"error": "unavailable"}, HTTPStatus.SERVICE_UNAVAILABLE)
        product = PRODUCTS.get(request.path_params["product_id"])
        if product is None:
            return JSONResponse({"error": "not_found"}, HTTPStatus.NOT_FOUND)
        marketplace = request.query_params.get("marketplace", US)
        image_url = f"http://{US}:{self._port}/images/{product.id}.svg"
        return JSONResponse(product.document(marketplace, image_url))

    async def _take_down(self, request: Request) -> Response:
        """Tests and demonstrations: read or set whether the store is down."""
        if request.method == "POST":
            try:
                down = (await request.json())["down"]
            except (ValueError, KeyError, TypeError):
                down = None
            if not isinstance(down, bool):
                return JSONResponse({"error": 'expected {"down": true} or {"down": false}'}, HTTPStatus.BAD_REQUEST)
            self._shutter.down = down
        return JSONResponse({"down": self._shutter.down})

    async def _error_page(self, request: Request, error: HTTPException) -> Response:
        return self._page(request, "error.html", {"status": error.status_code}, error.status_code)

    def _refuse_when_down(self) -> None:
        if self._shutter.down:
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE)

    def _page(self, request: Request, template: str, context: dict[str, Any], status: int = 200) -> Response:
        here = _marketplace(request)
        others = [entry for entry in MARKETPLACES.values() if entry.host != here.host]
        shared = {"here": here, "others": others, "port": self._port}
        return TEMPLATES.TemplateResponse(request, template, {**shared, **context}, status)


def _marketplace(request: Request) -> Marketplace:
    return MARKETPLACES.get(request.url.hostname or "", MARKETPLACES[US])


def _stock(product: Product) -> str:
    if not product.has_stock:
        return "Sold out"
    if product.digital:
        return "Download"
    return "In stock" if product.max_quantity is None else f"At most {product.max_quantity} for each customer"
