"""How long nobody was served, around each fault."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, kw_only=True)
class Strike:
    """A fault of some kind, from its first harm until all was well; monotonic seconds."""

    kind: str
    began: float
    ended: float


@dataclass(frozen=True, kw_only=True)
class Outage:
    """The strikes of a kind, and the longest time around one without an answer, in seconds."""

    kind: str
    strikes: int
    commands_s: float
    queries_s: float


def by_kind(
    strikes: Sequence[Strike], commands: Sequence[float], queries: Sequence[float]
) -> list[Outage]:
    """Return the worst outage of each kind, by name.

    Args:
        strikes: What was done. Two that overlap share what they caused.
        commands: When a command was acknowledged.
        queries: When a query was answered.
    """
    kinds = sorted({strike.kind for strike in strikes})
    return [_of(kind, [s for s in strikes if s.kind == kind], commands, queries) for kind in kinds]


def _of(
    kind: str, strikes: Sequence[Strike], commands: Sequence[float], queries: Sequence[float]
) -> Outage:
    return Outage(
        kind=kind,
        strikes=len(strikes),
        commands_s=max(longest_gap(commands, strike) for strike in strikes),
        queries_s=max(longest_gap(queries, strike) for strike in strikes),
    )


def longest_gap(answers: Sequence[float], strike: Strike) -> float:
    """Return the longest time between two answers that the strike touches."""
    gaps = [
        after - before
        for before, after in pairwise(sorted(answers))
        if before < strike.ended and after > strike.began
    ]
    return max(gaps, default=0.0)
