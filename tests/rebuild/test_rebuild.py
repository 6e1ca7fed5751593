"""A rebuild gives the read model that live projection gives, whatever happens meanwhile."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.clock import utc_now
from tests.projector.conftest import Harness
from tests.projector.test_model import steps
from tests.rebuild.histories import forget_all, perform, play, rows_of
from tests.servers import Servers
from workers.alone import Engines
from workers.pace import InterruptedWorkError, Pace
from workers.rebuild import Rebuild, Rebuilt
from workers.spares import OLD


def rebuild_of(engines: Engines, pace: Pace | None = None, batch_size: int = 1_000) -> Rebuild:
    return Rebuild(engines, pace=pace or Pace(), clock=utc_now, jobs=2, batch_size=batch_size)


def run(engines: Engines, **options: Any) -> Rebuilt:
    return rebuild_of(engines).run(**options)


class Interrupting(Pace):
    """Stops at the first batch, after something happened."""

    def __init__(self, meanwhile: Any = lambda: None) -> None:
        super().__init__()
        self._meanwhile = meanwhile

    def done(self, events: int) -> None:
        self._meanwhile()
        self.stop()
        super().done(events)


def test_a_rebuilt_read_model_is_the_same_row_by_row(
    harness: Harness, servers: Servers, engines: Engines
) -> None:
    forget_all(servers)
    play(harness)
    before = rows_of(engines.operator, "read_model")
    rebuilt = run(engines)
    assert rebuilt.compared.is_equal
    assert rebuilt.swapped is not None
    assert rows_of(engines.operator, "read_model") == before
    assert rows_of(engines.operator, OLD) == before


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=steps, later=steps, batch_size=st.sampled_from([1, 3, 1_000]))
def test_any_history_interrupted_at_each_batch_gives_the_same(
    harness: Harness,
    servers: Servers,
    engines: Engines,
    steps: list[tuple[Any, ...]],
    later: list[tuple[Any, ...]],
    batch_size: int,
) -> None:
    forget_all(servers)
    scenario = play(harness, steps)
    left = iter(later)

    def meanwhile() -> None:
        step = next(left, None)
        if step is not None:
            perform(harness, scenario, [step])

    rebuilt = None
    while rebuilt is None:
        with suppress(InterruptedWorkError):
            rebuilt = rebuild_of(engines, Interrupting(meanwhile), batch_size).run()
    perform(harness, scenario, left)
    assert rebuilt.compared.is_equal
    live = rows_of(engines.operator, "read_model")
    assert run(engines).compared.is_equal
    assert rows_of(engines.operator, "read_model") == live
