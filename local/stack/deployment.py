"""The real template, deployed into the emulator with the real `sam build` and `sam deploy`."""

from __future__ import annotations

import platform
import sys
import tomllib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from botocore.exceptions import BotoCoreError, ClientError

from local.settings import BOT_USER_ID, BOT_USERNAME, CART_HASHTAGS, EMAIL_SENDER, OSCAR, PROJECT_ROOT, LocalSettings
from local.stack.api_routes import create_routes
from local.stack.deploy_filter import adapted_to_the_emulator
from local.stack.processes import run_command

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

    from local.stack.aws import AwsClients

BUILD_DIR = PROJECT_ROOT / ".aws-sam" / "build"
LOCAL_CONFIG = "local"
_FINGERPRINT_SECRET = "hashcart-local/deployed"  # noqa: S105 - a name

_PROBES: dict[str, Callable[[AwsClients, str], object]] = {
    "AWS::Lambda::Function": lambda aws, name: aws.awslambda.get_function(FunctionName=name)["Configuration"],
    "AWS::Lambda::EventSourceMapping": lambda aws, uuid: aws.awslambda.get_event_source_mapping(UUID=uuid)["UUID"],
    "AWS::DynamoDB::Table": lambda aws, name: aws.dynamodb.describe_table(TableName=name)["Table"],
    "AWS::SQS::Queue": lambda aws, url: aws.sqs.get_queue_attributes(QueueUrl=url)["ResponseMetadata"],
    "AWS::SecretsManager::Secret": lambda aws, name: aws.secretsmanager.describe_secret(SecretId=name)["ARN"],
    "AWS::ApiGatewayV2::Api": lambda aws, api_id: aws.apigatewayv2.get_routes(ApiId=api_id)["Items"],
}


def host_architecture(machine: str = platform.machine()) -> str:
    """This machine's processor, in Lambda's words."""
    return "arm64" if machine.lower() in {"arm64", "aarch64"} else "x86_64"


def parameter_values(settings: LocalSettings, architecture: str) -> dict[str, str]:
    """The template's parameters that make it the local stack."""
    return {
        "Store": settings.store,
        "StoreBaseUrl": settings.shop_base_url,
        "StoreSiteUrl": settings.shop_site_url,
        "AllowedCountries": "*",
        "BotUserId": BOT_USER_ID,
        "BotUsername": BOT_USERNAME,
        "CartHashtags": ",".join(CART_HASHTAGS),
        "XApiBaseUrl": settings.x_api_base_url,
        "XSiteUrl": settings.x_url.rstrip("/"),
        "SignInKind": "oidc",
        "SignInIssuer": settings.store_base_url,
        "XSubscriptions": "true",
        "PublicUrl": settings.cart_site_url,
        "EmailSender": EMAIL_SENDER,
        "StoreName": "Northwind",
        "AccentColor": "#84572c",
        "ImageOrigins": f"{settings.shop_site_url},{settings.x_url.rstrip('/')}",
        "AwsEndpointUrl": settings.aws_endpoint_url,
        "Architecture": architecture,
        "LogLevel": "INFO",
        **({"StoreHosts": settings.marketplace, "SensitiveCategories": "Health"} if settings.store == OSCAR else {}),
    }


def overrides(values: Mapping[str, str]) -> list[str]:
    """Parameter values as SAM's command line takes them."""
    return [f"{name}={value}" for name, value in values.items()]


def sam(*arguments: str) -> list[str]:
    """A command line of the SAM CLI that is installed beside this interpreter."""
    return [str(Path(sys.executable).with_name("sam")), *arguments]


def build(
    values: Mapping[str, str],
    env: Mapping[str, str],
    log: Path,
    *,
    root: Path = PROJECT_ROOT,
    run: Callable[..., None] = run_command,
) -> None:
    """Build functions and layers; layers without a change come from SAM's cache.

    Raises:
        StackError: `sam build` failed.
    """
    command = sam("build", "--config-env", LOCAL_CONFIG, "--parameter-overrides", *overrides(values))
    run(command, log, env, root, "Mend what the lines below say. A first build needs the package index.")


def filtered_template(build_dir: Path = BUILD_DIR) -> Path:
    """Write the built template less what the emulator refuses, beside the built one."""
    built = yaml.safe_load((build_dir / "template.yaml").read_text())
    path = build_dir / "template.local.yaml"
    path.write_text(yaml.safe_dump(adapted_to_the_emulator(built), sort_keys=False, allow_unicode=True))
    return path


