"""Reads server-sent events from bytes, as the HTML standard says (9.2.6)."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, kw_only=True)
class ServerSentEvent:
    """An event: its type, its data, and the id of the last one that had any."""

    type: str
    data: str
    id: str


class EventParser:
    """Takes a stream in chunks cut anywhere, and gives its events.

    Attributes:
        last_event_id: Up to where the stream has been read.
        retry_s: After how many seconds the server wants to be asked again; None if it did not say.
    """

    def __init__(self, last_event_id: str = "") -> None:
        """Begin before the first byte, after the event that an earlier stream ended with."""
        self.last_event_id = last_event_id
        self.retry_s: float | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._text = ""
        self._is_first = True
        self._id = last_event_id
        self._type = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> Iterator[ServerSentEvent]:
        """Yield the events that end in `chunk`; iterate to the end before the next chunk."""
        for line in self._lines(chunk):
            if line:
                self._take(line)
            elif event := self._dispatched():
                yield event

    def _lines(self, chunk: bytes) -> Iterator[str]:
        self._text += self._decoder.decode(chunk)
        if self._is_first and self._text:
            self._text = self._text.removeprefix("\ufeff")
            self._is_first = False
        start = 0
        for end in _LINE_END.finditer(self._text):
            # A line feed may follow in the next chunk, and would be taken for another line.
            if end.group() == "\r" and end.end() == len(self._text):
                break
            yield self._text[start : end.start()]
            start = end.end()
        self._text = self._text[start:]

    def _take(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._type = value
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and value.isascii() and value.isdecimal():
            self.retry_s = int(value) / 1000

    def _dispatched(self) -> ServerSentEvent | None:
        self.last_event_id = self._id
        event = None
        if self._data:
            data = "\n".join(self._data)
            event = ServerSentEvent(type=self._type or "message", data=data, id=self._id)
        self._type = ""
        self._data = []
        return event
