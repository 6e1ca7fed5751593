"""How a Postgres server in a container makes, keeps, follows and rewinds."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.unit.containers.scene import OPS, Scene, write


def prepare(scene: Scene, *, waits: bool = False) -> str:
    """Run what the first server does before Postgres starts, or waits; return what it says."""
    text = scene.at_home((OPS / "postgres/start.sh").read_text())
    upto_start = text.partition("\nexport NETWORK=")[0]
    done = scene.run(upto_start, NAME="standby0", DATA="primary")
    assert (done.returncode == 0) is not waits, done.stderr
    return done.stderr


def a_server(host: str, *, timeline: int, writes: bool) -> Mapping[str, str]:
    return {
        f"{host}.hot": "off" if writes else "on",
        f"{host}.identity": f"77 {timeline} 0/3000000",
    }


def has_data(scene: Scene, *, timeline: int = 1, standby: bool = False) -> Path:
    data = scene.folder / "volume/primary"
    (data / "pg_wal").mkdir(parents=True)
    if timeline > 1:
        (data / "pg_wal" / f"{timeline:08X}.history").touch()
    if standby:
        (data / "standby.signal").touch()
    return data


@pytest.mark.parametrize("path", sorted(OPS.rglob("*.sh")), ids=str)
def test_a_shell_can_read_it(path: Path) -> None:
    subprocess.run(["sh", "-n", str(path)], check=True)


def test_the_first_server_makes_the_data_where_nobody_has_any(scene: Scene) -> None:
    prepare(scene)
    assert "initdb" in scene.notes
    assert (scene.folder / "volume/primary").is_dir()
    assert not (scene.folder / "volume/primary/standby.signal").exists()


@pytest.mark.parametrize("leader", ["", "postgres-replica"])
def test_one_that_lost_its_data_copies_the_primary(scene: Scene, leader: str) -> None:
    scene.leader = leader
    scene.answers |= a_server("postgres-replica", timeline=2, writes=True)
    prepare(scene)
    assert "pg_basebackup" in scene.notes
    assert "initdb" not in scene.notes
    assert (scene.folder / "volume/primary/standby.signal").exists()


def test_one_that_lost_its_data_makes_none_beside_a_server_that_has_a_copy(scene: Scene) -> None:
    scene.answers |= a_server("postgres-replica", timeline=1, writes=False)
    assert "waiting for the server that takes writes" in prepare(scene, waits=True)
    assert "initdb" not in scene.notes


def test_one_that_leads_makes_no_data_though_it_is_alone(scene: Scene) -> None:
    scene.leader = "postgres-primary"
    prepare(scene, waits=True)
    assert "initdb" not in scene.notes


def test_a_primary_that_only_restarts_is_one_again(scene: Scene) -> None:
    has_data(scene)
    scene.leader = "postgres-primary"
    scene.answers |= a_server("postgres-replica", timeline=1, writes=False)
    prepare(scene)
    assert "pg_rewind" not in scene.notes


@pytest.mark.parametrize("leader", ["", "postgres-replica", "postgres-replica promoting"])
def test_a_replaced_primary_is_rewound(scene: Scene, leader: str) -> None:
    data = has_data(scene)
    scene.leader = leader
    scene.answers |= a_server("postgres-replica", timeline=2, writes=True)
    prepare(scene)
    ran = [name for name in scene.notes if name not in {"psql", "pg_controldata"}]
    assert ran == ["postgres", "pg_rewind"]
    assert (data / "standby.signal").exists()


@pytest.mark.parametrize("failing", ["postgres", "pg_rewind"])
def test_one_that_cannot_be_rewound_copies_the_primary(scene: Scene, failing: str) -> None:
    data = has_data(scene)
    scene.leader = "postgres-replica"
    scene.answers |= a_server("postgres-replica", timeline=2, writes=True)
    write(scene.folder / "bin" / failing, "#!/bin/sh\nexit 1\n")
    prepare(scene)
    assert scene.notes[-1] == "pg_basebackup"
    assert (data / "standby.signal").exists()
    assert not (data / "pg_wal").exists()  # Nothing is left of what was here.


def test_two_histories_of_one_number_are_not_rewound(scene: Scene) -> None:
    has_data(scene, timeline=2)
    scene.leader = "postgres-replica"
    scene.answers |= a_server("postgres-replica", timeline=2, writes=True)
    prepare(scene)
    assert "pg_rewind" not in scene.notes
    assert scene.notes[-1] == "pg_basebackup"


def test_a_replaced_primary_waits_for_the_one_that_was_appointed(scene: Scene) -> None:
    has_data(scene)
    scene.leader = "postgres-replica promoting"
    scene.answers |= a_server("postgres-replica", timeline=1, writes=False)
    prepare(scene, waits=True)
    assert "pg_rewind" not in scene.notes


def test_without_an_appointment_the_later_history_wins(scene: Scene) -> None:
    has_data(scene, timeline=3)
    scene.answers |= a_server("postgres-replica", timeline=2, writes=True)
    prepare(scene)
    assert "pg_rewind" not in scene.notes


@pytest.mark.parametrize(("kept", "copies"), [("physical 0/3000000 1", False), ("", True)])
def test_a_standby_copies_only_what_it_cannot_catch_up(
    scene: Scene, kept: str, copies: bool
) -> None:
    has_data(scene, standby=True)
    scene.answers |= a_server("postgres-replica", timeline=1, writes=True)
    scene.answers["postgres-replica.slot"] = kept
    prepare(scene)
    assert ("pg_basebackup" in scene.notes) is copies


def test_a_standby_keeps_its_copy_until_the_new_one_is_whole(scene: Scene) -> None:
    data = has_data(scene, standby=True)
    scene.answers |= a_server("postgres-replica", timeline=1, writes=True)
    scene.answers["postgres-replica.slot"] = ""
    write(scene.folder / "bin/pg_basebackup", "#!/bin/sh\nexit 1\n")
    prepare(scene, waits=True)
    assert (data / "pg_wal").exists()


def test_a_standby_starts_as_it_is_where_the_primary_stops_to_answer(scene: Scene) -> None:
    data = has_data(scene, standby=True)
    # It says that it takes writes, and no more.
    scene.answers |= a_server("postgres-replica", timeline=1, writes=True)
    prepare(scene)
    assert "pg_basebackup" not in scene.notes
    assert (data / "pg_wal").exists()


@pytest.mark.parametrize("standby", [True, False])
def test_a_server_with_another_database_ends_and_keeps_it(scene: Scene, *, standby: bool) -> None:
    data = has_data(scene, standby=standby)
    scene.answers |= a_server("postgres-replica", timeline=2, writes=True)
    scene.answers["postgres-replica.identity"] = "999 2 0/3000000"
    scene.answers["postgres-replica.slot"] = ""
    assert "has another database" in prepare(scene, waits=True)
    assert (data / "pg_wal").exists()


def test_an_old_appointment_does_not_outvote_a_later_history(scene: Scene) -> None:
    data = has_data(scene)
    scene.leader = "postgres-primary"
    scene.answers |= a_server("postgres-replica", timeline=2, writes=True)
    prepare(scene)
    assert "pg_rewind" in scene.notes
    assert (data / "standby.signal").exists()


@pytest.mark.parametrize("left", ["primary.replaced", "primary.rewinding"])
def test_no_data_are_made_beside_what_is_left_of_others(scene: Scene, left: str) -> None:
    (scene.folder / "volume" / left).mkdir()
    prepare(scene, waits=True)
    assert "initdb" not in scene.notes
