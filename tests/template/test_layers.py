"""A changed layer alone must reach the functions."""

from typing import Any

import pytest

from tests.template.loading import resources_of, target, template, transformed

LAYERS = sorted(resources_of("AWS::Serverless::LayerVersion"))


def layers_of_functions(transformed_template: dict[str, Any]) -> list[list[str | None]]:
    functions = resources_of("AWS::Lambda::Function", transformed_template).values()
    return [[target(layer) for layer in function["Properties"]["Layers"]] for function in functions]


def version_of(layer: str, transformed_template: dict[str, Any]) -> str:
    [version] = [name for name in resources_of("AWS::Lambda::LayerVersion", transformed_template) if layer in name]
    return version


@pytest.mark.parametrize("layer", LAYERS)
def test_a_changed_layer_is_a_new_version_that_every_function_uses(layer: str) -> None:
    before, after = transformed(), transformed({layer: "changed"})
    assert version_of(layer, before) != version_of(layer, after)
    assert all(version_of(layer, after) in layers for layers in layers_of_functions(after))


def test_functions_run_what_was_deployed_last() -> None:
    """No alias stands between an event source and a function's newest configuration."""
    assert resources_of("AWS::Lambda::Alias", transformed()) == {}


@pytest.mark.parametrize("layer", LAYERS)
def test_earlier_versions_stay_for_a_rollback(layer: str) -> None:
    assert template()["Resources"][layer]["Properties"]["RetentionPolicy"] == "Retain"


@pytest.mark.parametrize("layer", LAYERS)
def test_it_is_built_for_the_processor_of_the_functions(layer: str) -> None:
    resource = template()["Resources"][layer]
    assert target(resource["Metadata"]["BuildArchitecture"]) == "Architecture"
    assert [target(entry) for entry in resource["Properties"]["CompatibleArchitectures"]] == ["Architecture"]
