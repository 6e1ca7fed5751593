"""Prometheus's configuration for this stack: whom to ask, and when to call somebody.

Prometheus itself is not part of the stack: it is pointed at these files.
"""

from __future__ import annotations

import json

from local_stack import files, templates
from local_stack.context import Context

_APIS = ("auth_api", "command_api", "query_api", "query_stream")
_NODE_EXPORTER = "127.0.0.1:9100"


def prepare(context: Context) -> None:
    """Write `prometheus.yml` with the addresses of this stack, and the rules beside it."""
    folder = files.folder(context.state.run / "prometheus")
    values = {name.upper(): _fixed(f"127.0.0.1:{context.port(name)}") for name in _APIS}
    workers = (f"127.0.0.1:{context.port(name)}" for name in ("worker-1", "worker-2"))
    values |= {"WORKER": _fixed(*workers), "NODE": _fixed(_NODE_EXPORTER)}
    for name in ("prometheus.yml", "alerts.yml"):
        files.write(folder / name, templates.render(f"prometheus/{name}", values))


def _fixed(*targets: str) -> str:
    return f"static_configs: [{{targets: {json.dumps(targets)}}}]"
