"""The launch wrapper: what a killed service left is ended, what others run is not."""

from __future__ import annotations

import ctypes
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local_stack import leftovers, ports, processes, shared_memory
from local_stack.leftovers import Group

pytestmark = pytest.mark.unit

# A parent that prints its child's id; the child ignores the polite signal if asked to.
_FAMILY = """
import subprocess, sys, time
stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" if sys.argv[1] else ""
child = subprocess.Popen([sys.executable, "-c", stubborn + "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""


@dataclasses.dataclass(frozen=True)
class Family:
    """A parent and its child in a process group of their own."""

    parent: subprocess.Popen[str]
    child: int

    @property
    def group(self) -> Group:
        found = processes.find(self.parent.pid)
        assert found is not None
        return Group(
            boot=processes.boot(),
            leader=found.pid,
            session=found.session,
            started=found.started,
            executables=[os.path.realpath(sys.executable)],
            stop_signal="TERM",
            stop_seconds=5,
        )


@pytest.fixture
def family() -> Iterator[Callable[[str], Family]]:
    made: list[Family] = []

    def make(stubborn: str = "") -> Family:
        parent = subprocess.Popen(
            [sys.executable, "-c", _FAMILY, stubborn],
            stdout=subprocess.PIPE,
            text=True,
            process_group=0,
        )
        assert parent.stdout is not None
        made.append(Family(parent, int(parent.stdout.readline())))
        return made[-1]

    yield make
    for one in made:
        for pid in (one.parent.pid, one.child):
            if processes.find(pid):
                os.kill(pid, signal.SIGKILL)
        one.parent.wait()
        assert one.parent.stdout is not None
        one.parent.stdout.close()


def _gone(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while processes.find(pid) is not None:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_a_running_group_is_ended(tmp_path: Path, family: Callable[[str], Family]) -> None:
    one = family("")
    leftovers.remember(tmp_path / "x.group", one.group)
    leftovers.end(tmp_path / "x.group")
    assert _gone(one.parent.pid)


@pytest.mark.parametrize("stubborn", ["", "yes"])
def test_orphans_of_a_killed_parent_are_ended(
    tmp_path: Path, family: Callable[[str], Family], stubborn: str
) -> None:
    one = family(stubborn)
    leftovers.remember(tmp_path / "x.group", one.group)
    one.parent.kill()
    one.parent.wait()
    assert processes.find(one.child) is not None
    leftovers.end(tmp_path / "x.group")
    assert _gone(one.child)


@pytest.mark.parametrize("change", ["boot", "started", "executables", "session"])
def test_what_is_not_surely_ours_is_left_alone(
    tmp_path: Path, family: Callable[[str], Family], change: str
) -> None:
    one = family("")
    group = {
        "boot": dataclasses.replace(one.group, boot="another"),
        "started": dataclasses.replace(one.group, started=1),
        "executables": dataclasses.replace(one.group, executables=["/usr/sbin/pgpool"]),
        "session": dataclasses.replace(one.group, session=1),
    }[change]
    leftovers.remember(tmp_path / "x.group", group)
    leftovers.end(tmp_path / "x.group")
    assert processes.find(one.parent.pid) is not None
    assert processes.find(one.child) is not None


def test_nothing_is_remembered_of_a_damaged_memory(tmp_path: Path) -> None:
    (tmp_path / "x.group").write_text("{")
    assert leftovers.recall(tmp_path / "x.group") is None
    leftovers.end(tmp_path / "x.group")
    leftovers.end(tmp_path / "none.group")


def _segments() -> set[int]:
    rows = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    return {int(row.split()[1]) for row in rows}


@pytest.mark.parametrize("used", [False, True])
def test_shared_memory_of_the_killed_is_given_back_unless_somebody_uses_it(used: bool) -> None:
    before = _segments()
    script = "import ctypes; print(ctypes.CDLL(None).shmget(0, 4096, 0o600))"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as creator:
        assert creator.stdout is not None
        segment = int(creator.stdout.read())
    assert segment in _segments() - before
    libc = ctypes.CDLL(None)
    libc.shmat.restype = ctypes.c_void_p
    address = libc.shmat(segment, None, 0) if used else None
    assert shared_memory.release(creator.pid) == (0 if used else 1)
    assert (segment in _segments()) is used
    if used:
        libc.shmdt(ctypes.c_void_p(address))
        assert shared_memory.release(creator.pid) == 1


def test_a_zombie_does_not_run() -> None:
    with subprocess.Popen(["/bin/true"]) as child:
        deadline = time.monotonic() + 5
        while Path(f"/proc/{child.pid}/stat").read_text().split()[2] != "Z":
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert processes.find(child.pid) is None


def _launch(tmp_path: Path, **plan: object) -> subprocess.Popen[str]:
    content = {
        "command": [sys.executable, "-c", "import time; print('runs', flush=True); time.sleep(60)"],
        "environment": {"ONLY": "this"},
        "folder": str(tmp_path),
        "memory": str(tmp_path / "x.group"),
        "stop_signal": "INT",
        "stop_seconds": 5,
        **plan,
    }
    (tmp_path / "x.plan").write_text(json.dumps(content))
    return subprocess.Popen(
        [sys.executable, "-m", "local_stack.launch", str(tmp_path / "x.plan")],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_the_wrapper_becomes_the_service(tmp_path: Path) -> None:
    (tmp_path / "old.sock").write_text("")
    (tmp_path / "x.pid").write_text("1\n")
    with _launch(
        tmp_path, pid_file=str(tmp_path / "x.pid"), sockets=[str(tmp_path / "old.sock")]
    ) as one:
        assert one.stdout is not None
        assert one.stdout.readline() == "runs\n"
        environ = Path(f"/proc/{one.pid}/environ").read_text().split("\0")
        assert "ONLY=this" in environ
        assert not [entry for entry in environ if entry.startswith("HOME=")]
        assert processes.works_in(one.pid) == str(tmp_path)
        assert not (tmp_path / "old.sock").exists()
        assert not (tmp_path / "x.pid").exists()
        group = leftovers.recall(tmp_path / "x.group")
        assert group is not None
        assert group.leader == one.pid
        assert os.getpgid(one.pid) == one.pid
        one.kill()


def test_the_wrapper_ends_the_life_before(tmp_path: Path) -> None:
    with _launch(tmp_path) as first:
        assert first.stdout is not None
        first.stdout.readline()
        with _launch(tmp_path) as second:
            assert second.stdout is not None
            assert second.stdout.readline() == "runs\n"
            assert first.wait(timeout=5) != 0
            second.kill()


def test_a_service_dies_with_its_parent(tmp_path: Path) -> None:
    # The shell is the parent: it is killed, and the kernel sends the stop signal.
    with _launch(tmp_path) as unused:
        unused.kill()
    program = [sys.executable, "-m", "local_stack.launch", str(tmp_path / "x.plan")]
    script = "import subprocess, sys; subprocess.Popen(sys.argv[1:]).wait()"
    with subprocess.Popen(
        [sys.executable, "-c", script, *program], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "runs\n"
        group = leftovers.recall(tmp_path / "x.group")
        assert group is not None
        parent.kill()
    assert _gone(group.leader)


def test_the_wrapper_waits_for_ports(tmp_path: Path) -> None:
    port = ports.choose(())
    with _launch(tmp_path, waits_for=[port]) as one:
        assert one.stdout is not None
        time.sleep(0.5)
        assert processes.executable(one.pid) == os.path.realpath(sys.executable)
        assert b"local_stack.launch" in Path(f"/proc/{one.pid}/cmdline").read_bytes()
        with socket.create_server(("127.0.0.1", port)):
            assert one.stdout.readline() == "runs\n"
        one.kill()


def test_a_port_in_use_is_not_free() -> None:
    port = ports.choose(())
    assert ports.is_free(port)
    with socket.create_server(("127.0.0.1", port)):
        assert not ports.is_free(port)
        assert port not in {ports.choose(()) for _ in range(20)}
