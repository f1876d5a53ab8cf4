"""What became of each reply that was sent, for the live panel."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from local.x_simulator.accounts import BOT, Account, Accounts
from local.x_simulator.entities import find_hashtags, find_mentions
from local.x_simulator.events import Events
from local.x_simulator.timeline import Post, Timeline
from local.x_simulator.watcher import Cart, Outcome, Watcher, WatcherUnavailableError
from local.x_simulator.webhooks import Delivery, Webhooks

KEPT_ATTEMPTS = 40
UNDO_HASHTAG = "undo"
UNDONE = "UNDONE"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pace:
    """Seconds: between looks, until silence is explained, until looks get rare, between rare looks, until the end."""

    look: float = 0.2
    quiet_after: float = 3.0
    fast_for: float = 20.0
    rare_look: float = 2.0
    give_up_after: float = 600.0


@dataclass
class Attempt:
    """Something that a shopper did, and what is known of its way. `kind` is reply, edit, undo or delete.

    `watched_id` is the first version of the post whose outcome tells. `obstacle` says why nothing can come of it.
    """

    kind: str
    post: Post
    account: Account
    watched_id: int
    begun: float
    obstacle: str | None = None
    deliveries: list[Delivery] = field(default_factory=list)
    outcome: Outcome | None = None
    silence: str | None = None
    answer: Post | None = None
    is_unreadable: bool = False
    next_look: float = 0.0
    ended: bool = False

    @property
    def key(self) -> str:
        """Names the attempt in the page."""
        return f"{self.kind}-{self.post.id}"

    @property
    def is_watched(self) -> bool:
        """Whether an outcome may still come."""
        return not self.ended and self.obstacle is None

    @property
    def asks_for_answer(self) -> bool:
        """Whether the post mentions the bot, without which X lets nobody answer it."""
        return BOT.username.lower() in {name.lower() for name, _, _ in find_mentions(self.post.source)}

    def settles(self, outcome: Outcome) -> bool:
        """Whether `outcome` is that of this attempt and not of something before it."""
        if self.kind in ("undo", "delete"):
            return outcome.code == UNDONE
        return int(outcome.version_id) >= self.post.id


@dataclass(frozen=True)
class Change:
    """Something to draw again: a thread (by conversation id), an attempt (by key) or a cart (by account id)."""

    kind: str
    key: str


class Hub:
    """Passes changes on to the open pages."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[Change | None]] = set()

    def subscribe(self) -> asyncio.Queue[Change | None]:
        """A queue of changes; None ends it."""
        queue: asyncio.Queue[Change | None] = asyncio.Queue()
        self._queues.add(queue)
        return queue

    def unsubscribe(self, queue: asyncio.Queue[Change | None]) -> None:
        """No more changes for this one."""
        self._queues.discard(queue)

    def publish(self, change: Change) -> None:
        """Tell every page."""
        for queue in self._queues:
            queue.put_nowait(change)

    def close(self) -> None:
        """End all pages' streams, so that the server can stop."""
        for queue in self._queues:
            queue.put_nowait(None)


