"""`python -m local_stack.supervise -n -c FILE`: supervisor, made to outlive a full disk.

Where it cannot write a log it says so on standard error, which is a file on the same disk: that
second failure would end it, and everything with it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TextIO, cast

from local_stack import leftovers

MEMORY = "supervisor.group"
# It stops its services one after the other.
_ORDERLY_STOP_S = 90


class _Tolerant:
    """A text stream that loses what it cannot write."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            pass
        return len(text)

    def flush(self) -> None:
        """Nothing waits: every write was flushed."""

    def fileno(self) -> int:
        return self._stream.fileno()

    def isatty(self) -> bool:
        return False


def main() -> None:
    """Run supervisor with our arguments, remembered in the working folder for `down`."""
    group = leftovers.of_this_process(
        [sys.executable], stop_signal="TERM", stop_seconds=_ORDERLY_STOP_S
    )
    leftovers.remember(Path(MEMORY), group)
    sys.stdout = cast("TextIO", _Tolerant(sys.stdout))
    sys.stderr = cast("TextIO", _Tolerant(sys.stderr))
    # Imported here: `status` and `down` need only the name above.
    from supervisor import supervisord  # noqa: PLC0415

    supervisord.main()


if __name__ == "__main__":
    main()
