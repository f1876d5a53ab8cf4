"""What `email_feedback` does: pause the e-mail of a shopper whose address does not work, or who called it spam.

The shopper is the one whom the e-mail was tagged with, and only while the address is still that shopper's.
"""

from dataclasses import dataclass
from typing import Protocol

from hashcart.domain.recipients import BOUNCED, COMPLAINED, SHOPPER_TAG, Recipient
from hashcart.messages.email_feedback import EmailEvent, Person
from hashcart.observability import report

NOT_SPAM = "not-spam"
FOR_GOOD = "Permanent"


class RecipientStore(Protocol):
    """Where e-mail goes."""

    def recipient(self, shopper_id: str) -> Recipient | None:
        """The shopper's address."""

    def pause_email(self, shopper_id: str, *, reason: str, address: str | None = None) -> bool:
        """Send no more e-mail to that address of a shopper."""


@dataclass(frozen=True, slots=True)
class PauseEmails:
    """Carries out one event."""

    recipients: RecipientStore

    def __call__(self, event: EmailEvent) -> None:
        """Pause e-mail if the event says that it is of no use, or not wanted."""
        reason, people = _reason(event)
        if reason is None:
            report(None, "email_event", f"passing_{event.event_type.lower()}")
            return
        shopper_ids = event.mail.tags.get(SHOPPER_TAG, ())
        if len(shopper_ids) != 1:
            report(None, "email_event", "no_shopper")
            return
        recipient = self.recipients.recipient(shopper_ids[0])
        address = recipient.address if recipient else None
        if address is None or address.casefold() not in {person.email_address.casefold() for person in people}:
            report(None, "email_event", "somebody_else")
            return
        paused = self.recipients.pause_email(shopper_ids[0], reason=reason, address=address)
        report(None, "email_event", f"paused_{reason}" if paused else "somebody_else")


def _reason(event: EmailEvent) -> tuple[str | None, tuple[Person, ...]]:
    bounce, complaint = event.bounce, event.complaint
    if bounce is not None and bounce.bounce_type == FOR_GOOD:
        return BOUNCED, bounce.bounced_recipients
    if complaint is not None and complaint.complaint_feedback_type != NOT_SPAM:
        return COMPLAINED, complaint.complained_recipients
    return None, ()
