"""The SES adapter: what it asks of SES, and what each failure means."""

from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parseaddr
from typing import Any

import boto3
import pytest
from botocore.exceptions import ConnectionClosedError, ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from botocore.stub import Stubber
from moto import mock_aws
from moto.ses.models import ses_backends

from hashcart.emails.rendering import Email
from hashcart.emails.ses import EmailNotTakenError, EmailRefusedError, EmailUnsettledError, Ses, config_without_retries
from tests.fakes.aws import REGION

EMAIL = Email(
    sender="=?utf-8?b?S8OkdGhl?= <cart@shop.example>",
    to="ada@mail.example",
    subject="在庫切れ",
    text="text",
    html="<p>html</p>",
    headers=(("List-Unsubscribe", "<https://cart.shop.example/unsubscribe?token=t>"),),
)
REQUEST = {
    "FromEmailAddress": "=?utf-8?b?S8OkdGhl?= <cart@shop.example>",
    "Destination": {"ToAddresses": ["ada@mail.example"]},
    "Content": {
        "Simple": {
            "Subject": {"Data": "在庫切れ", "Charset": "UTF-8"},
            "Body": {
                "Text": {"Data": "text", "Charset": "UTF-8"},
                "Html": {"Data": "<p>html</p>", "Charset": "UTF-8"},
            },
            "Headers": [{"Name": "List-Unsubscribe", "Value": "<https://cart.shop.example/unsubscribe?token=t>"}],
        }
    },
    "ConfigurationSetName": "hashcart",
    "EmailTags": [{"Name": "shopper", "Value": "shopper-1"}],
}


@dataclass
class Stubbed:
    ses: Ses
    stub: Stubber
    client: Any


@pytest.fixture
def stubbed() -> Iterator[Stubbed]:
    client = boto3.client("sesv2", region_name=REGION, config=config_without_retries())
    with Stubber(client) as stub:
        yield Stubbed(Ses(lambda: client, "hashcart"), stub, client)


def test_it_sends_text_html_headers_and_the_shoppers_tag(stubbed: Stubbed) -> None:
    stubbed.stub.add_response("send_email", {"MessageId": "ses-1"}, REQUEST)
    assert stubbed.ses.send(EMAIL, shopper_id="shopper-1") == "ses-1"


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("TooManyRequestsException", 429, EmailNotTakenError),
        ("LimitExceededException", 400, EmailNotTakenError),
        ("InternalServerErrorException", 500, EmailNotTakenError),
        ("ServiceUnavailable", 503, EmailNotTakenError),
        ("MessageRejected", 400, EmailRefusedError),
        ("MailFromDomainNotVerifiedException", 400, EmailRefusedError),
        ("SendingPausedException", 400, EmailRefusedError),
        ("AccountSuspendedException", 400, EmailRefusedError),
        ("BadRequestException", 400, EmailRefusedError),
        ("AccessDeniedException", 403, EmailRefusedError),
    ],
)
def test_an_answer_says_whether_to_try_again(stubbed: Stubbed, code: str, status: int, error: type[Exception]) -> None:
    stubbed.stub.add_client_error("send_email", code, "ada@mail.example is not verified", status)
    with pytest.raises(error) as raised:
        stubbed.ses.send(EMAIL, shopper_id="shopper-1")
    assert str(raised.value) == code
    assert len(stubbed.client.meta.config.retries) == 2


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (ConnectTimeoutError(endpoint_url="u"), EmailNotTakenError),
        (EndpointConnectionError(endpoint_url="u"), EmailNotTakenError),
        (ReadTimeoutError(endpoint_url="u"), EmailUnsettledError),
        (ConnectionClosedError(endpoint_url="u"), EmailUnsettledError),
    ],
)
def test_a_lost_answer_is_not_taken_for_a_refusal_and_asked_for_once(
    monkeypatch: pytest.MonkeyPatch, failure: Exception, error: type[Exception]
) -> None:
    client = boto3.client("sesv2", region_name=REGION, config=config_without_retries())
    attempts = 0

    def lose(request: object, **_: object) -> None:
        nonlocal attempts
        attempts += 1
        raise failure

    client.meta.events.register("before-send.sesv2.SendEmail", lose)
    with pytest.raises(error):
        Ses(lambda: client, "hashcart").send(EMAIL, shopper_id="shopper-1")
    assert attempts == 1


def test_moto_takes_it_from_a_verified_sender_alone() -> None:
    with mock_aws(config={"core": {"reset_boto3_session": False}}):
        client = boto3.client("sesv2", region_name=REGION, config=config_without_retries())
        ses = Ses(lambda: client, "hashcart")
        with pytest.raises(EmailRefusedError):
            ses.send(EMAIL, shopper_id="shopper-1")
        client.create_email_identity(EmailIdentity=parseaddr(EMAIL.sender)[1])
        plain = Email("cart@shop.example", EMAIL.to, EMAIL.subject, EMAIL.text, EMAIL.html, EMAIL.headers)
        assert ses.send(plain, shopper_id="shopper-1")
        (message,) = ses_backends["123456789012"][REGION].sent_messages
        assert message.destinations == {"ToAddresses": ["ada@mail.example"]}
