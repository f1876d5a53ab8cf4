"""X's events about what a shopper posts and deletes: which are subscribed to, and how far that has come."""

from dataclasses import dataclass
from enum import StrEnum

POST_CREATE = "post.create"
POST_DELETE = "post.delete"
EVENT_TYPES = (POST_CREATE, POST_DELETE)
"""A shopper who opted in has a subscription to each, or to none."""


class Progress(StrEnum):
    """How far X's subscriptions are what the shopper wants."""

    TODO = "todo"
    MADE = "made"
    WAITING = "waiting"
    """The app has as many subscriptions as it may."""
    REFUSED = "refused"
    """X does not subscribe to this profile; it is asked again a day later."""


@dataclass(frozen=True, slots=True)
class PostEventsWish:
    """Whether a profile's events are wanted, by consent of the moment `since_ms`; None: not any more.

    `revision` grows with each change of the wish.
    """

    x_user_id: str
    since_ms: int | None
    progress: Progress
    revision: int


@dataclass(frozen=True, slots=True)
class Subscription:
    """Events of one kind about one account, delivered to one webhook."""

    id: str
    event_type: str
    user_id: str
    webhook_id: str


@dataclass(frozen=True, slots=True)
class SubscriptionUsage:
    """How many subscriptions the app has at X, of how many that it may have."""

    used: int
    limit: int

    @property
    def percent(self) -> int:
        """The part of the limit that is used, rounded up."""
        return -(-100 * self.used // self.limit) if self.limit else 0
