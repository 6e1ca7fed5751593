"""The figures of a demo: what was done, how fast, and whether all of it is visible."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from cli.demo.outgoing import SKIPPED, Census
from cli.demo.views import View


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a demo.

    Attributes:
        registered: How many people had no account before.
        accepted: Messages that the command API accepted.
        visible: How many of them the query API shows.
        problems: Everything that is not as it was sent.
        seconds: How long each stage took.
        views: A conversation as its two people see it.
    """

    registered: int
    accepted: int
    visible: int
    problems: tuple[str, ...]
    seconds: Mapping[str, float]
    views: tuple[View, ...]

    @property
    def per_second(self) -> float:
        """How many messages were accepted in a second."""
        return self.accepted / max(self.seconds["sending"], 1e-3)

    @property
    def is_good(self) -> bool:
        """Whether everything is as it was sent."""
        return not self.problems and self.visible == self.accepted


@dataclass(frozen=True, kw_only=True)
class Report:
    """A demo in figures.

    Attributes:
        url: The service.
        file: The chat file.
        census: Who and what is in it.
        outcome: What came of it.
        retries: Attempts repeated because the service was away.
        limited: Attempts repeated because of a rate limit.
    """

    url: str
    file: str
    census: Census
    outcome: Outcome
    retries: int
    limited: int

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data, for JSON."""
        census, outcome = self.census, self.outcome
        return {
            "ok": outcome.is_good,
            "url": self.url,
            "file": self.file,
            "nicknames": len(census.nicknames),
            "renamed": census.renamed,
            "people": len(census.people),
            "senders": len(census.senders),
            "registered": outcome.registered,
            "conversations": len(census.pairs),
            "messages": {
                "read": census.read,
                "accepted": outcome.accepted,
                "shortened": census.fates["shortened"],
                "skipped": {reason: census.fates[reason] for reason in SKIPPED},
                "visible": outcome.visible,
            },
            "accepted_per_second": round(outcome.per_second, 1),
            "seconds": {stage: round(value, 3) for stage, value in outcome.seconds.items()},
            "retries": self.retries,
            "rate_limited": self.limited,
            "problems": list(outcome.problems),
            "conversation": [asdict(view) for view in outcome.views],
        }
