"""A process of Celery's reads at its start what it needs, and no more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit


def test_a_worker_does_not_start_without_what_its_tasks_need(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("secret", encoding="utf-8")
    told = {
        # Nobody listens there, and nobody is asked.
        "MESSAGING_BROKER_URL": "redis://worker@127.0.0.1:1/1",
        "MESSAGING_REDIS_PASSWORD_FILE": str(password),
    }
    command = (sys.executable, "-m", "celery", "-A", "workers.celery_main", "worker")
    done = subprocess.run(
        (*command, "--pool=solo"),
        env={**os.environ, **told},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    # The first that it needs beyond what beat and Flower need.
    assert done.stderr.splitlines()[-1].startswith("MESSAGING_DATABASE_URL is not set"), done.stderr
