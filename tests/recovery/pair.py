"""A stack's two Postgres servers, and what is asked of them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from tests.recovery.chat import Chat
from tests.running_stack import RunningStack, wait_until

_STREAMS = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"


class Pair:
    """The primary and the standby of a running stack."""

    def __init__(self, stack: RunningStack) -> None:
        self.stack = stack
        self.base = stack.servers / "postgres"

    @property
    def partitions(self) -> int:
        """How many there are."""
        return int(self.stack.record["event_partitions"])

    def ask(self, question: str, *, server: str = "primary") -> Any:
        """Return the first value that a superuser is answered."""
        with (
            closing(self.stack.connect("postgres", server=server)) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(question)
            row = cursor.fetchone()
        return row[0] if row else None

    def applied(self, server: str = "primary") -> int:
        """Return how many events a server has applied."""
        return int(self.ask("SELECT sum(number) FROM event_log.checkpoint", server=server))

    def in_queue(self) -> int:
        """Return how many events were ever queued."""
        return sum(map(int, self.stack.redis("worker").hgetall("queue:numbers").values()))

    def all_applied(self) -> bool:
        return self.applied() == self.in_queue()

    def timeline(self) -> int:
        """Return the primary's timeline: a promotion begins another."""
        name = str(self.ask("SELECT pg_walfile_name(pg_current_wal_lsn())"))
        return int(name[:8], 16)

    def names_changed(self) -> int:
        """Return the count that is in each entity tag and leaps where a database goes back."""
        return int(self.ask("SELECT revision FROM identity.directory_revision"))

    def named(self, username: str) -> int:
        """Return how many accounts hold the name."""
        held = f"SELECT count(*) FROM identity.account WHERE username = '{username}'"
        return int(self.ask(held))

    def follows(self) -> bool:
        """Return whether the standby receives, and has applied as much as the primary."""
        return self.ask(_STREAMS) == 1 and self.applied("replica") == self.applied()

    @contextmanager
    def standby_held(self) -> Iterator[None]:
        """Keep the standby from receiving: it could not apply later what never arrived."""
        passwords = self.base / "replicator.pgpass"
        away = passwords.with_suffix(".away")
        passwords.rename(away)
        self.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_replication")
        try:
            yield
        finally:
            away.rename(passwords)

    def done(self, *arguments: str) -> Any:
        """Run a verb of `messaging` that must succeed; return its JSON.

        While PGPool finds its servers again it ends connections: a verb says then to run it again.
        """
        deadline = time.monotonic() + 60
        while True:
            ran = self.stack.messaging(*arguments, "--json")
            if not ran.stderr.endswith(": run it again.\n") or time.monotonic() > deadline:
                break
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    def refusal(self, *arguments: str) -> str:
        """Run a verb that must be refused; return the last line of why."""
        ran = self.stack.messaging(*arguments)
        assert ran.returncode == 1, ran.stdout
        return ran.stderr.splitlines()[-1]

    def rejoined(self) -> str:
        """Have a standby follow; return how that came about."""
        how: str = self.done("stack", "rejoin", "--yes")["how"]
        wait_until(self.follows, 60)
        self.stack.wait_ready(90)
        return how

    def is_well(self, talk: Chat) -> bool:
        """Return whether people log in, write and read as ever, and the standby follows."""
        self.stack.wait_ready(90)
        talk.log_in_again()
        talk.send(5)
        talk.await_complete()
        wait_until(self.follows, 60)
        return self.stack.messaging("stack", "show").returncode == 0
