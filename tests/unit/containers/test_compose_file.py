"""What docker-compose.yml promises, as far as it can be read without an engine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # it has no types

from local_stack import settings
from local_stack.credentials import Credentials

ROOT = Path(__file__).resolve().parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
APIS = {"auth-api", "command-api", "query-api", "query-stream"}
OUR_OWN = {*APIS, "waiting-room", "worker", "beat", "flower"}
ROOTLESS_IMAGES = {"migrate", "operator", "pgpool", *OUR_OWN}


def test_nginx_alone_is_published_and_alone_has_a_way_out() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["nginx"]
    open_ones = {name for name, network in COMPOSE["networks"].items() if "internal" not in network}
    assert open_ones == {"public"}
    assert [name for name, service in SERVICES.items() if "public" in service["networks"]] == [
        "nginx"
    ]


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_has_limits_a_bounded_log_and_no_privileges(name: str) -> None:
    service = SERVICES[name]
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "3"}
    assert service["restart"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is (name != "pgadmin")
    assert not {"privileged", "cap_add", "network_mode", "pid"} & set(service)


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_no_service_runs_as_root(name: str) -> None:
    if name in ROOTLESS_IMAGES:
        assert "user" not in SERVICES[name]
    else:
        assert SERVICES[name]["user"] not in {"root", "0", 0}


@pytest.mark.parametrize("path", ["Dockerfile", "ops/pgpool/Dockerfile"])
def test_our_images_end_as_another_user_than_root(path: str) -> None:
    users = re.findall(r"^USER (\S+)$", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)
    assert users
    assert re.fullmatch(r"[1-9][0-9]+:[1-9][0-9]+", users[-1])


def test_the_secrets_are_those_that_are_made(tmp_path: Path) -> None:
    Credentials(tmp_path).make(pages=True)
    made = {path.name for path in tmp_path.iterdir() if path.is_file()}
    assert set(COMPOSE["secrets"]) == made
    assert {
        secret for service in SERVICES.values() for secret in service.get("secrets", ())
    } == made


@pytest.mark.parametrize("name", sorted(OUR_OWN))
def test_a_service_of_ours_is_handed_the_secrets_that_its_environment_names(name: str) -> None:
    service = SERVICES[name]
    named = [str(value) for value in service["environment"].values()]
    files = {value.removeprefix("/run/secrets/") for value in named if "/run/secrets/" in value}
    assert files == set(service.get("secrets", ()))


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_no_environment_holds_a_secret(name: str) -> None:
    for variable, value in SERVICES[name].get("environment", {}).items():
        secretive = re.search("PASSWORD|SECRET|KEY", variable)
        file = variable.endswith(("_FILE", "_DIR")) or "MASTER_PASSWORD_REQUIRED" in variable
        assert not secretive or file, variable
        assert not re.search("://[^/]*:[^/]*@", str(value)), variable


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("nginx", (*settings.ADDRESS, "MESSAGING_STREAM_HEARTBEAT", "MESSAGING_PUBLIC_URL")),
        ("redis", ("MESSAGING_REDIS_MEMORY",)),
        ("waiting-room", ("MESSAGING_WAITING_SECONDS",)),
    ],
)
def test_a_server_learns_of_the_settings_that_it_reads(name: str, known: tuple[str, ...]) -> None:
    assert set(known) <= set(SERVICES[name]["environment"])


def test_each_part_is_looked_at() -> None:
    looked_at = {name for name in SERVICES if name not in OUR_OWN}
    without = {name for name in looked_at if "test" not in SERVICES[name]["healthcheck"]}
    assert without == {"migrate", "operator", "backup", "restore"}  # They end.
    for name in OUR_OWN:  # Their image brings the check.
        environment = SERVICES[name]["environment"]
        assert "MESSAGING_HEALTH_URL" in environment or "MESSAGING_ALIVE_FILE" in environment


def test_a_request_that_no_container_takes_finds_its_waiting_room() -> None:
    doors = dict(door.split("=") for door in SERVICES["waiting-room"]["command"][3:])
    script = (ROOT / "ops/nginx/start.sh").read_text(encoding="utf-8")
    told = dict(re.findall(r"known ([a-z-]+) (80[0-9]+)\)", script))
    assert set(told) == {*APIS, "flower"}
    assert {doors[door].partition(":")[0]: door for door in doors} == told


def test_configurations_are_the_files_of_ops() -> None:
    for name, configuration in COMPOSE["configs"].items():
        assert (ROOT / configuration["file"]).is_file(), name
    named = {
        source["source"] for service in SERVICES.values() for source in service.get("configs", ())
    }
    assert named == set(COMPOSE["configs"])
