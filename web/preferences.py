"""The `Prefer` header (RFC 7240): how long a client would wait for an effect to become visible."""

from __future__ import annotations

import re

LONGEST_WAIT_S = 10.0
_LONGEST_HEADER = 1_000

# A preference's value is a token or a quoted string; commas inside quotes separate nothing.
_PART = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*")+')
_WAIT = re.compile(r'wait\s*=\s*(?:([0-9]+)|"([0-9]+)")\s*(?:;.*)?', re.IGNORECASE | re.DOTALL)


def wait_requested(prefer_header: str | None) -> float | None:
    """Return the seconds that the client would wait, at most 10, or None where it does not say.

    The first readable `wait` counts; what cannot be read is ignored, as RFC 7240 asks.
    """
    if not prefer_header or len(prefer_header) > _LONGEST_HEADER:
        return None
    for part in _PART.findall(prefer_header):
        found = _WAIT.fullmatch(part.strip())
        if found:
            digits = (found[1] or found[2]).lstrip("0")
            return LONGEST_WAIT_S if len(digits) > 2 else min(LONGEST_WAIT_S, float(digits or 0))
    return None


def wait_seconds(prefer_header: str | None, default: float) -> float:
    """Return the seconds to wait, 0 to 10: what the client prefers, else `default`."""
    requested = wait_requested(prefer_header)
    return default if requested is None else requested
