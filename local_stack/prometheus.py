"""Prometheus's configuration for this stack: whom to ask, and when to call somebody.

Prometheus itself is not part of the stack: it is pointed at these files.
"""

from __future__ import annotations

from local_stack import files, templates
from local_stack.context import Context

# Service by service: the three APIs and the streams, then the workers.
_TARGETS = ("auth_api", "command_api", "query_api", "query_stream", "worker-1", "worker-2")


def prepare(context: Context) -> None:
    """Write `prometheus.yml` with the addresses of this stack, and the rules beside it."""
    folder = files.folder(context.state.run / "prometheus")
    values = {
        name.upper().replace("-", "_"): f"127.0.0.1:{context.port(name)}" for name in _TARGETS
    }
    for name in ("prometheus.yml", "alerts.yml"):
        files.write(folder / name, templates.render(f"prometheus/{name}", values))
