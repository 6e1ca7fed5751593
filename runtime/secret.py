"""Text that nobody sees by mistake."""

from __future__ import annotations


class Secret:
    """Text that shows itself only when asked by `reveal`, so that no log or traceback holds it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Keep `value` out of sight."""
        self._value = value

    def __repr__(self) -> str:
        return "Secret('***')"

    __str__ = __repr__

    def reveal(self) -> str:
        """Return the secret text itself."""
        return self._value
