"""A type of problem (RFC 9457)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One type of problem (RFC 9457), explained at `/problems/<slug>`.

    Attributes:
        slug: The last part of its stable `type`.
        status: The HTTP status that goes with it.
        title: What happened in a few words, the same each time.
        explanation: What happened in a sentence; the `detail` where nothing more precise is known.
        mend: What the client can do about it.
    """

    slug: str
    status: int
    title: str
    explanation: str
    mend: str = ""
