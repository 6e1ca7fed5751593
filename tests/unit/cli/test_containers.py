"""`messaging containers secrets` makes what is missing, for containers that run as other users."""

from __future__ import annotations

import stat
from pathlib import Path

from click.testing import CliRunner

from cli.main import messaging


def make(folder: Path, *options: str) -> None:
    done = CliRunner().invoke(messaging, ["containers", "secrets", *options, str(folder)])
    assert done.exit_code == 0, done.output


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8")
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_secrets_are_made_once_and_only_their_folder_guards_them(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    make(folder)
    made = contents(folder)
    make(folder)
    assert contents(folder) == made
    assert len(set(made.values())) == len(made)
    assert {"postgres-worker", "redis-worker", "flower", "pgadmin", "consistency-key"} <= set(made)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {stat.S_IMODE((folder / name).stat().st_mode) for name in made}
    assert modes == {0o444}
    assert stat.S_IMODE((folder / "signing-keys").stat().st_mode) == 0o755


def test_rotating_adds_a_signing_key_and_leaves_the_rest(tmp_path: Path) -> None:
    make(tmp_path)
    before = contents(tmp_path)
    make(tmp_path, "--rotate")
    after = contents(tmp_path)
    assert {name for name in after if name not in before} == set(after) - set(before)
    assert len([name for name in after if name.endswith(".pem")]) == 2
    assert {name: after[name] for name in before} == before


def test_certificates_are_made_where_they_are_asked_for(tmp_path: Path) -> None:
    make(tmp_path)
    assert not [name for name in contents(tmp_path) if name.startswith("internal-")]
    make(tmp_path, "--tls")
    made = contents(tmp_path)
    assert {"internal-ca", "internal-redis-certificate", "internal-postgres-key"} <= set(made)
    modes = {name: stat.S_IMODE((tmp_path / name).stat().st_mode) for name in made}
    assert modes.pop("internal-ca-key") == 0o400
    assert set(modes.values()) == {0o444}
    make(tmp_path, "--tls")
    assert contents(tmp_path) == made
