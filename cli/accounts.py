"""`messaging accounts`: people's accounts, as an operator looks after them."""

from __future__ import annotations

import json

import click

from cli.asking import confirm
from cli.events import connections
from cli.events.filters import account_called
from events import erasures
from events.erasures import Order
from local_stack import operating
from runtime import redis_client
from runtime.clock import rfc3339
from runtime.errors import MessagingError
from runtime.revocations import ACCESS_LIFETIME_S, RevocationList


class AccountUnknownError(MessagingError):
    """No account has this username."""


@click.group()
def accounts() -> None:
    """Look after people's accounts."""


@accounts.command()
@click.argument("username")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("as_json", "--json", is_flag=True, help="Print JSON instead of lines.")
def delete(username: str, *, yes: bool, as_json: bool) -> None:
    """Delete the account USERNAME and all that it wrote.

    USERNAME is the name as the service shows it, in lower case. Its sessions end within 5 seconds;
    its text is erased soon after from read model, event log and dead letters. Its peers keep the
    conversations, with tombstones. Then its name is free. This cannot be undone.

    Exit code 0: deleted. 1: no such account, not confirmed, or something is away: run it again.
    2: wrong usage.
    """
    state = connections.stack()
    engine = connections.reading(state)
    revocations = RevocationList(redis_client.connect(operating.redis(state)))
    lifetime = int(state.record.settings.get("MESSAGING_ACCESS_LIFETIME", ACCESS_LIFETIME_S))
    with connections.one_line(), engine.connect() as connection:
        if account_called(connection, username) is None:
            raise _unknown(username)
    if not yes:
        confirm(f"Delete {username} and all that they wrote, for ever?")
    with connections.one_line(), engine.begin() as transaction:
        order = erasures.order(transaction, username)
        if order is None:
            raise _unknown(username)
        # Redis first: should the commit fail, some must log in anew; the other way round, a
        # deleted account could go on.
        for session in order.ended_sessions:
            revocations.revoke(session, lifetime=lifetime)
    _show(username, order, as_json=as_json)


def _unknown(username: str) -> AccountUnknownError:
    return AccountUnknownError(f"No account has the username {username!r}.")


def _show(username: str, order: Order, *, as_json: bool) -> None:
    shown = {
        "username": username,
        "account_id": str(order.account_id),
        "event_id": str(order.event_id),
        "status": "accepted",
        "accepted_at": rfc3339(order.accepted_at),
        "sessions_ended": len(order.ended_sessions),
    }
    if as_json:
        click.echo(json.dumps(shown, indent=2))
    else:
        click.echo(f"Deleted {username}; what they wrote is being erased.")
