"""Whether X still delivers to a webhook, and since when it may not have."""

from dataclasses import dataclass

from hashcart.domain.posts import DAY_MS

LONGEST_REPLAY_MS = DAY_MS
"""X replays what it would have delivered in the last 24 hours."""


@dataclass(frozen=True, slots=True)
class WebhookHealth:
    """When a webhook was last seen to be valid, and from when on deliveries may be missing; None if unknown or none."""

    valid_at_ms: int | None = None
    gap_from_ms: int | None = None

    def disabled(self, now_ms: int) -> "WebhookHealth":
        """It is seen to be disabled: what is missing began when it was last seen to be valid."""
        earliest_ms = now_ms - LONGEST_REPLAY_MS
        known_ms = self.gap_from_ms if self.gap_from_ms is not None else self.valid_at_ms
        return WebhookHealth(self.valid_at_ms, max(earliest_ms, known_ms if known_ms is not None else earliest_ms))
