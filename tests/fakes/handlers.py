"""The handlers, loaded as Lambda would load them: with the template's environment, against moto and a fake internet."""

import importlib
import sys
import uuid
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest
import urllib3

from local.settings import CONSUMER_SECRET
from tests.fakes.aws import Aws
from tests.fakes.internet import Internet
from tests.fakes.issuer import CLIENT_ID, CLIENT_SECRET, ISSUER

X_API = "http://x.test"
STORE = "http://store.test"
PAGES = "https://cart.test"


@dataclass
class Context:
    function_name: str = "function"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:function"
    aws_request_id: str = "request"
    remaining_ms: int = 60_000

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms


class Bundle:
    """All functions in one account."""

    def __init__(self, aws: Aws, internet: Internet, monkeypatch: pytest.MonkeyPatch, **overrides: str) -> None:
        self.aws = aws
        self.internet = internet
        self._warm: dict[str, ModuleType] = {}
        self.webhook_secret_arn = aws.create_secret(f"webhook-{uuid.uuid4()}", {"consumer_secrets": [CONSUMER_SECRET]})
        self.pages_secret_arn = aws.create_secret(f"pages-{uuid.uuid4()}", {"key": "address-key"})
        self._monkeypatch = monkeypatch
        self._overrides = overrides
        self._environment = {
            "X_WEBHOOK_SECRET_ARN": self.webhook_secret_arn,
            "X_APP_SECRET_ARN": aws.create_secret(f"app-{uuid.uuid4()}", {"bearer_token": "app-bearer"}),
            "X_BOT_CLIENT_SECRET_ARN": aws.create_secret(
                f"bot-{uuid.uuid4()}", {"client_id": "id", "client_secret": "secret"}
            ),
            "POSTS_QUEUE_URL": aws.queue_urls["PostsQueue"],
            "CART_REQUESTS_QUEUE_URL": aws.queue_urls["CartRequestsQueue"],
            "OUTCOMES_QUEUE_URL": aws.queue_urls["OutcomesQueue"],
            "CART_HASHTAGS": "AmazonCart,AmazonBasket,アマゾンポチ",
            "BOT_USER_ID": "900",
            "BOT_USERNAME": "shopbot",
            "STORE": "demo",
            "STORE_HOSTS": "",
            "SHORT_LINK_HOSTS": "",
            "STORE_BASE_URL": STORE,
            "STORE_SITE_URL": STORE,
            "STORE_API_SECRET_ARN": aws.create_secret(f"store-{uuid.uuid4()}", {}),
            "ASSOCIATE_TAGS": "",
            "KEEP_ASSOCIATE_TAGS": "true",
            "HAND_OFF_URL_TEMPLATE": "",
            "X_API_BASE_URL": X_API,
            "ALLOWED_COUNTRIES": "US",
            "MAX_QUANTITY": "10",
            "MAX_ADDS_PER_HOUR": "30",
            "SENSITIVE_CATEGORIES": "health",
            "REPLY_TO_STRANGERS": "false",
            "ACCOUNT_LINKS_TABLE": "AccountLinksTable",
            "DEPARTURES_TABLE": "DeparturesTable",
            "CARTS_TABLE": "CartsTable",
            "ACTIVITY_TABLE": "ActivityTable",
            "POST_PRODUCTS_TABLE": "PostProductsTable",
            "PRODUCTS_TABLE": "ProductsTable",
            "PENDING_TABLE": "PendingTable",
            "BOT_TOKENS_TABLE": "BotTokensTable",
            "SESSIONS_TABLE": "SessionsTable",
            "CHECKPOINTS_TABLE": "CheckpointsTable",
            "SWEEP_MENTIONS": "true",
            "SWEEP_SEARCH": "true",
            "X_DAILY_BUDGET": "50",
            "X_SUBSCRIPTIONS": "false",
            "X_SUBSCRIPTION_LIMIT": "1500",
            "PAGES_SECRET_ARN": self.pages_secret_arn,
            "PUBLIC_URL": PAGES,
            "STORE_NAME": "Northwind",
            "EMAIL_SENDER": "",
            "EMAIL_CONFIGURATION_SET": "hashcart",
            "ACCENT_COLOR": "#84572c",
            "OPERATOR_NAME": "Northwind Ltd",
            "OPERATOR_URL": "https://northwind.example/about",
            "PRIVACY_URL": "https://northwind.example/privacy",
            "IMAGE_ORIGINS": "https://pbs.twimg.com,https://m.media-amazon.com",
            "X_SITE_URL": "http://x.site.test",
            "SIGN_IN_KIND": "oidc",
            "SIGN_IN_ISSUER": ISSUER,
            "STORE_SIGN_IN_SECRET_ARN": aws.create_secret(
                f"sign-in-{uuid.uuid4()}", {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
            ),
            "X_LOGIN_CLIENT_SECRET_ARN": aws.create_secret(
                f"login-{uuid.uuid4()}", {"client_id": "login", "client_secret": "secret"}
            ),
            "DELETES_ARRIVE": "true",
            "LOG_RETENTION_DAYS": "30",
        }
        monkeypatch.setattr(urllib3, "PoolManager", internet)

    def load(self, function: str, source_queue: str | None = None) -> ModuleType:
        """A cold start of a function."""
        environment = self._environment | self._overrides
        if source_queue is not None:
            environment["SOURCE_QUEUE_URL"] = self.aws.queue_urls[source_queue]
            dead_letter_queue = source_queue.removesuffix("Queue") + "DeadLetterQueue"
            environment["DEAD_LETTER_QUEUE_URL"] = self.aws.queue_urls[dead_letter_queue]
        for name, value in environment.items():
            self._monkeypatch.setenv(name, value)
        sys.modules.pop(function, None)
        return importlib.import_module(function)

    def restart(self) -> None:
        """Let the next invocation of every function be a cold start."""
        self._warm.clear()

    def invoke(self, function: str, event: dict[str, Any]) -> dict[str, Any]:
        """One invocation, warm after the first."""
        queues = {
            "hashtag_parsing": "PostsQueue",
            "cart_insertion": "CartRequestsQueue",
            "outcome_delivery": "OutcomesQueue",
            "email_feedback": "EmailFeedbackQueue",
        }
        self._monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", function)
        if function not in self._warm:
            self._warm[function] = self.load(function, queues.get(function))
        answer: dict[str, Any] = self._warm[function].lambda_handler(event, Context(function_name=function))
        return answer


def sqs_event(*bodies: str, receives: int = 1) -> dict[str, Any]:
    """What Lambda's SQS mapping hands over."""
    return {
        "Records": [
            {
                "messageId": f"message-{number}",
                "receiptHandle": f"receipt-{number}",
                "body": body,
                "attributes": {"ApproximateReceiveCount": str(receives)},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:queue",
                "awsRegion": "us-east-1",
            }
            for number, body in enumerate(bodies)
        ]
    }


def http_event(
    method: str,
    *,
    body: str | None = None,
    headers: dict[str, str] | None = None,
    query: dict[str, str] | None = None,
    base64_encoded: bool = False,
) -> dict[str, Any]:
    """What API Gateway hands over (payload format 2.0)."""
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": f"{method} /webhooks/x",
        "rawPath": "/webhooks/x",
        "headers": headers or {},
        "requestContext": {"http": {"method": method, "path": "/webhooks/x"}, "requestId": "request"},
        "isBase64Encoded": base64_encoded,
    }
    return event | ({"body": body} if body is not None else {}) | ({"queryStringParameters": query} if query else {})
