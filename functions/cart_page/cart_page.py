"""The home page, the cart's pages and what all pages look like; every path that nothing else answers ends here."""

from typing import Any

import boto3

from hashcart.aws import CLIENT_CONFIG
from hashcart.observability import logger
from hashcart.pages.home.pages import home_routes
from hashcart.pages.kit.opening import open_site

site = open_site(
    boto3.client("dynamodb", config=CLIENT_CONFIG),
    boto3.client("secretsmanager", config=CLIENT_CONFIG),
    routes=home_routes(),
)


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer one request of API Gateway."""
    return site(event)
