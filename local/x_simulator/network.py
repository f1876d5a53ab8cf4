"""What accounts do on the network, and who is told of it."""

from collections.abc import Callable
from typing import Any, Protocol

from local.x_simulator.accounts import Account, Accounts
from local.x_simulator.entities import find_mentions
from local.x_simulator.events import Event, Events
from local.x_simulator.snowflakes import SnowflakeClock
from local.x_simulator.timeline import Post, Timeline
from local.x_simulator.tokens import Tokens
from local.x_simulator.webhooks import Webhook, Webhooks


class Listener(Protocol):
    """Hears of what happens on the network."""

    def posted(self, post: Post) -> None:
        """There is a new post, or a new version of one."""

    def deleted(self, post: Post) -> None:
        """A post is gone."""


class Network:
    """Posts, edits, deletes and revokes; webhooks and listeners are told."""

    def __init__(
        self,
        *,
        timeline: Timeline,
        accounts: Accounts,
        tokens: Tokens,
        webhooks: Webhooks,
        events: Events,
        ids: SnowflakeClock,
        now: Callable[[], float],
        listener: Listener,
    ) -> None:
        self._timeline = timeline
        self._accounts = accounts
        self._tokens = tokens
        self._webhooks = webhooks
        self._events = events
        self._ids = ids
        self._now = now
        self._listener = listener

    def create(
        self,
        author: Account,
        text: str,
        *,
        in_reply_to: Post | None = None,
        quoted: Post | None = None,
        implicit_mentions: bool = False,
        clock_ahead: float = 0.0,
        **overrides: Any,
    ) -> Post:
        """Publish a post. `implicit_mentions` carries along whom the parent post involves, as X's own app does.

        The clock of the machine that takes the post is `clock_ahead` seconds. `overrides` change the network's
        behaviour for the deliveries of this post.
        """
        carried = self._carried_mentions(author, in_reply_to) if implicit_mentions and in_reply_to else []
        post_id = self._ids.astray_id(clock_ahead) if clock_ahead else self._ids.next_id()
        post = Post(
            id=post_id,
            first_id=post_id,
            author_id=author.id,
            source=" ".join((*carried, text)),
            in_reply_to=in_reply_to.id if in_reply_to else None,
            quoted=quoted.id if quoted else None,
            conversation_id=in_reply_to.conversation_id if in_reply_to else post_id,
            implicit_mentions=len(carried),
        )
        return self._publish(post, overrides)

    def edit(self, post: Post, text: str, **overrides: Any) -> Post:
        """Publish a new version of a post, under an id of its own."""
        newest = self._timeline.newest(post)
        version = Post(**{**vars(newest), "id": self._ids.next_id(), "source": text, "implicit_mentions": 0})
        return self._publish(version, overrides)

    def delete(self, post: Post) -> None:
        """Delete all versions of a post."""
        newest = self._timeline.newest(post)
        self._timeline.delete(post.first_id)
        self._deliver(self._events.of_deletion(newest))
        self._listener.deleted(newest)

    def replay(self, webhook: Webhook, since: float, until: float) -> None:
        """Tell one webhook again of the posts of a time, in seconds of the Unix epoch, as they are now."""
        for post in reversed(self._timeline.all()):
            if since <= post.created_at.timestamp() < until:
                for event in self._events.of_post(post):
                    self._webhooks.deliver_to(webhook, event.document, event.event_type, event.post_id)

    def revoke(self, account: Account) -> None:
        """Let an account end the app's access."""
        self._tokens.revoke_account(account.id)
        self._deliver([self._events.of_revocation(account, self._now())])

    def end_access_tokens(self, account: Account) -> None:
        """Let the access tokens of an account end now, as by a clock that is ahead of everybody's."""
        self._tokens.end_access_tokens(account.id)

    def has_summoned(self, parent: Post, replier: Account) -> bool:
        """Whether the parent post's author explicitly mentions or quotes the replying account, or is it.

        Mentions that a reply carried along implicitly do not count.
        """
        if parent.author_id == replier.id:
            return True
        mentioned = [username.lower() for username, _, _ in find_mentions(parent.source)][parent.implicit_mentions :]
        quoted = self._timeline.get(parent.quoted) if parent.quoted is not None else None
        return replier.username.lower() in mentioned or (quoted is not None and quoted.author_id == replier.id)

    def _publish(self, post: Post, overrides: dict[str, Any]) -> Post:
        self._timeline.add(post)
        self._deliver(self._events.of_post(post, **overrides))
        self._listener.posted(post)
        return post

    def _deliver(self, events: list[Event]) -> None:
        for event in events:
            self._webhooks.deliver(event.document, event.event_type, event.post_id)

    def _carried_mentions(self, author: Account, parent: Post) -> list[str]:
        involved = [self._accounts[parent.author_id].username, *(name for name, _, _ in find_mentions(parent.source))]
        others = dict.fromkeys(name for name in involved if name.lower() != author.username.lower())
        return [f"@{name}" for name in others]
