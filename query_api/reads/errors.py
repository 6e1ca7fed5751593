"""Why a read has no answer."""

from __future__ import annotations

from runtime.errors import MessagingError, UnavailableError


class NothingFoundError(MessagingError):
    """There is nothing here, or nothing that you may see."""


class NotYetVisibleError(MessagingError):
    """What the consistency token stands for was not visible within the time to wait."""


class ReplicaUnavailableError(UnavailableError):
    """The database cannot answer just now; try again shortly."""
