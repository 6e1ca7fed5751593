"""People who write and read without pause, and a record of what they were told and when."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import uuid4

from messaging_client import MessagingClient, MessagingError, ProblemError, Retries, SendMessage

_PASSWORD = "correct horse battery"
# What a fault may cost one request at most; then the service counts as lost.
_PATIENCE_S = 150.0
_READ_PAUSE_S = 0.05


@dataclass(kw_only=True)
class Lane:
    """What one person writes to another: numbered, in order, each repeated until acknowledged."""

    sender: str
    recipient: str
    attempted: list[str] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)

    def more(self, count: int) -> list[str]:
        """Return the texts of the next `count` messages."""
        known = len(self.attempted)
        bodies = [f"{self.sender} {known + number}" for number in range(1, count + 1)]
        self.attempted += bodies
        return bodies


class Traffic:
    """Pairs who write to one another, and readers of what they write.

    Attributes:
        lanes: One for each person.
        sent: When a command was acknowledged, seconds of the monotonic clock.
        read: When a query was answered.
        failures: What may never happen: a request given up, a page out of order.
    """

    def __init__(self, url: str, *, pairs: int, readers: int) -> None:
        """Register two people for each of `pairs`."""
        self.url = url
        self.sent: list[float] = []
        self.read: list[float] = []
        self.failures: list[str] = []
        self.lanes: list[Lane] = []
        self._readers = readers
        self._stop = threading.Event()
        # Set while senders may begin another command.
        self._go = threading.Event()
        self._go.set()
        self._busy = threading.Semaphore(2 * pairs)
        self.batch: Callable[[], int] = lambda: 1
        for _ in range(pairs):
            one, other = (f"p{uuid4().hex[:10]}" for _ in range(2))
            self.lanes += [Lane(sender=one, recipient=other), Lane(sender=other, recipient=one)]
        for lane in self.lanes:
            with self.client() as client:
                client.register(lane.sender, f"{lane.sender}@example.com", _PASSWORD)

    @property
    def acknowledged(self) -> int:
        """How many messages were acknowledged so far."""
        return sum(len(lane.acknowledged) for lane in self.lanes)

    def client(self) -> MessagingClient:
        """Return a client that hardly gives up."""
        retries = Retries(outage_s=_PATIENCE_S, visibility_s=_PATIENCE_S, longest_pause_s=0.5)
        return MessagingClient(self.url, timeout_s=15, retries=retries)

    @contextmanager
    def logged_in(self, username: str) -> Iterator[MessagingClient]:
        """Give the client of somebody's session."""
        with self.client() as client:
            client.login(username, _PASSWORD)
            yield client

    @contextmanager
    def running(self) -> Iterator[None]:
        """Write and read until the block ends."""
        threads = [threading.Thread(target=self._write, args=(lane,)) for lane in self.lanes]
        watched = self.lanes[: self._readers]
        threads += [threading.Thread(target=self._watch, args=(lane,)) for lane in watched]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            self._go.set()
            for thread in threads:
                thread.join()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let the commands under way end, and begin no other until the block ends."""
        self._go.clear()
        taken = 0
        try:
            for _ in self.lanes:
                assert self._busy.acquire(timeout=_PATIENCE_S), "a command does not end"
                taken += 1
            yield
        finally:
            self._busy.release(taken)
            self._go.set()

    def await_progress(self, seconds: float = 120) -> None:
        """Return once another command was acknowledged and another query answered."""
        sent, read = len(self.sent), len(self.read)
        deadline = time.monotonic() + seconds
        while len(self.sent) == sent or len(self.read) == read:
            assert not self.failures, self.failures
            assert time.monotonic() < deadline, f"no progress within {seconds} s"
            time.sleep(0.02)

    def await_applied(self) -> None:
        """Return once as much is visible as was acknowledged."""
        deadline = time.monotonic() + _PATIENCE_S
        for one, other in zip(self.lanes[::2], self.lanes[1::2], strict=True):
            with self.logged_in(one.sender) as client:
                while _visible(client) < len(one.acknowledged) + len(other.acknowledged):
                    assert time.monotonic() < deadline, f"{one.sender}'s messages do not appear"
                    time.sleep(0.1)

    def _write(self, lane: Lane) -> None:
        try:
            with self.logged_in(lane.sender) as client:
                while not self._stop.is_set():
                    self._go.wait()
                    with self._busy:
                        self._give(client, lane, lane.more(self.batch()))
        except Exception as error:  # noqa: BLE001  # told by the suite's own thread
            self.failures.append(f"{lane.sender} writes: {error!r}")

    def _give(self, client: MessagingClient, lane: Lane, bodies: list[str]) -> None:
        if len(bodies) == 1:
            client.send_message(lane.recipient, bodies[0])
            accepted = bodies
        else:
            accepted = self._give_batch(client, lane, bodies)
        lane.acknowledged += accepted
        if accepted:
            self.sent.append(time.monotonic())
        if len(accepted) < len(bodies):
            time.sleep(0.2)
            self._give(client, lane, bodies[len(accepted) :])

    def _give_batch(self, client: MessagingClient, lane: Lane, bodies: list[str]) -> list[str]:
        results = client.batch([SendMessage(to=lane.recipient, body=body) for body in bodies])
        refused = [isinstance(result, ProblemError) for result in results]
        accepted = refused.index(True) if True in refused else len(refused)
        # One recipient, one lookup: what is refused is refused from there on.
        assert all(refused[accepted:]), f"accepted out of order: {results}"
        for result in results[accepted:]:
            assert isinstance(result, ProblemError), result
            assert result.status == 503, result
        return bodies[:accepted]

    def _watch(self, lane: Lane) -> None:
        """Read the newest page again and again; whatever breaks, it is in order."""
        try:
            with self.logged_in(lane.recipient) as client:
                while not self._stop.is_set():
                    self._look(client, lane)
                    time.sleep(_READ_PAUSE_S)
        except Exception as error:  # noqa: BLE001  # told by the suite's own thread
            self.failures.append(f"{lane.recipient} reads: {error!r}")

    def _look(self, client: MessagingClient, lane: Lane) -> None:
        try:
            page = client.messages(lane.sender, limit=20).first_page()
        except MessagingError as error:
            self.failures.append(f"{lane.recipient} reads: {error!r}")
            return
        self.read.append(time.monotonic())
        positions = [message.position for message in page.items]
        first = positions[0] if positions else 1
        assert positions == list(range(first, first + len(positions))), positions
        numbers = [
            int(message.body.split()[1])
            for message in page.items
            if message.sender == lane.sender and message.body
        ]
        assert numbers == sorted(set(numbers)), numbers


def _visible(client: MessagingClient) -> int:
    page = client.conversations().first_page()
    return page.items[0].last_position if page.items else 0
