"""Waits for what must come about soon."""

from __future__ import annotations

import time
from collections.abc import Callable

_POLL_S = 0.05


def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Return True once `condition` holds, False where it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True
