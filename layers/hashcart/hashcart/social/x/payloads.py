"""X's posts and webhook payloads, in HashCart's words.

Read leniently, as X's pages disagree: version 2.167 of its OpenAPI description says `referenced_posts`, `note_post`,
`includes.posts`; 2.166 and every captured payload say `referenced_tweets`, `note_tweet`, `includes.tweets`. An id that
is a number may have lost digits on its way, so it counts only with its `_str` twin.

Standard library only: this is loaded at each cold start of `webhook_intake`.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from hashcart.domain.posts import HashtagSpan, Link, Mention, Post, is_post_id, posted_at_ms
from hashcart.domain.web_addresses import MAX_URL_LENGTH
from hashcart.messages.posts import AccessRevoked, PostArrived, PostDeleted, PostMessage, ProfileProtected

POST_EVENTS = frozenset({"post.create", "post.mention.create", "post.reply.create", "post.quote.create"})
DELETE_EVENT = "post.delete"
REVOKE_EVENT = "oauth.revoke"

MAX_TEXT = 25_000
MAX_ENTITIES = 100
MAX_LINKS = 20
MAX_NAME = 100
MAX_TITLE = 200


class UnreadableError(Exception):
    """Something in a payload that HashCart cannot act upon; the message is a reason for the log."""


def read_payload(document: object) -> Iterator[PostMessage | UnreadableError]:
    """What a webhook's document tells: X Activity events and filtered-stream posts, one or a list of them.

    What is unreadable or of no known type is yielded as the error, so that nothing after it is lost.
    """
    if not isinstance(document, Mapping) or not isinstance(document.get("data"), Mapping | list):
        yield UnreadableError("no_data")
        return
    data = document["data"]
    for event in data if isinstance(data, list) else [data]:
        try:
            yield _read_event(event, document)
        except UnreadableError as error:
            yield error


def read_post(raw: Mapping[str, Any]) -> Post:
    """One post object of X's API. Raises UnreadableError without a usable id or author."""
    post_id = _required_id(raw, "id")
    history = _either(raw, "edit_history_tweet_ids", "edit_history_post_ids")
    entries = history[:MAX_ENTITIES] if isinstance(history, list) else []
    versions = [entry for entry in entries if isinstance(entry, str) and is_post_id(entry)]
    note = _mapping(_either(raw, "note_tweet", "note_post"))
    body = note if _text(note.get("text")) is not None else raw
    entities = body.get("entities")
    replied_to = _reference(raw, "replied_to")
    return Post(
        id=post_id,
        first_id=min(versions, key=int, default=post_id),
        author_id=_required_id(raw, "author_id"),
        text=(_text(body.get("text")) or "")[:MAX_TEXT],
        hashtags=_hashtags(note, raw),
        links=_links(note, raw),
        mentions=_mentions(_mapping(entities)),
        replied_to_id=replied_to,
        replied_to_author_id=_id(raw, "in_reply_to_user_id") if replied_to else None,
        is_repost=_reference(raw, "retweeted") is not None or _reference(raw, "reposted") is not None,
        is_edit=len(versions) > 1,
    )


def _read_event(event: object, document: Mapping[str, Any]) -> PostMessage:
    if not isinstance(event, Mapping):
        raise UnreadableError("event_is_not_an_object")
    event_type = event.get("event_type")
    if event_type is None and "id" in event:
        return _post_arrived(event, document)
    payload = event.get("payload")
    if not isinstance(payload, Mapping):
        raise UnreadableError("no_payload")
    if isinstance(event_type, str) and event_type in POST_EVENTS:
        return _post_arrived(payload, event if "includes" in event else document)
    if event_type == DELETE_EVENT:
        return PostDeleted(_required_id(payload, "id"), _required_id(payload, "author_id"))
    if event_type == REVOKE_EVENT:
        return AccessRevoked(_required_id(payload, "user_id"), _milliseconds(payload.get("date_time")))
    raise UnreadableError("unknown_event_type")


def _post_arrived(raw: Mapping[str, Any], document: Mapping[str, Any]) -> PostArrived | ProfileProtected:
    """A post; or, where X says that its author's posts are protected, that alone: it is not public (any more)."""
    post = read_post(raw)
    includes = _mapping(document.get("includes"))
    if any(
        _id(user, "id") == post.author_id and user.get("protected") is True for user in _objects(includes.get("users"))
    ):
        return ProfileProtected(post.author_id, posted_at_ms(post.id))
    return PostArrived(post, _included_parent(post, includes))


