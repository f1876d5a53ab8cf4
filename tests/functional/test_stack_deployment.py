"""What is deployed into the emulator: the real template, filtered, with the routes of its API."""

# ruff: noqa: N803 - the fakes take the arguments that boto3's clients take

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError

from local.settings import LocalSettings
from local.stack import deployment
from local.stack.api_routes import LambdaRoute, create_routes, routes_of
from local.stack.aws import connect
from local.stack.deploy_filter import adapted_to_the_emulator
from local.stack.deployment import Deployment
from local.stack.environment import client_environment, emulator_environment
from local.stack.fingerprint import fingerprint
from tests.template.loading import PROJECT_ROOT, template, transformed

SETTINGS = LocalSettings(x_port=1, store_port=2, aws_port=3, state_dir=Path("/state"))


def integration(function: str = "WebhookIntakeFunction.Arn") -> dict[str, Any]:
    uri = f"arn:aws:apigateway:${{AWS::Region}}:lambda:path/2015-03-31/functions/${{{function}}}/invocations"
    return {"x-amazon-apigateway-integration": {"uri": {"Fn::Sub": uri}, "payloadFormatVersion": "2.0"}}


def is_for_sending(statement: dict[str, Any]) -> bool:
    """Whether a role's statement is the one about e-mail."""
    return bool(statement.get("Fn::If", [""])[0] == "HasEmailSender")


def role_statements(document: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """The statements of each policy of each role."""
    for resource in document["Resources"].values():
        for policy in resource["Properties"].get("Policies", []):
            yield policy["PolicyDocument"]["Statement"]


def without_batch_calls(entry: dict[str, Any]) -> dict[str, Any]:
    """A role's statement without the names that only the emulator knows."""
    statement = entry["Fn::If"][1] if "Fn::If" in entry else entry
    statement["Action"] = [action for action in statement["Action"] if not re.fullmatch("sqs:.*Batch", action)]
    return entry


class TestFilter:
    def test_leaves_out_what_the_emulator_refuses(self) -> None:
        filtered = adapted_to_the_emulator(
            {
                "Resources": {
                    "Deployment": {"Type": "AWS::CodeDeploy::Application", "Properties": {}},
                    "Ratio": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Metrics": []}},
                    "Plain": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"MetricName": "Errors"}},
                    "Function": {
                        "Type": "AWS::Serverless::Function",
                        "Properties": {
                            "DeploymentPreference": {"Type": "Canary10Percent5Minutes"},
                            "Events": {"Queue": {"Type": "SQS", "Properties": {"ScalingConfig": {}, "BatchSize": 10}}},
                        },
                    },
                }
            }
        )
        assert set(filtered["Resources"]) == {"Plain", "Function"}
        assert filtered["Resources"]["Function"]["Properties"] == {
            "Events": {"Queue": {"Type": "SQS", "Properties": {"BatchSize": 10}}}
        }

    def test_changes_nothing_else_of_the_real_template(self) -> None:
        expected = template()
        for function in (
            "HashtagParsingFunction",
            "CartInsertionFunction",
            "OutcomeDeliveryFunction",
            "EmailFeedbackFunction",
        ):
            for event in expected["Resources"][function]["Properties"]["Events"].values():
                event["Properties"].pop("ScalingConfig", None)
        for function in ("WebhookIntakeFunction", "AccountLinkingFunction", "CartPageFunction"):
            del expected["Resources"][function]["Properties"]["DeploymentPreference"]
        given = adapted_to_the_emulator(template())
        for statements in (*role_statements(expected), *role_statements(given)):
            statements[:] = [without_batch_calls(entry) for entry in statements if not is_for_sending(entry)]
        assert given == expected

    def test_names_batch_calls_that_the_single_calls_permission_covers(self) -> None:
        statement = {"Action": ["sqs:SendMessage", "sqs:GetQueueAttributes"]}
        role = {"Type": "AWS::IAM::Role", "Properties": {"Policies": [{"PolicyDocument": {"Statement": [statement]}}]}}
        filtered = adapted_to_the_emulator({"Resources": {"Role": role}})
        [policy] = filtered["Resources"]["Role"]["Properties"]["Policies"]
        assert policy["PolicyDocument"]["Statement"] == [
            {"Action": ["sqs:SendMessage", "sqs:GetQueueAttributes", "sqs:SendMessageBatch"]}
        ]

    def test_lets_the_sender_of_e_mail_send_as_far_as_the_emulator_asks(self) -> None:
        filtered = adapted_to_the_emulator(template())
        [policy] = filtered["Resources"]["OutcomeDeliveryRole"]["Properties"]["Policies"]
        [sending] = [entry for entry in policy["PolicyDocument"]["Statement"] if is_for_sending(entry)]
        condition, statement, otherwise = sending["Fn::If"]
        assert (condition, otherwise) == ("HasEmailSender", {"Ref": "AWS::NoValue"})
        assert statement == {"Effect": "Allow", "Action": ["ses:SendEmail"], "Resource": "*"}

    def test_does_not_change_its_argument(self) -> None:
        given = template()
        adapted_to_the_emulator(given)
        assert given == template()

    def test_is_written_beside_the_built_template(self, tmp_path: Path) -> None:
        (tmp_path / "template.yaml").write_text(
            yaml.safe_dump({"Resources": {"App": {"Type": "AWS::CodeDeploy::Application"}}, "Description": "日本"})
        )
        written = deployment.filtered_template(tmp_path)
        assert written.parent == tmp_path
        assert yaml.safe_load(written.read_text()) == {"Resources": {}, "Description": "日本"}


