"""Consistency tokens: authenticated receipts of commands, by which a query shows their effect."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from events.contracts.offsets import Offset
from runtime.ids import AccountId, Epoch, EventId, Partition
from runtime.settings import Secret
from web.problems import CATALOGUE, ProblemError

HEADER = "Consistency-Token"
MOST_TOKENS = 100

_VERSION = 1
# Version, epoch, partition, offset (ms, seq), event id, account id; then the start of the HMAC.
_FORM = struct.Struct(">BQHQQ16s16s")
_MAC_LENGTH = 16
# 75 bytes need no padding, so that each token has exactly one spelling.
_TEXT = re.compile(r"[A-Za-z0-9_-]{100}")


class ConsistencyTokenInvalidError(ProblemError):
    """A consistency token is malformed, changed, or older than the present event queue."""

    def __init__(self, detail: str | None = None) -> None:
        """Say no more than that the token is not usable."""
        super().__init__(CATALOGUE["consistency-token-invalid"], detail)


@dataclass(frozen=True, kw_only=True)
class ConsistencyToken:
    """Where a command's event lies in the event queue, and whose it is."""

    epoch: Epoch
    partition: Partition
    offset: Offset
    event_id: EventId
    account_id: AccountId


class ConsistencyTokens:
    """Writes and reads consistency tokens under one key."""

    def __init__(self, key: Secret) -> None:
        """Derive this use's own key, so that no other use of the secret can forge a token."""
        self._mac = hmac.new(key.reveal().encode(), b"consistency-token", hashlib.sha256)

    def encode(self, token: ConsistencyToken) -> str:
        """Return `token` as opaque text of 100 URL-safe characters."""
        packed = _FORM.pack(
            _VERSION,
            token.epoch,
            token.partition,
            token.offset.ms,
            token.offset.seq,
            token.event_id.bytes,
            token.account_id.bytes,
        )
        return base64.urlsafe_b64encode(packed + self._sign(packed)).decode("ascii")

    def decode(self, text: str) -> ConsistencyToken:
        """Return the token that `encode` wrote as `text`.

        Raises:
            ConsistencyTokenInvalidError: `text` is not exactly what this key's `encode` wrote.
        """
        packed = self._verified(text)
        version, epoch, partition, ms, seq, event_id, account_id = _FORM.unpack(packed)
        if version != _VERSION:
            raise ConsistencyTokenInvalidError
        return ConsistencyToken(
            epoch=Epoch(epoch),
            partition=Partition(partition),
            offset=Offset(ms, seq),
            event_id=EventId(UUID(bytes=event_id)),
            account_id=AccountId(UUID(bytes=account_id)),
        )

    def decode_all(self, headers: str | Iterable[str] | None) -> tuple[ConsistencyToken, ...]:
        """Return the tokens of one header, or of several lines of it, comma-separated.

        Raises:
            ConsistencyTokenInvalidError: One of them is invalid, or they are too many.
        """
        if headers is None:
            return ()
        line = headers if isinstance(headers, str) else ",".join(headers)
        texts = [text for part in line.split(",") if (text := part.strip(" \t"))]
        if len(texts) > MOST_TOKENS:
            raise ConsistencyTokenInvalidError(f"At most {MOST_TOKENS} tokens can be waited for.")
        if not texts:
            raise ConsistencyTokenInvalidError(f"The {HEADER} header is empty.")
        return tuple(self.decode(text) for text in texts)

    def _sign(self, packed: bytes) -> bytes:
        mac = self._mac.copy()
        mac.update(packed)
        return mac.digest()[:_MAC_LENGTH]

    def _verified(self, text: str) -> bytes:
        if not _TEXT.fullmatch(text):
            raise ConsistencyTokenInvalidError
        raw = base64.urlsafe_b64decode(text)
        packed, mac = raw[: _FORM.size], raw[_FORM.size :]
        if not hmac.compare_digest(mac, self._sign(packed)):
            raise ConsistencyTokenInvalidError
        return packed
