"""Whom PGPool appoints and promotes in containers."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.unit.containers.scene import OPS, Scene, write

_RENDERED = ("LISTEN", "PORT", "ADMIN_PORT", "SOCKETS", "CHILDREN", "FAILOVER_COMMAND")
_ENVIRONMENT = {"FAILOVER_SECONDS": "30", **dict.fromkeys(_RENDERED, "1")}
_PATIENCE_S = 60


def fail_over(scene: Scene, failed: str) -> subprocess.CompletedProcess[str]:
    text = scene.at_home((OPS / "pgpool/failover.sh").read_text())
    return scene.run(f"set -- {failed}\n{text}", **_ENVIRONMENT)


def leader(scene: Scene) -> str:
    return text_of(scene.folder / "leader").strip()


def text_of(path: Path) -> str:
    """Return what a file holds; one that leads to a device would have no end."""
    assert path.is_file()
    return path.read_text()


def a_standby(host: str, *, received: int) -> Mapping[str, str]:
    return {f"{host}.recovery": "t", f"{host}.received": f"1 {received}", f"{host}.promote": "t"}


def test_one_that_does_not_answer_does_not_hide_another(scene: Scene) -> None:
    scene.leader = "postgres-primary"
    scene.answers |= a_standby("more", received=1)
    assert fail_over(scene, "postgres-primary").returncode == 0
    assert leader(scene) == "more"


def test_a_standby_that_fails_changes_nothing(scene: Scene) -> None:
    scene.leader = "postgres-primary"
    assert fail_over(scene, "postgres-replica").returncode == 0
    assert leader(scene) == "postgres-primary"
    assert scene.notes == []


def test_of_several_standbys_the_one_that_has_most_is_promoted(scene: Scene) -> None:
    scene.leader = "postgres-primary"
    scene.answers |= {
        **a_standby("postgres-replica", received=99),
        **a_standby("more", received=100),
    }
    done = fail_over(scene, "postgres-primary")
    assert done.returncode == 0, done.stderr
    assert leader(scene) == "more"
    written = (scene.folder / "run/pgpool.conf").read_text()
    # It is given time now, as the primary before it was.
    assert "health_check_max_retries2 = 30" in written
    assert "health_check_max_retries0" not in written
    took_over = (scene.folder / "notes").read_text().splitlines()[-1]
    assert took_over.endswith("SELECT public.took_over('standby0','standby1')")


@pytest.mark.parametrize(("received", "promoted"), [(699, False), (700, True)])
def test_one_that_lacks_more_than_the_last_minute_is_left_to_an_operator(
    scene: Scene, received: int, *, promoted: bool
) -> None:
    scene.leader = "postgres-primary"
    written = [f"{1_000 + 10 * n} postgres-primary {100 * n}" for n in range(14)]
    # Of another server than the one that was lost.
    written.insert(7, "1065 postgres-replica 5000")
    (scene.folder / "written").write_text("\n".join(written) + "\n")
    scene.answers |= a_standby("postgres-replica", received=received)
    done = fail_over(scene, "postgres-primary")
    assert (done.returncode == 0) is promoted
    assert leader(scene) == ("postgres-replica" if promoted else "postgres-primary")
    assert ("lacks more than the last 60 s" in done.stderr) is not promoted


def run_function(
    scene: Scene, name: str, *, failover_s: int = 30, meanwhile: str = "", rounds: int = 9
) -> str:
    """Run a function of `start.sh`, and what happens `meanwhile`, for so many rounds at most.

    Returns what it says.
    """
    text = scene.at_home((OPS / "pgpool/start.sh").read_text())
    functions = re.findall(r"^\w+\(\) {$.*?^}$", text, re.MULTILINE | re.DOTALL)
    assert any(function.startswith(f"{name}()") for function in functions)
    failover = scene.at_home((OPS / "pgpool/failover.sh").read_text())
    (scene.folder / "ops/failover.sh").write_text(failover)
    # Waiting costs no time here, and ends at some time.
    waited = scene.folder / "waited"
    sleep = f'#!/bin/sh\n{meanwhile}\necho >>{waited}\n[ "$(wc -l <{waited})" -lt {rounds} ]\n'
    write(scene.folder / "bin/sleep", sleep)
    begin = f"cd {scene.folder}/run\n. {scene.folder}/ops/nodes.sh\n"
    environment = {**_ENVIRONMENT, "FAILOVER_SECONDS": str(failover_s)}
    return scene.run("\n".join([begin, *functions, name]), **environment).stderr


def fill_disk(*written: Path) -> None:
    """Let nobody write to these files."""
    for path in written:
        path.symlink_to("/dev/full")


def test_of_several_that_take_writes_the_latest_history_is_appointed(scene: Scene) -> None:
    scene.answers |= {"postgres-primary.writer": "1", "postgres-replica.writer": "2"}
    run_function(scene, "appoint_first")
    assert leader(scene) == "postgres-replica"


def test_where_the_appointment_and_the_primary_are_lost_a_standby_is_promoted(scene: Scene) -> None:
    scene.answers |= {**a_standby("postgres-replica", received=9)}
    run_function(scene, "appoint_first", failover_s=3)
    assert leader(scene) == "postgres-replica promoting"


def test_one_that_was_not_promoted_stays_appointed(scene: Scene) -> None:
    scene.leader = "postgres-primary"
    scene.answers |= {**a_standby("postgres-replica", received=9), "postgres-replica.promote": "f"}
    assert fail_over(scene, "postgres-primary").returncode == 1
    assert leader(scene) == "postgres-replica promoting"


def test_where_no_standby_answers_the_primary_stays_the_primary(scene: Scene) -> None:
    scene.leader = "postgres-primary"
    assert fail_over(scene, "postgres-primary").returncode == 1
    assert leader(scene) == "postgres-primary"


@pytest.mark.parametrize(("seconds", "leads"), [(0, "postgres-primary"), (3, "postgres-replica")])
def test_when_it_starts_without_a_primary_it_waits_as_long_as_it_was_told(
    scene: Scene, seconds: int, leads: str
) -> None:
    scene.leader = "postgres-primary"
    scene.answers |= a_standby("postgres-replica", received=9)
    said = run_function(scene, "await_primary", failover_s=seconds)
    assert "waiting for postgres-primary to take writes" in said
    assert leader(scene).split()[0] == leads
    assert ("promoting postgres-replica" in said) is (seconds > 0)


@pytest.mark.parametrize(
    ("seconds", "flag"), [(0, "DISALLOW_TO_FAILOVER"), (9, "ALLOW_TO_FAILOVER")]
)
def test_pgpool_gives_up_the_primary_only_where_it_may_promote(
    scene: Scene, seconds: int, flag: str
) -> None:
    scene.leader = "postgres-primary"
    environment = {**_ENVIRONMENT, "FAILOVER_SECONDS": str(seconds)}
    script = f". {scene.folder}/ops/render.sh\n. {scene.folder}/ops/nodes.sh\nconfigure"
    written = scene.run(script, **environment).stdout
    flags = re.findall(r"^backend_flag[0-9] = '(?:ALWAYS_PRIMARY\|)?(\w+)'$", written, re.MULTILINE)
    assert flags == [flag, "ALLOW_TO_FAILOVER", "ALLOW_TO_FAILOVER"]


def test_on_a_full_disk_it_goes_on_guarding_and_keeps_what_it_noted(scene: Scene) -> None:
    scene.leader = "postgres-primary"
    scene.answers["postgres-primary.recovery"] = "700"
    noted = scene.folder / "written"
    noted.write_text("1065 postgres-primary 600\n")
    fill_disk(scene.folder / "written.unfinished")
    (scene.folder / "run/pgpool_status").write_text("down\nup\nup\n")
    # It stands for PGPool, which has given up the primary: somebody has to tell it.
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as pgpool:
        (scene.folder / "run/pgpool.pid").write_text(f"{pgpool.pid}\0")
        said = run_function(scene, "guard")
        assert "PGPool has given up the primary: starting it anew" in said
        assert pgpool.wait(_PATIENCE_S) == -signal.SIGINT
    assert text_of(noted) == "1065 postgres-primary 600\n"


def test_after_a_promotion_pgpool_is_told_again_how_long_to_wait_for_whom(scene: Scene) -> None:
    scene.leader = "postgres-primary"
    scene.answers["postgres-replica.recovery"] = "f"
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as pgpool:
        (scene.folder / "run/pgpool.pid").write_text(f"{pgpool.pid}\0")
        run_function(scene, "guard", meanwhile=f"echo postgres-replica >{scene.folder / 'leader'}")
        assert pgpool.wait(_PATIENCE_S) == -signal.SIGHUP


@pytest.mark.parametrize(
    ("seconds", "rounds", "leads"),
    [
        (0, 40, "postgres-primary"),
        # Of these looks the last one only ends the waiting.
        (3, 11, "postgres-primary"),
        (3, 12, "postgres-replica"),
    ],
)
def test_a_primary_that_is_away_for_long_is_replaced_though_pgpool_does_not(
    scene: Scene, seconds: int, rounds: int, leads: str
) -> None:
    scene.leader = "postgres-primary"
    scene.answers |= a_standby("postgres-replica", received=9)
    said = run_function(scene, "guard", failover_s=seconds, rounds=rounds)
    assert leader(scene) == leads
    is_replaced = leads == "postgres-replica"
    assert ("PGPool does not replace postgres-primary" in said) is is_replaced


def test_what_the_primary_has_written_is_noted_after_what_was(scene: Scene) -> None:
    scene.leader = "postgres-primary"
    scene.answers["postgres-primary.recovery"] = "700"
    (scene.folder / "run/pgpool_status").write_text("up\nup\nup\n")
    noted = scene.folder / "written"
    noted.write_text("1065 postgres-primary 600\n")
    run_function(scene, "guard")
    assert [line.split()[1:] for line in noted.read_text().splitlines()] == [
        ["postgres-primary", "600"],
        ["postgres-primary", "700"],
    ]


def test_on_a_full_disk_an_appointment_stands_and_nobody_is_promoted(scene: Scene) -> None:
    scene.leader = "postgres-primary"
    scene.answers |= a_standby("postgres-replica", received=9)
    fill_disk(scene.folder / "leader.unfinished")
    done = fail_over(scene, "postgres-primary")
    assert done.returncode == 1
    assert "postgres-replica was not promoted" in done.stderr
    assert leader(scene) == "postgres-primary"
    asked = (scene.folder / "notes").read_text()
    assert "pg_promote" not in asked


def test_where_the_disk_is_full_after_a_promotion_it_stays_to_be_completed(scene: Scene) -> None:
    scene.leader = "postgres-replica promoting"
    scene.answers["postgres-replica.recovery"] = "f"
    fill_disk(scene.folder / "leader.unfinished")
    script = f". {scene.folder}/ops/nodes.sh\npromote postgres-replica || echo unfinished"
    done = scene.run(script)
    assert done.stdout == "unfinished\n"
    assert leader(scene) == "postgres-replica promoting"
