"""Which strings Postgres and UTF-8 can hold, and where in a JSON value one is that they cannot."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator

from web.problems import InvalidFieldsError

# A lone surrogate cannot come out of valid UTF-8, nor a raw NUL out of strict JSON: only escapes.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
UNSTORABLE_MESSAGE = "May not hold NUL or lone surrogates."
# UAX #15, stream-safe text: no language needs more. To put thousands in their order takes any
# normalisation the square of the time, and each message is normalised for search.
_MOST_MARKS = 30
MARKS_MESSAGE = f"May not hold more than {_MOST_MARKS} combining marks in a row."


def is_storable(text: str) -> bool:
    """Return whether `text` holds neither NUL nor a lone surrogate."""
    return _UNSTORABLE.search(text) is None


def is_stream_safe(text: str) -> bool:
    """Return whether `text` holds no long run of combining marks."""
    if text.isascii():
        return True
    run = 0
    for character in text:
        run = run + 1 if unicodedata.combining(character) else 0
        if run > _MOST_MARKS:
            return False
    return True


def check_strings(value: object) -> None:
    """Let a JSON value pass whose strings Postgres and UTF-8 can hold.

    Raises:
        InvalidFieldsError: A string in it holds NUL or a lone surrogate.
    """
    bad = {path: [UNSTORABLE_MESSAGE] for path in _unstorable(value, "")}
    if bad:
        # A body that is itself a string has no field to name.
        bad.pop("", None)
        raise InvalidFieldsError(bad, UNSTORABLE_MESSAGE)


def shown(key: str) -> str:
    """Return `key` as an answer can name it: what cannot be in UTF-8 by its escape."""
    return key if is_storable(key) else json.dumps(key)[1:-1]


def _unstorable(value: object, path: str) -> Iterator[str]:
    if isinstance(value, str):
        if not is_storable(value):
            yield path
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _unstorable(inner, f"{path}.{number}" if path else str(number))
    elif isinstance(value, dict):
        for key, inner in value.items():
            name = shown(key)
            inside = f"{path}.{name}" if path else name
            if name is not key:
                yield inside
            yield from _unstorable(inner, inside)
