"""A deployed stack for the operator's commands: moto's tables, queues and secrets under the template's outputs."""

from typing import Any

import boto3
from botocore.exceptions import ClientError

from hashcart.http import HttpClient
from local.operations.__main__ import Outside, run
from tests.fakes.aws import REGION, Aws
from tests.fakes.clock import Clock

SECRETS: dict[str, object] = {
    "XWebhookSecretArn": {"consumer_secrets": ["first-consumer-secret"]},
    "XAppSecretArn": {"bearer_token": "first-bearer-token"},
    "XBotClientSecretArn": {"client_id": "bot", "client_secret": "first-bot-secret"},
    "XLoginClientSecretArn": {"client_id": "login", "client_secret": "first-login-secret"},
    "StoreApiSecretArn": {"key": "first-store-key"},
    "StoreSignInSecretArn": {"client_id": "store", "client_secret": "first-store-secret"},
    "PagesSecretArn": {"key": "first-pages-key"},
}


def refused(code: str, operation: str = "Operation") -> ClientError:
    """What AWS answers to what it refuses."""
    return ClientError({"Error": {"Code": code, "Message": "a text that nobody reads"}}, operation)


class Refusing:
    """A client whose named calls fail; the others reach the real one."""

    def __init__(self, client: Any, failures: dict[str, Exception]) -> None:
        self._client = client
        self._failures = failures

    def __getattr__(self, name: str) -> Any:
        if name not in self._failures:
            return getattr(self._client, name)

        def fail(*_: object, **__: object) -> None:
            raise self._failures[name]

        return fail


class Mappings:
    """Lambda's mappings of queues to functions: each change takes some time."""

    def __init__(self, looks_until_changed: int = 2) -> None:
        self.enabled: dict[str, bool] = {}
        self.changes: list[tuple[str, bool]] = []
        self.missing: set[str] = set()
        self._looks_until_changed = looks_until_changed
        self._looks = 0

    def list_event_source_mappings(self, *, EventSourceArn: str) -> dict[str, Any]:  # noqa: N803 - Lambda's own name
        queue = EventSourceArn.rsplit(":", 1)[1]
        self._looks = max(self._looks - 1, 0)
        words = ("Enabled", "Enabling") if self.enabled.get(queue, True) else ("Disabled", "Disabling")
        found = {"UUID": queue, "State": words[self._looks > 0]}
        return {"EventSourceMappings": [] if queue in self.missing else [found]}

    def update_event_source_mapping(self, *, UUID: str, Enabled: bool) -> None:  # noqa: N803 - Lambda's own names
        self.enabled[UUID] = Enabled
        self.changes.append((UUID, Enabled))
        self._looks = self._looks_until_changed


class Deployed:
    """The stack `hashcart-shop`, and the operator at the terminal."""

    name = "hashcart-shop"

    def __init__(self, aws: Aws, now_ms: int, **secrets: str) -> None:
        self.aws = aws
        self.clock = Clock(now_ms)
        self.said: list[str] = []
        self.failures: dict[str, dict[str, Exception]] = {}
        self.parameters = {
            "BotUserId": "900",
            "BotUsername": "shopbot",
            "PublicUrl": "",
            "XApiBaseUrl": "http://x.test",
            "XSiteUrl": "http://x.site.test",
            "XSubscriptions": "true",
            "XSubscriptionLimit": "1500",
            "XDailyBudget": "50",
        }
        tables = ("AccountLinks", "Carts", "Activity", "Pending", "BotTokens", "Checkpoints", "Sessions", "Departures")
        self.outputs = {
            "WebhookUrl": "http://hook.test/webhooks/x",
            **{f"{table}TableName": f"{table}Table" for table in tables},
            **{f"{name}Url": url for name, url in aws.queue_urls.items()},
            **{name: secrets.get(name) or aws.create_secret(name, value) for name, value in SECRETS.items()},
        }
        self.outside: dict[str, Any] = {}
        self.mappings = Mappings()

    def client(self, service: str) -> Any:
        """A client as the commands get it."""
        if service == "cloudformation":
            return Refusing(self, self.failures.get(service, {}))
        known: dict[str, Any] = {
            "sqs": self.aws.sqs,
            "dynamodb": self.aws.dynamodb,
            "secretsmanager": self.aws.secrets,
            "lambda": self.mappings,
        }
        found = known[service] if service in known else boto3.client(service, region_name=REGION)  # type: ignore[call-overload]
        return Refusing(found, self.failures.get(service, {}))

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803 - CloudFormation's own name
        outputs = [{"OutputKey": name, "OutputValue": value} for name, value in self.outputs.items()]
        parameters = [{"ParameterKey": name, "ParameterValue": value} for name, value in self.parameters.items()]
        return {"Stacks": [{"StackName": StackName, "Outputs": outputs, "Parameters": parameters}]}

    def fail(self, service: str, call: str, error: Exception) -> None:
        """Let a call fail from now on."""
        self.failures.setdefault(service, {})[call] = error

    def __call__(self, *arguments: str, http: HttpClient | None = None) -> tuple[int, str]:
        """Run a command; its status and what it said."""
        self.said.clear()
        outside: dict[str, Any] = {"now_ms": self.clock, "sleep": self.clock.sleep, "poll_seconds": 0, **self.outside}
        if http is not None:
            outside["http"] = http
        command, *more = arguments
        status = run(
            [command, "--stack", self.name, *more],
            self.said.append,
            client=self.client,
            outside=Outside(**outside),
        )
        return status, "\n".join(self.said)
