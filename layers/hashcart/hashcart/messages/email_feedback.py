"""The Email feedback queue: what SES publishes of bounces and complaints, in SES's own words.

Amazon SES developer guide, "Contents of event data in Amazon SNS".
"""

from dataclasses import dataclass, field
from typing import ClassVar

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from hashcart.reading import MalformedError

_AS_SES_WRITES = ConfigDict(alias_generator=to_camel)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom an e-mail was meant for."""

    __pydantic_config__: ClassVar[ConfigDict] = _AS_SES_WRITES
    email_address: str


@dataclass(frozen=True, slots=True)
class SentEmail:
    """The e-mail that the event is about; `tags` are those that it was sent with."""

    __pydantic_config__: ClassVar[ConfigDict] = _AS_SES_WRITES
    message_id: str
    tags: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bounce:
    """A mail server did not take the e-mail; `bounce_type` Permanent means that it never will."""

    __pydantic_config__: ClassVar[ConfigDict] = _AS_SES_WRITES
    bounce_type: str
    bounced_recipients: list[Person]


@dataclass(frozen=True, slots=True)
class Complaint:
    """The reader called the e-mail spam, or took that back (`not-spam`)."""

    __pydantic_config__: ClassVar[ConfigDict] = _AS_SES_WRITES
    complained_recipients: list[Person]
    complaint_feedback_type: str | None = None


@dataclass(frozen=True, slots=True)
class EmailEvent:
    """One event of SES."""

    __pydantic_config__: ClassVar[ConfigDict] = _AS_SES_WRITES
    event_type: str
    mail: SentEmail
    bounce: Bounce | None = None
    complaint: Complaint | None = None


_EVENT = TypeAdapter(EmailEvent)


def read_email_event(body: str) -> EmailEvent:
    """An event as SES wrote it. Raises MalformedError, which quotes nothing of the body."""
    try:
        return _EVENT.validate_json(body)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)[:5]
        reasons = [f"{'.'.join(map(str, detail['loc']))}: {detail['type']}" for detail in details]
        raise MalformedError(", ".join(reasons)) from None
