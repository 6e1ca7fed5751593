"""A back-up made while people write, and what is restored from it: backup-and-restore.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.load import Load
from tests.containers.project import Project
from tests.running_stack import wait_until


@pytest.fixture(scope="module")
def backed_up(project: Project, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Load]:
    """A back-up, and who wrote before, while and after it was made."""
    archive = tmp_path_factory.mktemp("backup") / "messaging.tar"
    load = Load(project.served, people=4)
    with load.running():
        load.await_progress()
        with archive.open("wb") as stream:
            project.pipe("docker", "compose", "run", "--rm", "-T", "backup", stdout=stream)
        load.await_progress()
    assert max(sender.refusals for sender in load.senders) == 0
    return archive, load


def restore(project: Project, archive: Path, *options: str) -> str:
    with archive.open("rb") as stream:
        return project.pipe(
            "docker", "compose", "run", "--rm", "-T", "restore", *options, stdin=stream
        )


def test_a_running_stack_is_not_restored(project: Project, backed_up: tuple[Path, Load]) -> None:
    archive, load = backed_up
    assert "postgres-primary runs: docker compose stop first" in restore(project, archive)
    load.check()


def test_an_older_database_with_the_live_queue_loses_nothing(
    project: Project, backed_up: tuple[Path, Load]
) -> None:
    archive, load = backed_up
    project.compose("stop")
    assert "Restored from the back-up of" in restore(project, archive, "--only", "database")
    project.up()
    load.check()
    later = Load(project.served, people=2)
    with later.running():
        later.await_progress()
    later.check()
    wait_until(lambda: project.follows("postgres-replica"), 60)
    wait_until(project.served.is_ready, 60)
