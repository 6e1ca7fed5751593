"""What an app does when its process is asked to stop."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask

_EXTENSION = "messaging_stop"


def stop_with(app: Flask, step: Callable[[], None]) -> None:
    """Let `stop` call `step`, which must return soon."""
    app.extensions.setdefault(_EXTENSION, []).append(step)


def stop(app: object) -> None:
    """Do what an app does at its process's end; harmless where that is nothing."""
    for step in getattr(app, "extensions", {}).get(_EXTENSION, ()):
        step()
