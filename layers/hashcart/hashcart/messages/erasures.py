"""Pending, kind ERASURE: a shopper who has been erased, and whose last traces are still to be removed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from hashcart.messages.posts import SCHEMA_VERSION
from hashcart.reading import reader_of


@dataclass(frozen=True, slots=True)
class ErasureDue:
    """What was in flight at `erased_at_ms` has ended by now: remove what it may have written.

    `x_user_id` is the profile that was linked, whose older posts may still wait.
    """

    shopper_id: str
    x_user_id: str | None
    erased_at_ms: int
    kind: Literal["erasure"] = "erasure"
    schema: Literal[1] = SCHEMA_VERSION


read_erasure: Callable[[str], ErasureDue] = reader_of(ErasureDue)
