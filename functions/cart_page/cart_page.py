"""The home page, the cart's pages and what all pages look like; every path that nothing else answers ends here."""

from typing import Any

import boto3

from hashcart.aws import CLIENT_CONFIG
from hashcart.observability import logger
from hashcart.pages.cart.opening import cart_routes
from hashcart.pages.home.pages import home_routes
from hashcart.pages.kit.opening import open_site

dynamodb = boto3.client("dynamodb", config=CLIENT_CONFIG)
secrets = boto3.client("secretsmanager", config=CLIENT_CONFIG)
sqs = boto3.client("sqs", config=CLIENT_CONFIG)
site = open_site(dynamodb, secrets, routes=[*home_routes(), *cart_routes(dynamodb, secrets, sqs)])


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer one request of API Gateway."""
    return site(event)
