"""A scene for the scripts of containers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.containers.scene import NOTE, OPS, PSQL, Scene, write


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
        write(tmp_path / "bin" / name, NOTE + does)
    write(tmp_path / "bin/psql", PSQL)
    write(tmp_path / "bin/sync", "#!/bin/sh\n")
    # Who waits would wait for ever.
    write(tmp_path / "bin/sleep", "#!/bin/sh\nkill $PPID\n")
    return scene
