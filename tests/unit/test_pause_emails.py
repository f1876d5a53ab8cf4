"""Bounces, complaints and unsubscribing: who gets no e-mail any more, and who must not be able to stop it."""

from dataclasses import replace

import pytest

from hashcart.domain.recipients import Recipient
from hashcart.domain.signed_tokens import sign
from hashcart.messages.email_feedback import Bounce, Complaint, EmailEvent, Person, SentEmail, read_email_event
from hashcart.reading import MalformedError
from hashcart.secrets import SecretUnavailableError, token_keys
from hashcart.use_cases.pause_emails import PauseEmails
from hashcart.use_cases.unsubscribe import Unsubscribe
from tests.fakes.storage import MemoryRecipients

ADA = Recipient("shopper-1", "Ada@mail.example")
PEOPLE = (Person("ada@mail.example"),)
BOUNCE = EmailEvent("Bounce", SentEmail("ses-1", {"shopper": ("shopper-1",)}), bounce=Bounce("Permanent", PEOPLE))
COMPLAINT = replace(BOUNCE, event_type="Complaint", bounce=None, complaint=Complaint(PEOPLE, "abuse"))


def paused_by(event: EmailEvent, recipient: Recipient = ADA) -> str | None:
    recipients = MemoryRecipients(recipient)
    PauseEmails(recipients)(event)
    return recipients.recipients["shopper-1"].paused


def test_a_bounce_for_good_and_a_complaint_pause_the_shopper() -> None:
    assert paused_by(BOUNCE) == "bounced"
    assert paused_by(COMPLAINT) == "complained"
    assert paused_by(replace(COMPLAINT, complaint=Complaint(PEOPLE))) == "complained"
    assert paused_by(BOUNCE, replace(ADA, paused="complained")) == "complained"


@pytest.mark.parametrize(
    "event",
    [
        replace(BOUNCE, bounce=Bounce("Transient", PEOPLE)),
        replace(BOUNCE, bounce=Bounce("Undetermined", PEOPLE)),
        replace(COMPLAINT, complaint=Complaint(PEOPLE, "not-spam")),
        replace(BOUNCE, event_type="Delivery", bounce=None),
        replace(BOUNCE, mail=SentEmail("ses-1")),
        replace(BOUNCE, mail=SentEmail("ses-1", {"shopper": ("shopper-1", "shopper-2")})),
        replace(BOUNCE, mail=SentEmail("ses-1", {"shopper": ("shopper-9",)})),
        replace(BOUNCE, bounce=Bounce("Permanent", (Person("old@mail.example"),))),
        replace(BOUNCE, bounce=Bounce("Permanent", ())),
    ],
)
def test_anything_else_pauses_nobody(event: EmailEvent) -> None:
    assert paused_by(event) is None


def test_an_address_that_changes_meanwhile_is_not_paused() -> None:
    recipients = MemoryRecipients(ADA)

    def change() -> None:
        recipients.before_step = lambda: recipients.recipients.update(
            {"shopper-1": replace(ADA, address="new@mail.example")}
        )

    recipients.before_step = change
    PauseEmails(recipients)(BOUNCE)
    assert recipients.recipients["shopper-1"].paused is None


def test_events_are_read_as_ses_writes_them() -> None:
    written = (
        '{"eventType":"Complaint","mail":{"timestamp":"2026-11-24T12:00:00.000Z","messageId":"ses-1",'
        '"destination":["ada@mail.example"],"tags":{"ses:from-domain":["shop.example"],"shopper":["shopper-1"]}},'
        '"complaint":{"complainedRecipients":[{"emailAddress":"ada@mail.example"}],"complaintFeedbackType":"abuse"}}'
    )
    event = read_email_event(written)
    assert event.complaint == COMPLAINT.complaint
    assert event.mail.tags["shopper"] == ("shopper-1",)


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ("Ada@mail.example", "not JSON"),
        ('["Bounce"]', "event: an unexpected list"),
        ('{"eventType":"Bounce"}', "event.mail: missing"),
        ('{"eventType":null,"mail":{"messageId":"1"}}', "event.eventType: an unexpected NoneType"),
        ('{"eventType":"Bounce","mail":[]}', "event.mail: an unexpected list"),
        ('{"eventType":"Bounce","mail":{"messageId":1}}', "event.mail.messageId: an unexpected int"),
        ('{"eventType":"Bounce","mail":{"messageId":"1","tags":{"a":"1"}}}', "event.mail.tags.0: an unexpected str"),
        (
            '{"eventType":"Bounce","mail":{"messageId":"1"},"bounce":{"bounceType":"Permanent",'
            '"bouncedRecipients":["Ada@mail.example"]}}',
            "event.bounce.bouncedRecipients.0: an unexpected str",
        ),
    ],
)  # fmt: skip
def test_an_event_of_another_form_is_malformed_and_no_address_is_quoted(event: str, reason: str) -> None:
    with pytest.raises(MalformedError) as refusal:
        read_email_event(event)
    assert str(refusal.value) == reason


# ---------------------------------------------------------------- Unsubscribing


def test_a_token_stops_the_e_mail_of_its_shopper_again_and_again() -> None:
    recipients = MemoryRecipients(ADA, replace(ADA, shopper_id="shopper-2"))
    unsubscribe = Unsubscribe(recipients, lambda: ["new", "key"])
    token = sign("unsubscribe", "shopper-1", "key")
    assert unsubscribe.is_genuine(token)
    assert [unsubscribe(token) for _ in range(2)] == [True, True]
    assert recipients.recipients["shopper-1"].paused == "unsubscribed"
    assert recipients.recipients["shopper-2"].paused is None


def test_one_who_has_left_is_unsubscribed_already() -> None:
    assert Unsubscribe(MemoryRecipients(), lambda: ["key"])(sign("unsubscribe", "shopper-1", "key"))


def test_a_forged_token_stops_nothing() -> None:
    recipients = MemoryRecipients(ADA)
    unsubscribe = Unsubscribe(recipients, lambda: ["key"])
    forged = sign("unsubscribe", "shopper-1", "guess")
    assert not unsubscribe.is_genuine(forged)
    assert not unsubscribe(forged)
    assert recipients.recipients["shopper-1"].paused is None


def test_both_keys_are_valid_while_one_is_rotated_out() -> None:
    assert token_keys({"key": "new", "previous_key": "old"}) == ["new", "old"]
    assert token_keys({"key": "new", "previous_key": ""}) == ["new"]
    with pytest.raises(SecretUnavailableError):
        token_keys({"key": 5})
