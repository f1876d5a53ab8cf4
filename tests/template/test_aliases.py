"""What stands behind an alias, and that whatever changes in it is published and taken up."""

import json

import pytest

from tests.template.deploying import EVERYTHING, REQUIRED, deployed
from tests.template.loading import Json, references, resources_of, target, template, transformed

BROWSER = ["AccountLinkingFunction", "CartPageFunction"]
ALIASED = [*BROWSER, "WebhookIntakeFunction"]
LAYERS = sorted(resources_of("AWS::Serverless::LayerVersion"))
WITHOUT_OPTIONS = deployed(REQUIRED)["Resources"]
WITH_OPTIONS = deployed(EVERYTHING)["Resources"]


def of_type(kind: str, resources: Json) -> Json:
    return resources_of(kind, {"Resources": resources})


def versions(source: Json) -> dict[str, str]:
    """The logical id of each function's version; another id makes CloudFormation publish another version."""
    return {
        str(target(version["Properties"]["FunctionName"])): name
        for name, version in resources_of("AWS::Lambda::Version", source).items()
    }


def users_of(layer: str) -> set[str]:
    shared = layer != "SignInLayer"
    return {name for name in ALIASED if shared or name == "AccountLinkingFunction"}


def test_the_webhook_and_the_pages_have_aliases() -> None:
    aliases = of_type("AWS::Lambda::Alias", WITHOUT_OPTIONS).values()
    assert sorted(str(target(alias["Properties"]["FunctionName"])) for alias in aliases) == ALIASED
    assert sorted(versions(transformed())) == ALIASED


@pytest.mark.parametrize("layer", LAYERS)
def test_a_change_in_a_layer_alone_publishes_the_version_of_each_function_that_has_it(layer: str) -> None:
    before, after = versions(transformed()), versions(transformed({layer: "changed"}))
    assert {name for name in ALIASED if before[name] != after[name]} == users_of(layer)


@pytest.mark.parametrize("function", ALIASED)
def test_a_change_in_code_publishes_that_functions_version_alone(function: str) -> None:
    before, after = versions(transformed()), versions(transformed({function: "changed"}))
    assert [name for name in ALIASED if before[name] != after[name]] == [function]


@pytest.mark.parametrize("function", ALIASED)
def test_the_alias_leads_to_the_newest_version(function: str) -> None:
    source = transformed({function: "changed"})
    [alias] = [
        alias["Properties"]
        for alias in resources_of("AWS::Lambda::Alias", source).values()
        if target(alias["Properties"]["FunctionName"]) == function
    ]
    assert target(alias["FunctionVersion"]) == versions(source)[function]


@pytest.mark.parametrize("function", ALIASED)
def test_the_api_calls_the_alias_and_may_call_nothing_else(function: str) -> None:
    source = deployed(REQUIRED)["Resources"]
    alias = f"{function}Aliaslive"
    body = json.dumps(source["HttpApi"]["Properties"]["Body"])
    assert f"${{{alias}}}/invocations" in body
    assert f"${{{function}.Arn}}" not in body
    allowed = {
        target(permission["Properties"]["FunctionName"])
        for name, permission in of_type("AWS::Lambda::Permission", source).items()
        if name.startswith(function)
    }
    assert allowed == {alias}


@pytest.mark.parametrize("function", ALIASED)
def test_alarms_count_every_version_of_it(function: str) -> None:
    """Lambda's metrics by the function's name alone are those of all its versions and aliases together."""
    alarms = of_type("AWS::CloudWatch::Alarm", WITHOUT_OPTIONS).values()
    watching = [alarm["Properties"]["Dimensions"] for alarm in alarms if function in references(alarm["Properties"])]
    assert all([part["Name"] for part in dimensions] == ["FunctionName"] for dimensions in watching)


def settings() -> Json:
    found: Json = template()["Resources"]["SettingsVersion"]["Properties"]
    return found


def values_of(function: str) -> set[str]:
    """Parameters and resources from which a function's configuration is made, also by way of conditions."""
    source = template()
    own = dict(source["Resources"][function]["Properties"])
    shared = dict(source["Globals"]["Function"])
    # A layer's change publishes by itself; what is around a version is no part of it.
    for name in ("Layers", "Events", "DeploymentPreference", "Description", "VersionDescription"):
        own.pop(name, None)
        shared.pop(name, None)
    found = references([own, shared])
    while conditions := found & set(source["Conditions"]):
        found = (found - conditions) | references([source["Conditions"][name] for name in conditions])
    return found & (set(source["Parameters"]) | set(source["Resources"]))


@pytest.mark.parametrize("function", ALIASED)
def test_another_value_of_a_parameter_or_a_resource_makes_another_settings_document(function: str) -> None:
    """Whoever gives one of these functions a variable adds what it is made of to SettingsVersion."""
    assert values_of(function) - references(settings()["Content"]) == set()


