"""Words of others: without what would steer a terminal, and without what an error quotes."""

from __future__ import annotations

import re

# Control characters but for the line feed, those of eight bits too (U+009B begins a command to a
# terminal as ESC [ does), and what turns the direction of writing.
_STEERING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
# From the first quotation mark to the last of its kind: what is quoted may hold some.
_QUOTED = re.compile("([\"'])(.*)\\1", re.DOTALL)


def printable(words: str) -> str:
    r"""Return `words` with control characters and turns of direction as \u009b, line feeds kept.

    In JSON that is the same text.
    """
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", words)


def unquoted(words: str) -> str:
    """Return an error's words with … instead of what they quote, and of all between."""
    return _QUOTED.sub("\\1…\\1", words)
