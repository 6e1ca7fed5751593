"""What the database says when it fails."""

from __future__ import annotations


def reason_of(error: BaseException) -> str:
    """Return in one line what an error says, without the statement that SQLAlchemy adds."""
    cause = getattr(error, "orig", None) or error
    lines = str(cause).strip().splitlines()
    return lines[0] if lines else type(cause).__name__
