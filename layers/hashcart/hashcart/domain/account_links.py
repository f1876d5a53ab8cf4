"""Who is who: a social profile tied to a store account."""

from dataclasses import dataclass
from enum import StrEnum

REVOKED = "revoked"
"""The reason of a pause that only a new sign-in with X ends: the shopper took back the app's access there."""

PAUSED_BY_SHOPPER = "shopper"
"""The reason of a pause that the shopper asked for on the account page."""


TOO_MANY = "too_many"
"""The reason of a pause since posts of the profile added more in an hour than is usual; the account page asks why."""

PROTECTED = "protected"
"""The reason of a pause since X says that the profile's posts are shown to its followers only."""

SUSPENDED = "suspended"
"""The reason of a pause since X says that it has suspended the profile."""

NOT_PUBLIC = frozenset({PROTECTED, SUSPENDED})
"""Pauses that end by themselves once X shows a newer post of the profile; they keep nobody from adding privately."""


class LinkState(StrEnum):
    """Whether posts of the profile are acted upon."""

    ACTIVE = "active"
    PAUSED = "paused"


class EmailChoice(StrEnum):
    """What the shopper wants by e-mail. There is no default: linking asks."""

    EVERYTHING = "everything"
    PROBLEMS = "problems"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class AccountLink:
    """A shopper's X profile tied to a store account, with what the shopper agreed to.

    `consented_at_ms` is the moment of consent: posts before it count as not linked.
    `public_replies` is off until the shopper opts in; `quiet` silences even opted-in answers.
    `adds_since_ms` is when the adds began for which the link was last paused as too many; `vouched_at_ms` is when the
    shopper said that those were meant.
    `protected` is what X last said of the profile: its posts are never delivered. `state_since_ms` is from when on it
    is paused, as far as X's word is the reason.
    `post_events_since_ms` is the moment of the consent, under `post_events_policy`, that X tells of each post of the
    profile at once; None without.
    `sensitive_categories` are the shopper's own, beside the merchant's; `hide_sensitive` covers such lines on the cart
    page until they are tapped.
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
    state_since_ms: int | None = None
    avatar_url: str | None = None
    protected: bool = False
    email: EmailChoice = EmailChoice.NOTHING
    sensitive_categories: tuple[str, ...] = ()
    hide_sensitive: bool = True
    post_events_since_ms: int | None = None
    post_events_policy: str | None = None
    adds_since_ms: int | None = None
    vouched_at_ms: int | None = None

    @property
    def trusted_since_ms(self) -> int:
        """Since when adds are counted: what was posted before, the shopper has answered for."""
        return max(self.consented_at_ms, self.vouched_at_ms or 0)

    def covers(self, posted_at_ms: int) -> bool:
        """Whether a post of this moment falls under the consent."""
        return posted_at_ms >= self.consented_at_ms


@dataclass(frozen=True, slots=True)
class StoreAccount:
    """A customer of the store, as the store's own sign-in names one: `subject` is unique within `issuer`.

    `email` is there only if the store says that it is verified.
    """

    issuer: str
    subject: str
    name: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class XProfile:
    """A profile that its owner has just signed in with."""

    user_id: str
    handle: str
    name: str = ""
    avatar_url: str | None = None
    protected: bool = False


@dataclass(frozen=True, slots=True)
class Shopper:
    """What is kept of a store account: under which `shopper_id`, and which X profile it is linked with, if any.

    `store_subject` is the account's subject at the store, for stores whose cart HashCart fills on the shopper's behalf.
    `moved_handle` is the profile that left for another account, at `moved_at_ms`, until a profile is linked again.
    `email_paused` says why no e-mail goes out any more: bounced, complained or unsubscribed.
    """

    shopper_id: str
    issuer: str
    store_subject: str
    x_user_id: str | None = None
    name: str | None = None
    email_address: str | None = None
    email_paused: str | None = None
    store_cart_id: str | None = None
    moved_handle: str | None = None
    moved_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """What a shopper may change of a link at any time."""

    public_replies: bool
    quiet: bool
    undo_on_delete: bool
    email: EmailChoice
    marketplace: str
    country: str
    language: str
    sensitive_categories: tuple[str, ...] = ()
    hide_sensitive: bool = True
    post_events_since_ms: int | None = None
    post_events_policy: str | None = None
