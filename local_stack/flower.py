"""Flower: shows the workers and their tasks, behind a generated password."""

from __future__ import annotations

import sys

from local_stack import environments, templates
from local_stack.context import Context
from local_stack.service import Service


def service(context: Context) -> Service:
    """Return Flower as a service."""
    configuration = templates.OPS / "flower/flowerconfig.py"
    return Service(
        name="flower",
        wave=5,
        command=(
            *(sys.executable, "-P", "-m", "celery", "-A", "workers.celery_main"),
            *("flower", f"--conf={configuration}"),
        ),
        folder=context.state.run,
        environment=environments.of_flower(context),
        port=context.port("flower"),
    )
