"""What an answer may be: the Accept header against what a view produces."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from web.problems import MEDIA_TYPE
from web.responses import JSON


@lru_cache(maxsize=512)
def acceptable(accept: str, produced: Sequence[str]) -> bool:
    """Return whether a client that sent this Accept header can take one of the types.

    Who asks for problems alone still means JSON.
    """
    ranges = parse_accept_header(accept, MIMEAccept)
    if not ranges:
        return True
    wanted = (*produced, MEDIA_TYPE) if JSON in produced else produced
    return any(ranges.quality(media_type) > 0 for media_type in wanted)
