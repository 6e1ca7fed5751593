"""Flower shows the workers, and each project task with what rang it and what came of it."""

from __future__ import annotations

import ast
from uuid import UUID, uuid4

import httpx
import pytest

from tests.chaos.load import Load
from tests.running_stack import RunningStack, wait_until

pytestmark = pytest.mark.stack


def flower(stack: RunningStack, path: str, *, password: str | None = None) -> httpx.Response:
    known = (stack.secrets / "flower").read_text().strip()
    auth = ("operator", known if password is None else password)
    return httpx.get(f"{stack.url}/flower/{path}", auth=auth, timeout=30)


def test_it_asks_for_its_password(stack: RunningStack) -> None:
    assert httpx.get(f"{stack.url}/flower/").status_code == httpx.codes.UNAUTHORIZED
    assert flower(stack, "", password=uuid4().hex).status_code == httpx.codes.UNAUTHORIZED
    assert flower(stack, "api/workers").status_code == httpx.codes.OK


@pytest.mark.parametrize("path", ["metrics", "healthcheck", "metrics/", "%6detrics", "./metrics"])
def test_its_open_pages_are_not_reachable_from_outside(stack: RunningStack, path: str) -> None:
    response = httpx.get(f"{stack.url}/flower/{path}", follow_redirects=True)
    assert response.status_code in {httpx.codes.NOT_FOUND, httpx.codes.UNAUTHORIZED}


def test_it_shows_workers_and_project_tasks(stack: RunningStack) -> None:
    load = Load(stack, people=2)
    with load.running():
        load.await_progress()
    load.check()
    wait_until(lambda: len(flower(stack, "api/workers?refresh=1").json()) >= 2)

    def finished() -> list[dict[str, str]]:
        found = flower(stack, "api/tasks?taskname=project&state=SUCCESS&limit=200").json()
        return [
            task
            for task in found.values()
            if ast.literal_eval(task["args"])[1] and "'applied': 0" not in task["result"]
        ]

    wait_until(finished)
    task = finished()[0]
    partition, event = ast.literal_eval(task["args"])
    assert 0 <= partition < 16
    assert UUID(event).version == 7
    result = ast.literal_eval(task["result"])
    assert result["partition"] == partition
    assert result["applied"] > 0
    assert set(result) == {
        "partition",
        "applied",
        "rejected",
        "parked",
        "lag_events",
        "lag_seconds",
        "busy",
        "paused",
    }
