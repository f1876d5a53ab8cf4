"""`make look-up`: the way of a post by its id, station by station, and what to do.

It shows ids, times, outcomes and reasons: no text, no address, and no product that counts as sensitive.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hashcart.domain.account_links import AccountLink, LinkState
from hashcart.domain.cart_lines import CartLine
from hashcart.domain.outcomes import PostRow
from hashcart.domain.posts import DAY_MS, OLDEST_POST_MS, PRIVATE, Post, X, order_key, posted_at_ms
from hashcart.http import HttpClient
from hashcart.secrets import Secret, SecretUnavailableError
from hashcart.social.x.app_token import with_app_token
from hashcart.social.x.client import RateLimitedError, TokenRejectedError, XApi, XUnavailableError
from hashcart.storage.account_links import AccountLinks
from hashcart.storage.activity import Activity
from hashcart.storage.carts import Carts
from hashcart.storage.pending import Pending
from local.findings import Finding, Mark, good
from local.operations.dead_letters import QUEUES, WITHOUT_REASON, DeadLetters
from local.operations.logs import read_line
from local.operations.stack import Stack, step, time_text

STATIONS = (
    "webhook_intake",
    "mention_sweep",
    "hashtag_parsing",
    "cart_insertion",
    "outcome_delivery",
    "cart_reconciliation",
    "cart_page",
)
MOST_LINES = 40
CLOCK_SKEW_MS = 60_000

ADVICE: Mapping[str, str] = {
    "not_for_us": "It neither has a cart hashtag (CartHashtags) nor mentions the bot.",
    "own_post": "The bot's own posts are never acted on.",
    "too_large": "It does not fit into a message; nothing can be done.",
    "too_old_or_from_the_future": "Carts take posts of the last 14 days.",
    "not_linked": "The author had not linked when the post was made: later consent does not reach back.",
    "profile_moved": "The profile belongs to another account now.",
    "no_link_any_more": "The author has unlinked or erased since.",
    "rate_limited": "It waits for X's limit, and goes on by itself.",
    "bot_signed_out": "make x-setup signs the bot in again; what waited less than an hour is sent then.",
    "x_unavailable": "It is asked for again by itself; make x-status shows whether X takes the token.",
    "short_link_unavailable": "A short link did not answer; the author may reply again.",
    "no_link": "Neither the post replied to nor the reply links to a product.",
    "not_this_store": "The link leads to another store: are StoreHosts complete?",
    "STORE_UNAVAILABLE": "It is tried again by itself: make store-check shows whether the store works.",
    "PAUSED": "The author's link is paused; the account page says why, and how to go on.",
}


@dataclass
class _Known:
    """What the stations told."""

    author_id: str | None
    stations: int = 0
    advice: dict[str, str] = field(default_factory=dict)

    def advise(self, *words: object) -> None:
        for word in words:
            if isinstance(word, str) and word in ADVICE:
                self.advice[word] = ADVICE[word]


@dataclass(frozen=True)
class LookUp:
    """One post of a stack. `now_ms` is in milliseconds of the Unix epoch."""

    stack: Stack
    post_id: str
    http: HttpClient
    now_ms: Callable[[], int]
    poll_seconds: int

    def __call__(self, *, author_id: str | None, days: int) -> Iterator[Finding]:
        """All stations. Without `author_id`, who wrote the post is asked of X, which bills half a cent."""
        known = _Known(author_id)
        made_ms = posted_at_ms(self.post_id)
        too_old = made_ms < self.now_ms() - OLDEST_POST_MS
        yield good("Post", f"{self.post_id} was made {time_text(made_ms)}" + (", over 14 days ago" if too_old else ""))
        yield from self._logged(known, made_ms, days)
        yield from self._dead(known)
        yield from self._waiting(known)
        yield from self._stored(known)
        for word, advice in known.advice.items():
            yield Finding(Mark.NOTE, word, advice)
        if not known.stations:
            yield self._nothing(made_ms)

    # -------------------------------------------------------------- Logs

    def _logged(self, known: _Known, made_ms: int, days: int) -> Iterator[Finding]:
        found: list[tuple[int, str, Mapping[str, Any]]] = []
        is_cut = False
        with step("Logs"):
            for station in STATIONS:
                lines = self._lines_of(station, made_ms, days)
                is_cut = is_cut or len(lines) == MOST_LINES
                found += [(at_ms, station, line) for at_ms, line in lines]
        times: dict[tuple[str, str], list[int]] = {}
        for at_ms, station, line in sorted(found, key=lambda each: each[0]):
            known.stations += 1
            known.advise(line.get("outcome"), line.get("reason"))
            reason = f": {line['reason']}" if line.get("reason") else ""
            times.setdefault((station, f"{line.get('outcome')}{reason}"), []).append(at_ms)
        for (station, told), moments in times.items():
            again = f" ({len(moments)} times, the last {time_text(moments[-1])})" if len(moments) > 1 else ""
            yield good(f"{time_text(moments[0])} {station}", f"{told}{again}")
        if is_cut:
            yield Finding(Mark.NOTE, "Logs", f"only the first {MOST_LINES} lines of a function are shown")

    def _lines_of(self, station: str, made_ms: int, days: int) -> list[tuple[int, Mapping[str, Any]]]:
        pages = (
            self.stack.client("logs")
            .get_paginator("filter_log_events")
            .paginate(
                logGroupName=self.stack.log_group(station),
                filterPattern=f'"{self.post_id}"',
                startTime=made_ms - CLOCK_SKEW_MS,
                endTime=min(self.now_ms() + CLOCK_SKEW_MS, made_ms + days * DAY_MS),
                PaginationConfig={"MaxItems": MOST_LINES},
            )
        )
        read = ((event["timestamp"], read_line(event["message"]) or {}) for page in pages for event in page["events"])
        return [(at_ms, line) for at_ms, line in read if line.get("post_id") == self.post_id]

    # -------------------------------------------------------------- Queues and Pending

    def _dead(self, known: _Known) -> Iterator[Finding]:
        for name, queue in QUEUES.items():
            if name == "email-feedback":
                continue
            with step(name):
                url = self.stack.output(f"{queue.prefix}DeadLetterQueueUrl")
                letters = DeadLetters(self.stack.client("sqs"), url, queue, wait_seconds=self.poll_seconds)
                seen = []
                try:
                    for batch in letters.batches():
                        seen += batch
                finally:
                    letters.release(seen)
            for letter in seen:
                if letter.post_id == self.post_id:
                    known.stations += 1
                    known.author_id = known.author_id or letter.author_id
                    why = "" if letter.reason == WITHOUT_REASON else f" REASON={letter.reason}"
                    since = time_text(letter.sent_at_ms)
                    yield Finding(
                        Mark.NOTE,
                        "Dead letter",
                        f"it lies in the dead-letter queue of {name} since {since}: {letter.reason}",
                        f"Once the cause is mended: make redrive QUEUE={name}{why} DRY_RUN=no",
                    )

    def _waiting(self, known: _Known) -> Iterator[Finding]:
        with step("Pending"):
            pending = Pending(self.stack.client("dynamodb"), self.stack.output("PendingTableName"))
            items = pending.waiting(lambda message: message.get("post_id") == self.post_id)
        for item in items:
            known.stations += 1
            known.author_id = known.author_id or json.loads(item.message).get("author_id")
            yield good("Pending", f"waits as {item.kind}, to be tried again {time_text(item.due_ms)}")

    # -------------------------------------------------------------- Tables

    def _stored(self, known: _Known) -> Iterator[Finding]:
        if known.author_id is None:
            known.author_id, finding = self._author()
            yield finding
        if known.author_id is None:
            return
        with step("Link"):
            links = AccountLinks(self.stack.client("dynamodb"), self.stack.output("AccountLinksTableName"))
            link = links.current_link(known.author_id)
        yield self._linked(link)
        with step("Activity"):
            row = self._row(f"stranger#{self.post_id}" if link is None else link.shopper_id)
        if row is None:
            yield Finding(Mark.NOTE, "Activity", "there is no row of this post")
            return
        known.stations += 1
        lines = self._lines(link.shopper_id, row) if link is not None else {}
        yield from self._row_told(row, lines, known)
        for version in {version.line_id: version for version in row.versions.values()}.values():
            line = lines.get(version.line_id)
            if line is not None:
                name = "a sensitive product" if version.sensitive else line.line_id
                yield good("Cart", self._line_told(line, row.order_key, name))

    def _author(self) -> tuple[str | None, Finding]:
        api = XApi(self.http, self.stack.deployment.parameters["XApiBaseUrl"], self.now_ms)
        secrets = self.stack.client("secretsmanager")
        secret = Secret(secrets, self.stack.output("XAppSecretArn"), clock_ms=self.now_ms)
        try:
            found = with_app_token(secret, lambda token: api.posts([self.post_id], token)).get(self.post_id)
        except (XUnavailableError, RateLimitedError, TokenRejectedError, SecretUnavailableError) as error:
            did = f"X could not be asked who wrote the post ({type(error).__name__})"
            return None, Finding(Mark.NOTE, "Author", did, "Name the author's numeric id: AUTHOR=…")
        if not isinstance(found, Post):
            did = "X does not show the post: deleted, protected, or no post of that id"
            return None, Finding(Mark.NOTE, "Author", did, "If you know the author's numeric id: AUTHOR=…")
        return found.author_id, good("Author", "asked of X")

    @staticmethod
    def _linked(link: AccountLink | None) -> Finding:
        if link is None:
            return Finding(Mark.NOTE, "Link", "the author has not linked an account now")
        told = f"linked since {time_text(link.consented_at_ms)}"
        if link.state is LinkState.PAUSED:
            return Finding(Mark.NOTE, "Link", f"{told}, and paused: {link.state_reason}")
        return good("Link", told)

    def _row(self, owner: str) -> PostRow | None:
        activity = Activity(self.stack.client("dynamodb"), self.stack.output("ActivityTableName"))
        for network in (X, PRIVATE):
            row = activity.row(owner, order_key(self.post_id, network))
            if row is not None:
                return activity.row(owner, row.first_key) if row.first_key else row
        return None

    def _row_told(self, row: PostRow, lines: Mapping[str | None, CartLine], known: _Known) -> Iterator[Finding]:
        for version in row.versions.values():
            asked = "a sensitive product" if version.sensitive else version.line_id or "no product"
            why = f" ({version.reason})" if version.reason else ""
            yield good("Activity", f"version {version.id} asks for {asked}{why}")
            known.advise(version.reason)
        if row.undone:
            yield good("Activity", "it was taken back")
        outcome = row.told(lines.get(row.newest.line_id) if row.newest is not None else None, self.now_ms())
        if outcome is None:
            yield Finding(Mark.NOTE, "Activity", "no outcome yet")
        else:
            why = f": {outcome.reason}" if outcome.reason else ""
            yield good("Activity", f"the outcome is {outcome.code}{why}")
            known.advise(outcome.code, outcome.reason)
        if row.reply is not None:
            at = time_text(int(row.reply["claimed_at_ms"]))
            yield good("Reply", f"claimed {at}, {row.reply.get('result', 'and not settled yet')}")

    def _lines(self, shopper_id: str, row: PostRow) -> dict[str | None, CartLine]:
        with step("Carts"):
            carts = Carts(self.stack.client("dynamodb"), self.stack.output("CartsTableName"))
            named = {version.line_id for version in row.versions.values() if version.line_id}
            return {line_id: carts.line(shopper_id, line_id) for line_id in sorted(named)}

    def _line_told(self, line: CartLine, key: str, name: str) -> str:
        operation = line.operations.get(key)
        state = line.state(self.now_ms())
        holds = f"{state.quantity} in the cart, {state.wished} wished for, {state.waiting} waiting for a choice"
        part = "has nothing of this post" if operation is None else f"has this post's {operation.kind}"
        confirmed = "; the store has not confirmed it" if line.unconfirmed else ""
        return f"{name} {part}; now {holds}{confirmed}"

    def _nothing(self, made_ms: int) -> Finding:
        return Finding(
            Mark.NOTE,
            "Nothing",
            "no station knows the post. X has not delivered it (make x-status), it has no cart hashtag and LogLevel is "
            f"above INFO, its logs have expired (it is of {time_text(made_ms)}), or it was only read by another stack",
            "Name the author (AUTHOR=…) to look into the tables, or more days of logs (DAYS=14).",
        )
