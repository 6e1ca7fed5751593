"""`ops/nginx/waiting_room.py`: a request waits for its service, and reaches it once."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from local_stack import ports
from tests.running_stack import wait_until

_SCRIPT = Path(__file__).parents[3] / "ops/nginx/waiting_room.py"
_PATIENCE_S = 10


@dataclass(frozen=True, kw_only=True)
class Room:
    """A waiting room, its door, and the port of the service that may or may not be there."""

    process: subprocess.Popen[bytes]
    door: int
    service: int

    def enter(self) -> socket.socket:
        """Return a connection to the door."""
        return socket.create_connection(("127.0.0.1", self.door), timeout=_PATIENCE_S)

    def open_service(self) -> socket.socket:
        """Let the service listen."""
        listener = socket.create_server(("127.0.0.1", self.service))
        listener.settimeout(_PATIENCE_S)
        return listener


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    """A waiting room that is open, for a service that is not."""
    with opened(tmp_path) as room:
        yield room


@contextmanager
def opened(tmp_path: Path, **environment: str) -> Iterator[Room]:
    """Open a waiting room for as long as the block runs."""
    door = ports.choose(())
    service = ports.choose({door})
    alive = tmp_path / "alive"
    with subprocess.Popen(
        [sys.executable, "-P", _SCRIPT, f"{door}=127.0.0.1:{service}"],
        env={"MESSAGING_ALIVE_FILE": str(alive), **environment},
    ) as process:
        wait_until(alive.exists)
        yield Room(process=process, door=door, service=service)
        process.kill()


def test_a_request_waits_until_its_service_is_there(room: Room) -> None:
    with room.enter() as client:
        client.sendall(b"a question")
        client.settimeout(0.5)
        with pytest.raises(TimeoutError):  # Nobody has hung up, nobody has answered.
            client.recv(1)
        client.settimeout(_PATIENCE_S)
        with room.open_service() as service, service.accept()[0] as taken:
            assert taken.recv(100) == b"a question"
            taken.sendall(b"an answer")
            assert client.recv(100) == b"an answer"
            client.shutdown(socket.SHUT_WR)
            assert taken.recv(1) == b""


def test_a_service_that_hangs_up_is_not_asked_again(room: Room) -> None:
    with room.open_service() as service, room.enter() as client:
        client.sendall(b"a question")
        with service.accept()[0] as taken:
            assert taken.recv(100) == b"a question"
        assert client.recv(1) == b""
        service.settimeout(0.5)
        with pytest.raises(TimeoutError):
            service.accept()


def test_who_is_in_when_it_stops_still_gets_an_answer(room: Room) -> None:
    with room.enter() as client:
        client.sendall(b"a question")
        room.process.send_signal(signal.SIGTERM)
        with room.open_service() as service, service.accept()[0] as taken:
            assert taken.recv(100) == b"a question"
            taken.sendall(b"an answer")
            assert client.recv(100) == b"an answer"
            with pytest.raises(ConnectionRefusedError):
                room.enter()
    assert room.process.wait(_PATIENCE_S) == 0


@pytest.mark.parametrize("seconds", ["0", "1"])
def test_who_has_waited_as_long_as_is_set_is_sent_away(tmp_path: Path, seconds: str) -> None:
    with opened(tmp_path, MESSAGING_WAITING_SECONDS=seconds) as room, room.enter() as client:
        client.settimeout(_PATIENCE_S)
        assert client.recv(1) == b""


def test_who_need_not_wait_is_joined_though_nobody_may(tmp_path: Path) -> None:
    with opened(tmp_path, MESSAGING_WAITING_SECONDS="0") as room, room.open_service() as service:
        client = room.enter()
        with client, service.accept()[0] as taken:
            client.sendall(b"a question")
            assert taken.recv(100) == b"a question"


@pytest.mark.parametrize("seconds", ["51", "-1", "2.5", "many", "²"])
def test_a_wait_that_cannot_be_is_refused_by_its_name(seconds: str) -> None:
    environment = {"MESSAGING_WAITING_SECONDS": seconds}
    done = subprocess.run(
        [sys.executable, "-P", _SCRIPT],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("MESSAGING_WAITING_SECONDS=")
    assert "whole number from 0 to 50" in done.stderr
