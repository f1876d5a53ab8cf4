"""The demo store's own cart: `/cart?add=<product>~<variant>~<quantity>` shows what came and asks before adding."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from local.demo_store.catalogue import MARKETPLACES, PRODUCTS, US, Product, Variant

COOKIE = "northwind_cart"
MAX_LINES = 100
MAX_QUANTITY = 999
KEPT_BASKETS = 1_000

type Page = Callable[[Request, str, dict[str, object]], Response]


@dataclass(frozen=True)
class BasketLine:
    """A product, its variant where it has some, and how many."""

    product: Product
    variant: Variant | None
    quantity: int

    @property
    def key(self) -> str:
        """Which line of a basket it is."""
        return f"{self.product.id}~{self.variant.id if self.variant else ''}"

    @property
    def title(self) -> str:
        """What the page calls it."""
        return f"{self.product.title}, {self.variant.title}" if self.variant else self.product.title


class Baskets:
    """One basket a browser, in memory: it is forgotten when the store stops."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._baskets: dict[str, dict[str, BasketLine]] = {}

    def routes(self) -> list[Route]:
        """Where the basket is."""
        return [Route("/cart", self._show, methods=["GET"]), Route("/cart", self._add, methods=["POST"])]

    async def _show(self, request: Request) -> Response:
        brought = request.query_params.getlist("add")
        lines = [line for entry in brought[:MAX_LINES] if (line := read_line(entry)) is not None]
        if brought:
            context = {"lines": lines, "unknown": len(brought) - len(lines), "total": _total(request, lines)}
            return self._page(request, "cart_asks.html", context)
        own = list(self._basket(request).values())
        return self._page(request, "cart.html", {"lines": own, "total": _total(request, own)})

    async def _add(self, request: Request) -> Response:
        form = await request.form()
        lines = [line for entry in form.getlist("add") if (line := read_line(str(entry))) is not None]
        if not lines:
            raise HTTPException(HTTPStatus.BAD_REQUEST)
        basket_id = request.cookies.get(COOKIE) or secrets.token_urlsafe(16)
        if len(self._baskets) >= KEPT_BASKETS:
            self._baskets.clear()
        self._baskets.setdefault(basket_id, {}).update({line.key: line for line in lines})
        answer = RedirectResponse("/cart", HTTPStatus.SEE_OTHER)
        answer.set_cookie(COOKIE, basket_id, httponly=True, samesite="lax")
        return answer

    def _basket(self, request: Request) -> dict[str, BasketLine]:
        return self._baskets.get(request.cookies.get(COOKIE, ""), {})


def read_line(entry: str) -> BasketLine | None:
    """What `<product>~<variant>~<quantity>` means; None if the store has no such thing."""
    product_id, _, rest = entry.partition("~")
    variant_id, _, quantity = rest.partition("~")
    product = PRODUCTS.get(product_id)
    if product is None or not (quantity.isascii() and quantity.isdigit() and 0 < int(quantity) <= MAX_QUANTITY):
        return None
    variant = next((variant for variant in product.variants if variant.id == variant_id), None)
    if (variant is None and variant_id) or bool(product.variants) != (variant is not None):
        return None
    return BasketLine(product, variant, int(quantity))


def _total(request: Request, lines: list[BasketLine]) -> str:
    here = MARKETPLACES.get(request.url.hostname or "", MARKETPLACES[US])
    sold_here = (line for line in lines if here.host in line.product.prices)
    amount = sum((Decimal(line.product.prices[here.host]) * line.quantity for line in sold_here), Decimal(0))
    return f"{here.symbol}{amount}"
