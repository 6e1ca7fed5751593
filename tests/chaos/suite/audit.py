"""What became of every message: lost, doubled, out of order, or never sent by anybody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from messaging_client import Message
from tests.chaos.suite.traffic import Lane, Traffic
from tests.running_stack import RunningStack


@dataclass(frozen=True, kw_only=True)
class Findings:
    """Counts of messages; all but the first two have to be 0.

    Attributes:
        acknowledged: Answered with 202.
        visible: Shown to the recipient.
        lost: Acknowledged and not visible.
        doubled: Visible more than once.
        misordered: Visible before one that was sent earlier.
        invented: Visible and never sent.
        gaps: Positions that are missing or given twice.
        parked: Events set aside.
    """

    acknowledged: int = 0
    visible: int = 0
    lost: int = 0
    doubled: int = 0
    misordered: int = 0
    invented: int = 0
    gaps: int = 0
    parked: int = 0

    def __add__(self, other: Findings) -> Findings:
        """Return the sums."""
        return Findings(
            **{name: value + getattr(other, name) for name, value in vars(self).items()}
        )

    @property
    def is_sound(self) -> bool:
        """Whether every promise was kept."""
        return not (
            self.lost + self.doubled + self.misordered + self.invented + self.gaps + self.parked
        )


def audit(traffic: Traffic, stack: RunningStack) -> Findings:
    """Read every conversation as its reader does, and compare it with what was sent."""
    total = Findings(parked=_parked(stack))
    for one, other in zip(traffic.lanes[::2], traffic.lanes[1::2], strict=True):
        with traffic.logged_in(one.sender) as client:
            shown = list(client.messages(one.recipient, after=0, limit=200))
        total += conversation(shown, one, other)
    return total


def conversation(shown: Sequence[Message], one: Lane, other: Lane) -> Findings:
    """Compare a conversation as it is shown with what its two lanes sent."""
    positions = [message.position for message in shown]
    missing = set(range(1, len(shown) + 1)) - set(positions)
    strangers = sum(message.sender not in {one.sender, other.sender} for message in shown)
    total = Findings(gaps=len(missing), invented=strangers)
    for lane in (one, other):
        total += _lane([str(m.body) for m in shown if m.sender == lane.sender], lane)
    return total


def _lane(bodies: Sequence[str], lane: Lane) -> Findings:
    sent = {body: number for number, body in enumerate(lane.attempted)}
    known = [sent[body] for body in bodies if body in sent]
    return Findings(
        acknowledged=len(lane.acknowledged),
        visible=len(bodies),
        lost=len(set(lane.acknowledged) - set(bodies)),
        doubled=len(known) - len(set(known)),
        misordered=sum(later < earlier for earlier, later in pairwise(known)),
        invented=len(bodies) - len(known),
    )


def _parked(stack: RunningStack) -> int:
    with stack.connect("worker") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM event_log.dead_letter")
        [count] = cursor.fetchone() or (0,)
    connection.close()
    return int(count)
