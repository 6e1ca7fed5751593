"""Every operation that the services of a running stack document, read from their OpenAPI."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

SERVICES = ("auth", "command", "query")
Schema = Mapping[str, Any]
Parameter = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method of one path, as its service's document describes it."""

    name: str
    method: str
    path: str
    public: bool
    parameters: tuple[Parameter, ...]
    body: Schema | None
    answers: frozenset[str]
    document: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def resolved(self, schema: Schema) -> Schema:
        """Return `schema`, or what it refers to within the document."""
        return resolved(self.document, schema)

    def parameter(self, name: str) -> Parameter | None:
        """Return the parameter of this name, in the path or the query."""
        return next((p for p in self.parameters if p["name"] == name), None)


def operations(http: httpx.Client) -> list[Operation]:
    """Return all operations of all services."""
    found = []
    for service in SERVICES:
        document = http.get(f"/{service}/v1/openapi.json").json()
        for path, item in document["paths"].items():
            found += [
                _operation(document, path, method, item)
                for method in item
                if method != "parameters"
            ]
    return found


def resolved(document: Mapping[str, Any], schema: Schema) -> Schema:
    """Return `schema`, or what it refers to within `document`."""
    while "$ref" in schema:
        found: Any = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        schema = found
    return schema


def objects(operation: Operation) -> Iterator[tuple[str, Schema]]:
    """Give the schemas of the objects that a body may be or hold, each with its name."""
    if operation.body is None:
        return
    whole = operation.resolved(operation.body)
    yield operation.name, whole
    for field in whole["properties"].values():
        for inner in field.get("items", {}).get("anyOf", ()):
            if "$ref" in inner:
                yield inner["$ref"].rpartition("/")[2], operation.resolved(inner)


def types_of(schema: Schema) -> frozenset[str]:
    """Return the JSON types that `schema` allows."""
    named = schema["type"]
    return frozenset([named] if isinstance(named, str) else named)


def _operation(
    document: Mapping[str, Any], path: str, method: str, item: Mapping[str, Any]
) -> Operation:
    described = item[method]
    listed = [*item.get("parameters", ()), *described.get("parameters", ())]
    body = described.get("requestBody", {"content": {}})["content"]
    assert set(body) <= {"application/json"}, f"{method} {path} takes what no test knows"
    succeeding = (a for status, a in described["responses"].items() if status.startswith("2"))
    return Operation(
        name=described["operationId"],
        method=method.upper(),
        path=path,
        public=described.get("security") == [],
        parameters=tuple(resolved(document, one) for one in listed),
        body=body.get("application/json", {}).get("schema"),
        answers=frozenset(kind for answer in succeeding for kind in answer.get("content", {})),
        document=document,
    )
