"""What is written for the servers and for supervisor."""

from __future__ import annotations

import configparser
import errno
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local_stack import accounts, environments, nginx, pgpool, services, settings, status, templates
from local_stack.accounts import Account
from local_stack.binaries import Binaries
from local_stack.context import Context, PgpoolProgram
from local_stack.errors import StackError, explain
from local_stack.pgpool_package import _packages
from local_stack.record import Record
from local_stack.state import State
from local_stack.supervisor import configuration
from query_api.settings import WaitSettings
from tests.unit.recording import recorded

pytestmark = pytest.mark.unit

_NAMES = (
    *("nginx", "primary", "replica", "redis", "pgpool", "pgpool_admin"),
    *("auth_api", "command_api", "query_api", "flower"),
    *("query_stream", "worker-1", "worker-2"),
)

_TOLD: dict[str, Callable[[Context], dict[str, str]]] = {
    "auth_api": lambda context: environments.of_api(context, "auth_api"),
    "command_api": lambda context: environments.of_api(context, "command_api"),
    "query_api": lambda context: environments.of_api(context, "query_api"),
    "query_stream": environments.of_streams,
    "workers": lambda context: environments.of_worker(context, "worker-1"),
    "beat": environments.of_beat,
    "flower": environments.of_flower,
}


def _context(
    *, pgpool: bool = True, public: int = 8000, gateway: Account | None = None, **made: str
) -> Context:
    record = Record(
        identity="id",
        uid=0,
        event_partitions=16,
        ports={name: 8000 + number for number, name in enumerate(_NAMES)} | {"nginx": public},
        servers="servers",
        sockets="servers/sockets",
        settings=made,
    )
    return Context(
        state=State(Path("/some where"), record),
        account=None,
        gateway=gateway,
        binaries=Binaries(postgres=Path("/pg"), valkey=Path("/valkey"), nginx=Path("/nginx")),
        pgpool=PgpoolProgram(path="/pgpool") if pgpool else None,
    )


def test_only_braced_capitals_are_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(templates, "OPS", tmp_path)
    (tmp_path / "conf").write_text("listen ${PORT}; set $uri ${uri} $PORT;")
    assert templates.render("conf", {"PORT": 80}) == "listen 80; set $uri ${uri} $PORT;"
    with pytest.raises(KeyError):
        templates.render("conf", {})


def test_what_another_release_started_is_not_taken_over() -> None:
    services.check_known(_context(), services.NAMES)
    with pytest.raises(StackError, match="down, then up"):
        services.check_known(_context(), services.NAMES[1:])


def test_the_services_are_those_that_status_lists() -> None:
    assert [s.name for s in services.every(_context())] == list(services.NAMES)
    without = [s.name for s in services.every(_context(pgpool=False))]
    assert without == [name for name in services.NAMES if name not in pgpool.NAMES]


def test_supervisors_configuration_names_no_path_of_the_users() -> None:
    text = configuration(
        services.every(_context()), socket_path=Path("/run/100%/s.sock"), autostart=False
    )
    assert "/some where" not in text
    parsed = configparser.ConfigParser()
    parsed.read_string(text)
    assert parsed["unix_http_server"]["file"] == "/run/100%/s.sock"
    programs = [name for name in parsed.sections() if name.startswith("program:")]
    assert len(programs) == len(services.NAMES)
    for name in programs:
        assert parsed[name]["autostart"] == "false"
        assert parsed[name]["autorestart"] == "true"
    assert parsed["program:primary"]["stopsignal"] == "INT"
    assert parsed["program:nginx"]["stopsignal"] == "QUIT"


def test_servers_start_before_those_who_use_them_and_nginx_last() -> None:
    wave = {service.name: service.wave for service in services.every(_context())}
    assert wave["primary"] < wave["replica"] < wave["pgpool"] < wave["query_api"] < wave["nginx"]
    assert wave["redis"] < wave["worker-1"]


def test_no_secret_is_on_a_command_line_or_in_an_environment() -> None:
    for service in services.every(_context()):
        words = [*service.command, *service.environment.values()]
        assert not [word for word in words if "password=" in word.lower()], service.name
        for name, value in service.environment.items():
            if "PASSWORD" in name or "KEY" in name:
                assert value.startswith("/some where/secrets/"), name


