"""X's recent search, as far as HashCart's queries go."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from local.x_simulator.problems import ProblemError, invalid_request

MAX_QUERY = 512

_WORD = re.compile(r"\(|\)|-?is:\w+|from:\w+|[#＃][^\s()]+|OR|\S+")


@dataclass(frozen=True)
class Searchable:
    """What a query looks at."""

    hashtags: frozenset[str]
    author: str
    is_reply: bool


type Matcher = Callable[[Searchable], bool]


def parse_query(query: str) -> Matcher:
    """Whether a post matches: all terms, and of a group in parentheses with OR any. Raises ProblemError."""
    if not 0 < len(query) <= MAX_QUERY:
        raise _refused(f"the query has {len(query)} characters, not 1 to {MAX_QUERY}")
    alternatives: list[list[Matcher]] = []
    group: list[Matcher] | None = None
    for word in _WORD.findall(query):
        if word == "(" and group is None:
            group = []
        elif word == ")" and group:
            alternatives.append(group)
            group = None
        elif word == "OR" and group:
            continue
        elif group is not None:
            group.append(_term(word))
        else:
            alternatives.append([_term(word)])
    if group is not None:
        raise _refused("a parenthesis is open")
    return lambda post: all(any(matches(post) for matches in terms) for terms in alternatives)


def _term(word: str) -> Matcher:
    if word[0] in "#＃" and len(word) > 1:
        tag = word[1:].casefold()
        return lambda post: tag in post.hashtags
    if word == "is:reply":
        return lambda post: post.is_reply
    if word == "-is:retweet":
        return lambda _: True  # nobody reposts here
    if word.startswith("from:"):
        author = word.removeprefix("from:").casefold()
        return lambda post: post.author == author
    raise _refused(f"{word} is not an operator that is known here")


def _refused(message: str) -> ProblemError:
    return invalid_request(f"There were errors processing your request: {message}", {"query": []})
