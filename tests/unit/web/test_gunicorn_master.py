"""What gunicorn's master keeps loaded of ours: no more than it needs, the rest is renewed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from local_stack import apis
from tests.unit.local_stack.test_configuration import _context

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[3]
_HOOKS = "--config=python:"
ROOMS = {path.parent.name for path in ROOT.glob("*/__init__.py")}


def named_modules(command: tuple[str, ...]) -> set[str]:
    """Return the modules that gunicorn's own options name."""
    worker = next(word for word in command if word.startswith("--worker-class="))
    hooks = [
        word.partition("python:")[2] for word in command if word.startswith("--config=python:")
    ]
    return {worker.partition("=")[2].rpartition(".")[0], *hooks}


def test_a_hang_up_renews_everything_of_ours() -> None:
    """On SIGHUP the master forks workers: what it has loaded itself they would have from before."""
    named = set[str]().union(*(named_modules(each.command) for each in apis.services(_context())))
    look = f"import sys, {', '.join(sorted(named))}; print(*sys.modules)"
    told = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, check=True, cwd=ROOT
    )
    ours = {name for name in told.stdout.split() if name.partition(".")[0] in ROOMS}
    assert ours == named | {name.partition(".")[0] for name in named}
