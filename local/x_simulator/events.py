"""Events of the X Activity API, in the shape that webhooks have been seen to receive."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local.x_simulator.accounts import BOT, Account, Accounts
from local.x_simulator.behaviour import EVERYBODY, Behaviour
from local.x_simulator.event_types import MENTION_CREATE, OAUTH_REVOKE, POST_CREATE, POST_DELETE
from local.x_simulator.objects import ACTIVITY_FIELDS, Objects, with_new_names
from local.x_simulator.subscriptions import Subscriptions
from local.x_simulator.timeline import Post

TAG = "cart"
APP_ID = "31000001"

_UUID_BITS = 62


@dataclass(frozen=True)
class Event:
    """An event, its type and the post that it tells of."""

    event_type: str
    document: dict[str, Any]
    post_id: int | None = None


class Events:
    """Makes the events that subscriptions ask for."""

    def __init__(
        self,
        objects: Objects,
        accounts: Accounts,
        subscriptions: Subscriptions,
        behaviour: Behaviour,
        random_source: random.Random,
    ) -> None:
        self._objects = objects
        self._subscriptions = subscriptions
        self._accounts = accounts
        self._behaviour = behaviour
        self._random = random_source

    def is_subscribed(self, account: Account) -> bool:
        """Whether the account's posts are told of: as everybody's are, or by a subscription of its own."""
        wanted = self._behaviour.post_create_for
        is_streamed = account.id != BOT.id if wanted == EVERYBODY else account.id in wanted
        return account.is_public and (is_streamed or self._subscriptions.has(POST_CREATE, account.id))

    def tells_of_deletions(self, account: Account) -> bool:
        """Whether there is a `post.delete` subscription for the account."""
        wanted = self._behaviour.post_create_for
        is_listed = wanted != EVERYBODY and account.id in wanted
        return account.is_public and (is_listed or self._subscriptions.has(POST_DELETE, account.id))

    def of_post(self, post: Post, **overrides: Any) -> list[Event]:
        """The events of a new post or version: one for each subscription that it matches."""
        author = self._accounts[post.author_id]
        behaviour = Behaviour(**{**vars(self._behaviour), **overrides})
        events = []
        if self.is_subscribed(author):
            events.append(self._post_event(POST_CREATE, author.id, post, behaviour, behaviour.parent_in_post_create))
        if author.is_public and BOT.id in self._objects.mentioned_ids(post):
            events.append(self._post_event(MENTION_CREATE, BOT.id, post, behaviour, behaviour.parent_in_mention))
        return events

    def of_deletion(self, post: Post) -> list[Event]:
        """The event of a deleted post, by its newest version."""
        author = self._accounts[post.author_id]
        if not self.tells_of_deletions(author):
            return []
        data = self._envelope(POST_DELETE, author.id) | {"payload": {"id": str(post.id), "author_id": author.id}}
        return [Event(POST_DELETE, {"data": data}, post.id)]

    def of_revocation(self, account: Account, now: float) -> Event:
        """The event of an account that ends the app's access."""
        date_time = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        payload = {"date_time": date_time, "user_id": account.id, "app_id": APP_ID}
        return Event(OAUTH_REVOKE, {"data": {"event_type": OAUTH_REVOKE, "filter": {}, "payload": payload}})

    def _post_event(
        self, event_type: str, subscriber_id: str, post: Post, behaviour: Behaviour, with_parent: bool
    ) -> Event:
        parents = [found for found in self._objects.referenced(post) if found.id == post.in_reply_to]
        body = {
            "payload": self._objects.post(post, ACTIVITY_FIELDS),
            "includes": {
                "users": [self._objects.account(self._accounts[post.author_id])],
                "tweets": [self._objects.post(parent, ACTIVITY_FIELDS) for parent in parents if with_parent],
            },
        }
        renamed = with_new_names(body) if behaviour.names == "new" else body
        return Event(event_type, {"data": self._envelope(event_type, subscriber_id) | renamed}, post.id)

    def _envelope(self, event_type: str, user_id: str) -> dict[str, Any]:
        uuid = self._random.getrandbits(_UUID_BITS) * self._random.choice((1, -1))
        return {
            "event_uuid": str(uuid),
            "filter": {"user_id": user_id},
            "event_type": event_type,
            "tag": TAG,
        }
