"""TLS between services and servers: all of it verified, nothing without it, no way back to less."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from local_stack.certificates import Certificates
from tests.chaos.load import Load
from tests.containers.project import Project
from tests.containers.test_pgadmin import running, servers
from tests.profiled import cost
from tests.running_stack import wait_until

_FILES = "docker-compose.yml:docker-compose.internal-tls.yml"
_NODES = ("postgres-primary", "postgres-replica")
_PASSWORD = "PGPASSWORD=$(cat /run/secrets/postgres-pgpool)"
_REDIS = "REDISCLI_AUTH=$(cat /run/secrets/redis-operator) timeout 5 valkey-cli --user operator"
# Starts a service as gunicorn does, and asks it whether it is ready.
_READY = """
from auth_api.app import create_app
answer = create_app().test_client().get("/auth/v1/readyz")
print(answer.status_code, answer.text)
"""


@pytest.fixture(scope="module")
def secured(project: Project) -> Iterator[Project]:
    """The same project with TLS inside; afterwards without it again."""
    project.run("scripts/secrets", "--tls")
    secured = copy.copy(project)
    secured.environ = {**project.environ, "COMPOSE_FILE": _FILES, "MESSAGING_PROFILE": "1"}
    secured.up()
    yield secured
    project.up()
    wait_until(project.served.is_ready, 60)


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificate of another authority."""
    folder = tmp_path_factory.mktemp("stranger")
    Certificates(folder).make(now=datetime.now(UTC))
    folder.chmod(0o755)
    (folder / "internal-ca").chmod(0o444)
    return folder / "internal-ca"


def asking(statement: str, **options: str) -> str:
    """Return a command that asks a server of Postgres, by what the environment says of TLS."""
    told = {"user": "pgpool", "dbname": "postgres", **options}
    place = " ".join(f"{name}={value}" for name, value in told.items())
    return f'{_PASSWORD} psql -XqAt "{place}" -c "{statement}"'


def refusal(project: Project, service: str, script: str) -> str:
    """Return what a command inside a service complains of; it must fail."""
    command = ("docker", "compose", "exec", "-T", service, "sh", "-euc", script)
    done = project.run(*command, check=False)
    assert done.returncode != 0, done.stdout
    return done.stdout + done.stderr


def test_the_service_works_as_ever(secured: Project) -> None:
    load = Load(secured.served, people=2)
    with load.running():
        load.await_progress()
    load.check()
    told = secured.compose("run", "--rm", "-T", "operator", "events", "queues", "--json")
    assert len(json.loads(told)["partitions"]) == 16
    address = f"{secured.served.url}/flower/api/workers?refresh=1"
    auth = ("operator", secured.secret("flower"))
    wait_until(lambda: len(httpx.get(address, auth=auth, timeout=30).json()) == 2)
    assert "insecure" not in secured.compose("logs", "worker", "beat", "flower", "command-api")


def test_what_a_request_costs_is_told_through_nginx(secured: Project) -> None:
    answer = httpx.get(f"{secured.served.url}/query/v1/nowhere")
    assert answer.status_code == httpx.codes.NOT_FOUND
    assert cost(answer.headers).total > 0


@pytest.mark.parametrize("node", _NODES)
def test_every_connection_to_a_node_is_encrypted(secured: Project, node: str) -> None:
    statement = (
        "SELECT usename, ssl, version FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)"
        " WHERE usename IS NOT NULL AND backend_type IN ('client backend', 'walsender')"
    )
    found = secured.inside("pgpool", asking(statement, host=node)).splitlines()
    rows = {tuple(line.split("|")) for line in found}
    assert {row[1:] for row in rows} == {("t", "TLSv1.3")}
    expected = {"pgpool", "query_api"} | ({"replicator"} if node == _NODES[0] else set())
    assert expected <= {row[0] for row in rows}


@pytest.mark.parametrize("host", [*_NODES, "pgpool"])
def test_a_server_of_postgres_refuses_who_comes_without(secured: Project, host: str) -> None:
    told = refusal(secured, "pgpool", asking("SELECT 1", host=host, sslmode="disable"))
    assert "no encryption" in told or "SSL off" in told


def test_redis_hears_nobody_who_comes_without(secured: Project) -> None:
    assert "PONG" not in refusal(secured, "redis", f"{_REDIS} ping | grep PONG")
    verified = "--tls --cacert /run/secrets/internal-ca"
    assert secured.inside("redis", f"{_REDIS} {verified} ping").strip() == "PONG"


@pytest.mark.parametrize("host", [*_NODES, "pgpool"])
def test_a_server_of_another_authority_is_not_trusted(
    secured: Project, stranger: Path, host: str
) -> None:
    ask = asking("SELECT 1", host=host, sslrootcert="/tmp/stranger")
    script = f"cat >/tmp/stranger <<END\n{stranger.read_text()}\nEND\n{ask}"
    assert "certificate verify failed" in refusal(secured, "pgpool", script)


def test_a_server_is_trusted_under_its_own_name_alone(secured: Project) -> None:
    address = "address=$(getent hosts postgres-primary | cut -d ' ' -f 1)"
    script = f"{address}; {asking('SELECT 1', host='$address')}"
    assert "does not match host name" in refusal(secured, "pgpool", script)


def once(project: Project, stranger: Path, **settings: str) -> tuple[int, str]:
    """Start auth_api for one question, with some settings changed; return its end and its words."""
    settings = {"PROMETHEUS_MULTIPROC_DIR": "/tmp", **settings}
    given = [word for name, value in settings.items() for word in ("-e", f"{name}={value}")]
    command = ("docker", "compose", "run", "--rm", "-T", "--no-deps", "-v", f"{stranger}:/stranger")
    done = project.run(*command, *given, "auth-api", "python", "-c", _READY, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_service_with_the_wrong_authority_is_unready_and_says_why(
    secured: Project, stranger: Path
) -> None:
    redis = "rediss://auth_api@redis:6379/0?ssl_ca_certs=/stranger"
    ended, told = once(secured, stranger, PGSSLROOTCERT="/stranger", MESSAGING_REDIS_URL=redis)
    assert ended == 0, told
    assert "503 " in told
    lost = [json.loads(line) for line in told.splitlines() if '"part.unready"' in line]
    causes = {line["part"]: line["cause"] for line in lost}
    assert "certificate verify failed" in causes["database"]
    assert "certificate verify failed" in causes["redis"].lower()


def test_a_service_without_the_authority_does_not_start(secured: Project, stranger: Path) -> None:
    ended, told = once(secured, stranger, PGSSLROOTCERT="/nowhere")
    assert ended != 0
    assert "PGSSLROOTCERT: /nowhere holds no certificate that could be trusted" in told


def test_pgadmin_verifies_the_servers_too(secured: Project) -> None:
    with running(secured) as client:
        for group, server in servers(client).values():
            connected = client.post(f"browser/server/connect/{group}/{server}", json={})
            assert connected.status_code == httpx.codes.OK, connected.text
            known = client.get(f"browser/server/obj/{group}/{server}").json()
            assert "verify-full" in repr(known["connection_params"])
    # Else it would go on to expect TLS.
    secured.run("docker", "volume", "rm", f"{secured.environ['COMPOSE_PROJECT_NAME']}_pgadmin")
