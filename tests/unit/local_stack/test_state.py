from __future__ import annotations

import json
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_stack import state as states
from local_stack.credentials import DATABASE_ROLES, REDIS_USERS, Credentials
from local_stack.errors import StackError
from local_stack.record import LOOPBACK_PORTS, Record

pytestmark = pytest.mark.unit


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"MESSAGING_STATE": str(tmp_path / "state")}


def _made(environ: dict[str, str]) -> states.State:
    return states.make(states.enter(environ), environ)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Keep what would go into folders of the machine below folders of the test."""
    monkeypatch.setattr(states, "_SHARED_SERVERS", tmp_path / "shared")
    with tempfile.TemporaryDirectory(prefix="m-") as name:
        monkeypatch.setattr(states, "_short_folder", lambda: Path(name))
        yield Path(name)


def test_there_is_no_stack_before_it_is_made(environ: dict[str, str]) -> None:
    assert states.look(environ) is None
    made = _made(environ)
    found = states.look(environ)
    assert found is not None
    assert found.record == made.record


def test_the_state_folder_is_private(environ: dict[str, str]) -> None:
    folder = _made(environ).folder
    assert stat.S_IMODE(folder.stat().st_mode) & 0o027 == 0


def test_making_it_again_changes_nothing(environ: dict[str, str]) -> None:
    assert _made(environ).record == _made(environ).record


def test_another_count_of_partitions_is_refused(environ: dict[str, str]) -> None:
    _made(environ | {"MESSAGING_EVENT_PARTITIONS": "8"})
    assert _made(environ).record.event_partitions == 8
    with pytest.raises(StackError, match="MESSAGING_EVENT_PARTITIONS=16"):
        _made(environ | {"MESSAGING_EVENT_PARTITIONS": "16"})


def test_a_damaged_record_is_said_not_overwritten(environ: dict[str, str]) -> None:
    record = _made(environ).folder / "stack.json"
    record.write_text("{")
    with pytest.raises(StackError, match="damaged"):
        _made(environ)
    assert record.read_text() == "{"


def test_a_file_in_the_folders_place_is_said(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(StackError, match="no folder"):
        states.enter({"MESSAGING_STATE": str(tmp_path / "state")})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_the_folder_of_another_user_is_refused(environ: dict[str, str]) -> None:
    folder = states.enter(environ)
    os.chown(folder, 65534, 65534)
    with pytest.raises(StackError, match="was made by nobody"):
        states.enter(environ)


def test_a_long_path_keeps_its_sockets_elsewhere(tmp_path: Path, short: Path) -> None:
    state = _made({"MESSAGING_STATE": str(tmp_path / ("long" * 30))})
    assert state.sockets.parent == short
    assert state.sockets.is_dir()


@pytest.mark.parametrize("text", ["0", "65536", "eighty", "-1", "\uff18\uff10"])
def test_a_port_that_is_none_is_named(text: str) -> None:
    with pytest.raises(StackError, match="MESSAGING_PORT="):
        states.port_of({"MESSAGING_PORT": text})


def test_the_port_is_the_one_asked_for_else_the_last_else_8080() -> None:
    assert states.port_of({"MESSAGING_PORT": "9000"}, 8081) == 9000
    assert states.port_of({}, 8081) == 8081
    assert states.port_of({}) == 8080


def test_each_part_gets_a_port_of_its_own_and_keeps_it() -> None:
    record = Record.new(uid=0, event_partitions=16).with_free_ports()
    assert set(record.ports) == set(LOOPBACK_PORTS)
    assert len(set(record.ports.values())) == len(LOOPBACK_PORTS)
    assert record.with_free_ports() == record


def test_secrets_are_made_once_for_everybody(tmp_path: Path) -> None:
    credentials = Credentials(tmp_path / "secrets")
    credentials.make()
    files = [p for p in (tmp_path / "secrets").rglob("*") if p.is_file()]
    assert len(files) == len(DATABASE_ROLES) + len(REDIS_USERS) + 4
    before = {path: path.read_bytes() for path in files}
    assert len(set(before.values())) == len(files)
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)
    credentials.make()
    assert {path: path.read_bytes() for path in files} == before


def test_rotation_keeps_the_key_before_and_removes_older_ones(tmp_path: Path) -> None:
    credentials = Credentials(tmp_path / "secrets")
    credentials.make()
    kids = [path.stem for path in credentials.signing_keys.glob("*.pem")]
    for _ in range(5):  # Within one second, too.
        rotated = credentials.rotate_signing_key()
        assert rotated.verifies == kids[-1]
        assert rotated.removed == tuple(kids[-2:-1])
        kids.append(rotated.signs)
        left = sorted(credentials.signing_keys.glob("*"))
        assert [path.stem for path in left] == kids[-2:]
        assert {stat.S_IMODE(path.stat().st_mode) for path in left} == {0o600}


def test_a_new_key_sorts_behind_one_that_was_named_by_hand(tmp_path: Path) -> None:
    credentials = Credentials(tmp_path / "secrets")
    credentials.make()
    (credentials.signing_keys / "zz.pem").write_text("")
    assert credentials.rotate_signing_key().signs > "zz"


def test_the_record_is_for_its_owner_only(environ: dict[str, str]) -> None:
    path = _made(environ).folder / "stack.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text())["event_partitions"] == 16
