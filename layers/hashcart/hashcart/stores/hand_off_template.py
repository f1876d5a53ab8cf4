"""The address of a shop that puts products in its cart, as the merchant writes it.

`https://{host}/?add-to-cart={id}&quantity={quantity}` takes one product, so each has an address of its own.
`https://{host}/cart/[{id}:{quantity}|,]` takes them all: what stands in brackets is repeated, with what follows the bar
between. `{id}` is the number by which the shop's cart knows a product, `{sku}` its stock-keeping unit.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

FIELDS = frozenset({"host", "id", "sku", "quantity"})
MAX_LENGTH = 500

_FIELD = re.compile(r"\{([a-z]*)\}")
_REPEATED = re.compile(r"\[([^\[\]|]+)\|([^\[\]|]*)\]")


class TemplateError(Exception):
    """The template cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class HandOffTemplate:
    """`before`, `item` repeated with `between`, `after`; without a repeated part all of it is `before`."""

    before: str
    item: str = ""
    between: str = ""
    after: str = ""

    @classmethod
    def read(cls, text: str) -> "HandOffTemplate":
        """Raises TemplateError."""
        parts = _REPEATED.split(text)
        template = cls(text) if len(parts) == 1 else cls(*parts[:4])
        template._check(text, len(parts))
        return template

    @property
    def takes_many(self) -> bool:
        """Whether one address takes several products."""
        return bool(self.item)

    @property
    def uses_sku(self) -> bool:
        """Whether products are named by their stock-keeping unit, and not by the number in the shop's cart."""
        return "{sku}" in self.before + self.item

    def address(self, host: str, items: Iterable[tuple[str, int]]) -> str:
        """The address for `items`: what the cart calls each, and how many; one item where it does not take many."""
        values = [{"id": name, "sku": name, "quantity": str(quantity)} for name, quantity in items]
        if not self.takes_many:
            return _filled(self.before, {"host": host, **values[0]})
        repeated = self.between.join(_filled(self.item, value) for value in values)
        return _filled(self.before, {"host": host}) + repeated + _filled(self.after, {"host": host})

    def _check(self, text: str, parts: int) -> None:
        outside, inside = self.before + self.after, self.item
        fields = set(_FIELD.findall(text))
        repeated = set(_FIELD.findall(inside)) if self.takes_many else fields
        strays = set(_FIELD.findall(outside)) - {"host"} if self.takes_many else set()
        if len(text) > MAX_LENGTH or parts not in (1, 4) or strays:
            raise TemplateError("one part in brackets at most, and the product's fields inside it")
        if fields - FIELDS:
            raise TemplateError("unknown field; there are {host}, {id}, {sku} and {quantity}")
        if "quantity" not in repeated or len(repeated & {"id", "sku"}) != 1:
            raise TemplateError("{quantity} and one of {id} and {sku} have to be there")
        address = urlsplit(self.address("shop.example", [("1", 1)]))
        if address.scheme != "https" or not address.hostname or set(_FIELD.sub("", text)) & set("{}"):
            raise TemplateError("not an https address")


def _filled(text: str, values: Mapping[str, str]) -> str:
    return _FIELD.sub(lambda match: quote(values[match[1]], safe=""), text)
