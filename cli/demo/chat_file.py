"""Reads a chat file: one message a line as JSON, gzipped or not."""

from __future__ import annotations

import gzip
import json
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

from cli.demo.errors import ChatFileError

_GZIP = b"\x1f\x8b"
# Far above any legal message; a file without line ends must not fill the memory.
_LONGEST_LINE = 1024 * 1024
_FIELDS = ("from", "to", "body")
_KINDS = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "an object",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatLine:
    """A message as the file has it, with the number of its line."""

    number: int
    sender: str
    recipient: str
    body: str


class ChatFile:
    """An open chat file, which can be read any number of times."""

    def __init__(self, path: Path, content: IO[bytes]) -> None:
        """Read `content`, which can seek; `path` is what errors call it."""
        self._path = path
        self._content = content

    @property
    def name(self) -> str:
        """The file's name, without its folder."""
        return self._path.name

    def lines(self, most: int | None = None) -> Iterator[ChatLine]:
        """Yield the messages from the start, at most so many; lines left blank do not count.

        Raises:
            ChatFileError: The file cannot be read, or a line is not as it should be.
        """
        numbered = enumerate(self._raw_lines(), start=1)
        written = ((number, raw) for number, raw in numbered if raw.strip())
        for number, raw in islice(written, most):
            yield self._parse(number, raw)

    def _raw_lines(self) -> Iterator[bytes]:
        self._content.seek(0)
        zipped = self._content.read(len(_GZIP)) == _GZIP
        self._content.seek(0)
        source: IO[bytes] = gzip.GzipFile(fileobj=self._content) if zipped else self._content  # type: ignore[assignment]  # a GzipFile is one in all but name
        number = 0
        try:
            while raw := source.readline(_LONGEST_LINE + 1):
                number += 1
                if len(raw) > _LONGEST_LINE:
                    raise self._error(number, "is over 1 MiB long")
                yield raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise ChatFileError(
                f"{self._path}: the gzip data is damaged or cut off after line {number} ({error})."
            ) from None

    def _parse(self, number: int, raw: bytes) -> ChatLine:
        try:
            value = json.loads(raw.decode("utf-8"))
        except UnicodeDecodeError:
            raise self._error(number, "is not UTF-8") from None
        except (json.JSONDecodeError, RecursionError) as error:
            reason = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply"
            raise self._error(number, f"is not JSON ({reason})") from None
        if not isinstance(value, dict):
            raise self._error(number, f"is {_kind(value)}, not an object of from, to and body")
        sender, recipient, body = (self._text(number, value, field) for field in _FIELDS)
        return ChatLine(number=number, sender=sender, recipient=recipient, body=body)

    def _text(self, number: int, value: dict[str, object], field: str) -> str:
        if field not in value:
            raise self._error(number, f"has no field {field!r}")
        text = value[field]
        if not isinstance(text, str):
            raise self._error(number, f"has {_kind(text)} as {field!r}, not a string")
        if not text and field != "body":
            raise self._error(number, f"has an empty {field!r}")
        return text

    def _error(self, number: int, reason: str) -> ChatFileError:
        return ChatFileError(f"{self._path}: line {number} {reason}.")


def _kind(value: object) -> str:
    return _KINDS.get(type(value), "a string" if isinstance(value, str) else "null")


@contextmanager
def open_chat_file(path: Path) -> Iterator[ChatFile]:
    """Open the chat file at `path`, which may be a pipe.

    Raises:
        ChatFileError: It cannot be read.
    """
    with ExitStack() as stack:
        try:
            content: IO[bytes] = stack.enter_context(path.open("rb"))
            if not content.seekable():
                kept = stack.enter_context(tempfile.TemporaryFile())
                shutil.copyfileobj(content, kept)
                content = kept
        except OSError as error:
            raise ChatFileError(f"{path}: {error.strerror or error}.") from None
        yield ChatFile(path, content)
