"""A container's health is what its process says or shows."""

from __future__ import annotations

import http.server
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime import probe


class _Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:  # the base class's name
        self.send_response(int(self.path.strip("/")))
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def url() -> Iterator[str]:
    server = http.server.HTTPServer(("127.0.0.1", 0), _Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def verdict() -> object:
    with pytest.raises(SystemExit) as ended:
        probe.main()
    return ended.value.code


def test_an_api_is_well_while_it_says_that_it_is_ready(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESSAGING_HEALTH_URL", f"{url}/200")
    assert verdict() is None
    monkeypatch.setenv("MESSAGING_HEALTH_URL", f"{url}/503")
    assert "503" in str(verdict())
    monkeypatch.setenv("MESSAGING_HEALTH_URL", "http://127.0.0.1:9/")
    assert "does not answer" in str(verdict())


def test_a_worker_is_well_while_it_shows_signs_of_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MESSAGING_HEALTH_URL", raising=False)
    alive = tmp_path / "alive"
    monkeypatch.setenv("MESSAGING_ALIVE_FILE", str(alive))
    assert "no sign of life yet" in str(verdict())
    alive.touch()
    assert verdict() is None
    long_ago = time.time() - 60
    os.utime(alive, (long_ago, long_ago))
    assert "no sign of life for 60 s" in str(verdict())
