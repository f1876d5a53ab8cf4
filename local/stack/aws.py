"""Clients of the emulator of AWS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from local.settings import LocalSettings
from local.stack.environment import CREDENTIAL, REGION

if TYPE_CHECKING:
    from mypy_boto3_apigatewayv2 import ApiGatewayV2Client
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

_CONFIG = Config(connect_timeout=10, read_timeout=30, retries={"max_attempts": 4}, proxies={})


@dataclass(frozen=True)
class AwsClients:
    """One client of each service that starting the stack calls."""

    apigatewayv2: ApiGatewayV2Client
    awslambda: LambdaClient
    cloudformation: CloudFormationClient
    dynamodb: DynamoDBClient
    s3: S3Client
    secretsmanager: SecretsManagerClient
    sqs: SQSClient


def connect(settings: LocalSettings) -> AwsClients:
    """Clients of the stack's own emulator, whatever the developer's configuration says."""
    session = boto3.Session(aws_access_key_id=CREDENTIAL, aws_secret_access_key=CREDENTIAL, region_name=REGION)
    url = settings.aws_endpoint_url
    return AwsClients(
        apigatewayv2=session.client("apigatewayv2", endpoint_url=url, config=_CONFIG),
        awslambda=session.client("lambda", endpoint_url=url, config=_CONFIG),
        cloudformation=session.client("cloudformation", endpoint_url=url, config=_CONFIG),
        dynamodb=session.client("dynamodb", endpoint_url=url, config=_CONFIG),
        s3=session.client("s3", endpoint_url=url, config=_CONFIG),
        secretsmanager=session.client("secretsmanager", endpoint_url=url, config=_CONFIG),
        sqs=session.client("sqs", endpoint_url=url, config=_CONFIG),
    )