class FakeApi:
    """The part of API Gateway's interface that routes need."""

    def __init__(self) -> None:
        self.routes: dict[str, tuple[str, str]] = {"old-route": ("GET /old", "integrations/old")}
        self.integrations: dict[str, dict[str, Any]] = {"old": {}}

    def get_routes(self, ApiId: str) -> dict[str, Any]:
        return {"Items": [{"RouteId": route} for route in self.routes]}

    def get_integrations(self, ApiId: str) -> dict[str, Any]:
        return {"Items": [{"IntegrationId": integration} for integration in self.integrations]}

    def delete_route(self, ApiId: str, RouteId: str) -> None:
        del self.routes[RouteId]

    def delete_integration(self, ApiId: str, IntegrationId: str) -> None:
        del self.integrations[IntegrationId]

    def create_integration(self, **properties: Any) -> dict[str, Any]:
        name = f"integration-{len(self.integrations)}"
        self.integrations[name] = properties
        return {"IntegrationId": name}

    def create_route(self, ApiId: str, RouteKey: str, Target: str) -> None:
        self.routes[RouteKey] = (RouteKey, Target)


class TestRoutes:
    def test_are_read_from_the_real_templates_body(self) -> None:
        body = transformed()["Resources"]["HttpApi"]["Properties"]["Body"]
        assert sorted(routes_of(body), key=lambda route: route.route_key) == [
            LambdaRoute("ANY /", "CartPageFunctionAliaslive", "2.0"),
            LambdaRoute("ANY /account", "AccountLinkingFunctionAliaslive", "2.0"),
            LambdaRoute("ANY /account/{proxy+}", "AccountLinkingFunctionAliaslive", "2.0"),
            LambdaRoute("ANY /link", "AccountLinkingFunctionAliaslive", "2.0"),
            LambdaRoute("ANY /link/{proxy+}", "AccountLinkingFunctionAliaslive", "2.0"),
            LambdaRoute("ANY /sign-out", "AccountLinkingFunctionAliaslive", "2.0"),
            LambdaRoute("ANY /unsubscribe", "AccountLinkingFunctionAliaslive", "2.0"),
            LambdaRoute("ANY /{proxy+}", "CartPageFunctionAliaslive", "2.0"),
            LambdaRoute("GET /webhooks/x", "WebhookIntakeFunctionAliaslive", "2.0"),
            LambdaRoute("POST /webhooks/x", "WebhookIntakeFunctionAliaslive", "2.0"),
        ]

    def test_can_lead_to_an_alias_and_take_any_method(self) -> None:
        body = {"paths": {"/a": {"x-amazon-apigateway-any-method": integration("FunctionAliaslive")}}}
        assert routes_of(body) == [LambdaRoute("ANY /a", "FunctionAliaslive", "2.0")]

    def test_operations_without_an_integration_are_no_routes(self) -> None:
        assert routes_of({"paths": {"/a": {"options": {}}}}) == []

    def test_an_integration_must_lead_to_a_function(self) -> None:
        with pytest.raises(ValueError, match="no function"):
            routes_of(
                {"paths": {"/a": {"get": {"x-amazon-apigateway-integration": {"uri": {"Fn::Sub": "https://b"}}}}}}
            )

    def test_replace_those_of_an_earlier_deployment(self) -> None:
        api: Any = FakeApi()
        body = {"paths": {"/webhooks/x": {"post": integration()}}}
        assert create_routes(api, "api", body, {"WebhookIntakeFunction": "arn:intake"}) == ["POST /webhooks/x"]
        [created] = api.integrations.values()
        assert created["IntegrationUri"] == "arn:intake"
        assert created["PayloadFormatVersion"] == "2.0"
        assert [key for key, _ in api.routes.values()] == ["POST /webhooks/x"]


