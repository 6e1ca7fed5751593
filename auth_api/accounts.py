"""Accounts in the database: created, found, kept unique."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from psycopg2 import errors as postgres_errors
from sqlalchemy.exc import IntegrityError

from auth_api.errors import EmailTakenError, UsernameTakenError
from database.models import identity
from runtime.clock import Clock, utc_now
from runtime.ids import AccountId, new_id


@dataclass(frozen=True, kw_only=True)
class Account:
    """A person's account."""

    id: AccountId
    username: str
    email: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """What a login is checked against."""

    account_id: AccountId
    password_hash: str


class Accounts:
    """The accounts that exist; one that is deleted does not."""

    def __init__(self, engine: sa.Engine, *, clock: Clock = utc_now) -> None:
        """Use the database behind `engine`."""
        self._engine = engine
        self._clock = clock

    def create(self, *, username: str, email: str, password_hash: str) -> Account:
        """Return a new account.

        Raises:
            UsernameTakenError: Another account has this username.
            EmailTakenError: Another account has this e-mail address, in whatever case.
        """
        account = Account(
            id=AccountId(new_id()), username=username, email=email, created_at=self._clock()
        )
        row = {**vars(account), "email_key": email_key(email), "password_hash": password_hash}
        try:
            with self._engine.begin() as tx:
                tx.execute(sa.insert(identity.Account).values(row))
        except IntegrityError as error:
            raise _taken(error) from None
        return account

    def get(self, account_id: AccountId) -> Account | None:
        """Return the account, or None where there is none."""
        table = identity.Account
        statement = sa.select(table.username, table.email, table.created_at).where(
            table.id == account_id, table.deleted_at.is_(None)
        )
        with self._engine.connect() as connection:
            row = connection.execute(statement).one_or_none()
        return None if row is None else Account(id=account_id, **row._asdict())

    def credentials(self, username: str) -> Credentials | None:
        """Return what the login of this prepared username is checked against, if it exists."""
        table = identity.Account
        statement = sa.select(table.id, table.password_hash).where(
            table.username == username, table.deleted_at.is_(None)
        )
        with self._engine.connect() as connection:
            row = connection.execute(statement).one_or_none()
        if row is None:
            return None
        return Credentials(account_id=AccountId(row.id), password_hash=row.password_hash)

    def replace_hash(self, credentials: Credentials, password_hash: str) -> None:
        """Store another hash of the same password, unless it was replaced meanwhile."""
        table = identity.Account
        with self._engine.begin() as tx:
            tx.execute(
                sa.update(table)
                .where(
                    table.id == credentials.account_id,
                    table.password_hash == credentials.password_hash,
                    table.deleted_at.is_(None),
                )
                .values(password_hash=password_hash)
            )

    def replace_password_in(
        self, tx: sa.Connection, account_id: AccountId, password_hash: str
    ) -> None:
        """Store the hash of another password, for an account that `tx` holds."""
        table = identity.Account
        tx.execute(
            sa.update(table).where(table.id == account_id).values(password_hash=password_hash)
        )

    def delete_in(self, tx: sa.Connection, account_id: AccountId, now: datetime) -> None:
        """Delete an account that `tx` holds.

        Its names stay taken until all that it wrote is erased; its password goes at once.
        """
        table = identity.Account
        tx.execute(
            sa.update(table).where(table.id == account_id).values(deleted_at=now, password_hash="")
        )


def email_key(email: str) -> str:
    """Return the form in which two e-mail addresses are the same whatever their case."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", email).casefold())


def _taken(error: IntegrityError) -> Exception:
    cause = error.orig
    if isinstance(cause, postgres_errors.UniqueViolation):
        if cause.diag.constraint_name == "uq_account_username":
            return UsernameTakenError()
        if cause.diag.constraint_name == "uq_account_email_key":
            return EmailTakenError()
    return error
