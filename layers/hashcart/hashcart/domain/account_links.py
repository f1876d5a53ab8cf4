"""Who is who: a social profile tied to a store account."""

from dataclasses import dataclass
from enum import StrEnum


class LinkState(StrEnum):
    """Whether posts of the profile are acted upon."""

    ACTIVE = "active"
    PAUSED = "paused"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class AccountLink:
    """A shopper's X profile tied to a store account, with what the shopper agreed to.

    `consented_at_ms` is the moment of consent: posts before it count as not linked.
    `public_replies` is off until the shopper opts in; `quiet` silences even opted-in answers.
    """

    shopper_id: str
    x_user_id: str
    handle: str
    marketplace: str
    country: str
    language: str
    consented_at_ms: int
    policy_version: str
    public_replies: bool = False
    quiet: bool = False
    undo_on_delete: bool = False
    state: LinkState = LinkState.ACTIVE
    state_reason: str | None = None

    def covers(self, posted_at_ms: int) -> bool:
        """Whether a post of this moment falls under the consent."""
        return self.state is not LinkState.ERASED and posted_at_ms >= self.consented_at_ms
