"""Shopify: a shop's catalogue and carts by its Storefront API."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from hashcart.domain.hand_offs import HandOff, HandOffLine
from hashcart.domain.posts import DAY_MS
from hashcart.domain.product_links import ProductReference
from hashcart.domain.products import Product
from hashcart.domain.products import Variant as ProductVariant
from hashcart.reading import Bounds, camel_case, value_reader_of
from hashcart.stores.answers import read_answer
from hashcart.stores.protocol import (
    AccessProblemError,
    Customer,
    DisplayRules,
    StoreCart,
    StoreRefusedError,
    StoreUnavailableError,
)
from hashcart.stores.shopify_api import AccessDeniedError, StorefrontApi, context_of
from hashcart.stores.shopify_documents import (
    CART,
    CART_CREATE,
    LINES_ADD,
    LINES_REMOVE,
    LINES_UPDATE,
    PRODUCT,
    SHOP,
)

VARIANT_GID = "gid://shopify/ProductVariant/"
MAX_CATEGORY = 500

# Shopify does not tell a cart that was ordered from one that it forgot: both are gone. It keeps a cart for ten days
# after its last use at least, so one that is gone sooner was ordered.
CART_LIFE_MS = 10 * DAY_MS


# A checkout leads on to these: for those who pay with Shop Pay, and for shops without a checkout on a host of theirs.
CHECKOUT_ORIGINS = ("https://shop.app", "https://checkout.shopify.com")


type Title = Annotated[str, Bounds(longest=500)]
type Word = Annotated[str, Bounds(longest=255)]
type Url = Annotated[str, Bounds(longest=2048)]


@dataclass(frozen=True, slots=True)
class Money:
    """An amount as decimal text, with its ISO 4217 currency."""

    amount: Annotated[str, Bounds(longest=30)]
    currency_code: Annotated[str, Bounds(pattern="[A-Z]{3}")]


@dataclass(frozen=True, slots=True)
class Image:
    """A picture."""

    url: Url


@dataclass(frozen=True, slots=True)
class SelectedOption:
    """What a variant is in one respect."""

    name: Word
    value: Word


@dataclass(frozen=True, slots=True)
class QuantityRule:
    """How many of a variant an order may have."""

    maximum: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """What is bought: a size, a colour, or the only one there is."""

    id: Annotated[str, Bounds(pattern=f"{VARIANT_GID}[0-9]{{1,20}}")]
    title: Title
    available_for_sale: bool
    currently_not_in_stock: bool
    requires_shipping: bool
    quantity_available: int | None = None
    price: Money
    image: Image | None = None
    selected_options: tuple[SelectedOption, ...]
    quantity_rule: QuantityRule

    @property
    def number(self) -> str:
        """The id as it stands in the shop's addresses."""
        return self.id.removeprefix(VARIANT_GID)

    @property
    def most(self) -> int | None:
        """How many can be bought: by the rule, and by what is left where the shop counts that and sells no more."""
        left = self.quantity_available
        is_counted = left is not None and left > 0 and not self.currently_not_in_stock
        limits = [limit for limit in (self.quantity_rule.maximum, left if is_counted else None) if limit is not None]
        return min(limits, default=None)


@dataclass(frozen=True, slots=True)
class Handle:
    """A product by its name in addresses."""

    handle: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenVariant(Variant):
    """A variant asked for by its id; it may be of another product."""

    product: Handle


@dataclass(frozen=True, slots=True)
class Category:
    """A step of Shopify's taxonomy."""

    name: str


@dataclass(frozen=True, slots=True)
class CategoryPath(Category):
    """A category with those above it, the nearest first."""

    ancestors: tuple[Category, ...] = ()