def deploy(
    template: Path,
    values: Mapping[str, str],
    env: Mapping[str, str],
    log: Path,
    *,
    root: Path = PROJECT_ROOT,
    run: Callable[..., None] = run_command,
) -> None:
    """Create or update the stack.

    Raises:
        StackError: `sam deploy` failed.
    """
    config = (
        "--config-file",
        str(root / "samconfig.toml"),
        "--config-env",
        LOCAL_CONFIG,
        "--template-file",
        str(template),
    )
    command = sam("deploy", *config, "--parameter-overrides", *overrides(values))
    run(command, log, env, root, "Mend what the lines below say; `make reset` starts from nothing.")


def local_deploy_settings(root: Path = PROJECT_ROOT) -> dict[str, Any]:
    """What samconfig.toml says about deploying locally: `stack_name`, `s3_bucket`."""
    config = tomllib.loads((root / "samconfig.toml").read_text())
    parameters: dict[str, Any] = config[LOCAL_CONFIG]["deploy"]["parameters"]
    return parameters


class Deployment:
    """The stack in the emulator, seen through AWS's own interfaces."""

    def __init__(self, clients: AwsClients, stack_name: str) -> None:
        self._clients = clients
        self._stack_name = stack_name

    def outputs(self) -> dict[str, str]:
        """The stack's outputs.

        Raises:
            ClientError: there is no such stack.
        """
        stack = self._clients.cloudformation.describe_stacks(StackName=self._stack_name)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    def create_routes(self) -> list[str]:
        """Give the API the routes of its OpenAPI body; returns their keys."""
        answer = self._clients.cloudformation.get_template(StackName=self._stack_name, TemplateStage="Processed")
        api_id = self.outputs()["HttpApiId"]
        body = answer["TemplateBody"]["Resources"]["HttpApi"]["Properties"]["Body"]
        return create_routes(self._clients.apigatewayv2, api_id, body, self._function_arns())

    def functions(self) -> dict[str, str]:
        """Physical names of the functions, by logical id."""
        return {name: physical for name, kind, physical in self._resources() if kind == "AWS::Lambda::Function"}

    def variables(self, physical_name: str) -> dict[str, str]:
        """The environment variables of a deployed function."""
        configuration = self._clients.awslambda.get_function_configuration(FunctionName=physical_name)
        return dict(configuration.get("Environment", {}).get("Variables", {}))

    def warm(self) -> None:
        """Load the functions of the queues by an empty batch, so that the first reply waits for no cold start."""
        mappings = [physical for _, kind, physical in self._resources() if kind == "AWS::Lambda::EventSourceMapping"]
        with ThreadPoolExecutor() as pool:
            list(pool.map(self._invoke_with_empty_batch, mappings))

    def invoke(self, name: str) -> None:
        """Run a function once, by its logical id, with an empty event; what it raises is in its log."""
        self._clients.awslambda.invoke(FunctionName=self.functions()[name], Payload=b"{}")

    def is_whole(self) -> bool:
        """Whether all that the stack says it has is really there, as it must be after a restart."""
        try:
            resources = self._resources()
            whole = bool(resources) and all(
                _PROBES[kind](self._clients, physical) for _, kind, physical in resources if kind in _PROBES
            )
        except (BotoCoreError, ClientError, KeyError):
            return False
        return whole

    def _invoke_with_empty_batch(self, mapping: str) -> None:
        function = self._clients.awslambda.get_event_source_mapping(UUID=mapping)["FunctionArn"]
        self._clients.awslambda.invoke(FunctionName=function, Payload=b'{"Records": []}')

    def _function_arns(self) -> dict[str, str]:
        arns = {}
        for name, kind, physical in self._resources():
            if kind == "AWS::Lambda::Function":
                found = self._clients.awslambda.get_function_configuration(FunctionName=physical)
                arns[name] = found["FunctionArn"]
            elif kind == "AWS::Lambda::Alias":
                arns[name] = physical
        return arns

    def _resources(self) -> list[tuple[str, str, str]]:
        listed = self._clients.cloudformation.describe_stack_resources(StackName=self._stack_name)["StackResources"]
        return [
            (found["LogicalResourceId"], found["ResourceType"], found.get("PhysicalResourceId", "")) for found in listed
        ]


def remember_fingerprint(secrets: SecretsManagerClient, fingerprint: str) -> None:
    """Keep, inside the emulator, what it was deployed from: saved and lost together with the deployment."""
    try:
        secrets.put_secret_value(SecretId=_FINGERPRINT_SECRET, SecretString=fingerprint)
    except secrets.exceptions.ResourceNotFoundException:
        secrets.create_secret(Name=_FINGERPRINT_SECRET, SecretString=fingerprint)


def remembered_fingerprint(secrets: SecretsManagerClient) -> str | None:
    """What the emulator was deployed from; None if it was not, or not to the end."""
    try:
        return secrets.get_secret_value(SecretId=_FINGERPRINT_SECRET)["SecretString"]
    except (BotoCoreError, ClientError, KeyError):
        return None
