"""Everything a request to auth_api may use, wired once at the start of the process."""

from __future__ import annotations

from dataclasses import dataclass

import redis
import sqlalchemy as sa
from flask import current_app

from auth_api.accounts import Accounts
from auth_api.confirmations import Confirmations
from auth_api.deletions import Deletions
from auth_api.failures import LoginFailures
from auth_api.keys import SigningKeys
from auth_api.logins import Logins
from auth_api.password_changes import PasswordChanges
from auth_api.passwords import Passwords
from auth_api.rotation import Rotation
from auth_api.sessions import Sessions
from auth_api.settings import Settings
from auth_api.tokens import Tokens
from runtime.clock import Clock, utc_now
from runtime.revocations import RevocationList

_EXTENSION = "messaging-auth"


@dataclass(frozen=True, kw_only=True)
class Services:
    """The parts of auth_api."""

    keys: SigningKeys
    accounts: Accounts
    passwords: Passwords
    sessions: Sessions
    tokens: Tokens
    logins: Logins
    rotation: Rotation
    password_changes: PasswordChanges
    deletions: Deletions
    clock: Clock

    @classmethod
    def wire(
        cls,
        settings: Settings,
        *,
        engine: sa.Engine,
        client: redis.Redis,
        clock: Clock = utc_now,
    ) -> Services:
        """Return the parts, connected to one another."""
        keys = SigningKeys(settings.signing_keys)
        accounts = Accounts(engine, clock=clock)
        passwords = Passwords(settings.passwords)
        sessions = Sessions(
            engine, RevocationList(client), lifetimes=settings.lifetimes, clock=clock
        )
        failures = LoginFailures(client, settings.failures)
        changes, deletions = _confirmed(
            engine,
            Confirmations(accounts=accounts, passwords=passwords, failures=failures),
            accounts=accounts,
            passwords=passwords,
            sessions=sessions,
            clock=clock,
        )
        return cls(
            keys=keys,
            accounts=accounts,
            passwords=passwords,
            sessions=sessions,
            tokens=Tokens(
                keys, issuer=settings.api.public_url, lifetimes=settings.lifetimes, clock=clock
            ),
            logins=Logins(
                accounts=accounts, passwords=passwords, failures=failures, sessions=sessions
            ),
            rotation=Rotation(engine, sessions, lifetimes=settings.lifetimes, clock=clock),
            password_changes=changes,
            deletions=deletions,
            clock=clock,
        )

    def attach(self) -> dict[str, Services]:
        """Return what makes an app's `extensions` find these parts."""
        return {_EXTENSION: self}


def _confirmed(
    engine: sa.Engine,
    confirmations: Confirmations,
    *,
    accounts: Accounts,
    passwords: Passwords,
    sessions: Sessions,
    clock: Clock,
) -> tuple[PasswordChanges, Deletions]:
    """Return what is only done for who gives the password once more."""
    changes = PasswordChanges(
        engine,
        accounts=accounts,
        passwords=passwords,
        confirmations=confirmations,
        sessions=sessions,
    )
    deletions = Deletions(
        engine, accounts=accounts, confirmations=confirmations, sessions=sessions, clock=clock
    )
    return changes, deletions


def current_services() -> Services:
    """Return the parts of the app that serves the present request."""
    services: Services = current_app.extensions[_EXTENSION]
    return services
