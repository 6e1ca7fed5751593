"""A clock that moves when somebody waits."""

from __future__ import annotations


class Clock:
    """Tells seconds; `pause` moves it, and is remembered."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds
