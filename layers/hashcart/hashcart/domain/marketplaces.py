"""Among which marketplaces and countries a shopper chooses."""

from collections.abc import Collection, Sequence

from hashcart.domain.amazon_links import MARKETPLACES as AMAZON_MARKETPLACES
from hashcart.domain.product_links import DEMO_MARKETPLACES
from hashcart.domain.regions import EVERYWHERE

COUNTRIES = (
    "AE", "AR", "AT", "AU", "BE", "BR", "CA", "CH", "CL", "CO", "CZ", "DE", "DK", "EG", "ES", "FI", "FR", "GB", "GR",
    "HK", "HU", "IE", "IN", "IT", "JP", "KR", "LU", "MX", "NL", "NO", "NZ", "PL", "PT", "RO", "SA", "SE", "SG", "TR",
    "TW", "US", "ZA",
)  # fmt: skip
"""Countries that the pages offer where the store serves all, as ISO 3166-1 alpha-2 codes."""

_COUNTRY_OF_LANGUAGE = {"en": "US", "fr": "FR", "es": "ES", "de": "DE", "ja": "JP"}
_COUNTRY_OF_ENDING = {"com": "US", "co.uk": "GB", "co.jp": "JP"}


def marketplaces_of(store: str, hosts: Sequence[str]) -> tuple[str, ...]:
    """The host names to choose among; `hosts` are those of a store that is neither Amazon nor the demo."""
    match store:
        case "amazon":
            return tuple(sorted(AMAZON_MARKETPLACES, key=lambda host: (host != "amazon.com", host)))
        case "demo":
            return tuple(sorted(DEMO_MARKETPLACES))
        case _:
            return tuple(hosts)


def countries_of(allowed: Collection[str]) -> tuple[str, ...]:
    """The countries to choose among, of those that `regions.allowed_countries` names."""
    return COUNTRIES if EVERYWHERE in allowed else tuple(sorted(allowed))


def likely_country(accept_language: str, countries: Sequence[str]) -> str | None:
    """The country that a browser's first language names (`de-AT`) or, naming none, suggests (`de`); an only one.

    None where that would be a guess, as for `es-419` or `zh-Hans`: whoever is asked then chooses.
    """
    if len(countries) == 1:
        return countries[0]
    language, *parts = accept_language.split(",", 1)[0].split(";", 1)[0].strip().lower().split("-")
    guess = parts[-1].upper() if parts else _COUNTRY_OF_LANGUAGE.get(language)
    return guess if guess in countries else None


def likely_marketplace(country: str | None, marketplaces: Sequence[str]) -> str:
    """Amazon's marketplace of the country, else the first one."""
    fits = (host for host in marketplaces if _country_of(host) == country)
    return next(fits, marketplaces[0])


def _country_of(marketplace: str) -> str:
    ending = marketplace.partition(".")[2]
    return _COUNTRY_OF_ENDING.get(ending, ending.rpartition(".")[2].upper())
