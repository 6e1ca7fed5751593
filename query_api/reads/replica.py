"""The replica: runs one SELECT at a time, in autocommit, on a pool of connections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg2
from sqlalchemy import Engine, PoolProxiedConnection, literal_column, select
from sqlalchemy.exc import SQLAlchemyError

from query_api.reads.errors import ReplicaUnavailableError
from query_api.reads.statements import Statement
from runtime.logging import get_logger

_log = get_logger(__name__)

_ANYTHING = Statement(select(literal_column("1")))

Row = tuple[Any, ...]
Rows = Sequence[Row]


class _LostError(Exception):
    """The connection died, or the standby gave the statement up: a second try may do."""


class Replica:
    """Answers SELECTs through an engine in autocommit whose pool does not check connections.

    A check would cost every read a round trip; instead, a read whose connection turns out dead
    is tried once more on a new one, which does no harm to a SELECT.
    """

    def __init__(self, engine: Engine) -> None:
        """Use `engine`; connect when first asked."""
        self._engine = engine

    def select(self, statement: Statement, parameters: Mapping[str, object]) -> Rows:
        """Return the rows as plain tuples.

        Raises:
            ReplicaUnavailableError: The database is away, busy, or took too long.
        """
        try:
            try:
                return self._select(statement, parameters)
            except _LostError as lost:
                _log.info("replica.connection.lost", cause=str(lost.__cause__).strip())
                # The others of the pool most likely died with it.
                self._engine.dispose()
                return self._select(statement, parameters)
        except (_LostError, psycopg2.OperationalError, SQLAlchemyError) as error:
            raise ReplicaUnavailableError from error

    def answers(self) -> None:
        """Return if the database answers at all; else raise as `select` does."""
        self.select(_ANYTHING, {})

    def _select(self, statement: Statement, parameters: Mapping[str, object]) -> Rows:
        # The pool's own connection: SQLAlchemy's around it would double the cost of a read.
        connection = self._engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute(statement.sql, parameters)
            return cursor.fetchall()
        except psycopg2.Error as error:
            if self._is_lost(error, connection):
                connection.invalidate(error)
                raise _LostError from error
            raise
        finally:
            connection.close()

    def _is_lost(self, error: psycopg2.Error, connection: PoolProxiedConnection) -> bool:
        # Its class says that the standby replayed something in the way of this statement.
        if isinstance(error, psycopg2.extensions.TransactionRollbackError):
            return True
        dialect, dbapi_connection = self._engine.dialect, connection.dbapi_connection
        return dialect.is_disconnect(error, dbapi_connection, None)  # type: ignore[arg-type]  # SQLAlchemy's own name for this class
