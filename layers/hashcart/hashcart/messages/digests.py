"""Pending, kind DIGEST: a shopper's replies of a day are to be summed up."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from hashcart.messages.posts import SCHEMA_VERSION
from hashcart.reading import reader_of


@dataclass(frozen=True, slots=True)
class DigestDue:
    """The digest of the 24 hours before `end_ms`, of the shopper whose profile this is."""

    shopper_id: str
    x_user_id: str
    end_ms: int
    kind: Literal["digest"] = "digest"
    schema: Literal[1] = SCHEMA_VERSION


read_digest: Callable[[str], DigestDue] = reader_of(DigestDue)
