"""An e-mail from a letter: text and HTML, without pictures, scripts or anything that tells us that it was opened."""

import re
from dataclasses import dataclass
from email.utils import formataddr
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from hashcart.domain.emails import BadAddressError
from hashcart.emails.letters import Letter

if TYPE_CHECKING:
    from jinja2 import Template

TEMPLATES = Path(__file__).with_name("templates")
MAX_ADDRESS = 254
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


@dataclass(frozen=True, slots=True)
class Letterhead:
    """Who writes: the store's name, the address that e-mails come from, and where our pages are."""

    store: str
    sender: str
    public_url: str


@dataclass(frozen=True, slots=True)
class Email:
    """An e-mail as it is sent, with its own headers beside those that SES makes."""

    sender: str
    to: str
    subject: str
    text: str
    html: str
    headers: tuple[tuple[str, str], ...]


def render(letter: Letter, letterhead: Letterhead, *, to: str, unsubscribe_token: str) -> Email:
    """Give a letter its form, with RFC 8058's headers by which a mail program unsubscribes in one click.

    Raises BadAddressError.
    """
    if len(to) > MAX_ADDRESS or not _ADDRESS.fullmatch(to):
        raise BadAddressError
    unsubscribe_url = f"{letterhead.public_url}/unsubscribe?token={unsubscribe_token}"
    values = {
        "letter": letter,
        "store": letterhead.store,
        "page_url": letterhead.public_url + letter.page,
        "unsubscribe_url": unsubscribe_url,
    }
    return Email(
        sender=formataddr((_one_line(letterhead.store), letterhead.sender)),
        to=to,
        subject=_one_line(letter.subject),
        text=_template("letter.txt").render(values),
        html=_template("letter.html").render(values),
        headers=(
            ("List-Unsubscribe", f"<{unsubscribe_url}>"),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
            ("Auto-Submitted", "auto-generated"),
        ),
    )


def _one_line(text: str) -> str:
    return _CONTROL.sub(" ", text).strip()


@cache
def _template(name: str) -> "Template":
    import jinja2  # noqa: PLC0415 - most invocations send no e-mail, and it is slow to load

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=jinja2.select_autoescape(("html",)),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(name)