def _included_parent(post: Post, includes: Mapping[str, Any]) -> Post | None:
    for raw in _objects(_either(includes, "tweets", "posts")):
        if post.replied_to_id is not None and _id(raw, "id") == post.replied_to_id:
            try:
                return read_post(raw)
            except UnreadableError:
                return None
    return None


def _hashtags(note: Mapping[str, Any], raw: Mapping[str, Any]) -> tuple[HashtagSpan, ...] | None:
    """The hashtags of a long post's whole text and of its beginning; None without entities: the text decides then."""
    holders = [holder["entities"] for holder in (note, raw) if isinstance(holder.get("entities"), Mapping)]
    if not holders:
        return None
    found = [
        (_text(entry.get("tag")), _span(entry)) for holder in holders for entry in _objects(holder.get("hashtags"))
    ]
    spans = [HashtagSpan(tag[:MAX_NAME], *span) for tag, span in found if tag is not None and span]
    return tuple(dict.fromkeys(spans))


def _links(note: Mapping[str, Any], raw: Mapping[str, Any]) -> tuple[Link, ...]:
    """The URLs of a post. A truncated post's own entities are not all of them; spans are those of the whole text."""
    found: dict[str, Link] = {}
    for holder in (note, raw):
        for url in _objects(_mapping(holder.get("entities")).get("urls")):
            expanded = _url(url.get("expanded_url")) or _url(url.get("url"))
            if expanded is not None:
                start, end = (_span(url) or (0, 0)) if holder is note or not note else (0, 0)
                unwound, picture = _url(url.get("unwound_url")), _picture(url)
                found.setdefault(expanded, Link(expanded, unwound, start, end, _title(url), picture))
    return tuple(found.values())[:MAX_LINKS]


def _title(url: Mapping[str, Any]) -> str | None:
    return (_text(url.get("title")) or "").strip()[:MAX_TITLE] or None


def _picture(url: Mapping[str, Any]) -> str | None:
    """The first picture of a link's preview, which is its largest."""
    pictures = (_url(image.get("url")) for image in _objects(url.get("images")))
    return next((picture for picture in pictures if picture and picture.startswith("https://")), None)


def _mentions(entities: Mapping[str, Any]) -> tuple[Mention, ...]:
    found = (
        (mention, _text(mention.get("username")), _span(mention)) for mention in _objects(entities.get("mentions"))
    )
    return tuple(
        Mention(_id(mention, "id"), username[:MAX_NAME], *span)
        for mention, username, span in found
        if username is not None and span
    )


def _reference(raw: Mapping[str, Any], kind: str) -> str | None:
    for reference in _objects(_either(raw, "referenced_tweets", "referenced_posts")):
        if reference.get("type") == kind:
            return _id(reference, "id")
    return None


def _span(raw: Mapping[str, Any]) -> tuple[int, int] | None:
    start, end = raw.get("start"), raw.get("end")
    if type(start) is not int or type(end) is not int or not 0 <= start < end <= MAX_TEXT:
        return None
    return start, end


def _text(value: object) -> str | None:
    """A string as UTF-8 can carry it: half a surrogate pair, as of a text that was cut, is no JSON to our consumers."""
    return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else None


def _url(value: object) -> str | None:
    url = _text(value)
    return url if url is not None and 0 < len(url) <= MAX_URL_LENGTH else None


def _required_id(raw: Mapping[str, Any], name: str) -> str:
    value = _id(raw, name)
    if value is None:
        raise UnreadableError(f"{name}_is_a_number" if isinstance(raw.get(name), int | float) else f"no_{name}")
    return value


def _id(raw: Mapping[str, Any], name: str) -> str | None:
    for candidate in (raw.get(f"{name}_str"), raw.get(name)):
        if isinstance(candidate, str) and is_post_id(candidate):
            return candidate
    return None


def _milliseconds(value: object) -> int:
    try:
        return int(datetime.fromisoformat(str(value)).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise UnreadableError("no_date_time") from error


def _either(raw: Mapping[str, Any], old_name: str, new_name: str) -> Any:
    return raw.get(old_name) if raw.get(old_name) is not None else raw.get(new_name)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [entry for entry in value if isinstance(entry, Mapping)][:MAX_ENTITIES] if isinstance(value, list) else []
