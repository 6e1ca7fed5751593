"""The local stack as it runs: status, routing, rights, and what a killed process leaves."""

from __future__ import annotations

import datetime as dt
import json
import os
import stat
import subprocess
from pathlib import Path

import httpx
import psycopg2
import pytest
from redis.exceptions import AuthenticationError, NoPermissionError

from local_stack import accounts, services
from tests.running_stack import RunningStack, wait_until

pytestmark = pytest.mark.stack


_READABLE = 'while IFS= read -r name; do if [ -r "$name" ]; then echo "$name"; fi; done'


def test_every_service_runs(stack: RunningStack) -> None:
    status = stack.status()
    assert set(status) == {"services", "url"}
    assert status["url"] == stack.url
    assert [s["name"] for s in status["services"]] == list(services.NAMES)
    for service in status["services"]:
        assert set(service) == {"name", "pid", "state", "port", "since"}
        assert service["state"] == "running"
        os.kill(service["pid"], 0)
        since = dt.datetime.strptime(service["since"], "%Y-%m-%dT%H:%M:%SZ").astimezone()
        assert since < dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1)
    assert stack.messaging("status").returncode == 0


def test_a_second_up_changes_nothing_and_says_the_same(stack: RunningStack) -> None:
    before = stack.status()
    first, second = stack.up(), stack.up()
    assert first == second
    assert stack.url in first
    assert stack.status() == before


def test_secrets_are_for_their_owner_only(stack: RunningStack) -> None:
    secrets = [p for p in (stack.state / "secrets").rglob("*") if p.is_file()]
    assert len(secrets) > 15
    for path in secrets:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE(stack.state.stat().st_mode) & 0o007 == 0


def test_no_secret_is_in_a_command_line_or_environment(stack: RunningStack) -> None:
    secrets = {
        path.read_text().strip() for path in (stack.state / "secrets").iterdir() if path.is_file()
    }
    for service in stack.status()["services"]:
        process = Path("/proc", str(service["pid"]))
        told = (process / "cmdline").read_text() + (process / "environ").read_text()
        assert not [secret for secret in secrets if secret in told], service["name"]


def test_each_service_is_told_only_its_own_settings(stack: RunningStack) -> None:
    def told(name: str) -> set[str]:
        environ = Path("/proc", str(stack.pid(name)), "environ").read_text()
        return {entry.split("=")[0] for entry in environ.split("\0")}

    assert "MESSAGING_COMMAND_RATE" in told("command_api")
    assert "MESSAGING_COMMAND_RATE" not in told("query_api") | told("auth_api") | told("worker-1")
    assert "MESSAGING_SIGNING_KEYS_DIR" in told("auth_api")
    assert "MESSAGING_SIGNING_KEYS_DIR" not in told("command_api") | told("query_api")
    assert "MESSAGING_DATABASE_URL" not in told("flower")
    assert "MESSAGING_BROKER_URL" in told("beat")
    assert not {n for n in told("beat") if n.startswith("MESSAGING_DATABASE")}
    assert "MESSAGING_REDIS_URL" not in told("beat")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can and must switch users")
