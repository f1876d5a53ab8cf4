"""What an operator may do is what the commands call, no more."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from hashcart.domain.bot_tokens import BotToken
from hashcart.storage.bot_tokens import BotTokens
from local.operations.dead_letters import QUEUES
from tests.fakes.aws import Aws, aws_account
from tests.fakes.deployed import SECRETS, Deployed
from tests.functional.test_restores import World
from tests.template.loading import PROJECT_ROOT

POLICY = json.loads((PROJECT_ROOT / "deploy" / "operator-policy.json").read_text())
STATEMENTS = {statement["Sid"]: statement for statement in POLICY["Statement"]}
ALLOWED = {action for statement in STATEMENTS.values() for action in statement["Action"]}

# The permissions of SQS's and DynamoDB's calls that have no permission of their own name.
ACTIONS = {
    "sqs:SendMessageBatch": ("sqs:SendMessage",),
    "sqs:DeleteMessageBatch": ("sqs:DeleteMessage",),
    "sqs:ChangeMessageVisibilityBatch": ("sqs:ChangeMessageVisibility",),
    "dynamodb:TransactWriteItems": tuple(
        f"dynamodb:{name}" for name in ("PutItem", "UpdateItem", "DeleteItem", "ConditionCheckItem")
    ),
}
OF_THE_RUNBOOK = {"lambda:GetAccountSettings"}
"""What its `aws` commands call."""

KEYS = {f"kms:{name}" for name in ("Decrypt", "Encrypt", "GenerateDataKey", "DescribeKey", "CreateGrant")}


class Recorder:
    """A client that notes which calls it gets."""

    def __init__(self, client: Any, service: str, called: set[str]) -> None:
        self._client, self._service, self._called = client, service, called

    def __getattr__(self, name: str) -> Any:
        if name == "get_paginator":
            return self._paginator
        self._note(name)
        return getattr(self._client, name)

    def _paginator(self, name: str) -> Any:
        self._note(name)
        return self._client.get_paginator(name)

    def _note(self, name: str) -> None:
        call = f"{self._service}:{''.join(word.capitalize() for word in name.split('_'))}"
        self._called.update(ACTIONS.get(call, (call,)))


class Recorded(Deployed):
    """A stack whose calls are noted as the permissions that they need."""

    def __init__(self, aws: Aws, stack: Deployed) -> None:
        super().__init__(aws, stack.clock.now_ms, **{name: stack.outputs[name] for name in SECRETS})
        self.called: set[str] = set()

    def client(self, service: str) -> Any:
        return Recorder(super().client(service), service, self.called)


@pytest.fixture
def called() -> Iterator[set[str]]:
    """The permissions that all commands have needed in one account."""
    with aws_account() as aws:
        world = World(aws)
        operate = Recorded(aws, world.operate)
        operate.outside["ask"] = lambda _: "a-new-value"
        BotTokens(aws.dynamodb, "BotTokensTable").save(BotToken("access", "refresh", world.now_ms + 7_200_000))
        for name, queue in QUEUES.items():
            url = aws.queue_urls[f"{queue.prefix}DeadLetterQueue"]
            aws.sqs.send_message(QueueUrl=url, MessageBody="{")
            operate("redrive", "--queue", name)
            operate("redrive", "--queue", name, "--force", "yes", "--dry-run", "no")
        for command in ("alarms", "queues"):
            operate(command)
        for source in ("mentions", "webhook"):
            operate("pause-source", "--source", source)
            operate("resume-source", "--source", source)
        operate("look-up", "--post", "1", "--author", "222")
        for secret in ("pages", "login-client"):
            operate("rotate-secret", "--secret", secret)
        operate("back-up", "--name", "before")
        world.leave()
        operate("restore", "--tables", "Carts")
        for table in ("AccountLinksTable", "CartsTable"):
            aws.dynamodb.delete_table(TableName=table)
        operate("restore", "--backup", "before", "--dry-run", "no")
        for table in ("CartsTable", "DeparturesTable"):
            aws.dynamodb.update_continuous_backups(
                TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
            )
        operate("restore", "--tables", "Carts", "--dry-run", "no")
        yield operate.called


def test_the_policy_allows_what_the_commands_call(called: set[str]) -> None:
    assert called - ALLOWED == set()


def test_the_policy_allows_nothing_else(called: set[str]) -> None:
    # What restoring and erasing do besides, on AWS's side or where there is something to do.
    besides = {f"dynamodb:{name}" for name in ("UpdateItem", "DeleteItem", "ConditionCheckItem", "BatchWriteItem")}
    assert ALLOWED - called <= besides | KEYS | OF_THE_RUNBOOK


def test_it_is_of_this_stack_alone() -> None:
    everywhere = {name for name, statement in STATEMENTS.items() if "*" in statement["Resource"]}
    assert everywhere == {"FindMappings", "FindBackups", "Alarms"}, "these calls cannot be bound to a resource"
    assert not [action for action in ALLOWED if "*" in action]
    for name, statement in STATEMENTS.items():
        bound = json.dumps([statement["Resource"], statement.get("Condition", {})])
        assert name in everywhere or "STACK" in bound or name in ("Secrets", "Keys")


def test_only_copies_are_deleted() -> None:
    (resource,) = STATEMENTS["DeleteCopies"]["Resource"]
    assert resource.endswith("-restored-*")
    deleting = [name for name, statement in STATEMENTS.items() if "dynamodb:DeleteTable" in statement["Action"]]
    assert deleting == ["DeleteCopies"]
