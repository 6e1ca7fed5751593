"""Whatever crashes comes back by itself, and nothing that was accepted is lost."""

from __future__ import annotations

import time

import pytest

from tests.chaos.load import Load
from tests.containers.project import Project
from tests.containers.visitors import Visitors
from tests.running_stack import wait_until

_SERVICES = [
    *("postgres-replica", "postgres-primary", "pgpool", "redis", "worker", "beat"),
    *("command-api", "query-api", "auth-api", "query-stream", "nginx"),
]
# Shorter than it takes to replace a primary.
_AWAY_S = 3


@pytest.mark.parametrize("service", _SERVICES)
def test_a_kill_and_a_partition_heal_and_lose_nothing(
    project: Project, service: str, waits: dict[str, dict[str, float]]
) -> None:
    load = Load(project.served, people=4)

    def kill() -> None:
        identity = project.container(service)
        project.run("docker", "kill", identity)
        time.sleep(_AWAY_S)
        project.run("docker", "start", identity)

    def cut_off() -> None:
        heal = project.disconnect(service)
        time.sleep(_AWAY_S)
        heal()

    faults = {"killed": kill, "cut off": cut_off}
    with load.running():
        for name, happens in faults.items():
            visitors = Visitors(project.served)
            with visitors.visiting():
                visitors.await_answers()
                happens()
                project.served.wait_ready(120)
                visitors.await_answers()
            waits[f"{service} {name}"] = visitors.longest
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


def test_a_replica_that_was_away_follows_again(project: Project) -> None:
    project.compose("stop", "postgres-replica")
    load = Load(project.served, people=2)
    with load.running():
        load.await_progress()
    project.compose("start", "postgres-replica")
    wait_until(lambda: project.follows("postgres-replica"), 60)
    load.check()


def test_a_replica_without_its_data_copies_the_primary_again(project: Project) -> None:
    project.compose("rm", "--stop", "--force", "postgres-replica")
    name = f"{project.environ['COMPOSE_PROJECT_NAME']}_postgres-replica"
    project.run("docker", "volume", "rm", name)
    project.up()
    wait_until(lambda: project.follows("postgres-replica"), 60)
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
