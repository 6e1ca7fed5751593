"""Requests that name what belongs to others, made for any operation from its description."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from tests.acceptance.operations import Operation, Parameter, Schema

Value = str | int | None
# What differs from answer to answer, whoever asks.
_PASSING = {"request_id", "event_id", "message_id", "accepted_at", "consistency_token", "instance"}


@dataclass(frozen=True, kw_only=True)
class Foreign:
    """What is others', by the name of the parameter or field that may name it.

    Attributes:
        values: All values to try; a name starts with path, query, header or body.
        nobodys: Of each name that can name what is others', a value of the same form that
            names what does not exist, or is the asker's own.
        secrets: What no answer may hold unless the request held it.
    """

    values: Mapping[str, Sequence[Value]]
    nobodys: Mapping[str, Value]
    secrets: frozenset[str]

    def of(self, name: str, schema: Schema) -> Sequence[Value]:
        """Return what to give for a parameter or field; fails where nothing is known of it."""
        if "enum" in schema:
            return tuple(schema["enum"])
        assert name in self.values, f"what could be others' in {name}? Add it to the test."
        return self.values[name]


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request, and what was chosen for each of its parameters and fields."""

    method: str
    template: str
    chosen: Mapping[str, Value]
    body: Any
    headers: Mapping[str, str]

    def send(self, http: httpx.Client) -> httpx.Response:
        """Send it."""
        given = {name: value for name, value in self.chosen.items() if value is not None}
        path, query = self.template, {}
        for name, value in given.items():
            place, _, short = name.partition(".")
            if place == "path":
                path = path.replace(f"{{{short}}}", quote(str(value), safe=""))
            elif place == "query":
                query[short] = str(value)
        return http.request(
            self.method, path, params=query, json=self.body, headers=dict(self.headers)
        )

    def of_nobody(self, foreign: Foreign) -> Request:
        """Return the same request for what does not exist."""
        return Request(
            method=self.method,
            template=self.template,
            chosen=_swapped(self.chosen, "", foreign.nobodys),
            body=_swapped(self.body, "body.", foreign.nobodys),
            headers=_swapped(self.headers, "header.", foreign.nobodys),
        )

    def names(self, foreign: Foreign, *fields: str) -> bool:
        """Return whether it names something of others in the path, the query or these fields."""
        members = _members(self.body)
        return any(
            value is not None and name in foreign.nobodys for name, value in self.chosen.items()
        ) or any(name in fields for name in members)

    def text(self) -> str:
        """Return all that it says."""
        return json.dumps([dict(self.chosen), self.body, dict(self.headers)])


def requests(operation: Operation, foreign: Foreign) -> Iterator[Request]:
    """Give every request to `operation` that what is foreign allows."""
    addressed = [p for p in operation.parameters if p["in"] in {"path", "query"}]
    choices = [_choices(p, foreign) for p in addressed]
    for chosen, body, headers in itertools.product(
        itertools.product(*choices),
        _bodies(operation, foreign),
        _headers(operation, foreign),
    ):
        yield Request(
            method=operation.method,
            template=operation.path,
            chosen=dict(chosen),
            body=body,
            headers=headers,
        )


def outcome(answer: httpx.Response) -> object:
    """Return what an answer tells, without what differs each time."""
    kind = answer.headers.get("Content-Type")
    return answer.status_code, kind, _lasting(answer.json()) if answer.content else None


def _choices(parameter: Parameter, foreign: Foreign) -> list[tuple[str, Value]]:
    name = f"{parameter['in']}.{parameter['name']}"
    values = list(foreign.of(name, parameter["schema"]))
    return [(name, value) for value in (values if parameter.get("required") else [None, *values])]


def _headers(operation: Operation, foreign: Foreign) -> list[dict[str, str]]:
    """Return none at all, and all that are known at once."""
    laden = {}
    for parameter in operation.parameters:
        if parameter["in"] in {"header", "cookie"}:
            name = f"{parameter['in']}.{parameter['name']}"
            for value in foreign.of(name, parameter["schema"]):
                laden[parameter["name"]] = str(value)
    return [{}, laden] if laden else [{}]


def _bodies(operation: Operation, foreign: Foreign) -> list[Any]:
    if operation.body is None:
        return [None]
    return list(_instances(operation, operation.body, foreign))


def _instances(operation: Operation, schema: Schema, foreign: Foreign) -> Iterator[dict[str, Any]]:
    fields = operation.resolved(schema)["properties"]
    choices = [
        [(field, value) for value in _field_values(operation, field, described, foreign)]
        for field, described in fields.items()
    ]
    for chosen in itertools.product(*choices):
        yield dict(chosen)


def _field_values(
    operation: Operation, field: str, schema: Schema, foreign: Foreign
) -> Sequence[Any]:
    if schema["type"] != "array":
        return foreign.of(f"body.{field}", schema)
    # All at once: one request with every item that there can be.
    kinds = [inner for inner in schema["items"]["anyOf"] if "$ref" in inner]
    return [[item for kind in kinds for item in _instances(operation, kind, foreign)]]


def _swapped(value: Any, prefix: str, nobodys: Mapping[str, Value]) -> Any:
    if isinstance(value, list):
        return [_swapped(item, prefix, nobodys) for item in value]
    if not isinstance(value, Mapping):
        return value
    return {
        name: nobodys[prefix + name]
        if inner is not None and prefix + name in nobodys
        else _swapped(inner, prefix, nobodys)
        for name, inner in value.items()
    }


def _members(body: Any) -> set[str]:
    if isinstance(body, list):
        return {name for item in body for name in _members(item)}
    if isinstance(body, Mapping):
        return set(body) | {name for inner in body.values() for name in _members(inner)}
    return set()


def _lasting(value: Any) -> Any:
    if isinstance(value, list):
        return [_lasting(item) for item in value]
    if isinstance(value, Mapping):
        return {name: "" if name in _PASSING else _lasting(inner) for name, inner in value.items()}
    return value
