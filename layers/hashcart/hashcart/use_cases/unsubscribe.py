"""Unsubscribing by the token of an e-mail: without a sign-in, and for a mail program in one click (RFC 8058)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from hashcart.domain.emails import UNSUBSCRIBE
from hashcart.domain.recipients import UNSUBSCRIBED
from hashcart.domain.signed_tokens import verified_subject
from hashcart.observability import report


class EmailPauser(Protocol):
    """Where e-mail goes."""

    def pause_email(self, shopper_id: str, *, reason: str) -> bool:
        """Send no more e-mail to a shopper."""


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Knows whom a token is of, and stops that shopper's e-mail. `token_keys` are those that are valid now."""

    recipients: EmailPauser
    token_keys: Callable[[], Sequence[str]]

    def is_genuine(self, token: str) -> bool:
        """Whether the token is one of ours, for the page that asks before it stops anything."""
        return verified_subject(UNSUBSCRIBE, token, self.token_keys()) is not None

    def __call__(self, token: str) -> bool:
        """Stop the e-mail; again is no error, and neither is a shopper who has left. False if the token is not ours."""
        shopper_id = verified_subject(UNSUBSCRIBE, token, self.token_keys())
        if shopper_id is None:
            report(None, "unsubscribe", "bad_token")
            return False
        paused = self.recipients.pause_email(shopper_id, reason=UNSUBSCRIBED)
        report(None, "unsubscribe", "unsubscribed" if paused else "shopper_has_left")
        return True
