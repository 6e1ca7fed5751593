"""NGINX, the one public part: three APIs and Flower behind one origin."""

from __future__ import annotations

import grp
from pathlib import Path

from local_stack import files, templates
from local_stack.accounts import Account
from local_stack.context import Context
from local_stack.errors import StackError
from local_stack.service import Service

_UNPRIVILEGED = 1024
_NO_PGADMIN = (
    "Tables of primary and replica: part of the container stack, at <code>/pgadmin/</code>."
)
_NO_MONITORING = (
    "What is measured, as it goes: part of the container stack, at <code>/grafana/</code>"
    " and <code>/prometheus/</code>."
)
_TEMPORARY = ("body", "proxy", "fastcgi", "uwsgi", "scgi")


def service(context: Context) -> Service:
    """Return NGINX as a service."""
    folder = _folder(context)
    options: tuple[str, ...] = ("-e", "stderr", "-p", f"{folder}/", "-c", "nginx.conf")
    if context.gateway is not None and _needs_root(context):
        options += ("-g", f"user {_names(context.gateway)};")
    return Service(
        name="nginx",
        wave=6,
        command=(str(context.binaries.nginx), *options),
        folder=folder,
        environment={"TZ": "UTC"},
        stop_signal="QUIT",
        account=None if _needs_root(context) else context.gateway,
        port=context.port("nginx"),
        pid_file=folder / "nginx.pid",
        own_errors=True,
    )


def prepare(context: Context) -> None:
    """Write NGINX's configuration and its pages."""
    owner = context.gateway
    folder = files.folder(_folder(context), owner=owner)
    files.folder(folder / "tmp", owner=owner)
    for name in _TEMPORARY:
        files.folder(folder / "tmp" / name, owner=owner)
    values = {
        "WORKERS": "auto",
        "LISTEN": context.port("nginx"),
        "ACCESS_LOG": "/dev/stdout",
        "AUTH_API": f"127.0.0.1:{context.port('auth_api')}",
        "COMMAND_API": f"127.0.0.1:{context.port('command_api')}",
        "QUERY_API": f"127.0.0.1:{context.port('query_api')}",
        "QUERY_STREAM": f"127.0.0.1:{context.port('query_stream')}",
        "FLOWER": f"127.0.0.1:{context.port('flower')}",
        # A heartbeat may come late on a busy machine.
        "STREAM_SILENCE": 30 + 2 * int(context.settings.get("MESSAGING_STREAM_HEARTBEAT", "15")),
        "STREAM_ADDRESS_LIMIT": context.settings.get("MESSAGING_STREAM_ADDRESS_LIMIT", "40"),
        "STRICT_TRANSPORT_SECURITY": _hsts(context),
        "AUTH_RATE": context.settings.get("MESSAGING_AUTH_RATE", "20"),
        "AUTH_BURST": context.settings.get("MESSAGING_AUTH_BURST", "100"),
        "PGADMIN_CELL": "pgAdmin",
        "PGADMIN_TEXT": _NO_PGADMIN,
        "MONITORING_CELL": "Grafana, Prometheus",
        "MONITORING_TEXT": _NO_MONITORING,
    }
    for name in ("nginx.conf", "messaging.conf", "problems.conf"):
        files.write(folder / name, templates.render(f"nginx/{name}", values), owner=owner)
    pages = files.folder(folder / "html", owner=owner)
    for name in ("index.html", "site.css"):
        files.write(pages / name, templates.render(f"nginx/html/{name}", values), owner=owner)


def _hsts(context: Context) -> str:
    return "max-age=31536000" if context.state.url.startswith("https:") else ""


def _needs_root(context: Context) -> bool:
    return context.port("nginx") < _UNPRIVILEGED


def _names(gateway: Account) -> str:
    # NGINX knows users and groups by name only.
    if not gateway.name:
        raise StackError(
            "NGINX needs a user of its own for a port below 1024, and this machine has no user"
            " `www-data`: add one, or choose a port above 1023: MESSAGING_PORT=8080."
        )
    return f"{gateway.name} {grp.getgrgid(gateway.gid).gr_name}"


def _folder(context: Context) -> Path:
    return context.state.servers / "nginx"
