"""The timeline in the browser, and the live panel beside it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from markupsafe import Markup, escape
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.templating import Jinja2Templates

from local.x_simulator.accounts import BOT, SHOPPERS, Account, Accounts
from local.x_simulator.entities import Preview, Previewer, display_url, domain_of, find_urls
from local.x_simulator.live import Attempt, Board, Change
from local.x_simulator.network import Network
from local.x_simulator.objects import Objects
from local.x_simulator.timeline import Post, Timeline

MAX_POST = 4000
MAX_DEPTH = 3
KEEP_ALIVE_SECONDS = 15.0
MINUTE, HOUR, DAY = 60, 3600, 86400


@dataclass(frozen=True)
class Card:
    """A link's card."""

    url: str
    domain: str
    preview: Preview


@dataclass(frozen=True)
class Shown:
    """A post as the page shows it."""

    post: Post
    author: Account
    text: Markup
    cards: list[Card]
    age: str
    depth: int = 0


class PostRefusedError(Exception):
    """A form that asks for what cannot be done, in words for the person."""


class Pages:
    """`/`, the forms of the timeline and the stream behind the live panel."""

    def __init__(
        self,
        *,
        timeline: Timeline,
        accounts: Accounts,
        objects: Objects,
        network: Network,
        board: Board,
        preview: Previewer,
        templates: Jinja2Templates,
        hashtags: Collection[str],
        now: Callable[[], float],
        cart_url: str,
        mail_url: str,
        keep_alive: float = KEEP_ALIVE_SECONDS,
    ) -> None:
        self._cart_url = cart_url
        self._mail_url = mail_url
        self._keep_alive = keep_alive
        self._timeline = timeline
        self._accounts = accounts
        self._objects = objects
        self._network = network
        self._board = board
        self._preview = preview
        self._templates = templates
        self._hashtags = tuple(hashtags)
        self._now = now

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route("/", self._show_timeline, methods=["GET"]),
            Route("/live", self._stream, methods=["GET"]),
            Route("/i/web/status/{post_id:int}", self._show_post, methods=["GET"]),
            Route("/{handle}/status/{post_id:int}", self._show_post, methods=["GET"]),
            Route("/posts", self._form(self._reply), methods=["POST"]),
            Route("/posts/{post_id:int}/edit", self._form(self._edit), methods=["POST"]),
            Route("/posts/{post_id:int}/delete", self._form(self._delete), methods=["POST"]),
        ]

    async def events(self, account: Account) -> AsyncIterator[str]:
        """What an open page is told, as server-sent events, until the server stops."""
        queue = self._board.hub.subscribe()
        try:
            yield _event("panel", "live-panel", await self._panel(account))
            while True:
                try:
                    change = await asyncio.wait_for(queue.get(), self._keep_alive)
                except TimeoutError:
                    yield ": still here\n\n"
                    continue
                if change is None:
                    return
                event = await self._drawn(change, account)
                if event is not None:
                    yield event
        finally:
            self._board.hub.unsubscribe(queue)

    async def _show_timeline(self, request: Request) -> Response:
        account = self._viewer(request.query_params.get("as", ""))
        threads = [(self._shown(root), self._replies(root.conversation_id)) for root in self._timeline.roots()]
        context = {
            **self._shared(account),
            "threads": threads,
            "cart_url": self._cart_url,
            "mail_url": self._mail_url,
            "shoppers": self._accounts.posting,
            "panel": Markup(await self._panel(account)),  # noqa: S704
            "notice": request.query_params.get("notice", "")[:200],
        }
        return self._templates.TemplateResponse(request, "timeline.html", context)

    async def _show_post(self, request: Request) -> Response:
        """The address of one post leads to its place on the timeline."""
        return RedirectResponse(f"/#post-{request.path_params['post_id']}", HTTPStatus.SEE_OTHER)

    async def _stream(self, request: Request) -> Response:
        account = self._viewer(request.query_params.get("as", ""))
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(self.events(account), media_type="text/event-stream", headers=headers)

    def _form(self, handle: Callable[[Request, FormData, Account], str]) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            wants_json = "application/json" in request.headers.get("accept", "")
            form = await request.form()
            try:
                account = self._poster(form)
                anchor = handle(request, form, account)
            except PostRefusedError as refusal:
                if wants_json:
                    return JSONResponse({"error": str(refusal)}, HTTPStatus.BAD_REQUEST)
                context = {"title": "That did not work", "detail": str(refusal)}
                return self._templates.TemplateResponse(request, "error.html", context, HTTPStatus.BAD_REQUEST)
            if wants_json:
                return JSONResponse({"id": anchor})
            return RedirectResponse(f"/?as={account.id}#post-{anchor}", HTTPStatus.SEE_OTHER)

        return endpoint

    def _reply(self, _: Request, form: FormData, account: Account) -> str:
        text = _text(form)
        handle = f"@{BOT.username}"
        if form.get("mention") and handle.lower() not in text.lower():
            text = f"{handle} {text}"
        parent = self._existing(form.get("in_reply_to"))
        return str(self._network.create(account, text, in_reply_to=parent).id)

    def _edit(self, request: Request, form: FormData, account: Account) -> str:
        post = self._own(request.path_params["post_id"], account)
        return str(self._network.edit(post, _text(form)).id)

    def _delete(self, request: Request, _: FormData, account: Account) -> str:
        post = self._own(request.path_params["post_id"], account)
        self._network.delete(post)
        return str(post.conversation_id)

    def _poster(self, form: FormData) -> Account:
        account = self._accounts.find(str(form.get("as", "")))
        if account is None or not account.can_post:
            raise PostRefusedError("Choose whom to post as.")
        return account

    def _existing(self, post_id: object) -> Post:
        text = str(post_id)
        post = self._timeline.get(int(text)) if text.isascii() and text.isdigit() and len(text) < 20 else None  # noqa: PLR2004
        if post is None or post.deleted:
            raise PostRefusedError("That post is not there any more.")
        return post

    def _own(self, post_id: int, account: Account) -> Post:
        post = self._existing(post_id)
        if post.author_id != account.id:
            raise PostRefusedError("Only its author can change a post.")
        return post

    def _viewer(self, name: str) -> Account:
        account = self._accounts.find(name)
        return account if account is not None and account.can_post else SHOPPERS[0]

    def _shared(self, account: Account) -> dict[str, Any]:
        return {"viewer": account, "bot": BOT, "hashtag": self._hashtags[0], "accounts": self._accounts}

    async def _panel(self, account: Account) -> str:
        return self._render(
            "_panel.html",
            **self._shared(account),
            attempts=[self._attempt_context(attempt) for attempt in self._board.attempts],
            cart=await self._board.cart_of(account),
        )

    async def _drawn(self, change: Change, account: Account) -> str | None:
        if change.kind == "thread":
            root = self._timeline.get(int(change.key))
            if root is None:
                return None
            html = self._render(
                "_thread.html", **self._shared(account), root=root, replies=self._replies(root.conversation_id)
            )
            return _event("thread", f"thread-{root.conversation_id}", html)
        if change.kind == "cart":
            if change.key != account.id:
                return None
            html = self._render("_cart.html", **self._shared(account), cart=await self._board.cart_of(account))
            return _event("cart", "cart", html)
        attempt = self._board.attempt(change.key)
        if attempt is None:
            return None
        context = self._attempt_context(attempt)
        html = self._render("_attempt.html", **self._shared(account), entry=context)
        return _event("attempt", f"attempt-{attempt.key}", html, say=_announcement(attempt))

    def _attempt_context(self, attempt: Attempt) -> dict[str, Any]:
        parent = self._timeline.get(attempt.post.in_reply_to) if attempt.post.in_reply_to is not None else None
        return {
            "attempt": attempt,
            "text": self._text_of(attempt.post),
            "answer": self._text_of(attempt.answer) if attempt.answer is not None else None,
            "about": self._title_of(parent),
        }

    def _title_of(self, post: Post | None) -> str | None:
        if post is None:
            return None
        previews = [self._preview(url) for url in find_urls(post.source)]
        return next((preview.title for preview in previews if preview is not None), None)

    def _replies(self, root_id: int) -> list[Shown]:
        replies = self._timeline.conversation(root_id)
        parents = {reply.id: reply for reply in replies}
        children: dict[int, list[Post]] = {}
        for reply in replies:
            children.setdefault(self._first_id(reply.in_reply_to), []).append(reply)
        ordered: list[Shown] = []

        def walk(first_id: int, depth: int) -> None:
            for reply in children.pop(first_id, []):
                ordered.append(self._shown(reply, min(depth, MAX_DEPTH)))
                walk(reply.first_id, depth + 1)

        walk(root_id, 0)
        shown = {entry.post.id for entry in ordered}
        return ordered + [self._shown(reply) for reply_id, reply in parents.items() if reply_id not in shown]

    def _first_id(self, post_id: int | None) -> int:
        post = self._timeline.get(post_id) if post_id is not None else None
        return 0 if post is None else post.first_id

    def _shown(self, post: Post, depth: int = 0) -> Shown:
        cards = [(url, self._preview(url)) for url in find_urls(post.source)]
        return Shown(
            post=post,
            author=self._accounts[post.author_id],
            text=self._text_of(post, with_last_link=not cards or cards[-1][1] is None),
            cards=[Card(url, domain_of(url), preview) for url, preview in cards if preview is not None],
            age=_age(self._now() - post.created_at.timestamp()),
            depth=depth,
        )

    def _text_of(self, post: Post, *, with_last_link: bool = True) -> Markup:
        """The text with links, mentions and hashtags marked up; a link at its very end may give way to its card."""
        rendered = self._objects.rendered(post)
        spans = sorted(
            (
                (entry["start"], entry["end"], kind, entry)
                for kind, found in rendered.entities.items()
                for entry in found
            ),
            key=lambda span: span[0],
        )
        parts: list[Markup] = []
        position = 0
        for start, end, kind, entry in spans:
            if kind == "urls" and end == len(rendered.text) and not with_last_link:
                return Markup("").join([*parts, escape(rendered.text[position:start].rstrip())])
            parts += [escape(rendered.text[position:start]), _marked_up(kind, rendered.text[start:end], entry)]
            position = end
        return Markup("").join([*parts, escape(rendered.text[position:])])

    def _render(self, template: str, **context: Any) -> str:
        return self._templates.get_template(template).render(**context)