@dataclass(frozen=True, slots=True)
class Variants:
    """The variants, the first 250."""

    nodes: Annotated[tuple[Variant, ...], Bounds(shortest=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueProduct:
    """What the shop says of a product."""

    title: Title
    product_type: str = ""
    is_gift_card: bool = False
    tags: tuple[str, ...] = ()
    category: CategoryPath | None = None
    featured_image: Image | None = None
    variants: Variants


@dataclass(frozen=True, slots=True)
class Count:
    """How many."""

    count: int


@dataclass(frozen=True, slots=True)
class CartProduct(Handle):
    """The product of a cart line."""

    variants_count: Count | None = None


@dataclass(frozen=True, slots=True)
class Merchandise:
    """The variant of a cart line."""

    id: str
    product: CartProduct


@dataclass(frozen=True, slots=True)
class CartLine:
    """One line of the shop's cart. A variant may be on several, with different wishes for each."""

    id: str
    quantity: int
    merchandise: Merchandise


@dataclass(frozen=True, slots=True)
class CartLines:
    """All lines, the first 250."""

    nodes: tuple[CartLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Cart:
    """The shop's cart."""

    id: Annotated[str, Bounds(longest=512)]
    checkout_url: Annotated[str, Bounds(longest=2048, pattern="https://.*")]
    lines: CartLines

    def of(self, variant_id: str) -> list[CartLine]:
        """The lines with a variant."""
        return [line for line in self.lines.nodes if line.merchandise.id == variant_id]


@dataclass(frozen=True, slots=True)
class UserError:
    """What the shop will not do."""

    code: str | None = None


@dataclass(frozen=True, slots=True)
class CartWarning:
    """What the shop did otherwise than asked."""

    code: str


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a change of the cart."""

    cart: Cart | None = None
    user_errors: tuple[UserError, ...] = ()
    warnings: tuple[CartWarning, ...] = ()


read_product = value_reader_of(CatalogueProduct, root="product", key_of=camel_case)
read_chosen = value_reader_of(ChosenVariant, root="chosen", key_of=camel_case)
read_cart = value_reader_of(Cart, root="cart", key_of=camel_case)
read_change = value_reader_of(Change, root="change", key_of=camel_case)


class ShopifyStore:
    """One shop. `hosts` are the names that its product pages have; the first is where hand-offs lead.

    The cart is HashCart's to keep the id of: it has no owner at Shopify until the shopper checks it out.
    """

    def __init__(self, api: StorefrontApi, hosts: Sequence[str], clock_ms: Callable[[], int]) -> None:
        self.display = DisplayRules(checkout_origins=(api.origin, *CHECKOUT_ORIGINS))
        self._api = api
        self._hosts = tuple(hosts)
        self._clock_ms = clock_ms
        self._may_see_all = True

    def product(self, reference: ProductReference) -> Product | None:
        """The product, or its variant where the reference names one. Raises StoreUnavailableError."""
        found, chosen = self._find(reference)
        if found is None:
            return None
        if not reference.variant_id:
            only = found.variants.nodes[0] if len(found.variants.nodes) == 1 else None
            return self._product(found, only)
        return None if chosen is None else self._product(found, chosen)

    def check_access(self, reference: ProductReference) -> str:
        """Whether the Storefront API answers, and what the token may see. Raises AccessProblemError, and others."""
        try:
            name = self._api.ask(SHOP, {}).get("shop", {}).get("name")
        except AccessDeniedError as error:
            raise AccessProblemError(
                "the Storefront API refuses the token" if self._api.has_token else "the Storefront API wants a token",
                "Fill the secret with the public_token or private_token of a Storefront API access of the shop.",
                is_fatal=True,
            ) from error
        if not self._api.has_token:
            return f"{name}, without a token: stock levels and tags are not seen"
        self._may_see_all = True
        self._find(reference)
        if not self._may_see_all:
            raise AccessProblemError(
                f"{name}, with a token that may not see stock levels or tags",
                "Grant unauthenticated_read_product_inventory and unauthenticated_read_product_tags.",
                is_fatal=False,
            )
        return f"{name}, with a token that sees stock levels and tags"

    def hand_off(self, lines: Sequence[HandOffLine]) -> Sequence[HandOff]:
        """The shop's own address that fills a browser's cart.

        It is for carts that HashCart could not fill: the cart that it did fill has an address of its own for checkout.
        """
        numbered = [line for line in lines if _number(line)]
        alone = [HandOff(self.product_url(line), _ids([line])) for line in lines if not _number(line)]
        if not numbered:
            return alone
        items = ",".join(f"{_number(line)}:{line.quantity}" for line in numbered)
        return [HandOff(f"https://{numbered[0].reference.marketplace}/cart/{items}", _ids(numbered)), *alone]

    def product_url(self, line: HandOffLine) -> str:
        """The product's page, with the variant chosen."""
        reference = line.reference
        variant = f"?{urlencode({'variant': reference.variant_id})}" if reference.variant_id else ""
        return f"https://{reference.marketplace}/products/{quote(reference.product_id, safe='')}{variant}"

    def read_cart(self, customer: Customer) -> StoreCart:
        """The customer's cart; one that is gone has an empty successor. Raises StoreUnavailableError."""
        if customer.cart_id is None:
            return StoreCart(None, {})
        cart = self._cart(customer)
        if cart is not None:
            return self._read(cart)
        successor = self._change(CART_CREATE, self._new_cart(customer, []), customer)
        return self._read(successor, ordered=self._was_ordered(customer))

    def set_quantity(
        self, customer: Customer, reference: ProductReference, quantity: int, *, expected: int
    ) -> StoreCart:
        """Make the cart hold exactly `quantity`, unless it no longer holds `expected`, and read it back."""
        variant_id = self._variant_id(reference)
        if customer.cart_id is None:
            lines = [{"merchandiseId": variant_id, "quantity": quantity}] if quantity else []
            return self._read(self._change(CART_CREATE, self._new_cart(customer, lines), customer))
        cart = self._cart(customer)
        if cart is None:
            return StoreCart(None, {}, ordered=self._was_ordered(customer))
        held = cart.of(variant_id)
        if sum(line.quantity for line in held) in (expected, quantity):
            cart = self._set(cart, held, variant_id, quantity, customer)
        return self._read(cart)

    def _set(self, cart: Cart, held: Sequence[CartLine], variant_id: str, quantity: int, customer: Customer) -> Cart:
        """One line holds it all, so that nothing is there twice."""
        if sum(line.quantity for line in held) == quantity:
            return cart
        if not held:
            lines = [{"merchandiseId": variant_id, "quantity": quantity}]
            return self._change(LINES_ADD, {"id": cart.id, "lines": lines}, customer)
        too_many = held if quantity == 0 else held[1:]
        if too_many:
            cart = self._change(LINES_REMOVE, {"id": cart.id, "lineIds": [line.id for line in too_many]}, customer)
        if quantity:
            lines = [{"id": held[0].id, "quantity": quantity}]
            cart = self._change(LINES_UPDATE, {"id": cart.id, "lines": lines}, customer)
        return cart

    def _find(self, reference: ProductReference) -> tuple[CatalogueProduct | None, Variant | None]:
        variables = {
            "handle": reference.product_id,
            "variant": VARIANT_GID + (reference.variant_id or "0"),
            "isChosen": bool(reference.variant_id),
        }
        sees_all = self._may_see_all and self._api.has_token
        try:
            data = self._api.ask(PRODUCT, {**variables, "withToken": sees_all})
        except AccessDeniedError:
            # The token lacks the scopes for stock levels and tags; products are shown without them.
            if not sees_all:
                raise
            data = self._api.ask(PRODUCT, {**variables, "withToken": False})
            self._may_see_all = False
        found = None if data.get("product") is None else read_answer(read_product, data["product"])
        # An id that is not of a variant is answered with an empty object.
        chosen = None if data.get("chosen") in (None, {}) else read_answer(read_chosen, data["chosen"])
        is_its = chosen is not None and chosen.product.handle == reference.product_id
        return found, chosen if is_its else None

    def _product(self, found: CatalogueProduct, variant: Variant | None) -> Product:
        variants = found.variants.nodes
        shown = variant or min(variants, key=lambda each: (not each.available_for_sale, variants.index(each)))
        name = _name(variant) if variant is not None else ""
        image = shown.image if variant is not None and shown.image is not None else found.featured_image
        path = [step.name for step in reversed(found.category.ancestors)] if found.category else []
        path += [found.category.name] if found.category else []
        return Product(
            title=f"{found.title}, {name}" if name else found.title,
            price=shown.price.amount,
            currency=shown.price.currency_code,
            image_url=image.url if image else None,
            in_stock=any(each.available_for_sale for each in ([variant] if variant else variants)),
            max_quantity=variant.most if variant is not None else None,
            needs_options=variant is None,
            digital=found.is_gift_card or not any(each.requires_shipping for each in variants),
            category=" > ".join(part for part in (*path, found.product_type, *found.tags) if part)[:MAX_CATEGORY]
            or None,
            marketplaces=self._hosts,
            variants=tuple(map(_variant, variants)) if variant is None else (),
            item_id=variant.number if variant is not None else None,
        )

    def _variant_id(self, reference: ProductReference) -> str:
        """The variant that goes into the cart. Raises StoreRefusedError where it is not known which."""
        if reference.variant_id:
            return VARIANT_GID + reference.variant_id
        found, _ = self._find(reference)
        if found is None:
            raise StoreRefusedError("product_gone")
        if len(found.variants.nodes) > 1:
            raise StoreRefusedError("options")
        return found.variants.nodes[0].id

    def _cart(self, customer: Customer) -> Cart | None:
        data = self._api.ask(CART, {"id": customer.cart_id, **context_of(customer)}, customer)
        return None if data.get("cart") is None else read_answer(read_cart, data["cart"])

    def _new_cart(self, customer: Customer, lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        country = context_of(customer)["country"]
        identity = {"buyerIdentity": {"countryCode": country}} if country else {}
        return {"input": {"lines": list(lines), **identity}}

    def _change(self, document: str, variables: Mapping[str, Any], customer: Customer) -> Cart:
        """Change a cart, and read it again where the shop says that it did otherwise than asked."""
        data = self._api.ask(document, {**variables, **context_of(customer)}, customer)
        change = read_answer(read_change, data.get("change"))
        codes = {error.code or "UNKNOWN" for error in change.user_errors}
        if change.cart is not None and not codes and not change.warnings:
            return change.cart
        if "SERVICE_UNAVAILABLE" in codes:
            raise StoreUnavailableError("service unavailable")
        cart_id = change.cart.id if change.cart is not None else variables.get("id")
        cart = self._cart(replace(customer, cart_id=cart_id)) if cart_id is not None else None
        if cart is None and cart_id is not None:
            raise StoreUnavailableError("the cart is gone")
        if cart is None or codes - {"MAXIMUM_EXCEEDED"}:
            raise StoreRefusedError(", ".join(sorted(codes)) or "no cart")
        return cart

    def _was_ordered(self, customer: Customer) -> bool:
        """Whether a cart that is gone was ordered; unless HashCart has long not used it, it was."""
        used_ms = customer.cart_used_ms
        return used_ms is None or self._clock_ms() - used_ms < CART_LIFE_MS

    def _read(self, cart: Cart, *, ordered: bool = False) -> StoreCart:
        """Quantities under every id that a line may have: a product with one variant is known with and without it."""
        quantities: dict[str, int] = {}
        for line in cart.lines.nodes:
            product, number = line.merchandise.product, line.merchandise.id.removeprefix(VARIANT_GID)
            is_only = product.variants_count is not None and product.variants_count.count == 1
            for host in self._hosts:
                for variant_id in (number, "") if is_only else (number,):
                    line_id = ProductReference(host, product.handle, variant_id).line_id
                    quantities[line_id] = quantities.get(line_id, 0) + line.quantity
        return StoreCart(cart.id, quantities, cart.checkout_url, ordered=ordered)


def _number(line: HandOffLine) -> str:
    """The variant's number, which a product without options is only known by once it was looked up."""
    return line.reference.variant_id or line.item_id or ""


def _ids(lines: Sequence[HandOffLine]) -> tuple[str, ...]:
    return tuple(line.reference.line_id for line in lines)


def _options(variant: Variant) -> tuple[tuple[str, str], ...]:
    """What there is to choose; a product without options has one variant with a title of Shopify's own."""
    options = tuple((option.name, option.value) for option in variant.selected_options)
    return () if options == (("Title", "Default Title"),) else options


def _name(variant: Variant) -> str:
    return variant.title if _options(variant) else ""


def _variant(variant: Variant) -> ProductVariant:
    return ProductVariant(
        id=variant.number,
        options=_options(variant),
        title=variant.title,
        price=variant.price.amount,
        currency=variant.price.currency_code,
        image_url=variant.image.url if variant.image else None,
        in_stock=variant.available_for_sale,
        max_quantity=variant.most,
    )
