"""Pending, kind NOTICE: what a shopper is told by e-mail about the account itself."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from hashcart.messages.posts import SCHEMA_VERSION
from hashcart.reading import reader_of


class NoticeKind(StrEnum):
    """What happened to the account link.

    `MOVED_AWAY` goes to the account that an X profile has left for another one; its owner may not have asked for that.
    None goes to a shopper who wants no e-mail at all: then no address is kept.
    """

    LINKED = "linked"
    MOVED_AWAY = "moved_away"
    EMAIL_CHANGED = "email_changed"
    TOO_MANY = "too_many"


@dataclass(frozen=True, slots=True)
class AccountNotice:
    """A notice to the shopper `shopper_id`, in the language of the link that it is about.

    `handle` is the X profile's. `choice` is the new `EmailChoice` where that is the news. The address is read when the
    notice is sent, so an erased shopper gets none.
    """

    notice: NoticeKind
    shopper_id: str
    handle: str
    language: str
    at_ms: int
    choice: str | None = None
    kind: Literal["notice"] = "notice"
    schema: Literal[1] = SCHEMA_VERSION


read_notice: Callable[[str], AccountNotice] = reader_of(AccountNotice)
