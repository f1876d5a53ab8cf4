"""The API: throttled, logged without what must not be logged, and with the routes that the functions answer."""

import json

import pytest

from tests.template.deploying import EVERYTHING, REQUIRED, deployed
from tests.template.loading import Json, resources_of, target, template, transformed

DOMAIN = {"DomainName": "cart.shop.example", "CertificateArn": "arn:aws:acm:eu-west-1:123456789012:certificate/a"}
ADDRESS_OF_ITS_OWN = {"Fn::Sub": "https://${HttpApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}"}
ADDRESS_OF_THE_DOMAIN = {"Fn::Sub": "https://${DomainName}"}
PAGES = ("AccountLinkingFunction", "CartPageFunction")


def variable(deployment: Json, function: str, name: str) -> object:
    return deployment["Resources"][function]["Properties"]["Environment"]["Variables"][name]


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


def test_without_a_domain_the_api_has_its_own_address_alone() -> None:
    deployment = deployed(REQUIRED)
    kinds = {resource["Type"] for resource in deployment["Resources"].values()}
    assert not kinds & {"AWS::ApiGatewayV2::DomainName", "AWS::ApiGatewayV2::ApiMapping", "AWS::Route53::RecordSet"}
    assert deployment["Outputs"]["PagesUrl"]["Value"] == ADDRESS_OF_ITS_OWN
    assert deployment["Outputs"]["WebhookUrl"]["Value"]["Fn::Sub"] == f"{ADDRESS_OF_ITS_OWN['Fn::Sub']}/webhooks/x"
    assert "DomainTarget" not in deployment["Outputs"]
    # A function cannot name the API that calls it; the pages then take their address from the request.
    assert [variable(deployment, name, "PUBLIC_URL") for name in PAGES] == ["", ""]
    assert variable(deployment, "OutcomeDeliveryFunction", "PUBLIC_URL") == ADDRESS_OF_ITS_OWN


def test_pages_webhook_and_e_mail_follow_the_domain() -> None:
    deployment = deployed({**REQUIRED, **DOMAIN})
    assert deployment["Outputs"]["PagesUrl"]["Value"] == ADDRESS_OF_THE_DOMAIN
    assert deployment["Outputs"]["WebhookUrl"]["Value"] == {"Fn::Sub": "https://${DomainName}/webhooks/x"}
    for function in (*PAGES, "OutcomeDeliveryFunction"):
        assert variable(deployment, function, "PUBLIC_URL") == ADDRESS_OF_THE_DOMAIN


def test_a_public_url_of_the_operators_wins_over_the_domain() -> None:
    deployment = deployed({**REQUIRED, **DOMAIN, "PublicUrl": "https://cdn.shop.example"})
    assert deployment["Outputs"]["PagesUrl"]["Value"] == {"Ref": "PublicUrl"}
    for function in (*PAGES, "OutcomeDeliveryFunction"):
        assert variable(deployment, function, "PUBLIC_URL") == {"Ref": "PublicUrl"}


def test_the_domain_leads_to_the_apis_stage_by_tls_1_2() -> None:
    resources = deployed({**REQUIRED, **DOMAIN})["Resources"]
    mapping = resources["DomainMapping"]["Properties"]
    assert target(mapping["ApiId"]) == "HttpApi"
    assert resources[str(target(mapping["Stage"]))]["Properties"]["StageName"] == "$default"
    [configuration] = resources["Domain"]["Properties"]["DomainNameConfigurations"]
    assert configuration["SecurityPolicy"] == "TLS_1_2"


def test_records_for_both_kinds_of_addresses_lead_to_the_domain_where_its_zone_is_ours() -> None:
    assert resources_of("AWS::Route53::RecordSet", deployed({**REQUIRED, **DOMAIN})) == {}
    records = resources_of("AWS::Route53::RecordSet", deployed(EVERYTHING)).values()
    assert sorted(record["Properties"]["Type"] for record in records) == ["A", "AAAA"]
    assert {target(record["Properties"]["AliasTarget"]["DNSName"]) for record in records} == {"Domain"}


@pytest.mark.parametrize(("choice", "is_disabled"), [("on", False), ("off", True)])
def test_the_apis_own_address_can_be_turned_off(choice: str, *, is_disabled: bool) -> None:
    body = deployed({**REQUIRED, **DOMAIN, "DefaultEndpoint": choice})["Resources"]["HttpApi"]["Properties"]["Body"]
    [server] = body["servers"]
    assert server["x-amazon-apigateway-endpoint-configuration"]["disableExecuteApiEndpoint"] is is_disabled
