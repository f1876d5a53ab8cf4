"""Where a store serves shoppers."""

from collections.abc import Collection

DEFAULT = "default"
EVERYWHERE = "*"

# Where Amazon's service of 2014 began; the other stores say themselves what they do not ship.
_BY_DEFAULT = {"amazon": frozenset({"US"})}


def allowed_countries(configured: Collection[str], store: str) -> frozenset[str]:
    """The countries (ISO 3166-1 alpha-2, or "*" for all) that `configured` means for a store.

    Nothing, or `default`, is the United States for Amazon and everywhere for any other store.
    """
    if set(configured) <= {DEFAULT}:
        return _BY_DEFAULT.get(store, frozenset({EVERYWHERE}))
    return frozenset(configured)


def serves(allowed: Collection[str], country: str) -> bool:
    """Whether shoppers of a country are served."""
    return EVERYWHERE in allowed or country.upper() in allowed