@pytest.mark.parametrize("name", ["auth_api", "command_api", "query_api"])
def test_an_api_connects_as_its_own_role_through_pgpool(name: str) -> None:
    told = environments.of_api(_context(), name)
    assert (
        told["MESSAGING_DATABASE_URL"] == f"postgresql+psycopg2://{name}@127.0.0.1:8004/messaging"
    )
    assert told["MESSAGING_REDIS_URL"] == f"redis://{name}@127.0.0.1:8003/0"
    assert told["MESSAGING_SERVICE"] == name


def test_without_pgpool_readers_go_to_the_replica_and_writers_to_the_primary() -> None:
    context = _context(pgpool=False)
    reader = environments.of_api(context, "query_api")
    assert ":8002/" in reader["MESSAGING_DATABASE_URL"]
    for writer in (
        environments.of_api(context, "command_api"),
        environments.of_worker(context, "worker-1"),
    ):
        assert ":8001/" in writer["MESSAGING_DATABASE_URL"]


def test_a_setting_reaches_whom_it_concerns() -> None:
    context = _context(MESSAGING_COMMAND_RATE="7", MESSAGING_LOGIN_WINDOW="8")
    command = environments.of_api(context, "command_api")
    auth = environments.of_api(context, "auth_api")
    assert command["MESSAGING_COMMAND_RATE"] == "7"
    assert "MESSAGING_COMMAND_RATE" not in auth
    assert auth["MESSAGING_LOGIN_WINDOW"] == "8"
    assert "MESSAGING_LOGIN_WINDOW" not in command


@pytest.mark.parametrize("process", sorted(_TOLD))
def test_a_process_is_told_what_it_reads_of_what_up_takes(process: str) -> None:
    asked = recorded()[process]
    # Streams are query_stream's; Flower sends no canaries.
    unused = {"query_api": set(settings.STREAMS), "flower": set(settings.CANARY)}
    taken = set(asked) & set(settings.FORMS) - unused.get(process, set())
    made: dict[str, Any] = dict.fromkeys(taken, "9")
    told = _TOLD[process](_context(**made))
    assert {name for name in taken if told.get(name) != "9"} == set()
    assert {name for name, each in asked.items() if each.default is None} <= set(told)


def test_workers_know_how_long_access_tokens_live_and_no_more_of_sessions() -> None:
    context = _context(MESSAGING_ACCESS_LIFETIME="60", MESSAGING_SESSION_IDLE="70")
    worker = environments.of_worker(context, "worker-1")
    assert worker["MESSAGING_ACCESS_LIFETIME"] == "60"
    assert "MESSAGING_SESSION_IDLE" not in worker


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MESSAGING_AUTH_RATE", "many"),
        ("MESSAGING_AUTH_RATE", "0"),
        ("MESSAGING_AUTH_BURST", "1; include /etc/passwd"),
        ("MESSAGING_LOG_LEVEL", "LOUD"),
        ("MESSAGING_PROFILE", "yes"),
        ("MESSAGING_PROFILE_SLOW_MS", "-1"),
        ("MESSAGING_PUBLIC_URL", "chat.example"),
        ("MESSAGING_REDIS_MEMORY", "much"),
    ],
)
def test_an_unusable_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(StackError, match=name):
        settings.read({name: value})


def test_settings_of_nobody_are_left_alone() -> None:
    assert settings.read({"MESSAGING_AUTH_RATE": "5", "HOME": "/", "MESSAGING_STATE": "/x"}) == {
        "MESSAGING_AUTH_RATE": "5"
    }


def test_a_stack_that_is_not_there_is_stopped(tmp_path: Path) -> None:
    told = status.of({"MESSAGING_STATE": str(tmp_path / "none"), "MESSAGING_PORT": "9999"})
    assert not told.all_run
    assert told.as_dict()["url"] == "http://127.0.0.1:9999"
    assert [entry["name"] for entry in told.as_dict()["services"]] == list(services.NAMES)
    assert told.as_dict()["services"][0] == {
        "name": "primary",
        "pid": None,
        "state": "stopped",
        "port": None,
        "since": None,
    }
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("number", "said"),
    [(errno.ENOSPC, "disk is full"), (errno.EACCES, "No permission"), (errno.EIO, "error")],
)
def test_an_error_of_the_system_says_the_mend_in_one_line(number: int, said: str) -> None:
    text = str(explain(OSError(number, "Input/output error", "/data")))
    assert said in text
    assert "/data" in text
    assert "\n" not in text


