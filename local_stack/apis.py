"""The three APIs, each a gunicorn with a few threads, and what each is told."""

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


def services(context: Context) -> list[Service]:
    """Return the three APIs as services."""
    return [_service(context, name, size) for name, size in _SIZES.items()]


def _service(context: Context, name: str, size: _Size) -> Service:
    return Service(
        name=name,
        wave=4,
        command=(sys.executable, "-P", "-m", "gunicorn", *_options(context, name, size)),
        folder=context.state.run,
        environment=environments.of_api(context, name),
        stop_seconds=30,
        port=context.port(name),
    )


def _options(context: Context, name: str, size: _Size) -> tuple[str, ...]:
    return (
        f"--bind=127.0.0.1:{context.port(name)}",
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
        f"{name}.app:create_app()",
    )