def test_as_root_the_servers_run_as_nobody_and_nginx_as_another(stack: RunningStack) -> None:
    gateway = accounts.for_gateway()
    assert gateway is not None
    servers = ("primary", "replica", "redis", "pgpool", "pgpool_watch")
    uids = dict.fromkeys(servers, 65534) | {"nginx": gateway.uid}
    assert gateway.uid not in {0, 65534}
    for service in stack.status()["services"]:
        process = Path("/proc", str(service["pid"]))
        assert process.stat().st_uid == uids.get(service["name"], 0), service["name"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can and must switch users")
def test_as_root_nginx_can_read_nothing_of_the_servers_or_of_ours(stack: RunningStack) -> None:
    gateway = accounts.for_gateway()
    assert gateway is not None
    folders = (stack.state, stack.servers)
    files = {path for folder in folders for path in folder.rglob("*") if path.is_file()}
    told = subprocess.run(
        ["/bin/sh", "-c", _READABLE],
        input="".join(f"{path}\n" for path in files),
        user=gateway.uid,
        group=gateway.gid,
        extra_groups=[],
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    readable = {Path(name) for name in told.stdout.splitlines()}
    assert stack.servers / "pgpool/pool_passwd" in files
    assert stack.servers / "nginx/nginx.conf" in readable
    outside = {path for path in readable if stack.servers / "nginx" not in path.parents}
    # Copies of the servers' programs hold no secret.
    assert not {path for path in outside if stack.servers / "programs" not in path.parents}


@pytest.mark.parametrize(
    ("application_name", "server"), [("api-write", "primary"), ("query-api", "replica")]
)
def test_pgpool_sends_writers_to_the_primary_and_readers_to_the_replica(
    stack: RunningStack, application_name: str, server: str
) -> None:
    # Not pg_is_in_recovery(): it is volatile, and PGPool sends volatile functions to the primary.
    connection = stack.connect("query_api", server="pgpool", application_name=application_name)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT inet_server_port()")
            assert cursor.fetchone() == (stack.record["ports"][server],)
    finally:
        connection.close()


def test_the_replica_streams_over_its_slot(stack: RunningStack) -> None:
    connection = stack.connect("postgres")
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT application_name, state FROM pg_stat_replication")
            assert cursor.fetchall() == [("standby1", "streaming")]
            cursor.execute("SELECT slot_name, active FROM pg_replication_slots")
            assert cursor.fetchall() == [("standby1", True)]
    finally:
        connection.close()


@pytest.mark.parametrize("server", ["primary", "replica", "pgpool"])
def test_postgres_wants_the_password(stack: RunningStack, server: str) -> None:
    dsn = stack.dsn("query_api", server=server)
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.connect(dsn.replace(stack.password("database", "query_api"), "wrong"))


_ALLOWED = [
    ("auth_api", "SET", "failures:account:x", "1", "EX", "5"),
    ("auth_api", "INCR", "failures:address:x"),
    ("auth_api", "SET", "revoked:x", "1", "EX", "5"),
    ("command_api", "MGET", "revoked:epoch", "revoked:x"),
    ("command_api", "HGET", "queue:state", "epoch"),
    ("command_api", "MGET", "name:x", "name:y"),
    ("command_api", "SET", "name:x", "1", "EX", "5"),
    ("command_api", "DEL", "name:x"),
    ("command_api", "FCALL", "recall", "1", "idempotency:a:b", "fingerprint"),
    ("query_api", "GET", "heartbeat:workers"),
    ("query_api", "MGET", "revoked:epoch", "revoked:x"),
    ("query_api", "PING"),
    ("worker", "PUBLISH", "messaging.applied", "nonsense"),
    ("worker", "XRANGE", "queue:0", "-", "+", "COUNT", "1"),
    ("worker", "SET", "heartbeat:test", "1", "EX", "1"),
    ("worker", "SET", "revoked:x", "1", "EX", "5"),
    ("worker", "GET", "revoked:epoch"),
    ("worker", "PEXPIRE", "bell:x", "1"),
    ("worker", "INFO", "memory"),
    ("beat", "SMEMBERS", "_kombu.binding.sweeps"),
    ("flower", "LLEN", "events.0"),
    ("operator", "SET", "revoked:x", "1", "EX", "5"),
    ("operator", "HGETALL", "queue:numbers"),
    ("operator", "XRANGE", "queue:0", "-", "+", "COUNT", "1"),
    ("operator", "TIME"),
]
_USERS = ("auth_api", "command_api", "query_api", "worker", "beat", "flower", "operator")
# What only an administrator does; some of it lets its user do everything else.
_NEVER = [
    ("FLUSHALL",),
    ("FLUSHDB",),
    ("SWAPDB", "0", "1"),
    ("CONFIG", "GET", "*"),
    ("CONFIG", "SET", "dir", "/"),
    ("KEYS", "*"),
    ("SCAN", "0"),
    ("ACL", "LIST"),
    ("ACL", "SETUSER", "default", "on", "nopass", "+@all", "~*"),
    ("FUNCTION", "FLUSH"),
    ("FUNCTION", "LIST"),
    ("FUNCTION", "DELETE", "messaging"),
    ("SHUTDOWN",),
    ("MONITOR",),
    ("REPLICAOF", "NO", "ONE"),
    ("CLIENT", "LIST"),
    ("MODULE", "LIST"),
    ("BGREWRITEAOF",),
    ("GET", "secret"),
    ("SET", "queue:0", "x"),
    ("DEL", "queue:0"),
    ("RENAME", "queue:0", "queue:1"),
    ("COPY", "queue:0", "bell:0"),
    ("UNLINK", "queue:0"),
    ("EXPIRE", "queue:0", "1"),
    ("RESTORE", "queue:0", "0", "x", "REPLACE"),
    ("XDEL", "queue:0", "1-1"),
    ("EVAL", "return redis.call('GET', KEYS[1])", "1", "queue:0"),
]
_FORBIDDEN = [
    ("auth_api", "GET", "queue:state"),
    ("auth_api", "XADD", "queue:0", "*", "a", "b"),
    ("auth_api", "EVAL", "return 1", "0"),
    ("auth_api", "LPUSH", "events.0", "x"),
    ("command_api", "SET", "revoked:x", "1"),
    ("command_api", "GET", "failures:account:x"),
    ("command_api", "XTRIM", "queue:0", "MAXLEN", "0"),
    ("command_api", "XRANGE", "queue:0", "-", "+"),
    ("command_api", "HSET", "queue:state", "epoch", "1"),
    ("command_api", "HSET", "queue:numbers", "0", "1"),
    ("command_api", "HSET", "queue:applied", "0", "1"),
    ("command_api", "HINCRBY", "queue:state", "epoch", "1"),
    ("command_api", "SET", "queue:state", "1"),
    ("command_api", "DEL", "queue:state"),
    ("command_api", "DEL", "idempotency:a:b"),
    ("command_api", "SET", "heartbeat:workers", "1"),
    ("command_api", "MGET", "name:x", "idempotency:a:b"),
    ("command_api", "DEL", "name:x", "queue:0"),
    ("query_api", "GET", "name:x"),
    ("auth_api", "SET", "name:x", "1"),
    ("worker", "SET", "name:x", "1"),
    ("operator", "GET", "name:x"),
    ("command_api", "FUNCTION", "LOAD", "REPLACE", "#!lua name=messaging"),
    ("command_api", "FCALL", "recall", "1", "failures:account:x", "fingerprint"),
    ("command_api", "EVAL", "return 1", "0"),
    ("command_api", "RPOP", "events.0"),
    ("query_api", "SET", "revoked:x", "1"),
    ("query_api", "GET", "idempotency:a:b"),
    ("query_api", "XLEN", "queue:0"),
    ("query_api", "LPUSH", "events.0", "x"),
    ("query_api", "PUBLISH", "messaging.applied", "x"),
    ("query_api", "SUBSCRIBE", "/1.celery.pidbox"),
    ("query_api", "PSUBSCRIBE", "*"),
    ("worker", "PUBLISH", "elsewhere", "x"),
    ("flower", "SUBSCRIBE", "messaging.applied"),
    ("query_api", "FCALL", "recall", "1", "idempotency:a:b", "fingerprint"),
    ("worker", "GET", "idempotency:a:b"),
    ("worker", "GET", "rate:x"),
    ("worker", "GET", "revoked:x"),
    ("worker", "DEL", "revoked:x"),
    ("worker", "GET", "failures:account:x"),
    ("worker", "FCALL", "recall", "1", "idempotency:a:b", "fingerprint"),
    ("worker", "SET", "queue:state", "1"),
    ("worker", "DEL", "queue:numbers"),
    ("worker", "HDEL", "queue:numbers", "0"),
    ("worker", "XGROUP", "CREATE", "queue:0", "g", "0"),
    ("beat", "RPOP", "sweeps"),
    ("beat", "LPUSH", "events.0", "x"),
    ("beat", "GET", "heartbeat:workers"),
    ("beat", "SET", "heartbeat:workers", "1"),
    ("beat", "XRANGE", "queue:0", "-", "+"),
    ("beat", "PUBLISH", "/1.celery.pidbox", "x"),
    ("beat", "INFO"),
    ("flower", "HGET", "queue:state", "epoch"),
    ("flower", "XLEN", "queue:0"),
    ("flower", "LPUSH", "events.0", "x"),
    ("operator", "GET", "revoked:x"),
    ("operator", "DEL", "revoked:x"),
    ("operator", "SET", "queue:state", "1"),
    ("operator", "XADD", "queue:0", "*", "a", "b"),
    ("operator", "LPUSH", "events.0", "x"),
    ("operator", "HSET", "queue:numbers", "0", "1"),
    ("operator", "HGETALL", "queue:state"),
    ("operator", "XTRIM", "queue:0", "MAXLEN", "0"),
    ("operator", "SET", "bell:0", "1"),
    ("operator", "FCALL", "recall", "1", "idempotency:a:b", "fingerprint"),
    *((user, *command) for user in _USERS for command in _NEVER),
]


def test_the_query_api_hears_what_a_worker_publishes(stack: RunningStack) -> None:
    with stack.redis("query_api") as listener, stack.redis("worker") as worker:
        subscription = listener.pubsub(ignore_subscribe_messages=True)
        subscription.subscribe("messaging.applied")
        subscription.get_message(timeout=5)
        assert worker.publish("messaging.applied", "nonsense") >= 1
        message = None
        while message is None or message["data"] != "nonsense":
            message = subscription.get_message(timeout=5)
            assert message, "it was not heard"
        subscription.close()


@pytest.mark.parametrize("call", _ALLOWED, ids=" ".join)
def test_each_redis_user_may_do_its_work(stack: RunningStack, call: tuple[str, ...]) -> None:
    user, *command = call
    with stack.redis(user) as client:
        client.execute_command(*command)


@pytest.mark.parametrize("call", _FORBIDDEN, ids=" ".join)
def test_no_redis_user_may_do_more(stack: RunningStack, call: tuple[str, ...]) -> None:
    user, *command = call
    with stack.redis(user) as client, pytest.raises(NoPermissionError):
        client.execute_command(*command)


def test_redis_refuses_strangers(stack: RunningStack) -> None:
    with stack.redis("query_api") as client:
        client.connection_pool.connection_kwargs["password"] = "wrong"
        with pytest.raises(AuthenticationError):
            client.ping()


def test_logs_names_its_choices(stack: RunningStack) -> None:
    done = stack.messaging("logs", "nothing")
    assert done.returncode == 1
    assert "worker-1" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert stack.messaging("logs", "primary", "-n", "2").stdout.count("\n") == 2


def test_the_access_log_is_json_without_secrets(stack: RunningStack) -> None:
    answer = httpx.get(
        f"{stack.url}/query/v1/unread?token=geheim",
        headers={
            "Authorization": "Bearer geheim",
            "Cookie": "c=geheim",
            "X-Request-ID": "log-test",
        },
    )
    assert answer.status_code == 401
    log = stack.state / "logs/nginx.log"
    wait_until(lambda: "log-test" in log.read_text())
    assert "geheim" not in log.read_text()
    (line,) = [json.loads(line) for line in log.read_text().splitlines() if "log-test" in line]
    assert line["path"] == "/query/v1/unread"
    assert line["status"] == 401
