"""The scripts that promote and rejoin servers in containers, with programs that only note."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

_OPS = Path(__file__).parents[2] / "ops"
_NOTES = '#!/bin/sh\necho "$(basename "$0") $*" >> "$NOTES"\n'


def run(
    script: str, *arguments: str, programs: dict[str, str], folder: Path, **environment: str
) -> tuple[int, str]:
    """Run a script of `ops`; return its exit code, and which programs it ran with what."""
    for name, ending in programs.items():
        program = folder / name
        program.write_text(_NOTES + ending)
        program.chmod(0o755)
    notes = folder / "notes"
    notes.touch()
    done = subprocess.run(
        [str(_OPS / script), *arguments],
        env={"PATH": f"{folder}{os.pathsep}{os.defpath}", "NOTES": str(notes), **environment},
        check=False,
        capture_output=True,
    )
    return done.returncode, notes.read_text()


@pytest.mark.parametrize("script", ["pgpool/failover.sh", "postgres/follow.sh"])
def test_a_shell_can_read_it(script: str) -> None:
    subprocess.run(["sh", "-n", str(_OPS / script)], check=True)


def test_a_failed_standby_promotes_nobody(tmp_path: Path) -> None:
    told = run(
        "pgpool/failover.sh", "1", "0", "node0", "5432", programs={"psql": ""}, folder=tmp_path
    )
    assert told == (0, "")


def test_a_failed_primary_promotes_the_node_that_pgpool_chose(tmp_path: Path) -> None:
    code, ran = run(
        *("pgpool/failover.sh", "0", "0", "node1", "5433"),
        programs={"psql": "echo t\n"},
        folder=tmp_path,
    )
    assert code == 0
    first, second = ran.splitlines()[:2]
    assert "--host node1 --port 5433" in first
    assert "pg_promote" in first
    assert "history.sql" in second


@pytest.mark.parametrize(("host", "answer"), [("", "t"), ("node1", "f")])
def test_what_was_not_promoted_is_no_success(host: str, answer: str, tmp_path: Path) -> None:
    code, ran = run(
        *("pgpool/failover.sh", "0", "0", host, "5433"),
        programs={"psql": f"echo {answer}\n"},
        folder=tmp_path,
    )
    assert code == 1
    assert "history.sql" not in ran


@pytest.mark.parametrize(
    ("rewinds", "expected"),
    [
        ("exit 0\n", ["postgres", "psql", "pg_rewind"]),
        ("exit 1\n", ["postgres", "psql", "pg_rewind", "pg_basebackup"]),
    ],
)
def test_an_old_primary_is_rewound_or_else_copied(
    rewinds: str, expected: list[str], tmp_path: Path
) -> None:
    data = tmp_path / "pg" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("18\n")
    code, ran = run(
        "postgres/follow.sh",
        programs={
            "postgres": "",
            "psql": "",
            "pg_rewind": rewinds,
            "pg_basebackup": 'mkdir "$PGDATA"\n',
        },
        folder=tmp_path,
        PGDATA=str(data),
        PRIMARY_HOST="node1",
    )
    assert code == 0
    assert [line.split()[0] for line in ran.splitlines()] == expected
    assert (data / "standby.signal").exists()
    assert not (data.parent / "rewinding").exists()
