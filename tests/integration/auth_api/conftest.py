"""Fixtures: auth_api on a real Postgres and a real Valkey, without its neighbours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine, text
from werkzeug.test import TestResponse

from auth_api.app import create_app
from auth_api.settings import FailureLimits, Lifetimes, PasswordSettings, Settings
from database.engines import create_engine_for
from runtime.settings import DatabaseSettings, RedisSettings, Secret
from tests import bare
from tests.servers import Servers
from tests.unit.auth_api.keys import write_key
from web.app import ApiSettings

PASSWORD = "correct horse"


servers = bare.servers
superuser = bare.superuser
redis = bare.redis


@pytest.fixture
def engine(servers: Servers) -> Iterator[Engine]:
    settings = DatabaseSettings(url=servers.database_url("auth_api"), password=Secret("-"))
    made = create_engine_for(settings, application_name="api-write", pool_size=8)
    yield made
    made.dispose()


@pytest.fixture
def empty(superuser: Engine, redis: Redis) -> None:
    """Nobody has an account, nobody has failed."""
    with superuser.begin() as tx:
        tx.execute(text("TRUNCATE identity.account CASCADE"))


@dataclass(frozen=True, kw_only=True)
class Auth:
    """The auth API and what a client does with it."""

    app: Flask

    def client(self) -> FlaskClient:
        return self.app.test_client()

    def register(self, name: str = "alice", **changes: Any) -> TestResponse:
        body = {"username": name, "email": f"{name}@example.org", "password": PASSWORD, **changes}
        return self.client().post("/auth/v1/register", json=body)

    def login(
        self, name: str = "alice", password: str = PASSWORD, *, client: FlaskClient | None = None
    ) -> TestResponse:
        body = {"username": name, "password": password}
        return (client or self.client()).post("/auth/v1/login", json=body)

    def logged_in(self, name: str = "alice") -> tuple[FlaskClient, dict[str, str]]:
        """Return a client with a session, and the header that its requests need."""
        client = self.client()
        answer = self.login(name, client=client)
        assert answer.status_code == 200, answer.text
        return client, bearer(answer)


def bearer(answer: TestResponse) -> dict[str, str]:
    return {"Authorization": f"Bearer {answer.get_json()['access_token']}"}


def csrf(client: FlaskClient) -> dict[str, str]:
    cookie = client.get_cookie("csrf_refresh_token")
    return {"X-CSRF-TOKEN": cookie.value if cookie else ""}


def refresh(client: FlaskClient) -> TestResponse:
    return client.post("/auth/v1/token", headers=csrf(client))


MakeAuth = Callable[..., Auth]


@pytest.fixture
def make_auth(servers: Servers, empty: None, tmp_path: Path) -> MakeAuth:
    """Make an auth API with some settings changed."""
    write_key(tmp_path, "key-1")

    def make(*, public_url: str = "http://127.0.0.1:8080", **changes: Any) -> Auth:
        usual: dict[str, Any] = {
            "api": ApiSettings(
                service="auth_api", log_level="INFO", public_url=public_url, title="Auth"
            ),
            "database": DatabaseSettings(
                url=servers.database_url("auth_api"), password=Secret("-")
            ),
            "database_pool": 4,
            "redis": RedisSettings(url=servers.redis_url(), password=Secret("-")),
            "signing_keys": tmp_path,
            "lifetimes": Lifetimes(),
            "passwords": PasswordSettings(memory_kib=64, passes=1, lanes=1),
            "failures": FailureLimits(),
        }
        return Auth(app=create_app(Settings(**(usual | changes))))

    return make


@pytest.fixture
def auth(make_auth: MakeAuth) -> Auth:
    return make_auth()
