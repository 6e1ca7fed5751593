"""Cuts a projector short at a chosen moment of its work, as a crash or a lost connection does."""

from __future__ import annotations

from typing import Any, Literal

import psycopg2
from redis.exceptions import ConnectionError as RedisConnectionError
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError

from events.append import QueueUnavailableError
from events.queue import EventQueue
from runtime.clock import utc_now
from runtime.ids import Partition
from tests.projector.conftest import SETTINGS, engine_of
from tests.servers import Servers
from workers.projector import Projector

Way = Literal[
    "crash before a statement",
    "connection killed before a statement",
    "crash before a commit",
    "answer to a commit lost",
    "Redis away before a call",
    "answer of Redis lost",
]


class Crash(BaseException):
    """The process ends here: nothing of ours may catch it."""


class Interruption:
    """Strikes once, at the moment number `at` of its kind, counted from 1.

    Attributes:
        struck: Whether that moment came.
    """

    def __init__(self, way: Way, at: int) -> None:
        self.way = way
        self.struck = False
        self._left = at

    def is_due(self, *ways: Way) -> bool:
        """Count a moment of these ways; tell whether it is the one."""
        if self.way not in ways:
            return False
        self._left -= 1
        self.struck = self.struck or self._left == 0
        return self._left == 0


class FrailRedis:
    """A Redis client whose connection breaks when the interruption says so."""

    def __init__(self, redis: Any, interruption: Interruption) -> None:
        self._redis = redis
        self._interruption = interruption

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._redis, name)

        def frail(*arguments: Any, **named: Any) -> Any:
            before = self._interruption.is_due("Redis away before a call")
            if before:
                raise RedisConnectionError("away")
            answer = call(*arguments, **named)
            if self._interruption.is_due("answer of Redis lost"):
                raise RedisConnectionError("no answer")
            return answer

        return frail


class FrailProjector:
    """A projector of its own engine that meets one interruption, and then goes on."""

    def __init__(
        self, servers: Servers, queue: EventQueue, interruption: Interruption, batch_size: int
    ) -> None:
        self._servers = servers
        self.interruption = interruption
        self.engine = engine_of(servers, "worker")
        self._break(self.engine)
        frail = EventQueue(FrailRedis(queue._redis, interruption), SETTINGS)  # type: ignore[arg-type]  # it passes all on
        self._projector = Projector(
            frail, self.engine, batch_size=batch_size, clock=utc_now, linger_ms=0
        )

    def drain(self, partition: Partition) -> None:
        """Do as a worker does with a delivery; what cuts it short is not told to anybody."""
        try:
            self._projector.drain(partition)
        except (Crash, DBAPIError, QueueUnavailableError):
            assert self.interruption.struck

    def _break(self, engine: Engine) -> None:
        event.listen(engine, "before_cursor_execute", self._before_statement)
        event.listen(engine, "commit", self._before_commit)
        commit = engine.dialect.do_commit

        def commit_and_tell_nobody(connection: Any) -> None:
            commit(connection)
            if self.interruption.is_due("answer to a commit lost"):
                raise psycopg2.OperationalError("no answer")

        engine.dialect.do_commit = commit_and_tell_nobody  # type: ignore[assignment]  # the one place where an answer can get lost

    def _before_statement(self, connection: Connection, *_: Any) -> None:
        if self.interruption.is_due("crash before a statement"):
            self._end_process(connection)
        if self.interruption.is_due("connection killed before a statement"):
            self._terminate(connection)

    def _before_commit(self, connection: Connection) -> None:
        if self.interruption.is_due("crash before a commit"):
            self._end_process(connection)

    def _end_process(self, connection: Connection) -> None:
        # The kernel closes what was open; no ROLLBACK is sent.
        self._terminate(connection)
        raise Crash

    def _terminate(self, connection: Connection) -> None:
        pid = connection.connection.dbapi_connection.info.backend_pid  # type: ignore[union-attr]  # psycopg2's
        port = self._servers.postgres_port
        operator = psycopg2.connect(host="127.0.0.1", port=port, user="postgres", dbname="postgres")
        with operator, operator.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
        operator.close()
