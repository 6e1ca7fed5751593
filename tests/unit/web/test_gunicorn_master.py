"""What gunicorn's master keeps loaded of ours: no more than it needs, the rest is renewed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local_stack import apis
from tests.unit.local_stack.test_configuration import _context

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[3]
ROOMS = {path.parent.name for path in ROOT.glob("*/__init__.py")}
NAMED = {"web.gunicorn_worker", "web.gunicorn_hooks"}
# What the master does at its start: it runs the configuration, and loads the worker's class.
_LOOK = """
import importlib, runpy, sys
told = runpy.run_path(sys.argv[1])
importlib.import_module(told["worker_class"].rpartition(".")[0])
print(*sys.modules)
"""


def loaded(command: tuple[str, ...], environment: dict[str, str]) -> set[str]:
    """Return the modules of ours that the master of a service holds."""
    configuration = next(word for word in command if word.startswith("--config="))
    told = subprocess.run(
        [sys.executable, "-c", _LOOK, configuration.partition("=")[2]],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return {name for name in told.stdout.split() if name.partition(".")[0] in ROOMS}


def test_a_hang_up_renews_everything_of_ours() -> None:
    """On SIGHUP the master forks workers: what it has loaded itself they would have from before."""
    for service in apis.services(_context()):
        ours = loaded(service.command, service.environment)
        assert ours == NAMED | {"web"}
