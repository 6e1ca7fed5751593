"""Makes the database and its roles at a primary, in the local stack and in containers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor  # noqa: N812  # it is a class
from psycopg2.extensions import encrypt_password

from local_stack.credentials import DATABASE_ROLES, Credentials, read

DATABASE = "messaging"


def set_up(
    cursor_in: Callable[[str], AbstractContextManager[Cursor]],
    credentials: Credentials,
    roles_sql: str,
) -> None:
    """Make the database and its roles with their present passwords; harmless if done before.

    Args:
        cursor_in: Gives a superuser's cursor in the database it is told, in autocommit.
        credentials: The passwords.
        roles_sql: What makes the roles, as plain SQL.
    """
    with cursor_in("postgres") as cursor:
        cursor.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE])
        if cursor.fetchone() is None:
            cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    with cursor_in(DATABASE) as cursor:
        cursor.execute(roles_sql)
        for role in DATABASE_ROLES:
            _set_password(cursor, role, read(credentials.database(role)))


def _set_password(cursor: Cursor, role: str, password: str) -> None:
    # Hashed here, so that no log of the server can hold it.
    verifier = encrypt_password(password, role, cursor.connection, "scram-sha-256")
    cursor.execute(
        sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier))
    )
