"""All posts, with every version of those that were edited."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from local.x_simulator.snowflakes import time_ms


@dataclass(frozen=True)
class Post:
    """One version of a post; `first_id` is that of its first version, `source` what its author wrote.

    `implicit_mentions` counts the leading mentions that a reply carried along without its author writing them.
    """

    id: int
    first_id: int
    author_id: str
    source: str
    in_reply_to: int | None
    quoted: int | None
    conversation_id: int
    implicit_mentions: int = 0
    deleted: bool = False

    @property
    def created_at(self) -> datetime:
        """When this version was made, as its id says."""
        return datetime.fromtimestamp(time_ms(self.id) / 1000, UTC)

    @property
    def is_edit(self) -> bool:
        """Whether this is not the first version."""
        return self.id != self.first_id


class Timeline:
    """The posts in the database."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, post: Post) -> None:
        """Store a new post or a new version of one."""
        self._connection.execute(
            "INSERT INTO posts (id, first_id, author_id, source, in_reply_to, quoted, conversation_id,"
            " implicit_mentions) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                post.id, post.first_id, post.author_id, post.source, post.in_reply_to, post.quoted,
                post.conversation_id, post.implicit_mentions,
            ),
        )  # fmt: skip

    def get(self, post_id: int) -> Post | None:
        """That version of a post, even if it is deleted."""
        return next(iter(self._select("id = ?", (post_id,))), None)

    def history(self, first_id: int) -> list[int]:
        """The ids of all versions of a post, oldest first."""
        return [version.id for version in self._select("first_id = ?", (first_id,))]

    def newest(self, post: Post) -> Post:
        """The newest version of a post."""
        return self._select("first_id = ?", (post.first_id,))[-1]

    def delete(self, first_id: int) -> None:
        """Delete all versions of a post."""
        self._connection.execute("UPDATE posts SET deleted = 1 WHERE first_id = ?", (first_id,))

    def roots(self) -> list[Post]:
        """The posts that are no replies, newest first, each in its newest version."""
        return list(reversed(_newest_versions(self._select("in_reply_to IS NULL AND NOT deleted"))))

    def conversation(self, conversation_id: int) -> list[Post]:
        """The replies of a conversation, oldest first, each in its newest version."""
        return _newest_versions(
            self._select("conversation_id = ? AND in_reply_to IS NOT NULL AND NOT deleted", (conversation_id,))
        )

    def of_author(self, author_id: str) -> list[Post]:
        """What an account has posted, newest first, each in its newest version."""
        return list(reversed(_newest_versions(self._select("author_id = ? AND NOT deleted", (author_id,)))))

    def all(self) -> list[Post]:
        """What everybody has posted, newest first, each in its newest version."""
        return sorted(_newest_versions(self._select("NOT deleted")), key=lambda post: -post.id)

    def last_id(self) -> int:
        """The greatest id, 0 if there are no posts."""
        return int(self._connection.execute("SELECT COALESCE(MAX(id), 0) FROM posts").fetchone()[0])

    def _select(self, condition: str, parameters: tuple[object, ...] = ()) -> list[Post]:
        rows = self._connection.execute(f"SELECT * FROM posts WHERE {condition} ORDER BY id", parameters)  # noqa: S608
        return [Post(**{**dict(row), "deleted": bool(row["deleted"])}) for row in rows]


def _newest_versions(posts: Iterable[Post]) -> list[Post]:
    newest: dict[int, Post] = {}
    for post in posts:
        newest[post.first_id] = post
    return list(newest.values())
