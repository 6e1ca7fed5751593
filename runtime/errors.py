"""The root of our error family."""

from __future__ import annotations


class MessagingError(Exception):
    """The messaging service could not do what was asked.

    A subclass's docstring is its default message: what went wrong, and the mend.
    """

    def __init__(self, message: str | None = None) -> None:
        """Use `message`, else the class's docstring."""
        super().__init__(message or (type(self).__doc__ or "").strip().splitlines()[0])


class UnavailableError(MessagingError):
    """A part that this needs cannot be reached just now; try again shortly."""


class SettingsError(MessagingError):
    """A setting is missing or wrong."""
