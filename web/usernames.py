"""Usernames: RFC 8265 `UsernameCaseMapped`, and what we ask beyond it."""

from __future__ import annotations

import re
from functools import lru_cache

from precis_i18n import get_profile

from runtime.errors import MessagingError

LONGEST = 64
# Preparation composes characters, so a name may come longer than it is stored; but preparing
# costs time per character, and nobody types this many.
_LONGEST_RAW = 4 * LONGEST
_PLAIN = re.compile(r"[!-~]+")
_PROFILE = get_profile("UsernameCaseMapped")


class UsernameInvalidError(MessagingError):
    """This cannot be a username."""


@lru_cache(maxsize=4096)
def prepare_username(text: str) -> str:
    """Return the form in which a username is stored, compared and shown.

    Raises:
        UsernameInvalidError: RFC 8265 forbids it, it is not of 1 to 64 characters once prepared,
            it holds a `/`, or it is `.` or `..`.
    """
    prepared = _enforced(text)
    if len(prepared) > LONGEST:
        raise UsernameInvalidError(f"A username has at most {LONGEST} characters.")
    if "/" in prepared or prepared in {".", ".."}:
        raise UsernameInvalidError("A username has no / in it and is neither . nor ..")
    return prepared


def _enforced(text: str) -> str:
    if not text:
        raise UsernameInvalidError("A username has at least one character.")
    if len(text) > _LONGEST_RAW:
        raise UsernameInvalidError(f"A username has at most {LONGEST} characters.")
    if _PLAIN.fullmatch(text):
        # RFC 8264 allows every visible ASCII character, and lower case is all the mapping there is.
        return text.lower()
    try:
        return str(_PROFILE.enforce(text))
    except UnicodeEncodeError as error:
        raise UsernameInvalidError(
            "A username holds letters, digits and visible ASCII characters, no spaces or controls;"
            " from right to left or from left to right, not both."
        ) from error
