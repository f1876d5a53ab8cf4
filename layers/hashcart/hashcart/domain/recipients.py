"""Where a shopper's e-mail goes, if it may go anywhere.

Apart from `emails`, because what takes SES's feedback needs nothing of what is told.
"""

from dataclasses import dataclass

BOUNCED, COMPLAINED, UNSUBSCRIBED = "bounced", "complained", "unsubscribed"
"""Why no e-mail goes to a shopper any more."""

SHOPPER_TAG = "shopper"
"""The message tag by which a bounce or a complaint finds its shopper; SES gives it back with the event."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """What the shopper's item says of e-mail when one is to be sent; `sent` counts the day's e-mails about problems."""

    shopper_id: str
    address: str | None = None
    paused: str | None = None
    day: int = 0
    sent: int = 0

    def sent_on(self, day: int) -> int:
        """E-mails about problems on a day (days of the Unix epoch)."""
        return self.sent if self.day == day else 0
