"""Around the processes of a service their metrics are kept, and survive one's end."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from runtime.meters import FOLDER
from runtime.metrics import CATALOGUE
from web import gunicorn_hooks as hooks

pytestmark = pytest.mark.unit

# Another process of the service: measures, tells its id, and ends.
_MEASURES = """
import os
from web import gunicorn_hooks
from runtime import meters
gunicorn_hooks.post_fork(None, None)
meters.count("messaging_logins_total", "failed", by=2)
meters.observe("messaging_append_seconds", 0.002)
meters.shift("messaging_open_streams", 1)
print(os.getpid())
"""
_SHOWS = "from runtime.exposition import exposed; print(exposed({}).decode())"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    found = tmp_path / "metrics"
    monkeypatch.setenv(FOLDER, str(found))
    hooks.on_starting(None)
    return found


def run(program: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    ).stdout


def test_what_processes_measured_is_shown_together_and_outlives_them(folder: Path) -> None:
    first, _second = int(run(_MEASURES)), int(run(_MEASURES))
    assert 'messaging_logins_total{outcome="failed"} 4.0' in run(_SHOWS)
    assert "messaging_open_streams 2.0" in run(_SHOWS)
    hooks.child_exit(None, SimpleNamespace(pid=first))
    page = run(_SHOWS)
    assert 'messaging_logins_total{outcome="failed"} 4.0' in page
    assert "messaging_append_seconds_count 2.0" in page
    assert "messaging_open_streams 1.0" in page
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    assert sizes[f"counter_{first}.db"] < 4096


def test_a_service_begins_anew(folder: Path) -> None:
    run(_MEASURES)
    hooks.on_starting(None)
    assert list(folder.iterdir()) == []
    assert oct(folder.stat().st_mode)[-3:] == "700"


def test_the_files_are_allotted_before_they_are_used(folder: Path) -> None:
    hooks.post_fork(None, None)
    for path in folder.iterdir():
        assert path.stat().st_size == hooks.ALLOTTED_BYTES
        assert path.stat().st_blocks * 512 >= hooks.ALLOTTED_BYTES


def test_a_full_disk_costs_the_metrics_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    hooks.post_fork(None, None)
    assert FOLDER not in os.environ


def test_without_a_folder_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FOLDER, raising=False)
    hooks.on_starting(None)
    hooks.post_fork(None, None)
    hooks.child_exit(None, SimpleNamespace(pid=1))


def test_every_route_and_status_finds_room_in_what_is_allotted() -> None:
    # Each value takes its key as JSON, and 24 bytes. The largest service: twenty routes, of which
    # each is asked for by two methods and answered by three classes.
    metric = CATALOGUE["messaging_http_request_seconds"]
    key = len(metric.help) + 2 * len(metric.name) + 150
    values = len(metric.buckets) + 3
    assert 20 * 2 * 3 * values * (key + 24) < hooks.ALLOTTED_BYTES
