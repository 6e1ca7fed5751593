"""Pages of a list: the limit, cursors that belong to one list, and Link headers (RFC 8288)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import Any

import orjson

from runtime.settings import Secret
from web.problems import CATALOGUE, ProblemError
from web.strict_schemas import QueryInteger

DEFAULT_LIMIT = 50
LARGEST_LIMIT = 200

CursorValue = str | int | None
_MAC_LENGTH = 12
_TEXT = re.compile(r"[A-Za-z0-9_-]{16,1024}")


class CursorInvalidError(ProblemError):
    """The cursor is malformed, changed, or from another list."""

    def __init__(self) -> None:
        """Say no more than that the cursor is not usable."""
        super().__init__(CATALOGUE["cursor-invalid"])


class Cursors:
    """Writes and reads opaque cursors, each bound to the list for which it was made."""

    def __init__(self, key: Secret) -> None:
        """Derive this use's own key, so that no other use of the secret can forge a cursor."""
        self._key = hmac.digest(key.reveal().encode(), b"cursor", hashlib.sha256)

    def encode(self, of: str, values: Sequence[CursorValue]) -> str:
        """Return a cursor over `values` for the list that `of` names.

        Args:
            of: Everything that makes it this list and no other: route, account, filters.
            values: Where the page ends: what the next statement compares with.
        """
        packed = orjson.dumps(list(values))
        raw = packed + self._sign(of, packed)
        return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")

    def decode(self, of: str, text: str) -> list[Any]:
        """Return the values that `encode` wrote as `text` for the same list.

        Raises:
            CursorInvalidError: It did not.
        """
        if not _TEXT.fullmatch(text) or len(text) % 4 == 1:
            raise CursorInvalidError
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        packed, mac = raw[:-_MAC_LENGTH], raw[-_MAC_LENGTH:]
        if not hmac.compare_digest(mac, self._sign(of, packed)):
            raise CursorInvalidError
        values: list[Any] = orjson.loads(packed)
        return values

    def _sign(self, of: str, packed: bytes) -> bytes:
        bound = len(of).to_bytes(4) + of.encode() + packed
        return hmac.digest(self._key, bound, hashlib.sha256)[:_MAC_LENGTH]


def limit_field() -> QueryInteger:
    """Return the query field `limit`: 1 to 200, 50 where it is not given."""
    return QueryInteger(
        least=1,
        most=LARGEST_LIMIT,
        load_default=DEFAULT_LIMIT,
        metadata={"description": "How many items at most.", "example": 20},
    )


def link_header(next: str | None, prev: str | None) -> str | None:  # noqa: A002  # the relation's name
    """Return the Link header for the pages that there are, or None where there is no other."""
    links = [
        f'<{address}>; rel="{relation}"'
        for relation, address in (("next", next), ("prev", prev))
        if address is not None
    ]
    return ", ".join(links) or None
