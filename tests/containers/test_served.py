"""What clients see through the published port: the acceptance tests, Flower, the start page."""

from __future__ import annotations

import json
import sys

import httpx

from tests.chaos.load import Load
from tests.containers.project import Project
from tests.running_stack import wait_until


def test_the_acceptance_tests_pass(project: Project) -> None:
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/acceptance")
    known = {
        "MESSAGING_TEST_URL": project.served.url,
        "MESSAGING_TEST_SECRETS": str(project.secrets),
        "MESSAGING_TEST_COMPOSE": "",
    }
    done = project.run(*command, check=False, environ=known)
    assert done.returncode == 0, done.stdout[-5_000:]
    print(done.stdout.splitlines()[-1])  # noqa: T201  # which of them needed only HTTP


def test_flower_asks_for_its_password_and_shows_the_workers(project: Project) -> None:
    address = f"{project.served.url}/flower/api/workers?refresh=1"
    assert httpx.get(address).status_code == httpx.codes.UNAUTHORIZED
    auth = ("operator", project.secret("flower"))
    wait_until(lambda: len(httpx.get(address, auth=auth, timeout=30).json()) == 2)


def test_an_operator_looks_at_queues_and_verifies(project: Project) -> None:
    load = Load(project.served, people=2)
    with load.running():
        load.await_progress()
    load.check()
    operator = ("run", "--rm", "-T", "operator")
    told = json.loads(project.compose(*operator, "events", "queues", "--json"))
    assert len(told["partitions"]) == 16
    assert project.compose(*operator, "events", "verify", "--json")


def test_a_stop_drops_no_command(project: Project) -> None:
    load = Load(project.served, people=4)
    with load.running():
        load.await_progress()
        for service in ("worker", "command-api", "redis"):
            project.compose("restart", service)
            load.await_progress()
    load.check()
