"""moto with the tables, queues and secrets that template.yaml defines."""

import copy
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import yaml
from moto import mock_aws
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.parsing.reserved_keywords import ReservedKeywords

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
REGION = "us-east-1"
ACCOUNT = "123456789012"
_EMPTY_TABLES: dict[str, Any] = {}
OPERATORS = frozenset({"SET", "ADD", "REMOVE", "AND", "OR", "NOT", "BETWEEN", "IN"})


class _TemplateLoader(yaml.SafeLoader):
    pass


def _short_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Any:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        return {name: value.split(".", 1) if suffix == "GetAtt" else value}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)
    return {name: loader.construct_mapping(node, deep=True)}


_TemplateLoader.add_multi_constructor("!", _short_form)


@cache
def load_template() -> dict[str, Any]:
    """template.yaml with its short forms (`!Ref`) written out."""
    template: dict[str, Any] = yaml.load(TEMPLATE.read_text(), _TemplateLoader)  # noqa: S506 - a SafeLoader
    return template


def resources_of_type(resource_type: str) -> dict[str, dict[str, Any]]:
    """The properties of all resources of a type, by logical id."""
    return {
        name: resource.get("Properties", {})
        for name, resource in load_template()["Resources"].items()
        if resource["Type"] == resource_type
    }


def refuse_reserved_words(params: dict[str, Any], **_: object) -> None:
    """DynamoDB refuses its reserved words in every expression; moto looks for them in updates alone."""
    for name, expression in params.items():
        if name.endswith("Expression"):
            words = set(re.findall(r"(?<![:#\w])[A-Za-z_]+", expression.upper())) - OPERATORS
            reserved = words & set(ReservedKeywords.get_reserved_keywords())
            assert not reserved, f"{name} has the reserved {reserved}: {expression}"


class Aws:
    """Clients for the moto account of a test; names of tables are logical ids."""

    def __init__(self) -> None:
        self.dynamodb = boto3.client("dynamodb", region_name=REGION)
        self.dynamodb.meta.events.register("provide-client-params.dynamodb", refuse_reserved_words)
        self.sqs = boto3.client("sqs", region_name=REGION)
        self.secrets = boto3.client("secretsmanager", region_name=REGION)
        self.queue_urls: dict[str, str] = {}

    def create_tables(self) -> None:
        """Create the template's tables; after the first time in a process by a copy, as moto takes long over it."""
        backend = dynamodb_backends[ACCOUNT][REGION]
        if not _EMPTY_TABLES:
            self._create_tables()
            _EMPTY_TABLES.update(copy.deepcopy(backend.tables))
        backend.tables = copy.deepcopy(_EMPTY_TABLES)

    def _create_tables(self) -> None:
        for name, properties in resources_of_type("AWS::DynamoDB::Table").items():
            self.dynamodb.create_table(
                TableName=name,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=properties["AttributeDefinitions"],
                KeySchema=properties["KeySchema"],
                **{
                    name: properties[name]
                    for name in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes")
                    if name in properties
                },
            )

    def create_queues(self) -> None:
        for name in resources_of_type("AWS::SQS::Queue"):
            self.queue_urls[name] = self.sqs.create_queue(QueueName=name)["QueueUrl"]

    def create_secret(self, name: str, value: object) -> str:
        return self.secrets.create_secret(Name=name, SecretString=json.dumps(value))["ARN"]

    def put_secret(self, arn: str, value: object) -> None:
        self.secrets.put_secret_value(SecretId=arn, SecretString=json.dumps(value))

    def received(self, queue: str) -> list[dict[str, Any]]:
        """The bodies waiting in a queue, taken out of it."""
        bodies = []
        while messages := self.sqs.receive_message(QueueUrl=self.queue_urls[queue], MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in messages:
                bodies.append(message["Body"])
                self.sqs.delete_message(QueueUrl=self.queue_urls[queue], ReceiptHandle=message["ReceiptHandle"])
        return [_document(body) for body in bodies]


def one_call_at_a_time[Client](client: Client) -> Client:
    """The client, for threads: DynamoDB's writes are atomic, moto's are not."""
    lock = threading.Lock()
    call = client._make_api_call  # type: ignore[attr-defined]

    def locked(operation: str, parameters: dict[str, Any]) -> Any:
        with lock:
            return call(operation, parameters)

    client._make_api_call = locked  # type: ignore[attr-defined]
    return client


def _document(body: str) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(body)
    except ValueError:
        return {"kind": "raw", "body": body}
    return document


@contextmanager
def aws_account() -> Iterator[Aws]:
    """An empty account with the template's tables and queues."""
    # A new session for each test would read botocore's service models from disk again.
    with mock_aws(config={"core": {"reset_boto3_session": False}}):
        aws = Aws()
        aws.create_tables()
        aws.create_queues()
        yield aws
