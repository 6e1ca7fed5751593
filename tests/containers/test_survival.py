"""Whatever crashes comes back by itself, and nothing that was accepted is lost."""

from __future__ import annotations

import time

import pytest

from tests.chaos.load import Load
from tests.containers.project import Project
from tests.running_stack import wait_until


@pytest.mark.parametrize(
    "service",
    [
        *("postgres-replica", "postgres-primary", "pgpool", "redis"),
        *("worker", "beat", "command-api", "query-api", "auth-api", "nginx"),
    ],
)
def test_a_crash_heals_and_loses_nothing(
    project: Project, service: str, outages: dict[str, float]
) -> None:
    load = Load(project.served, people=4)
    with load.running():
        load.await_progress()
        crashed = time.monotonic()
        project.crash(service)
        load.await_progress()
        outages[service] = time.monotonic() - crashed
        project.served.wait_ready(120)
        load.await_progress()
    load.check()


def entries(project: Project) -> dict[str, str]:
    password = "REDISCLI_AUTH=$(cat /run/secrets/redis-operator)"
    words = project.inside(
        "redis", f"{password} valkey-cli --user operator hgetall queue:numbers"
    ).split()
    return dict(zip(words[::2], words[1::2], strict=True))


def test_redis_has_forgotten_nothing_when_it_comes_back(project: Project) -> None:
    load = Load(project.served, people=2)
    with load.running():
        load.await_progress()
    load.check()
    before = entries(project)
    assert before
    project.crash("redis")
    wait_until(project.served.is_ready, 60)
    assert entries(project) == before


def streams(project: Project) -> bool:
    rows = [row.split("|") for row in project.query("operator", "SHOW POOL_NODES")]
    return rows[1][3] == "up" and rows[1][11] == "streaming"


def test_a_replica_that_was_away_follows_again(project: Project) -> None:
    project.compose("stop", "postgres-replica")
    load = Load(project.served, people=2)
    with load.running():
        load.await_progress()
    project.compose("start", "postgres-replica")
    wait_until(lambda: streams(project), 60)
    load.check()


def test_a_replica_without_its_data_copies_the_primary_again(project: Project) -> None:
    project.compose("rm", "--stop", "--force", "postgres-replica")
    name = f"{project.environ['COMPOSE_PROJECT_NAME']}_postgres-replica"
    project.run("docker", "volume", "rm", name)
    project.up()
    wait_until(lambda: streams(project), 60)
    assert "copying the primary" in project.compose("logs", "postgres-replica")
    load = Load(project.served, people=2)
    with load.running():
        load.await_progress()
    load.check()


def test_all_of_it_comes_back_with_its_data(project: Project) -> None:
    load = Load(project.served, people=2)
    with load.running():
        load.await_progress()
    project.compose("down")
    project.up()
    load.check()
