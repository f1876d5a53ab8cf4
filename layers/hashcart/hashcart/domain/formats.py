"""Moments and amounts of money, written as readers of each language write them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from hashcart.domain.languages import DEFAULT_LANGUAGE, known_language

NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"
NARROW_SPACE = "\N{NARROW NO-BREAK SPACE}"
MAX_AMOUNT_LENGTH = 20
GROUP = 3

_DECIMALS = dict.fromkeys(("JPY", "KRW", "VND", "CLP", "ISK", "PYG", "UGX", "XAF", "XOF"), 0) | dict.fromkeys(
    ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3
)
_SYMBOLS = {
    "USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "CAD": "CA$", "AUD": "A$", "MXN": "MX$", "BRL": "R$",
    "INR": "₹", "KRW": "₩", "CNY": "CN¥", "ILS": "₪", "VND": "₫", "NZD": "NZ$",
}  # fmt: skip
_SYMBOLS_OF_LANGUAGE = {
    "fr": {"USD": "$US", "CAD": "$CA", "AUD": "$AU", "GBP": "£GB"},
    "es": {"USD": "US$", "CAD": "CAD", "AUD": "AUD"},
    "ja": {"JPY": "￥"},
}


@dataclass(frozen=True, slots=True)
class _Style:
    """How numbers are written: `least_grouped` is the number of digits from which groups are marked."""

    decimal: str
    group: str
    symbol_first: bool
    least_grouped: int = 4


_STYLES = {
    "en": _Style(".", ",", symbol_first=True),
    "fr": _Style(",", NARROW_SPACE, symbol_first=False),
    "es": _Style(",", ".", symbol_first=False, least_grouped=5),
    "de": _Style(",", ".", symbol_first=False),
    "ja": _Style(".", ",", symbol_first=True),
}
_MONTHS = {
    "en": "January February March April May June July August September October November December",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
}


def money(amount: str, currency: str, language: str) -> str:
    """An amount, given as decimal text, in a currency (ISO 4217); as it was given if it is no amount."""
    try:
        number = Decimal(amount)
    except InvalidOperation:
        return f"{amount}{NO_BREAK_SPACE}{currency}"
    if not number.is_finite() or len(amount) > MAX_AMOUNT_LENGTH or abs(number.adjusted()) > MAX_AMOUNT_LENGTH:
        return f"{amount}{NO_BREAK_SPACE}{currency}"
    language = known_language(language) or DEFAULT_LANGUAGE
    style = _STYLES[language]
    written = _written(abs(number), _DECIMALS.get(currency, 2), style)
    symbol = _SYMBOLS_OF_LANGUAGE.get(language, {}).get(currency) or _SYMBOLS.get(currency, currency)
    sign = "-" if number < 0 else ""
    if not style.symbol_first:
        return f"{sign}{written}{NO_BREAK_SPACE}{symbol}"
    return f"{sign}{symbol}{NO_BREAK_SPACE if symbol.isalpha() else ''}{written}"


def date(at_ms: int, language: str) -> str:
    """The day of a moment (milliseconds of the Unix epoch), in UTC."""
    language = known_language(language) or DEFAULT_LANGUAGE
    day = datetime.fromtimestamp(at_ms / 1000, UTC)
    if language == "ja":
        return f"{day.year}年{day.month}月{day.day}日"
    month = _MONTHS[language].split()[day.month - 1]
    match language:
        case "fr":
            return f"{'1er' if day.day == 1 else day.day}{NO_BREAK_SPACE}{month} {day.year}"
        case "es":
            return f"{day.day}{NO_BREAK_SPACE}de {month} de {day.year}"
        case "de":
            return f"{day.day}.{NO_BREAK_SPACE}{month} {day.year}"
        case _:
            return f"{month}{NO_BREAK_SPACE}{day.day}, {day.year}"


def date_time(at_ms: int, language: str) -> str:
    """A moment (milliseconds of the Unix epoch) with its time to the minute, in UTC and saying so."""
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    hours = f"{moment.hour % 12 or 12}:{moment:%M}{NO_BREAK_SPACE}{'PM' if moment.hour >= 12 else 'AM'}"  # noqa: PLR2004
    time = hours if (known_language(language) or DEFAULT_LANGUAGE) == "en" else f"{moment:%H:%M}"
    separator = " " if known_language(language) == "ja" else ", "
    return f"{date(at_ms, language)}{separator}{time}{NO_BREAK_SPACE}UTC"


def _written(number: Decimal, decimals: int, style: _Style) -> str:
    rounded = number.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    whole, _, fraction = f"{rounded:f}".partition(".")
    if len(whole) >= style.least_grouped:
        first = len(whole) % GROUP or GROUP
        whole = style.group.join([whole[:first], *(whole[at : at + GROUP] for at in range(first, len(whole), GROUP))])
    return f"{whole}{style.decimal}{fraction}" if fraction else whole
