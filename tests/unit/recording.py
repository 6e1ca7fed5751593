"""What each process asks of its environment, noted by reading its settings without one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import auth_api.settings
import command_api.settings
import query_api.settings
from local_stack import environments
from runtime.settings import DatabaseSettings, Reader, Secret
from workers.settings import CelerySettings, WorkerSettings


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How a setting is asked for.

    Attributes:
        kind: What it must be.
        default: What holds where it is not set; None where it must be set.
        least: The smallest whole number that may be given; None where it is no number.
        most: The largest; None where any may be given.
    """

    kind: str
    default: str | int | None
    least: int | None = None
    most: int | None = None


class RecordingReader(Reader):
    """Answers as if almost nothing were set, and notes what was asked for.

    An address that has a default is answered by its variable's name in angle brackets, so that
    defaults that are made of it show from what.
    """

    def __init__(self, given: Mapping[str, str]) -> None:
        """Take numbers from `given` in place of their defaults: what a process is always told."""
        super().__init__()
        self._given = given
        self.asked: dict[str, Asked] = {}

    def text(self, name: str, default: str | None = None) -> str:
        self._note(name, Asked(kind="text", default=default))
        return default or f"<{name}>"

    def choice(self, name: str, default: str, *, among: Sequence[str]) -> str:
        kind = " or ".join((", ".join(f"`{each}`" for each in among[:-1]), f"`{among[-1]}`"))
        self._note(name, Asked(kind=kind, default=default))
        return default

    def path(self, name: str) -> Path | None:
        self._note(name, Asked(kind="file", default="none"))
        return None

    def folder(self, name: str) -> Path:
        self._note(name, Asked(kind="folder", default=None))
        return Path(f"<{name}>")

    def integer(self, name: str, default: int, *, least: int = 1, most: int | None = None) -> int:
        value = int(self._given.get(name, default))
        kind = f"number ≥ {least:,}" if most is None else f"number {least:,} to {most:,}"
        self._note(name, Asked(kind=kind, default=value, least=least, most=most))
        return value

    def flag(self, name: str) -> bool:
        self._note(name, Asked(kind="1 or 0", default=0, least=0, most=1))
        return False

    def url(self, name: str, default: str | None = None) -> str:
        self._note(name, Asked(kind="address", default=default))
        return f"<{name}>"

    def database_url(self, name: str) -> str:
        self._note(name, Asked(kind="address of Postgres", default=None))
        return f"<{name}>"

    def redis_url(self, name: str) -> str:
        self._note(name, Asked(kind="address of Redis", default=None))
        return f"<{name}>"

    def secret(self, name: str) -> Secret:
        self._note(name, Asked(kind="file with a secret", default=None))
        return Secret(f"<{name}>")

    def _note(self, name: str, asked: Asked) -> None:
        if self.asked.setdefault(name, asked) != asked:
            raise ValueError(f"{name} is asked for in two ways: {self.asked[name]}, {asked}")


def _read_worker(reader: Reader) -> None:
    CelerySettings.read(reader)
    WorkerSettings.read(reader)


_READ: Mapping[str, Callable[[Reader], object]] = {
    "auth_api": auth_api.settings.Settings.read,
    "command_api": command_api.settings.CommandSettings.read,
    "query_api": query_api.settings.Settings.read,
    "query_stream": query_api.settings.Settings.read,
    "workers": _read_worker,
    "beat": CelerySettings.read,
    "flower": CelerySettings.read,
    "`python -m database.migrate`": DatabaseSettings.read,
}


def recorded() -> dict[str, dict[str, Asked]]:
    """Return of each process what it asks for, by variable, in the order of its asking."""
    found: dict[str, dict[str, Asked]] = {}
    for process, read in _READ.items():
        reader = RecordingReader(environments.STREAMS if process == "query_stream" else {})
        read(reader)
        found[process] = reader.asked
    return found
