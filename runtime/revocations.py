"""How Redis lists the sessions that have ended while their access tokens may still run."""

from __future__ import annotations

from runtime.ids import SessionId

# Holds the queue's epoch in which the list was last completed from the database. A Redis without
# it was lost: that it does not list a session means nothing.
COMPLETE_KEY = "revoked:epoch"

# Clocks of several machines may differ by less than this.
_MARGIN_S = 60


def revoked_key(session_id: SessionId) -> str:
    """Return the key that exists once the session has ended."""
    return f"revoked:{session_id}"


def listed_seconds(access_lifetime: int) -> int:
    """Return how long an ended session is listed, where access tokens live `access_lifetime` s."""
    return access_lifetime + _MARGIN_S
