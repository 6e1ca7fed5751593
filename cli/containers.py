"""`messaging containers`: what the container stack needs besides its images."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import click
import psycopg2
from psycopg2.extensions import cursor as Cursor  # noqa: N812  # it is a class

from cli import swarm
from cli.stack import schema
from local_stack import database_roles
from local_stack.credentials import Credentials, read
from runtime.errors import MessagingError

# Where Docker puts the secrets of a service.
_SECRETS = Path("/run/secrets")
_CONNECT_TIMEOUT_S = 10


@click.group()
def containers() -> None:
    """Prepare the container stack; `docker compose` runs it."""


@containers.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--rotate", is_flag=True, help="Sign tokens with a new key from now on.")
def secrets(folder: Path, *, rotate: bool) -> None:
    """Make the secrets that FOLDER lacks; those that exist stay.

    Docker hands each container the files that it needs, and no other. Whoever may not enter FOLDER
    sees none of them: only its owner may.
    """
    credentials = Credentials(folder)
    credentials.make(pages=True)
    if rotate:
        credentials.rotate_signing_key()
    # Each container runs as another user, and Docker changes neither owner nor mode.
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o444)
    folder.chmod(0o700)


@containers.command()
def migrate() -> None:
    """Make roles and schemas at the primary, or bring them up to date; harmless to repeat.

    MESSAGING_PRIMARY names the primary, `host:port`.
    """
    host, port = _primary()
    roles = schema()
    database_roles.set_up(_superuser, Credentials(_SECRETS), roles.roles_sql)
    owner = "messaging_owner"
    password = read(Credentials(_SECRETS).database(owner))
    roles.migrate(
        f"postgresql+psycopg2://{owner}:{password}@{host}:{port}/{database_roles.DATABASE}"
    )


@containers.command("stack")
@click.argument("signing_keys", type=click.Path(exists=True, file_okay=False, path_type=Path))
def print_stack(signing_keys: Path) -> None:
    """Print the stack file of a swarm for what `docker compose config` prints, given as JSON.

    SIGNING_KEYS is the folder with the keys that sign access tokens.
    """
    composed = json.load(sys.stdin)
    click.echo(json.dumps(swarm.stack(composed, signing_keys), indent=1))


def _primary() -> tuple[str, str]:
    host, _, port = os.environ.get("MESSAGING_PRIMARY", "postgres-primary:5432").partition(":")
    return host, port or "5432"


@contextmanager
def _superuser(database: str) -> Iterator[Cursor]:
    host, port = _primary()
    try:
        connection = psycopg2.connect(
            host=host,
            port=port,
            user="postgres",
            password=read(Credentials(_SECRETS).database("postgres")),
            dbname=database,
            connect_timeout=_CONNECT_TIMEOUT_S,
            application_name="messaging migrate",
        )
    except psycopg2.OperationalError as error:
        raise MessagingError(f"The primary cannot be reached: {str(error).strip()}") from error
    with closing(connection):
        connection.autocommit = True
        with connection.cursor() as cursor:
            yield cursor
