"""What can keep the demo from its end, each said in one line with the mend."""

from __future__ import annotations

from runtime.errors import MessagingError


class DemoError(MessagingError):
    """The demo cannot go on."""


class ChatFileError(DemoError):
    """The chat file cannot be used."""


class StoppedError(DemoError):
    """Another part of the demo failed, or the user stopped it."""
