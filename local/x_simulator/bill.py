"""What X would bill for what it showed and took, pay per use: counted here as X's pages describe it."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

DAY_SECONDS = 24 * 60 * 60


class Bill:
    """Counts by kind of resource. What is shown again on the same day (UTC) is not billed again."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._shown: set[tuple[int, str, str]] = set()
        self.counts: Counter[str] = Counter()

    def show(self, document: Mapping[str, Any]) -> None:
        """Count an answer's posts and accounts, those that expansions brought along too."""
        includes = document.get("includes", {})
        self._count("post_read", [*document.get("data", []), *includes.get("tweets", [])])
        self._count("user_read", includes.get("users", []))

    def show_user(self, account_id: str) -> None:
        """Count an account that was shown."""
        self._count("user_read", [{"id": account_id}])

    def take(self, *, is_reply: bool, has_url: bool) -> None:
        """Count a post that was created; an answer to a summons costs less, and a URL more than anything else."""
        self.counts["post_with_url" if has_url else "summoned_reply" if is_reply else "post"] += 1

    def _count(self, kind: str, resources: Iterable[Mapping[str, Any]]) -> None:
        day = int(self._now() // DAY_SECONDS)
        new = {(day, kind, str(resource["id"])) for resource in resources} - self._shown
        self._shown |= new
        self.counts[kind] += len(new)
