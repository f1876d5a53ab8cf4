"""The Outcomes queue: what became of a post."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from hashcart.domain.outcomes import Outcome
from hashcart.domain.posts import X, order_key
from hashcart.messages.posts import SCHEMA_VERSION
from hashcart.reading import reader_of


@dataclass(frozen=True, slots=True)
class OutcomeReached:
    """Outcomes queue: what became of a post. `shopper_id` is None for somebody who has not linked.

    `is_kept` says that row and line tell this outcome already, so that it need not be written.
    """

    post_id: str
    first_id: str
    author_id: str
    shopper_id: str | None
    outcome: Outcome
    summoned: bool = False
    network: str = X
    is_kept: bool = False
    kind: Literal["outcome"] = "outcome"
    schema: Literal[1] = SCHEMA_VERSION

    @property
    def first_key(self) -> str:
        """The order key of the post's row."""
        return order_key(self.first_id, self.network)


read_outcome: Callable[[str], OutcomeReached] = reader_of(OutcomeReached)
