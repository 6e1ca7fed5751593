"""Strikes as the schedule says, under load, until enough was sent; then looks what is left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from random import Random

from messaging_client.errors import MessagingError
from tests.chaos.suite.arming import Arms
from tests.chaos.suite.audit import Findings, audit
from tests.chaos.suite.faults import KINDS, NEEDS
from tests.chaos.suite.outages import Outage, Strike, by_kind
from tests.chaos.suite.traffic import Traffic
from tests.chaos.suite.victim import Victim
from tests.running_stack import RunningStack

# So often the next fault does not wait until all is well after the one before.
_HASTE = 0.25
_LARGEST_BATCH = 50
_SETTLED_S = 0.5


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much to send at least, what to break in which order, and how much at once.

    Attributes:
        messages: Messages to be acknowledged, at least.
        faults: The kinds, in order.
        seed: Makes pauses, durations and victims the same again.
        pairs: Pairs of people who write to one another.
        readers: How many read all the while.
    """

    messages: int
    faults: Sequence[str]
    seed: int
    pairs: int = 12
    readers: int = 3


@dataclass(frozen=True, kw_only=True)
class Result:
    """What was done, what it cost, and what is left."""

    findings: Findings
    outages: Sequence[Outage]
    failures: Sequence[str]
    skipped: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


def schedule(count: int, seed: int, kinds: Sequence[str]) -> list[str]:
    """Return `count` faults: all of `kinds` in a random order, and again, each time another."""
    random = Random(seed)
    rounds = [random.sample(kinds, len(kinds)) for _ in range(count // len(kinds) + 1)]
    return [kind for kinds in rounds for kind in kinds][:count]


@contextmanager
def armed(stack: RunningStack) -> Iterator[Victim]:
    """Give a running stack whose queue lies on a small volume, and whose clock can be set."""
    arms = Arms(stack.state.parent)
    victim = Victim(stack, arms)
    folder = stack.servers / "redis"
    with ExitStack() as undo:
        undo.callback(arms.tidy)
        arms.prepare(stack)
        victim.stop("redis")
        undo.callback(_start_again, victim)
        undo.enter_context(arms.small_volume(folder))
        undo.callback(victim.stop, "redis")
        _start(victim)
        yield victim


def _start_again(victim: Victim) -> None:
    victim.arms.set_clock(0)
    _start(victim)


def _start(victim: Victim) -> None:
    victim.start("redis")
    victim.wait(victim.all_run)
    victim.stack.wait_ready(90)


def run(victim: Victim, plan: Plan, say: Callable[[str], None]) -> Result:
    """Carry `plan` out; `say` is told of each fault."""
    began = time.monotonic()
    skipped = {
        kind: victim.arms.missing[arm]
        for kind, arm in NEEDS.items()
        if arm in victim.arms.missing and kind in plan.faults
    }
    traffic = Traffic(victim.stack.url, pairs=plan.pairs, readers=plan.readers)
    campaign = _Campaign(victim, traffic, plan, say)
    failures: list[str] = []
    try:
        with traffic.running():
            campaign.strike([kind for kind in plan.faults if kind not in skipped])
            campaign.send_the_rest()
        victim.stack.wait_ready(120)
        traffic.await_applied()
    # What the client of the traffic says is a finding as well: the audit comes all the same.
    except (AssertionError, MessagingError) as error:
        failures.append(f"{type(error).__name__}: {error}")
    failures += traffic.failures
    return Result(
        findings=audit(traffic, victim.stack),
        outages=by_kind(campaign.strikes, traffic.sent, traffic.read),
        failures=failures,
        skipped=skipped,
        seconds=time.monotonic() - began,
    )


class _Campaign:
    """The faults of one run."""

    def __init__(
        self, victim: Victim, traffic: Traffic, plan: Plan, say: Callable[[str], None]
    ) -> None:
        self.strikes: list[Strike] = []
        self._victim = victim
        self._traffic = traffic
        self._plan = plan
        self._say = say
        self._random = Random(plan.seed)
        self._done = 0.0
        traffic.batch = self._batch

    def strike(self, kinds: Sequence[str]) -> None:
        """Do one fault after the other, mostly each after all is well again."""
        self._traffic.await_progress()
        open_since: list[tuple[str, float]] = []
        for number, kind in enumerate(kinds, 1):
            began = time.monotonic()
            open_since.append((kind, began))
            KINDS[kind](self._victim, self._traffic, Random(self._random.random()))
            time.sleep(self._random.uniform(0.0, _SETTLED_S))
            if self._random.random() >= _HASTE or number == len(kinds):
                self._await_health()
                self._note(open_since)
            self._done = number / len(kinds)
            self._say(
                f"{number:4} of {len(kinds)}  {time.monotonic() - began:5.1f} s  {kind}"
                f"  ({self._traffic.acknowledged:,} acknowledged)"
            )

    def _await_health(self) -> None:
        # Supervisor needs a moment to see who is dead.
        time.sleep(_SETTLED_S)
        self._victim.wait(self._victim.all_run)
        self._traffic.await_progress()

    def _note(self, open_since: list[tuple[str, float]]) -> None:
        ended = time.monotonic()
        self.strikes += [Strike(kind=kind, began=began, ended=ended) for kind, began in open_since]
        open_since.clear()

    def send_the_rest(self) -> None:
        """Return once enough was acknowledged."""
        while self._traffic.acknowledged < self._plan.messages and not self._traffic.failures:
            time.sleep(0.1)

    def _batch(self) -> int:
        """Tell a sender how many messages to send at once: as many as keep step with the faults."""
        due = self._plan.messages * min(1.0, self._done + 1 / max(1, len(self._plan.faults)))
        behind = due - self._traffic.acknowledged
        return max(1, min(_LARGEST_BATCH, int(behind / len(self._traffic.lanes))))