def _marked_up(kind: str, text: str, entity: dict[str, Any]) -> Markup:
    if kind == "urls":
        url = entity["expanded_url"]
        link = '<a href="{}" rel="noreferrer" target="_blank">{}</a>'
        return Markup(link).format(url, display_url(url))  # noqa: S704
    return Markup('<b class="{}">{}</b>').format(kind, text)


def _text(form: FormData) -> str:
    text = str(form.get("text", "")).strip()
    if not text:
        raise PostRefusedError("A post needs some text.")
    if len(text) > MAX_POST:
        raise PostRefusedError(f"A post has at most {MAX_POST} characters here.")
    return text


def _event(kind: str, target: str, html: str, say: str = "") -> str:
    return f"event: {kind}\ndata: {json.dumps({'target': target, 'html': html, 'say': say})}\n\n"


def _announcement(attempt: Attempt) -> str:
    """What a screen reader says of the change."""
    told = attempt.outcome.text if attempt.outcome else (attempt.obstacle or attempt.silence or "")
    return f"@{attempt.account.username}: {told}" if told else ""


def _age(seconds: float) -> str:
    if seconds < MINUTE:
        return "now"
    if seconds < HOUR:
        return f"{seconds // MINUTE:.0f} min"
    return f"{seconds // HOUR:.0f} h" if seconds < DAY else f"{seconds // DAY:.0f} d"
