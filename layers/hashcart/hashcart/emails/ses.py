"""Sending through Amazon SES (API v2). SES has no look-up of what was sent, so nothing here is tried twice."""

from collections.abc import Callable
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, EndpointConnectionError

from hashcart.aws import CLIENT_CONFIG
from hashcart.domain.recipients import SHOPPER_TAG

if TYPE_CHECKING:
    from botocore.config import Config
    from mypy_boto3_sesv2 import SESV2Client

    from hashcart.emails.rendering import Email

_CHARSET = "UTF-8"
_TRANSIENT = frozenset({"TooManyRequestsException", "LimitExceededException", "ThrottlingException", "Throttling"})


class EmailNotTakenError(Exception):
    """SES has certainly not taken the e-mail, and may take it later: a limit, or trouble of its own."""


class EmailRefusedError(Exception):
    """SES will not take the e-mail: a rejected message, an unverified sender, an account that may not send."""


class EmailUnsettledError(Exception):
    """Nobody can tell whether SES has taken the e-mail: its answer is lost."""


def config_without_retries() -> "Config":
    """What the client must be made with: an attempt whose answer is lost must not be repeated."""
    merged: Config = CLIENT_CONFIG.merge(type(CLIENT_CONFIG)(retries={"mode": "standard", "total_max_attempts": 1}))
    return merged


class Ses:
    """SES, with the configuration set that reports bounces and complaints."""

    def __init__(self, make_client: Callable[[], "SESV2Client"], configuration_set: str) -> None:
        self._make_client = make_client
        self._configuration_set = configuration_set

    @cached_property
    def _client(self) -> "SESV2Client":
        """Made for the first e-mail: most invocations send none."""
        return self._make_client()

    def send(self, email: "Email", *, shopper_id: str) -> str:
        """Send one e-mail; returns SES's id of it.

        Raises EmailNotTakenError, EmailRefusedError or EmailUnsettledError.
        """
        try:
            answer = self._client.send_email(
                FromEmailAddress=email.sender,
                Destination={"ToAddresses": [email.to]},
                Content={
                    "Simple": {
                        "Subject": {"Data": email.subject, "Charset": _CHARSET},
                        "Body": {
                            "Text": {"Data": email.text, "Charset": _CHARSET},
                            "Html": {"Data": email.html, "Charset": _CHARSET},
                        },
                        "Headers": [{"Name": name, "Value": value} for name, value in email.headers],
                    }
                },
                ConfigurationSetName=self._configuration_set,
                EmailTags=[{"Name": SHOPPER_TAG, "Value": shopper_id}],
            )
        except ClientError as error:
            code = str(error.response["Error"].get("Code"))
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if code in _TRANSIENT or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise EmailNotTakenError(code) from None
            raise EmailRefusedError(code) from None
        except (ConnectTimeoutError, EndpointConnectionError) as error:
            raise EmailNotTakenError(type(error).__name__) from None
        except BotoCoreError as error:
            raise EmailUnsettledError(type(error).__name__) from None
        return answer["MessageId"]
