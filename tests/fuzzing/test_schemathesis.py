"""schemathesis finds nothing, with all its checks, and leaves the service as it was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.fuzzing.run import Fuzzer
from tests.running_stack import RunningStack, running_stack

# A minute on two quiet cores; a busy machine takes longer.
pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

_SEED = 1
_EXAMPLES = 6
_WALKS = 2


@pytest.fixture(scope="module")
def fuzzed_stack() -> Iterator[RunningStack]:
    """A stack of its own: what is generated must not meet the tests of others."""
    with running_stack(
        MESSAGING_COMMAND_BURST="1000000",
        MESSAGING_LOGIN_FAILURES_ACCOUNT="1000000",
        MESSAGING_LOGIN_FAILURES_ADDRESS="1000000",
    ) as stack:
        yield stack


def test_schemathesis_finds_nothing_and_leaves_the_service_healthy(
    fuzzed_stack: RunningStack, tmp_path: Path
) -> None:
    stack, answers = fuzzed_stack, Counter[tuple[str, int]]()
    fuzzer = Fuzzer(stack.url, tmp_path)
    for verdict in fuzzer.round(seed=_SEED, examples=_EXAMPLES, walks=_WALKS):
        assert verdict.passed, verdict.text
        answers += verdict.answers
    # Checks that only ever saw refusals would have shown little.
    assert len(fuzzer.operations) >= 30
    served = {operation for operation, status in answers if status in {200, 201, 202, 204}}
    assert fuzzer.operations - served == set()
    _is_healthy(stack)


def _is_healthy(stack: RunningStack) -> None:
    ready = httpx.get(f"{stack.url}/readyz", timeout=10)
    assert ready.status_code == 200, ready.text
    with stack.connect("postgres") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM event_log.dead_letter")
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT count(*) FROM event_log.event WHERE outcome = 'parked'")
        assert cursor.fetchone() == (0,)
    told = [
        f"{log.name}: {line}"
        for log in sorted((stack.state / "logs").iterdir())
        for line in log.read_text(errors="replace").splitlines()
        if "Traceback" in line or '"request.failed"' in line
    ]
    assert told == []