def test_only_pgpool_and_its_libraries_are_downloaded() -> None:
    plan = """NOTE: This is only a simulation!
Inst libpgpool2 (4.3.5-1 Debian:12 [amd64])
Inst libdbi-perl (1.6 Debian:12 [amd64])
Inst postgresql-common (248 Debian:12 [all])
Inst pgpool2 (4.3.5-1 Debian:12 [amd64])
Conf libpgpool2 (4.3.5-1 Debian:12 [amd64])
"""
    assert _packages(plan) == ["pgpool2", "libpgpool2"]


def test_beat_knows_the_broker_and_nothing_else() -> None:
    told = environments.of_beat(_context())
    assert told["MESSAGING_BROKER_URL"] == "redis://beat@127.0.0.1:8003/1"
    assert told["MESSAGING_REDIS_PASSWORD_FILE"].endswith("/redis-beat")
    assert "MESSAGING_REDIS_URL" not in told
    assert not [name for name in told if "DATABASE" in name]


def test_nginx_runs_as_a_user_of_its_own_also_where_it_must_start_as_root() -> None:
    gateway = Account(name="www-data", uid=33, gid=0)
    above = nginx.service(_context(gateway=gateway))
    assert above.account == gateway
    assert "-g" not in above.command
    below = nginx.service(_context(gateway=gateway, public=80))
    assert below.account is None
    assert below.command[-2:] == ("-g", "user www-data root;")
    nameless = Account(name="", uid=65533, gid=0)
    assert nginx.service(_context(gateway=nameless)).account == nameless
    with pytest.raises(StackError, match="www-data"):
        nginx.service(_context(gateway=nameless, public=80))


def test_the_gateways_user_is_nobody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    servers = Account(name="nobody", uid=65534, gid=65534)
    monkeypatch.setattr(accounts, "for_servers", lambda: servers)
    monkeypatch.setattr(accounts, "_GATEWAYS", ("no such user",))
    assert accounts.for_gateway() == Account(name="", uid=65533, gid=65534)
    monkeypatch.setattr(accounts, "for_servers", lambda: None)
    assert accounts.for_gateway() is None


def test_canaries_may_be_switched_off_for_all_that_they_concern() -> None:
    assert settings.read({"MESSAGING_CANARY_SECONDS": "0"}) == {"MESSAGING_CANARY_SECONDS": "0"}
    context = _context(MESSAGING_CANARY_SECONDS="0")
    for told in (
        environments.of_beat(context),
        environments.of_worker(context, "worker-2"),
        environments.of_api(context, "query_api"),
    ):
        assert told["MESSAGING_CANARY_SECONDS"] == "0"
    assert "MESSAGING_CANARY_SECONDS" not in environments.of_api(context, "command_api")
    with pytest.raises(StackError, match="MESSAGING_CANARY_SECONDS"):
        settings.read({"MESSAGING_CANARY_SECONDS": "-1"})


def test_each_service_keeps_its_metrics_apart() -> None:
    context = _context()
    apis = [environments.of_api(context, name) for name in ("auth_api", "command_api", "query_api")]
    folders = {
        told["PROMETHEUS_MULTIPROC_DIR"] for told in (*apis, environments.of_streams(context))
    }
    assert len(folders) == 4
    ports = {
        environments.of_worker(context, name)["MESSAGING_METRICS_PORT"]
        for name in ("worker-1", "worker-2")
    }
    assert len(ports) == 2
    assert "PROMETHEUS_MULTIPROC_DIR" not in environments.of_worker(context, "worker-1")


@pytest.mark.parametrize(
    ("profile", "shown", "processes"), [("1", "20", 1), ("1", "0", 2), ("0", "20", 2), ("", "", 2)]
)
def test_an_api_whose_page_shows_its_requests_is_one_process(
    monkeypatch: pytest.MonkeyPatch, profile: str, shown: str, processes: int
) -> None:
    context = _context(MESSAGING_PROFILE=profile, MESSAGING_PROFILE_SHOWN=shown)
    (service,) = [one for one in services.every(context) if one.name == "command_api"]
    for name, value in service.environment.items():
        monkeypatch.setenv(name, value)
    told = runpy.run_path(str(templates.OPS / "gunicorn/gunicornconfig.py"))
    assert told["workers"] == processes


def test_at_most_half_of_the_threads_of_the_query_api_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (service,) = [one for one in services.every(_context()) if one.name == "query_api"]
    for name, value in service.environment.items():
        monkeypatch.setenv(name, value)
    told = runpy.run_path(str(templates.OPS / "gunicorn/gunicornconfig.py"))
    assert 2 * WaitSettings().limit <= told["threads"]