class TestFingerprint:
    def write(self, root: Path, name: str, text: str) -> None:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)

    def test_is_that_of_names_contents_and_extras(self, tmp_path: Path) -> None:
        self.write(tmp_path, "template.yaml", "a")
        self.write(tmp_path, "functions/one/one.py", "b")
        before = fingerprint(tmp_path, ["1"])
        assert fingerprint(tmp_path, ["1"]) == before
        assert fingerprint(tmp_path, ["2"]) != before
        self.write(tmp_path, "functions/one/one.py", "c")
        assert fingerprint(tmp_path, ["1"]) != before

    def test_ignores_what_python_compiles(self, tmp_path: Path) -> None:
        self.write(tmp_path, "functions/one/one.py", "b")
        before = fingerprint(tmp_path, [])
        self.write(tmp_path, "functions/one/__pycache__/one.pyc", "compiled")
        assert fingerprint(tmp_path, []) == before


class TestEnvironments:
    inherited = {"HOME": "/home", "PATH": "/bin", "AWS_PROFILE": "production", "PYTHONPATH": "/x", "DOCKER_HOST": "d"}  # noqa: RUF012

    def test_clients_see_the_emulator_and_nothing_of_the_developers_account(self) -> None:
        environment = client_environment(SETTINGS, self.inherited)
        assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:3"
        assert "AWS_PROFILE" not in environment
        assert environment["HOME"] == "/home"
        assert environment["DOCKER_HOST"] == "d"
        assert environment["PATH"].endswith(":/bin")

    def test_workers_see_only_what_lambda_brings(self) -> None:
        environment = emulator_environment(SETTINGS, self.inherited, Path("/state/aws"))
        assert not {"AWS_PROFILE", "PYTHONPATH"} & set(environment)
        assert environment["BIND_HOST"] == "127.0.0.1"
        assert environment["DOCKER_HOST"] != "d"

    def test_roles_are_enforced(self) -> None:
        assert emulator_environment(SETTINGS, {}, Path("/state/aws"))["AUTH"] == "true"

    def test_the_stacks_own_clients_call_the_emulator_too(self) -> None:
        clients = connect(SETTINGS)
        for client in (clients.apigatewayv2, clients.awslambda, clients.cloudformation, clients.s3, clients.sqs):
            assert client.meta.endpoint_url == SETTINGS.aws_endpoint_url


class TestCommands:
    @pytest.mark.parametrize(
        ("machine", "architecture"),
        [("x86_64", "x86_64"), ("AMD64", "x86_64"), ("aarch64", "arm64"), ("arm64", "arm64")],
    )
    def test_the_architecture_is_this_machines(self, machine: str, architecture: str) -> None:
        assert deployment.host_architecture(machine) == architecture

    def test_every_value_is_a_parameter_of_the_template(self) -> None:
        values = deployment.parameter_values(SETTINGS, "x86_64")
        parameters = template()["Parameters"]
        assert set(values) <= set(parameters)
        assert {name for name, parameter in parameters.items() if "Default" not in parameter} <= set(values)

    def test_sam_builds_and_deploys_with_the_local_configuration(self, tmp_path: Path) -> None:
        commands: list[list[str]] = []

        def run(command: list[str], *_rest: object) -> None:
            commands.append(command)

        deployment.build({"Store": "demo"}, {}, tmp_path / "log", root=tmp_path, run=run)
        deployment.deploy(tmp_path / "t.yaml", {"Store": "demo"}, {}, tmp_path / "log", root=tmp_path, run=run)
        assert [command[1] for command in commands] == ["build", "deploy"]
        for command in commands:
            assert command[command.index("--config-env") + 1] == "local"
            assert command[-2:] == ["--parameter-overrides", "Store=demo"]

    def test_the_local_stacks_name_and_bucket_come_from_samconfig(self) -> None:
        assert {"stack_name", "s3_bucket"} <= set(deployment.local_deploy_settings(PROJECT_ROOT))


def refused() -> ClientError:
    return ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "gone"}}, "Describe")


