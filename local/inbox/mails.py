"""What was sent, kept in a file: SES itself shows nobody the headers and tags of an e-mail."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email.header import decode_header, make_header
from pathlib import Path
from typing import Any

KEPT = 500


@dataclass(frozen=True)
class Mail:
    """An e-mail that SES took."""

    id: str
    at: float
    sender: str
    to: str
    subject: str
    text: str
    html: str
    headers: dict[str, str]
    tags: dict[str, str]
    configuration_set: str

    @property
    def shown_sender(self) -> str:
        """The sender, its name in letters."""
        return str(make_header(decode_header(self.sender)))

    @property
    def shown_time(self) -> str:
        """When it was sent, by this machine's clock."""
        return datetime.fromtimestamp(self.at, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")

    @property
    def unsubscribe_url(self) -> str:
        """Where a mail program unsubscribes in one click."""
        return self.headers.get("List-Unsubscribe", "").strip("<>")


def mail_from_request(message_id: str, body: Mapping[str, Any], now: float) -> Mail:
    """Read `SendEmail`'s request. Raises KeyError if it has another form than the functions use."""
    simple = body["Content"]["Simple"]
    return Mail(
        id=message_id,
        at=now,
        sender=body["FromEmailAddress"],
        to=", ".join(body["Destination"]["ToAddresses"]),
        subject=simple["Subject"]["Data"],
        text=simple["Body"]["Text"]["Data"],
        html=simple["Body"]["Html"]["Data"],
        headers={header["Name"]: header["Value"] for header in simple.get("Headers", [])},
        tags={tag["Name"]: tag["Value"] for tag in body.get("EmailTags", [])},
        configuration_set=body.get("ConfigurationSetName", ""),
    )


class Mails:
    """The newest e-mails; the file survives a restart."""

    def __init__(self, path: Path, now: Callable[[], float] = time.time, kept: int = KEPT) -> None:
        self._path = path
        self._kept = kept
        self._now = now
        self._mails = _read(path)

    def add(self, message_id: str, body: Mapping[str, Any]) -> None:
        """Keep an e-mail."""
        self._mails = [*self._mails, mail_from_request(message_id, body, self._now())][-self._kept :]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text("\n".join(json.dumps(asdict(mail)) for mail in self._mails))

    def newest_first(self, to: str | None = None) -> list[Mail]:
        """All of them, or those to an address."""
        return [mail for mail in reversed(self._mails) if to in (None, mail.to)]

    def get(self, message_id: str) -> Mail | None:
        """One of them."""
        return next((mail for mail in self._mails if mail.id == message_id), None)


def _read(path: Path) -> list[Mail]:
    if not path.is_file():
        return []
    return [Mail(**json.loads(line)) for line in path.read_text().splitlines()]
