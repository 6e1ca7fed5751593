"""`python -m runtime.probe`: whether the process in this container does its work.

An API says so itself, at the address MESSAGING_HEALTH_URL. A worker, beat or whoever else has no
address touches the file MESSAGING_ALIVE_FILE as long as its broker hears it.
"""

from __future__ import annotations

import os
import sys
import time
import urllib.request
from pathlib import Path

_ANSWER_S = 10
# Signs of life come every one or two seconds.
_SILENCE_S = 15


def main() -> None:
    """Exit with 0 where it does its work, else with 1 and the reason."""
    wrong = _unready(os.environ["MESSAGING_HEALTH_URL"]) if _has_address() else _silent()
    sys.exit(wrong)


def _has_address() -> bool:
    return bool(os.environ.get("MESSAGING_HEALTH_URL"))


def _unready(url: str) -> str | None:
    try:
        with urllib.request.urlopen(url, timeout=_ANSWER_S) as answer:  # noqa: S310  # ours
            return None if answer.status == 200 else f"it answers {answer.status}"
    except OSError as error:
        return f"it does not answer as it should: {error}"


def _silent() -> str | None:
    path = Path(os.environ["MESSAGING_ALIVE_FILE"])
    try:
        seconds = time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return "it has given no sign of life yet"
    return None if seconds < _SILENCE_S else f"no sign of life for {seconds:.0f} s"


if __name__ == "__main__":
    main()
