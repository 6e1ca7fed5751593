"""Resume ids: the `id` of each event of a stream, by which a client goes on where it was."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterator

from query_api.reads.progress import Progress, Reached
from runtime.ids import AccountId
from runtime.settings import Secret
from web.problems import CATALOGUE, ProblemError

_VERSION = 1
_MAC_LENGTH = 12


class ResumeIdInvalidError(ProblemError):
    """The Last-Event-ID is malformed, changed, or of another account."""

    def __init__(self) -> None:
        """Say no more than that it is not usable."""
        super().__init__(CATALOGUE["last-event-id-invalid"])


class ResumeIds:
    """Writes and reads progress as opaque text, each bound to its account.

    Short: times are written as their distance from the latest, numbers in as few bytes as they
    need; an account with conversations in 16 partitions has ids of some 150 characters.
    """

    def __init__(self, key: Secret) -> None:
        """Derive this use's own key, so that no other use of the secret can forge an id."""
        self._key = hmac.digest(key.reveal().encode(), b"resume-id", hashlib.sha256)

    def encode(self, account: AccountId, progress: Progress) -> str:
        """Return `progress` as URL-safe text."""
        packed = bytes((_VERSION, *_packed(progress)))
        raw = packed + self._sign(account, packed)
        return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")

    def decode(self, account: AccountId, text: str) -> dict[int, Reached]:
        """Return the progress that `encode` wrote as `text` for the same account.

        Raises:
            ResumeIdInvalidError: It did not.
        """
        try:
            # What does not come out again as it came in is no spelling of ours.
            raw = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
            plain = base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")
        except (binascii.Error, ValueError):
            raise ResumeIdInvalidError from None
        packed, mac = raw[:-_MAC_LENGTH], raw[-_MAC_LENGTH:]
        genuine = hmac.compare_digest(mac, self._sign(account, packed))
        if plain != text or not genuine or packed[:1] != bytes((_VERSION,)):
            raise ResumeIdInvalidError
        return _unpacked(packed[1:])

    def _sign(self, account: AccountId, packed: bytes) -> bytes:
        return hmac.digest(self._key, account.bytes + packed, hashlib.sha256)[:_MAC_LENGTH]


def _packed(progress: Progress) -> Iterator[int]:
    latest = max((reached.ms for reached in progress.values()), default=0)
    yield from _varint(latest)
    before = 0
    for partition, reached in sorted(progress.items()):
        for number in (partition - before, latest - reached.ms, reached.seq, reached.within):
            yield from _varint(number)
        before = partition


def _unpacked(packed: bytes) -> dict[int, Reached]:
    numbers = _numbers(packed)
    latest, partition = next(numbers), 0
    progress: dict[int, Reached] = {}
    for gap, age, seq, within in zip(numbers, numbers, numbers, numbers, strict=True):
        partition += gap
        progress[partition] = Reached(latest - age, seq, within)
    return progress


def _varint(number: int) -> Iterator[int]:
    while number > 0x7F:
        yield number & 0x7F | 0x80
        number >>= 7
    yield number


def _numbers(packed: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in packed:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield number
            number = shift = 0
