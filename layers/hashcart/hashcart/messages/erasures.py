"""Pending, kind ERASURE: a shopper who has been erased, and whose last traces are still to be removed."""

import json
from dataclasses import dataclass, fields
from typing import Literal

from hashcart.messages.posts import SCHEMA_VERSION


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


def read_erasure(message: str) -> ErasureDue:
    """Read a message back; fields that are not known are passed over."""
    document = json.loads(message)
    return ErasureDue(**{field.name: document[field.name] for field in fields(ErasureDue)})
