"""Whom PGPool appoints and promotes in containers."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

import pytest

from tests.unit.containers.scene import OPS, Scene, write


def fail_over(scene: Scene, failed: str) -> subprocess.CompletedProcess[str]:
    environment = {"FAILOVER_SECONDS": "30"}
    for name in ("LISTEN", "PORT", "ADMIN_PORT", "SOCKETS", "CHILDREN", "FAILOVER_COMMAND"):
        environment[name] = "1"
    text = scene.at_home((OPS / "pgpool/failover.sh").read_text())
    return scene.run(f"set -- {failed}\n{text}", **environment)


def leader(scene: Scene) -> str:
    return (scene.folder / "leader").read_text().strip()


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


def appoint_first(scene: Scene) -> None:
    text = scene.at_home((OPS / "pgpool/start.sh").read_text())
    function = text[text.index("appoint_first() {") : text.index("\nappoint_first\n")]
    nodes = scene.folder / "ops/nodes.sh"
    # Waiting costs no time here, and ends at some time.
    write(scene.folder / "bin/sleep", "#!/bin/sh\n")
    rounds = "rounds=0; say() { rounds=$((rounds + 1)); [ $rounds -lt 9 ] || exit 1; }"
    scene.run(f". {nodes}\n{rounds}\n{function}\nappoint_first", FAILOVER_SECONDS="30")


def test_of_several_that_take_writes_the_latest_history_is_appointed(scene: Scene) -> None:
    scene.answers |= {"postgres-primary.writer": "1", "postgres-replica.writer": "2"}
    appoint_first(scene)
    assert leader(scene) == "postgres-replica"


def test_where_the_appointment_and_the_primary_are_lost_a_standby_is_promoted(scene: Scene) -> None:
    scene.answers |= {**a_standby("postgres-replica", received=9)}
    appoint_first(scene)
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