class FakeAws:
    """Clients of a deployed stack with one resource of each kind that is looked at."""

    def __init__(self, missing: str | None = None) -> None:
        self.missing = missing
        self.invoked: list[tuple[str, bytes]] = []
        self.apigatewayv2 = FakeApi()
        self.cloudformation = SimpleNamespace(
            describe_stacks=self.describe_stacks,
            describe_stack_resources=self.describe_stack_resources,
            get_template=lambda **_: {"TemplateBody": self.template()},
        )
        self.awslambda = SimpleNamespace(
            get_function=lambda FunctionName: self.find("function", {"Configuration": {"Name": FunctionName}}),
            get_function_configuration=lambda FunctionName: {
                "FunctionArn": f"arn:{FunctionName}",
                "Environment": {"Variables": {"STORE": "demo", "X_API_BASE_URL": "http://127.0.0.1:1"}},
            },
            get_event_source_mapping=lambda UUID: self.find("mapping", {"UUID": UUID, "FunctionArn": "arn:intake"}),
            invoke=lambda FunctionName, Payload: self.invoked.append((FunctionName, Payload)),
        )
        self.dynamodb = SimpleNamespace(describe_table=lambda TableName: self.find("table", {"Table": TableName}))
        self.sqs = SimpleNamespace(
            get_queue_attributes=lambda QueueUrl: self.find("queue", {"ResponseMetadata": QueueUrl})
        )
        self.secretsmanager = SimpleNamespace(describe_secret=lambda SecretId: self.find("secret", {"ARN": SecretId}))

    def find(self, kind: str, answer: dict[str, Any]) -> dict[str, Any]:
        if kind == self.missing:
            raise refused()
        return answer

    def template(self) -> dict[str, Any]:
        body = {"paths": {"/webhooks/x": {"post": integration(), "get": integration("Aliaslive")}}}
        return {"Resources": {"HttpApi": {"Properties": {"Body": body}}}}

    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        return {"Stacks": [{"Outputs": [{"OutputKey": "HttpApiId", "OutputValue": "api"}]}]}

    def describe_stack_resources(self, StackName: str) -> dict[str, Any]:
        kinds = {
            "WebhookIntakeFunction": ("AWS::Lambda::Function", "intake"),
            "Aliaslive": ("AWS::Lambda::Alias", "arn:intake:live"),
            "Mapping": ("AWS::Lambda::EventSourceMapping", "uuid"),
            "Table": ("AWS::DynamoDB::Table", "table"),
            "Queue": ("AWS::SQS::Queue", "queue"),
            "Secret": ("AWS::SecretsManager::Secret", "secret"),
            "HttpApi": ("AWS::ApiGatewayV2::Api", "api"),
            "Role": ("AWS::IAM::Role", "role"),
        }
        found = [] if self.missing == "everything" else kinds.items()
        return {
            "StackResources": [
                {"LogicalResourceId": name, "ResourceType": kind, "PhysicalResourceId": physical}
                for name, (kind, physical) in found
            ]
        }


def deployed(missing: str | None = None) -> tuple[Deployment, FakeAws]:
    aws = FakeAws(missing)
    clients: Any = aws
    return Deployment(clients, "hashcart-local"), aws


class TestDeployment:
    def test_gives_the_api_its_routes_to_functions_and_aliases(self) -> None:
        stack, aws = deployed()
        assert stack.create_routes() == ["POST /webhooks/x", "GET /webhooks/x"]
        uris = [integration["IntegrationUri"] for integration in aws.apigatewayv2.integrations.values()]
        assert uris == ["arn:intake", "arn:intake:live"]

    def test_knows_its_functions_and_their_variables(self) -> None:
        stack, _ = deployed()
        assert stack.functions() == {"WebhookIntakeFunction": "intake"}
        assert stack.variables("intake")["STORE"] == "demo"

    def test_warms_the_functions_of_queues_with_an_empty_batch(self) -> None:
        stack, aws = deployed()
        stack.warm()
        assert [(name, json.loads(payload)) for name, payload in aws.invoked] == [("arn:intake", {"Records": []})]

    def test_is_whole_when_everything_is_there(self) -> None:
        stack, _ = deployed()
        assert stack.is_whole()

    @pytest.mark.parametrize("missing", ["function", "mapping", "table", "queue", "secret", "everything"])
    def test_is_not_whole_when_something_is_missing(self, missing: str) -> None:
        stack, _ = deployed(missing)
        assert not stack.is_whole()

    def test_is_not_whole_without_routes(self) -> None:
        stack, aws = deployed()
        aws.apigatewayv2.routes.clear()
        assert not stack.is_whole()


class FakeSecrets:
    """Secrets Manager, as far as the fingerprint needs it."""

    class exceptions:  # noqa: N801 - boto3's name
        class ResourceNotFoundException(ClientError):  # noqa: N818
            pass

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def put_secret_value(self, SecretId: str, SecretString: str) -> None:
        if SecretId not in self.values:
            raise self.exceptions.ResourceNotFoundException({"Error": {"Code": "x", "Message": ""}}, "PutSecretValue")
        self.values[SecretId] = SecretString

    def create_secret(self, Name: str, SecretString: str) -> None:
        self.values[Name] = SecretString

    def get_secret_value(self, SecretId: str) -> dict[str, str]:
        if SecretId not in self.values:
            raise refused()
        return {"SecretString": self.values[SecretId]}


def test_the_emulator_remembers_what_it_was_deployed_from() -> None:
    secrets: Any = FakeSecrets()
    assert deployment.remembered_fingerprint(secrets) is None
    deployment.remember_fingerprint(secrets, "first")
    deployment.remember_fingerprint(secrets, "second")
    assert deployment.remembered_fingerprint(secrets) == "second"
