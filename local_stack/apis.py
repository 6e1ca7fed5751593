"""The three APIs, each a gunicorn with a few threads, and what each is told.

query_api has a second gunicorn for event streams alone: each holds a thread as long as it is open.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from local_stack import environments
from local_stack.context import Context
from local_stack.service import Service


@dataclass(frozen=True, kw_only=True)
class _Size:
    processes: int
    threads: int


# Threads beyond a process's database pool would only wait for a connection.
_SIZES = {
    "auth_api": _Size(processes=2, threads=4),
    "command_api": _Size(processes=2, threads=8),
    "query_api": _Size(processes=2, threads=16),
}
# One process, so that the limit of an account is exact; beyond the streams some threads to refuse.
_STREAMS = "query_stream"
_SPARE_THREADS = 8
NAMES = (*_SIZES, _STREAMS)


def services(context: Context) -> list[Service]:
    """Return the three APIs as services."""
    return [
        *(
            _service(context, name, size, app=name, environment=environments.of_api(context, name))
            for name, size in _SIZES.items()
        ),
        _streams(context),
    ]


def _streams(context: Context) -> Service:
    environment = environments.of_streams(context)
    threads = int(environment["MESSAGING_STREAM_LIMIT"]) + _SPARE_THREADS
    size = _Size(processes=1, threads=threads)
    return _service(context, _STREAMS, size, app="query_api", environment=environment)


def _service(
    context: Context, name: str, size: _Size, *, app: str, environment: dict[str, str]
) -> Service:
    return Service(
        name=name,
        wave=4,
        command=(sys.executable, "-P", "-m", "gunicorn", *_options(context, name, size, app)),
        folder=context.state.run,
        environment=environment,
        stop_seconds=30,
        port=context.port(name),
    )


def _options(context: Context, name: str, size: _Size, app: str) -> tuple[str, ...]:
    return (
        f"--bind=127.0.0.1:{context.port(name)}",
        "--config=python:web.gunicorn_hooks",
        "--worker-class=web.gunicorn_worker.Worker",
        f"--workers={size.processes}",
        f"--threads={size.threads}",
        "--timeout=60",
        "--graceful-timeout=15",
        # Longer than NGINX keeps a connection: only NGINX closes one.
        "--keep-alive=75",
        # NGINX refuses what is longer, as a problem; gunicorn's own answer would be a page.
        "--limit-request-line=8190",
        "--limit-request-field_size=8190",
        "--limit-request-fields=32768",
        # One control socket per home folder would be shared by every gunicorn of this user.
        "--no-control-socket",
        f"--name={name}",
        f"{app}.app:create_app()",
    )
