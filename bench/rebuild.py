"""Rebuilds a large read model while people write and read, and prints what that costs.

`make benchrebuild` starts a stack of its own, fills its log by the event queue, and runs the verbs
as an operator does: verify, rebuild, verify.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click
import httpx
from sqlalchemy import Engine, text

from bench.people import Pair, meet
from bench.stack import Service, stack
from database.engines import create_engine_for
from events.append import Intake, QueueFullError
from events.contracts.envelope import Envelope
from events.contracts.messages import MessageSent
from events.queue import EventQueue
from local_stack import operating
from local_stack.credentials import read
from runtime.clock import utc_now
from runtime.ids import AccountId, EventId, conversation_of, new_id, new_message_id
from runtime.redis_client import connect
from runtime.settings import QueueSettings, RedisSettings, Secret

_MESSAGING = Path(sys.executable).parent / "messaging"
_AT_ONCE = 500
_MESSAGES_OF_A_CONVERSATION = 200
_SENDERS = 10
_SENDS_A_SECOND = 100
_BODY = "words that somebody wrote to somebody else, of a usual length, and one more: "


@dataclass(kw_only=True)
class Load:
    """What people met who wrote and read meanwhile."""

    sent: int = 0
    read: int = 0
    errors: list[str] = field(default_factory=list)
    slowest: float = 0.0

    def note(self, answer: httpx.Response, seconds: float) -> None:
        """Note one answer."""
        self.slowest = max(self.slowest, seconds)
        if answer.is_error:
            self.errors.append(f"{answer.status_code} {answer.url.path}")


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What a verb printed and used: seconds, and its memory in MiB early on and at its peak."""

    shown: dict[str, object]
    code: int
    seconds: float
    early: float
    peak: float


@click.command()
@click.option("--messages", default=1_000_000, show_default=True)
def main(messages: int) -> None:
    """Measure and print."""
    settings = {"MESSAGING_QUEUE_RETENTION": "1", "MESSAGING_ACCESS_LIFETIME": "86400"}
    with stack(**settings) as services:
        began = time.monotonic()
        _fill(messages)
        print(f"filled: {messages:,} messages in {time.monotonic() - began:.0f} s")
        pair = meet(services)
        with _load(services["nginx"], pair) as load:
            for verb in (("verify",), ("rebuild", "--yes"), ("verify",)):
                _tell(" ".join(verb), _run(*verb))
        print(
            f"meanwhile: {load.sent:,} sent, {load.read:,} reads, {len(load.errors)} errors"
            f" {load.errors[:3]}, slowest answer {load.slowest * 1000:.0f} ms"
        )
        sys.exit(1 if load.errors else 0)


def _fill(messages: int) -> None:
    state = operating.existing(os.environ)
    url = f"redis://command_api@127.0.0.1:{state.record.ports['redis']}/0"
    secret = Secret(read(state.credentials.redis("command_api")))
    partitions = QueueSettings(
        partitions=state.record.event_partitions,
        limit=100_000,
        bell_ttl_seconds=2,
    )
    queue = EventQueue(connect(RedisSettings(url=url, password=secret)), partitions)
    for envelopes in _history(messages):
        intake = Intake(account=envelopes[0].actor_id, rate=None, receipt=b"-")
        while True:
            try:
                queue.append(envelopes, intake)
                break
            except QueueFullError:
                time.sleep(0.2)
    _await_projection(messages)


def _history(messages: int) -> Iterator[list[Envelope]]:
    conversations = max(1, messages // _MESSAGES_OF_A_CONVERSATION)
    people = [(AccountId(new_id()), AccountId(new_id())) for _ in range(conversations)]
    batch: list[Envelope] = []
    for number in range(messages):
        pair = people[number % conversations]
        sender, recipient = pair if number % 3 else pair[::-1]
        conversation = conversation_of(sender, recipient)
        event = MessageSent(
            message_id=new_message_id(conversation),
            conversation_id=conversation,
            recipient_id=recipient,
            body=f"{_BODY}{number}",
        )
        batch.append(
            Envelope(id=EventId(new_id()), event=event, actor_id=sender, occurred_at=utc_now())
        )
        if len(batch) == _AT_ONCE or number == messages - 1:
            yield batch
            batch = []


def _await_projection(messages: int) -> None:
    engine = _operator()
    logged = text("SELECT sum(number) FROM event_log.checkpoint")
    while True:
        with engine.connect() as connection:
            if connection.execute(logged).scalar_one() >= messages:
                break
        time.sleep(1)
    engine.dispose()


def _operator() -> Engine:
    settings = operating.database(operating.existing(os.environ))
    return create_engine_for(settings, application_name="api-write", pool_size=1)


@contextmanager
def _load(gateway: Service, pair: Pair) -> Iterator[Load]:
    load, over = Load(), threading.Event()

    def send(client: httpx.Client) -> None:
        load.note(*_timed(lambda: pair.send(client)))
        load.sent += 1
        over.wait(_SENDERS / _SENDS_A_SECOND)

    def look(client: httpx.Client) -> None:
        path = f"/query/v1/conversations/{pair.alice.username}/messages?limit=10"
        load.note(*_timed(lambda: pair.get(path)(client)))
        load.read += 1
        over.wait(0.05)

    def repeat(act: Callable[[httpx.Client], None]) -> None:
        with httpx.Client(base_url=gateway.url, timeout=30) as client:
            while not over.is_set():
                act(client)

    acts = [*[send] * _SENDERS, look, look]
    threads = [threading.Thread(target=repeat, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _timed(act: Callable[[], httpx.Response]) -> tuple[httpx.Response, float]:
    began = time.monotonic()
    answer = act()
    return answer, time.monotonic() - began


def _run(*verb: str) -> Ran:
    began = time.monotonic()
    process = subprocess.Popen(
        [_MESSAGING, "events", *verb, "--json"], stdout=subprocess.PIPE, text=True
    )
    memory = []
    while process.poll() is None:
        memory.append(_resident(process.pid))
        time.sleep(0.5)
    assert process.stdout is not None  # asked for above
    lines = process.stdout.read().splitlines()
    quarter = memory[: max(1, len(memory) // 4)]
    return Ran(
        shown=json.loads(lines[-1]) if lines else {},
        code=process.returncode,
        seconds=time.monotonic() - began,
        early=max(quarter),
        peak=max(memory),
    )


def _resident(pid: int) -> float:
    """Return the resident memory of a process in MiB; 0 where it has just ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _tell(verb: str, ran: Ran) -> None:
    events = ran.shown.get("events")
    rate = f", {events / ran.seconds:,.0f} events/s" if isinstance(events, int) else ""
    print(
        f"{verb}: exit {ran.code}, {ran.seconds:.0f} s{rate};"
        f" memory {ran.early:.0f} MiB in its first quarter, {ran.peak:.0f} MiB at its peak;"
        f" {json.dumps(ran.shown)}",
        flush=True,
    )


if __name__ == "__main__":
    main()
