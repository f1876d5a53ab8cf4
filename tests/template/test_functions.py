"""Each function has a role, a log group and variables of its own, and no more than it needs."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.template.loading import PROJECT_ROOT, Json, documentation, references, resources_of, target, template

FUNCTIONS = sorted(resources_of("AWS::Serverless::Function"))
READ_BY_LIBRARIES = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_LOG_LEVEL", "AWS_ENDPOINT_URL"}
SET_BY_LAMBDA = {"AWS_LAMBDA_FUNCTION_NAME"}
READS_VARIABLE = re.compile(r'\b(?:text|optional_text|names|flag|whole_number|base_url|get)\(\s*"([A-Z][A-Z0-9_]+)"')
SHARED_CODE = PROJECT_ROOT / "layers" / "hashcart"
QUEUE_TABLE_OR_SECRET = ("AWS::SQS::Queue", "AWS::DynamoDB::Table", "AWS::SecretsManager::Secret")
SERVICE_OF_TYPE = {
    "AWS::SQS::Queue": "sqs",
    "AWS::DynamoDB::Table": "dynamodb",
    "AWS::SecretsManager::Secret": "secretsmanager",
    "AWS::Logs::LogGroup": "logs",
    "AWS::KMS::Key": "kms",
}


def properties(name: str) -> Json:
    found: Json = template()["Resources"][name]["Properties"]
    return found


def variables(function: str) -> Json:
    own: Json = properties(function)["Environment"]["Variables"]
    shared: Json = template()["Globals"]["Function"]["Environment"]["Variables"]
    return {**shared, **own}


def statements(function: str) -> Iterator[tuple[list[str], list[Any]]]:
    """Actions and resources of a function's role, but for what some deployments lack: e-mail, a customer key."""
    role = properties(str(target(properties(function)["Role"])))
    assert "ManagedPolicyArns" not in role
    for policy in role["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            if "Fn::If" in statement:
                assert statement["Fn::If"][0] in {"HasEmailSender", "HasCustomerKey"}
                continue
            assert statement["Effect"] == "Allow"
            resource = statement["Resource"]
            yield statement["Action"], resource if isinstance(resource, list) else [resource]


def imported_files(start: Path) -> set[Path]:
    """A handler's file and every file of the shared code that it imports, directly or not."""
    seen: set[Path] = set()
    waiting = [start]
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            waiting += [file for module in imported_modules(path) for file in files_of(module)]
    return seen


def imported_modules(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def files_of(module: str) -> list[Path]:
    base = SHARED_CODE.joinpath(*module.split("."))
    return [path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()]


def handler_file(function: str) -> Path:
    own = properties(function)
    return PROJECT_ROOT / str(own["CodeUri"]) / f"{own['Handler'].split('.')[0]}.py"


def variables_read(function: str) -> set[str]:
    files = imported_files(handler_file(function))
    return {name for path in files for name in READS_VARIABLE.findall(path.read_text())}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_its_handler_is_named_after_it(function: str) -> None:
    own = properties(function)
    snake = re.sub(r"(?<!^)(?=[A-Z])", "_", function.removesuffix("Function")).lower()
    assert own["CodeUri"] == f"functions/{snake}"
    assert own["Handler"] == f"{snake}.lambda_handler"
    assert handler_file(function).is_file()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_its_role_names_actions_and_resources_of_the_template(function: str) -> None:
    resources = template()["Resources"]
    for actions, named in statements(function):
        assert not [action for action in actions if "*" in action]
        for resource in named:
            kind = resources[str(target(resource))]["Type"]
            assert {action.split(":")[0] for action in actions} == {SERVICE_OF_TYPE[kind]}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_its_role_reaches_exactly_what_its_variables_name(function: str) -> None:
    resources = template()["Resources"]
    named = {target(value) for value in variables(function).values()}
    named = {name for name in named if name in resources and resources[name]["Type"] in QUEUE_TABLE_OR_SECRET}
    reached = {target(resource) for _, granted in statements(function) for resource in granted}
    reached = {name for name in reached if resources[str(name)]["Type"] in QUEUE_TABLE_OR_SECRET}
    assert reached == named


def test_e_mail_is_sent_by_one_function_and_from_the_stores_address_alone() -> None:
    conditional = [
        (name, statement["Fn::If"])
        for name, role in resources_of("AWS::IAM::Role").items()
        for policy in role["Properties"].get("Policies", [])
        for statement in policy["PolicyDocument"]["Statement"]
        if "Fn::If" in statement and statement["Fn::If"][0] == "HasEmailSender"
    ]
    [(role_name, (_, statement, otherwise))] = conditional
    assert (role_name, otherwise) == ("OutcomeDeliveryRole", {"Ref": "AWS::NoValue"})
    assert (statement["Effect"], statement["Action"]) == ("Allow", ["ses:SendEmail"])
    assert statement["Condition"] == {"StringEquals": {"ses:FromAddress": {"Ref": "EmailSender"}}}
    arns = [resource["Fn::Sub"] for resource in statement["Resource"]]
    arns = [arn if isinstance(arn, str) else arn[0] for arn in arns]
    prefix = "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:"
    assert [arn.removeprefix(prefix) for arn in arns] == [
        "identity/${EmailSender}",
        "identity/${Domain}",
        "configuration-set/${EmailConfigurationSet}",
    ]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_it_logs_only_to_a_log_group_of_its_own_that_expires(function: str) -> None:
    group = target(properties(function)["LoggingConfig"]["LogGroup"])
    assert [name for name in FUNCTIONS if target(properties(name)["LoggingConfig"]["LogGroup"]) == group] == [function]
    assert target(properties(str(group))["RetentionInDays"]) == "LogRetentionDays"
    logging = [resources for actions, resources in statements(function) if actions[0].startswith("logs:")]
    assert [[target(resource) for resource in resources] for resources in logging] == [[group]]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_its_variables_are_those_that_its_code_reads(function: str) -> None:
    assert set(variables(function)) - READ_BY_LIBRARIES == variables_read(function) - SET_BY_LAMBDA


@pytest.mark.parametrize("function", FUNCTIONS)
def test_its_variables_are_documented(function: str) -> None:
    text = documentation()
    assert [name for name in variables(function) if f"`{name}`" not in text] == []


@pytest.mark.parametrize("function", FUNCTIONS)
def test_secrets_are_passed_by_reference(function: str) -> None:
    for name, value in variables(function).items():
        if re.search("SECRET|TOKEN|PASSWORD|KEY", name):
            kind = template()["Resources"][str(target(value))]["Type"]
            assert kind in {"AWS::SecretsManager::Secret", "AWS::DynamoDB::Table"}


def test_no_secret_has_a_value_in_the_template_and_only_our_own_key_is_generated() -> None:
    secrets = resources_of("AWS::SecretsManager::Secret")
    assert [name for name, secret in secrets.items() if "SecretString" in secret["Properties"]] == []
    assert [name for name, secret in secrets.items() if "GenerateSecretString" in secret["Properties"]] == [
        "PagesSecret"
    ]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_alarms_watch_its_errors_and_throttles(function: str) -> None:
    watched = {
        alarm["Properties"]["MetricName"]
        for alarm in resources_of("AWS::CloudWatch::Alarm").values()
        if function in references(alarm["Properties"].get("Dimensions", []))
    }
    assert watched >= {"Errors", "Throttles"}


def test_functions_run_python_3_13_on_the_chosen_processor() -> None:
    shared = template()["Globals"]["Function"]
    assert shared["Runtime"] == f"python{(PROJECT_ROOT / '.python-version').read_text().strip()}"
    assert [target(architecture) for architecture in shared["Architectures"]] == ["Architecture"]
