"""Connections to Redis that count what a request spends there, pipelines and functions included."""

from __future__ import annotations

from typing import Any

from redis.connection import Connection, SSLConnection

from runtime.profiling import spending


class ProfiledConnection(Connection):
    """Counts what is sent in one piece as one: a command, a function, a whole pipeline."""

    def connect(self) -> None:
        """Connect, which takes time but is no command."""
        with spending("redis", count=0):
            super().connect()  # type: ignore[no-untyped-call]  # redis-py left it untyped

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:  # noqa: FBT001, FBT002  # redis-py's
        """Send what is counted."""
        with spending("redis"):
            super().send_packed_command(command, check_health)  # type: ignore[no-untyped-call]  # as well

    def read_response(self, *args: Any, **kwargs: Any) -> Any:
        """Wait for one answer."""
        with spending("redis", count=0):
            return super().read_response(*args, **kwargs)


class ProfiledTlsConnection(ProfiledConnection, SSLConnection):
    """The same by TLS."""
