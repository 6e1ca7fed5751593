"""A service is replaced, or becomes several, while people go on: nobody is refused."""

from __future__ import annotations

import httpx
import pytest

from tests.chaos.load import Load
from tests.containers.project import Project
from tests.containers.visitors import Visitors
from tests.running_stack import wait_until

_REPLACE = ("up", "--detach", "--no-deps", "--build", "--force-recreate")


@pytest.mark.parametrize(
    "services",
    [
        *(["command-api"], ["query-api"], ["auth-api"]),
        ["worker", "beat", "flower", "waiting-room", "query-stream"],
    ],
    ids=",".join,
)
def test_a_new_container_refuses_nobody(
    project: Project, services: list[str], waits: dict[str, dict[str, float]]
) -> None:
    load, visitors = Load(project.served, people=4), Visitors(project.served)
    with load.running(), visitors.visiting():
        load.await_progress()
        visitors.await_answers()
        before = [project.container(service) for service in services]
        project.compose(*_REPLACE, *services)
        assert not set(before) & {project.container(service) for service in services}
        load.await_progress()
        visitors.await_answers()
    waits[f"{', '.join(services)} replaced"] = visitors.longest
    assert visitors.refusals == []
    assert [sender.refusals for sender in load.senders] == [0] * len(load.senders)
    load.check()
    wait_until(project.served.is_ready, 60)


def test_more_workers_and_more_apis_share_the_work(project: Project) -> None:
    seen = len(project.compose("logs", "--no-log-prefix", "nginx"))
    auth = ("operator", project.secret("flower"))
    address = f"{project.served.url}/flower/api/workers?refresh=1"

    def online() -> int:
        return len(httpx.get(address, auth=auth, timeout=30).json())

    def servers() -> int:
        log = project.compose("logs", "--no-log-prefix", "nginx")[seen:]
        lines = [line for line in log.splitlines() if '"/command/v1/messages"' in line]
        return len({line.partition('"service":"')[2].partition('"')[0] for line in lines})

    load, visitors = Load(project.served, people=4), Visitors(project.served)
    with load.running(), visitors.visiting():
        load.await_progress()
        project.up("--scale", "worker=4", "--scale", "command-api=3", "--no-recreate")
        wait_until(lambda: online() >= 4, 60)
        wait_until(lambda: servers() >= 3, 60)
        # As many as the file says again; nothing but that: other containers may have newer images.
        project.up("--scale", "worker=2", "--scale", "command-api=1", "--no-recreate")
        load.await_progress()
    assert visitors.refusals == []
    assert [sender.refusals for sender in load.senders] == [0] * len(load.senders)
    load.check()
    assert len(project.compose("ps", "--quiet", "command-api").split()) == 1
    wait_until(project.served.is_ready)
