"""The scripts that choose, promote and rejoin servers in containers, with programs that note."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

OPS = Path(__file__).parents[3] / "ops"
SERVERS = "postgres-primary:standby0 postgres-replica:standby1 more:standby2"
_NOTE = '#!/bin/sh\necho "$(basename "$0") $*" >> "$NOTES"\n'
# What a server answers is in the file that has its host's name and the first word of the question.
_PSQL = (
    _NOTE
    + r"""
for word; do
    case $word in
    --dbname=*) host=$(echo "$word" | sed 's/--dbname=host=\([^ ]*\).*/\1/') ;;
    --command=*) asked=${word#--command=} ;;
    esac
done
case $asked in
*in_hot_standby*) kind=hot ;;
IDENTIFY_SYSTEM) kind=identity ;;
READ_*) kind=slot ;;
*pg_promote*) kind=promote ;;
*timeline_id*) kind=received ;;
*pg_is_in_recovery*) kind=recovery ;;
*) exit 0 ;;
esac
cat "$ANSWERS/$host.$kind"
"""
)


@dataclass(kw_only=True)
class Scene:
    """A machine with a volume, where programs note what they are told, and servers that answer."""

    folder: Path
    answers: dict[str, str] = field(default_factory=dict)
    leader: str = ""

    def run(self, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a shell script that may source the scripts of `ops` from here."""
        for name, text in self.answers.items():
            (self.folder / "answers" / name).write_text(f"{text}\n")
        if self.leader:
            (self.folder / "leader").write_text(f"{self.leader}\n")
        known = {
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.defpath}",
            "NOTES": str(self.folder / "notes"),
            "ANSWERS": str(self.folder / "answers"),
            "SERVERS": SERVERS,
            **environment,
        }
        return subprocess.run(
            ["sh", "-euc", script], env=known, capture_output=True, text=True, check=False
        )

    def at_home(self, text: str) -> str:
        """Return a script's text with the container's folders replaced by ours."""
        places = {
            "/var/lib/messaging": self.folder,
            "/var/lib/postgresql/data": self.folder / "volume",
            "/tmp/messaging": self.folder / "run",
            "/run/secrets": self.folder / "secrets",
            "/ops": self.folder / "ops",
        }
        for there, here in places.items():
            text = text.replace(there, str(here))
        return text

    @property
    def notes(self) -> list[str]:
        """Which programs ran, in order, without their arguments."""
        path = self.folder / "notes"
        return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A scene with the scripts of `ops` at home in it; nobody answers yet."""
    scene = Scene(folder=tmp_path)
    for name in ("bin", "answers", "volume", "run", "secrets", "ops"):
        (tmp_path / name).mkdir()
    for name in ("replicator", "postgres"):
        (tmp_path / "secrets" / f"postgres-{name}").write_text("secret\n")
    for path in ("containers/render.sh", "pgpool/nodes.sh", "pgpool/pgpool.conf"):
        (tmp_path / "ops" / Path(path).name).write_text(scene.at_home((OPS / path).read_text()))
    (tmp_path / "ops/initdb.options").write_text("")
    programs = {"postgres": "", "pg_rewind": "", "pg_controldata": 'echo "identifier: 77"\n'}
    made = 'for word; do case $word in --pgdata=*) mkdir -p "${word#*=}" ;; esac; done\n'
    programs |= {"initdb": made, "pg_basebackup": made}
    for name, does in programs.items():
        write(tmp_path / "bin" / name, _NOTE + does)
    write(tmp_path / "bin/psql", _PSQL)
    write(tmp_path / "bin/sync", "#!/bin/sh\n")
    # Who waits would wait for ever.
    write(tmp_path / "bin/sleep", "#!/bin/sh\nkill $PPID\n")
    return scene


def write(program: Path, text: str) -> None:
    program.write_text(text)
    program.chmod(0o755)


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
    assert [name for name in scene.notes if name != "psql"] == ["postgres", "pg_rewind"]
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


def test_one_that_was_not_promoted_stays_appointed(scene: Scene) -> None:
    scene.leader = "postgres-primary"
    scene.answers |= {**a_standby("postgres-replica", received=9), "postgres-replica.promote": "f"}
    assert fail_over(scene, "postgres-primary").returncode == 1
    assert leader(scene) == "postgres-replica promoting"


def test_where_no_standby_answers_the_primary_stays_the_primary(scene: Scene) -> None:
    scene.leader = "postgres-primary"
    assert fail_over(scene, "postgres-primary").returncode == 1
    assert leader(scene) == "postgres-primary"
