"""What HashCart asks X's search for."""

import re
from collections.abc import Collection

from hashcart.domain.hashtags import extract_hashtags_with_indices

MAX_QUERY_LENGTH = 512

_HANDLE = re.compile(r"[A-Za-z0-9_]{1,20}")


def replies_with(hashtags: Collection[str], *, author: str | None = None) -> str | None:
    """The query for replies that carry one of the hashtags, of the `author` with this handle; None if no post can.

    What is no hashtag by X's own rules is in no post, and could mean something else in a query. The template's limits
    of ten hashtags and 400 characters keep the query within X's 512.
    """
    tags = [tag for hashtag in hashtags if (tag := _as_posted(hashtag)) is not None]
    if not tags or (author is not None and not _HANDLE.fullmatch(author)):
        return None
    by = "" if author is None else f"from:{author} "
    query = f"{by}({' OR '.join(f'#{tag}' for tag in dict.fromkeys(tags))}) is:reply -is:retweet"
    if len(query) > MAX_QUERY_LENGTH:
        raise ValueError("the hashtags are too long for X's search")
    return query


def _as_posted(hashtag: str) -> str | None:
    found = extract_hashtags_with_indices(f"#{hashtag}")
    return hashtag if [span.tag for span in found] == [hashtag] else None
