"""Which of a post's hashtags speak to HashCart."""

from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches

from hashcart.domain.hashtags import Span, extract_hashtags_with_indices, fold_hashtag
from hashcart.domain.posts import HashtagSpan, Post

UNDO_HASHTAG = "undo"

LEAST_LIKENESS = 0.75
_PUNCTUATION = ".,:;!?()[]{}\"'“”‘’«»…。、！？"


class CartHashtags:
    """The hashtags that a deployment was given, compared case-folded in any script."""

    def __init__(self, hashtags: Iterable[str]) -> None:
        self._folded = frozenset(fold_hashtag(hashtag.lstrip("#＃")) for hashtag in hashtags)

    def near_miss(self, post: Post) -> str | None:
        """What a post has in place of a cart hashtag: a misspelt one, or its word without the `#`."""
        for hashtag in _hashtags(post):
            if get_close_matches(fold_hashtag(hashtag.tag), self._folded, n=1, cutoff=LEAST_LIKENESS):
                return f"#{hashtag.tag}"
        words = (word.strip(_PUNCTUATION) for word in post.text.split())
        return next((word for word in words if fold_hashtag(word) in self._folded), None)

    def first_in(self, post: Post) -> HashtagSpan | None:
        """The first cart hashtag of a post, where it stands in the text."""
        found = next((hashtag for hashtag in _hashtags(post) if fold_hashtag(hashtag.tag) in self._folded), None)
        return _located(found, post.text) if found else None

    def beside[T](self, post: Post, read: Callable[[str, int, int, Sequence[Span]], T]) -> T | None:
        """What `read` makes of the text beside the first cart hashtag, without links and mentions; None without one."""
        hashtag = self.first_in(post)
        if hashtag is None:
            return None
        links = [(link.start, link.end) for link in post.links if link.end]
        mentions = [(mention.start, mention.end) for mention in post.mentions]
        return read(post.text, hashtag.start, hashtag.end, links + mentions)


def asks_to_undo(post: Post) -> bool:
    """Whether a post carries `#undo`."""
    return any(fold_hashtag(hashtag.tag) == UNDO_HASHTAG for hashtag in _hashtags(post))


def _hashtags(post: Post) -> Iterable[HashtagSpan]:
    return extract_hashtags_with_indices(post.text) if post.hashtags is None else post.hashtags


def _located(hashtag: HashtagSpan, text: str) -> HashtagSpan:
    """The hashtag where the text really has it, should the network count characters in another way."""
    if text[hashtag.start + 1 : hashtag.end] == hashtag.tag:
        return hashtag
    return next((other for other in extract_hashtags_with_indices(text) if other.tag == hashtag.tag), hashtag)
