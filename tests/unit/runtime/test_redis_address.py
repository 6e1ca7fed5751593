"""Addresses of Redis: in clear or by TLS that is verified, nothing between."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from redis import SSLConnection

from local_stack.certificates import Certificates
from runtime.errors import SettingsError
from runtime.redis_address import RedisAddress, check_authorities
from runtime.redis_client import connect
from runtime.redis_profiling import ProfiledTlsConnection
from runtime.settings import BrokerSettings, ProfileSettings, Reader, RedisSettings, Secret

pytestmark = pytest.mark.unit


@pytest.fixture
def authorities(tmp_path: Path) -> Path:
    Certificates(tmp_path).make(now=dt.datetime.now(dt.UTC))
    return tmp_path / "internal-ca"


def test_an_address_in_clear_has_no_options_of_tls() -> None:
    address = RedisAddress.parse("redis://worker@redis:6380/1")
    assert (address.host, address.port, address.database) == ("redis", 6380, 1)
    assert address.user == "worker"
    assert address.tls_options == {}


@pytest.mark.parametrize(
    ("query", "trusted"), [("", None), ("?ssl_ca_certs=/run/secrets/a%20b", "/run/secrets/a b")]
)
def test_an_address_by_tls_verifies_certificate_and_name(query: str, trusted: str | None) -> None:
    options = RedisAddress.parse(f"rediss://worker@redis:6379/0{query}").tls_options
    assert options == {
        "ssl_cert_reqs": "required",
        "ssl_check_hostname": True,
        "ssl_ca_certs": trusted,
    }


@pytest.mark.parametrize(
    "url",
    [
        "http://redis:6379/0",
        "redis://redis:6379/0?ssl_ca_certs=/ca",
        "rediss://redis:6379/0?ssl_cert_reqs=none",
        "rediss://redis:6379/0?ssl_check_hostname=false",
        "redis://redis:6379/0?db=3",
    ],
)
def test_an_address_that_asks_for_less_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="no address of a Redis"):
        RedisAddress.parse(url)


@pytest.mark.parametrize("profiled", [False, True])
def test_a_client_connects_as_the_address_says(authorities: Path, profiled: bool) -> None:
    settings = RedisSettings(
        url=f"rediss://worker@redis:6379/0?ssl_ca_certs={authorities}",
        password=Secret("-"),
        profile=ProfileSettings(enabled=profiled),
    )
    pool = connect(settings).connection_pool
    connection = pool.make_connection()
    assert type(connection) is (ProfiledTlsConnection if profiled else SSLConnection)
    assert connection.check_hostname
    assert connection.ca_certs == str(authorities)


@pytest.mark.parametrize("variable", ["MESSAGING_REDIS_URL", "MESSAGING_BROKER_URL"])
@pytest.mark.parametrize("content", [None, "", "not a certificate"])
def test_a_missing_or_broken_authority_is_named_at_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, content: str | None
) -> None:
    file, password = tmp_path / "ca", tmp_path / "password"
    password.write_text("secret")
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv(variable, f"rediss://worker@redis:6379/0?ssl_ca_certs={file}")
    monkeypatch.setenv("MESSAGING_REDIS_PASSWORD_FILE", str(password))
    group = RedisSettings if variable == "MESSAGING_REDIS_URL" else BrokerSettings
    with pytest.raises(SettingsError, match=f"{variable}: {file} holds no certificate"):
        group.read(Reader())


def test_a_good_authority_passes_and_so_does_none(authorities: Path) -> None:
    check_authorities(str(authorities), name="MESSAGING_REDIS_URL")
    check_authorities(None, name="MESSAGING_REDIS_URL")


def test_the_same_goes_for_postgres(monkeypatch: pytest.MonkeyPatch, authorities: Path) -> None:
    plain = "postgresql+psycopg2://worker@pgpool:5432/messaging"
    missing = authorities.with_name("none")
    monkeypatch.setenv("MESSAGING_DATABASE_URL", plain)
    monkeypatch.setenv("PGSSLROOTCERT", str(authorities))
    assert Reader().database_url("MESSAGING_DATABASE_URL") == plain
    monkeypatch.setenv("PGSSLROOTCERT", "system")
    assert Reader().database_url("MESSAGING_DATABASE_URL") == plain
    monkeypatch.setenv("PGSSLROOTCERT", str(missing))
    with pytest.raises(SettingsError, match=f"PGSSLROOTCERT: {missing}"):
        Reader().database_url("MESSAGING_DATABASE_URL")
    monkeypatch.delenv("PGSSLROOTCERT")
    given = f"{plain}?sslmode=verify-full&sslrootcert={missing}"
    monkeypatch.setenv("MESSAGING_DATABASE_URL", given)
    with pytest.raises(SettingsError, match=f"MESSAGING_DATABASE_URL: {missing}"):
        Reader().database_url("MESSAGING_DATABASE_URL")
