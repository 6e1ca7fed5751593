"""The OpenAPI document of auth_api: what is open to everybody, and what an address may hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auth_api.app import create_app
from auth_api.settings import FailureLimits, Lifetimes, PasswordSettings, Settings
from runtime.settings import DatabaseSettings, RedisSettings, Secret
from tests.command_harness import NOWHERE
from tests.unit.auth_api.keys import write_key
from web.app import ApiSettings

pytestmark = pytest.mark.unit

_OPEN = {
    ("post", "/auth/v1/register"),
    ("post", "/auth/v1/login"),
    ("post", "/auth/v1/token"),
    ("get", "/auth/v1/.well-known/jwks.json"),
    ("get", "/auth/v1/healthz"),
    ("get", "/auth/v1/readyz"),
}


@pytest.fixture
def document(tmp_path: Path) -> dict[str, Any]:
    write_key(tmp_path, "a")
    settings = Settings(
        api=ApiSettings(
            service="auth_api",
            log_level="CRITICAL",
            public_url="http://127.0.0.1:8080",
            title="Auth",
        ),
        database=DatabaseSettings(url=NOWHERE.database_url("auth_api"), password=Secret("-")),
        database_pool=1,
        redis=RedisSettings(url=NOWHERE.redis_url(), password=Secret("-")),
        signing_keys=tmp_path,
        lifetimes=Lifetimes(),
        passwords=PasswordSettings(memory_kib=64, passes=1, lanes=1),
        failures=FailureLimits(),
    )
    answer = create_app(settings).test_client().get("/auth/v1/openapi.json")
    return dict(answer.get_json())


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                yield method, path, operation


def test_only_what_must_be_is_open_without_an_access_token(document: dict[str, Any]) -> None:
    bearer = next(iter(document["security"][0])) if "security" in document else ""
    found = {
        (method, path)
        for method, path, operation in operations(document)
        if bearer not in {name for one in operation.get("security", [{bearer: []}]) for name in one}
    }
    assert found == _OPEN


def test_no_address_holds_a_secret(document: dict[str, Any]) -> None:
    named = {
        parameter["name"]
        for path in document["paths"].values()
        for listed in (
            path.get("parameters", []),
            *(
                operation.get("parameters", [])
                for operation in path.values()
                if isinstance(operation, dict)
            ),
        )
        for parameter in listed
        if parameter.get("in") in {"path", "query"}
    }
    assert named == {"session_id"}


def test_safe_methods_only_show(document: dict[str, Any]) -> None:
    shown = {path for method, path, _ in operations(document) if method in {"get", "head"}}
    assert shown == {
        *("/auth/v1/me", "/auth/v1/sessions", "/auth/v1/.well-known/jwks.json"),
        *("/auth/v1/healthz", "/auth/v1/readyz"),
    }
