"""Posts and accounts as X's API describes them.

Version 2.166 of X's OpenAPI description and every captured payload use the old names (`referenced_tweets`); version
2.167 the new ones (`referenced_posts`). Objects are made with the old names and renamed where new ones are wanted.
"""

from collections.abc import Collection
from typing import Any

from local.x_simulator.accounts import Account, Accounts
from local.x_simulator.entities import Previewer, RenderedText, clip, render
from local.x_simulator.timeline import Post, Timeline

MAX_TEXT = 280

ALWAYS_INCLUDED = frozenset({"id", "text", "edit_history_tweet_ids"})
ACTIVITY_FIELDS = frozenset(
    {
        "author_id", "conversation_id", "created_at", "entities", "in_reply_to_tweet_id", "in_reply_to_user_id",
        "note_tweet", "referenced_tweets",
    }
)  # fmt: skip

_NEW_NAMES = {
    "edit_history_tweet_ids": "edit_history_post_ids",
    "in_reply_to_tweet_id": "in_reply_to_post_id",
    "note_tweet": "note_post",
    "referenced_tweets": "referenced_posts",
    "tweets": "posts",
}
OLD_NAMES = {new: old for old, new in _NEW_NAMES.items()}


def with_new_names(value: Any) -> Any:
    """The same document in the words of version 2.167."""
    if isinstance(value, dict):
        return {_NEW_NAMES.get(key, key): with_new_names(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [with_new_names(entry) for entry in value]
    return value


class Objects:
    """Makes API objects of posts and accounts. `site_url` is the simulator as browsers see it, with a slash."""

    def __init__(self, timeline: Timeline, accounts: Accounts, preview: Previewer, site_url: str) -> None:
        self._site_url = site_url
        self._timeline = timeline
        self._accounts = accounts
        self._preview = preview

    def rendered(self, post: Post) -> RenderedText:
        """The whole text with its entities."""
        return render(post.id, post.source, self._accounts.user_ids, self._preview)

    def mentioned_ids(self, post: Post) -> set[str]:
        """The ids of the accounts that a post mentions."""
        return {mention["id"] for mention in self.rendered(post).entities.get("mentions", [])}

    def post(self, post: Post, fields: Collection[str]) -> dict[str, Any]:
        """A post object with the given fields (old names) beside those that every one has."""
        complete = self._complete(post)
        wanted = ALWAYS_INCLUDED | set(fields)
        return {name: value for name, value in complete.items() if name in wanted and value is not None}

    def account(self, account: Account, fields: Collection[str] = ("protected",)) -> dict[str, Any]:
        """A user object with the given fields beside id, name and username."""
        complete = {
            "id": account.id,
            "name": account.name,
            "username": account.username,
            "protected": account.protected,
            "profile_image_url": f"{self._site_url}avatars/{account.id}.svg",
            "description": account.description,
            "verified": False,
        }
        return {name: complete[name] for name in ("id", "name", "username", *fields) if name in complete}

    def includes(self, posts: list[Post], expansions: Collection[str], fields: Collection[str]) -> dict[str, Any]:
        """What `expansions` (old names) add: the posts referred to and the accounts, where they can be seen."""
        referenced = [found for post in posts for found in self.referenced(post)]
        includes: dict[str, Any] = {}
        if "referenced_tweets.id" in expansions:
            includes["tweets"] = [self.post(post, fields) for post in _unique(referenced)]
        includes["users"] = [self.account(self._accounts[user_id]) for user_id in self._user_ids(posts, expansions)]
        return {kind: found for kind, found in includes.items() if found}

    def referenced(self, post: Post) -> list[Post]:
        """The posts that a post replies to or quotes, as far as everybody can see them."""
        ids = [post_id for post_id in (post.in_reply_to, post.quoted) if post_id is not None]
        found = [self._timeline.get(post_id) for post_id in ids]
        return [
            post
            for post in found
            if post is not None and not post.deleted and not self._accounts[post.author_id].protected
        ]

    def _user_ids(self, posts: list[Post], expansions: Collection[str]) -> list[str]:
        ids: list[str] = []
        for post in posts:
            if "author_id" in expansions:
                ids.append(post.author_id)
            if "in_reply_to_user_id" in expansions:
                ids += [found.author_id for found in self.referenced(post) if found.id == post.in_reply_to]
            if "referenced_tweets.id.author_id" in expansions:
                ids += [found.author_id for found in self.referenced(post)]
        return list(dict.fromkeys(ids))

    def _complete(self, post: Post) -> dict[str, Any]:
        rendered = self.rendered(post)
        is_long = len(rendered.text) > MAX_TEXT
        text = rendered.text[: MAX_TEXT - 1] + "…" if is_long else rendered.text
        entities = clip(rendered.entities, MAX_TEXT - 1) if is_long else rendered.entities
        note = {"text": rendered.text, "entities": rendered.entities} if is_long else None
        return {
            "id": str(post.id),
            "text": text,
            "author_id": post.author_id,
            "conversation_id": str(post.conversation_id),
            "in_reply_to_tweet_id": str(post.in_reply_to) if post.in_reply_to is not None else None,
            "in_reply_to_user_id": self._replied_to_user(post),
            "referenced_tweets": _references(post),
            "entities": entities or None,
            "note_tweet": note,
            "edit_history_tweet_ids": [str(version) for version in self._timeline.history(post.first_id)],
            "created_at": post.created_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "display_text_range": [_explicit_start(post), len(text)],
            "lang": "und",
            "possibly_sensitive": False,
        }

    def _replied_to_user(self, post: Post) -> str | None:
        parent = self._timeline.get(post.in_reply_to) if post.in_reply_to is not None else None
        return None if parent is None else parent.author_id


def _references(post: Post) -> list[dict[str, str]] | None:
    kinds = (("replied_to", post.in_reply_to), ("quoted", post.quoted))
    return [{"type": kind, "id": str(post_id)} for kind, post_id in kinds if post_id is not None] or None


def _explicit_start(post: Post) -> int:
    words = post.source.split(" ")
    return sum(len(word) + 1 for word in words[: post.implicit_mentions])


def _unique(posts: list[Post]) -> list[Post]:
    return list({post.id: post for post in posts}.values())
