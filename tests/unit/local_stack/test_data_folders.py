"""Data folders change their roles: interrupted anywhere, one server's data are the primary's."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_stack import data_folders
from local_stack.errors import StackError


@pytest.fixture
def base(tmp_path: Path) -> Path:
    for name, content in (("primary", "old"), ("replica", "new")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "whose").write_text(content)
    return tmp_path


def whose(folder: Path) -> str:
    return (folder / "whose").read_text()


def test_without_a_promotion_nothing_changes(base: Path) -> None:
    data_folders.exchange(base)
    assert (whose(base / "primary"), whose(base / "replica")) == ("old", "new")
    assert data_folders.replaced(base) == []


@pytest.mark.parametrize("renames", [0, 1, 2])
def test_a_promotion_goes_on_from_wherever_it_was_interrupted(
    base: Path, renames: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_folders.begin_promotion(base)
    left = renames
    rename = Path.rename

    def killed_in_time(path: Path, target: Path) -> Path:
        nonlocal left
        if left == 0:
            raise KeyboardInterrupt
        left -= 1
        return rename(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", killed_in_time)
        if renames < 2:
            with pytest.raises(KeyboardInterrupt):
                data_folders.exchange(base)
        else:
            data_folders.exchange(base)
    assert data_folders.promoting(base)
    for _ in range(2):
        data_folders.exchange(base)
    (old,) = data_folders.replaced(base)
    assert (whose(base / "primary"), whose(old)) == ("new", "old")
    assert not (base / "replica").exists()
    data_folders.end_promotion(base)
    assert not data_folders.promoting(base)


def test_a_promotion_without_the_old_data_takes_the_standbys(base: Path, tmp_path: Path) -> None:
    (base / "primary").rename(tmp_path / "gone")
    with pytest.raises(StackError, match="messaging stack promote"):
        data_folders.check(base)
    data_folders.begin_promotion(base)
    data_folders.exchange(base)
    data_folders.check(base)
    assert whose(base / "primary") == "new"
    assert data_folders.replaced(base) == []


def test_what_a_restore_set_aside_is_no_replaced_primary(base: Path) -> None:
    (base / "primary").rename(base / "replaced-20300101T000000Z")
    (old,) = data_folders.replaced(base)
    aside = data_folders.set_aside(old)
    assert aside is not None
    assert whose(aside) == "old"
    assert data_folders.replaced(base) == []
    assert data_folders.set_aside(old) is None
