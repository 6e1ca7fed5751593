"""`python -m local_stack.supervise -n -c FILE`: supervisor, made to outlive a full disk.

Where it cannot write a log it says so on standard error, which is a file on the same disk: that
second failure would end it, and everything with it.
"""

from __future__ import annotations

import sys
from typing import TextIO, cast

from supervisor import supervisord


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
    """Run supervisor with our arguments."""
    sys.stdout = cast("TextIO", _Tolerant(sys.stdout))
    sys.stderr = cast("TextIO", _Tolerant(sys.stderr))
    supervisord.main()


if __name__ == "__main__":
    main()
