"""The Email feedback queue: what SES publishes of bounces and complaints, in SES's own words.

Amazon SES developer guide, "Contents of event data in Amazon SNS".
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from hashcart.reading import camel_case, reader_of


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom an e-mail was meant for."""

    email_address: str


@dataclass(frozen=True, slots=True)
class SentEmail:
    """The e-mail that the event is about; `tags` are those that it was sent with."""

    message_id: str
    tags: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bounce:
    """A mail server did not take the e-mail; `bounce_type` Permanent means that it never will."""

    bounce_type: str
    bounced_recipients: tuple[Person, ...]


@dataclass(frozen=True, slots=True)
class Complaint:
    """The reader called the e-mail spam, or took that back (`not-spam`)."""

    complained_recipients: tuple[Person, ...]
    complaint_feedback_type: str | None = None


@dataclass(frozen=True, slots=True)
class EmailEvent:
    """One event of SES."""

    event_type: str
    mail: SentEmail
    bounce: Bounce | None = None
    complaint: Complaint | None = None


read_email_event: Callable[[str], EmailEvent] = reader_of(EmailEvent, root="event", key_of=camel_case)
