"""The three APIs, each a gunicorn with a few threads, and what each is told.

query_api has a second gunicorn for event streams alone: each holds a thread as long as it is open.
"""

from __future__ import annotations

import sys

from local_stack import environments, templates
from local_stack.context import Context
from local_stack.service import Service

_APIS = ("auth_api", "command_api", "query_api")
_STREAMS = "query_stream"
NAMES = (*_APIS, _STREAMS)


def services(context: Context) -> list[Service]:
    """Return the three APIs as services."""
    apis = [_service(context, name, name, environments.of_api(context, name)) for name in _APIS]
    return [*apis, _service(context, _STREAMS, "query_api", environments.of_streams(context))]


def _service(context: Context, name: str, app: str, environment: dict[str, str]) -> Service:
    configuration = templates.OPS / "gunicorn/gunicornconfig.py"
    return Service(
        name=name,
        wave=4,
        command=(
            *(sys.executable, "-P", "-m", "gunicorn", f"--config={configuration}"),
            f"{app}.app:create_app()",
        ),
        folder=context.state.run,
        environment={**environment, "MESSAGING_BIND": f"127.0.0.1:{context.port(name)}"},
        stop_seconds=30,
        port=context.port(name),
    )