def test_the_settings_hold_nothing_that_does_not_concern_these_functions() -> None:
    assert references(settings()["Content"]) == set().union(*(values_of(name) for name in ALIASED))


def test_no_secret_is_among_the_settings() -> None:
    secrets = resources_of("AWS::SecretsManager::Secret")
    for line in settings()["Content"]["Fn::Sub"].splitlines():
        name, _, value = line.partition("=")
        assert name not in secrets or value == f"${{{name}.Id}}"


@pytest.mark.parametrize("function", ALIASED)
def test_another_settings_document_makes_another_function_and_another_version(function: str) -> None:
    """Both: Lambda publishes no version of a function that has not changed, and CloudFormation then fails."""
    assert "SettingsVersion" in references(template()["Resources"][function]["Properties"]["Description"])
    version = transformed()["Resources"][versions(transformed())[function]]["Properties"]
    assert "SettingsVersion" in references(version["Description"])


@pytest.mark.parametrize("function", ALIASED)
def test_versions_that_no_alias_leads_to_are_deleted(function: str) -> None:
    """They may be billed (SnapStart), and going back means deploying the earlier template."""
    assert transformed()["Resources"][versions(transformed())[function]]["DeletionPolicy"] == "Delete"


@pytest.mark.parametrize(("choice", "applied"), [("true", "PublishedVersions"), ("false", "None")])
def test_snapshots_are_for_browsers_alone_and_off_by_default(choice: str, applied: str) -> None:
    assert template()["Parameters"]["SnapStart"]["Default"] == "false"
    functions = of_type("AWS::Lambda::Function", deployed({**REQUIRED, "SnapStart": choice})["Resources"])
    found = {name: function["Properties"].get("SnapStart") for name, function in functions.items()}
    assert {name: value for name, value in found.items() if value} == {name: {"ApplyOn": applied} for name in BROWSER}


def test_by_default_new_versions_take_over_at_once_and_nothing_of_codedeploy_is_made() -> None:
    kinds = {resource["Type"] for resource in WITHOUT_OPTIONS.values()}
    assert not [kind for kind in kinds if kind.startswith("AWS::CodeDeploy::")]
    assert "GradualDeploymentRole" not in WITHOUT_OPTIONS
    assert not [alias for alias in of_type("AWS::Lambda::Alias", WITHOUT_OPTIONS).values() if "UpdatePolicy" in alias]


@pytest.mark.parametrize("function", ALIASED)
def test_traffic_moves_gradually_and_back_when_an_alarm_of_its_own_rings(function: str) -> None:
    alias = WITH_OPTIONS[f"{function}Aliaslive"]
    update = alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
    group = WITH_OPTIONS[str(target(update["DeploymentGroupName"]))]["Properties"]
    name = function.removesuffix("Function")
    assert [target(alarm["Name"]) for alarm in group["AlarmConfiguration"]["Alarms"]] == [
        f"{name}ErrorsAlarm",
        f"{name}ThrottlesAlarm",
    ]
    assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
    assert group["DeploymentConfigName"]["Fn::Sub"][1] == {"ConfigName": EVERYTHING["GradualDeployment"]}


def test_a_step_takes_longer_than_the_alarms_need_to_ring() -> None:
    waits = {"Canary10Percent10Minutes": 10, "Canary10Percent15Minutes": 15, "Canary10Percent30Minutes": 30}
    waits |= {"Linear10PercentEvery3Minutes": 9 * 3, "Linear10PercentEvery10Minutes": 90}
    assert set(template()["Parameters"]["GradualDeployment"]["AllowedValues"]) == {"false", *waits}
    alarms = of_type("AWS::CloudWatch::Alarm", WITH_OPTIONS)
    groups = of_type("AWS::CodeDeploy::DeploymentGroup", WITH_OPTIONS).values()
    for group in groups:
        for alarm in group["Properties"]["AlarmConfiguration"]["Alarms"]:
            properties = alarms[str(target(alarm["Name"]))]["Properties"]
            assert properties["Period"] * properties["EvaluationPeriods"] < min(waits.values()) * 60


def test_codedeploy_may_move_these_aliases_and_see_these_alarms_alone() -> None:
    role = WITH_OPTIONS["GradualDeploymentRole"]["Properties"]
    assert "ManagedPolicyArns" not in role
    assert "CodeDeployServiceRole" not in WITH_OPTIONS
    [policy] = role["Policies"]
    moving, watching = policy["PolicyDocument"]["Statement"]
    assert set().union(*(references(arn) for arn in moving["Resource"])) == set(ALIASED)
    groups = of_type("AWS::CodeDeploy::DeploymentGroup", WITH_OPTIONS).values()
    alarms = {
        str(target(entry["Name"])) for group in groups for entry in group["Properties"]["AlarmConfiguration"]["Alarms"]
    }
    assert {target(arn) for arn in watching["Resource"]} == alarms
