"""An append is answered when the disk has it: seen from the kernel's side."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from events.append import Intake
from tests.debian_packages import NotToBeHadError, program
from tests.projector.conftest import Harness
from tests.projector.test_projector import Pair

CONFIGURATION = Path(__file__).parents[2] / "ops/redis/valkey.conf"


@contextmanager
def traced(pid: int, output: Path) -> Iterator[None]:
    """Write down what process `pid` writes and syncs."""
    try:
        strace = program("strace")
    except NotToBeHadError as error:
        pytest.skip(f"no strace: {error}")
    calls = "trace=write,writev,sendto,sendmsg,pwrite64,fsync,fdatasync"
    command = [*strace, "-f", "-s", "65536", "-e", calls, "-o", str(output), "-p", str(pid)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        if "attached" not in said:
            process.wait()
            pytest.skip(f"strace may not look: {said.strip()}")
        try:
            yield
        finally:
            process.send_signal(signal.SIGINT)
            process.stderr.read()
            process.wait()


def order_of(lines: list[str], entry: str, receipt: str) -> list[str]:
    """Return what happened to an entry, from its write to its answer."""
    kinds = (
        ("written", rf"(write|pwrite64|writev)\(.*{entry}"),
        ("on disk", r"(fsync|fdatasync)( resumed>)?.*\) += 0$"),
        ("answered", rf"(write|writev|sendto|sendmsg)\(.*{receipt}"),
    )
    happened = [kind for line in lines for kind, form in kinds if re.search(form, line)]
    begun = happened[happened.index("written") :]
    return begun[: begun.index("answered") + 1]


@pytest.fixture
def pair(harness: Harness) -> Pair:
    return Pair(harness)


def trace_of_an_append(pair: Pair, output: Path) -> list[str]:
    redis = pair.harness.queue._redis
    envelope = pair.sent()
    receipt = f"receipt-{os.urandom(8).hex()}"
    with traced(redis.info("server")["process_id"], output):
        # It is in the answer alone: without a key no receipt is remembered.
        intake = Intake(account=pair.one, rate=None, receipt=receipt.encode())
        pair.harness.queue.append([envelope], intake)
    return order_of(output.read_text().splitlines(), str(envelope.id), receipt)


def test_the_answer_to_an_append_leaves_redis_after_its_entry_is_on_disk(
    pair: Pair, tmp_path: Path
) -> None:
    assert "\nappendfsync always\n" in CONFIGURATION.read_text()
    for number in range(5):
        assert trace_of_an_append(pair, tmp_path / f"{number}") == [
            "written",
            "on disk",
            "answered",
        ]


def test_without_that_setting_the_same_look_shows_an_answer_too_early(
    pair: Pair, tmp_path: Path
) -> None:
    redis = pair.harness.queue._redis
    redis.config_set("appendfsync", "no")
    try:
        assert trace_of_an_append(pair, tmp_path / "trace") == ["written", "answered"]
    finally:
        redis.config_set("appendfsync", "always")
