"""The OpenAPI documents of the three APIs, made without a server."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema_rs
from flask import Flask

import auth_api.app
from auth_api.settings import FailureLimits, Lifetimes, PasswordSettings
from auth_api.settings import Settings as AuthSettings
from runtime.ids import AccountId, new_id
from runtime.settings import DatabaseSettings, QueueSettings, RedisSettings, Secret
from tests.command_harness import NOWHERE, commands_of
from tests.query_harness import app_for
from tests.unit.auth_api.keys import write_key
from web.app import ApiSettings

SERVICES = ("auth", "command", "query")
_QUEUE = QueueSettings(partitions=4, limit=10, bell_ttl_seconds=5)

Node = dict[str, Any]


def _auth_app() -> Flask:
    with tempfile.TemporaryDirectory() as folder:
        write_key(Path(folder), "key-1")
        return auth_api.app.create_app(
            AuthSettings(
                api=ApiSettings(
                    service="auth", log_level="INFO", public_url="http://127.0.0.1", title="Auth"
                ),
                database=DatabaseSettings(
                    url=NOWHERE.database_url("auth_api"), password=Secret("-")
                ),
                database_pool=1,
                redis=RedisSettings(url=NOWHERE.redis_url(), password=Secret("-")),
                signing_keys=Path(folder),
                lifetimes=Lifetimes(),
                passwords=PasswordSettings(memory_kib=64, passes=1, lanes=1),
                failures=FailureLimits(),
            )
        )


def app(service: str) -> Flask:
    # Nothing listens there: making an app connects to nothing.
    apps: Mapping[str, Callable[[], Flask]] = {
        "auth": _auth_app,
        "command": lambda: commands_of(AccountId(new_id()), NOWHERE, _QUEUE).app,
        "query": lambda: app_for(NOWHERE),
    }
    return apps[service]()


@functools.cache
def document(service: str) -> Node:
    made: Node = app(service).test_client().get(f"/{service}/v1/openapi.json").get_json()
    return made


def resolved(service: str, node: Node) -> Node:
    while "$ref" in node:
        found: Any = document(service)
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        node = found
    return node


def operations() -> Iterator[tuple[str, str, str, Node, Node]]:
    for service in SERVICES:
        for path, item in document(service)["paths"].items():
            for method, operation in item.items():
                if method != "parameters":
                    yield service, path, method, item, operation


def validator(service: str, schema: Mapping[str, Any]) -> jsonschema_rs.Draft202012Validator:
    whole = {**schema, "components": document(service)["components"]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
