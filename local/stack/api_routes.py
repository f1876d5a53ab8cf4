"""Routes of the HTTP API, which MiniStack 1.5 does not read from the OpenAPI body that SAM gives it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_apigatewayv2 import ApiGatewayV2Client

_INTEGRATION = "x-amazon-apigateway-integration"
_FUNCTION_IN_URI = re.compile(r"/functions/\$\{([A-Za-z0-9]+)(?:\.Arn)?\}/invocations$")


@dataclass(frozen=True)
class LambdaRoute:
    """A route key such as `POST /webhooks/x` and the logical id of its function, or of the function's alias."""

    route_key: str
    function: str
    payload_format_version: str


def routes_of(body: Mapping[str, Any]) -> list[LambdaRoute]:
    """The Lambda routes of an OpenAPI body.

    Raises:
        ValueError: an integration's address does not name a function of the template.
    """
    return [
        _route(path, method, operation[_INTEGRATION])
        for path, operations in body["paths"].items()
        for method, operation in operations.items()
        if _INTEGRATION in operation
    ]


def _route(path: str, method: str, integration: Mapping[str, Any]) -> LambdaRoute:
    uri = integration["uri"]["Fn::Sub"]
    function = _FUNCTION_IN_URI.search(uri)
    if function is None:
        raise ValueError(f"no function of the template in the integration {uri!r} of {method} {path}")
    verb = "ANY" if method == "x-amazon-apigateway-any-method" else method.upper()
    return LambdaRoute(f"{verb} {path}", function.group(1), integration["payloadFormatVersion"])


def create_routes(
    client: ApiGatewayV2Client, api_id: str, body: Mapping[str, Any], function_arns: Mapping[str, str]
) -> list[str]:
    """Replace the API's routes and integrations by those of its body; returns the route keys.

    `function_arns` maps logical ids to ARNs of functions or aliases.
    """
    _delete_routes(client, api_id)
    routes = routes_of(body)
    for route in routes:
        integration = client.create_integration(
            ApiId=api_id,
            IntegrationType="AWS_PROXY",
            IntegrationMethod="POST",
            IntegrationUri=function_arns[route.function],
            PayloadFormatVersion=route.payload_format_version,
        )
        client.create_route(
            ApiId=api_id, RouteKey=route.route_key, Target=f"integrations/{integration['IntegrationId']}"
        )
    return [route.route_key for route in routes]


def _delete_routes(client: ApiGatewayV2Client, api_id: str) -> None:
    for route in client.get_routes(ApiId=api_id)["Items"]:
        client.delete_route(ApiId=api_id, RouteId=route["RouteId"])
    for integration in client.get_integrations(ApiId=api_id)["Items"]:
        client.delete_integration(ApiId=api_id, IntegrationId=integration["IntegrationId"])
