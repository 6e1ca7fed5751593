"""Reads the services' logs, and follows them through their rotation."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path

from local_stack import state as states
from local_stack.errors import StackError

_POLL_S = 0.25


def read(
    environ: Mapping[str, str], name: str | None, *, lines: int, follow: bool
) -> Iterator[str]:
    """Yield the last `lines` lines of the log `name`, or of every log, each behind its name.

    Args:
        environ: Says which stack.
        name: A service; none: all.
        lines: How many lines of each log to begin with.
        follow: Whether to go on with what is added, for ever.

    Raises:
        StackError: There is no such log.
    """
    state = states.look(environ)
    if state is None:
        raise StackError("There is no stack here yet: run messaging up.")
    logs = {path.stem: path for path in sorted(state.logs.glob("*.log"))}
    if name is not None and name not in logs:
        raise StackError(f"No log is called {name!r}: choose one of {', '.join(logs)}.")
    chosen = [_Log(title, path) for title, path in logs.items() if name in {None, title}]
    width = 0 if name else max((len(log.title) for log in chosen), default=0)
    for log in chosen:
        yield from (_labelled(log.title, line, width) for line in log.last(lines))
    while follow:
        for log in chosen:
            yield from (_labelled(log.title, line, width) for line in log.added())
        time.sleep(_POLL_S)


def _labelled(title: str, line: str, width: int) -> str:
    return f"{title:{width}} | {line}" if width else line


class _Log:
    """One log file, read on from where the last reading ended."""

    def __init__(self, title: str, path: Path) -> None:
        self.title = title
        self._path = path
        self._inode = 0
        self._offset = 0
        self._unfinished = b""

    def last(self, count: int) -> list[str]:
        return list(deque(self.added(), maxlen=max(count, 0)))

    def added(self) -> list[str]:
        try:
            with self._path.open("rb") as stream:
                stat = os.fstat(stream.fileno())
                # A rotated log begins again: supervisor renames the old one away.
                if stat.st_ino != self._inode or stat.st_size < self._offset:
                    self._inode, self._offset, self._unfinished = stat.st_ino, 0, b""
                stream.seek(self._offset)
                content = stream.read()
        except FileNotFoundError:
            return []
        self._offset += len(content)
        *whole, self._unfinished = (self._unfinished + content).split(b"\n")
        return [line.decode(errors="replace") for line in whole]
