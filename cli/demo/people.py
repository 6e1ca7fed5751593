"""Who is who: the username under which the service knows a nickname of the chat file."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from functools import lru_cache

from precis_i18n import get_profile

_LONGEST = 64
_PROFILE = get_profile("UsernameCaseMapped")
# Visible ASCII without `/`, which separates parts of a path.
_UNFIT = re.compile(r"[^!-.0-~]+")
_LONGEST_STEM = 40


@lru_cache(maxsize=65_536)
def username_of(nickname: str) -> str:
    """Return the username for `nickname`: as the service would store it, else one made from it.

    Nicknames that differ in case alone are one person to the service, and so they are here.
    """
    try:
        prepared = str(_PROFILE.enforce(nickname))
    except (UnicodeEncodeError, UnicodeDecodeError):
        return substitute(nickname)
    fits = len(prepared) <= _LONGEST and "/" not in prepared and prepared not in {".", ".."}
    return prepared if fits else substitute(nickname)


def substitute(nickname: str) -> str:
    """Return a username that resembles `nickname` and is always the same, but nobody else's.

    Two that differ in more than case get different ones: the digest at the end sees to it.
    """
    folded = unicodedata.normalize("NFC", nickname.casefold())
    digest = hashlib.sha256(folded.encode("utf-8", "surrogatepass")).hexdigest()
    stem = _UNFIT.sub("_", folded)[:_LONGEST_STEM].strip("_") or "person"
    return f"{stem}~{digest[:10]}"
