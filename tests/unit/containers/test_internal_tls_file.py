"""What docker-compose.internal-tls.yml promises: no way to a server is left out."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # it has no types

from local_stack.certificates import Certificates
from runtime.redis_address import RedisAddress
from tests.unit.containers.test_compose_file import ROOT, SERVICES

_FILE = ROOT / "docker-compose.internal-tls.yml"
OVERLAY: dict[str, Any] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
CHANGED: dict[str, dict[str, Any]] = OVERLAY["services"]
_AUTHORITY = "/run/secrets/internal-ca"
# Who speaks to Postgres or PGPool by libpq; the operator's verb by its own setting.
_LIBPQ = {
    *(
        name
        for name in SERVICES
        if "MESSAGING_DATABASE_URL" in SERVICES[name].get("environment", ())
    ),
    *("backup", "migrate", "pgpool", "postgres-primary", "postgres-replica"),
}


def test_it_changes_services_that_there_are() -> None:
    assert set(CHANGED) <= set(SERVICES)


@pytest.mark.parametrize("name", sorted(_LIBPQ))
def test_who_speaks_to_postgres_verifies_it(name: str) -> None:
    environment = CHANGED[name]["environment"]
    assert environment["PGSSLMODE"] == "verify-full"
    assert environment["PGSSLROOTCERT"] == _AUTHORITY
    assert "internal-ca" in CHANGED[name]["secrets"]


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_who_speaks_to_redis_verifies_it_and_is_who_he_was(name: str) -> None:
    for variable, url in SERVICES[name].get("environment", {}).items():
        if not str(url).startswith("redis://"):
            continue
        before = RedisAddress.parse(url)
        now = RedisAddress.parse(CHANGED[name]["environment"][variable])
        assert (now.tls, now.authorities) == (True, _AUTHORITY)
        assert (now.host, now.user, now.database) == (before.host, before.user, before.database)


def test_the_operator_verifies_both() -> None:
    assert CHANGED["operator"]["environment"]["MESSAGING_OPERATOR_CA"] == _AUTHORITY


def test_its_secrets_are_those_that_are_made_but_for_the_authority_s_key(tmp_path: Path) -> None:
    Certificates(tmp_path).make(now=dt.datetime.now(dt.UTC))
    made = {path.name for path in tmp_path.iterdir()}
    assert set(OVERLAY["secrets"]) == made - {"internal-ca-key"}
    handed = {secret for service in CHANGED.values() for secret in service["secrets"]}
    assert handed == set(OVERLAY["secrets"])


@pytest.mark.parametrize("server", ["postgres", "pgpool", "redis"])
def test_a_server_s_key_is_its_own(server: str) -> None:
    holders = {name for name in CHANGED if f"internal-{server}-key" in CHANGED[name]["secrets"]}
    assert {name.removesuffix("-primary").removesuffix("-replica") for name in holders} == {server}
