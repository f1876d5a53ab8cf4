"""How the live panel sees the deployed stack. What stands behind it is not the simulator's business.

The methods may block; the simulator calls them in threads, several at once.
"""

from dataclasses import dataclass
from typing import Protocol


class WatcherUnavailableError(Exception):
    """The stack cannot be read just now; it will be tried again."""


@dataclass(frozen=True)
class Outcome:
    """What became of a post.

    `code` is the outcome's code (`ADDED`, …), `text` the sentence a person reads. `version_id` is the version of the
    post that it belongs to (the id of an edit, else the post's own). `line_title` and `quantity` tell of
    the cart line, where there is one. `final` is False if a better outcome may still come.
    """

    code: str
    text: str
    version_id: str
    line_title: str | None = None
    quantity: int | None = None
    final: bool = True


@dataclass(frozen=True)
class CartLine:
    """A line of a cart; `state` is "in_cart", "wished" or "waiting" (for a choice of options)."""

    title: str
    quantity: int
    state: str = "in_cart"
    price: str | None = None
    image_url: str | None = None
    url: str | None = None


@dataclass(frozen=True)
class Cart:
    """A shopper's cart, in the order to show."""

    lines: tuple[CartLine, ...]
    url: str | None = None

    @property
    def count(self) -> int:
        """How many things are in it."""
        return sum(line.quantity for line in self.lines if line.state == "in_cart")


class Watcher(Protocol):
    """Reads what the deployed stack made of posts. Every method may raise WatcherUnavailableError."""

    def is_linked(self, author_id: str) -> bool | None:
        """Whether the account is linked with the store; None if that is not known."""

    def outcome_of(self, author_id: str, post_id: str) -> Outcome | None:
        """What became of the post whose first version has `post_id`; None as long as nothing did."""

    def cart_of(self, author_id: str) -> Cart | None:
        """The account's cart; None if it has none, as nobody has who is not linked."""


class NullWatcher:
    """Sees nothing: the simulator runs alone."""

    def is_linked(self, author_id: str) -> bool | None:  # noqa: ARG002
        """Not known."""
        return None

    def outcome_of(self, author_id: str, post_id: str) -> Outcome | None:  # noqa: ARG002
        """Nothing."""
        return None

    def cart_of(self, author_id: str) -> Cart | None:  # noqa: ARG002
        """None."""
        return None
