"""Posts and the order they were made in."""

from dataclasses import dataclass

# X ids are snowflakes: 41 bits of milliseconds since this moment, then 22 bits of worker and sequence.
X_EPOCH_MS = 1_288_834_974_657
SNOWFLAKE_SEQUENCE_BITS = 22
MAX_SNOWFLAKE = 2**63 - 1
X = "x"
PRIVATE = "private"
OFFER = "offer"
"""Networks that an order key can name: posts on X; what a shopper adds on the cart page, seen by nobody; own replies
that did nothing when they were made, added by a click later, when they were offered.
"""

SNOWFLAKE_SEQUENCES = 1 << SNOWFLAKE_SEQUENCE_BITS

DAY_MS = 24 * 60 * 60 * 1000
OLDEST_POST_MS = 14 * DAY_MS
CLOCK_SKEW_MS = 10 * 60 * 1000


@dataclass(frozen=True, slots=True)
class HashtagSpan:
    """A hashtag without its `#`, at `text[start:end]` (code points, end exclusive)."""

    tag: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Link:
    """A URL of a post: what the author wrote, where X saw it lead, and the title and picture of X's preview of it.

    Once a short link was `followed`, `unwound_url` is what that found: None if it leads to no product of the store.
    """

    expanded_url: str
    unwound_url: str | None = None
    start: int = 0
    end: int = 0
    title: str | None = None
    image_url: str | None = None
    followed: bool = False

    @property
    def known_url(self) -> str:
        """Where the link leads, as far as that is known."""
        return self.unwound_url or self.expanded_url


@dataclass(frozen=True, slots=True)
class Mention:
    """A mentioned account, at `text[start:end]`."""

    user_id: str | None
    username: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Post:
    """One version of a post, in HashCart's words.

    `first_id` is the first id of the edit history and names the post for good; `id` names this version.
    `hashtags` is None where the network sent no entities, so that the text has to be read instead.
    """

    id: str
    first_id: str
    author_id: str
    text: str = ""
    hashtags: tuple[HashtagSpan, ...] | None = None
    links: tuple[Link, ...] = ()
    mentions: tuple[Mention, ...] = ()
    replied_to_id: str | None = None
    replied_to_author_id: str | None = None
    is_repost: bool = False
    is_edit: bool = False


def is_post_id(text: str) -> bool:
    """Whether `text` can be the id of a post: ASCII digits that fit a 64-bit snowflake."""
    return text.isascii() and text.isdigit() and len(text) <= len(str(MAX_SNOWFLAKE)) and int(text) <= MAX_SNOWFLAKE


def posted_at_ms(post_id: str) -> int:
    """When the post was made, in milliseconds of the Unix epoch, read from its snowflake."""
    return (int(post_id) >> SNOWFLAKE_SEQUENCE_BITS) + X_EPOCH_MS


def private_id(now_ms: int, sequence: int) -> str:
    """An id like a post's for what nobody posted, so that it orders among posts.

    `sequence` tells those of one moment apart.
    """
    return str(((now_ms - X_EPOCH_MS) << SNOWFLAKE_SEQUENCE_BITS) + sequence % SNOWFLAKE_SEQUENCES)


def order_key(post_id: str, network: str = X) -> str:
    """The key that orders a post's operation among all operations of a line, by time and then by id."""
    return f"{posted_at_ms(post_id):013d}#{network}#{post_id}"


def click_key(now_ms: int, newest_key: str | None, form_id: str) -> str:
    """The key of a click: after everything that the line already has, whatever the clocks say."""
    newest_ms = key_time_ms(newest_key) if newest_key else 0
    return f"{max(now_ms, newest_ms + 1):013d}#click#{form_id}"


def id_of_key(key: str) -> tuple[str, str]:
    """The network and the id that an order key names."""
    _, network, post_id = key.split("#", 2)
    return network, post_id


def key_time_ms(key: str) -> int:
    """The milliseconds of the Unix epoch that an order key begins with."""
    return int(key.split("#", 1)[0])


def is_too_old(post_id: str, now_ms: int) -> bool:
    """Whether a post is past the 14 days after which operations may no longer arrive."""
    return posted_at_ms(post_id) < now_ms - OLDEST_POST_MS


def is_from_the_future(post_id: str, now_ms: int) -> bool:
    """Whether a post claims to be newer than any clock skew explains; its operation would win for ever."""
    return posted_at_ms(post_id) > now_ms + CLOCK_SKEW_MS
