"""`messaging containers`: what the container stack needs besides its images."""

from __future__ import annotations

import importlib.resources
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
import psycopg2
from psycopg2.extensions import cursor as Cursor  # noqa: N812  # it is a class

from cli import swarm
from cli.stack import schema
from local_stack import database_roles
from local_stack.credentials import Credentials, read
from runtime.clock import utc_now
from runtime.errors import MessagingError

if TYPE_CHECKING:
    from local_stack.certificates import Certificates

# Where Docker puts the secrets of a service.
_SECRETS = Path("/run/secrets")
_CONNECT_TIMEOUT_S = 10
# A standby may have to take the place of a primary that is lost.
_PRIMARY_S = 150


@click.group()
def containers() -> None:
    """Prepare the container stack; `docker compose` runs it."""


@containers.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--rotate", is_flag=True, help="Sign tokens with a new key from now on.")
@click.option("--tls", is_flag=True, help="Also certificates for the servers, and renew old ones.")
def secrets(folder: Path, *, rotate: bool, tls: bool) -> None:
    """Make the secrets that FOLDER lacks; those that exist stay.

    Docker hands each container the files that it needs, and no other. Whoever may not enter FOLDER
    sees none of them: only its owner may.
    """
    credentials = Credentials(folder)
    credentials.make(pages=True)
    if rotate:
        credentials.rotate_signing_key()
    if tls:
        for name in _certificates(folder).make(now=utc_now()):
            click.echo(f"A certificate for {name} was made.")
    # Each container runs as another user, and Docker changes neither owner nor mode.
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o444)
    authority_key = folder / "internal-ca-key"
    if authority_key.exists():  # No container is handed it.
        authority_key.chmod(0o400)
    folder.chmod(0o700)


def _certificates(folder: Path) -> Certificates:
    # Here, for it costs more than all other verbs together take to start.
    from local_stack.certificates import Certificates  # noqa: PLC0415

    return Certificates(folder)


@containers.command(short_help="Make roles and schemas at the primary.")
def migrate() -> None:
    """Make roles and schemas at the primary, or bring them up to date; harmless to repeat.

    SERVERS names them, `host:slot` each, parted by blanks; whichever takes writes is the primary.
    It is waited for.
    """
    host = _await_primary()
    superuser = partial(_superuser, host)
    given = schema()
    database_roles.set_up(superuser, Credentials(_SECRETS), given.roles_sql)
    with superuser(database_roles.DATABASE) as cursor:
        cursor.execute(_failover_sql(given.history_sql))
    owner = "messaging_owner"
    password = read(Credentials(_SECRETS).database(owner))
    given.migrate(f"postgresql+psycopg2://{owner}:{password}@{host}:5432/{database_roles.DATABASE}")


@containers.command("stack", short_help="Print the stack file of a swarm.")
@click.argument("signing_keys", type=click.Path(exists=True, file_okay=False, path_type=Path))
def print_stack(signing_keys: Path) -> None:
    """Print the stack file of a swarm for what `docker compose config` prints, given as JSON.

    SIGNING_KEYS is the folder with the keys that sign access tokens.
    """
    composed = json.load(sys.stdin)
    click.echo(json.dumps(swarm.stack(composed, signing_keys), indent=1))


def _failover_sql(history_sql: str) -> str:
    text = (importlib.resources.files("database") / "failover.sql").read_text(encoding="utf-8")
    return text.replace("--HISTORY--", history_sql)


def _servers() -> list[str]:
    given = os.environ.get("SERVERS") or "postgres-primary:standby0"
    return [server.partition(":")[0] for server in given.split()]


def _await_primary() -> str:
    """Return the host of the server that takes writes, once there is one.

    Raises:
        MessagingError: None does for a long time.
    """
    deadline = time.monotonic() + _PRIMARY_S
    while True:
        for host in _servers():
            try:
                with _superuser(host, "postgres") as cursor:
                    cursor.execute("SELECT pg_is_in_recovery()")
                    if cursor.fetchone() == (False,):
                        return host
                reason = "none takes writes"
            except MessagingError as error:
                reason = str(error)
        if time.monotonic() > deadline:
            raise MessagingError(f"There is no primary: {reason}")
        time.sleep(1)


@contextmanager
def _superuser(host: str, database: str) -> Iterator[Cursor]:
    try:
        connection = psycopg2.connect(
            host=host,
            port=5432,
            user="postgres",
            password=read(Credentials(_SECRETS).database("postgres")),
            dbname=database,
            connect_timeout=_CONNECT_TIMEOUT_S,
            application_name="messaging migrate",
        )
    except psycopg2.OperationalError as error:
        raise MessagingError(f"{host} cannot be reached: {str(error).strip()}") from error
    with closing(connection):
        connection.autocommit = True
        with connection.cursor() as cursor:
            yield cursor
