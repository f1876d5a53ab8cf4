"""A webhook that X has disabled is enabled again, and what it missed is asked for.

Each line that is logged here at level ERROR feeds a metric of the template, whose alarm tells somebody.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from hashcart.domain.webhooks import WebhookHealth
from hashcart.observability import logger, report_failure
from hashcart.secrets import Secret, SecretUnavailableError
from hashcart.social.x.app_token import with_app_token
from hashcart.social.x.client import RateLimitedError, TokenRejectedError, Webhook, XUnavailableError

CHECK = "webhook_check"
CHECK_EVERY_MS = 4 * 60_000 + 30_000
"""With an event each minute, a check every five minutes, whatever seconds the events come at."""

TRANSIENT = (XUnavailableError, RateLimitedError, TokenRejectedError, SecretUnavailableError)


class WebhookApi(Protocol):
    """X's calls about webhooks, with the app's token."""

    def webhooks(self, bearer_token: str) -> list[Webhook]:
        """The app's webhooks."""

    def enable_webhook(self, webhook_id: str, bearer_token: str) -> None:
        """Have X challenge a webhook and enable it."""

    def replay(self, webhook_id: str, bearer_token: str, *, from_ms: int, to_ms: int) -> bool:
        """Have X deliver again; False if it does not do that for this app."""


class HealthStore(Protocol):
    """What is known of each webhook."""

    def webhook(self, webhook_id: str) -> WebhookHealth:
        """What is known of a webhook."""

    def save_webhook(self, webhook_id: str, health: WebhookHealth) -> None:
        """Keep what is known of a webhook."""

    def take_lease(self, work: str, *, now_ms: int, lease_ms: int) -> bool:
        """Whether this caller is the one to do the work."""

    def release(self, work: str) -> None:
        """End the lease."""


@dataclass(frozen=True, slots=True)
class HealWebhooks:
    """The webhooks of the app, looked at every five minutes; after trouble at X, again in the next."""

    api: WebhookApi
    health: HealthStore
    app_secret: Secret
    clock_ms: Callable[[], int]

    def __call__(self) -> None:
        """Look after all webhooks, if it is time."""
        if not self.health.take_lease(CHECK, now_ms=self.clock_ms(), lease_ms=CHECK_EVERY_MS):
            return
        try:
            for webhook in with_app_token(self.app_secret, self.api.webhooks):
                self._look_after(webhook)
        except TRANSIENT as error:
            report_failure(None, "webhooks_not_checked", error)
            self.health.release(CHECK)

    def _look_after(self, webhook: Webhook) -> None:
        health = self.health.webhook(webhook.id)
        if not webhook.is_valid:
            health = health.disabled(self.clock_ms())
            self.health.save_webhook(webhook.id, health)
            if not self._enable(webhook):
                return
        if health.gap_from_ms is not None:
            self._replay(webhook, health.gap_from_ms)
        self.health.save_webhook(webhook.id, WebhookHealth(valid_at_ms=self.clock_ms()))

    def _enable(self, webhook: Webhook) -> bool:
        _log(webhook, "webhook_disabled")
        with_app_token(self.app_secret, partial(self.api.enable_webhook, webhook.id))
        again = with_app_token(self.app_secret, self.api.webhooks)
        is_valid = any(found.id == webhook.id and found.is_valid for found in again)
        _log(webhook, "webhook_enabled_again" if is_valid else "webhook_stays_disabled")
        return is_valid

    def _replay(self, webhook: Webhook, from_ms: int) -> None:
        replayed = with_app_token(
            self.app_secret, partial(self.api.replay, webhook.id, from_ms=from_ms, to_ms=self.clock_ms())
        )
        _log(webhook, "gap_replayed" if replayed else "gap_left_to_the_sweep")


def _log(webhook: Webhook, outcome: str) -> None:
    logger.error("webhook", extra={"webhook_id": webhook.id, "outcome": outcome})
