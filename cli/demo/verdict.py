"""Compares what was accepted of a conversation with what one of its two reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from cli.demo.sending import Receipt, fingerprint
from messaging_client import Message


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """A message as the query API shows it."""

    message_id: str
    position: int
    sender: str | None
    body: str | None
    sent_at: datetime

    @classmethod
    def of(cls, message: Message) -> Seen:
        """Return what matters here of a message."""
        return cls(
            message_id=str(message.id),
            position=message.position,
            sender=message.sender,
            body=message.body,
            sent_at=message.sent_at,
        )


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How many accepted messages are visible, and everything that is wrong."""

    visible: int
    problems: tuple[str, ...]


def judge(receipts: Sequence[Receipt], seen: Sequence[Seen], began_at: datetime) -> Verdict:
    """Return whether each message is visible once, unchanged, in order, without gaps.

    Args:
        receipts: The messages accepted, in order.
        seen: The conversation by position: all of it, or from before `began_at`.
        began_at: What was sent earlier belongs to others.
    """
    ours = {receipt.message_id for receipt in receipts}
    start = next(
        (i for i, one in enumerate(seen) if one.sent_at >= began_at or one.message_id in ours),
        len(seen),
    )
    shown = Counter(one.message_id for one in seen)
    problems = (
        *_missing(receipts, shown),
        *_doubled(receipts, shown, seen[start:]),
        *_disordered(receipts, seen),
        *_changed(receipts, seen),
        *_gaps(seen, start),
    )
    visible = sum(1 for receipt in receipts if shown[receipt.message_id])
    return Verdict(visible=visible, problems=problems)


def _missing(receipts: Sequence[Receipt], shown: Mapping[str, int]) -> Iterator[str]:
    for receipt in receipts:
        if not shown[receipt.message_id]:
            yield f"message {receipt.message_id} is missing"


def _doubled(
    receipts: Sequence[Receipt], shown: Mapping[str, int], since: Sequence[Seen]
) -> Iterator[str]:
    for receipt in receipts:
        if shown[receipt.message_id] > 1:
            yield f"message {receipt.message_id} is shown {shown[receipt.message_id]} times"
    # An attempt whose answer was lost could have sent the same under another id.
    ours = {receipt.message_id for receipt in receipts}
    contents = {(receipt.username, receipt.fingerprint) for receipt in receipts}
    for one in since:
        same = (one.sender, fingerprint(one.body or "")) in contents
        if same and one.message_id not in ours:
            yield f"message {one.message_id} at {one.position} doubles another"


def _disordered(receipts: Sequence[Receipt], seen: Sequence[Seen]) -> Iterator[str]:
    positions = {one.message_id: one.position for one in seen}
    found = [receipt for receipt in receipts if receipt.message_id in positions]
    for earlier, later in pairwise(found):
        if positions[earlier.message_id] >= positions[later.message_id]:
            yield f"message {later.message_id} comes before one that was sent earlier"


def _changed(receipts: Sequence[Receipt], seen: Sequence[Seen]) -> Iterator[str]:
    shown = {one.message_id: one for one in seen}
    for receipt in receipts:
        one = shown.get(receipt.message_id)
        if one is None:
            continue
        same_body = one.body is not None and fingerprint(one.body) == receipt.fingerprint
        if one.sender != receipt.username or not same_body:
            yield f"message {receipt.message_id} at {one.position} is not what was sent"


def _gaps(seen: Sequence[Seen], start: int) -> Iterator[str]:
    before = seen[start - 1].position if start else 0
    for one in seen[start:]:
        if one.position != before + 1:
            yield f"position {one.position} follows {before}"
        before = one.position
