"""A stack that is killed, interrupted or misled: it comes back with all data, or says the mend."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from local_stack import processes
from tests.acceptance.people import registering
from tests.profiled import cost
from tests.running_stack import MESSAGING, RunningStack, running_stack, stack_folder, wait_until

pytestmark = pytest.mark.chaos
PROFILED = {
    "MESSAGING_PROFILE": "1",
    "MESSAGING_PROFILE_SLOW_MS": "0",
    "MESSAGING_PROFILE_SHOWN": "20",
}


@pytest.fixture(scope="module")
def victim() -> Iterator[RunningStack]:
    """A stack to be killed; every test leaves it running. It tells what its requests cost."""
    with running_stack(**PROFILED) as stack:
        with stack.connect("postgres") as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE public.kept (what text)")
            cursor.execute("INSERT INTO public.kept VALUES ('before')")
        connection.close()
        with stack.redis("command_api") as client:
            client.set("idempotency:kept:kept", "before")
        yield stack


def _has_its_data(stack: RunningStack) -> bool:
    for server in ("primary", "replica", "pgpool"):
        connection = stack.connect("postgres" if server != "pgpool" else "pgpool", server=server)
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1" if server == "pgpool" else "SELECT what FROM public.kept")
            assert cursor.fetchone() == ((1,) if server == "pgpool" else ("before",))
        connection.close()
    with stack.redis("command_api") as client:
        return bool(client.get("idempotency:kept:kept") == "before")


def _of_session(leader: int) -> list[int]:
    return [process.pid for process in processes.every() if process.session == leader]


def _below(folder: Path) -> list[int]:
    """Return every process that works in `folder`, or runs with it on its command line."""
    found = []
    for process in processes.every():
        try:
            told = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        except OSError:
            continue
        works_in = processes.works_in(process.pid) or ""
        if str(folder).encode() in told or works_in.startswith(str(folder)):
            found.append(process.pid)
    return found


def test_all_killed_children_come_back_more_than_once(victim: RunningStack) -> None:
    # What the first life left must not be in the way of the third.
    for _ in range(2):
        for service in victim.status()["services"]:
            os.kill(service["pid"], signal.SIGKILL)
        wait_until(lambda: victim.is_ready() and victim.messaging("status").returncode == 0, 90)
        wait_until(lambda: _has_its_data(victim), 10)


def test_what_requests_cost_is_told_through_nginx_and_explained_in_the_log(
    victim: RunningStack,
) -> None:
    with registering(victim) as register:
        alice, bob = register("alice"), register("bob")
        sent = alice.send(bob, "swordfish")
        assert cost(sent.headers).calls >= 1
        token = sent.headers["Consistency-Token"]
        read = bob.get(f"conversations/{alice.username}/messages", token=token)
        assert cost(read.headers).statements >= 1
    assert cost(httpx.get(f"{victim.url}/command/v1/nowhere").headers).calls == 0
    assert httpx.get(f"{victim.url}/query/v1/profile").status_code == 404
    port = victim.record["ports"]["query_api"]
    page = httpx.get(f"http://127.0.0.1:{port}/query/v1/profile").text
    assert "/query/v1/conversations/&lt;username&gt;/messages" in page
    # Through PGPool, on the replica and on the primary.
    for service, schema in (("query_api", "read_model"), ("auth_api", "identity")):
        lines = (victim.state / f"logs/{service}.log").read_text(errors="replace").splitlines()
        logged = [json.loads(line) for line in lines if '"profile.slow_statement"' in line]
        ours = [line for line in logged if schema in line["statement"]]
        assert ours
        assert [line for line in ours if not line["plan"]] == []
        for value in ("swordfish", alice.username, bob.email, "$argon2"):
            assert value not in repr(logged) + page


def test_a_killed_supervisor_ends_all_cleanly_and_up_brings_all_back(victim: RunningStack) -> None:
    supervisor = victim.supervisor_pid()
    os.kill(supervisor, signal.SIGKILL)
    wait_until(lambda: not _below(victim.state), 40)
    assert victim.messaging("status").returncode == 1
    assert {s["state"] for s in victim.status()["services"]} == {"stopped"}
    victim.up()
    assert _has_its_data(victim)


@pytest.mark.long
def test_up_at_once_after_a_killed_supervisor_waits_for_what_is_left(victim: RunningStack) -> None:
    os.kill(victim.supervisor_pid(), signal.SIGKILL)
    victim.up()
    assert victim.messaging("status").returncode == 0
    assert _has_its_data(victim)


@pytest.mark.long
def test_up_after_everything_was_killed_comes_back_with_all_data(victim: RunningStack) -> None:
    supervisor = victim.supervisor_pid()
    os.kill(supervisor, signal.SIGKILL)
    for pid in _below(victim.state):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    victim.up()
    assert victim.messaging("status").returncode == 0
    assert _has_its_data(victim)


@pytest.mark.long
def test_a_removed_supervisor_socket_does_not_hide_the_stack_from_up(victim: RunningStack) -> None:
    (victim.state / victim.record["sockets"] / "supervisor.sock").unlink()
    victim.up()
    assert victim.messaging("status").returncode == 0
    assert _has_its_data(victim)


@pytest.mark.long
def test_a_hung_up_supervisor_starts_all_again(victim: RunningStack) -> None:
    os.kill(victim.supervisor_pid(), signal.SIGHUP)
    time.sleep(1)
    wait_until(lambda: victim.is_ready() and victim.messaging("status").returncode == 0, 150)
    assert _has_its_data(victim)


def test_a_lost_replica_is_made_anew(victim: RunningStack) -> None:
    victim.down()
    (victim.servers / "postgres/replica").rename(victim.servers / "postgres/lost")
    victim.up()
    assert _has_its_data(victim)


def test_down_leaves_nothing_but_data_and_up_brings_it_back(victim: RunningStack) -> None:
    victim.down()
    assert _below(victim.state) == []
    assert _below(victim.servers) == []
    found = [p for p in victim.state.rglob("*") if p.is_socket() or p.suffix in {".pid", ".group"}]
    assert found == []
    again = victim.messaging("down")
    assert again.returncode == 0
    assert "Nothing was running" in again.stdout
    assert victim.messaging("status").returncode == 1
    victim.up()
    assert _has_its_data(victim)


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_up_interrupted_anywhere_is_completed_by_the_next(number: signal.Signals) -> None:
    with stack_folder() as stack:
        for delay in (0.4, 0.8, 1.2, 1.6, 2.2, 3.0):
            up = subprocess.Popen(
                [str(MESSAGING), "up"],
                env=stack.environ,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            time.sleep(delay)
            up.send_signal(number)
            up.wait(timeout=30)
        stack.up()
        assert stack.messaging("status").returncode == 0


def test_a_port_in_use_is_one_clear_line() -> None:
    with socket.socket() as other, stack_folder() as stack:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        done = stack.messaging("up", MESSAGING_PORT=port)
        assert done.returncode == 1
        last = done.stderr.splitlines()[-1]
        assert f"Port {port} is in use" in last
        assert "MESSAGING_PORT=" in last


@pytest.mark.long
def test_two_stacks_run_side_by_side_and_another_count_of_partitions_is_refused(
    victim: RunningStack,
) -> None:
    with running_stack(MESSAGING_EVENT_PARTITIONS="4") as other:
        assert other.is_ready()
        assert victim.is_ready()
        assert not set(other.record["ports"].values()) & set(victim.record["ports"].values())
        other.down()
        assert victim.is_ready()
        done = other.messaging("up", MESSAGING_EVENT_PARTITIONS="8")
        assert done.returncode == 1
        assert "MESSAGING_EVENT_PARTITIONS=8" in done.stderr.splitlines()[-1]
