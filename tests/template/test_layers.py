"""A changed layer alone must reach the functions."""

from typing import Any

import pytest

from tests.template.loading import resources_of, target, template, transformed

LAYERS = sorted(resources_of("AWS::Serverless::LayerVersion"))


def users_of(layer: str, transformed_template: dict[str, Any]) -> list[dict[str, Any]]:
    """The functions that a layer is for: the sign-in's for those that sign customers in, the others for all."""
    functions = resources_of("AWS::Lambda::Function", transformed_template).values()
    return [
        function["Properties"]
        for function in functions
        if layer != "SignInLayer" or "SIGN_IN_KIND" in function["Properties"]["Environment"]["Variables"]
    ]


def uses(function: dict[str, Any], layer_version: str) -> bool:
    return layer_version in [target(layer) for layer in function["Layers"]]


def version_of(layer: str, transformed_template: dict[str, Any]) -> str:
    [version] = [name for name in resources_of("AWS::Lambda::LayerVersion", transformed_template) if layer in name]
    return version


@pytest.mark.parametrize("layer", LAYERS)
def test_a_changed_layer_is_a_new_version_that_all_its_functions_use(layer: str) -> None:
    before, after = transformed(), transformed({layer: "changed"})
    assert version_of(layer, before) != version_of(layer, after)
    assert all(uses(function, version_of(layer, after)) for function in users_of(layer, after))


def test_cryptography_is_loaded_only_where_customers_sign_in() -> None:
    deployed = transformed()
    layer = version_of("SignInLayer", deployed)
    functions = [function["Properties"] for function in resources_of("AWS::Lambda::Function", deployed).values()]
    assert [function for function in functions if uses(function, layer)] == users_of("SignInLayer", deployed)


@pytest.mark.parametrize("layer", LAYERS)
def test_earlier_versions_stay_for_a_rollback(layer: str) -> None:
    assert template()["Resources"][layer]["Properties"]["RetentionPolicy"] == "Retain"


@pytest.mark.parametrize("layer", LAYERS)
def test_it_is_built_for_the_processor_of_the_functions(layer: str) -> None:
    resource = template()["Resources"][layer]
    assert target(resource["Metadata"]["BuildArchitecture"]) == "Architecture"
    assert [target(entry) for entry in resource["Properties"]["CompatibleArchitectures"]] == ["Architecture"]
