"""X's OpenAPI descriptions: whether a request is valid, and documents that an answer's schema allows."""

import json
import random
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from tests.fakes.internet import Request

CONTRACTS = Path(__file__).resolve().parents[2].parent / "shared" / "contracts"
DEEPEST = 7
TEXTS = ("", "mug", "#AmazonCart x2", "カートに入れて", "Größe L\u0000", "🛒" * 3, "null", "-1")


class OpenApi:
    """One version of the description."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._components: Mapping[str, Any] = document["components"]

    def check_request(self, request: Request) -> None:
        """Fail unless the description allows the request: its path, every parameter, and its body."""
        path, operation = self._operation(request)
        known = {found["name"]: found for raw in operation.get("parameters", ()) if (found := self.resolved(raw))}
        given = dict(request.query) | self._path_values(path, request.path)
        assert set(given) <= set(known), f"{request.method} {path}: unknown {set(given) - set(known)}"
        missing = {name for name, found in known.items() if found.get("required")} - set(given)
        assert not missing, f"{request.method} {path}: {missing} missing"
        for name, value in given.items():
            self._check(self._typed(value, known[name]["schema"]), known[name]["schema"])
        body = operation.get("requestBody")
        if body is not None and (request.body or body.get("required")):
            assert request.headers["content-type"] == "application/json"
            self._check(request.json(), self.resolved(body)["content"]["application/json"]["schema"])

    def answer_schema(self, method: str, path: str, status: str) -> Mapping[str, Any]:
        """The schema of an answer; that of errors is under the status `default`."""
        answer = self.resolved(self._document["paths"][path][method]["responses"][status])
        schema: Mapping[str, Any] = answer["content"]["application/json"]["schema"]
        return schema

    def resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a reference leads to."""
        while "$ref" in schema:
            target: Any = self._document
            for part in schema["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            schema = target
        return schema

    def example(self, schema: Mapping[str, Any], chance: random.Random, depth: int = 0) -> Any:
        """Some document of a schema; enumerations may have grown a value since the description was written."""
        schema = self.resolved(schema)
        while alternatives := schema.get("oneOf", schema.get("anyOf")):
            schema = self.resolved(chance.choice(alternatives))
        if "allOf" in schema:
            parts = [self.example(part, chance, depth) for part in schema["allOf"]]
            return {name: value for part in parts for name, value in part.items()}
        match schema.get("type", "object"):
            case "array":
                count = schema.get("minItems", 0) + (chance.randrange(3) if depth < DEEPEST else 0)
                return [self.example(schema.get("items", {}), chance, depth + 1) for _ in range(count)]
            case "boolean":
                return chance.random() < 0.5
            case "integer" | "number":
                return chance.randrange(schema.get("minimum", 0), 1_000)
            case "string":
                return _string(schema, chance)
            case _:
                return self._object(schema, chance, depth)

    def _object(self, schema: Mapping[str, Any], chance: random.Random, depth: int) -> dict[str, Any]:
        likely = 0.7 if depth < DEEPEST else 0.0
        required = schema.get("required", ())
        return {
            name: self._named_example(name, part, chance, depth + 1)
            for name, part in schema.get("properties", {}).items()
            if name in required or chance.random() < likely
        }

    def _named_example(self, name: str, schema: Mapping[str, Any], chance: random.Random, depth: int) -> Any:
        """Version 2.167 no longer says that an id has digits."""
        is_id = name == "id" or name.endswith("_id")
        if is_id and self.resolved(schema).get("type") == "string":
            return _id(chance)
        return self.example(schema, chance, depth)

    def _operation(self, request: Request) -> tuple[str, Mapping[str, Any]]:
        for path in sorted(self._document["paths"], key=lambda path: path.count("{")):
            pattern = re.sub(r"\{[^}]+\}", "[^/]+", path)
            if re.fullmatch(pattern, request.path) and request.method.lower() in self._document["paths"][path]:
                return path, self._document["paths"][path][request.method.lower()]
        raise AssertionError(f"X has no {request.method} {request.path}")

    @staticmethod
    def _path_values(path: str, actual: str) -> dict[str, str]:
        parts = zip(path.split("/"), actual.split("/"), strict=True)
        return {name[1:-1]: value for name, value in parts if name.startswith("{")}

    def _typed(self, value: str, schema: Mapping[str, Any]) -> Any:
        schema = self.resolved(schema)
        match schema.get("type"):
            case "array":
                return [self._typed(part, schema["items"]) for part in value.split(",")]
            case "integer":
                return int(value)
            case "boolean":
                return value == "true"
            case _:
                return value

    def _check(self, instance: object, schema: Mapping[str, Any]) -> None:
        root = {**schema, "components": self._components}
        Draft202012Validator(root, format_checker=FormatChecker()).validate(instance)


def _id(chance: random.Random) -> str:
    return str(chance.randrange(1, 10 ** chance.choice((1, 9, 18))))


def _string(schema: Mapping[str, Any], chance: random.Random) -> str:
    if "enum" in schema:
        return str(chance.choice(schema["enum"])) if chance.random() < 0.9 else "grown_since"
    if "pattern" in schema or schema.get("format") == "snowflake":
        return _id(chance)
    if schema.get("format") == "date-time":
        return "2026-11-23T12:00:00.000Z"
    if schema.get("format") == "uri":
        return chance.choice(("https://example.com/a", "http://store.localhost:8401/products/mug", "https://t.co/x"))
    return chance.choice(TEXTS)


@cache
def _document(version: str) -> Any:
    path = CONTRACTS / f"x-api-{version}.openapi.json"
    return json.loads(path.read_text()) if path.is_file() else None


def description(version: str) -> OpenApi:
    """One version; the test is skipped where it is not beside the project."""
    document = _document(version)
    if document is None:
        pytest.skip(f"X's OpenAPI description {version} is not beside the project")
    return OpenApi(document)
