"""What `webhook_intake` does: answer X's challenge, check a delivery's signature, pass on what concerns us.

Standard library and the SQS and Secrets Manager clients only: X wants the challenge answered within 3 seconds,
the cold start included.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from hashcart.domain.cart_hashtags import CartHashtags
from hashcart.domain.summons import Bot
from hashcart.messages.posts import PostArrived, PostDeleted, PostMessage, to_json
from hashcart.observability import logger, report, report_metric, this_function
from hashcart.queues import MessageTooLargeError, send_all
from hashcart.secrets import Secret, SecretUnavailableError
from hashcart.social.x.payloads import UnreadableError, read_payload
from hashcart.social.x.secrets import webhook_secrets
from hashcart.social.x.signature import is_crc_token, is_signed, sign
from hashcart.use_cases.concerns import concerns_us

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

MAX_BODY_BYTES = 1024 * 1024
SIGNATURE_HEADER = "x-twitter-webhooks-signature"


class RefusedError(Exception):
    """A request that is answered with an error: `status` for the sender, the message for the log."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP answer."""

    status: HTTPStatus
    body: Mapping[str, str]

    def to_event(self) -> dict[str, Any]:
        """API Gateway's payload format 2.0."""
        return {
            "statusCode": int(self.status),
            "headers": {"content-type": "application/json", "cache-control": "no-store"},
            "body": json.dumps(self.body),
        }


@dataclass(frozen=True, slots=True)
class ReceiveWebhook:
    """X's webhook."""

    secret: Secret
    sqs: "SQSClient"
    queue_url: str
    hashtags: CartHashtags
    bot: Bot

    def __call__(self, event: Mapping[str, Any]) -> Response:
        """Answer one request of API Gateway (payload format 2.0)."""
        try:
            if event["requestContext"]["http"]["method"] == "GET":
                return self._answer_challenge(event)
            return self._receive(event)
        except RefusedError as error:
            logger.warning("refused", extra={"status": int(error.status), "reason": str(error)})
            return Response(error.status, {"error": error.status.phrase})
        except SecretUnavailableError as error:
            logger.error("secret unavailable", extra={"reason": str(error)})
            return Response(HTTPStatus.SERVICE_UNAVAILABLE, {"error": HTTPStatus.SERVICE_UNAVAILABLE.phrase})

    def _answer_challenge(self, event: Mapping[str, Any]) -> Response:
        token = (event.get("queryStringParameters") or {}).get("crc_token", "")
        if not is_crc_token(token):
            raise RefusedError(HTTPStatus.BAD_REQUEST, "crc_token")
        current_secret = webhook_secrets(self.secret.read())[0]
        # X asks at least once an hour: an alarm tells when it does not any more.
        report_metric(this_function(), "ChallengesAnswered", 1)
        return Response(HTTPStatus.OK, {"response_token": sign(current_secret, token.encode("ascii"))})

    def _receive(self, event: Mapping[str, Any]) -> Response:
        body = _raw_body(event)
        self._check_signature(body, (event.get("headers") or {}).get(SIGNATURE_HEADER, ""))
        passed_on = [message for message in read_payload(_document(body)) if self._concerns_us(message)]
        self._send([to_json(message) for message in passed_on if not isinstance(message, UnreadableError)])
        return Response(HTTPStatus.OK, {"passed_on": str(len(passed_on))})

    def _check_signature(self, body: bytes, signature: str) -> None:
        if not signature:
            raise RefusedError(HTTPStatus.UNAUTHORIZED, "signature_missing")
        # The HTTP API joins repeated headers with commas, which base64 has not.
        if "," in signature:
            raise RefusedError(HTTPStatus.UNAUTHORIZED, "signature_doubled")
        if is_signed(body, signature, webhook_secrets(self.secret.read())):
            return
        reread = self.secret.reread()
        if reread is None or not is_signed(body, signature, webhook_secrets(reread)):
            raise RefusedError(HTTPStatus.UNAUTHORIZED, "signature_wrong")

    def _concerns_us(self, message: PostMessage | UnreadableError) -> bool:
        if isinstance(message, UnreadableError):
            report(None, "dropped", str(message))
            return False
        if isinstance(message, PostDeleted):
            return message.author_id != self.bot.user_id
        if not isinstance(message, PostArrived):
            return True
        return concerns_us(message.post, self.hashtags, self.bot)

    def _send(self, bodies: list[str]) -> None:
        try:
            unsent = send_all(self.sqs, self.queue_url, bodies)
        except MessageTooLargeError as error:
            raise RefusedError(HTTPStatus.CONTENT_TOO_LARGE, str(error)) from error
        if unsent:
            raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "queue_refused")


def _raw_body(event: Mapping[str, Any]) -> bytes:
    text: str = event.get("body") or ""
    if len(text) > MAX_BODY_BYTES * 4 // 3 + 4:
        raise RefusedError(HTTPStatus.CONTENT_TOO_LARGE, "body_too_large")
    try:
        body = base64.b64decode(text, validate=True) if event.get("isBase64Encoded") else text.encode()
    except (binascii.Error, UnicodeEncodeError, ValueError) as error:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "body_not_decodable") from error
    if len(body) > MAX_BODY_BYTES:
        raise RefusedError(HTTPStatus.CONTENT_TOO_LARGE, "body_too_large")
    return body


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "body_not_json") from error
    if not isinstance(document, dict):
        raise RefusedError(HTTPStatus.BAD_REQUEST, "body_not_an_object")
    return document
