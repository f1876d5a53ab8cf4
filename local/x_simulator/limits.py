"""Rate limits as X counts them: so many calls of an endpoint and a principal in a window of 15 minutes."""

from collections.abc import Callable
from dataclasses import dataclass

WINDOW_SECONDS = 15 * 60


@dataclass
class Window:
    """The current window; `reset` is in seconds of the Unix epoch."""

    limit: int
    remaining: int
    reset: int
    is_exhausted: bool = False

    @property
    def headers(self) -> dict[str, str]:
        """The headers that X sends with each answer."""
        return {
            "x-rate-limit-limit": str(self.limit),
            "x-rate-limit-remaining": str(self.remaining),
            "x-rate-limit-reset": str(self.reset),
        }


class RateLimits:
    """The windows of all endpoints and principals. A window begins with its first call."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._windows: dict[tuple[str, str], Window] = {}

    def take(self, endpoint: str, principal: str, limit: int) -> Window:
        """Count a call; the window that is returned is exhausted if the call is one too many."""
        window = self._windows.get((endpoint, principal))
        if window is None or self._now() >= window.reset:
            window = Window(limit, limit, int(self._now()) + WINDOW_SECONDS)
            self._windows[endpoint, principal] = window
        window.is_exhausted = window.remaining == 0
        window.remaining = max(0, window.remaining - 1)
        return window