class Board:
    """Follows what shoppers do: deliveries, outcome, answer. Looks at the stack only while something is pending."""

    def __init__(
        self,
        *,
        timeline: Timeline,
        accounts: Accounts,
        watcher: Watcher,
        hashtags: Collection[str],
        pace: Pace,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.hub = Hub()
        self.attempts: deque[Attempt] = deque(maxlen=KEPT_ATTEMPTS)
        self._timeline = timeline
        self._accounts = accounts
        self._watcher = watcher
        self._hashtags = {hashtag.casefold() for hashtag in hashtags}
        self._pace = pace
        self._clock = clock
        self._wake = asyncio.Event()
        self._webhooks: Webhooks | None = None
        self._events: Events | None = None

    def connect(self, webhooks: Webhooks, events: Events) -> None:
        """Where to read deliveries and subscriptions; they in turn report to the board."""
        self._webhooks = webhooks
        self._events = events

    def attempt(self, key: str) -> Attempt | None:
        """The attempt of that key."""
        return next((attempt for attempt in self.attempts if attempt.key == key), None)

    def posted(self, post: Post) -> None:
        """Follow a shopper's reply, or note the bot's answer to one."""
        self.hub.publish(Change("thread", str(post.conversation_id)))
        account = self._accounts[post.author_id]
        if account.id == BOT.id:
            self._note_answer(post)
        elif account.can_post:
            kind, watched_id = self._kind_of(post)
            self._follow(Attempt(kind, post, account, watched_id, self._clock(), self._obstacle(kind, post, account)))

    def deleted(self, post: Post) -> None:
        """Follow a shopper's deletion."""
        self.hub.publish(Change("thread", str(post.conversation_id)))
        account = self._accounts[post.author_id]
        if account.can_post:
            obstacle = self._undeliverable(account, "delete")
            self._follow(Attempt("delete", post, account, post.first_id, self._clock(), obstacle))

    def delivery_changed(self, delivery: Delivery) -> None:
        """Show a delivery's new state."""
        for attempt in self.attempts:
            if attempt.post.id == delivery.post_id:
                self._read_deliveries(attempt)
                self.hub.publish(Change("attempt", attempt.key))

    async def cart_of(self, account: Account) -> Cart | None:
        """The account's cart, None if there is none or the stack cannot be read."""
        try:
            return await asyncio.to_thread(self._watcher.cart_of, account.id)
        except WatcherUnavailableError:
            return None

    async def run(self) -> None:
        """Look after what is pending, for ever."""
        while True:
            if not any(attempt.is_watched for attempt in self.attempts):
                self._wake.clear()
                await self._wake.wait()
            now = self._clock()
            due = [attempt for attempt in self.attempts if attempt.is_watched and attempt.next_look <= now]
            await asyncio.gather(*(self._look_safely(attempt) for attempt in due))
            await asyncio.sleep(self._pace.look)

    def _follow(self, attempt: Attempt) -> None:
        self._read_deliveries(attempt)
        self.attempts.appendleft(attempt)
        self.hub.publish(Change("attempt", attempt.key))
        self._wake.set()

    def _read_deliveries(self, attempt: Attempt) -> None:
        if self._webhooks is not None:
            found = self._webhooks.deliveries_of(attempt.post.id)
            is_deletion = attempt.kind == "delete"
            attempt.deliveries = [entry for entry in found if (entry.event_type == "post.delete") == is_deletion]

    def _note_answer(self, post: Post) -> None:
        for attempt in self.attempts:
            if attempt.post.id == post.in_reply_to and attempt.kind != "delete":
                attempt.answer = post
                self.hub.publish(Change("attempt", attempt.key))

    def _kind_of(self, post: Post) -> tuple[str, int]:
        parent = self._timeline.get(post.in_reply_to) if post.in_reply_to is not None else None
        if parent is not None and UNDO_HASHTAG in self._tags(post):
            if parent.author_id == post.author_id:
                return "undo", parent.first_id
            answered = self._timeline.get(parent.in_reply_to) if parent.in_reply_to is not None else None
            if answered is not None and parent.author_id == BOT.id:
                return "undo", answered.first_id
        return ("edit" if post.is_edit else "reply"), post.first_id

    def _obstacle(self, kind: str, post: Post, account: Account) -> str | None:
        undeliverable = self._undeliverable(account, kind)
        if undeliverable is not None or kind != "reply":
            return undeliverable
        if post.in_reply_to is None:
            return "This is a post of its own. Only replies put something in a cart."
        if not self._hashtags & self._tags(post):
            return "There is no cart hashtag in it, so HashCart leaves it alone."
        return None

    def _undeliverable(self, account: Account, kind: str) -> str | None:
        if account.protected:
            return f"Nothing was delivered: @{account.username} is protected, and X tells no app of protected posts."
        if account.suspended:
            return (
                f"Nothing was delivered: @{account.username} is suspended, and X shows no posts of suspended accounts."
            )
        if self._events is not None and kind == "delete" and not self._events.tells_of_deletions(account):
            return f"Nothing was delivered: there is no subscription to what @{account.username} deletes."
        if self._events is not None and kind != "delete" and not self._events.is_subscribed(account):
            return f"Nothing was delivered: there is no subscription for @{account.username}."
        if self._webhooks is not None and not any(webhook.valid for webhook in self._webhooks.all()):
            return "Nothing was delivered: no valid webhook is registered with the simulator."
        return None

    async def _look_safely(self, attempt: Attempt) -> None:
        try:
            await self._look(attempt)
            is_unreadable = False
        except WatcherUnavailableError:
            is_unreadable = True
        except Exception:
            logger.exception("the watcher failed")
            is_unreadable = True
        if is_unreadable != attempt.is_unreadable:
            attempt.is_unreadable = is_unreadable
            self.hub.publish(Change("attempt", attempt.key))
        waited = self._clock() - attempt.begun
        attempt.next_look = self._clock() + (self._pace.look if waited < self._pace.fast_for else self._pace.rare_look)
        attempt.ended = attempt.ended or waited >= self._pace.give_up_after

    async def _look(self, attempt: Attempt) -> None:
        outcome = await asyncio.to_thread(self._watcher.outcome_of, attempt.account.id, str(attempt.watched_id))
        if outcome is not None and attempt.settles(outcome):
            attempt.ended = outcome.final
            if outcome != attempt.outcome:
                attempt.outcome = outcome
                self.hub.publish(Change("attempt", attempt.key))
                self.hub.publish(Change("cart", attempt.account.id))
        elif self._clock() - attempt.begun >= self._pace.quiet_after and attempt.outcome is None:
            await self._explain_silence(attempt)

    async def _explain_silence(self, attempt: Attempt) -> None:
        linked = await asyncio.to_thread(self._watcher.is_linked, attempt.account.id)
        silence = _silence(attempt, linked)
        attempt.ended = attempt.ended or (linked is False and self._clock() - attempt.begun >= self._pace.fast_for)
        if silence != attempt.silence:
            attempt.silence = silence
            self.hub.publish(Change("attempt", attempt.key))

    def _tags(self, post: Post) -> set[str]:
        return {tag.casefold() for tag, _, _ in find_hashtags(post.source)}


def _silence(attempt: Attempt, linked: bool | None) -> str:
    name = f"@{attempt.account.username}"
    if not any(delivery.state == "delivered" for delivery in attempt.deliveries):
        return "HashCart's endpoint has not accepted the delivery yet. X tries again."
    if linked is False:
        return f"Nothing happened: {name} is not linked with the store."
    if linked is None:
        return f"Nothing seen so far. Whether {name} is linked cannot be told from here."
    if attempt.kind == "delete":
        return "Nothing changed so far. A deletion takes something back only where the shopper chose that."
    return "HashCart accepted it and has no outcome yet. Still watching."
