"""The API: throttled, logged without what must not be logged, and with the routes that the functions answer."""

import json

from tests.template.loading import target, template, transformed


def test_the_webhook_has_a_limit_of_its_own() -> None:
    default = template()["Resources"]["HttpApi"]["Properties"]["DefaultRouteSettings"]
    webhook = template()["Resources"]["HttpApi"]["Properties"]["RouteSettings"]["POST /webhooks/x"]
    for limit in ("ThrottlingRateLimit", "ThrottlingBurstLimit"):
        assert target(default[limit]) != target(webhook[limit])


def test_limited_routes_exist() -> None:
    paths = transformed()["Resources"]["HttpApi"]["Properties"]["Body"]["paths"]
    routes = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert set(template()["Resources"]["HttpApi"]["Properties"]["RouteSettings"]) <= routes
    pages = ("/", "/{proxy+}", "/link", "/link/{proxy+}", "/account", "/account/{proxy+}", "/sign-out", "/unsubscribe")
    assert routes == {
        "GET /webhooks/x",
        "POST /webhooks/x",
        *(f"X-AMAZON-APIGATEWAY-ANY-METHOD {path}" for path in pages),
    }


def test_the_access_log_is_json_that_expires() -> None:
    log = template()["Resources"]["HttpApi"]["Properties"]["AccessLogSettings"]
    assert json.loads(log["Format"])["status"] == "$context.status"
    group = template()["Resources"][str(target(log["DestinationArn"]))]
    assert target(group["Properties"]["RetentionInDays"]) == "LogRetentionDays"


def test_the_access_log_holds_no_query_and_no_address_of_a_person() -> None:
    written = template()["Resources"]["HttpApi"]["Properties"]["AccessLogSettings"]["Format"]
    for secret in ("path", "query", "sourceIp", "authorizer"):
        assert secret not in written
